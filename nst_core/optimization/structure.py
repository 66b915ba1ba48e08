"""The structure of an objective: what is computed from a picture and its targets, traced once and used at every size.

A `Structure` depends on the recipe's network, layers, form and switches, and on how many styles and which masks there are.
Pictures, targets, guides and weights are inputs of its graphs, heights and widths unknown. So one graph serves every scale of a
run, and every later run of the same structure: TensorFlow keeps what it traces as long as the process lives.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from nst_core import features
from nst_core.features import Extractor, Network, Reading, losses, tf
from nst_core.recipes import ACTIVATION_SHIFT, OptimizeRecipe, block_number

KEPT = 8  # structures; TensorFlow keeps part of each for ever
# of a recipe: all that graphs depend on
FIELDS = (
    "features", "pooling", "precision", "form", "content_layers", "active_style_layers", "tv_form", "activation_shift",
    "correlation_chain",
)  # fmt: skip

Guides = Mapping[str, Any]  # by layer: T of each region, (n, h, w) at its size
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


class Targets(NamedTuple):
    """What a picture is compared with, and what masks let through.

    contents: maps (1, h, w, c). styles: the statistics of each, in their order. guides: see `Guides`; empty without masks.
    union: (1, h, w, 1), how much of each pixel belongs to styles; free: (1, h, w, 1), 0 where a pixel stays the content's; both
    None where there is nothing to hold back.
    """

    contents: list[tf.Tensor]
    styles: list[list[tf.Tensor]]
    guides: Guides
    union: tf.Tensor | None
    free: tf.Tensor | None


class Structure:
    """See the file's docstring."""

    def __init__(self, recipe: OptimizeRecipe, network: Network) -> None:
        self._recipe, self._form = recipe, FORMS[recipe.form]
        wanted = (*recipe.content_layers, *recipe.active_style_layers)
        dtype = features.fast_type() if recipe.precision == "auto" else tf.float32
        self.extract = Extractor(network, wanted, pooling=recipe.pooling, dtype=dtype)
        self.content_readings: list[Reading] = [(layer, tf.identity) for layer in recipe.content_layers]
        self._read = tf.function(self._read_content, [_picture()], autograph=False)
        self._graphs: dict[Any, Any] = {}
        self.traced = 0  # graphs

    def contents(self, picture: np.ndarray) -> list[tf.Tensor]:
        """Return the maps of a content (h, w, 3)."""
        return list(self._read(tf.constant(picture[None])))

    def style(self, picture: np.ndarray, guides: Guides | None) -> list[tf.Tensor]:
        """Return the statistics of a style picture (h, w, 3), of what its guide shows."""
        guides = None if guides is None else {layer: tf.convert_to_tensor(T) for layer, T in guides.items()}
        specs = None if guides is None else {layer: tf.TensorSpec([T.shape[0], None, None]) for layer, T in guides.items()}
        graph = self._graph("style", self._read_style, _picture(), specs)
        return list(graph(tf.constant(picture[None]), guides))

    def compiled(self, name: str, function: Callable[..., Any], targets: Targets, *more: tf.TensorSpec) -> Callable[..., Any]:
        """Return the graph of `function(structure, targets, picture, weights, *more)`, traced once for targets of this kind."""
        specs = Targets(
            [tf.TensorSpec([1, None, None, x.shape[-1]], x.dtype) for x in targets.contents],
            [[tf.TensorSpec(x.shape, x.dtype) for x in style] for style in targets.styles],
            {layer: tf.TensorSpec([T.shape[0], None, None], T.dtype) for layer, T in targets.guides.items()},
            None if targets.union is None else tf.TensorSpec([1, None, None, 1]),
            None if targets.free is None else tf.TensorSpec([1, None, None, 1]),
        )
        return self._graph(name, partial(function, self), specs, _picture(), tf.TensorSpec([None]), *more)

    def terms(self, picture: tf.Tensor, targets: Targets, compared: Callable[..., Any] = list) -> tf.Tensor:
        """Return every term before its weight: (1, h, w, 3) -> (n,). compared: what becomes of the picture's statistics."""
        guides = targets.guides or None
        readings = [*self.content_readings, *style_readings(self._recipe, guides)]
        read = self.extract.read(picture, readings)
        contents, own = read[: len(targets.contents)], read[len(targets.contents) :]
        if self._recipe.correlation_chain:
            own = chained(own, self._recipe, guides)
        own = compared(own)
        content = [self._form.content(x, target) for x, target in zip(contents, targets.contents, strict=True)]
        of = (lambda region: [x[region : region + 1] for x in own]) if guides else (lambda region: own)
        pairs = (zip(of(region), wanted, strict=True) for region, wanted in enumerate(targets.styles))
        style = [self._form.style(x, target) for pair in pairs for x, target in pair]
        return tf.stack([*content, *style, self._variation(picture)])

    def gradient(
        self, picture: tf.Tensor, weights: tf.Tensor, targets: Targets, compared: Callable[..., Any] = list
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the weighted terms and the gradient of their sum, as far as the masks let it through."""
        terms_of = lambda x: self.terms(x, targets, compared)  # noqa: E731
        if targets.union is None:
            terms, gradient = gradient_of(terms_of, picture, weights)
            return terms, gradient if targets.free is None else gradient * targets.free
        first = len(targets.contents)
        is_style = np.zeros(first + sum(map(len, targets.styles)) + 1, np.float32)
        is_style[first:-1] = 1
        with tf.GradientTape(watch_accessed_variables=False, persistent=True) as tape:
            picture = tf.convert_to_tensor(picture)
            tape.watch(picture)
            terms = terms_of(picture) * weights
            style, rest = (tf.reduce_sum(terms * chosen) for chosen in (is_style, 1 - is_style))
        return terms, tape.gradient(style, picture) * targets.union + tape.gradient(rest, picture)

    def _graph(self, name: str, function: Callable[..., Any], *specs: Any) -> Callable[..., Any]:
        flat = tf.nest.flatten(specs)
        key = name, len(flat), tuple(None if spec is None else (repr(spec.shape.as_list()), spec.dtype) for spec in flat)
        if key not in self._graphs:
            self._graphs[key] = tf.function(function, autograph=False).get_concrete_function(*specs)
            self.traced += 1
        return self._graphs[key]

    def _read_content(self, picture: tf.Tensor) -> list[tf.Tensor]:
        return self.extract.read(picture, self.content_readings)

    def _read_style(self, picture: tf.Tensor, guides: Guides | None) -> list[tf.Tensor]:
        read = self.extract.read(picture, style_readings(self._recipe, guides))
        return chained(read, self._recipe, guides) if self._recipe.correlation_chain else read

    def _variation(self, picture: tf.Tensor) -> tf.Tensor:
        total = losses.total_variation(picture, form=self._recipe.tv_form)
        return total / tf.cast(3 * losses.positions(picture), total.dtype) if self._form.mean_variation else total


def _picture() -> tf.TensorSpec:
    return tf.TensorSpec([1, None, None, 3])


@lru_cache(maxsize=KEPT)
def _structure(network: Network, recipe: OptimizeRecipe) -> Structure:
    return Structure(recipe, network)


def structure(recipe: OptimizeRecipe, network: Network) -> Structure:
    """Return the structure of a recipe's objective, the same one for recipes that differ in nothing that graphs depend on."""
    fields = {name: getattr(recipe, name) for name in FIELDS if name != "active_style_layers"}
    return _structure(network, OptimizeRecipe(**fields, style_layers=recipe.active_style_layers))


def style_readings(recipe: OptimizeRecipe, guides: Guides | None = None) -> list[Reading]:
    """What is read off each style layer: its statistic, of each region if there are guides, or its map for a chain."""

    def statistic(F: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
        if recipe.form == "moments":
            return losses.moments(F, mask=mask)
        gram = losses.gram_matrix(F, shift=_shift(recipe), mask=mask)
        return gram / tf.cast(losses.positions(F), gram.dtype) if mask is None else gram

    def by_region(F: tf.Tensor, layer: str) -> tf.Tensor:
        assert guides is not None
        return tf.concat([statistic(F, T) for T in tf.unstack(tf.convert_to_tensor(guides[layer]))], 0)

    if recipe.correlation_chain:
        return [(layer, tf.identity) for layer in recipe.active_style_layers]
    if guides is None:
        return [(layer, statistic) for layer in recipe.active_style_layers]
    return [(layer, partial(by_region, layer=layer)) for layer in recipe.active_style_layers]


def chained(read: Sequence[tf.Tensor], recipe: OptimizeRecipe, guides: Guides | None) -> list[tf.Tensor]:
    """The correlations of neighbouring layers' maps, of each region if there are guides."""
    shift, pairs = _shift(recipe), list(pairwise(read))
    blocks = [block_number(layer) for layer in recipe.active_style_layers]
    factors = [2 ** (upper - lower) for lower, upper in pairwise(blocks)]
    if guides is None:
        grams = [losses.chain_gram(*two, shift=shift, factor=k) for two, k in zip(pairs, factors, strict=True)]
        return [gram / tf.cast(losses.positions(upper), gram.dtype) for gram, (_, upper) in zip(grams, pairs, strict=True)]
    at_upper = [tf.unstack(tf.convert_to_tensor(guides[layer])) for layer in recipe.active_style_layers[1:]]
    return [
        tf.concat([losses.chain_gram(*two, shift=shift, mask=T, factor=k) for T in regions], 0)
        for two, k, regions in zip(pairs, factors, at_upper, strict=True)
    ]


def _shift(recipe: OptimizeRecipe) -> float:
    return ACTIVATION_SHIFT if recipe.activation_shift else 0.0


def statistic_names(recipe: OptimizeRecipe) -> list[str]:
    layers = recipe.active_style_layers
    return [f"{lower}+{upper}" for lower, upper in pairwise(layers)] if recipe.correlation_chain else list(layers)


def gradient_of(objective: Terms, picture: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The weighted terms and the gradient of their sum."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        picture = tf.convert_to_tensor(picture)
        tape.watch(picture)
        terms = objective(picture) * weights
        loss = tf.reduce_sum(terms)
    return terms, tape.gradient(loss, picture)
