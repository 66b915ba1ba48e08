"""The frames of a clip: pictures of one shape, each optimised from where it is told to begin, by one graph for all of them."""

from collections.abc import Sequence

import numpy as np

from nst_core import features
from nst_core.features import Network
from nst_core.images import Image
from nst_core.optimize.objective import MovingObjective
from nst_core.optimize.optimizers import Adam
from nst_core.optimize.run import STYLE_SIDE, Optimization
from nst_core.pictures.regions import Regions
from nst_core.pictures.styles import fitted
from nst_core.recipes import OptimizeRecipe
from nst_core.stylizer import Style

ITERATIONS = 24  # of a frame that begins near its end
RATE = 0.5  # of the recipe's learning rate: what is there already shall stay


class Frames:
    """Styles, masks and recipe hold for all; the colours that styles are given are those of the first content.

    A graph that was traced stays for ever, so there is one.
    """

    def __init__(
        self, content: Image, styles: Sequence[Style], recipe: OptimizeRecipe, *, network: Network | None = None
    ) -> None:
        """content: (h, w, 3), a frame. Raises: BadRecipe, BadMask, ModelUnavailable."""
        self._styles, self._recipe, self._network = styles, recipe, network or features.network(recipe.features)
        regions = Regions(content, styles, recipe)
        longer = round(min(max(content.shape), STYLE_SIDE) * recipe.style_scale)
        pictures = [fitted(style, longer) for style in regions.recolored()]
        self._held = regions.held(content.shape[:2])
        parts = regions.at(content.shape[:2], recipe.halvings)
        self._objective = MovingObjective(recipe, self._network, content, pictures, parts)
        self._weights = self._objective.weights(recipe, [style.weight for style in styles])
        self._adam = Adam(self._objective, content)

    def first(self, content: Image) -> Image:
        """As any picture is optimised, coarse to fine."""
        *_, last = Optimization(content, self._styles, self._recipe, network=self._network)
        assert last.image is not None
        return last.image

    def next(self, content: Image, start: Image) -> Image:
        """From a picture that is nearly right, in a few steps."""
        self._objective.aim_at(content)
        self._adam.restart(start if self._held is None else np.where(self._held[..., None], content, start))
        falling = iter(np.cos(np.linspace(0, np.pi / 2, ITERATIONS, endpoint=False)))
        for _ in self._adam.steps(lambda: (self._weights, self._recipe.learning_rate * RATE * next(falling)), ITERATIONS):
            pass
        return self._adam.picture
