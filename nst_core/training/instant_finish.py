"""Finish `instant-lite`: its transformer alone, towards the styles. `python -m nst_core.training.instant_finish --help`

What `instant_lite.py` leaves is trained on as its pictures are looked at: 256 px crops out of photographs of 320 to 512 px, so
that a stroke has the size in pixels that it will have. A style is met as the whole picture that it is: its vector and its Gram
matrices at the photograph's size are measured once, before the first step, which spares a third of every step. The predictor
stays. Some steps paint each half of a picture in a style of its own, by `transform_by_region`, as masks do: a half may be an
empty sky, whose statistics a whole picture never has. What is asked for:
- style: relative distances of Gram matrices; a few styles are blends of two, and a few are the photograph's own;
- content: the relative distance of maps at block4_conv2;
- calm: total variation, and on plain walls no change of brightness beyond a stroke's: halos.

The lattice of two pixels is no matter of training: `even` makes the last layer unable to draw it on flat ground.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nst_core import features, images
from nst_core.errors import BadRecipe
from nst_core.features import Extractor, Network, tf
from nst_core.images import Image
from nst_core.instant import InstantLite
from nst_core.training import data, instant_lite, runs, teachers, textures, trainer
from nst_core.training.data import Bytes
from nst_core.training.instant_network import transform, transform_by_region
from nst_core.training.runs import Log
from nst_core.training.trainer import Trainer

WEIGHTS = dict.fromkeys(teachers.STYLE_LAYERS, 1.0) | {"block2_conv2": 0.5, "block3_conv4": 0.5}  # of the style's layers
LOW = 8  # pixels: brightness of areas this large shows halos, and no strokes


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the numbers, besides pictures and eyes."""

    steps: int = 4000
    peak_rate: float = 5e-4
    seed: int = 0
    styles: int = 1500  # measured before the first step
    canvases: tuple[int, ...] = (320, 384, 384, 512)  # longer sides of the photographs that crops are taken from
    batch: tuple[int, int] = (4, 256)  # crops a step, and their size
    content_weight: float = 0.03
    variation_weight: float = 0.05
    wall_weight: float = 1.0
    walls: float = 0.2  # share of the photographs that become a thing before a wall
    own_style: float = 0.06  # share of the styles that are the photograph itself
    blended: float = 0.1  # share of the styles that are blends of two
    halved: float = 0.3  # share of the steps that paint each half in a style of its own, as masks do
    average: float = 0.998


DEFAULTS = Settings()
GENERATED = np.zeros((0, 0, 3), np.uint8)  # stands for a texture that is yet to be drawn
Arrays = dict[str, np.ndarray]


def even(arrays: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """The same network, but for what its last layer makes of flat ground: there the four pixels that come of one are alike.

    They are as different as the sums of their kernels' taps and their biases are; both are set to the mean of the four.
    """
    last = len([name for name in arrays if name.startswith("transformer/")]) - 1
    kernel, bias = arrays[f"transformer/{last - 1}"], arrays[f"transformer/{last}"]
    sums = tf.reshape(tf.reduce_sum(kernel, [0, 1]), [-1, 4, 3])
    off = tf.reshape(tf.reduce_mean(sums, 1, keepdims=True) - sums, [-1, 12]) / (kernel.shape[0] * kernel.shape[1])
    mean = tf.tile(tf.reduce_mean(tf.reshape(bias, [4, 3]), 0), [4])
    return {**arrays, f"transformer/{last - 1}": kernel + off, f"transformer/{last}": mean}


# --- styles, measured -------------------------------------------------------------------------------------------------


def measured(
    photographs: Sequence[Bytes],
    styles: Sequence[Bytes],
    eyes: Extractor,
    model: InstantLite,
    settings: Settings,
    log: Log | None = None,
) -> Arrays:
    """canvas, own (a photograph's number, or −1), vector and gram/LAYER of each style; every array one longer than the last."""
    gramian = tf.function(lambda x: {n: teachers.gram(m)[0] for n, m in eyes(x).items() if n in WEIGHTS})
    found: list[dict[str, Any]] = []
    for i in range(settings.styles):
        rng = np.random.default_rng((settings.seed, 3, i))
        canvas, own = int(rng.choice(settings.canvases)), -1
        if rng.random() < settings.own_style:
            own = int(rng.integers(len(photographs)))
            style = images.fit(images.from_uint8(photographs[own]), canvas)
        else:
            style = _style(photographs, styles, canvas, rng)
        grams = {f"gram/{n}": g.numpy() for n, g in gramian(tf.constant(style[None])).items()}
        found.append({"canvas": canvas, "own": own, "vector": model.predict(style), **grams})
        if log and i % 100 == 99:
            log.note({"measured": i + 1})
    return {key: np.stack([one[key] for one in found]) for key in found[0]}


def _style(photographs: Sequence[Bytes], styles: Sequence[Bytes], side: int, rng: np.random.Generator) -> Image:
    """Nearly the whole of a style picture, a photograph or a new texture, so that fine things stay fine; or two mixed."""
    drawn = []
    for _ in range(2 if rng.random() < 0.3 else 1):
        x = data.pick([photographs, styles, [GENERATED]], (0.1, 0.4, 0.5), rng)
        if x is GENERATED:
            x = textures.texture(rng, max(512, side), photographs[int(rng.integers(len(photographs)))])
        part = data.crop(x, side, rng, least=0.8, squeeze=1.2)
        drawn.append(data.jitter(part, rng) if rng.random() < 0.3 else part)
    return data.mixed(drawn[0], drawn[1], rng) if len(drawn) == 2 else drawn[0]


# --- steps ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Finish:
    """A run: `step` makes the next step and names its losses."""

    settings: Settings
    photographs: Sequence[Bytes]
    known: Arrays  # of `measured`
    eyes: Network
    start: Mapping[str, np.ndarray]
    dtype: tf.DType = tf.float32
    trainer: Trainer = field(init=False)
    _extractor: Extractor = field(init=False)
    _graph: Any = field(init=False)

    def __post_init__(self) -> None:
        if not self.photographs or not len(self.known["vector"]):
            raise BadRecipe("A training needs photographs and styles; name a folder of each.")
        variables = {n: tf.Variable(a, dtype=tf.float32) for n, a in self.start.items() if n.startswith("transformer/")}
        self.trainer = Trainer(variables, average=self.settings.average)
        wanted = [name for name in (*WEIGHTS, teachers.CONTENT_LAYER) if name in self.eyes.convolutions]
        self._extractor = Extractor(self.eyes, wanted, dtype=self.dtype)
        self._graph = tf.function(self._losses, autograph=False)  # traced in half the time

    def step(self) -> dict[str, float]:
        """The next step: its pictures follow from the seed and its number."""
        began = time.process_time()
        rng = np.random.default_rng((self.settings.seed, self.trainer.step))
        rate = runs.rate(self.settings.peak_rate, self.trainer.step, self.settings.steps)
        axis = int(rng.integers(1, 3)) if rng.random() < self.settings.halved else None
        losses = self._graph(axis, *self._batch(rng, 1 if axis is None else 2), tf.constant(rate, tf.float32))
        self.trainer.step += 1
        self.trainer.seconds += time.process_time() - began
        return {name: float(value) for name, value in losses.items()}

    def arrays(self) -> Arrays:
        """What gets published: the moving average, evened, beside the predictor as it was."""
        return {**self.start, **{name: np.asarray(a) for name, a in even(self.trainer.averaged()).items()}}

    def _batch(self, rng: np.random.Generator, each: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """Contents and where their walls are, vectors and Gram matrices of the first style of all, of the second of all."""
        contents, size = self.settings.batch
        count, canvas = contents * each, int(rng.choice(self.settings.canvases))
        at = np.flatnonzero(self.known["canvas"] == canvas)
        first, second = rng.choice(at, count), rng.choice(at, count)
        own = self.known["own"][first].astype(int)  # float32 from a file
        share = np.where((rng.random(count) < self.settings.blended) & (own < 0), rng.random(count), 1).astype(np.float32)

        def blend(values: np.ndarray) -> np.ndarray:
            s = share.reshape(-1, *[1] * (values.ndim - 1))
            return s * values[first] + (1 - s) * values[second]

        drawn = [self._content(canvas, size, number, rng) for number in own[:contents]]
        pictures, walls = (np.stack(part).astype(np.float32) for part in zip(*drawn, strict=True))
        grams = {key[5:]: tf.constant(blend(values)) for key, values in self.known.items() if key.startswith("gram/")}
        return tf.constant(pictures), tf.constant(walls), tf.constant(blend(self.known["vector"])), grams

    def _content(self, canvas: int, size: int, own: int, rng: np.random.Generator) -> tuple[Image, np.ndarray]:
        """A crop out of a photograph of this size, and where its wall is; own: that photograph's number, as it is."""
        number = own if own >= 0 else int(rng.integers(len(self.photographs)))
        x = _part(self.photographs[number], canvas, size, rng)
        if own >= 0:
            return x, np.zeros((size, size, 1), np.float32)
        x = data.jitter(x, rng) if rng.random() < 0.15 else x
        return data.wall(x, rng) if rng.random() < self.settings.walls else (x, np.zeros((size, size, 1), np.float32))

    def _losses(
        self,
        axis: int | None,
        contents: tf.Tensor,
        walls: tf.Tensor,
        vectors: tf.Tensor,
        grams: Mapping[str, tf.Tensor],
        rate: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """axis: that the pictures are halved along, each half in a style of its own; None: they are whole."""
        settings, names = self.settings, list(self.trainer.variables)
        wanted = self._extractor(halves(contents, axis))[teachers.CONTENT_LAYER]
        with tf.GradientTape() as tape:
            y = halves(self.painted(axis, contents, vectors), axis)
            maps = self._extractor(y)
            apart = {n: tf.reduce_mean(teachers.relative(teachers.gram(maps[n]), g)) for n, g in grams.items()}
            style = tf.add_n([WEIGHTS[n] * d for n, d in apart.items()]) / sum(WEIGHTS[n] for n in apart)
            content = tf.reduce_mean(teachers.relative(maps[teachers.CONTENT_LAYER], wanted))
            variation = tf.reduce_mean(tf.image.total_variation(y)) / tf.cast(tf.size(y[0]), tf.float32)
            wall = unrest(y, halves(walls, axis))
            loss = style + settings.content_weight * content + settings.variation_weight * variation
            loss += settings.wall_weight * wall
        self.trainer.apply(names, tape.gradient(loss, [self.trainer.variables[n] for n in names]), rate)
        layers = {f"style/{n}": d for n, d in apart.items()}
        return {"style": style, "content": content, "variation": variation, "wall": wall, **layers}

    def painted(self, axis: int | None, contents: tf.Tensor, vectors: tf.Tensor) -> tf.Tensor:
        """vectors: one a picture, or the first halves' and then the second ones'."""
        parameters = list(even(self.trainer.variables).values())
        if axis is None:
            return transform(parameters, contents, vectors, self.dtype)
        first = (np.indices(contents.shape[1:3])[axis - 1] < contents.shape[axis] // 2).astype(np.float32)
        shares = tf.tile(np.stack([first, 1 - first], -1)[None], [contents.shape[0], 1, 1, 1])
        return transform_by_region(parameters, contents, tf.stack(tf.split(vectors, 2), 1), shares, self.dtype)


def halves(pictures: tf.Tensor, axis: int | None) -> tf.Tensor:
    """All first halves, then all second ones."""
    return pictures if axis is None else tf.concat(tf.split(pictures, 2, axis), 0)


def unrest(pictures: tf.Tensor, walls: tf.Tensor) -> tf.Tensor:
    """Mean difference of neighbouring areas that both lie on a wall; zero where there is none."""
    low = tf.nn.avg_pool2d(pictures, LOW, LOW, "VALID")
    inside = tf.cast(tf.nn.avg_pool2d(walls, LOW, LOW, "VALID") > 0.99, tf.float32)
    down = low[:, 1:] - low[:, :-1], inside[:, 1:] * inside[:, :-1]
    right = low[:, :, 1:] - low[:, :, :-1], inside[:, :, 1:] * inside[:, :, :-1]
    return tf.add_n([tf.reduce_sum(tf.abs(apart) * both) / (3 * tf.reduce_sum(both) + 1) for apart, both in (down, right)]) / 2


def _part(picture: Bytes, canvas: int, size: int, rng: np.random.Generator) -> Image:
    """A random (size, size, 3) of a picture whose longer side is brought to `canvas`, its shorter one at least to `size`."""
    x = images.from_uint8(picture)
    h, w, _ = x.shape
    scale = max(canvas / max(h, w), size / min(h, w))
    x = images.resize(x, max(size, round(h * scale)), max(size, round(w * scale)))
    top, left = (int(rng.integers(side - size + 1)) for side in x.shape[:2])
    x = x[top : top + size, left : left + size]
    return np.ascontiguousarray(x[:, ::-1]) if rng.random() < 0.5 else x


# --- the command ------------------------------------------------------------------------------------------------------


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write, .npz; checkpoint, measured styles and manifest go beside.")],
    photographs: runs.Photographs,
    styles: runs.Styles,
    eyes: Annotated[str, typer.Option(help="vgg19 (a download), vgg19-lite, or a stand-in's .npz file.")] = "vgg19",
    start: runs.Start = "embedded",
    steps: runs.Steps = DEFAULTS.steps,
    rate: runs.Rate = DEFAULTS.peak_rate,
    known: Annotated[int, typer.Option(help="How many styles to measure beforehand.")] = DEFAULTS.styles,
    content_weight: Annotated[float, typer.Option(help="Of the content; the style's is 1.")] = DEFAULTS.content_weight,
    wall_weight: Annotated[float, typer.Option(help="Of the calm on walls.")] = DEFAULTS.wall_weight,
    seed: runs.Seed = 0,
    resume: runs.Resume = False,
    checkpoint_every: runs.CheckpointEvery = 100,
    log: runs.LogFile = None,
    threads: runs.Threads = 1,
) -> None:
    """Train the transformer of instant-lite on."""
    trainer.use_threads(threads)
    settings = Settings(steps, rate, seed, known, content_weight=content_weight, wall_weight=wall_weight)
    arrays = runs.starting(start, "instant-lite", lambda: instant_lite.random_weights(np.random.default_rng(0)))
    network, notes = teachers.eyes(eyes), Log(log)
    painted, file, state = data.load(photographs, 352), out.with_suffix(".styles.npz"), out.with_suffix(".state.npz")
    if not (resume and file.is_file()):
        eyes_ = Extractor(network, [name for name in WEIGHTS if name in network.convolutions])
        pictures = data.load(styles, 512)
        runs.write_arrays(file, measured(painted, pictures, eyes_, InstantLite(arrays), settings, notes))
    finish = Finish(settings, painted, runs.read_arrays(file), network, arrays, features.fast_type())
    if resume and state.is_file():
        finish.trainer.restore(state)
    about = {
        "model": "instant-lite",
        "pictures": {"photographs": len(painted), "styles": len(finish.known["vector"])},
        "teachers": [Path(eyes).name],
        "start": Path(start).name,
        "settings": asdict(settings),
        "machine": trainer.machine(),
    }
    run(finish, out, state, notes, about, checkpoint_every)


def run(finish: Finish, out: Path, state: Path, log: Log, about: Mapping[str, Any], every: int) -> None:
    """To the last step; a state and weights every so often."""
    one = finish.trainer
    while one.step < finish.settings.steps:
        log.add(one.step + 1, finish.step())
        if one.step % every == 0 or one.step == finish.settings.steps:
            one.save(state)
            minutes = round(one.seconds / 60, 1)
            runs.publish(out, finish.arrays(), {**about, "steps": one.step, "processor minutes": minutes})


if __name__ == "__main__":
    runs.command(main)
