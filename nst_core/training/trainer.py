"""What trainings in TensorFlow share: Adam with a moving average, checkpoints that resume to the same numbers."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nst_core.errors import BadNetwork
from nst_core.features import tf
from nst_core.training import runs


class Trainer:
    """Variables by name under Adam (Kingma & Ba, 1412.6980), and a moving average of them, which is what gets published.

    Without bias correction: at β₁ 0.9 and β₂ 0.99 the first step is exact and none more than 2.1 times too long, which the
    warm-up covers; so variables that rest for some steps need no counters of their own.
    """

    def __init__(self, variables: Mapping[str, tf.Variable], *, average: float = 0.998, clip: float = 5.0) -> None:
        self.variables, self.step, self.seconds = dict(variables), 0, 0.0
        self._decay, self._clip = average, clip
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
        runs.write_arrays(file, arrays | {"step": np.int64(self.step), "seconds": np.float64(self.seconds)})

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


def use_threads(count: int) -> None:
    """Before TensorFlow's first work."""
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def machine() -> str:
    return f"{os.cpu_count()} cores, TensorFlow {tf.__version__}"
