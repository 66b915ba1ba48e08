"""Process a picture in bands: groups of rows that are reduced at once, so that it is never in memory at full size."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

Band = npt.NDArray[np.float32]  # (rows, w, channels), colours in [0, 1] and not premultiplied
Rows = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, right, bottom of the part to resize
GAP = 3  # a band is averaged down to this multiple of the requested size; Lanczos does the rest
FINE = 2_000_000  # pixels of a picture of the final width up to which its height is resized in floating point


@dataclass(frozen=True)
class Raster:
    """Hold a decoded picture before its rotation: mode L, LA, RGB or RGBA, its longer side at most the requested one.

    orientation: as in EXIF. profile: the ICC profile of its colours, or None.
    """

    picture: Pillow.Image
    orientation: int = 1
    profile: bytes | None = None


def factor(longer: int, max_side: int | None) -> int:
    """Return how many pixels are averaged into one before the picture is resized to `max_side`."""
    return max(1, longer // (GAP * max_side)) if max_side else 1


def collected(bands: Iterable[Band], width: int, height: int, max_side: int | None) -> Pillow.Image:
    """Assemble consecutive bands into a picture with 8 bits, its longer side at most `max_side`.

    Every band but the last has a multiple of `factor(…)` rows.
    """
    longer = max(width, height)
    by = factor(longer, max_side)
    averaged = (_averaged(band, by) for band in bands)
    if max_side is None or longer <= max_side:
        return _picture(np.concatenate([_whole(band) for band in averaged]))
    across, down = max(1, round(width * max_side / longer)), max(1, round(height * max_side / longer))
    narrow = (_resized(band, (across, len(band)), (0, 0, width / by, len(band))) for band in averaged)
    box = (0, 0, across, height / by)
    if across * height <= FINE * by:
        return _picture(_whole(_resized(np.concatenate(list(narrow)), (across, down), box)))
    return shrunk(_picture(np.concatenate([_whole(band) for band in narrow])), (across, down), box)


def shrunk(picture: Pillow.Image, size: tuple[int, int], box: Box | None = None) -> Pillow.Image:
    """Reduce a picture of 8 bits, with a Hamming filter if it is partly transparent, otherwise with Lanczos.

    Lanczos rings: beside an edge, opaque parts would become slightly transparent, and colours would be divided by almost zero.
    """
    clear = picture.mode in ("LA", "RGBA") and picture.getchannel("A").getextrema() != (255, 255)
    return picture.resize(size, _filter(clear), box, GAP)


def _filter(clear: bool) -> Pillow.Resampling:
    """Return the filter."""
    return Pillow.Resampling.HAMMING if clear else Pillow.Resampling.LANCZOS


def _picture(pixels: npt.NDArray[np.uint8]) -> Pillow.Image:
    return Pillow.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def _resized(band: Band, size: tuple[int, int], box: Box) -> Band:
    """Resize a band in floating point with the same filters; colours are weighted by opacity."""
    alpha = band[..., -1] if band.shape[-1] in (2, 4) else None
    if alpha is None or alpha.min() == 1:
        return np.stack([_plane(plane, size, box) for plane in np.moveaxis(band, -1, 0)], -1)
    opacity = _plane(alpha, size, box, clear=True)
    weighted = [_plane(band[..., i] * alpha, size, box, clear=True) for i in range(band.shape[-1] - 1)]
    return np.stack([*(plane / np.maximum(opacity, 1e-6) for plane in weighted), opacity], -1)


def _plane(plane: Rows, size: tuple[int, int], box: Box, *, clear: bool = False) -> npt.NDArray[np.float32]:
    return np.asarray(Pillow.fromarray(np.ascontiguousarray(plane)).resize(size, _filter(clear), box))


def _averaged(band: Band, by: int) -> Band:
    """Average squares of `by` pixels, weighted by opacity; squares at the right and lower edges may be smaller."""
    if by == 1:
        return band
    if band.shape[-1] in (1, 3):
        return _mean(_mean(band, by, 0), by, 1)
    alpha = band[..., -1:]
    summed = _mean(_mean(np.concatenate([band[..., :-1] * alpha, alpha], -1), by, 0), by, 1)
    return np.concatenate([summed[..., :-1] / np.maximum(summed[..., -1:], 1e-6), summed[..., -1:]], -1)


def _mean(rows: Rows, by: int, axis: int) -> Rows:
    starts = np.arange(0, rows.shape[axis], by)
    counts = np.minimum(by, rows.shape[axis] - starts).astype(np.float32)
    return np.add.reduceat(rows, starts, axis) / np.expand_dims(counts, tuple(range(axis)) + tuple(range(axis + 1, rows.ndim)))


def _whole(band: Band) -> npt.NDArray[np.uint8]:
    return (np.clip(band, 0, 1) * 255 + 0.5).astype(np.uint8)
