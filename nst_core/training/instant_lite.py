"""Train `instant-lite`: predictor and transformer. `python -m nst_core.training.instant_lite --help`

First the predictor is solved: it is linear in statistics of what `vgg19-lite` sees, so ridge regression finds it from the
teacher's style vectors of style pictures, photographs and generated textures, without a step. Then two kinds of steps in
turn, drawn by the step's number:
- imitate: the transformer learns the teacher's pictures of vectors and blends of vectors: pixels, maps, Gram matrices;
- paint: both at once are pulled towards the style itself (relative distance of Gram matrices), the content (maps at
  block4_conv2) and smoothness (total variation), as by Ghiasi et al. (1705.06830), at several sizes; the predictor stays
  near its teacher. A few of them show the photograph itself as its style, so that strength 0 stays near the photograph.

Without a Magenta teacher nothing is solved and all steps paint. Weights are written as `nst_core.instant` reads them: the
moving average, float16, and a manifest beside them. `nst_core.training.export` then makes of them what the app runs.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nst_core import features, images
from nst_core.errors import BadRecipe
from nst_core.features import Extractor, Network, tf
from nst_core.images import Image
from nst_core.instant import STYLE_SIDE, InstantLite
from nst_core.instant.graph import NUMBERS
from nst_core.training import data, runs, teachers, textures, trainer
from nst_core.training.data import Bytes
from nst_core.training.instant_network import predictors_eyes, random_weights, style_statistics, style_vector, transform
from nst_core.training.runs import Log
from nst_core.training.trainer import Trainer

PAINT_LAYERS = (*teachers.STYLE_LAYERS, "block2_conv2", "block3_conv4")
IMITATE_LAYERS = ("block1_conv2", "block2_conv2", "block3_conv4", "block4_conv1")


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the numbers, besides pictures and teachers."""

    steps: int = 10_000
    peak_rate: float = 1e-3
    seed: int = 0
    solved: int = 12_000  # style pictures that the predictor is solved from, before the first step
    predictor_rate: float = 0.01  # times the transformer's: it adds up thousands of numbers, and each moves by the rate
    odds: tuple[float, float] = (0.1, 0.9)  # imitate, paint
    sizes: tuple[int, ...] = (192, 256, 384)  # of painted pictures
    pixels: int = 4 * 256 * 256  # a painted batch, at most
    imitated: tuple[int, int] = (4, 192)  # pictures an imitate step, and their size
    content_weight: float = 0.3
    variation_weight: float = 0.1
    vector_weight: float = 0.05
    own_style: float = 0.06  # share of painted pictures whose style is the photograph itself
    average: float = 0.998


DEFAULTS = Settings()


@dataclass(frozen=True, slots=True)
class Pools:
    """Pictures to learn from: photographs, styles, small styles that only the predictor sees, generated styles."""

    photographs: Sequence[Bytes]
    styles: Sequence[Bytes]
    small: Sequence[Bytes] = ()
    generated: Sequence[Bytes] = ()

    def content(self, size: int, rng: np.random.Generator) -> Image:
        """A photograph; one in eight as an object before a plain ground, one in five in other light."""
        x = data.crop(data.pick([self.photographs], [1], rng), size, rng)
        x = data.plain_ground(x, rng) if rng.random() < 0.12 else x
        return data.jitter(x, rng) if rng.random() < 0.2 else x

    def style(self, size: int, rng: np.random.Generator, *, small: bool) -> Image:
        """A part of a style picture, or two mixed. small: from all pools and mostly mixed, since the teacher knows any."""
        odds = (0.1, 0.4, 0.2 if small else 0.0, 0.4)
        drawn = []
        for _ in range(2 if rng.random() < (0.7 if small else 0.35) else 1):
            x = data.pick([self.photographs, self.styles, self.small, self.generated], odds, rng)
            part = data.crop(x, size, rng, least=0.3 if small else 0.5, squeeze=1.4)
            drawn.append(data.jitter(part, rng) if rng.random() < 0.4 else part)
        return data.mixed(drawn[0], drawn[1], rng) if len(drawn) == 2 else drawn[0]


# --- the predictor, solved -------------------------------------------------------------------------------------------


RIDGE = 0.01  # of a statistic's variance


def solved(batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
    """The predictor's arrays by ridge regression. batches: statistics (n, k) and vectors (n, 100).

    Sums in float64, batch by batch: all statistics at once would fill the memory.
    """
    number = 0
    first, vectors, products, crossed = (np.zeros(()) for _ in range(4))
    for some_statistics, some_vectors in batches:
        x, v = some_statistics.astype(np.float64), some_vectors.astype(np.float64)
        number, first, vectors = number + len(x), first + x.sum(0), vectors + v.sum(0)
        products, crossed = products + x.T @ x, crossed + x.T @ v
    mean, bias = first / number, vectors / number
    covariance = products / number - np.outer(mean, mean)
    deviation = np.sqrt(np.maximum(np.diag(covariance), 0)) + 1e-3
    covariance /= np.outer(deviation, deviation)
    covariance[np.diag_indices_from(covariance)] += RIDGE
    kernel = np.linalg.solve(covariance, (crossed / number - np.outer(mean, bias)) / deviation[:, None])
    return [array.astype(np.float32) for array in (mean, deviation, kernel, bias)]


# --- the three kinds of steps -----------------------------------------------------------------------------------------

Losses = dict[str, float]
Painter = teachers.MobileMagenta | Any  # whatever predicts and transforms as it does


@dataclass(slots=True)
class Training:
    """A run: `solve` the predictor, then `step` makes the next step and names its losses."""

    settings: Settings
    pools: Pools
    eyes: Network
    magenta: Painter | None
    start: Mapping[str, np.ndarray]
    dtype: tf.DType = tf.float32
    trainer: Trainer = field(init=False)
    _graphs: dict[str, Callable[..., Any]] = field(init=False)
    _extractor: Extractor = field(init=False)
    _predictors: Extractor = field(init=False, default_factory=predictors_eyes)

    def __post_init__(self) -> None:
        if not self.pools.photographs or not (self.pools.styles or self.pools.generated):
            raise BadRecipe("A training needs photographs and styles; name a folder of each.")
        self.trainer = Trainer(
            {n: tf.Variable(a, dtype=tf.float32) for n, a in self.start.items()}, average=self.settings.average
        )
        known = set(self.eyes.convolutions)
        layers = [name for name in {*PAINT_LAYERS, *IMITATE_LAYERS, teachers.CONTENT_LAYER} if name in known]
        self._extractor = Extractor(self.eyes, layers, dtype=self.dtype)
        kinds = {"imitate": self._imitate_graph, "paint": self._paint_graph}
        self._graphs = {kind: tf.function(graph, reduce_retracing=False) for kind, graph in kinds.items()}

    def step(self) -> Losses:
        """The next step: its pictures and its kind follow from the seed and its number."""
        settings, began = self.settings, time.process_time()
        rng = np.random.default_rng((settings.seed, self.trainer.step))
        kinds = {"imitate": self._imitate_batch, "paint": self._paint_batch}
        odds = np.array(settings.odds) if self.magenta else np.array([0, 1.0])
        kind = list(kinds)[rng.choice(2, p=odds / odds.sum())]
        rate = runs.rate(settings.peak_rate, self.trainer.step, self.trainer.step / settings.steps)
        losses = self._graphs[kind](*map(tf.constant, kinds[kind](rng)), tf.constant(rate, tf.float32))
        self.trainer.step += 1
        self.trainer.seconds += time.process_time() - began
        return {f"{kind}/{name}": float(value) for name, value in losses.items()}

    def solve(self) -> None:
        """The predictor anew, from its teacher's vectors of `settings.solved` pictures."""
        if not self.magenta:
            return
        began = time.process_time()
        measure = tf.function(lambda x: style_statistics(self._predictors, x))

        def batches(magenta: Painter) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for start in range(0, self.settings.solved, SOLVED_BATCH):
                draw = partial(self.pools.style, STYLE_SIDE, np.random.default_rng((self.settings.seed, 2, start)), small=True)
                x = data.batch(SOLVED_BATCH, draw)
                yield measure(tf.constant(x)).numpy(), magenta.predict(x)

        for i, array in enumerate(solved(batches(self.magenta))):
            self.trainer.set(f"predictor/{i}", array)
        self.trainer.seconds += time.process_time() - began

    def _of(self, part: str) -> tuple[list[str], list[tf.Variable]]:
        """What steps change: all but the statistics' mean and deviation."""
        fixed = {"predictor/0", "predictor/1"}
        names = [name for name in self.trainer.variables if name.startswith(part) and name not in fixed]
        return names, [self.trainer.variables[name] for name in names]

    def _imitate_batch(self, rng: np.random.Generator) -> tuple[Image, np.ndarray, Image]:
        """Vectors, four in ten of them blends of two, one in ten beyond the first."""
        count, size = self.settings.imitated
        assert self.magenta
        x = data.batch(count, lambda: self.pools.content(size, rng))
        ends = self.magenta.predict(data.batch(2 * count, lambda: self.pools.style(STYLE_SIDE, rng, small=True)))
        share = np.where(rng.random((count, 1)) < 0.6, 1, rng.uniform(0, 1.3, (count, 1)))
        vectors = (share * ends[:count] + (1 - share) * ends[count:]).astype(np.float32)
        return x, vectors, self.magenta.transform(x, vectors)

    def _imitate_graph(self, x: tf.Tensor, vectors: tf.Tensor, wanted: tf.Tensor, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        names, variables = self._of("transformer/")
        layers = [name for name in IMITATE_LAYERS if name in self._extractor.layers]
        target = self._extractor(wanted)
        with tf.GradientTape() as tape:
            y = transform(variables, x, vectors, self.dtype)
            maps = self._extractor(y)
            pixel = tf.reduce_mean(tf.abs(y - wanted))
            maps_apart = tf.add_n([tf.reduce_mean(teachers.relative(maps[n], target[n])) for n in layers]) / len(layers)
            texture = tf.reduce_mean(teachers.style_distance(maps, target, tuple(layers)))
            loss = 5 * pixel + maps_apart + texture
        self.trainer.apply(names, tape.gradient(loss, variables), rate)
        return {"pixel": pixel, "maps": maps_apart, "texture": texture}

    def _paint_batch(self, rng: np.random.Generator) -> tuple[Image, Image, Image, np.ndarray]:
        """Contents and styles at the size painted, the styles at the predictor's size, and the teacher's vectors."""
        size = int(rng.choice(self.settings.sizes))
        count = max(1, min(8, self.settings.pixels // size**2))
        contents = data.batch(count, lambda: self.pools.content(size, rng))
        larger = max(size, STYLE_SIDE)
        drawn = [self.pools.style(larger, rng, small=False) for _ in range(count)]
        for i in range(count):
            if rng.random() < self.settings.own_style:
                drawn[i] = images.resize(contents[i], larger, larger)
        seen = np.stack([images.resize(style, STYLE_SIDE, STYLE_SIDE) for style in drawn])
        vectors = self.magenta.predict(seen) if self.magenta else np.zeros((count, NUMBERS), np.float32)
        return contents, np.stack([images.resize(style, size, size) for style in drawn]), seen, vectors

    def _paint_graph(
        self, contents: tf.Tensor, styles: tf.Tensor, seen: tf.Tensor, vectors: tf.Tensor, rate: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        settings = self.settings
        (heard, hearing), (drawn, drawing) = self._of("predictor/"), self._of("transformer/")
        layers = tuple(name for name in PAINT_LAYERS if name in self._extractor.layers)
        measured = tf.stop_gradient(style_statistics(self._predictors, seen))
        predictor = [self.trainer.variables[f"predictor/{i}"] for i in range(4)]
        wanted_style, wanted_content = self._extractor(styles), self._extractor(contents)[teachers.CONTENT_LAYER]
        with tf.GradientTape() as tape:
            guess = style_vector(predictor, measured)
            y = transform(drawing, contents, guess, self.dtype)
            maps = self._extractor(y)
            style = tf.reduce_mean(teachers.style_distance(maps, wanted_style, layers))
            content = tf.reduce_mean(teachers.relative(maps[teachers.CONTENT_LAYER], wanted_content))
            variation = tf.reduce_mean(tf.image.total_variation(y)) / tf.cast(tf.size(y[0]), tf.float32)
            vector = unexplained(guess, vectors) if self.magenta else tf.constant(0.0)
            loss = style + settings.content_weight * content + settings.variation_weight * variation
            loss += settings.vector_weight * vector
        gradients = tape.gradient(loss, [*hearing, *drawing])
        self.trainer.apply(heard, gradients[: len(heard)], rate * settings.predictor_rate)
        self.trainer.apply(drawn, gradients[len(heard) :], rate)
        return {"style": style, "content": content, "variation": variation, "vector": vector}


def unexplained(guess: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
    """Mean squared error in units of the teacher's variance."""
    return tf.reduce_mean((guess - wanted) ** 2) / VARIANCE


SOLVED_BATCH = 64
VARIANCE = 0.15  # of mobile Magenta's vectors about their mean, over styles, photographs and generated textures


# --- evaluation -------------------------------------------------------------------------------------------------------


def held_out(contents: Sequence[Bytes], styles: Sequence[Bytes], count: int, size: int) -> list[tuple[Image, Image]]:
    """Pairs of pictures that no step has seen, the longer side of each `size`."""
    fit = lambda x: images.fit(images.from_uint8(x), size)  # noqa: E731
    return [(fit(contents[i % len(contents)]), fit(styles[(3 * i + 1) % len(styles)])) for i in range(count)]


def evaluate(arrays: Mapping[str, np.ndarray], eyes: Network, pairs: Sequence[tuple[Image, Image]]) -> Losses:
    """Mean style and content distance of the pairs, painted by the runtime's own code."""
    model = InstantLite({name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()})
    layers = [name for name in (*teachers.STYLE_LAYERS, teachers.CONTENT_LAYER) if name in eyes.convolutions]
    extractor = Extractor(eyes, layers)
    found = [teachers.verdict(extractor, model.transform(c, model.predict(s)), c, s) for c, s in pairs]
    style, content = np.mean(found, 0)
    return {"held-out/style": float(style), "held-out/content": float(content)}


# --- the command ------------------------------------------------------------------------------------------------------


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write, .npz; checkpoint, best weights and manifest go beside.")],
    photographs: runs.Photographs,
    styles: runs.Styles,
    small_styles: Annotated[list[Path] | None, typer.Option(help="A folder of small ones, for the predictor alone.")] = None,
    textures_: Annotated[int, typer.Option("--textures", help="How many style pictures to generate.")] = 600,
    eyes: Annotated[str, typer.Option(help="vgg19 (a download), vgg19-lite, or a stand-in's .npz file.")] = "vgg19",
    magenta: Annotated[Path | None, typer.Option(help="The folder of the published mobile Magenta; else no teacher.")] = None,
    start: runs.Start = "embedded",
    steps: runs.Steps = DEFAULTS.steps,
    rate: runs.Rate = DEFAULTS.peak_rate,
    content_weight: Annotated[float, typer.Option(help="Of the content; the style's is 1.")] = DEFAULTS.content_weight,
    variation_weight: Annotated[float, typer.Option(help="Of the total variation.")] = DEFAULTS.variation_weight,
    solve: Annotated[int, typer.Option(help="How many styles to solve the predictor from; 0 keeps it.")] = DEFAULTS.solved,
    odds: Annotated[str, typer.Option(help="Shares of the steps that imitate and that paint.")] = "0.1,0.9",
    seed: runs.Seed = 0,
    resume: runs.Resume = False,
    checkpoint_every: runs.CheckpointEvery = 200,
    evaluate_every: Annotated[int, typer.Option(help="Steps.")] = 1000,
    held_out_contents: Annotated[Path | None, typer.Option(help="A folder of photographs to judge with.")] = None,
    held_out_styles: Annotated[Path | None, typer.Option(help="A folder of styles to judge with.")] = None,
    log: runs.LogFile = None,
    threads: runs.Threads = 2,
) -> None:
    """Train instant-lite."""
    trainer.use_threads(threads)
    new = lambda: random_weights(np.random.default_rng(seed))  # noqa: E731
    settings = Settings(
        steps, rate, seed, solve, odds=_shares(odds), content_weight=content_weight, variation_weight=variation_weight
    )
    painted = data.load(photographs, 352)
    pools = Pools(painted, data.load(styles, 512), data.load(small_styles or [], 128), generated(textures_, painted, seed))
    network = teachers.eyes(eyes)
    teacher = teachers.MobileMagenta(magenta, threads) if magenta else None
    training = Training(settings, pools, network, teacher, runs.starting(start, "instant-lite", new), features.fast_type())
    state, pairs = out.with_suffix(".state.npz"), []
    if resume:
        training.trainer.restore(state)
    elif solve:
        training.solve()
    if held_out_contents and held_out_styles:
        pairs = held_out(data.load([held_out_contents], 640), data.load([held_out_styles], 640), 8, 384)
    about = {
        "model": "instant-lite",
        "pictures": {name: len(getattr(pools, name)) for name in ("photographs", "styles", "small", "generated")},
        "teachers": [Path(eyes).name, *(["mobile Magenta"] if magenta else [])],
        "start": Path(start).name,
        "settings": asdict(settings),
        "machine": trainer.machine(),
    }
    run(training, out, state, pairs, Log(log), about, checkpoint_every, evaluate_every)


def run(
    training: Training,
    out: Path,
    state: Path,
    pairs: Sequence[tuple[Image, Image]],
    log: Log,
    about: Mapping[str, Any],
    checkpoint_every: int,
    evaluate_every: int,
) -> None:
    """To the last step, with checkpoints, evaluations, and the best weights so far beside the last."""
    one, best_file = training.trainer, out.with_suffix(".best.npz")
    best = _merit_of(best_file) if one.step else np.inf
    while one.step < training.settings.steps:
        log.add(one.step + 1, training.step())
        last = one.step == training.settings.steps
        if one.step % checkpoint_every == 0 or last:
            one.save(state)
        if one.step % evaluate_every == 0 or last:
            result = evaluate(one.averaged(), training.eyes, pairs) if pairs else {}
            log.note({"step": one.step, **result})
            manifest = {**about, "steps": one.step, "processor minutes": round(one.seconds / 60, 1), "result": result}
            runs.publish(out, one.averaged(), manifest)
            if result and _merit(result) < best:
                best = _merit(result)
                runs.publish(best_file, one.averaged(), manifest)


def _merit(result: Losses) -> float:
    """Product of the distances: which is twice as large as the other does not matter, and neither can be bought cheaply."""
    return float(np.prod(list(result.values())))


def _merit_of(weights_file: Path) -> float:
    """That of weights published before; infinite where there are none."""
    manifest = weights_file.with_suffix(".json")
    return _merit(json.loads(manifest.read_text())["result"]) if manifest.is_file() else np.inf


def _shares(text: str) -> tuple[float, float]:
    """Raises: BadRecipe."""
    try:
        imitate, paint = (float(share) for share in text.split(","))
    except ValueError:
        raise BadRecipe(f"--odds takes two numbers such as 0.1,0.9, not {text!r}.") from None
    return imitate, paint


def generated(count: int, photographs: Sequence[Bytes], seed: int) -> list[Bytes]:
    rngs = (np.random.default_rng((seed, 1, i)) for i in range(count))
    return [textures.texture(rng, 384, photographs[i % len(photographs)]) for i, rng in enumerate(rngs)]


if __name__ == "__main__":
    runs.command(main)
