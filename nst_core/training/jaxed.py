"""What trainings on an accelerator share, in JAX: networks as functions of plain arrays, distances, one optimiser.

TensorFlow trains wherever it runs; the GPU machines at hand have JAX alone, and JAX runs on a processor too. Arrays are those
of `teachers.stand_in` and `vgg19_lite`: kernels (h, w, in, out), maps (n, h, w, c). Nothing of this is needed to paint.
"""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Array = jax.Array
Arrays = Mapping[str, Any]
Convolutions = Mapping[str, tuple[Any, Any]]  # kernel and bias by Keras name of the layer, bottom first

TURN = 6  # times the learning rate: how far a kernel turns in a step, of its length

# --- networks ---------------------------------------------------------------------------------------------------------


def convolve(x: Array, kernel: Any, stride: int = 1) -> Array:
    """Over a picture padded by half a kernel by reflection, in the type of x."""
    p = kernel.shape[0] // 2
    padded = jnp.pad(x, ((0, 0), (p, p), (p, p), (0, 0)), "reflect") if p else x
    return lax.conv_general_dilated(padded, kernel.astype(x.dtype), (stride, stride), "VALID", dimension_numbers=_LAYOUT)


_LAYOUT = ("NHWC", "HWIO", "NHWC")


def pooled(x: Array) -> Array:
    """The greatest of every 2×2."""
    return lax.reduce_window(x, np.array(-np.inf, x.dtype), lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def raw_maps(convolutions: Convolutions, x: Array, last: str | None = None) -> dict[str, Array]:
    """Every layer's map before its ReLU, up to `last`, in the type of x, which is the network's own input."""
    found: dict[str, Array] = {}
    block = "block1"
    for layer, (kernel, bias) in convolutions.items():
        if layer.split("_")[0] != block:
            block, x = layer.split("_")[0], pooled(x)
        found[layer] = convolve(x, kernel) + bias.astype(x.dtype)
        x = jax.nn.relu(found[layer])
        if layer == last:
            break
    return found


def stand_in(file: Path) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], np.ndarray, np.ndarray]:
    """The convolutions of `teachers.stand_in`'s file, and the matrix and shift that turn RGB in [0, 1] into their input."""
    with np.load(file, allow_pickle=False) as archive:
        arrays = {key: archive[key].astype(np.float32) for key in archive.files if "_aux" not in key}
    mix, shift = arrays.pop("conv0.weight")[0, 0], arrays.pop("conv0.bias")
    names = sorted({key.split(".")[0] for key in arrays})
    return {f"block{n[4]}_conv{n[5]}": (arrays[f"{n}.weight"], arrays[f"{n}.bias"]) for n in names}, mix, shift


# --- distances --------------------------------------------------------------------------------------------------------


def gram(x: Array) -> Array:
    """(n, h, w, c) -> (n, c, c) float32, averaged over positions."""
    flat = x.reshape(x.shape[0], -1, x.shape[-1])
    return jnp.einsum("nmc,nmd->ncd", flat, flat, preferred_element_type=jnp.float32) / flat.shape[1]


def relative(x: Array, reference: Array) -> Array:
    """‖x − reference‖ / ‖reference‖ of each picture, (n,); smooth at zero."""
    axes = tuple(range(1, x.ndim))
    x, reference = x.astype(jnp.float32), reference.astype(jnp.float32)
    return jnp.sqrt(((x - reference) ** 2).sum(axes) / ((reference**2).sum(axes) + 1e-6) + 1e-8)


# --- the optimiser ----------------------------------------------------------------------------------------------------


def state_of(variables: Arrays) -> dict[str, Any]:
    """What `stepped` keeps: the variables, their average, and the moments of their gradients."""
    made = {"variable": jnp.copy, "average": jnp.copy, "mean": jnp.zeros_like, "square": jnp.zeros_like}  # one buffer each
    return {part: {name: make(a) for name, a in variables.items()} for part, make in made.items()}


def stepped(
    state: Arrays, gradients: Arrays, rates: Arrays, *, turned: Collection[str] = (), average: Any = 0.998, clip: float = 5.0
) -> dict[str, Any]:
    """One step: those of `turned` by Muon, on the sphere of their length, all others by Adam; as `trainer.Trainer` does.

    rates: of each variable. A step whose gradients are no numbers changes nothing.
    """
    norm = jnp.sqrt(sum((g.astype(jnp.float32) ** 2).sum() for g in gradients.values()))
    sound, scale = jnp.isfinite(norm), jnp.minimum(1.0, clip / (norm + 1e-12))
    new: dict[str, dict[str, Array]] = {part: {} for part in state}
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


def turn(kernel: Array, direction: Array, share: Any) -> Array:
    """The kernel after a step against the orthogonalised direction, `share` of its length; its length stays."""
    step, length = orthogonalised(direction), jnp.linalg.norm(kernel)
    moved = kernel - share * length * step / (jnp.linalg.norm(step) + 1e-12)
    return moved * length / jnp.linalg.norm(moved)


def orthogonalised(x: Array) -> Array:
    """(…, c) seen as a matrix (m, c), its singular values all brought near one: five steps after Newton and Schulz."""
    matrix = x.reshape(-1, x.shape[-1])
    wide = matrix.shape[0] < matrix.shape[1]
    matrix = matrix.T if wide else matrix
    matrix = matrix / (jnp.linalg.norm(matrix) + 1e-12)
    for _ in range(5):
        square = matrix.T @ matrix
        matrix = 3.4445 * matrix + matrix @ (2.0315 * square @ square - 4.7750 * square)
    return (matrix.T if wide else matrix).reshape(x.shape)


def on_device(arrays: Mapping[str, np.ndarray] | Iterable[tuple[str, np.ndarray]]) -> dict[str, Array]:
    return {name: jnp.asarray(a, jnp.float32) for name, a in dict(arrays).items()}
