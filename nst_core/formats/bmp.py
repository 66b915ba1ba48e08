"""Read BMP files without run lengths: palettes of 1, 2, 4 and 8 bits; 16, 24 or 32 bits with any masks; either row order.

Pillow reads only the usual masks and no palettes of 2 bits. Files with run lengths are left to it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nst_core.formats import bands
from nst_core.formats.bands import Band, Raster

_RGB, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
_OS2 = (16, 64)  # header sizes for which compressions 3 and 4 mean something else
_HEADERS = (12, *_OS2, 40, 52, 56, 108, 124)
_MASKS = {16: (0x7C00, 0x03E0, 0x001F), 32: (0xFF0000, 0x00FF00, 0x0000FF)}  # if the file names none
_EMBEDDED = b"DEBM"
_BAND = 1_000_000  # approximate pixels of a band


@dataclass(frozen=True)
class BmpLayout:
    """Describe where the pixels are and how to read them. palette: (n, 3) in [0, 1]. masks: red, green, blue, perhaps alpha."""

    width: int
    height: int
    upwards: bool
    bits: int
    start: int
    palette: npt.NDArray[np.float32] | None
    masks: tuple[int, ...]
    profile: bytes | None

    @property
    def row(self) -> int:
        """Return the number of bytes from one row to the next."""
        return (self.width * self.bits + 31) // 32 * 4


def layout(data: bytes) -> BmpLayout | None:
    """Return the layout of a BMP, or None for any other file and for those that Pillow reads."""
    try:
        return _layout(data) if data[:2] == b"BM" else None
    except struct.error:  # truncated within the header
        return None


def _layout(data: bytes) -> BmpLayout | None:
    start, size = struct.unpack_from("<I I", data, 10)
    if size not in _HEADERS:
        return None
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = used = 0
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, 18)
        used = struct.unpack_from("<I", data, 46)[0] if size >= 36 else 0
    fields = compression in (_BITFIELDS, _ALPHA_BITFIELDS) and size not in _OS2
    if not (compression == _RGB or fields) or bits not in (1, 2, 4, 8, 16, 24, 32) or (fields and bits not in _MASKS):
        return None
    palette = _palette(data, 14 + size, 3 if size == 12 else 4, min(used or 2**bits, 2**bits)) if bits <= 8 else None
    masks = _masks(data, size, compression) if fields else _MASKS.get(bits, ())
    return BmpLayout(width, abs(height), height > 0, bits, start, palette, masks, _profile(data, size))


def _palette(data: bytes, place: int, entry: int, count: int) -> npt.NDArray[np.float32]:
    colors = np.frombuffer(data[place : place + entry * count].ljust(entry * count, b"\0"), np.uint8).reshape(count, entry)
    return np.divide(colors[:, 2::-1], 255, dtype=np.float32)


def _masks(data: bytes, size: int, compression: int) -> tuple[int, ...]:
    count = 4 if size >= 56 or compression == _ALPHA_BITFIELDS else 3
    masks = struct.unpack_from(f"<{count}I", data, 54)
    return masks if masks[-1] else masks[:3]


def _profile(data: bytes, size: int) -> bytes | None:
    if size < 124 or data[70:74] != _EMBEDDED:
        return None
    place, length = struct.unpack_from("<II", data, 14 + 112)
    return data[14 + place : 14 + place + length] or None


def read(data: bytes, layout: BmpLayout, max_side: int | None) -> Raster:
    """Read a picture that `layout` describes.

    Raises: OSError if the file ends too early.
    """
    if len(data) < layout.start + layout.row * layout.height:
        raise OSError("the pixels end too early")
    by = bands.factor(max(layout.width, layout.height), max_side)
    picture = bands.collected(_bands(data, layout, by), layout.width, layout.height, max_side)
    return Raster(picture, profile=layout.profile)


def _bands(data: bytes, layout: BmpLayout, by: int) -> Iterator[Band]:
    rows = np.frombuffer(data, np.uint8, layout.row * layout.height, layout.start).reshape(layout.height, layout.row)
    rows = rows[::-1] if layout.upwards else rows
    step = by * max(1, _BAND // (layout.width * by))
    for start in range(0, layout.height, step):
        yield _colors(np.ascontiguousarray(rows[start : start + step]), layout)


def _colors(rows: npt.NDArray[np.uint8], layout: BmpLayout) -> Band:
    """Return the pixels of some rows of bytes, (rows, w, 3 or 4) in [0, 1]."""
    if layout.palette is not None:
        indices = _indices(rows, layout.bits)[:, : layout.width]
        return layout.palette[np.minimum(indices, len(layout.palette) - 1)]
    if layout.bits == 24:
        pixels = rows[:, : 3 * layout.width].reshape(len(rows), layout.width, 3)[..., ::-1]
        return np.divide(pixels, 255, dtype=np.float32)
    values = rows.view(f"<u{layout.bits // 8}")[:, : layout.width]
    return np.stack([_part(values, mask) for mask in layout.masks], -1)


def _indices(rows: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
    """Split bytes into numbers of so many bits, highest bits first."""
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    return (rows[..., None] >> shifts & np.uint8(2**bits - 1)).reshape(len(rows), -1)


def _part(values: npt.NDArray[np.unsignedinteger], mask: int) -> npt.NDArray[np.float32]:
    """Extract the masked bits of pixels, scaled to [0, 1]; 0 for an empty mask."""
    if not mask:
        return np.zeros(values.shape, np.float32)
    lowest = (mask & -mask).bit_length() - 1
    return np.divide((values.astype(np.uint32) & np.uint32(mask)) >> np.uint32(lowest), mask >> lowest, dtype=np.float32)
