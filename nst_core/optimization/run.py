"""A run: pictures and a recipe in, Steps out, size by size, coarse to fine; it can be changed, left and gone on with."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nst_core import features, images
from nst_core.errors import BadRecipe, Diverged
from nst_core.features import Network
from nst_core.images import Image
from nst_core.machine import allocator
from nst_core.optimization.objective import Objective, Scene
from nst_core.optimization.optimizers import OPTIMIZERS, Adam, Evaluation, Lbfgs, OptimizerState
from nst_core.optimization.tiles import Tiles
from nst_core.pictures import surface
from nst_core.pictures.regions import Regions
from nst_core.pictures.styles import fitted
from nst_core.recipes import OptimizeRecipe
from nst_core.stylizer import Step, Style

PREVIEW = 1024  # pixels of the longer side of pictures on the way, at most
PICTURES = 50  # that a run shows on its way, at least
STYLE_SIDE = 1024  # pixels of a style's longer side, at most: few have more to show, enlarged they would blur what they teach
MIN_SCALE_SIDE = 64  # pixels of the shorter side: a coarser scale would have no structure left in block 5
PATIENCE, RUNAWAY = 10, 10.0  # after so many steps, a loss so many times their worst is diverging

# What may change while a run is under way; all else would be another run.
LIVE = frozenset({
    "content_weight", "style_weight", "tv_weight", "geometric_weights", "learning_rate", "warmup", "final_rate", "styles",
})  # fmt: skip


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
    kept = [f for f in recipe.fractions(max(height, width)) if f * min(height, width) >= MIN_SCALE_SIDE or f == 1][
        -recipe.iterations :
    ]
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
        """Prepare a run. initial: the picture that `init` image or instant starts from. state: of an earlier run.

        network: instead of the recipe's, for tests.
        """
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
        self._restored: OptimizerState | None = dict(state) if state else None
        self._optimizer: Adam | Lbfgs | Tiles | None = None
        self._stopped = False
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

    def stop(self) -> None:
        """Make the next step the last, its picture as it is then, at the content's shape."""
        self._stopped = True

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

    def state(self) -> OptimizerState:
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
            objective, self._optimizer = self._enter(self._scene(stage), resumed=resumed)
            watch = Watch(self._optimizer.picture)
            weights = self._weights_of(objective, end, stage.iterations)
            for evaluation in self._optimizer.steps(weights, end - self._iteration):
                self._iteration += 1
                terms = objective.by_name(evaluation.terms)
                if complaint := watch.complaint(evaluation, weights()[0]):
                    # of a picture in tiles no copy is kept: the best one is that of the size before
                    best = self._picture if isinstance(self._optimizer, Tiles) else watch.best
                    yield self._step(terms, self._result(best))
                    raise Diverged(f"{complaint} after {self._iteration} of {self.total} steps. {_WAY_OUT}")
                if self._stopped:
                    yield self._step(terms, self._result(self._optimizer.picture))
                    return
                if self._iteration < self.total:
                    shown = self._iteration == 1 or self._iteration % every == 0
                    yield self._step(terms, self._shown() if shown else None)
            self._picture, self._iteration = self._optimizer.picture, end  # L-BFGS may be done early
            del objective, watch, weights  # what the next size needs, they would keep
        yield self._step(terms, self._result(self._picture))

    def _scene(self, stage: Stage) -> Scene:
        longer = round(min(max(stage.height, stage.width), STYLE_SIDE) * self._recipe.style_scale)
        return Scene(
            images.resize(self._content, stage.height, stage.width),
            [fitted(style, longer) for style in self._styles],
            self._regions.at((stage.height, stage.width), self._recipe.halvings),
        )

    def _enter(self, scene: Scene, *, resumed: bool) -> tuple[Objective, Adam | Lbfgs | Tiles]:
        """Targets and optimiser at this size; what the last size needed is let go first."""
        self._optimizer = None
        picture = images.resize(self._picture, *scene.content.shape[:2])
        if np.may_share_memory(picture, self._picture):
            picture = picture.copy()  # it will be changed in place
        if self._recipe.in_tiles(*picture.shape[:2]):
            allocator.give_back()
        if scene.parts.held is not None:
            picture = np.where(scene.parts.held[..., None], scene.content, picture)
        state = self._restored if resumed else None
        if self._recipe.in_tiles(*picture.shape[:2]):
            by_tiles = Tiles(self._recipe, self._network, scene, picture, state)
            return by_tiles.objective, by_tiles
        objective = Objective(self._recipe, self._network, *scene)
        return objective, OPTIMIZERS[self._recipe.optimizer](objective, picture, state)

    def _weights_of(self, objective: Objective, end: int, iterations: int) -> Callable[[], tuple[np.ndarray, float]]:
        """What the next step is made with: the terms' weights and a rate."""

        def now() -> tuple[np.ndarray, float]:
            done = iterations - (end - self._iteration)
            return objective.weights(self._recipe, self._shares), rate(self._recipe, done, iterations)

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
            case "image" | "instant":
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

    def _shown(self) -> Image:
        """The picture on its way, no larger than somebody looks at."""
        assert self._optimizer is not None
        picture = self._optimizer.picture
        return self._finished(images.fit(picture, PREVIEW) if max(picture.shape) > PREVIEW else picture.copy())

    def _finished(self, picture: Image) -> Image:
        radius = self._recipe.chroma_smoothing
        calm = surface.smooth_chroma(picture, radius) if radius else picture
        return self._regions.finish(calm, self._shares)


def rate(recipe: OptimizeRecipe, done: int, iterations: int) -> float:
    """Return the learning rate of a step at one size: it rises, then falls along half a cosine. done: steps before it."""
    rising = recipe.warmup * iterations
    if done < rising:
        share = min(1.0, (done + 1) / rising)
    else:
        left = 0.5 + 0.5 * np.cos(np.pi * (done - rising) / max(1.0, iterations - 1 - rising))  # 1 … 0
        share = recipe.final_rate + (1 - recipe.final_rate) * left
    return recipe.learning_rate * share


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
