"""Train a texture network: a style, photographs and a recipe in, Steps out. It can be paused, stopped early, and resumed."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nst_core import features
from nst_core.errors import Diverged
from nst_core.features import tf
from nst_core.images import Image
from nst_core.models import weights
from nst_core.pictures.styles import fitted
from nst_core.recipes import TrainingRecipe
from nst_core.stylizer import Step
from nst_core.texture_networks import generators
from nst_core.texture_networks.generators import LOG, MAX_LOG, TextureNetwork, Trained
from nst_core.texture_networks.painting import draw_noise
from nst_core.texture_networks.training.generator import Generator, first_values, quiet
from nst_core.texture_networks.training.perception import Perception, PerceptualObjective
from nst_core.texture_networks.training.photographs import crops, default_photographs, photographs_in

TrainingState = dict[str, np.ndarray]

WARM_UP = 24  # steps at a rising rate; by the later of them a budget of seconds is turned into steps
UNTIMED = 8  # of them, first: tracing, caches
SHOW_EVERY = 2.0  # seconds between pictures, more in long runs:
SHOWN = 90  # as many at most
LOGGED = 200  # rows
AVERAGED = 0.99  # of the average of weights that is kept at a step
BETA1, BETA2, TINY = 0.9, 0.99, 1e-8  # Adam's; a short memory of squares, for the scale of gradients falls fast at first
MOMENTUM = 0.95  # of batch normalisation's running statistics


def train(
    style: Image,
    recipe: TrainingRecipe,
    shown: Image,
    *,
    folder: Path | None = None,
    state: Mapping[str, np.ndarray] | None = None,
) -> "Training":
    """Return the training of a recipe, or its continuation. folder: of photographs; None: built-in ones.

    Raises: ModelUnavailable, BadPicture.
    """
    objective = Perception(recipe, features.network(recipe.features), fitted(style, recipe.style_size))
    photographs = [] if recipe.purpose == "synthesize" else photographs_in(folder) if folder else default_photographs()
    start = generators.read(weights.NETWORK_START.read_bytes()) if recipe.start == "photograph" else None
    if start and start.plan != generators.plan(recipe):
        start = None  # other layers than the photograph's network has
    return Training(objective, recipe, photographs, shown, state=state, start=quiet(start.arrays) if start else None)


class Sample(NamedTuple):
    """Hold the input of a step."""

    content: np.ndarray | None  # (n, crop, crop, 3)
    noises: list[np.ndarray]


class Training:
    """Iterate over Steps: losses at every one, the same photograph painted every few seconds, the network in the last.

    `state` after any step starts another Training that goes on from there with the same numbers: what a step learns from
    depends on the seed and its number alone. `stop` makes the next Step the last.
    Raises: ModelUnavailable, BadPicture at once; Diverged while iterating.
    """

    def __init__(
        self,
        objective: "PerceptualObjective",
        recipe: TrainingRecipe,
        photographs: Sequence[np.ndarray],
        shown: Image,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        start: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Prepare a training. photographs: 8 bits. shown: painted as a preview. state: of an earlier run. start: arrays of a
        network.
        """
        self._recipe, self._photographs, self._shown = recipe, photographs, shown
        self._plan = generators.plan(recipe)
        self._objective = objective
        self._generator = Generator(self._plan, features.fast_type())
        self._names = [name for name in self._plan.shapes if generators.trainable(name)]
        rng = np.random.default_rng((recipe.seed, 0))
        first = first_values(self._plan, rng) | dict(start or {})
        flat = np.concatenate([first[name].ravel() for name in self._names])
        state = state or {}
        saved = lambda key: tf.Variable(state.get(key, np.zeros_like(flat)))  # noqa: E731
        self._flat = tf.Variable(state.get("flat", flat))  # all trained values in one vector, for Adam
        self._average = tf.Variable(state.get("average", flat))  # moving average, which is shown and saved
        self._first, self._second = saved("first"), saved("second")
        running = [name for name in first if not generators.trainable(name)]
        self._running = {name: tf.Variable(state.get(name, first[name])) for name in running}
        steps = recipe.steps if recipe.seconds is None else max(recipe.steps, WARM_UP + 1)
        self._iteration = int(state.get("iteration", 0))
        self._planned = int(state.get("planned", steps))  # the steps over which the learning rate falls
        self._total = int(state.get("total", steps))  # the last step; earlier if stopped
        self._paced = bool(state.get("paced", recipe.seconds is None))  # the budget of seconds was already converted to steps
        if not self._paced:
            self._total = max(self._total, self._iteration + 2 * UNTIMED + 1)
        self._log = [tuple(row) for row in state.get("log", ())]
        self._unlogged = [tuple(row) for row in state.get("unlogged", ())]
        self._before = float(state.get("seconds", 0.0))  # seconds of earlier runs
        self._start, self._drawn, self._began = time.perf_counter(), -np.inf, self._iteration
        self._clock = self._iteration, self._start  # the start of measuring the pace
        self._update = tf.function(self._update_graph, autograph=False)
        self._generate = tf.function(self._generate_graph, autograph=False)

    @property
    def total(self) -> int:
        return self._total

    def __iter__(self) -> Iterator[Step]:
        return self

    def __next__(self) -> Step:
        if self._iteration >= self._total:
            raise StopIteration
        self._iteration += 1
        terms = dict(zip(self._objective.names, map(float, self._learn()), strict=True))
        if not np.isfinite(sum(terms.values())):
            raise Diverged(
                f"The losses are no numbers any more after {self._iteration} of {self._total} steps. "
                "Choose a lower learning rate."
            )
        self._note(terms)
        if self._iteration - self._began == UNTIMED:
            self._clock = self._iteration, time.perf_counter()
        if not self._paced and self._iteration >= max(WARM_UP, self._began + 2 * UNTIMED):
            self._plan_steps()
        seen = {name: value for name, value in terms.items() if value}
        if self._iteration == self._total:
            step = self._iteration, self._total, seen, self._paint(), self._seconds()
            return Trained(*step, generators.write(self.network()))
        return Step(self._iteration, self._total, seen, self._picture(), self._seconds())

    def stop(self) -> None:
        """Make the next Step the last, with the network as it is then."""
        self._paced, self._total = True, min(self._total, self._iteration + 1)

    def network(self) -> TextureNetwork:
        """Return the current network."""
        arrays = {name: array.numpy() for name, array in self._values(self._average).items()}
        recipe = self._recipe.model_copy(update={"steps": self._planned, "seconds": None})
        return TextureNetwork(recipe, arrays, np.array(self._log, np.float32).reshape(-1, len(LOG)))

    def state(self) -> TrainingState:
        """Return the arrays that the rest of the training depends on, for `numpy.savez`."""
        vectors = {"flat": self._flat, "average": self._average, "first": self._first, "second": self._second}
        arrays = {name: variable.numpy() for name, variable in (vectors | self._running).items()}
        numbers: dict[str, float] = {"iteration": self._iteration, "planned": self._planned, "total": self._total}
        numbers |= {"paced": self._paced, "seconds": self._seconds()}
        rows = {"log": np.reshape(self._log, (-1, len(LOG))), "unlogged": np.reshape(self._unlogged, (-1, 2))}
        return arrays | {name: np.array(number) for name, number in numbers.items()} | rows

    # --- inside a step

    def _learn(self) -> np.ndarray:
        """Make a step of Adam and return the weighted terms."""
        sample = self._sample()
        rate = self._rate() * np.sqrt(1 - BETA2**self._iteration) / (1 - BETA1**self._iteration)
        keep = min(AVERAGED, (1 + self._iteration) / (10 + self._iteration))
        return self._update(sample.content, sample.noises, np.float32(rate), np.float32(keep)).numpy()

    def _sample(self) -> Sample:
        """Draw a sample from seed and step number only, so that a resumed training needs no other random state."""
        rng, side, n = np.random.default_rng((self._recipe.seed, self._iteration)), self._recipe.crop, self._recipe.batch
        content = crops(self._photographs, n, side, rng) if self._plan.picture else None
        return Sample(content, draw_noise(self._plan, rng, n, side, side))

    def _rate(self) -> float:
        """Return the learning rate: it rises over WARM_UP steps, then falls along half a cosine."""
        recipe = self._recipe
        if self._iteration <= WARM_UP:
            return recipe.learning_rate * self._iteration / WARM_UP
        left = 0.5 + 0.5 * np.cos(np.pi * (self._iteration - WARM_UP) / max(1, self._planned - WARM_UP))
        return recipe.learning_rate * (recipe.final_rate + (1 - recipe.final_rate) * left)

    def _update_graph(self, content: tf.Tensor | None, noises: list[tf.Tensor], rate: tf.Tensor, keep: tf.Tensor) -> tf.Tensor:
        statistics: dict[str, tf.Tensor] = {}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            flat = tf.convert_to_tensor(self._flat)
            tape.watch(flat)
            made = self._generator(self._values(flat), content, noises, statistics)
            terms = self._objective(made, content)
            loss = tf.reduce_sum(terms)
        gradient = tape.gradient(loss, flat)
        self._first.assign(BETA1 * self._first + (1 - BETA1) * gradient)
        self._second.assign(BETA2 * self._second + (1 - BETA2) * tf.square(gradient))
        flat -= rate * self._first / (tf.sqrt(self._second) + TINY)
        self._flat.assign(flat)
        self._average.assign(keep * self._average + (1 - keep) * flat)
        for name, value in statistics.items():
            self._running[name].assign(MOMENTUM * self._running[name] + (1 - MOMENTUM) * value)
        return terms

    def _values(self, flat: tf.Tensor) -> dict[str, tf.Tensor]:
        """Split the vector into the plan's arrays, and add the running statistics."""
        shapes = [self._plan.shapes[name] for name in self._names]
        pieces = tf.split(flat, [int(np.prod(shape)) for shape in shapes])
        arrays = {name: tf.reshape(p, shape) for name, p, shape in zip(self._names, pieces, shapes, strict=True)}
        return arrays | {name: tf.convert_to_tensor(variable) for name, variable in self._running.items()}

    # --- what is shown

    def _picture(self) -> Image | None:
        """Return a preview every few seconds; this takes time but changes no number."""
        expected = self._recipe.seconds or self._seconds() / self._iteration * self._total
        if time.perf_counter() - self._drawn < max(SHOW_EVERY, expected / SHOWN) and self._iteration > 1:
            return None
        self._drawn = time.perf_counter()
        return self._paint()

    def _paint(self) -> Image:
        """Paint the preview with the current network; for textures, one of its size."""
        h, w, _ = self._shown.shape
        multiple = self._plan.multiple
        picture = np.pad(self._shown, ((0, -h % multiple), (0, -w % multiple), (0, 0)), "symmetric")
        noises = draw_noise(self._plan, np.random.default_rng(self._recipe.seed), 1, *picture.shape[:2])
        return self._generate(picture[None] if self._plan.picture else None, noises)[0, :h, :w].numpy()

    def _generate_graph(self, picture: tf.Tensor | None, noises: list[tf.Tensor]) -> tf.Tensor:
        return self._generator(self._values(self._average), picture, noises)

    def _note(self, terms: Mapping[str, float]) -> None:
        """Add a row to the log every few steps and at the end: means since the last row."""
        style = sum(value for name, value in terms.items() if name.startswith("style/"))
        self._unlogged.append((terms["content"], style))
        due = len(self._unlogged) >= max(1, self._planned // LOGGED) or self._iteration == self._total
        if due and len(self._log) < MAX_LOG:
            self._log.append((self._iteration, self._seconds(), *np.mean(self._unlogged, 0)))
            self._unlogged = []

    def _plan_steps(self) -> None:
        """Convert the budget of seconds to steps, at the recent pace."""
        seconds = self._recipe.seconds or 0.0
        then, clock = self._clock
        taken = (time.perf_counter() - clock) / max(1, self._iteration - then)
        self._planned = self._total = self._iteration + max(1, int((seconds - self._seconds()) / taken))
        self._paced = True

    def _seconds(self) -> float:
        return self._before + time.perf_counter() - self._start
