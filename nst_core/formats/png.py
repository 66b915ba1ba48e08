"""Read PNG files with 16 bits per channel, declared colour spaces, and large pictures in bands.

Pillow decodes a PNG as a whole, and only the upper byte of 16-bit colours. This module inflates a few rows at a time, and lets
Pillow undo their filters in a small PNG that it builds for each group; the group includes the row above, to which filters
refer. To get the lower bytes, Pillow is told that the file is little-endian, or, for grey, that there is a second channel of 8
bits.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from nst_core.formats import bands, colorspaces
from nst_core.formats.bands import Band, Raster
from nst_core.formats.colorspaces import Curve, Primaries
from nst_core.formats.identification import identified

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGE = 4_000_000  # pixels from which a picture that will be reduced is read in bands
BAND = 500_000  # approximate pixels of a band
_FEED = 65_536  # compressed bytes inflated at a time
_ORIENTATION = 0x0112
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}  # by colour type
_AS_EIGHT = {0: 4, 4: 6}  # colour types of 16 bits, and of 8 bits with as many bytes


@dataclass(frozen=True)
class Header:
    """Hold the facts in the chunks before the pixels. curve: None for sRGB's; profile: the ICC profile of the colours."""

    width: int
    height: int
    depth: int
    kind: int  # PNG's colour type
    interlaced: bool
    keyed: bool  # one colour is transparent
    curve: Curve | None
    profile: bytes | None


def header(data: bytes, icc: bytes | None = None) -> Header:
    """Read the chunks before the pixels. icc: the profile in the file; overrides gAMA and cHRM, but not cICP.

    Raises: OSError.
    """
    chunks = dict(_chunks(data, until=b"IDAT"))
    if len(chunks.get(b"IHDR", b"")) != 13:
        raise OSError("no IHDR")
    width, height, depth, kind, _, _, interlace = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    curve, profile = _declared(chunks, icc)
    return Header(width, height, depth, kind, bool(interlace), b"tRNS" in chunks, curve, profile)


def wants(head: Header, max_side: int | None) -> bool:
    """Return whether `read` is better than Pillow: for 16 bits per channel, and for large pictures to be reduced."""
    if head.kind not in _CHANNELS or head.keyed:
        return False
    if head.depth == 16:
        return True
    large = head.width * head.height > LARGE and max_side is not None and max_side < max(head.width, head.height)
    return head.depth == 8 and large and not head.interlaced


def read(data: bytes, head: Header, max_side: int | None) -> Raster:
    """Read a picture that `wants` accepts.

    Raises: OSError, zlib.error, and other errors of Pillow for damaged files.
    """
    by = bands.factor(max(head.width, head.height), max_side)
    scaled = _scaled(_interlaced(data) if head.interlaced else _bands(data, head, by), head)
    picture = bands.collected(scaled, head.width, head.height, max_side)
    return Raster(picture, _orientation(data), head.profile)


def _scaled(bands: Iterator[npt.NDArray[np.unsignedinteger]], head: Header) -> Iterator[Band]:
    """Yield the bands in [0, 1], with the declared curve applied to their colours."""
    levels = 2**head.depth
    lookup = np.linspace(0, 1, levels, dtype=np.float32) if head.curve is None else colorspaces.table(head.curve, levels)
    for band in bands:
        scaled = lookup[band]
        if band.shape[-1] in (2, 4):
            scaled[..., -1] = band[..., -1] / np.float32(levels - 1)
        yield scaled


def _interlaced(data: bytes) -> Iterator[npt.NDArray[np.uint16]]:
    yield _sixteen(data)


def _bands(data: bytes, head: Header, by: int) -> Iterator[npt.NDArray[np.unsignedinteger]]:
    """Yield groups of rows, (rows, w, channels), each but the last with a multiple of `by`."""
    row = 1 + head.width * _CHANNELS[head.kind] * head.depth // 8  # bytes, including the number of the filter
    rows, above, inflated = by * max(1, BAND // (head.width * by)), b"", _Inflated(data)
    for start in range(0, head.height, rows):
        count = min(rows, head.height - start)
        filtered = inflated.read(count * row)
        first = b"\0" + above if above else b""
        small = _file(head, count + bool(above), first + filtered)
        band = _sixteen(small) if head.depth == 16 else _eight(small)
        band = band[1:] if above else band
        yield band
        above = band[-1].astype(">u2").tobytes() if head.depth == 16 else band[-1].tobytes()


def _file(head: Header, rows: int, filtered: bytes) -> bytes:
    """Return a PNG of some rows, without compression."""
    fields = struct.pack(">IIBBBBB", head.width, rows, head.depth, head.kind, 0, 0, 0)
    return SIGNATURE + _chunk(b"IHDR", fields) + _chunk(b"IDAT", zlib.compress(filtered, 0)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _eight(data: bytes) -> npt.NDArray[np.uint8]:
    with identified(data, ["PNG"]) as picture:
        return np.array(picture).reshape(picture.height, picture.width, -1)


def _sixteen(data: bytes) -> npt.NDArray[np.uint16]:
    """Return the samples, (h, w, channels), of a picture with 16 bits per channel."""
    if other := _AS_EIGHT.get(data[25]):
        fields = data[16:24] + bytes([8, other]) + data[26:29]
        pairs = _eight(SIGNATURE + _chunk(b"IHDR", fields) + data[33:])
        return np.ascontiguousarray(pairs).view(">u2").astype(np.uint16)
    upper, lower = (_bytes_of(data, order) for order in "BL")
    return np.asarray(upper.astype(np.uint16) << 8 | lower, np.uint16)


def _bytes_of(data: bytes, order: str) -> npt.NDArray[np.uint8]:
    """Return the byte of each sample that Pillow considers the upper one. order: B or L, the file's assumed byte order."""
    with identified(data, ["PNG"]) as picture:
        retiled: Any = picture  # Pillow's type hints lack its tiles
        retiled.tile = [tile._replace(args=f"{picture.mode};16{order}") for tile in retiled.tile]
        return np.array(picture)


class _Inflated:
    """Inflate the filtered rows of a PNG a few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._pieces = (
            body[start : start + _FEED]
            for kind, body in _chunks(data)
            if kind == b"IDAT"
            for start in range(0, len(body), _FEED)
        )
        self._inflater, self._pending = zlib.decompressobj(), b""

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes.

        Raises: OSError if the file ends too early.
        """
        inflated = bytearray()
        while len(inflated) < count:
            self._pending = self._pending or next(self._pieces, b"")
            if self._inflater.eof or not self._pending:
                raise OSError("the pixels end too early")
            inflated += self._inflater.decompress(self._pending, count - len(inflated))
            self._pending = self._inflater.unconsumed_tail
        return bytes(inflated)


def _chunks(data: bytes, until: bytes = b"IEND") -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and body of each chunk before `until`.

    Raises: OSError for a chunk that is truncated or has a wrong checksum.
    """
    place = len(SIGNATURE)
    while place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        if kind == until:
            return
        end = place + 8 + length
        if data[end : end + 4] != struct.pack(">I", zlib.crc32(kind + body)):
            raise OSError(f"the chunk {kind!r} is damaged")
        yield kind, body
        place = end + 4


def _orientation(data: bytes) -> int:
    """Return the orientation in the eXIf chunk, wherever it is, or 1 if there is no readable one."""
    try:
        body = dict(_chunks(data)).get(b"eXIf", b"")
        exif = Pillow.Exif()
        exif.load(body)
        return int(exif.get(_ORIENTATION, 1))
    except (OSError, ValueError, LookupError, TypeError, SyntaxError, struct.error):
        return 1


def _declared(chunks: dict[bytes, bytes], icc: bytes | None) -> tuple[Curve | None, bytes | None]:
    """Return the curve and the profile that the chunks declare: cICP overrides iCCP, sRGB, and gAMA with cHRM."""
    code = chunks.get(b"cICP", b"")
    if len(code) == 4 and code[0] in colorspaces.PRIMARIES:
        return colorspaces.CURVES.get(code[1]), colorspaces.profile(colorspaces.PRIMARIES[code[0]])
    if icc or b"sRGB" in chunks:
        return None, icc
    gamma, corners = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
    curve = colorspaces.gamma_curve(struct.unpack(">I", gamma)[0] / 100_000) if len(gamma) == 4 else None
    profile = None
    if len(corners) == 32:
        x = [value / 100_000 for value in struct.unpack(">8I", corners)]
        white, red, green, blue = zip(x[::2], x[1::2], strict=True)
        if all(0 < y <= 1 for y in x[1::2]):
            profile = colorspaces.profile(Primaries(red, green, blue, white))
    return curve, profile
