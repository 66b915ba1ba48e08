"""Read TIFF files with samples of 16, 32 or 64 bits, integers or floats: grey or RGB, with or without alpha, any planes.

Pillow reads some of these, and some incorrectly. Here, libtiff (through Pillow) only decompresses: the directory is rewritten
as if each row were 8-bit grey, so that it returns the file's own bytes. Byte order, predictor, planes and polarity are handled
in this module, for a few rows at a time if the file has several strips.
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
_BRIGHT = 16  # floats up to this value are highlights of a picture whose white is 1
BAND = 4_000_000  # approximate bytes of a band
MAX_BYTES = 400_000_000  # of all samples, including those of tiles beyond the edges
Samples = npt.NDArray[np.generic]  # (rows, w, channels)


@dataclass(frozen=True)
class TiffLayout:
    """Describe the samples in the file. type: NumPy's, without byte order. block: columns and rows of a tile or strip."""

    width: int
    height: int
    samples: int
    type: str
    order: str  # < or >
    compression: int
    predictor: int
    planar: bool  # channels in separate planes
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
        """Return the bytes of a sample."""
        return np.dtype(self.type).itemsize

    @property
    def across(self) -> int:
        """Return the number of blocks in a row."""
        return -(-self.width // self.block[0])

    @property
    def down(self) -> int:
        """Return the number of blocks in a column of a plane."""
        return -(-self.height // self.block[1])

    @property
    def unpacked(self) -> int:
        """Return the bytes of all blocks, decompressed."""
        return self.across * self.block[0] * self.down * self.block[1] * self.samples * self.size


def layout(data: bytes) -> TiffLayout | None:
    """Return the layout of a deep TIFF, or None for any other file, which Pillow reads.

    Raises: Pillow's errors for damaged files.
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
    return TiffLayout(
        width, height, samples, kind, "<" if data[:2] == b"II" else ">", compression, int(tags.get(_PREDICTOR, 1)),
        planar=tags.get(_PLANAR, 1) == 2 and samples > 1, inverted=photometric == 0,
        alpha=int(extra[0]) if samples > colors and extra and extra[0] in (1, 2) else 0,
        block=(block[0], min(block[1], height) if not tiled else block[1]),
        offsets=tags[_TILES] if tiled else tags[_STRIPS],
        counts=tags.get(_TILE_BYTES, ()) if tiled else tags.get(_STRIP_BYTES, ()),
        tiled=tiled, orientation=int(tags.get(_ORIENTATION, 1)), profile=tags.get(_PROFILE),
    )  # fmt: skip


def read(data: bytes, layout: TiffLayout, max_side: int | None) -> Raster:
    """Read a picture that `layout` describes.

    Raises: OSError and other errors of Pillow for damaged files; MemoryError for more than MAX_BYTES.
    """
    if min(layout.block) < 1:
        raise OSError("strips without rows")
    if layout.unpacked > MAX_BYTES:
        raise MemoryError
    by = bands.factor(max(layout.width, layout.height), max_side)
    white = _white(layout, _rows(data, layout, 1))
    scaled = (_scaled(rows, layout, white) for rows in _rows(data, layout, by))
    return Raster(bands.collected(scaled, layout.width, layout.height, max_side), layout.orientation, layout.profile)


def _white(layout: TiffLayout, rows: Iterator[Samples]) -> float:
    """Return the value of white: that of the type, or the lowest usual one that no sample exceeds."""
    usual = _WHITES.get(layout.type, _FLOAT_WHITES)
    if len(usual) == 1:
        return usual[0]
    highest = max(float(np.max(band)) if np.isfinite(band).all() else np.inf for band in rows)
    return next((white for white in usual if highest <= (_BRIGHT if white == 1 else white)), usual[0])


def _scaled(rows: Samples, layout: TiffLayout, white: float) -> Band:
    """Return colours in [0, 1] and, if there is one, alpha."""
    colors = 3 if layout.samples > 2 else 1
    samples = rows[..., : colors + bool(layout.alpha)].astype(np.float32) / np.float32(white)
    band = np.clip(np.nan_to_num(samples, posinf=1, neginf=0), 0, 1)
    if layout.inverted:
        band[..., :1] = 1 - band[..., :1]
    if layout.alpha == 1:
        band[..., :colors] = np.minimum(band[..., :colors] / np.maximum(band[..., colors:], 1e-6), 1)
    return band


def _rows(data: bytes, layout: TiffLayout, by: int) -> Iterator[Samples]:
    """Yield groups of rows, each but the last with a multiple of `by`."""
    planes = layout.samples if layout.planar else 1
    across, down = layout.across, layout.down
    if len(layout.offsets) < across * down * planes:
        raise OSError("strips are missing")
    pixel = layout.size if layout.planar else layout.size * layout.samples
    group = max(1, BAND // (across * layout.block[0] * layout.block[1] * pixel))  # blocks, one below the other
    rest: Samples | None = None
    for first in range(0, down, group):
        last = min(first + group, down)
        parts = [_plane(data, layout, p * across * down + first * across, last - first, across) for p in range(planes)]
        rows = np.concatenate(parts, -1) if planes > 1 else parts[0]
        rows = rows[: layout.height - first * layout.block[1]]
        rows = rows if rest is None else np.concatenate([rest, rows])
        whole = len(rows) if last == down else len(rows) // by * by
        rest = rows[whole:]
        if whole:
            yield rows[:whole]


def _plane(data: bytes, layout: TiffLayout, first: int, down: int, across: int) -> Samples:
    """Return the samples, (rows, w, channels), of `down` rows of blocks, beginning with number `first`."""
    channels = 1 if layout.planar else layout.samples
    columns, rows = layout.block
    height = down * rows if layout.tiled else min(down * rows, layout.height - first // across % layout.down * rows)
    unpacked = _unpacked(data, layout, slice(first, first + down * across), across * columns * channels * layout.size, height)
    blocks = unpacked.reshape(height, across, columns * channels * layout.size)
    samples = _unpredicted(blocks, layout, channels)
    return samples.reshape(height, across * columns, channels)[:, : layout.width]


def _unpredicted(blocks: npt.NDArray[np.uint8], layout: TiffLayout, channels: int) -> Samples:
    """Return the samples in rows of bytes, (h, blocks, bytes): undo the predictor and the byte order."""
    h, across, row = blocks.shape
    columns = row // channels // layout.size
    if layout.predictor == 3:  # differences of bytes, beginning with the most significant bytes of a row
        summed = np.cumsum(blocks.reshape(h, across, -1, channels), 2, dtype=np.uint8).reshape(h, across, layout.size, -1)
        parted = np.ascontiguousarray(np.moveaxis(summed, 2, -1))
        return parted.view(f">{layout.type}").reshape(h, across, columns, channels)
    samples = np.ascontiguousarray(blocks).view(layout.order + layout.type).reshape(h, across, columns, channels)
    if layout.predictor == 2:
        unsigned = samples.view(f"{layout.order}u{layout.size}").astype(f"u{layout.size}")
        return np.cumsum(unsigned, 2, dtype=unsigned.dtype).view(layout.type)
    return samples


def _unpacked(data: bytes, layout: TiffLayout, which: slice, row: int, height: int) -> npt.NDArray[np.uint8]:
    """Return the bytes of some blocks, (height, row), decompressed by Pillow with a directory that declares 8-bit grey."""
    offsets, counts = list(layout.offsets[which]), list(layout.counts[which])
    bytes_wide = row // layout.across
    tags: dict[int, int | list[int]] = {
        _WIDTH: row, _HEIGHT: height, _BITS: 8, _COMPRESSION: layout.compression, _PHOTOMETRIC: 1, _SAMPLES: 1, _PLANAR: 1,
    }  # fmt: skip
    if layout.tiled:
        tags |= {_TILE_WIDTH: bytes_wide, _TILE_HEIGHT: layout.block[1], _TILES: offsets, _TILE_BYTES: counts}
    else:
        tags |= {_ROWS_PER_STRIP: layout.block[1], _STRIPS: offsets, _STRIP_BYTES: counts}
    with TiffImagePlugin.TiffImageFile(_Relabelled(data, _directory(tags, len(data)))) as picture:
        return np.array(picture).reshape(height, row)


def _directory(tags: dict[int, int | list[int]], place: int) -> bytes:
    """Return a directory in little-endian order for position `place` of a file."""
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
    """Append another directory to a file."""

    def __init__(self, data: bytes, directory: bytes) -> None:
        super().__init__(struct.pack("<2sHI", b"II", 42, len(data)) + data[8:] + directory)
