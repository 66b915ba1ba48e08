"""Paint strokes of a given share of the picture, sharp at the picture's own size.

A one-pass network draws strokes of a few pixels at any size; at 2048 px they look like worms. So the picture is painted small,
enlarged, and painted again at full size, which redraws every edge. Of that second pass, only detail finer than the small
picture's pixels is kept, and its finest part is amplified. Scaled down, the result equals the small picture. Uses NumPy only.
"""

from collections.abc import Callable
from math import log2

import numpy as np
import numpy.typing as npt

from nst_core import images
from nst_core.images import Image

NATURAL = 512  # pixels of the longer side at which a stroke size of 1 means the network's own strokes
NATURAL_OF_INSTANT = 1024  # the same for instant-lite, as viewers preferred (models/MODELS.md)
LIFT = 0.35  # amplifies the finest detail to that of photographs (`benchmarks.sizes`); the second pass is softer
LEAST = 32  # pixels of the shorter side that the networks need

Paint = Callable[[Image], Image]  # from a picture of any size to one of the same shape
Share = npt.NDArray[np.float32]  # (h, w), in [0, 1]


def side(height: int, width: int, size: float, natural: int = 0) -> int:
    """Return the longer side at which strokes are drawn: `natural` px for a stroke size of 1, or the picture's own if less.

    size: relative to the network's own strokes at that side. Below 1, the side may exceed the picture's. natural: 0 means
    NATURAL.
    """
    longer, shorter = max(height, width), min(height, width)
    wanted = max(round(min(longer, natural or NATURAL) / size), -(-LEAST * longer // shorter))
    return min(wanted, longer) if size >= 1 else wanted


def of_one_pass(height: int, width: int, natural: int = 0) -> float:
    """Return the stroke size that one pass over a picture of this size produces."""
    return min(1.0, (natural or NATURAL) / max(height, width))


def largest(height: int, width: int, size: float) -> tuple[int, int]:
    """Return the shape (h, w) of the largest picture that is painted on the way."""
    longer = max(height, width)
    more = max(1.0, side(height, width, size) / longer)
    return round(height * more), round(width * more)


def painted(content: Image, size: float, paint: Paint, own: Share | None = None) -> Image:
    """Return the content (h, w, 3) painted in strokes of that size, at its own shape.

    This takes a pass at `side` and, if that is smaller than the content, one at full size. own: the fraction of each pixel that
    keeps the content's own strokes, (h, w).
    """
    height, width, _ = content.shape
    drawn = side(height, width, size)
    small = paint(images.fit(content, drawn))
    if drawn >= max(height, width):
        return images.resize(small, height, width)
    free = None if own is None else 1 - own[..., None]
    ground = images.resize(small, height, width)
    if free is not None:
        ground = content + (ground - content) * free
    fine = paint(ground)
    off = _enlarged(small - images.resize(fine, *small.shape[:2]), height, width)
    changed = off + LIFT * min(1, log2(max(height, width) / drawn)) * _finest(fine)
    return np.clip(fine + (changed if free is None else changed * free), 0, 1)


def _finest(picture: Image) -> npt.NDArray[np.float32]:
    """Return the detail that halving a picture loses."""
    height, width, _ = picture.shape
    return picture - images.resize(images.resize(picture, -(-height // 2), -(-width // 2)), height, width)


def _enlarged(difference: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
    """Enlarge a difference of two pictures, which lies in [−1, 1]."""
    half = np.float32(0.5)
    return (images.resize(difference * half + half, height, width) - half) / half
