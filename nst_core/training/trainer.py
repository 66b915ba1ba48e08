"""What both trainings share: Adam with a moving average, checkpoints that resume to the same numbers, logs, manifests."""

import json
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nst_core.errors import BadNetwork, ModelUnavailable, UserError
from nst_core.features import tf
from nst_core.models import weights

WARM_UP = 100  # steps
TURN = 6  # times the learning rate: how far a kernel turns in a step, of its length

# what every training's command asks
Photographs = Annotated[list[Path], typer.Option(help="A folder of photographs; may be repeated.")]
Styles = Annotated[list[Path], typer.Option(help="A folder of style pictures; may be repeated.")]
Start = Annotated[str, typer.Option(help="Weights to start from: embedded, random, or an .npz file.")]
Steps = Annotated[int, typer.Option(help="All in all; the learning rate falls towards them.")]
Rate = Annotated[float, typer.Option(help="The learning rate at its highest.")]
Seed = Annotated[int, typer.Option(help="Of weights and pictures.")]
Resume = Annotated[bool, typer.Option(help="Go on from the checkpoint beside OUT.")]
CheckpointEvery = Annotated[int, typer.Option(help="Steps.")]
LogFile = Annotated[Path | None, typer.Option(help="Losses as JSON lines.")]
Threads = Annotated[int, typer.Option(help="Processor threads.")]


class Trainer:
    """Variables by name under Adam (Kingma & Ba, 1412.6980), and a moving average of them, which is what gets published.

    Without bias correction: at β₁ 0.9 and β₂ 0.99 the first step is exact and none more than 2.1 times too long, which the
    warm-up covers; so variables that rest for some steps need no counters of their own.

    turned: names of kernels under a normalisation, which does not hear their length: they move by `turned` instead.
    """

    def __init__(
        self, variables: Mapping[str, tf.Variable], *, average: float = 0.998, clip: float = 5.0, turned: Collection[str] = ()
    ) -> None:
        self.variables, self.step, self.seconds = dict(variables), 0, 0.0
        self._decay, self._clip, self._turned = average, clip, frozenset(turned)
        zeros = lambda v: tf.Variable(tf.zeros_like(v), trainable=False)  # noqa: E731
        self._mean = {name: zeros(v) for name, v in variables.items()}
        self._square = {name: zeros(v) for name, v in variables.items()}
        self._average = {name: tf.Variable(v.read_value(), trainable=False) for name, v in variables.items()}

    def apply(self, names: Sequence[str], gradients: Sequence[tf.Tensor], rate: tf.Tensor) -> None:
        """One step of these variables; a step whose gradients are no numbers is left out."""
        norm = tf.linalg.global_norm(gradients)
        sound, scale = tf.math.is_finite(norm), tf.minimum(1.0, self._clip / (norm + 1e-12))
        for name, gradient in zip(names, gradients, strict=True):
            gradient = tf.where(sound, gradient * scale, 0.0)
            mean, square, variable, average = self._mean[name], self._square[name], self.variables[name], self._average[name]
            mean.assign(0.9 * mean + 0.1 * gradient)
            if name in self._turned:
                variable.assign(turned(variable, 0.9 * mean + 0.1 * gradient, TURN * rate))
            else:
                square.assign(0.99 * square + 0.01 * gradient**2)
                variable.assign_sub(rate * mean / (tf.sqrt(square) + 1e-8))
            average.assign(self._decay * average + (1 - self._decay) * variable)

    def set(self, name: str, value: np.ndarray) -> None:
        """A variable and its average, whatever they were."""
        self.variables[name].assign(value)
        self._average[name].assign(value)

    def averaged(self) -> dict[str, np.ndarray]:
        return {name: variable.numpy() for name, variable in self._average.items()}

    def save(self, file: Path) -> None:
        """Everything that the next step depends on; written beside its place, then renamed."""
        parts = {"variable": self.variables, "mean": self._mean, "square": self._square, "average": self._average}
        arrays = {f"{part}:{name}": v.numpy() for part, group in parts.items() for name, v in group.items()}
        write_arrays(file, arrays | {"step": np.int64(self.step), "seconds": np.float64(self.seconds)})

    def restore(self, file: Path) -> None:
        """Raises: BadNetwork when the checkpoint belongs to other variables."""
        parts = {"variable": self.variables, "mean": self._mean, "square": self._square, "average": self._average}
        try:
            with np.load(file, allow_pickle=False) as archive:
                for part, group in parts.items():
                    for name, variable in group.items():
                        variable.assign(archive[f"{part}:{name}"])
                self.step, self.seconds = int(archive["step"]), float(archive["seconds"])
        except (KeyError, ValueError, OSError) as error:
            raise BadNetwork(f"{file} is no checkpoint of this training; start without --resume.") from error


def turned(kernel: tf.Tensor, direction: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """The kernel (…, c) after a step against the orthogonalised direction, `share` of its length; its length stays.

    Muon (Jordan 2024, kellerjordan.github.io/posts/muon), on a sphere.
    """
    step, length = orthogonalised(direction), tf.norm(kernel)
    moved = kernel - share * length * step / (tf.norm(step) + 1e-12)
    return moved * length / tf.norm(moved)


def orthogonalised(x: tf.Tensor) -> tf.Tensor:
    """(…, c) seen as a matrix (m, c), its singular values all brought near one: five steps after Newton and Schulz."""
    matrix = tf.reshape(x, [-1, x.shape[-1]])
    wide = matrix.shape[0] < matrix.shape[1]
    matrix = tf.transpose(matrix) if wide else matrix
    matrix /= tf.norm(matrix) + 1e-12
    for _ in range(5):
        square = tf.matmul(matrix, matrix, transpose_a=True)
        matrix = 3.4445 * matrix + tf.matmul(matrix, 2.0315 * tf.matmul(square, square) - 4.7750 * square)
    return tf.reshape(tf.transpose(matrix) if wide else matrix, x.shape)


def rate(peak: float, step: int, steps: int) -> float:
    """The learning rate of a step: a warm-up, then a cosine down to a hundredth."""
    falling = 0.01 + 0.99 * np.cos(np.pi / 2 * min(1.0, step / max(1, steps))) ** 2
    return float(peak * min(1.0, (step + 1) / WARM_UP) * falling)


def starting(name: str, model: str, new: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Weights to start from: `embedded` those of the model, `random` new ones, else a file of ours, float32.

    Raises: ModelUnavailable, BadNetwork.
    """
    if name == "random":
        return new()
    arrays = weights.load(model) if name == "embedded" else read_arrays(Path(name))
    if {key: a.shape for key, a in arrays.items()} != {key: a.shape for key, a in new().items()}:
        raise BadNetwork(f"{name} holds no weights of {model}; start from `embedded` or `random`.")
    return arrays


def read_arrays(file: Path) -> dict[str, np.ndarray]:
    if not file.is_file():
        raise ModelUnavailable(f"There is no {file} to start from; say `embedded`, `random`, or name an .npz file.")
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {key: archive[key].astype(np.float32) for key in archive.files}
    except (ValueError, OSError) as error:
        raise BadNetwork(f"{file} is no .npz archive of arrays; name another file.") from error


def write_arrays(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """An `.npz` archive, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.part")
    with beside.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    beside.rename(file)


def publish(file: Path, arrays: Mapping[str, np.ndarray], manifest: Mapping[str, Any]) -> None:
    """float16 weights, and beside them the manifest as JSON: what trained them, on what, for how long, with which result."""
    write_arrays(file, {name: array.astype(np.float16) for name, array in arrays.items()})
    file.with_suffix(".json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


class Log:
    """Losses as JSON lines in a file, where one is named, and every so often their means as a line on the terminal."""

    def __init__(self, file: Path | None, every: int = 50) -> None:
        self._file, self._every, self._sums, self._start = file, every, dict[str, list[float]](), time.time()

    def add(self, step: int, losses: Mapping[str, float]) -> None:
        for name, value in losses.items():
            self._sums.setdefault(name, []).append(float(value))
        if step % self._every == 0:
            means = {name: float(np.mean(values)) for name, values in self._sums.items()}
            self.note({"step": step, "seconds": round(time.time() - self._start, 1), **means})
            self._sums.clear()

    def note(self, entry: Mapping[str, Any]) -> None:
        rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in entry.items()}
        print("  ".join(f"{key} {value}" for key, value in rounded.items()), flush=True)
        if self._file:
            with self._file.open("a") as stream:
                stream.write(json.dumps(rounded) + "\n")


def command(main: Callable[..., None]) -> None:
    """Run a training's command line: one line for a mistake of the user's, exit 2, as everywhere."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def use_threads(count: int) -> None:
    """Before TensorFlow's first work."""
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def machine() -> str:
    return f"{os.cpu_count()} cores, TensorFlow {tf.__version__}"
