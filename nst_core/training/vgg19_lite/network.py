"""Define `vgg19-lite` in JAX: its plain convolutions, and the same network with batch normalisation for training.

`revived` turns plain arrays (`conv32.weight`, `conv32.bias`) into variables (`conv32.kernel`, `.gain`, `.shift`), and
`published` turns them back. In between, the values of every channel before its ReLU have mean `shift` and deviation `gain` over
the batch, whatever the layers below do (Ioffe & Szegedy 2015, 1502.03167). Without that, most channels fell silent permanently.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nst_core.errors import BadNetwork
from nst_core.images import Image
from nst_core.training import jaxed, runs
from nst_core.training.jaxed import JaxArray

WIDTHS = {"block1": 16, "block2": 32, "block3": 64, "block4": 128, "block5": 128}
DEPTHS = {"block1": 2, "block2": 2, "block3": 3, "block4": 3, "block5": 1}
NAMES: tuple[str, ...] = tuple(f"{block}_conv{i + 1}" for block, depth in DEPTHS.items() for i in range(depth))
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
# The root mean square of every published channel over photographs, so that none of them, including rare ones, weighs more than
# another in the losses. A rectified normal value of that has a mean of about one (0.85), as in Gatys' normalised VGG-19.
ROOT_MEAN_SQUARE = 1.5
SILENT = 2e-3  # of the positions: a channel that responds at fewer is initialised again
EPSILON = 1e-5

Weights = dict[str, np.ndarray]


def key(layer: str) -> str:
    """Return the name in the archive: block3_conv2 is conv32."""
    return f"conv{layer[5]}{layer[-1]}"


def layers(arrays: Mapping[str, Any]) -> list[str]:
    """Return those of NAMES that a network has, bottom first; a few suffice for a trial."""
    held = {name.split(".")[0] for name in arrays}
    return [layer for layer in NAMES if key(layer) in held]


def begins_block(layer: str) -> bool:
    """Return whether a pooling precedes the layer."""
    return layer.endswith("conv1") and layer != NAMES[0]


# --- plain convolutions -----------------------------------------------------------------------------------------------


def random_weights(rng: np.random.Generator) -> Weights:
    """Return new weights (He et al. 2015), with a small bias so that no unit is dead at the start."""
    arrays, below = Weights(), 3
    for layer in NAMES:
        width = WIDTHS[layer.split("_")[0]]
        kernel = rng.standard_normal((3, 3, below, width)) * np.sqrt(2 / (9 * below))
        arrays |= {f"{key(layer)}.weight": kernel.astype(np.float32), f"{key(layer)}.bias": np.full(width, 0.05, np.float32)}
        below = width
    return arrays


def read(file: Path) -> Weights:
    """Read weights from an `.npz` file, float32. Raises: ModelUnavailable, BadNetwork."""
    arrays, new = runs.read_arrays(file), random_weights(np.random.default_rng(0))
    if {name: a.shape for name, a in arrays.items()} != {name: a.shape for name, a in new.items()}:
        raise BadNetwork(f"{file} holds no weights of vgg19-lite; name another file.")
    return arrays


def convolutions(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the convolutions by layer, bottom first, for `jaxed.raw_maps`."""
    return {layer: (arrays[f"{key(layer)}.weight"], arrays[f"{key(layer)}.bias"]) for layer in NAMES}


def normalised(x: Any) -> Any:
    """Convert RGB in [0, 1] to the network's input."""
    return (x - MEAN) / DEVIATION


@partial(jax.jit, static_argnames="stored")
def maps(arrays: Mapping[str, Any], x: JaxArray, stored: Callable[[JaxArray], JaxArray] = lambda x: x) -> dict[str, JaxArray]:
    """Return every layer's map after the ReLU, float32, for (n, h, w, 3) in [0, 1]. stored: rounds each stored number."""
    found: dict[str, JaxArray] = {}
    x = stored(normalised(jnp.asarray(x)))
    for layer in layers(arrays):
        kernel, bias = (stored(jnp.asarray(arrays[f"{key(layer)}.{part}"], jnp.float32)) for part in ("weight", "bias"))
        z = stored(jaxed.convolve(_below(layer, x), kernel))
        x = found[layer] = jax.nn.relu(stored(z + bias))
    return found


def _below(layer: str, x: JaxArray) -> JaxArray:
    """Return a layer's input from the previous layer's map."""
    return jaxed.pooled(x) if begins_block(layer) else x


# --- under batch normalisation ----------------------------------------------------------------------------------------


def shaken(x: JaxArray, share: float, random: JaxArray | None) -> JaxArray:
    """Change every number by a random fraction of itself, of deviation `share`."""
    if random is None or not share:
        return x
    return x + x * jax.random.uniform(random, x.shape, x.dtype, -(3**0.5) * share, 3**0.5 * share)


def normed_maps(
    variables: Mapping[str, Any],
    x: JaxArray,
    *,
    shake: float = 0,
    shake_kernels: float = 0,
    random: JaxArray | None = None,
    moments: dict[str, tuple[JaxArray, JaxArray]] | None = None,
) -> dict[str, JaxArray]:
    """Return every layer's map for (n, h, w, 3), `normalised`, in the type to compute in; disturbed if there is a random key.

    shake: of sums and maps, by the element; shake_kernels: of kernels; see `shaken`. moments: receives those of the sums.
    """
    found: dict[str, JaxArray] = {}
    keys = [None] * 3 * len(NAMES) if random is None else list(jax.random.split(random, 3 * len(NAMES)))
    for i, layer in enumerate(layers(variables)):
        name = key(layer)
        kernel = shaken(variables[f"{name}.kernel"], shake_kernels, keys[3 * i])
        z = shaken(jaxed.convolve(_below(layer, x), kernel), shake, keys[3 * i + 1])
        mean, variance = z.mean((0, 1, 2), jnp.float32), z.astype(jnp.float32).var((0, 1, 2))
        scale = variables[f"{name}.gain"] * lax.rsqrt(variance + EPSILON)
        shift = variables[f"{name}.shift"] - mean * scale
        x = jax.nn.relu(z * scale.astype(x.dtype) + shift.astype(x.dtype))
        x = found[layer] = shaken(x, shake, keys[3 * i + 2])
        if moments is not None:
            moments[name] = mean, variance
    return found


def revived(arrays: Mapping[str, np.ndarray], x: JaxArray, rng: np.random.Generator) -> Weights:
    """Return plain convolutions under batch normalisation, for (n, h, w, 3), `normalised`; silent channels are initialised
    again.

    Other channels respond to these pictures as before except for their scale, and give new channels no weight yet.
    """
    variables = Weights()
    heard = np.ones(3, np.float32)  # what the layer above multiplies each channel by
    for layer in layers(arrays):
        x, name = _below(layer, x), key(layer)
        kernel, bias = arrays[f"{name}.weight"] * heard[:, None], arrays[f"{name}.bias"]
        z = np.asarray(_sums(x, kernel)) + bias
        living, mean, deviation = (z > 0).mean((0, 1, 2)) >= SILENT, z.mean((0, 1, 2)), z.std((0, 1, 2))
        kernel = np.where(living, kernel, rng.standard_normal(kernel.shape)).astype(np.float32)
        kernel /= np.sqrt((kernel**2).sum((0, 1, 2))) + 1e-12
        shift = np.where(living, mean / np.maximum(deviation, 1e-6), 0).astype(np.float32)
        variables |= {f"{name}.kernel": kernel, f"{name}.gain": np.ones_like(shift), f"{name}.shift": shift}
        x = _normed(_sums(x, kernel), shift)
        heard = np.where(living, deviation, 0).astype(np.float32)
    return variables


_sums = jax.jit(jaxed.convolve)


@jax.jit
def _normed(z: JaxArray, shift: JaxArray) -> JaxArray:
    """Return the map under batch normalisation, with a gain of one per channel."""
    return jax.nn.relu((z - z.mean((0, 1, 2))) / jnp.sqrt(z.var((0, 1, 2)) + EPSILON) + shift)


def published(variables: Mapping[str, Any], pictures: Image) -> Weights:
    """Return plain convolutions that equal the normalised ones on these pictures, each channel at ROOT_MEAN_SQUARE."""
    with jax.default_matmul_precision("highest"):
        squares, moments = jax.device_get(_measured(variables, normalised(pictures)))
    arrays, below = Weights(), np.ones(3, np.float32)
    for layer in layers(variables):
        name = key(layer)
        mean, variance = moments[name]
        scale = np.asarray(variables[f"{name}.gain"]) / np.sqrt(variance + EPSILON)
        root = np.sqrt(squares[layer])
        unit = np.where(root < 1e-3, 1, root / ROOT_MEAN_SQUARE)  # a silent channel's weights would grow beyond float16
        arrays[f"{name}.weight"] = np.asarray(variables[f"{name}.kernel"]) * scale * below[:, None] / unit
        arrays[f"{name}.bias"] = (np.asarray(variables[f"{name}.shift"]) - mean * scale) / unit
        below = unit
    return arrays


@jax.jit
def _measured(variables: Mapping[str, Any], x: JaxArray) -> tuple[dict[str, JaxArray], dict[str, Any]]:
    """Return the mean square of every layer's channels, and the moments of its sums."""
    moments: dict[str, tuple[JaxArray, JaxArray]] = {}
    found = normed_maps(variables, x, moments=moments)
    return {layer: (m**2).mean((0, 1, 2)) for layer, m in found.items()}, moments
