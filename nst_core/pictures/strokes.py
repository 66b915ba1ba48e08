"""Strokes as a share of the picture: painted at the size where a network draws them so, then drawn sharp at the picture's own.

A network of one pass draws strokes of a few pixels, whatever the picture's size: at 2048 px they are worms. So the picture is
painted small, enlarged, and painted once more at its full size, which draws every stroke's edge anew; of that second pass only
what is finer than the small picture's pixels is kept, and the finest of it lifted. Brought down, the result is the small
picture. NumPy only.
"""

from collections.abc import Callable
from math import log2

import numpy as np
import numpy.typing as npt

from nst_core import images
from nst_core.images import Image
from nst_core.recipes import TextureNetworkRecipe

NATURAL = 512  # pixels of the longer side: where a stroke size of 1 is the network's own
NATURAL_OF_INSTANT = 1024  # the same of instant-lite: see what viewers preferred in models/MODELS.md
LIFT = 0.35  # more of the finest detail: as much as photographs have, by `benchmarks.sizes`; the second pass draws it softer
LEAST = 32  # pixels of the shorter side, below which the networks have nothing to work on

Paint = Callable[[Image], Image]  # a picture of any size to one of the same shape
Share = npt.NDArray[np.float32]  # (h, w), in [0, 1]


def side(height: int, width: int, size: float, natural: int = 0) -> int:
    """Return the longer side at which strokes are drawn: `natural` px for a stroke size of 1, the picture's own if less.

    size: over what the network draws at that side. Below 1 the side may be longer than the picture's. natural: NATURAL, if 0.
    """
    longer, shorter = max(height, width), min(height, width)
    wanted = max(round(min(longer, natural or NATURAL) / size), -(-LEAST * longer // shorter))
    return min(wanted, longer) if size >= 1 else wanted


def of_one_pass(height: int, width: int, natural: int = 0) -> float:
    """Return the stroke size that one pass at its own size over such a picture makes."""
    return min(1.0, (natural or NATURAL) / max(height, width))


def largest(height: int, width: int, size: float) -> tuple[int, int]:
    """(h, w) of the largest picture that is painted on the way."""
    longer = max(height, width)
    more = max(1.0, side(height, width, size) / longer)
    return round(height * more), round(width * more)


def of_network(recipe: TextureNetworkRecipe, content: tuple[int, int] | None) -> tuple[int, int]:
    """(h, w) of the largest pass of a texture network, over a content of that shape or over none."""
    if content is None:
        return recipe.shape or (recipe.size, recipe.size)
    return largest(*content, recipe.stroke_size)


def painted(content: Image, size: float, paint: Paint, own: Share | None = None) -> Image:
    """The content (h, w, 3) painted in strokes of that size, at its own shape.

    Costs a pass at `side` and, where that is smaller than the content, one at its full size. own: what of each pixel shall
    keep the content's own strokes, (h, w).
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
    """What is lost where a picture is halved."""
    height, width, _ = picture.shape
    return picture - images.resize(images.resize(picture, -(-height // 2), -(-width // 2)), height, width)


def _enlarged(difference: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
    """Of two pictures: in [−1, 1]."""
    half = np.float32(0.5)
    return (images.resize(difference * half + half, height, width) - half) / half
