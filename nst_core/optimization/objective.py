"""What a run wants at one size: a recipe's terms, each a name and a number, and the gradient that masks let through."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nst_core import features
from nst_core.features import Extractor, Network, Reading, losses, tf
from nst_core.images import Image, Mask
from nst_core.pictures import masks
from nst_core.pictures.regions import Coverage, Parts
from nst_core.recipes import ACTIVATION_SHIFT, OptimizeRecipe, block_number

Terms = Callable[[tf.Tensor], tf.Tensor]  # (1, h, w, 3) -> (n,)


class Form(NamedTuple):
    """How a map is compared with its target, and a style statistic with its own; whether total variation is a mean."""

    content: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    style: Callable[..., tf.Tensor]
    mean_variation: bool


# Gram matrices are means over positions throughout: that is Gatys' 1/M² already, and style and content may differ in size.
FORMS: Mapping[str, Form] = {
    "paper": Form(losses.content_loss, losses.style_loss, False),
    "mean": Form(losses.mean_loss, losses.mean_loss, True),
    "normalised": Form(losses.normalised_loss, losses.normalised_loss, False),
    "rms": Form(losses.mean_loss, losses.rms_style_loss, True),
    "moments": Form(losses.mean_loss, losses.moments_loss, True),
}


class Scene(NamedTuple):
    """What a run looks at in a stage: content (h, w, 3), the styles' pictures at theirs, and what masks make of it."""

    content: Image
    styles: list[Image]
    parts: Parts


class Objective:
    """The terms of a recipe at one size, each a name and a number without its weight.

    content: (h, w, 3) at this size. styles: pictures at theirs. Targets are computed here, once. parts: with masks, each
    style's terms look at its own region, and weigh as much as that has of the picture; so a region is painted as the whole
    picture would be, however small.
    """

    def __init__(
        self,
        recipe: OptimizeRecipe,
        network: Network,
        content: Image,
        styles: Sequence[Image],
        parts: Parts | None = None,
    ) -> None:
        self._recipe, self._form = recipe, FORMS[recipe.form]
        self._brush = Brush(parts, parts.even, recipe) if parts and parts.even else None
        guides = parts.guides if parts else [None] * len(styles)
        wanted = (*recipe.content_layers, *recipe.active_style_layers)
        dtype = features.fast_type() if recipe.precision == "auto" else tf.float32
        self._extract = Extractor(network, wanted, pooling=recipe.pooling, dtype=dtype)
        self._content_readings: list[Reading] = [(layer, tf.identity) for layer in recipe.content_layers]
        self._style_readings = _style_readings(recipe, self._brush.guides if self._brush else None)
        self._contents = self._extract.read(tf.constant(content[None]), self._content_readings)
        self._styles = [self._target(style, guide) for style, guide in zip(styles, guides, strict=True)]
        content_names = [f"content/{layer}" for layer in recipe.content_layers]
        style_names = [f"style/{name}" for name in _statistic_names(recipe)]
        self.names = (*content_names, *style_names * len(styles), "tv")

    def __call__(self, picture: tf.Tensor) -> tf.Tensor:
        """(1, h, w, 3) -> (len(names),): every term, before its weight."""
        read = self._extract.read(picture, [*self._content_readings, *self._style_readings])
        contents, own = read[: len(self._contents)], read[len(self._contents) :]
        if self._recipe.correlation_chain:
            own = _chained(own, self._recipe, self._brush.guides if self._brush else None)
        own = self._compared(own)
        content = [self._form.content(x, target) for x, target in zip(contents, self._contents, strict=True)]
        pairs = (zip(self._of(region, own), targets, strict=True) for region, targets in enumerate(self._styles))
        style = [self._form.style(x, target) for pair in pairs for x, target in pair]
        return tf.stack([*content, *style, self._variation(picture)])

    def gradient(self, picture: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The weighted terms and the gradient of their sum, as far as the masks let it through."""
        if self._brush is None or not self._brush.partial:
            return gradient_of(self, picture, weights)
        if self._brush.free is not None:
            terms, gradient = gradient_of(self, picture, weights)
            return terms, gradient * self._brush.free
        is_style = np.array([name.startswith("style/") for name in self.names], np.float32)
        with tf.GradientTape(watch_accessed_variables=False, persistent=True) as tape:
            picture = tf.convert_to_tensor(picture)
            tape.watch(picture)
            terms = self(picture) * weights
            style, rest = (tf.reduce_sum(terms * chosen) for chosen in (is_style, 1 - is_style))
        return terms, tape.gradient(style, picture) * self._brush.union + tape.gradient(rest, picture)

    def weights(self, recipe: OptimizeRecipe, shares: Sequence[float]) -> np.ndarray:
        """(len(names),): what each term weighs. shares: of the styles, in their order; their sum does not matter."""
        content = recipe.content_weight * _layer_weights(len(self._contents), recipe.geometric_weights, "content")
        style = recipe.style_weight * _layer_weights(len(_statistic_names(recipe)), recipe.geometric_weights, "style")
        normalised = self._region_areas(shares) if self._brush else np.asarray(shares) / np.sum(shares)
        return np.concatenate([content, np.outer(normalised, style).ravel(), [recipe.tv_weight]]).astype(np.float32)

    def by_name(self, values: np.ndarray) -> dict[str, float]:
        """The values of the terms, those of several styles at one layer added up."""
        sums = dict.fromkeys(self.names, 0.0)
        for name, value in zip(self.names, values, strict=True):
            sums[name] += float(value)
        return sums

    def _compared(self, own: list[tf.Tensor]) -> list[tf.Tensor]:
        """The picture's statistics that are held against the styles'."""
        return own

    def _region_areas(self, shares: Sequence[float]) -> np.ndarray:
        assert self._brush is not None
        return self._brush.areas(shares)

    def _target(self, style: Image, guide: Mask | None) -> list[tf.Tensor]:
        """The statistics of a style picture, of what its guide shows."""
        guides = (
            None
            if guide is None
            else _by_layer(masks.pyramid(guide[None], style.shape[:2], self._recipe.halvings), self._recipe)
        )
        read = self._extract.read(tf.constant(style[None]), _style_readings(self._recipe, guides))
        return _chained(read, self._recipe, guides) if self._recipe.correlation_chain else read

    def _of(self, region: int, statistics: list[tf.Tensor]) -> list[tf.Tensor]:
        """Of statistics by region, (n, …), one region's, (1, …)."""
        return [x[region : region + 1] for x in statistics] if self._brush else statistics

    def _variation(self, picture: tf.Tensor) -> tf.Tensor:
        total = losses.total_variation(picture, form=self._recipe.tv_form)
        return total / np.prod(picture.shape[1:]) if self._form.mean_variation else total


class MovingObjective(Objective):
    """The same for one content after the other, all of one shape: nothing is traced again."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._contents = [tf.Variable(x, trainable=False) for x in self._contents]
        self._read_content = tf.function(lambda x: self._extract.read(x, self._content_readings), autograph=False)

    def aim_at(self, content: Image) -> None:
        """From now on this is the content, (h, w, 3)."""
        for variable, x in zip(self._contents, self._read_content(tf.constant(content[None])), strict=True):
            variable.assign(x)


Guides = Mapping[str, tf.Tensor | tf.Variable]  # by layer: T of each region, (n, h, w) at its size


class Brush:
    """What masks do at one size, (h, w): where each style's statistics are taken, and what of a gradient passes.

    T is the root of a style's share of a pixel, averaged over what a layer's position stands for: T² adds up to the coverage
    where masks overlap. The weights of the styles may change: all that depends on them is a variable.
    """

    def __init__(self, parts: Parts, even: Coverage, recipe: OptimizeRecipe) -> None:
        self._parts, self._recipe, self.partial = parts, recipe, parts.partial
        self._amounts, self._areas = (1.0,) * len(even.shares), even.areas
        # no trainable ones: `recompute_grad` would want their gradients
        free = None if parts.held is None else _free(parts.held)
        self.free = None if free is None else tf.Variable(free, trainable=False)  # (1, h, w, 1)
        guides = _by_layer(even.coarse, recipe)
        self.guides: Guides = {layer: tf.Variable(T, trainable=False) for layer, T in guides.items()}
        self.union = tf.Variable(even.shares.sum(0)[None, ..., None], trainable=False)

    def areas(self, amounts: Sequence[float]) -> np.ndarray:
        """(n,): how much of the picture each style has, with these weights; from now on they hold."""
        if tuple(amounts) != self._amounts:
            coverage = self._parts.weighted(amounts)
            self._amounts, self._areas = tuple(amounts), coverage.areas
            self._lay(coverage)
        return self._areas

    def move(self, parts: Parts) -> None:
        """To another part of the picture, of the same shape."""
        assert parts.even is not None
        self._lay(parts.even)
        if self.free is not None and parts.held is not None:
            self.free.assign(_free(parts.held))

    def _lay(self, coverage: Coverage) -> None:
        self.union.assign(coverage.shares.sum(0)[None, ..., None])
        for layer, T in _by_layer(coverage.coarse, self._recipe).items():
            self.guides[layer].assign(T)


def _free(held: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    return (~held[None, ..., None]).astype(np.float32)


def _by_layer(coarse: Mapping[int, np.ndarray], recipe: OptimizeRecipe) -> dict[str, np.ndarray]:
    """Guides from averaged shares: T of every style layer."""
    return {layer: np.sqrt(coarse[block_number(layer) - 1]) for layer in recipe.active_style_layers}


def _style_readings(recipe: OptimizeRecipe, guides: Guides | None = None) -> list[Reading]:
    """What is read off each style layer: its statistic, of each region if there are guides, or its map for a chain."""

    def statistic(F: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        if recipe.form == "moments":
            return losses.moments(F, mask=mask)
        gram = losses.gram_matrix(F, shift=_shift(recipe), mask=mask)
        return gram / _positions(F) if mask is None else gram

    def by_region(F: tf.Tensor, layer: str) -> tf.Tensor:
        assert guides is not None
        return tf.concat([statistic(F, T) for T in tf.unstack(tf.convert_to_tensor(guides[layer]))], 0)

    if recipe.correlation_chain:
        return [(layer, tf.identity) for layer in recipe.active_style_layers]
    if guides is None:
        return [(layer, statistic) for layer in recipe.active_style_layers]
    return [(layer, partial(by_region, layer=layer)) for layer in recipe.active_style_layers]


def _chained(read: Sequence[tf.Tensor], recipe: OptimizeRecipe, guides: Guides | None) -> list[tf.Tensor]:
    """The correlations of neighbouring layers' maps, of each region if there are guides."""
    shift, pairs = _shift(recipe), list(pairwise(read))
    if guides is None:
        return [losses.chain_gram(*two, shift=shift) / _positions(two[1]) for two in pairs]
    at_upper = [tf.unstack(tf.convert_to_tensor(guides[layer])) for layer in recipe.active_style_layers[1:]]
    return [
        tf.concat([losses.chain_gram(*two, shift=shift, mask=T) for T in regions], 0)
        for two, regions in zip(pairs, at_upper, strict=True)
    ]


def _shift(recipe: OptimizeRecipe) -> float:
    return ACTIVATION_SHIFT if recipe.activation_shift else 0.0


def _statistic_names(recipe: OptimizeRecipe) -> list[str]:
    layers = recipe.active_style_layers
    return [f"{lower}+{upper}" for lower, upper in pairwise(layers)] if recipe.correlation_chain else list(layers)


def _layer_weights(n: int, geometric: bool, kind: str) -> np.ndarray:
    return losses.geometric_weights(n, kind=kind) if geometric else np.full(n, 1 / n)  # type: ignore[arg-type]


def _positions(F: tf.Tensor) -> int:
    return F.shape[1] * F.shape[2]


def passed(objective: Terms, picture: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The weighted terms and the gradient to go down by: the objective's own, if it has one."""
    own = objective.gradient if isinstance(objective, Objective) else partial(gradient_of, objective)
    return own(picture, weights)


def gradient_of(objective: Terms, picture: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The weighted terms and the gradient of their sum."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        picture = tf.convert_to_tensor(picture)
        tape.watch(picture)
        terms = objective(picture) * weights
        loss = tf.reduce_sum(terms)
    return terms, tape.gradient(loss, picture)
