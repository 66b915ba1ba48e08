"""Define what a training minimises: distances of a picture to the style and to its photograph."""

from typing import Protocol

import numpy as np

from nst_core import features
from nst_core.features import Extractor, Network, Reading, losses, tf
from nst_core.images import Image
from nst_core.recipes import TrainingRecipe


class PerceptualObjective(Protocol):
    """Declare named terms whose sum is the loss."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def __call__(self, made: tf.Tensor, content: tf.Tensor | None) -> tf.Tensor:
        """Return the terms, (len(names),), for (n, h, w, 3) and the photographs they were made from."""
        ...


class Likeness:
    """Compute the mean squared difference to the photograph, for training the network that all others start from."""

    names = ("content",)

    def __call__(self, made: tf.Tensor, content: tf.Tensor | None) -> tf.Tensor:
        return tf.stack([tf.reduce_mean(tf.math.squared_difference(made, content))])


ROUNDING = 1e-6  # under the root, for its gradient at zero


class Perception:
    """Compute the perceptual loss as named, weighted terms. The targets of the style are computed once.

    Style: mean over layers of ‖G − A‖²/‖A‖², G = FᵀF/(c·h·w). Content: Σ (F − P)²/Σ P² over the layers. These are the papers'
    terms relative to their targets, so that no layer dominates and weights mean the same in every network.
    """

    def __init__(self, recipe: TrainingRecipe, network: Network, style: Image) -> None:
        self._recipe = recipe
        layers = (*recipe.content_layers, *recipe.style_layers)
        self._extract = Extractor(network, layers, dtype=features.fast_type())
        picture = tf.constant(style[None])
        self._contents: list[Reading] = [(layer, _float) for layer in recipe.content_layers]
        self._styles: list[Reading] = [(layer, _gram) for layer in recipe.style_layers]
        self._targets = self._extract.read(picture, self._styles)
        colors = colors_of(picture)[0].numpy()
        shares = (np.arange((recipe.crop // 4) ** 2) + 0.5) / (recipe.crop // 4) ** 2
        self._colors = np.quantile(colors, shares, 1, method="hazen").T.astype(np.float32)[None]  # as many as in a crop
        self._spread = float(colors.std(1).mean()) + ROUNDING
        self.names = ("content", *(f"style/{layer}" for layer in recipe.style_layers), "style/colors", "tv")

    def __call__(self, made: tf.Tensor, content: tf.Tensor | None) -> tf.Tensor:
        """Return the terms, (len(names),), for (n, h, w, 3) and the photographs; their sum is the loss."""
        read = self._extract.read(made, [*self._contents, *self._styles])
        maps, grams = read[: len(self._contents)], read[len(self._contents) :]
        terms = [tf.zeros(())]
        if content is not None:
            wanted = [tf.stop_gradient(x) for x in self._extract.read(content, self._contents)]
            apart = [tf.reduce_sum((F - P) ** 2) / tf.reduce_sum(P**2) for F, P in zip(maps, wanted, strict=True)]
            terms = [self._recipe.content_weight * tf.add_n(apart) / len(apart)]
        for G, A in zip(grams, self._targets, strict=True):
            squares = tf.reduce_sum(tf.math.squared_difference(G, A), [1, 2]) / tf.reduce_sum(tf.square(A))
            terms.append(self._recipe.style_weight * tf.reduce_mean(tf.sqrt(squares + ROUNDING)) / len(grams))
        terms.append(self._recipe.color_weight * self._palette(made))
        variation = losses.total_variation(made, form="squared") / tf.cast(tf.size(made[0]), tf.float32)
        return tf.stack([*terms, self._recipe.tv_weight * variation])

    def _palette(self, made: tf.Tensor) -> tf.Tensor:
        """Return the distance of the colours: mean difference of quantiles along some directions, in the style's deviations.

        This is our addition: Gram matrices mostly measure brightness, and colours fade. Quantiles, the sliced Wasserstein
        distance (Rabin et al. 2011), are used because a few white blots suffice to match means and covariances.
        """
        return tf.reduce_mean(tf.abs(colors_of(made) - self._colors)) / self._spread


_ROOTS = 3**-0.5, 2**-0.5, 6**-0.5
DIRECTIONS = np.stack(  # red, green and blue; brightness; and two without brightness
    [*np.eye(3), np.full(3, _ROOTS[0]), np.array([1, -1, 0]) * _ROOTS[1], np.array([1, 1, -2]) * _ROOTS[2]], 1
).astype(np.float32)


def colors_of(pictures: tf.Tensor) -> tf.Tensor:
    """Return the sorted colours of areas of 4 × 4 pixels, so that thin fringes do not count, along each direction: (n, 6,
    areas).
    """
    areas = tf.nn.avg_pool2d(pictures, 4, 4, "VALID")
    return tf.sort(tf.matmul(tf.constant(DIRECTIONS), tf.reshape(areas, [areas.shape[0], -1, 3]), True, True))


def _float(F: tf.Tensor) -> tf.Tensor:
    return tf.cast(F, tf.float32)


def _gram(F: tf.Tensor) -> tf.Tensor:
    """Return FᵀF/(c·h·w), (n, c, c), of (n, h, w, c)."""
    return losses.gram_matrix(F) / (F.shape[1] * F.shape[2] * F.shape[3])
