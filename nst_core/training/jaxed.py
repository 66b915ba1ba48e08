"""Share functions of trainings in JAX: networks as functions of plain arrays, distances, an optimiser, a ring buffer.

The borrowed GPU machines have JAX but not TensorFlow, and JAX runs on a CPU too. Maps are (n, h, w, c), kernels (h, w, in,
out). None of this is needed for painting.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nst_core.errors import BadNetwork
from nst_core.training import runs

JaxArray = jax.Array
Arrays = Mapping[str, Any]
Convolutions = Mapping[str, tuple[Any, Any]]  # kernel and bias by Keras name of the layer, bottom first

TURN = 6  # relative to the learning rate: the fraction of its length by which a kernel moves in a step
PARTS = ("variable", "average", "mean", "square")  # of a state: variables, their average, moments of the gradients

# --- networks ---------------------------------------------------------------------------------------------------------


def convolve(x: JaxArray, kernel: Any, stride: int = 1) -> JaxArray:
    """Return the convolution of a picture padded by half a kernel by reflection, in the type of x."""
    p = kernel.shape[0] // 2
    padded = jnp.pad(x, ((0, 0), (p, p), (p, p), (0, 0)), "reflect") if p else x
    return lax.conv_general_dilated(padded, kernel.astype(x.dtype), (stride, stride), "VALID", dimension_numbers=_LAYOUT)


_LAYOUT = ("NHWC", "HWIO", "NHWC")


def pooled(x: JaxArray) -> JaxArray:
    """Return the maximum of every 2×2."""
    return lax.reduce_window(x, np.array(-np.inf, x.dtype), lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def raw_maps(convolutions: Convolutions, x: JaxArray, last: str | None = None) -> dict[str, JaxArray]:
    """Return every layer's map before its ReLU, up to `last`, in the type of x, which is the network's own input."""
    found: dict[str, JaxArray] = {}
    block = "block1"
    for layer, (kernel, bias) in convolutions.items():
        if layer.split("_")[0] != block:
            block, x = layer.split("_")[0], pooled(x)
        found[layer] = convolve(x, kernel) + bias.astype(x.dtype)
        x = jax.nn.relu(found[layer])
        if layer == last:
            break
    return found


class JaxNetwork(NamedTuple):
    """Hold a network that judges or teaches; mix (3, 3) and shift (3,) convert RGB in [0, 1] to its input."""

    convolutions: Convolutions
    mix: Any
    shift: Any

    def raw_maps(self, x: JaxArray, last: str | None = None, dtype: Any = jnp.float32) -> dict[str, JaxArray]:
        """Return every layer's map before its ReLU, up to `last`, in `dtype`, for (n, h, w, 3) in [0, 1]."""
        return raw_maps(self.convolutions, (x @ self.mix + self.shift).astype(dtype), last)


def stand_in(file: Path) -> JaxNetwork:
    """Return the network of an `.npz` file: see `runs.stand_in`. Raises: ModelUnavailable, BadNetwork."""
    return JaxNetwork(*runs.stand_in(file))


# --- distances --------------------------------------------------------------------------------------------------------


def gram(x: JaxArray) -> JaxArray:
    """Return Gram matrices (n, c, c), float32, of (n, h, w, c), averaged over positions."""
    flat = x.reshape(x.shape[0], -1, x.shape[-1])
    return jnp.einsum("nmc,nmd->ncd", flat, flat, preferred_element_type=jnp.float32) / flat.shape[1]


def relative(x: JaxArray, reference: JaxArray) -> JaxArray:
    """Return ‖x − reference‖ / ‖reference‖ of each picture, (n,); smooth at zero."""
    axes = tuple(range(1, x.ndim))
    x, reference = x.astype(jnp.float32), reference.astype(jnp.float32)
    return jnp.sqrt(((x - reference) ** 2).sum(axes) / ((reference**2).sum(axes) + 1e-6) + 1e-8)


# --- the optimiser ----------------------------------------------------------------------------------------------------


def state_of(variables: Arrays) -> dict[str, Any]:
    """Return the state for `stepped`, by part and name; each array has its own buffer, because buffers are donated."""
    new = {part: np.asarray if part in ("variable", "average") else np.zeros_like for part in PARTS}
    return {part: {name: jnp.array(make(a)) for name, a in variables.items()} for part, make in new.items()}


def write_state(file: Path, state: Arrays, step: int) -> None:
    """Write the state that the next step depends on."""
    arrays = {f"{part}:{name}": np.asarray(a) for part, group in state.items() for name, a in group.items()}
    runs.write_arrays(file, {**arrays, "step": np.array(step)})


def read_state(file: Path, like: Arrays) -> tuple[dict[str, Any], int]:
    """Return a state and its step. Raises: BadNetwork if it belongs to another training."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            read = lambda part, name, a: jnp.asarray(archive[f"{part}:{name}"]).reshape(a.shape)  # noqa: E731
            state = {part: {name: read(part, name, a) for name, a in group.items()} for part, group in like.items()}
            return state, int(archive["step"])
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise BadNetwork(f"{file} is no state of this training; start without --resume.") from error


def stepped(
    state: Arrays, gradients: Arrays, rates: Arrays, *, turned: Collection[str] = (), average: Any = 0.998, clip: float = 5.0
) -> dict[str, Any]:
    """Make a step: variables in `turned` by Muon, all others by Adam without bias correction, as in `trainer.Trainer`.

    turned: kernels followed by a normalisation, for which their length does not matter. rates: of each variable. Gradients that
    are not finite count as zero.
    """
    norm = jnp.sqrt(sum((g.astype(jnp.float32) ** 2).sum() for g in gradients.values()))
    sound, scale = jnp.isfinite(norm), jnp.minimum(1.0, clip / (norm + 1e-12))
    new: dict[str, dict[str, JaxArray]] = {part: {} for part in state}
    for name, gradient in gradients.items():
        g = jnp.where(sound, gradient * scale, 0.0)
        variable, mean, square = (state[part][name] for part in ("variable", "mean", "square"))
        mean = 0.9 * mean + 0.1 * g
        if name in turned:
            variable = turn(variable, 0.9 * mean + 0.1 * g, TURN * rates[name])
        else:
            square = 0.99 * square + 0.01 * g**2
            variable = variable - rates[name] * mean / (jnp.sqrt(square) + 1e-8)
        averaged = average * state["average"][name] + (1 - average) * variable
        for part, value in (("variable", variable), ("mean", mean), ("square", square), ("average", averaged)):
            new[part][name] = value
    return new


def turn(kernel: JaxArray, direction: JaxArray, share: Any) -> JaxArray:
    """Return the kernel (…, c) moved against the orthogonalised direction by `share` of its length, which stays the same.

    Muon (Jordan 2024, kellerjordan.github.io/posts/muon), on a sphere.
    """
    step, length = orthogonalised(direction), jnp.linalg.norm(kernel)
    moved = kernel - share * length * step / (jnp.linalg.norm(step) + 1e-12)
    return moved * length / jnp.linalg.norm(moved)


def orthogonalised(x: JaxArray) -> JaxArray:
    """Return (…, c) as a matrix (m, c) whose singular values are near one: five Newton-Schulz iterations."""
    matrix = x.reshape(-1, x.shape[-1])
    wide = matrix.shape[0] < matrix.shape[1]
    matrix = matrix.T if wide else matrix
    matrix = matrix / (jnp.linalg.norm(matrix) + 1e-12)
    for _ in range(5):
        square = matrix.T @ matrix
        matrix = 3.4445 * matrix + matrix @ (2.0315 * square @ square - 4.7750 * square)
    return (matrix.T if wide else matrix).reshape(x.shape)


def on_device(arrays: Mapping[str, np.ndarray]) -> dict[str, JaxArray]:
    return {name: jnp.asarray(a, jnp.float32) for name, a in arrays.items()}


def machine() -> str:
    """Return the name of the device, for a manifest."""
    return f"{jax.devices()[0].device_kind}, JAX {jax.__version__}"


# --- what steps pick from ---------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Ring:
    """Keep blocks of arrays of one shape on the device; the newest replace the oldest."""

    blocks: int
    arrays: dict[str, JaxArray] = field(default_factory=dict)  # (blocks, …)
    count: int = 0  # blocks ever put in

    @property
    def filled(self) -> int:
        return min(self.count, self.blocks)

    def put(self, block: Arrays) -> int:
        """Store a block and return its position."""
        if not self.arrays:
            self.arrays = {name: jnp.zeros((self.blocks, *a.shape), a.dtype) for name, a in block.items()}
        at = self.count % self.blocks
        self.arrays = _replaced(self.arrays, block, at)
        self.count += 1
        return at


@partial(jax.jit, donate_argnums=0)
def _replaced(arrays: dict[str, JaxArray], block: Arrays, at: JaxArray) -> dict[str, JaxArray]:
    return {name: a.at[at].set(block[name]) for name, a in arrays.items()}
