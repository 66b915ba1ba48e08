"""BMP without run lengths: palettes of 1, 2, 4 and 8 bits, and 16, 24 or 32 bits with any masks, rows from either end.

Pillow reads the usual masks only, and no palettes of 2 bits. Run lengths are left to it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nst_core.formats import bands
from nst_core.formats.bands import Band, Raster

_RGB, _BITFIELDS, _ALPHA_BITFIELDS = 0, 3, 6
_OS2 = (16, 64)  # header sizes whose compressions 3 and 4 are other ones
_HEADERS = (12, *_OS2, 40, 52, 56, 108, 124)
_MASKS = {16: (0x7C00, 0x03E0, 0x001F), 32: (0xFF0000, 0x00FF00, 0x0000FF)}  # where the file names none
_EMBEDDED = b"DEBM"
_BAND = 1_000_000  # pixels of a band, roughly


@dataclass(frozen=True)
class Layout:
    """Where the pixels are and what they mean. palette: (n, 3) in [0, 1]. masks: of red, green, blue and perhaps alpha."""

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
        """Bytes from one row to the next."""
        return (self.width * self.bits + 31) // 32 * 4


def layout(data: bytes) -> Layout | None:
    """Return how a BMP is laid out; None for any other file, and for those that are Pillow's."""
    try:
        return _layout(data) if data[:2] == b"BM" else None
    except struct.error:  # cut off within the header
        return None


def _layout(data: bytes) -> Layout | None:
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
    return Layout(width, abs(height), height > 0, bits, start, palette, masks, _profile(data, size))


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


def read(data: bytes, found: Layout, max_side: int | None) -> Raster:
    """Read a picture that `layout` describes.

    Raises: OSError where the file ends too early.
    """
    if len(data) < found.start + found.row * found.height:
        raise OSError("the pixels end too early")
    by = bands.factor(max(found.width, found.height), max_side)
    picture = bands.collected(_bands(data, found, by), found.width, found.height, max_side)
    return Raster(picture, profile=found.profile)


def _bands(data: bytes, found: Layout, by: int) -> Iterator[Band]:
    rows = np.frombuffer(data, np.uint8, found.row * found.height, found.start).reshape(found.height, found.row)
    rows = rows[::-1] if found.upwards else rows
    step = by * max(1, _BAND // (found.width * by))
    for start in range(0, found.height, step):
        yield _colors(np.ascontiguousarray(rows[start : start + step]), found)


def _colors(rows: npt.NDArray[np.uint8], found: Layout) -> Band:
    """Return the pixels of some rows of bytes, (rows, w, 3 or 4) in [0, 1]."""
    if found.palette is not None:
        indices = _indices(rows, found.bits)[:, : found.width]
        return found.palette[np.minimum(indices, len(found.palette) - 1)]
    if found.bits == 24:
        pixels = rows[:, : 3 * found.width].reshape(len(rows), found.width, 3)[..., ::-1]
        return np.divide(pixels, 255, dtype=np.float32)
    values = rows.view(f"<u{found.bits // 8}")[:, : found.width]
    return np.stack([_part(values, mask) for mask in found.masks], -1)


def _indices(rows: npt.NDArray[np.uint8], bits: int) -> npt.NDArray[np.uint8]:
    """Return the numbers of so many bits that bytes are made of, the highest bits first."""
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    return (rows[..., None] >> shifts & np.uint8(2**bits - 1)).reshape(len(rows), -1)


def _part(values: npt.NDArray[np.unsignedinteger], mask: int) -> npt.NDArray[np.float32]:
    """Return what a mask cuts out of pixels, in [0, 1]; 0 for an empty mask."""
    if not mask:
        return np.zeros(values.shape, np.float32)
    lowest = (mask & -mask).bit_length() - 1
    return np.divide((values.astype(np.uint32) & np.uint32(mask)) >> np.uint32(lowest), mask >> lowest, dtype=np.float32)
