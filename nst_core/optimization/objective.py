"""The objective of a run at one size: a recipe's terms, each a name and a number, and the gradient that masks let through."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nst_core.features import Network, losses, tf
from nst_core.images import Image, Mask
from nst_core.optimization.structure import Guides, Targets, Terms, gradient_of, statistic_names, structure
from nst_core.pictures import masks
from nst_core.pictures.regions import Coverage, Parts
from nst_core.recipes import OptimizeRecipe, block_number


class Scene(NamedTuple):
    """The input of a stage: content (h, w, 3), the styles' pictures at theirs, and what masks make of it."""

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
        self._recipe, self._structure = recipe, structure(recipe, network)
        self._brush = Brush(parts, parts.even, recipe) if parts and parts.even else None
        guides = parts.guides if parts else [None] * len(styles)
        self._contents = self._structure.contents(content)
        self._styles = [self._target(style, guide) for style, guide in zip(styles, guides, strict=True)]
        content_names = [f"content/{layer}" for layer in recipe.content_layers]
        style_names = [f"style/{name}" for name in statistic_names(recipe)]
        self.names = (*content_names, *style_names * len(styles), "tv")

    def __call__(self, picture: tf.Tensor) -> tf.Tensor:
        """(1, h, w, 3) -> (len(names),): every term, before its weight."""
        return self._structure.terms(picture, self.targets, self._compared)

    def gradient(self, picture: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the weighted terms and the gradient of their sum, as far as the masks let it through."""
        return self._structure.gradient(picture, weights, self.targets, self._compared)

    def compiled(self, name: str, function: Callable[..., Any], *more: tf.TensorSpec) -> Callable[..., Any]:
        """Return `function(gradient, picture, weights, *more)` as a graph that all objectives of this structure share.

        gradient: of a picture and weights, as `gradient` is. name: of the function. more: what its further arguments are.
        """

        def traced(own: Any, targets: Targets, picture: tf.Tensor, weights: tf.Tensor, *rest: tf.Tensor) -> Any:
            return function(lambda x, w: own.gradient(x, w, targets), picture, weights, *rest)

        graph = self._structure.compiled(name, traced, self.targets, *more)
        return lambda *arguments: graph(self.targets, *arguments)

    @property
    def targets(self) -> Targets:
        """Return what a picture is compared with; weights of styles that have changed change the masks' part of it."""
        brush = self._brush
        if brush is None:
            return Targets(self._contents, self._styles, {}, None, None)
        guides = {layer: tf.convert_to_tensor(T) for layer, T in brush.guides.items()}
        free = tf.convert_to_tensor(brush.free) if brush.partial and brush.free is not None else None
        union = tf.convert_to_tensor(brush.union) if brush.partial and brush.free is None else None
        return Targets(self._contents, self._styles, guides, union, free)

    def aim_at(self, content: Image) -> None:
        """Replace the content by another, (h, w, 3), of the same shape."""
        self._contents = self._structure.contents(content)

    def weights(self, recipe: OptimizeRecipe, shares: Sequence[float]) -> np.ndarray:
        """(len(names),): what each term weighs. shares: of the styles, in their order; their sum does not matter."""
        content = recipe.content_weight * _layer_weights(len(self._contents), recipe.geometric_weights, "content")
        style = recipe.style_weight * _layer_weights(len(statistic_names(recipe)), recipe.geometric_weights, "style")
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
        if guide is None:
            return self._structure.style(style, None)
        coarse = masks.pyramid(guide[None], style.shape[:2], self._recipe.halvings)
        return self._structure.style(style, _by_layer(coarse, self._recipe))


class MovingObjective(Objective):
    """The same for graphs of one's own: the content's maps are variables."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._contents = [tf.Variable(x, trainable=False) for x in self._contents]

    def aim_at(self, content: Image) -> None:
        """From now on this is the content, (h, w, 3)."""
        for variable, x in zip(self._contents, self._structure.contents(content), strict=True):
            variable.assign(x)


class Brush:
    """What masks do at one size, (h, w): where each style's statistics are taken, and what of a gradient passes.

    T is the root of a style's share of a pixel, averaged over what a layer's position stands for: T² adds up to the coverage
    where masks overlap. The weights of the styles may change: all that depends on them is a variable.
    """

    def __init__(self, parts: Parts, even: Coverage, recipe: OptimizeRecipe) -> None:
        self._parts, self._recipe, self.partial = parts, recipe, parts.partial
        self._amounts, self._areas = (1.0,) * len(even.shares), even.areas
        # not trainable: `recompute_grad` would want their gradients
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


def _layer_weights(n: int, geometric: bool, kind: str) -> np.ndarray:
    return losses.geometric_weights(n, kind=kind) if geometric else np.full(n, 1 / n)  # type: ignore[arg-type]


def passed(objective: Terms, picture: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the weighted terms and the gradient to go down by: the objective's own, if it has one."""
    if isinstance(objective, Objective):
        return objective.gradient(picture, weights)
    return gradient_of(objective, picture, weights)
