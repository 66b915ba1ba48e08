"""Texture networks: one small network a style, trained here; `texture_painter.py` paints with what came of it.

Ulyanov et al. 2016, 1603.03417, and 1607.08022 for instance normalisation; perceptual loss as there. A `Generator` is the
plan of `generators.py` as tensors; a `Training` an iterator of Steps. TensorFlow lives here; only workers and the command line
import this file.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image as Pillow

from nst_core import features, generators, images, losses, weights
from nst_core.errors import BadPicture, Diverged
from nst_core.features import Extractor, Network, Reading
from nst_core.generators import LOG, MAX_LOG, Convolution, Plan, TextureNetwork, Trained
from nst_core.images import Image
from nst_core.lean import tf
from nst_core.recipes import TrainingRecipe
from nst_core.stylizer import Step
from nst_core.texture_painter import EPSILON, LIMIT, draw_noise

Values = Mapping[str, tf.Tensor]
State = dict[str, np.ndarray]

MOMENTUM = 0.95  # of batch normalisation's running statistics
PHOTOGRAPHS = Path(__file__).parent.parent / "assets" / "photographs"
MAX_PHOTOGRAPHS, PHOTOGRAPH_SIDE = 1000, 640  # read from a folder, and their longer side: 0.8 GB at most
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}

# --- the generator ----------------------------------------------------------------------------------------------------


class Generator:
    """The plan as tensors: pictures and noise in, pictures out; the numbers come from outside, so that they can be trained.

    dtype: of the convolutions; sums and normalisations stay in float32.
    """

    def __init__(self, plan: Plan, dtype: tf.DType = tf.float32) -> None:
        self.plan, self._dtype = plan, dtype
        self._pad = replicate if plan.picture else wrap

    def __call__(
        self,
        values: Values,
        picture: tf.Tensor | None,
        noises: Sequence[tf.Tensor],
        statistics: dict[str, tf.Tensor] | None = None,
    ) -> tf.Tensor:
        """(n, h, w, 3) in [0, 1], sides multiples of the plan's, and a noise a stage -> the same shape in [0, 1].

        statistics: batch normalisation uses those of this batch, and leaves them here: training. None: the running ones.
        """
        x = None
        for stage, noise in zip(self.plan.stages, noises, strict=True):
            parts = [noise] if picture is None else [pool(picture, stage.ratio) * 2 - 1, noise]
            branch = self._chain(tf.concat(parts, -1), values, stage.branch, statistics)
            if x is None:
                x = branch
                continue
            # normalising before the copy: each pixel four times has the same mean and variance, at a quarter of the work
            name = f"join{stage.ratio}/coarser"
            x = self._norm(x, values, name, statistics)
            x = enlarge(limit(x, values[f"{name}/scale"], values[f"{name}/shift"]))
            branch = self._norm(branch, values, f"join{stage.ratio}/branch", statistics)
            x = self._chain(tf.concat([x, branch], -1), values, stage.join, statistics)
        x = self._convolve(x, values["rgb/kernel"])
        return tf.sigmoid(tf.cast(x, tf.float32) + values["rgb/bias"])  # the papers clip; a sigmoid has a gradient everywhere

    def _chain(self, x: tf.Tensor, values: Values, convolutions: Sequence[Convolution], statistics: object) -> tf.Tensor:
        for c in convolutions:
            x = self._convolve(x, values[f"{c.name}/kernel"])
            x = tf.nn.relu(self._norm(x, values, c.name, statistics))
        return x

    def _convolve(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        x = tf.cast(x, self._dtype)
        x = self._pad(x) if kernel.shape[0] == 3 else x
        return tf.cast(tf.nn.conv2d(x, tf.cast(kernel, self._dtype), 1, "VALID"), tf.float32)

    def _norm(self, x: tf.Tensor, values: Values, name: str, statistics: object) -> tf.Tensor:
        scale, shift = values[f"{name}/scale"], values[f"{name}/shift"]
        if self.plan.normalisation == "instance":
            return instance_norm(x, scale, shift)
        if isinstance(statistics, dict):
            x, mean, variance = batch_norm(x, scale, shift)
            statistics |= {f"{name}/mean": mean, f"{name}/variance": variance}
            return x
        return batch_norm(x, scale, shift, values[f"{name}/mean"], values[f"{name}/variance"])[0]


def instance_norm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Each picture's each channel to mean 0 and variance 1 over its h × w, then scale and shift (c,). 1607.08022, eq. 5.

    Over one picture, batch normalisation in training mode is the same, and its fused kernel four times as fast.
    """
    if x.shape[0] == 1:
        return batch_norm(x, scale, shift)[0]
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return (x - mean) * (tf.math.rsqrt(variance + EPSILON) * scale) + shift


def batch_norm(
    x: tf.Tensor,
    scale: tf.Tensor,
    shift: tf.Tensor,
    mean: tf.Tensor | None = None,
    variance: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """(normalised, mean, variance): by the batch's own mean and variance, or by those given."""
    return tf.compat.v1.nn.fused_batch_norm(
        x, scale, shift, mean=mean, variance=variance, epsilon=EPSILON, is_training=mean is None
    )


def limit(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """What a normalisation with this scale and shift made, cut where it is more than LIMIT deviations out.

    Ours: a network learns to shift a whole map's statistics by a few coarse pixels far outside, and they end as white blots.
    """
    reach = LIMIT * tf.abs(scale)
    return tf.clip_by_value(x, shift - reach, shift + reach)


def pool(picture: tf.Tensor, ratio: int) -> tf.Tensor:
    return picture if ratio == 1 else tf.nn.avg_pool2d(picture, ratio, ratio, "VALID")


@tf.custom_gradient
def enlarge(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """Every pixel four times: (n, h, w, c) -> (n, 2h, 2w, c). Its gradient is a sum of four, four times an average."""
    return tf.repeat(tf.repeat(x, 2, 1), 2, 2), lambda upstream: 4 * tf.nn.avg_pool2d(upstream, 2, 2, "VALID")


@tf.custom_gradient
def replicate(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """One pixel more on every side, the copy of its neighbour: (n, h, w, c) -> (n, h + 2, w + 2, c)."""
    tall = tf.concat([x[:, :1], x, x[:, -1:]], 1)
    padded = tf.concat([tall[:, :, :1], tall, tall[:, :, -1:]], 2)
    border = [[0, 0], [1, 1], [1, 1], [0, 0]]  # of one pixel, a symmetric border is a replicated one
    return padded, lambda upstream: tf.raw_ops.MirrorPadGrad(input=upstream, paddings=border, mode="SYMMETRIC")


def wrap(x: tf.Tensor) -> tf.Tensor:
    """One pixel more on every side, that of the opposite side, so that the result can be laid as tiles."""
    tall = tf.concat([x[:, -1:], x, x[:, :1]], 1)
    return tf.concat([tall[:, :, -1:], tall, tall[:, :, :1]], 2)


def first_values(plan: Plan, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Where a training begins: kernels as He et al. 2015, scales and variances one, the rest zero."""
    values = {}
    for name, shape in plan.shapes.items():
        if name.endswith("/kernel"):
            values[name] = rng.standard_normal(shape, np.float32) * np.sqrt(2 / np.prod(shape[:3]), dtype=np.float32)
        else:
            values[name] = np.full(shape, float(name.endswith(("/scale", "/variance"))), np.float32)
    return values


def train(
    style: Image,
    recipe: TrainingRecipe,
    shown: Image,
    *,
    folder: Path | None = None,
    state: Mapping[str, np.ndarray] | None = None,
) -> "Training":
    """The training that the recipe describes, or the rest of one. folder: of photographs; None: ours.

    Raises: ModelUnavailable, BadPicture.
    """
    objective = Perception(recipe, features.network(recipe.features), images.fit(style, recipe.style_size))
    photographs = [] if recipe.purpose == "synthesize" else photographs_in(folder) if folder else default_photographs()
    start = generators.read(weights.NETWORK_START.read_bytes()) if recipe.start == "photograph" else None
    if start and start.plan != generators.plan(recipe):
        start = None  # other layers than the photograph's network has
    return Training(objective, recipe, photographs, shown, state=state, start=quiet(start.arrays) if start else None)


QUIET = 0.2


def quiet(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The same network with softer voices from the coarser scales.

    At full strength they answer the first steps of a style with blots: a few coarse pixels far outside, which normalisation
    makes larger still, and which no later step takes back.
    """
    return {name: array * QUIET if name.endswith("/coarser/scale") else array for name, array in arrays.items()}


# --- photographs ------------------------------------------------------------------------------------------------------


def default_photographs() -> list[np.ndarray]:
    """scikit-image's and our rendered ones, 8 bits."""
    from skimage import data

    files = [images.decode(path.read_bytes(), max_side=PHOTOGRAPH_SIDE) for path in sorted(PHOTOGRAPHS.glob("*.jpg"))]
    theirs = (data.astronaut(), data.chelsea(), data.coffee(), data.rocket(), data.stereo_motorcycle()[0])
    return [*theirs, *map(images.to_uint8, files)]


def first_photograph() -> Image:
    """What a training shows on its way, where nobody chose."""
    return images.decode((PHOTOGRAPHS / "mountain-lake.jpg").read_bytes())


def photographs_in(folder: Path) -> list[np.ndarray]:
    """All that can be read, 8 bits.

    Raises: BadPicture when there is none.
    """
    found: list[np.ndarray] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix.lower() in SUFFIXES and len(found) < MAX_PHOTOGRAPHS:
            found.append(images.to_uint8(images.decode(path.read_bytes(), name=path.name, max_side=PHOTOGRAPH_SIDE)))
    if not found:
        raise BadPicture(f"There is no photograph in {folder}.")
    return found


def crops(photographs: Sequence[np.ndarray], n: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """(n, side, side, 3) in [0, 1]: squares of any size from anywhere, some mirrored, in somewhat other colours."""
    batch = np.empty((n, side, side, 3), np.float32)
    for i in range(n):
        photograph = photographs[int(rng.integers(len(photographs)))]
        shorter = min(photograph.shape[:2])
        size = int(shorter * rng.uniform(0.4, 1))
        y, x = (int(rng.integers(length - size + 1)) for length in photograph.shape[:2])
        square = Pillow.fromarray(photograph[y : y + size, x : x + size])
        batch[i] = np.asarray(square.resize((side, side), Pillow.Resampling.BICUBIC), np.float32) / 255
        if rng.random() < 0.5:
            batch[i] = batch[i, :, ::-1]
        if rng.random() < 0.3:
            batch[i] = batch[i][..., rng.permutation(3)]
        contrast, brightness = rng.uniform(0.7, 1.2), rng.uniform(-0.15, 0.15)
        batch[i] = (batch[i] - 0.5) * contrast + 0.5 + brightness
    return np.clip(batch, 0, 1, out=batch)


# --- the loss ---------------------------------------------------------------------------------------------------------


class Objective(Protocol):
    """What a training lowers: named terms that add up to the loss."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def __call__(self, made: tf.Tensor, content: tf.Tensor | None) -> tf.Tensor:
        """(n, h, w, 3), and what it was made from, to (len(names),)."""
        ...


class Likeness:
    """The mean squared difference from the photograph itself: how the network that every other begins as was trained."""

    names = ("content",)

    def __call__(self, made: tf.Tensor, content: tf.Tensor | None) -> tf.Tensor:
        return tf.stack([tf.reduce_mean(tf.math.squared_difference(made, content))])


ROUNDING = 1e-6  # under the root, for its gradient at zero


class Perception:
    """The perceptual loss: named terms, weighted; targets of the style are computed here, once.

    Mean over style layers of ‖G − A‖²/‖A‖², G = FᵀF/(c·h·w), and Σ (F − P)²/Σ P² over the content layers: the papers' terms
    relative to their targets, so that no layer drowns the others and weights mean the same in every network.
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
        self._colors = np.quantile(colors, shares, 1, method="hazen").T.astype(np.float32)[None]  # as many as a crop has
        self._spread = float(colors.std(1).mean()) + ROUNDING
        self.names = ("content", *(f"style/{layer}" for layer in recipe.style_layers), "style/colors", "tv")

    def __call__(self, made: tf.Tensor, content: tf.Tensor | None) -> tf.Tensor:
        """(n, h, w, 3), and what it was made from, to (len(names),): they add up to the loss."""
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
        """How far the colours are: mean difference of their quantiles along a few directions, in the style's deviations.

        Ours: Gram matrices are mostly brightness, and let the hues fade. Quantiles, the sliced Wasserstein distance (Rabin et
        al. 2011), since means and covariances can be had for a few white blots.
        """
        return tf.reduce_mean(tf.abs(colors_of(made) - self._colors)) / self._spread


_ROOTS = 3**-0.5, 2**-0.5, 6**-0.5
DIRECTIONS = np.stack(  # red, green and blue; light; and what is left without light
    [*np.eye(3), np.full(3, _ROOTS[0]), np.array([1, -1, 0]) * _ROOTS[1], np.array([1, 1, -2]) * _ROOTS[2]], 1
).astype(np.float32)


def colors_of(pictures: tf.Tensor) -> tf.Tensor:
    """The colours of areas of 4 × 4 pixels, so that thin fringes do not count, along each direction by size: (n, 6, areas)."""
    areas = tf.nn.avg_pool2d(pictures, 4, 4, "VALID")
    return tf.sort(tf.matmul(tf.constant(DIRECTIONS), tf.reshape(areas, [areas.shape[0], -1, 3]), True, True))


def _float(F: tf.Tensor) -> tf.Tensor:
    return tf.cast(F, tf.float32)


def _gram(F: tf.Tensor) -> tf.Tensor:
    """FᵀF/(c·h·w): (n, h, w, c) -> (n, c, c)."""
    return losses.gram_matrix(F) / (F.shape[1] * F.shape[2] * F.shape[3])


# --- training ---------------------------------------------------------------------------------------------------------

WARM_UP = 24  # steps at a rising rate; by the later of them a budget of seconds is turned into steps
UNTIMED = 8  # of them, first: tracing, caches
SHOW_EVERY = 2.0  # seconds between pictures, more in long runs:
SHOWN = 90  # as many at most
LOGGED = 200  # rows
AVERAGED = 0.99  # of the average of weights that is kept at a step
BETA1, BETA2, TINY = 0.9, 0.99, 1e-8  # Adam's; a short memory of squares, for the scale of gradients falls fast at first


class Sample(NamedTuple):
    """What a step learns from."""

    content: np.ndarray | None  # (n, crop, crop, 3)
    noises: list[np.ndarray]


class Training:
    """An iterator of Steps: losses at every one, the same photograph painted every few seconds, the network in the last.

    `state` after any step starts another Training that goes on from there with the same numbers: what a step learns from
    depends on the seed and its number alone. `stop` makes the next Step the last.
    Raises: ModelUnavailable, BadPicture at once; Diverged while iterating.
    """

    def __init__(
        self,
        objective: "Objective",
        recipe: TrainingRecipe,
        photographs: Sequence[np.ndarray],
        shown: Image,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        start: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """photographs: 8 bits. shown: what is painted on the way. state: of an earlier run. start: arrays of a network."""
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
        self._flat = tf.Variable(state.get("flat", flat))  # all that is trained, end to end: one vector for Adam
        self._average = tf.Variable(state.get("average", flat))  # of late: what is shown and kept, calmer than the last
        self._first, self._second = saved("first"), saved("second")
        running = [name for name in first if not generators.trainable(name)]
        self._running = {name: tf.Variable(state.get(name, first[name])) for name in running}
        steps = recipe.steps if recipe.seconds is None else max(recipe.steps, WARM_UP + 1)
        self._iteration = int(state.get("iteration", 0))
        self._planned = int(state.get("planned", steps))  # what the learning rate falls over
        self._total = int(state.get("total", steps))  # where it ends; earlier if stopped
        self._paced = bool(state.get("paced", recipe.seconds is None))  # whether a budget of seconds is steps already
        if not self._paced:
            self._total = max(self._total, self._iteration + 2 * UNTIMED + 1)
        self._log = [tuple(row) for row in state.get("log", ())]
        self._unlogged = [tuple(row) for row in state.get("unlogged", ())]
        self._before = float(state.get("seconds", 0.0))  # that earlier runs took
        self._start, self._drawn, self._began = time.perf_counter(), -np.inf, self._iteration
        self._clock = self._iteration, self._start  # from when on its pace is measured
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
        """The next Step is the last, with the network as it is then."""
        self._paced, self._total = True, min(self._total, self._iteration + 1)

    def network(self) -> TextureNetwork:
        """As it is now."""
        arrays = {name: array.numpy() for name, array in self._values(self._average).items()}
        recipe = self._recipe.model_copy(update={"steps": self._planned, "seconds": None})
        return TextureNetwork(recipe, arrays, np.array(self._log, np.float32).reshape(-1, len(LOG)))

    def state(self) -> State:
        """Everything that the rest of the training depends on, as arrays; `numpy.savez` takes them."""
        vectors = {"flat": self._flat, "average": self._average, "first": self._first, "second": self._second}
        arrays = {name: variable.numpy() for name, variable in (vectors | self._running).items()}
        numbers: dict[str, float] = {"iteration": self._iteration, "planned": self._planned, "total": self._total}
        numbers |= {"paced": self._paced, "seconds": self._seconds()}
        rows = {"log": np.reshape(self._log, (-1, len(LOG))), "unlogged": np.reshape(self._unlogged, (-1, 2))}
        return arrays | {name: np.array(number) for name, number in numbers.items()} | rows

    # --- inside a step

    def _learn(self) -> np.ndarray:
        """One step of Adam; the weighted terms."""
        sample = self._sample()
        rate = self._rate() * np.sqrt(1 - BETA2**self._iteration) / (1 - BETA1**self._iteration)
        keep = min(AVERAGED, (1 + self._iteration) / (10 + self._iteration))
        return self._update(sample.content, sample.noises, np.float32(rate), np.float32(keep)).numpy()

    def _sample(self) -> Sample:
        """By seed and number alone: a resumed training needs no other memory of its dice."""
        rng, side, n = np.random.default_rng((self._recipe.seed, self._iteration)), self._recipe.crop, self._recipe.batch
        content = crops(self._photographs, n, side, rng) if self._plan.picture else None
        return Sample(content, draw_noise(self._plan, rng, n, side, side))

    def _rate(self) -> float:
        """Rises over WARM_UP steps, then falls along half a cosine."""
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
        """The vector cut into the plan's arrays, and the running statistics."""
        shapes = [self._plan.shapes[name] for name in self._names]
        pieces = tf.split(flat, [int(np.prod(shape)) for shape in shapes])
        arrays = {name: tf.reshape(p, shape) for name, p, shape in zip(self._names, pieces, shapes, strict=True)}
        return arrays | {name: tf.convert_to_tensor(variable) for name, variable in self._running.items()}

    # --- what is shown

    def _picture(self) -> Image | None:
        """The photograph as it is painted now, every few seconds; it costs time but changes no number."""
        expected = self._recipe.seconds or self._seconds() / self._iteration * self._total
        if time.perf_counter() - self._drawn < max(SHOW_EVERY, expected / SHOWN) and self._iteration > 1:
            return None
        self._drawn = time.perf_counter()
        return self._paint()

    def _paint(self) -> Image:
        """The photograph painted by the network as it is now; for textures, one of its size."""
        h, w, _ = self._shown.shape
        multiple = self._plan.multiple
        picture = np.pad(self._shown, ((0, -h % multiple), (0, -w % multiple), (0, 0)), "symmetric")
        noises = draw_noise(self._plan, np.random.default_rng(self._recipe.seed), 1, *picture.shape[:2])
        return self._generate(picture[None] if self._plan.picture else None, noises)[0, :h, :w].numpy()

    def _generate_graph(self, picture: tf.Tensor | None, noises: list[tf.Tensor]) -> tf.Tensor:
        return self._generator(self._values(self._average), picture, noises)

    def _note(self, terms: Mapping[str, float]) -> None:
        """A row of the log every few steps: means since the last."""
        style = sum(value for name, value in terms.items() if name.startswith("style/"))
        self._unlogged.append((terms["content"], style))
        if len(self._unlogged) >= max(1, self._planned // LOGGED) and len(self._log) < MAX_LOG:
            self._log.append((self._iteration, self._seconds(), *np.mean(self._unlogged, 0)))
            self._unlogged = []

    def _plan_steps(self) -> None:
        """The budget of seconds as steps, at the pace of the last ones."""
        seconds = self._recipe.seconds or 0.0
        then, clock = self._clock
        taken = (time.perf_counter() - clock) / max(1, self._iteration - then)
        self._planned = self._total = self._iteration + max(1, int((seconds - self._seconds()) / taken))
        self._paced = True

    def _seconds(self) -> float:
        return self._before + time.perf_counter() - self._start
