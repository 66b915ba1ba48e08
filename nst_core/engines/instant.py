"""Engines of one pass for any style: `instant-lite`, ours, and `magenta`, TF-Hub's."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from nst_core.engines.base import Engine, Estimate, Inputs, Lane
from nst_core.pictures import strokes
from nst_core.recipes import InstantRecipe
from nst_core.stylizer import Step

CORE = 1024**2  # pixels of the largest picture that instant-lite's core sees; the rest of a larger one is drawn in strips


class OnePass(Engine):
    """A stylizer of `nst_core.instant`."""

    recipe = InstantRecipe

    def run(
        self,
        recipe: InstantRecipe,
        inputs: Inputs,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        folder: Path | None = None,
    ) -> Iterator[Step]:
        """Yield one Step with the result, of exactly the content's shape. Raises: BadRecipe, BadMask, ModelUnavailable."""
        from nst_core import instant

        return instant.stylizer(self.name).stylize(inputs.pictures["content"], inputs.styles, recipe)


class InstantLiteEngine(OnePass):
    name = "instant-lite"
    title = "Instant (ours, embedded)"
    lane = Lane.LIGHT
    seeded = True
    regions = True

    def estimate(self, recipe: InstantRecipe, shape: tuple[int, int]) -> Estimate:
        """Return what a pass takes: 303, 687 and 738 MB at 512, 1024 and 2048 px (`benchmarks/out/instant.md`)."""
        height, width = strokes.largest(*shape, recipe.stroke_size)
        pixels = height * width
        return Estimate(175e6 + 490 * min(pixels, CORE) + 25 * pixels)

    def warm_up(self) -> None:
        """Load the model and paint once."""
        from nst_core import instant

        instant.warm_up()


class MagentaEngine(OnePass):
    name = "magenta"
    title = "Magenta (TF-Hub)"
    lane = Lane.TENSORFLOW
    models = ("magenta",)
    extra = "optimize"
    preference = 1

    def estimate(self, recipe: InstantRecipe, shape: tuple[int, int]) -> Estimate:
        """Return what a pass takes, measured from 512 to 1024 px."""
        height, width = strokes.largest(*shape, recipe.stroke_size)
        return Estimate(1060e6 + 700 * height * width)


ENGINES = (InstantLiteEngine(), MagentaEngine())
