"""Apply masks for an engine: each style's share of each pixel, its colours, and where the content stays unchanged.

`Regions` gives every engine the style pictures to learn from, the styles' shares, and the finished picture. Without masks,
every style counts equally at every pixel. Does not use TensorFlow.
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

GUIDED = 340  # pixels of the longer side of a guided style picture; the predictor takes squares of 256
REFLECTIONS = 8  # of a region; each also reflects what the previous one filled
FEATHER = 128  # the content's longer side divided by the width of the transition into painted regions


class Regions:
    """Locate styles on the content by their masks; a style without a mask applies everywhere.

    Masks and guides may have any shape. Raises: BadMask if one covers nothing.
    """

    def __init__(self, content: Image, styles: Sequence[Style], recipe: Recipe) -> None:
        masks.check([style.mask for style in styles], len(styles))
        if any(style.guide is not None and masks.is_empty(style.guide) for style in styles):
            raise BadMask("A guide on a style picture covers nothing: mark the part to learn from, or remove the guide.")
        self.masked = any(style.mask is not None for style in styles)
        self._content, self._styles, self._restore = content, styles, recipe.restore_content and self.masked
        self._modes = [style.color or recipe.color for style in styles]
        self._blends: dict[tuple[object, ...], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = {}

    def on(self, content: Image) -> "Regions":
        """Return the same regions on another picture of the same shape: the next frame of a clip."""
        other = copy(self)  # the computed masks are shared
        other._content = content
        return other

    def recolored(self) -> list[Image]:
        """Return the style pictures to learn from, recoloured like the content inside their masks if their modes do that."""
        return [
            colors.prepare_style(style.image, self._content, mode, None if style.mask is None else self._masks[number])
            for number, (style, mode) in enumerate(zip(self._styles, self._modes, strict=True))
        ]

    def learned(self) -> list[Image]:
        """Return recoloured style pictures without what their guides hide, for a predictor, which sees whole pictures."""
        return [guided(picture, guide) for picture, guide in zip(self.recolored(), self.guides, strict=True)]

    def shares(self, weights: Sequence[float], shape: masks.MaskShape | None = None) -> npt.NDArray[np.float32]:
        """Return each style's share of each pixel, (n, h, w), by default at the content's shape; the rest to 1 is the
        content's.
        """
        shares = masks.shares(self._masks, weights)
        return shares if shape is None else np.stack([masks.resize(share, shape) for share in shares])

    def held(self, shape: masks.MaskShape) -> npt.NDArray[np.bool_] | None:
        """Return the pixels that stay unchanged whatever the weights, (h, w), or None if all may change."""
        if not self._restore:
            return None
        black = masks.resize(masks.union(self._masks), shape) < masks.BLACK
        return black if black.any() else None

    @property
    def guides(self) -> list[Mask | None]:
        """Return the guides of the style pictures."""
        return [style.guide for style in self._styles]

    def at(self, shape: masks.MaskShape, halvings: Iterable[int]) -> "Parts":
        """Return the regions for an engine that works at this size and halves it that many times."""
        return Parts(self, shape, tuple(halvings))

    def finish(self, picture: Image, weights: Sequence[float]) -> Image:
        """Return the picture to show, at its own shape: each region in its colour mode, the content where every mask is black.

        Black pixels are exactly the content's; the transition lies inside the painted regions.
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
        """Return the masks at the content's shape. Computed only if a style has one."""
        return [_on(self._content, style.mask) for style in self._styles]

    def _blend(
        self, weights: Sequence[float], shape: masks.MaskShape
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return the shares (n, h, w) and each pixel's painted fraction (h, w, 1), cached, as a run shows many pictures."""
        key = (*weights, *shape)
        if key not in self._blends:
            shares = self.shares(weights, shape)
            self._blends = {key: (shares, masks.feather(shares.sum(0), max(shape) / FEATHER)[..., None])}
        return self._blends[key]


class Coverage(NamedTuple):
    """Hold the shares of the styles for some weights."""

    shares: npt.NDArray[np.float32]  # (n, h, w); the rest to 1 is the content's
    coarse: Mapping[int, npt.NDArray[np.float32]]  # by number of halvings k: area averages, (n, h >> k, w >> k)

    @property
    def areas(self) -> npt.NDArray[np.float64]:
        """Return the fraction of the picture that each style covers, (n,)."""
        return self.shares.mean((1, 2), dtype=np.float64)


class Parts:
    """Hold the regions at one size, (h, w), computed before the work begins.

    held: (h, w), the pixels that stay unchanged, or None. guides: of the style pictures. even: the coverage by equal weights,
    None without masks. partial: whether some pixel does not belong entirely to styles.
    """

    def __init__(self, regions: Regions, shape: masks.MaskShape, halvings: Sequence[int]) -> None:
        self._regions, self._shape, self._halvings = regions, shape, halvings
        self.held, self.guides = regions.held(shape), regions.guides
        self.even = self.weighted([1.0] * len(self.guides)) if regions.masked else None
        self.partial = self.even is not None and bool(self.even.shares.sum(0).min() < 1 - masks.BLACK)

    def weighted(self, weights: Sequence[float]) -> Coverage:
        """Return the coverage by these weights."""
        shares = self._regions.shares(weights, self._shape)
        return Coverage(shares, masks.pyramid(shares, self._shape, self._halvings))


def guided(style: Image, guide: Mask | None) -> Image:
    """Return the part of a style picture that its guide shows, for a predictor, which sees whole pictures.

    What the guide hides is filled with reflections of what it shows, at the same scale.
    """
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
        if last:  # the nearest known pixel, where no reflection reached
            rest = ~known & ~new
            filled[rest] = filled[y, x][rest]
        known = known | new
    return filled


def _on(content: Image, mask: Mask | None) -> Mask:
    """Return a mask at the content's shape; white if there is none."""
    shape = content.shape[:2]
    return np.ones(shape, np.float32) if mask is None else masks.resize(mask, shape)
