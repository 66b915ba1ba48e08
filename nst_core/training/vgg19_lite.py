"""Train `vgg19-lite`, a small stand-in for VGG-19 up to block5_conv1. `python -m nst_core.training.vgg19_lite --help`

Its maps must predict the teacher's linearly: a 1×1 head a layer, used in training only, maps ours to the teacher's.

- The target is the teacher's map before its ReLU, under a leaky one, each channel over its standard deviation: dense, well
  scaled, and no unit of ours has to die to match a zero.
- An optimiser drives a picture off the manifold of photographs, so a third of the training pictures carry noise or are
  blends; without them the network is blind to grain, and the optimised picture fills with it.
- Batch normalisation keeps every channel alive while it is trained (`batch_normed`): without it, most of them fell silent for
  good. Channels that are silent in the weights to start from are drawn anew.
- At the end the normalisation is folded into plain convolutions, and every channel is scaled to a mean activation of one, as
  in the normalised VGG-19 (Gatys et al., 1508.06576).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nst_core import features
from nst_core.errors import BadRecipe
from nst_core.features import Network, reflect_border, tf
from nst_core.images import Image
from nst_core.recipes import LAYERS
from nst_core.training import batch_normed, data, runs, teachers, trainer
from nst_core.training.data import Bytes
from nst_core.training.runs import Log
from nst_core.training.trainer import Trainer

NAMES: tuple[str, ...] = tuple(LAYERS["vgg19-lite"])
TEACHER = {"block3_conv3": "block3_conv4", "block4_conv3": "block4_conv4"}  # the others bear their own name
WIDTHS = {"block1": 16, "block2": 32, "block3": 64, "block4": 128, "block5": 128}
MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
RIDGE = 1e-3  # of the heads that are solved for

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the numbers, besides pictures and teacher."""

    steps: int = 12_000
    peak_rate: float = 4.5e-3
    seed: int = 0
    batch: int = 9
    size: int = 128
    sample: int = 60  # pictures that scales and first heads are taken from
    average: float = 0.995


DEFAULTS = Settings()


@dataclass(frozen=True, slots=True)
class Pools:
    """Pictures to learn from: two thirds photographs, one third styles."""

    photographs: Sequence[Bytes]
    styles: Sequence[Bytes]

    def draw(self, count: int, size: int, rng: np.random.Generator) -> Image:
        """(count, size, size, 3), a third of them disturbed."""
        clean = []
        for i in range(count):
            x = data.crop(data.pick([self.styles if i % 3 == 0 else self.photographs], [1], rng), size, rng)
            clean.append(data.jitter(x, rng) if rng.random() < 0.25 else x)
        return np.stack([data.disturb(x, clean[rng.integers(count)], rng) for x in clean]).astype(np.float32)


def leaky(x: Any) -> Any:
    return tf.nn.leaky_relu(x, 0.2)


def key(layer: str) -> str:
    """block3_conv2 is conv32 in the archive."""
    return f"conv{layer[5]}{layer[-1]}"


def random_weights(rng: np.random.Generator) -> Arrays:
    """New weights (He et al. 2015), a small bias so that no unit begins dead."""
    arrays: Arrays = {}
    below = 3
    for layer in NAMES:
        width = WIDTHS[layer.split("_")[0]]
        kernel = rng.standard_normal((3, 3, below, width)) * np.sqrt(2 / (9 * below))
        arrays |= {f"{key(layer)}.weight": kernel.astype(np.float32), f"{key(layer)}.bias": np.full(width, 0.05, np.float32)}
        below = width
    return arrays


def maps(parameters: Mapping[str, Any], x: tf.Tensor, dtype: tf.DType = tf.float32) -> dict[str, tf.Tensor]:
    """(n, h, w, 3) in [0, 1] to every layer's map after ReLU, (n, h', w', c), in `dtype`."""
    found, x, block = {}, tf.cast((x - MEAN) / STD, dtype), "block1"
    for layer in NAMES:
        if layer.split("_")[0] != block:
            block, x = layer.split("_")[0], tf.nn.max_pool2d(x, 2, 2, "VALID")
        kernel, bias = (tf.cast(parameters[f"{key(layer)}.{part}"], dtype) for part in ("weight", "bias"))
        x = found[layer] = tf.nn.relu(tf.nn.conv2d(reflect_border(x), kernel, 1, "VALID") + bias)
    return found


def normed_maps(variables: Mapping[str, Any], x: tf.Tensor, dtype: tf.DType = tf.float32) -> dict[str, tf.Tensor]:
    """The same of a network under batch normalisation."""
    found = batch_normed.maps(variables, (x - MEAN) / STD, dtype)
    return {layer: found[key(layer)] for layer in NAMES}


def normalised(arrays: Mapping[str, np.ndarray], pictures: Image) -> Arrays:
    """The same network with every channel scaled to a mean activation of one over these pictures."""
    found, result, below = maps(arrays, tf.constant(pictures)), dict(arrays), np.ones(3, np.float32)
    for layer in NAMES:
        mean = found[layer].numpy().mean((0, 1, 2))
        mean[mean < 1e-3] = 1  # a silent channel's weights would grow at every training, beyond float16 in the end
        kernel, bias = result[f"{key(layer)}.weight"], result[f"{key(layer)}.bias"]
        result |= {f"{key(layer)}.weight": kernel * below[:, None] / mean, f"{key(layer)}.bias": bias / mean}
        below = mean
    return result


# --- heads ------------------------------------------------------------------------------------------------------------


def targets(teacher: Network, pictures: tf.Tensor, dtype: tf.DType = tf.float32) -> dict[str, tf.Tensor]:
    """What each of our layers is to predict: the teacher's map before its ReLU."""
    raw = teachers.raw_maps(teacher, pictures, dtype)
    return {layer: raw[TEACHER.get(layer, layer)] for layer in NAMES}


def solve_heads(have: Mapping[str, np.ndarray], want: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The linear map (c, c') and shift (c',) of each layer that predicts `want` best, by ridge regression."""
    heads = {}
    for layer in have:
        x, y = (maps[layer].reshape(-1, maps[layer].shape[-1]).astype(np.float64) for maps in (have, want))
        x_mean, y_mean = x.mean(0), y.mean(0)
        x, y = x - x_mean, y - y_mean
        covariance = x.T @ x / len(x)
        covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        head = np.linalg.solve(covariance, x.T @ y / len(x))
        heads[layer] = head.astype(np.float32), (y_mean - x_mean @ head).astype(np.float32)
    return heads


def correlations(arrays: Mapping[str, np.ndarray], teacher: Network, fitted: Image, tested: Image) -> dict[str, float]:
    """{layer: correlation of predicted and true maps over `tested`}, the heads solved over `fitted`; mean over channels."""
    return _correlations(lambda x, _: maps(arrays, x), teacher, fitted, tested)


def own_correlations(teacher: Network, fitted: Image, tested: Image) -> dict[str, float]:
    """The same for the teacher's own maps after their ReLU: what a perfect copy would reach."""
    return _correlations(lambda _, want: {layer: tf.nn.relu(raw) for layer, raw in want.items()}, teacher, fitted, tested)


def _correlations(
    see: Callable[[tf.Tensor, Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]], teacher: Network, fitted: Image, tested: Image
) -> dict[str, float]:
    def both(pictures: Image) -> tuple[Arrays, Arrays]:
        x = tf.constant(pictures)
        want = targets(teacher, x)
        have = see(x, want)
        return {layer: have[layer].numpy() for layer in NAMES}, {layer: want[layer].numpy() for layer in NAMES}

    heads, (have, want) = solve_heads(*both(fitted)), both(tested)
    return {layer: _correlation(have[layer] @ heads[layer][0] + heads[layer][1], want[layer]) for layer in NAMES}


def _correlation(guess: np.ndarray, true: np.ndarray) -> float:
    """Mean over the channels of maps (n, h, w, c)."""
    guess, true = (x.reshape(-1, x.shape[-1]) - x.mean((0, 1, 2)) for x in (guess, true))
    norms = np.linalg.norm(guess, axis=0) * np.linalg.norm(true, axis=0)
    return float(np.mean((guess * true).sum(0) / np.maximum(norms, 1e-9)))


# --- training ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Training:
    """A run: `step` makes the next one and names its errors, one a layer."""

    settings: Settings
    pools: Pools
    teacher: Network
    start: Mapping[str, np.ndarray]
    dtype: tf.DType = tf.float32
    trainer: Trainer = field(init=False)
    _scales: dict[str, np.ndarray] = field(init=False)
    _graph: Any = field(init=False)

    def __post_init__(self) -> None:
        if not self.pools.photographs or not self.pools.styles:
            raise BadRecipe("A training needs photographs and styles; name a folder of each.")
        rng = np.random.default_rng((self.settings.seed, 2))
        sample = tf.constant(self.pools.draw(self.settings.sample, self.settings.size, rng))
        want = {layer: raw.numpy() for layer, raw in targets(self.teacher, sample).items()}
        self._scales = {layer: np.maximum(leaky(raw).numpy().std((0, 1, 2)), 1e-6) for layer, raw in want.items()}
        scaled = {layer: raw / self._scales[layer] for layer, raw in want.items()}
        arrays = batch_normed.revived(self.start, (sample - MEAN) / STD, rng)
        heads = solve_heads({layer: m.numpy() for layer, m in normed_maps(arrays, sample).items()}, scaled)
        for layer, (head, shift) in heads.items():
            arrays |= {f"head/{layer}": head, f"shift/{layer}": shift}
        variables = {name: tf.Variable(array, dtype=tf.float32) for name, array in arrays.items()}
        turned = {name for name in variables if name.endswith(".kernel")}
        self.trainer = Trainer(variables, average=self.settings.average, clip=10.0, turned=turned)
        self._graph = tf.function(self._step_graph)

    def step(self) -> dict[str, float]:
        """The next step; its pictures follow from the seed and its number."""
        settings, one, began = self.settings, self.trainer, time.process_time()
        rng = np.random.default_rng((settings.seed, 0, one.step))
        pictures = tf.constant(self.pools.draw(settings.batch, settings.size, rng))
        rate = tf.constant(runs.rate(settings.peak_rate, one.step, settings.steps), tf.float32)
        errors = self._graph(pictures, rate)
        one.step += 1
        one.seconds += time.process_time() - began
        return {layer: float(error) for layer, error in errors.items()}

    def _step_graph(self, pictures: tf.Tensor, rate: tf.Tensor) -> dict[str, tf.Tensor]:
        variables = self.trainer.variables
        want = targets(self.teacher, pictures, self.dtype)
        with tf.GradientTape() as tape:
            have, errors = normed_maps(variables, pictures, self.dtype), {}
            for layer in NAMES:
                head = tf.cast(variables[f"head/{layer}"], self.dtype)
                guess = tf.cast(tf.tensordot(have[layer], head, 1), tf.float32) + variables[f"shift/{layer}"]
                errors[layer] = tf.reduce_mean((leaky(guess) - leaky(want[layer] / self._scales[layer])) ** 2)
            loss = tf.add_n(list(errors.values()))
        self.trainer.apply(list(variables), tape.gradient(loss, list(variables.values())), rate)
        return errors

    def network(self) -> Arrays:
        """What gets published: the moving average without the heads, folded and normalised."""
        rng = np.random.default_rng((self.settings.seed, 3))
        sample = self.pools.draw(self.settings.sample, self.settings.size, rng)
        return normalised(batch_normed.folded(self.trainer.averaged(), tf.constant((sample - MEAN) / STD)), sample)


# --- the command ------------------------------------------------------------------------------------------------------


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write, .npz; checkpoint and manifest go beside.")],
    photographs: runs.Photographs,
    styles: runs.Styles,
    teacher: Annotated[str, typer.Option(help="vgg19 (a download) or a stand-in's .npz file.")] = "vgg19",
    start: runs.Start = "embedded",
    steps: runs.Steps = DEFAULTS.steps,
    rate: runs.Rate = DEFAULTS.peak_rate,
    seed: runs.Seed = 0,
    resume: runs.Resume = False,
    checkpoint_every: runs.CheckpointEvery = 500,
    held_out: Annotated[Path | None, typer.Option(help="A folder of pictures to judge with.")] = None,
    log: runs.LogFile = None,
    threads: runs.Threads = 2,
) -> None:
    """Train vgg19-lite."""
    trainer.use_threads(threads)
    pools = Pools(data.load(photographs, 256), data.load(styles, 288))
    new = lambda: random_weights(np.random.default_rng(seed))  # noqa: E731
    settings = Settings(steps, rate, seed)
    training = Training(settings, pools, teachers.eyes(teacher), runs.starting(start, "vgg19-lite", new), features.fast_type())
    state = out.with_suffix(".state.npz")
    if resume:
        training.trainer.restore(state)
    about = {
        "model": "vgg19-lite",
        "pictures": {"photographs": len(pools.photographs), "styles": len(pools.styles)},
        "teachers": [Path(teacher).name],
        "start": Path(start).name,
        "settings": asdict(settings),
        "machine": trainer.machine(),
    }
    pictures = data.load([held_out], 256) if held_out else []
    run(training, out, state, Log(log), about, checkpoint_every, pictures)


def run(
    training: Training,
    out: Path,
    state: Path,
    log: Log,
    about: Mapping[str, Any],
    checkpoint_every: int,
    held_out: Sequence[Bytes] = (),
) -> None:
    """To the last step, with a checkpoint every so often, and the evaluation at the end."""
    one = training.trainer
    while one.step < training.settings.steps:
        errors = training.step()
        log.add(one.step, errors)
        if one.step % checkpoint_every == 0:
            one.save(state)
    one.save(state)
    arrays = training.network()
    result = evaluate(arrays, training, held_out) if held_out else {}
    log.note({"step": one.step, **result})
    manifest = {**about, "steps": one.step, "processor minutes": round(one.seconds / 60, 1), "result": result}
    runs.publish(out, arrays, manifest)


def evaluate(arrays: Arrays, training: Training, held_out: Sequence[Bytes]) -> dict[str, float]:
    """Correlation with the teacher's maps, layer by layer, on pictures that no step has seen."""
    rng = np.random.default_rng(0)
    fitted = training.pools.draw(training.settings.sample, training.settings.size, rng)
    tested = np.stack([data.crop(picture, training.settings.size, rng, least=0.7) for picture in held_out])
    return {layer: round(r, 4) for layer, r in correlations(arrays, training.teacher, fitted, tested).items()}


if __name__ == "__main__":
    runs.command(main)
