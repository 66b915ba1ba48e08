"""The frames of a clip: pictures of one shape, each optimised from where it is told to begin, by one graph."""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from nst_core import features, images
from nst_core.errors import Diverged
from nst_core.features import Network
from nst_core.images import Image
from nst_core.optimization.objective import Objective
from nst_core.optimization.optimizers import Adam
from nst_core.optimization.run import STYLE_SIDE, Stage, rate, stages
from nst_core.pictures.regions import Regions
from nst_core.pictures.styles import fitted
from nst_core.recipes import OptimizeRecipe
from nst_core.stylizer import Style

ITERATIONS = 24  # of a frame that begins near its end
RATE = 0.5  # of the recipe's learning rate: what is there already shall stay


class Frames:
    """Styles, masks and recipe hold for all; the colours that styles are given are those of the first content."""

    def __init__(
        self, content: Image, styles: Sequence[Style], recipe: OptimizeRecipe, *, network: Network | None = None
    ) -> None:
        """content: (h, w, 3), a frame. Raises: BadRecipe, BadMask, ModelUnavailable."""
        self._recipe, self._network = recipe, network or features.network(recipe.features)
        self._regions = Regions(content, styles, recipe)
        self._styles, self._shares = self._regions.recolored(), [style.weight for style in styles]
        self._stages = stages(recipe, *content.shape[:2])
        self._sizes: dict[Stage, _Size] = {}
        self._last = self._size(self._stages[-1], content)

    def first(self, content: Image, *, share: float = 1.0) -> Image:
        """From the content, coarse to fine, as any picture is optimised. share: of the recipe's iterations."""
        picture = content
        for stage in self._stages:
            count = max(1, round(share * stage.iterations))
            small = images.resize(content, stage.height, stage.width)
            size = self._size(stage, small)
            start = images.resize(picture, stage.height, stage.width)
            picture = size.run(small, start, count, lambda done, n=count: rate(self._recipe, done, n))  # type: ignore[misc]
        return picture

    def next(self, content: Image, start: Image) -> Image:
        """From a picture that is nearly right, in a few steps."""
        falling = np.cos(np.linspace(0, np.pi / 2, ITERATIONS, endpoint=False))
        return self._last.run(content, start, ITERATIONS, lambda done: self._recipe.learning_rate * RATE * falling[done])

    def _size(self, stage: Stage, content: Image) -> "_Size":
        """content: of that size; for the first time."""
        if stage not in self._sizes:
            longer = round(min(max(content.shape[:2]), STYLE_SIDE) * self._recipe.style_scale)
            parts = self._regions.at(content.shape[:2], self._recipe.halvings)
            styles = [fitted(style, longer) for style in self._styles]
            objective = Objective(self._recipe, self._network, content, styles, parts)
            weights = objective.weights(self._recipe, self._shares)
            self._sizes[stage] = _Size(objective, weights, Adam(objective, content), parts.held)
        return self._sizes[stage]


class _Size:
    """What is traced at one size: contents and starts change, the graph stays."""

    def __init__(self, objective: Objective, weights: np.ndarray, adam: Adam, held: npt.NDArray[np.bool_] | None) -> None:
        """held: the pixels that remain the content's own."""
        self._objective, self._weights, self._adam, self._held = objective, weights, adam, held

    def run(self, content: Image, start: Image, iterations: int, rate: Callable[[int], float]) -> Image:
        """rate: of a step, by how many were made before it. Raises: Diverged."""
        self._objective.aim_at(content)
        self._adam.restart(start if self._held is None else np.where(self._held[..., None], content, start))
        rates = map(rate, range(iterations))
        for evaluation in self._adam.steps(lambda: (self._weights, next(rates)), iterations):
            if not np.isfinite(evaluation.loss):
                raise Diverged("The losses of a frame are no numbers any more. Choose less strength, or paint without “fine”.")
        return self._adam.picture
