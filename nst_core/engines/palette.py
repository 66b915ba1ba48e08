"""The engine that takes only the style's colours: the photograph stays a photograph."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from nst_core.engines.base import Engine, Estimate, Inputs, Lane
from nst_core.pictures import colors
from nst_core.pictures.regions import Regions
from nst_core.recipes import InstantRecipe
from nst_core.stylizer import Step, with_weight


class Palette(Engine):
    name = "palette"
    title = "Only the colours of the style: no strokes"
    recipe = InstantRecipe
    lane = Lane.LIGHT
    preference = -1  # never what `auto` means

    def estimate(self, recipe: InstantRecipe, shape: tuple[int, int]) -> Estimate:
        """Return what a run takes: some copies of the picture in float64."""
        return Estimate(250e6 + 150 * shape[0] * shape[1])

    def run(
        self,
        recipe: InstantRecipe,
        inputs: Inputs,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        folder: Path | None = None,
    ) -> Iterator[Step]:
        """Yield one Step: the content with the mean and covariance of the styles' colours, in each one's region.

        Raises: BadRecipe without a style that has weight; BadMask.
        """
        start = time.perf_counter()
        content, styles = inputs.pictures["content"], with_weight(inputs.styles)
        amounts = [style.weight for style in styles]
        regions = Regions(content, styles, recipe)
        shares = regions.shares(amounts)
        picture = content * (1 - shares.sum(0))[..., None]
        for style, share in zip(styles, shares, strict=True):
            picture += share[..., None] * colors.take_palette(content, style.image, mask=style.mask, guide=style.guide)
        picture = np.clip(content + recipe.strength * (picture - content), 0, 1).astype(np.float32)
        yield Step(1, 1, {}, regions.finish(picture, amounts), time.perf_counter() - start)


ENGINES = (Palette(),)
