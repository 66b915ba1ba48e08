"""What masks mean to an engine: who has how much of each pixel, in whose colours, and where the content stays as it is.

Every engine asks `Regions` the same three things: the style pictures to learn from, the shares of the styles, and the
finished picture. Without any mask a pixel belongs to all styles alike. Knows no TensorFlow.
"""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nst_core import images
from nst_core.errors import BadMask
from nst_core.images import Image, Mask
from nst_core.pictures import colors, masks
from nst_core.recipes import Recipe
from nst_core.stylizer import Style

GUIDED = 340  # pixels of the longer side of a style picture that a predictor sees by a guide: it looks at squares of 256
REFLECTIONS = 8  # of a region, each of what the last one filled too
FEATHER = 128  # the content's longer side over the radius within which it fades into the painted regions


class Regions:
    """Styles on the content, each where its mask says; a style without one is everywhere.

    Masks and guides of any shape are taken. Raises: BadMask for one that covers nothing.
    """

    def __init__(self, content: Image, styles: Sequence[Style], recipe: Recipe) -> None:
        masks.check([style.mask for style in styles], len(styles))
        if any(style.guide is not None and masks.is_empty(style.guide) for style in styles):
            raise BadMask("A guide on a style picture covers nothing: mark what shall be learned from, or remove the guide.")
        self.masked = any(style.mask is not None for style in styles)
        self._content, self._styles, self._restore = content, styles, recipe.restore_content and self.masked
        self._modes = [style.color or recipe.color for style in styles]
        self._blends: dict[tuple[object, ...], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = {}

    def on(self, content: Image) -> "Regions":
        """The same regions on another picture of the same shape: a clip's next frame."""
        other = copy(self)  # what is made of the masks is shared
        other._content = content
        return other

    def recolored(self) -> list[Image]:
        """The style pictures to learn from, each in the colours of the content inside its mask, where its mode asks so."""
        return [
            colors.prepare_style(style.image, self._content, mode, None if style.mask is None else self._masks[number])
            for number, (style, mode) in enumerate(zip(self._styles, self._modes, strict=True))
        ]

    def learned(self) -> list[Image]:
        """For a predictor, which looks at whole pictures: recoloured, and nothing of them that their guides hide."""
        return [guided(picture, guide) for picture, guide in zip(self.recolored(), self.guides, strict=True)]

    def shares(self, weights: Sequence[float], shape: masks.Shape | None = None) -> npt.NDArray[np.float32]:
        """(n, h, w), by default at the content's shape: what each style has of each pixel; the rest to 1 is the content's."""
        shares = masks.shares(self._masks, weights)
        return shares if shape is None else np.stack([masks.resize(share, shape) for share in shares])

    def held(self, shape: masks.Shape) -> npt.NDArray[np.bool_] | None:
        """(h, w): the pixels that remain the content's own, whatever the weights; None when all may change."""
        if not self._restore:
            return None
        black = masks.resize(masks.union(self._masks), shape) < masks.BLACK
        return black if black.any() else None

    @property
    def guides(self) -> list[Mask | None]:
        """Of the style pictures."""
        return [style.guide for style in self._styles]

    def at(self, shape: masks.Shape, halvings: Iterable[int]) -> "Parts":
        """What an engine needs that works at this size, and halves it so many times."""
        return Parts(self, shape, tuple(halvings))

    def finish(self, picture: Image, weights: Sequence[float]) -> Image:
        """The picture to show, at its own shape: colours of each region, then the content where every mask is black.

        There each pixel is the content's own; from there it fades within the painted regions.
        """
        content = images.resize(self._content, *picture.shape[:2])
        one_mode = len(set(self._modes)) == 1
        if one_mode and not self._restore:
            return colors.finish(picture, content, self._modes[0])
        shares, ramp = self._blend(weights, picture.shape[:2])
        if one_mode:
            picture = colors.finish(picture, content, self._modes[0])
        else:
            picture = colors.finish_by_region(picture, content, self._modes, shares)
        return picture * ramp + content * (1 - ramp) if self._restore else picture

    @cached_property
    def _masks(self) -> list[Mask]:
        """At the content's shape; not made where no style has one."""
        return [_on(self._content, style.mask) for style in self._styles]

    def _blend(self, weights: Sequence[float], shape: masks.Shape) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Shares (n, h, w), and how much of a pixel is not the content's, (h, w, 1). Remembered: a run shows fifty pictures."""
        key = (*weights, *shape)
        if key not in self._blends:
            shares = self.shares(weights, shape)
            self._blends = {key: (shares, masks.feather(shares.sum(0), max(shape) / FEATHER)[..., None])}
        return self._blends[key]


class Coverage(NamedTuple):
    """How the styles share the pixels, by some weights."""

    shares: npt.NDArray[np.float32]  # (n, h, w); the rest to 1 is the content's
    coarse: Mapping[int, npt.NDArray[np.float32]]  # by number of halvings k: averages, (n, h >> k, w >> k)

    @property
    def areas(self) -> npt.NDArray[np.float64]:
        """(n,): of the picture."""
        return self.shares.mean((1, 2), dtype=np.float64)


class Parts:
    """Regions at one size, (h, w): made before the work begins.

    held: (h, w), the pixels that remain the content's, or None. guides: of the style pictures. even: the coverage by equal
    weights, None without masks. partial: whether some pixel is not, or not wholly, a style's.
    """

    def __init__(self, regions: Regions, shape: masks.Shape, halvings: Sequence[int]) -> None:
        self._regions, self._shape, self._halvings = regions, shape, halvings
        self.held, self.guides = regions.held(shape), regions.guides
        self.even = self.weighted([1.0] * len(self.guides)) if regions.masked else None
        self.partial = self.even is not None and bool(self.even.shares.sum(0).min() < 1 - masks.BLACK)

    def weighted(self, weights: Sequence[float]) -> Coverage:
        shares = self._regions.shares(weights, self._shape)
        return Coverage(shares, masks.pyramid(shares, self._shape, self._halvings))


def guided(style: Image, guide: Mask | None) -> Image:
    """The style picture as far as its guide shows it, for a predictor that looks at whole pictures: what the guide hides is
    filled with reflections of what it shows, at the same scale."""
    from scipy.ndimage import distance_transform_edt

    if guide is None:
        return style
    filled = images.fit(style, min(GUIDED, max(style.shape[:2])))
    h, w, _ = filled.shape
    known = masks.resize(guide, (h, w)) >= min(0.5, float(guide.max()))
    rows, columns = np.indices((h, w))
    for last in [False] * REFLECTIONS + [True]:
        if known.all():
            break
        y, x = distance_transform_edt(~known, return_distances=False, return_indices=True)
        over, across = 2 * y - rows, 2 * x - columns
        mirrored = np.clip(over, 0, h - 1), np.clip(across, 0, w - 1)
        new = ~known & known[mirrored] & (over == mirrored[0]) & (across == mirrored[1])
        filled[new] = filled[mirrored][new]
        if last:  # the nearest that is known, where no reflection reached
            left = ~known & ~new
            filled[left] = filled[y, x][left]
        known = known | new
    return filled


def _on(content: Image, mask: Mask | None) -> Mask:
    shape = content.shape[:2]
    return np.ones(shape, np.float32) if mask is None else masks.resize(mask, shape)
