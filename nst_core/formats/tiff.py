"""TIFF with samples of 16, 32 or 64 bits, whole numbers or floats: grey or RGB, with or without alpha, planes in any order.

Pillow reads some of these, and some wrongly. Here libtiff, through Pillow, does nothing but unpack: the directory is written
anew as if each row were 8-bit grey, so that what comes out are the file's own bytes. Byte order, predictor, planes and which
end is white are resolved here, for a few rows at a time where the file has several strips.
"""

import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import TiffImagePlugin

from nst_core.formats import bands
from nst_core.formats.bands import Band, Raster

_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIPS, _ORIENTATION = 256, 257, 258, 259, 262, 273, 274
_SAMPLES, _ROWS_PER_STRIP, _STRIP_BYTES, _PLANAR, _PREDICTOR = 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES, _EXTRA, _FORMAT, _PROFILE = 322, 323, 324, 325, 338, 339, 34675
_PACKED = {1, 5, 8, 32773, 32946}  # compressions: none, LZW, deflate, PackBits, the older deflate
_TYPES = {(1, 16): "u2", (1, 32): "u4", (2, 16): "i2", (2, 32): "i4", (3, 16): "f2", (3, 32): "f4", (3, 64): "f8"}
_WHITES = {"u2": (65535,), "i2": (32767,), "u4": (255, 65535, 2**31 - 1, 2**32 - 1), "i4": (255, 65535, 2**31 - 1)}
_FLOAT_WHITES = (1, 255, 65535, 2**31 - 1)
_BRIGHT = 16  # up to which floats are highlights of a picture whose white is 1
BAND = 4_000_000  # of a band, roughly
MAX_BYTES = 400_000_000  # of all samples, those beyond the edges of tiles included
Samples = npt.NDArray[np.generic]  # (rows, w, channels)


@dataclass(frozen=True)
class Layout:
    """How the samples lie in the file. type: NumPy's, without byte order. block: columns and rows of a tile, or of a strip."""

    width: int
    height: int
    samples: int
    type: str
    order: str  # < or >
    compression: int
    predictor: int
    planar: bool  # planes apart
    inverted: bool  # white is zero
    alpha: int  # 0: none; 1: colours are premultiplied; 2: they are not
    block: tuple[int, int]
    offsets: Sequence[int]
    counts: Sequence[int]
    tiled: bool
    orientation: int
    profile: bytes | None

    @property
    def size(self) -> int:
        """Of a sample, in bytes."""
        return np.dtype(self.type).itemsize

    @property
    def across(self) -> int:
        """Blocks beside each other."""
        return -(-self.width // self.block[0])

    @property
    def down(self) -> int:
        """Blocks below each other, of a plane."""
        return -(-self.height // self.block[1])

    @property
    def unpacked(self) -> int:
        """Bytes of all blocks."""
        return self.across * self.block[0] * self.down * self.block[1] * self.samples * self.size


def layout(data: bytes) -> Layout | None:
    """Return how a deep TIFF is laid out; None for any other file, which is Pillow's.

    Raises: what Pillow raises for damage.
    """
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    tags = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
    file = io.BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    samples, bits = int(tags.get(_SAMPLES, 1)), tuple(tags.get(_BITS, (1,)))
    kind = _TYPES.get((int(next(iter(tags.get(_FORMAT, (1,))))), int(bits[0])))
    compression, photometric = int(tags.get(_COMPRESSION, 1)), tags.get(_PHOTOMETRIC, -1)
    colors = {0: 1, 1: 1, 2: 3}.get(photometric)
    extra = tuple(tags.get(_EXTRA, ()))
    if (
        kind is None
        or len(set(bits)) > 1
        or colors is None
        or not colors <= samples <= colors + 8
        or compression not in _PACKED
    ):
        return None
    width, height, tiled = int(tags[_WIDTH]), int(tags[_HEIGHT]), _TILES in tags
    block = (int(tags[_TILE_WIDTH]), int(tags[_TILE_HEIGHT])) if tiled else (width, int(tags.get(_ROWS_PER_STRIP, height)))
    return Layout(
        width, height, samples, kind, "<" if data[:2] == b"II" else ">", compression, int(tags.get(_PREDICTOR, 1)),
        planar=tags.get(_PLANAR, 1) == 2 and samples > 1, inverted=photometric == 0,
        alpha=int(extra[0]) if samples > colors and extra and extra[0] in (1, 2) else 0,
        block=(block[0], min(block[1], height) if not tiled else block[1]),
        offsets=tags[_TILES] if tiled else tags[_STRIPS],
        counts=tags.get(_TILE_BYTES, ()) if tiled else tags.get(_STRIP_BYTES, ()),
        tiled=tiled, orientation=int(tags.get(_ORIENTATION, 1)), profile=tags.get(_PROFILE),
    )  # fmt: skip


def read(data: bytes, found: Layout, max_side: int | None) -> Raster:
    """Read a picture that `layout` describes.

    Raises: OSError, and what else Pillow raises for damage; MemoryError for more than MAX_BYTES.
    """
    if min(found.block) < 1:
        raise OSError("strips without rows")
    if found.unpacked > MAX_BYTES:
        raise MemoryError
    by = bands.factor(max(found.width, found.height), max_side)
    white = _white(found, _rows(data, found, 1))
    scaled = (_scaled(rows, found, white) for rows in _rows(data, found, by))
    return Raster(bands.collected(scaled, found.width, found.height, max_side), found.orientation, found.profile)


def _white(found: Layout, rows: Iterator[Samples]) -> float:
    """Return the value of white: what the type says, or the least of the usual ones that holds every sample."""
    usual = _WHITES.get(found.type, _FLOAT_WHITES)
    if len(usual) == 1:
        return usual[0]
    highest = max(float(np.max(band)) if np.isfinite(band).all() else np.inf for band in rows)
    return next((white for white in usual if highest <= (_BRIGHT if white == 1 else white)), usual[0])


def _scaled(rows: Samples, found: Layout, white: float) -> Band:
    """Return colours in [0, 1] and, if there is one, alpha."""
    colors = 3 if found.samples > 2 else 1
    kept = rows[..., : colors + bool(found.alpha)].astype(np.float32) / np.float32(white)
    band = np.clip(np.nan_to_num(kept, posinf=1, neginf=0), 0, 1)
    if found.inverted:
        band[..., :1] = 1 - band[..., :1]
    if found.alpha == 1:
        band[..., :colors] = np.minimum(band[..., :colors] / np.maximum(band[..., colors:], 1e-6), 1)
    return band


def _rows(data: bytes, found: Layout, by: int) -> Iterator[Samples]:
    """Yield groups of rows, each but the last with a multiple of `by`."""
    planes = found.samples if found.planar else 1
    across, down = found.across, found.down
    if len(found.offsets) < across * down * planes:
        raise OSError("strips are missing")
    pixel = found.size if found.planar else found.size * found.samples
    group = max(1, BAND // (across * found.block[0] * found.block[1] * pixel))  # blocks, one below the other
    rest: Samples | None = None
    for first in range(0, down, group):
        last = min(first + group, down)
        parts = [_plane(data, found, p * across * down + first * across, last - first, across) for p in range(planes)]
        rows = np.concatenate(parts, -1) if planes > 1 else parts[0]
        rows = rows[: found.height - first * found.block[1]]
        rows = rows if rest is None else np.concatenate([rest, rows])
        whole = len(rows) if last == down else len(rows) // by * by
        rest = rows[whole:]
        if whole:
            yield rows[:whole]


def _plane(data: bytes, found: Layout, first: int, down: int, across: int) -> Samples:
    """Return the samples of blocks from number `first` on, as many below each other, (rows, w, channels)."""
    channels = 1 if found.planar else found.samples
    columns, rows = found.block
    height = down * rows if found.tiled else min(down * rows, found.height - first // across % found.down * rows)
    unpacked = _unpacked(data, found, slice(first, first + down * across), across * columns * channels * found.size, height)
    blocks = unpacked.reshape(height, across, columns * channels * found.size)
    samples = _unpredicted(blocks, found, channels)
    return samples.reshape(height, across * columns, channels)[:, : found.width]


def _unpredicted(blocks: npt.NDArray[np.uint8], found: Layout, channels: int) -> Samples:
    """Return the samples of rows of bytes, (h, blocks, bytes): differences along a row are added up, bytes put in order."""
    h, across, row = blocks.shape
    columns = row // channels // found.size
    if found.predictor == 3:  # differences of bytes, the most significant bytes of a row first
        summed = np.cumsum(blocks.reshape(h, across, -1, channels), 2, dtype=np.uint8).reshape(h, across, found.size, -1)
        parted = np.ascontiguousarray(np.moveaxis(summed, 2, -1))
        return parted.view(f">{found.type}").reshape(h, across, columns, channels)
    samples = np.ascontiguousarray(blocks).view(found.order + found.type).reshape(h, across, columns, channels)
    if found.predictor == 2:
        unsigned = samples.view(f"{found.order}u{found.size}").astype(f"u{found.size}")
        return np.cumsum(unsigned, 2, dtype=unsigned.dtype).view(found.type)
    return samples


def _unpacked(data: bytes, found: Layout, which: slice, row: int, height: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of some blocks, (height, row), as Pillow unpacks them from a directory that says 8-bit grey."""
    offsets, counts = list(found.offsets[which]), list(found.counts[which])
    bytes_wide = row // found.across
    tags: dict[int, int | list[int]] = {
        _WIDTH: row, _HEIGHT: height, _BITS: 8, _COMPRESSION: found.compression, _PHOTOMETRIC: 1, _SAMPLES: 1, _PLANAR: 1,
    }  # fmt: skip
    if found.tiled:
        tags |= {_TILE_WIDTH: bytes_wide, _TILE_HEIGHT: found.block[1], _TILES: offsets, _TILE_BYTES: counts}
    else:
        tags |= {_ROWS_PER_STRIP: found.block[1], _STRIPS: offsets, _STRIP_BYTES: counts}
    with TiffImagePlugin.TiffImageFile(_Relabelled(data, _directory(tags, len(data)))) as picture:
        return np.array(picture).reshape(height, row)


def _directory(tags: dict[int, int | list[int]], place: int) -> bytes:
    """Return a directory in little-endian order that will stand at `place` of a file."""
    table, values = struct.pack("<H", len(tags)), b""
    start = place + 2 + 12 * len(tags) + 4
    for tag, value in sorted(tags.items()):
        numbers = value if isinstance(value, list) else [value]
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        table += struct.pack("<HHI", tag, 4, len(numbers))
        table += packed if len(numbers) == 1 else struct.pack("<I", start + len(values))
        values += packed if len(numbers) > 1 else b""
    return table + struct.pack("<I", 0) + values


class _Relabelled(io.BytesIO):
    """The same file with another directory behind it."""

    def __init__(self, data: bytes, directory: bytes) -> None:
        super().__init__(struct.pack("<2sHI", b"II", 42, len(data)) + data[8:] + directory)
