"""The engine of optimisation: `nst_core.optimization`."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nst_core.engines import registry
from nst_core.engines.base import Engine, Estimate, Inputs, Lane
from nst_core.images import Image
from nst_core.machine import memory
from nst_core.recipes import InstantRecipe, OptimizeRecipe, Recipe
from nst_core.stylizer import Step

# Seconds a pixel and iteration at full size until a run has shown them: two cores with bfloat16, `benchmarks/out/optimize.md`
# (`fast` made 15 s at 512 px 1.9 times as long at 768). And seconds before the first iteration.
PACE, PREPARING = {"vgg19-lite": 0.65e-6, "vgg19": 4.0e-6, "vgg16": 3.0e-6}, 5.0
MORE = 0.07  # times as long, for each style layer beyond the usual ones


class Optimize(Engine):
    name = "optimize"
    title = "Optimize"
    recipe = OptimizeRecipe
    lane = Lane.SLOW
    extra = "optimize"

    def estimate(self, recipe: OptimizeRecipe, shape: tuple[int, int]) -> Estimate:
        """Return what a run takes; seconds on two cores with bfloat16."""
        work = shape[0] * shape[1] * recipe.full_size_iterations * (1 + MORE * recipe.more_layers)
        return Estimate(memory.estimate(recipe, *shape), PREPARING + PACE[recipe.features] * work)

    def models_of(self, recipe: OptimizeRecipe) -> tuple[str, ...]:
        return (recipe.features,)

    def pace(self, recipe: OptimizeRecipe) -> str:
        """Return the feature network: runs through the same one take equally long."""
        return recipe.features

    def advice(self, recipe: OptimizeRecipe, shape: tuple[int, int], room: float) -> str:
        """Return a smaller size, else the preset fast, else what needs less memory."""
        return memory.way_out(recipe, max(shape) / min(shape), int(room))

    def run(
        self,
        recipe: OptimizeRecipe,
        inputs: Inputs,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        folder: Path | None = None,
    ) -> Iterator[Step]:
        """Return the run that the recipe describes, or the rest of one. Raises: BadRecipe, BadMask, ModelUnavailable."""
        from nst_core.optimization import Optimization

        initial = inputs.pictures.get("initial")
        if recipe.init == "instant" and state is None:
            initial = instant_picture(recipe, inputs)
        return Optimization(inputs.pictures["content"], inputs.styles, recipe, initial=initial, state=state)

    def warm_up(self) -> None:
        """Load TensorFlow and the feature network that most runs use."""
        from nst_core import optimization

        optimization.warm_up()


def instant_picture(recipe: OptimizeRecipe, inputs: Inputs) -> Image:
    """Return what Instant paints for the same recipe, of the content's shape: where `init="instant"` starts."""
    engine = registry.for_regions(InstantRecipe)
    shared = {name: getattr(recipe, name) for name in Recipe.model_fields}
    own: dict[str, Any] = {"engine": engine.name, "stroke_size": recipe.style_scale, "seed": recipe.seed}
    *_, last = engine.run(InstantRecipe(**shared, **own), inputs)
    assert last.image is not None
    return last.image


ENGINES = (Optimize(),)
