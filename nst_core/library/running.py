"""Running a recipe in this process: checks, steps, and the picture of the last one."""

from collections.abc import Callable, Iterator
from typing import Any

from nst_core import engines, extras, recipes
from nst_core.engines import Inputs
from nst_core.errors import BadRecipe, Diverged
from nst_core.images import Mask
from nst_core.library.picture import Picture
from nst_core.recipes import AnyRecipe
from nst_core.stylizer import Step

OnStep = Callable[[Step], object]  # called after each step; a run ends early, with what it has, when it returns True


def check_size(size: int) -> None:
    """Check a size before a picture is resized to it. Raises: BadRecipe."""
    if not isinstance(size, int) or isinstance(size, bool) or not recipes.MIN_SIZE <= size <= recipes.MAX_SIZE:
        raise BadRecipe(f"size is {size!r}; a whole number of pixels from {recipes.MIN_SIZE} to {recipes.MAX_SIZE} is needed.")


def painted(recipe: AnyRecipe, inputs: Inputs, alpha: Mask | None = None, on_step: OnStep | None = None) -> Picture:
    """Run a recipe and return its picture. alpha: (h, w), the result's opacity."""
    content = inputs.pictures.get("content")
    shape = content.shape[:2] if content is not None else getattr(recipe, "shape", None) or (recipe.size, recipe.size)
    step = last_step(steps_of(recipe, inputs, shape), on_step)
    assert step.image is not None
    return Picture(step.image, recipe, alpha, dict(step.losses), step.seconds)


def steps_of(recipe: Any, inputs: Inputs, shape: tuple[int, int]) -> Iterator[Step]:
    """Return the Steps of a recipe's engine, once its models and the memory are there."""
    engines.check_models(recipe)
    engines.check(recipe, shape)
    with extras.named():
        return engines.engine_for(recipe).run(recipe, inputs)


def last_step(steps: Iterator[Step], on_step: OnStep | None) -> Step:
    """Return the last step, which has the result. Raises: MissingPackage, and what the engine raises."""
    step = None
    try:
        with extras.named():
            for step in steps:
                if on_step and on_step(step) is True and hasattr(steps, "stop"):
                    steps.stop()
    except Diverged as error:
        error.best = step
        raise
    assert step is not None
    return step
