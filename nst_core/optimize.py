"""A picture optimised until its features match those of the content and the style: pictures in, Steps out.

    recipe ─► Objective: named terms, unweighted ──┐
                                                   ├─► an optimiser at one size (Adam, Lbfgs) ─► Optimization, size by size
    weights, an input: they may change any time ───┘

Gatys et al. 2015, 1508.06576, with Novak & Nikulin's improvements, 1605.04603, as switches. TensorFlow lives here; only
workers import this file.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nst_core import features, images, losses, masks
from nst_core.errors import BadRecipe, Diverged
from nst_core.features import Extractor, Network, Reading
from nst_core.images import Image, Mask
from nst_core.lean import tf
from nst_core.recipes import ACTIVATION_SHIFT, OptimizeRecipe
from nst_core.regions import Regions
from nst_core.stylizer import Step, Style

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult

State = dict[str, np.ndarray]
Terms = Callable[[tf.Tensor], tf.Tensor]  # (1, h, w, 3) -> (n,)

PICTURES = 50  # that a run shows on its way, at least
MIN_SCALE_SIDE = 64  # pixels of the shorter side: a coarser scale would have no structure left in block 5
PATIENCE, RUNAWAY = 10, 10.0  # after so many steps, a loss so many times their worst is diverging

# What may change while a run is under way; all else would be another run.
LIVE = frozenset({"content_weight", "style_weight", "tv_weight", "geometric_weights", "learning_rate", "final_rate", "styles"})


# --- the objective ----------------------------------------------------------------------------------------------------


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


class Objective:
    """The terms of a recipe at one size, each a name and a number without its weight.

    content: (h, w, 3) at this size. styles: pictures at theirs. Targets are computed here, once. regions: with masks, each
    style's terms look at its own region, and weigh as much as that has of the picture; so a region is painted as the whole
    picture would be, however small.
    """

    def __init__(
        self,
        recipe: OptimizeRecipe,
        network: Network,
        content: Image,
        styles: Sequence[Image],
        regions: Regions | None = None,
    ) -> None:
        self._recipe, self._form = recipe, FORMS[recipe.form]
        self._brush = Brush(regions, len(styles), content.shape[:2], recipe) if regions and regions.masked else None
        guides = regions.guides if regions else [None] * len(styles)
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
        content = [self._form.content(x, target) for x, target in zip(contents, self._contents, strict=True)]
        pairs = (zip(self._of(region, own), targets, strict=True) for region, targets in enumerate(self._styles))
        style = [self._form.style(x, target) for pair in pairs for x, target in pair]
        return tf.stack([*content, *style, self._variation(picture)])

    def gradient(self, picture: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The weighted terms and the gradient of their sum, as far as the masks let it through."""
        if self._brush is None or not self._brush.partial:
            return _gradient(self, picture, weights)
        if self._brush.free is not None:
            terms, gradient = _gradient(self, picture, weights)
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
        normalised = self._brush.areas(shares) if self._brush else np.asarray(shares) / np.sum(shares)
        return np.concatenate([content, np.outer(normalised, style).ravel(), [recipe.tv_weight]]).astype(np.float32)

    def by_name(self, values: np.ndarray) -> dict[str, float]:
        """The values of the terms, those of several styles at one layer added up."""
        sums = dict.fromkeys(self.names, 0.0)
        for name, value in zip(self.names, values, strict=True):
            sums[name] += float(value)
        return sums

    def _target(self, style: Image, guide: Mask | None) -> list[tf.Tensor]:
        """The statistics of a style picture, of what its guide shows."""
        guides = None if guide is None else _at_layers(guide[None], style.shape[:2], self._recipe)
        read = self._extract.read(tf.constant(style[None]), _style_readings(self._recipe, guides))
        return _chained(read, self._recipe, guides) if self._recipe.correlation_chain else read

    def _of(self, region: int, statistics: list[tf.Tensor]) -> list[tf.Tensor]:
        """Of statistics by region, (n, …), one region's, (1, …)."""
        return [x[region : region + 1] for x in statistics] if self._brush else statistics

    def _variation(self, picture: tf.Tensor) -> tf.Tensor:
        total = losses.total_variation(picture, form=self._recipe.tv_form)
        return total / np.prod(picture.shape[1:]) if self._form.mean_variation else total


Guides = Mapping[str, tf.Tensor | tf.Variable]  # by layer: T of each region, (n, h, w) at its size


class Brush:
    """What masks do at one size, (h, w): where each style's statistics are taken, and what of a gradient passes.

    T is the root of a style's share of a pixel, averaged over what a layer's position stands for: T² adds up to the coverage
    where masks overlap. The weights of the styles may change: all that depends on them is a variable.
    """

    def __init__(self, regions: Regions, styles: int, shape: tuple[int, int], recipe: OptimizeRecipe) -> None:
        self._regions, self._shape, self._recipe = regions, shape, recipe
        held = regions.held(shape)
        self.free = None if held is None else tf.constant((~held[None, ..., None]).astype(np.float32))  # (1, h, w, 1)
        self._amounts, shares = (1.0,) * styles, regions.shares([1.0] * styles, shape)
        self._areas = shares.mean((1, 2), dtype=np.float64)
        self.partial = bool(shares.sum(0).min() < 1 - masks.BLACK)
        # no trainable ones: `recompute_grad` would want their gradients
        guides = _at_layers(shares, shape, recipe)
        self.guides: Guides = {layer: tf.Variable(T, trainable=False) for layer, T in guides.items()}
        self.union = tf.Variable(shares.sum(0)[None, ..., None], trainable=False)

    def areas(self, amounts: Sequence[float]) -> np.ndarray:
        """(n,): how much of the picture each style has, with these weights; from now on they hold."""
        if tuple(amounts) != self._amounts:
            self._amounts, shares = tuple(amounts), self._regions.shares(amounts, self._shape)
            self._areas = shares.mean((1, 2), dtype=np.float64)
            self.union.assign(shares.sum(0)[None, ..., None])
            for layer, T in _at_layers(shares, self._shape, self._recipe).items():
                self.guides[layer].assign(T)
        return self._areas


def _at_layers(shares: np.ndarray, shape: tuple[int, int], recipe: OptimizeRecipe) -> dict[str, np.ndarray]:
    """Guides from shares (n, h', w') on a picture of `shape`, for every style layer: block b has halved b − 1 times."""
    by_block = {}
    for block in {features.block_number(layer) for layer in recipe.active_style_layers}:
        size = shape[0] >> block - 1, shape[1] >> block - 1
        by_block[block] = np.sqrt(np.stack([masks.resize(share, size) for share in shares]))
    return {layer: by_block[features.block_number(layer)] for layer in recipe.active_style_layers}


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


# --- the optimisers, at one size --------------------------------------------------------------------------------------


class Evaluation(NamedTuple):
    """The terms at a picture, weighted: they add up to the loss."""

    terms: np.ndarray
    picture: Image  # where they were measured

    @property
    def loss(self) -> float:
        return float(self.terms.sum())


class Adam:
    """Kingma & Ba 2014, 1412.6980, on a picture kept in [0, 1]. One compiled step; weights and rate are its inputs."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, objective: Terms, picture: Image, state: State | None = None) -> None:
        state = state or {}
        zeros = np.zeros_like(picture[None])
        self._objective = objective
        self._picture = tf.Variable(picture[None])
        self._first, self._second = (tf.Variable(state.get(key, zeros)) for key in ("first", "second"))
        self._count = int(state.get("count", 0))
        self._compiled = tf.function(self._update, autograph=False)

    @property
    def picture(self) -> Image:
        return self._picture.numpy()[0]

    def state(self) -> State:
        moments = {"first": self._first.numpy(), "second": self._second.numpy()}
        return moments | {"count": np.array(self._count)}

    def steps(self, weights: Callable[[], tuple[np.ndarray, float]], iterations: int) -> Iterator[Evaluation]:
        """As many steps; `weights` is asked for weights and learning rate before each."""
        for _ in range(iterations):
            term_weights, rate = weights()
            before, self._count = self.picture, self._count + 1
            # bias correction, the paper's §2 at its end: one rate instead of two divisions of the moments
            rate *= np.sqrt(1 - self.BETA2**self._count) / (1 - self.BETA1**self._count)
            terms = self._compiled(term_weights, np.float32(rate)).numpy()
            yield Evaluation(terms, before)

    def _update(self, weights: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        terms, gradient = _passed(self._objective, self._picture, weights)
        self._first.assign(self.BETA1 * self._first + (1 - self.BETA1) * gradient)
        self._second.assign(self.BETA2 * self._second + (1 - self.BETA2) * tf.square(gradient))
        step = rate * self._first / (tf.sqrt(self._second) + self.EPSILON)
        self._picture.assign(tf.clip_by_value(self._picture - step, 0, 1))
        return terms


class Lbfgs:
    """L-BFGS-B of SciPy, the picture bounded to [0, 1]. A step is an accepted one: it lowers the loss.

    Curvature belongs to one set of weights: a change of weights begins anew from the picture at hand.
    """

    MEMORY = 5  # pairs of steps and gradients, in float64: 240 bytes a pixel; ten pairs, the default, gain little

    def __init__(self, objective: Terms, picture: Image, state: State | None = None) -> None:
        self.picture = picture
        self._compiled = tf.function(partial(_passed, objective), autograph=False)

    def state(self) -> State:
        return {}

    def steps(self, weights: Callable[[], tuple[np.ndarray, float]], iterations: int) -> Iterator[Evaluation]:
        """At most as many steps: fewer once no step lowers the loss any more."""
        done = 0
        while done < iterations:
            term_weights, _ = weights()
            for evaluation in self._descend(term_weights, iterations - done):
                self.picture, done = evaluation.picture, done + 1
                yield evaluation
                if not np.array_equal(weights()[0], term_weights):
                    break
            else:
                return

    def _descend(self, weights: np.ndarray, iterations: int) -> Iterator[Evaluation]:
        from scipy.optimize import Bounds, minimize  # 30 MB, and Adam needs none of it

        shape = self.picture.shape

        def run(accept: Callable[[Evaluation], None]) -> None:
            latest = np.zeros(0)

            def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
                nonlocal latest
                terms, gradient = self._compiled(tf.constant(x.reshape(1, *shape), tf.float32), weights)
                latest = terms.numpy().astype(np.float64)
                if not np.isfinite(latest.sum()):
                    accept(Evaluation(latest, self.picture))  # SciPy would end in silence
                return latest.sum(), gradient.numpy().ravel().astype(np.float64)

            # SciPy passes its result by this parameter's name; its last evaluation was of the point that it accepts
            def callback(intermediate_result: "OptimizeResult") -> None:
                accept(Evaluation(latest, intermediate_result.x.reshape(shape).astype(np.float32)))

            options = {"maxiter": iterations, "maxfun": 20 * iterations, "maxcor": self.MEMORY, "ftol": 0, "gtol": 0}
            start, box = self.picture.ravel().astype(np.float64), Bounds(0, 1)
            minimize(evaluate, start, jac=True, method="L-BFGS-B", bounds=box, callback=callback, options=options)

        yield from _one_at_a_time(run)


OPTIMIZERS: Mapping[str, type[Adam] | type[Lbfgs]] = {"adam": Adam, "lbfgs": Lbfgs}


def _passed(objective: Terms, picture: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The weighted terms and the gradient to go down by: the objective's own, if it has one."""
    own = objective.gradient if isinstance(objective, Objective) else partial(_gradient, objective)
    return own(picture, weights)


def _gradient(objective: Terms, picture: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The weighted terms and the gradient of their sum."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        picture = tf.convert_to_tensor(picture)
        tape.watch(picture)
        terms = objective(picture) * weights
        loss = tf.reduce_sum(terms)
    return terms, tape.gradient(loss, picture)


def _one_at_a_time(run: Callable[[Callable[[Evaluation], None]], None]) -> Iterator[Evaluation]:
    """What `run` hands to the callback it is given, one at a time: it works on a thread that waits while nobody asks."""
    handed: queue.SimpleQueue[Evaluation | BaseException | None] = queue.SimpleQueue()
    asked, abandoned = threading.Semaphore(0), threading.Event()

    def accept(evaluation: Evaluation) -> None:
        handed.put(evaluation)
        asked.acquire()
        if abandoned.is_set():
            raise StopIteration  # SciPy's sign to end

    def work() -> None:
        asked.acquire()
        try:
            run(accept)
            handed.put(None)
        except BaseException as error:  # to be raised where somebody catches it
            handed.put(error)

    thread = threading.Thread(target=work, name="nst-lbfgs", daemon=True)
    thread.start()
    try:
        while True:
            asked.release()
            match handed.get():
                case None:
                    return
                case Evaluation() as evaluation:
                    yield evaluation
                case BaseException() as error:
                    raise error
    finally:
        abandoned.set()
        asked.release()
        thread.join()


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """A size, and how many iterations are made at it."""

    height: int
    width: int
    iterations: int


def stages(recipe: OptimizeRecipe, height: int, width: int) -> list[Stage]:
    """Coarse to fine; each stage gets iterations in inverse proportion to its side, and one at least.

    Stages too small to hold structure are left out.
    """
    fractions = [recipe.scale_factor**-k for k in reversed(range(recipe.scales))]
    kept = [f for f in fractions if f * min(height, width) >= MIN_SCALE_SIDE or f == 1][-recipe.iterations :]
    ends = np.cumsum([1 / f for f in kept]) / sum(1 / f for f in kept) * recipe.iterations
    counts = np.diff(np.maximum(np.round(ends), 1 + np.arange(len(kept))), prepend=0)
    return [Stage(round(f * height), round(f * width), int(n)) for f, n in zip(kept, counts, strict=True)]


class Optimization:
    """A run, an iterator of Steps: losses at every one, a picture at every few, the result in the last.

    The last Step has exactly the content's shape; pictures before it may be smaller. `change` takes effect at the next
    step. `state` after any step starts another Optimization that goes on from there, with the same numbers.
    Raises: BadRecipe, ModelUnavailable at once; Diverged while iterating, after a last Step with the best picture so far.
    """

    def __init__(
        self,
        content: Image,
        styles: Sequence[Style],
        recipe: OptimizeRecipe,
        *,
        initial: Image | None = None,
        state: Mapping[str, np.ndarray] | None = None,
        network: Network | None = None,
    ) -> None:
        """initial: what `init="image"` starts from. state: of an earlier run. network: instead of the recipe's, for tests."""
        self._network = network or features.network(recipe.features)
        self._content, self._recipe = content, recipe
        self._shares = _shares(styles)
        self._regions = Regions(content, styles, recipe)
        self._styles = self._regions.recolored()
        self._stages = stages(recipe, *content.shape[:2])
        self._iteration = int(state["iteration"]) if state else 0
        self._before = float(state["seconds"]) if state else 0.0  # seconds that earlier runs took
        self._start = time.perf_counter()
        self._picture = np.array(state["picture"]) if state else self._first_picture(initial)
        self._restored: State | None = dict(state) if state else None
        self._optimizer: Adam | Lbfgs | None = None
        self._steps = self._run()

    @property
    def total(self) -> int:
        return self._recipe.iterations

    def __iter__(self) -> Iterator[Step]:
        return self

    def __next__(self) -> Step:
        return next(self._steps)

    def close(self) -> None:
        """Give the run up; its threads end."""
        self._steps.close()

    def change(self, recipe: OptimizeRecipe) -> None:
        """New weights or learning rate from the next step on; the optimiser keeps what it knows.

        Weights of several styles are those of `recipe.styles`.
        Raises: BadRecipe when something else differs.
        """
        differing = {name for name in type(recipe).model_fields if getattr(recipe, name) != getattr(self._recipe, name)}
        if fixed := differing - LIVE:
            raise BadRecipe(f"A run keeps its {', '.join(sorted(fixed))}; start a new one to change that.")
        if "styles" in differing:
            if len(recipe.styles) != len(self._styles):
                raise BadRecipe(f"A run keeps its {len(self._styles)} styles; only their weights can change.")
            pairs = zip(recipe.styles, self._recipe.styles, strict=False)  # the old recipe may name none
            if any(new.model_copy(update={"weight": old.weight}) != old for new, old in pairs):
                raise BadRecipe("A run keeps its styles and their masks; start a new one to change these.")
            self._shares = [style.weight for style in recipe.styles]
        self._recipe = recipe

    def state(self) -> State:
        """Everything that the rest of the run depends on, as arrays; `numpy.savez` takes them."""
        picture = self._optimizer.picture if self._optimizer else self._picture
        own = self._optimizer.state() if self._optimizer else {}
        return own | {
            "picture": picture,
            "iteration": np.array(self._iteration),
            "seconds": np.array(self._seconds()),
        }

    # --- inside the run

    def _run(self) -> Generator[Step]:
        every, end, terms = max(1, self.total // PICTURES), 0, {}
        for stage in self._stages:
            resumed, end = self._iteration > end, end + stage.iterations
            if self._iteration >= end:
                continue  # an earlier run did it
            objective, self._optimizer = self._enter(stage, resumed=resumed)
            watch = Watch(self._optimizer.picture)
            weights = self._weights_of(objective, end, stage.iterations)
            for evaluation in self._optimizer.steps(weights, end - self._iteration):
                self._iteration += 1
                terms = objective.by_name(evaluation.terms)
                if complaint := watch.complaint(evaluation, weights()[0]):
                    yield self._step(terms, self._result(watch.best))
                    raise Diverged(f"{complaint} after {self._iteration} of {self.total} steps. {_WAY_OUT}")
                if self._iteration < self.total:
                    shown = self._iteration % every == 0
                    yield self._step(terms, self._finished(self._optimizer.picture) if shown else None)
            self._picture, self._iteration = self._optimizer.picture, end  # L-BFGS may be done early
        yield self._step(terms, self._result(self._picture))

    def _enter(self, stage: Stage, *, resumed: bool) -> tuple[Objective, Adam | Lbfgs]:
        """Targets and optimiser at this size; what the last size needed is let go first."""
        self._optimizer = None
        content = images.resize(self._content, stage.height, stage.width)
        longer = max(32, round(max(stage.height, stage.width) * self._recipe.style_scale))
        styles = [images.fit(style, longer) for style in self._styles]
        objective = Objective(self._recipe, self._network, content, styles, self._regions)
        picture = images.resize(self._picture, stage.height, stage.width)
        held = self._regions.held(content.shape[:2])
        if held is not None:
            picture = np.where(held[..., None], content, picture)
        return objective, OPTIMIZERS[self._recipe.optimizer](objective, picture, self._restored if resumed else None)

    def _weights_of(self, objective: Objective, end: int, iterations: int) -> Callable[[], tuple[np.ndarray, float]]:
        """What the next step is made with: the terms' weights and the learning rate, which falls along half a cosine."""

        def now() -> tuple[np.ndarray, float]:
            recipe = self._recipe
            left = 0.5 + 0.5 * np.cos(np.pi * (1 - (end - self._iteration) / iterations))  # 1 … 0 over the stage
            rate = recipe.learning_rate * (recipe.final_rate + (1 - recipe.final_rate) * left)
            return objective.weights(recipe, self._shares), rate

        return now

    def _first_picture(self, initial: Image | None) -> Image:
        height, width = self._stages[0].height, self._stages[0].width
        match self._recipe.init:
            case "content":
                return images.resize(self._content, height, width)
            case "noise":
                return np.random.default_rng(self._recipe.seed).random((height, width, 3), np.float32)
            case "style":
                return images.resize(self._styles[int(np.argmax(self._shares))], height, width)
            case "image":
                if initial is None:
                    raise BadRecipe("This recipe starts from a picture, but none came with it; choose another start.")
                return images.resize(initial, height, width)

    def _step(self, terms: Mapping[str, float], image: Image | None) -> Step:
        return Step(self._iteration, self.total, terms, image, self._seconds())

    def _seconds(self) -> float:
        return self._before + time.perf_counter() - self._start

    def _result(self, picture: Image) -> Image:
        """At the content's shape, in the colours that the recipe asks for."""
        return self._finished(images.resize(picture, *self._content.shape[:2]))

    def _finished(self, picture: Image) -> Image:
        return self._regions.finish(picture, self._shares)


class Watch:
    """Keeps the best picture of a stage, and notices losses that are no numbers or run away."""

    def __init__(self, picture: Image) -> None:
        self.best = picture
        self._lowest, self._worst, self._seen = np.inf, 0.0, 0
        self._weights = np.zeros(0)

    def complaint(self, evaluation: Evaluation, weights: np.ndarray) -> str | None:
        """How the sentence begins, None while all is well."""
        if not np.array_equal(weights, self._weights):  # other weights, another loss: nothing to compare with
            self._lowest, self._worst, self._seen, self._weights = np.inf, 0.0, 0, weights
        self._seen += 1
        if not np.isfinite(evaluation.loss):
            return "The losses are no numbers any more"
        if self._seen <= PATIENCE:
            self._worst = max(self._worst, evaluation.loss)
        elif evaluation.loss > RUNAWAY * self._worst:
            return "The losses grow without end"
        if evaluation.loss < self._lowest:
            self._lowest, self.best = evaluation.loss, evaluation.picture
        return None


_WAY_OUT = "Choose a lower learning rate or smaller weights; the best picture until then is kept."


def _shares(styles: Sequence[Style]) -> list[float]:
    if not any(style.weight > 0 for style in styles):
        raise BadRecipe("Choose at least one style with a weight above 0.")
    return [style.weight for style in styles]


def warm_up() -> None:
    """Load TensorFlow and our eyes, and make a small step, so that a run begins at once."""
    grey = np.full((MIN_SCALE_SIDE, MIN_SCALE_SIDE, 3), 0.5, np.float32)
    for _ in Optimization(grey, [Style(grey)], OptimizeRecipe(iterations=1, scales=1)):
        pass


# --- as a Stylizer ----------------------------------------------------------------------------------------------------


class Optimizer:
    """Satisfies `Stylizer`."""

    name = "optimize"

    def stylize(self, content: Image, styles: Sequence[Style], recipe: OptimizeRecipe) -> Iterator[Step]:
        """The Steps of an Optimization."""
        return Optimization(content, styles, recipe)


def stylize(content: Image, styles: Sequence[Style], recipe: OptimizeRecipe) -> Iterator[Step]:
    """The Steps of an Optimization; the last carries the result, of exactly the content's shape."""
    return Optimization(content, styles, recipe)
