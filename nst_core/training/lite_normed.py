"""vgg19-lite under batch normalisation in JAX, shaken as rounding would; what `batch_normed` is to the training in TensorFlow.

Plain arrays (`conv32.weight`, `conv32.bias`) become variables (`conv32.kernel`, `.gain`, `.shift`) by `revived`, and
come back by `published`.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nst_core.images import Image
from nst_core.training import jaxed, lite
from nst_core.training.jaxed import Array
from nst_core.training.lite import NAMES, Arrays, key

SILENT = 2e-3  # of the positions: a channel that answers at fewer is drawn anew, as in `batch_normed`
EPSILON = 1e-5
KEYS = tuple(key(layer) for layer in NAMES)


def shaken(x: Array, share: float, random: Array | None) -> Array:
    """Every number changed by a random share of itself, of deviation `share`."""
    if random is None or not share:
        return x
    return x + x * jax.random.uniform(random, x.shape, x.dtype, -(3**0.5) * share, 3**0.5 * share)


def normed_maps(
    variables: Mapping[str, Any],
    x: Array,
    *,
    shake: float = 0,
    shake_kernels: float = 0,
    random: Array | None = None,
    moments: dict[str, tuple[Array, Array]] | None = None,
) -> dict[str, Array]:
    """(n, h, w, 3) in the type to compute in -> every layer's map under batch normalisation; shaken where there is a key.

    shake: of sums and maps, by the element; shake_kernels: of kernels; see `shaken`. moments: takes the sums'.
    """
    found: dict[str, Array] = {}
    keys = [None] * 3 * len(NAMES) if random is None else list(jax.random.split(random, 3 * len(NAMES)))
    for i, layer in enumerate(NAMES):
        kernel = shaken(variables[f"{KEYS[i]}.kernel"], shake_kernels, keys[3 * i])
        z = jaxed.convolve(jaxed.pooled(x) if lite.begins_block(layer) else x, kernel)
        z = shaken(z, shake, keys[3 * i + 1])
        mean, variance = z.mean((0, 1, 2), jnp.float32), z.astype(jnp.float32).var((0, 1, 2))
        scale = variables[f"{KEYS[i]}.gain"] * jax.lax.rsqrt(variance + EPSILON)
        shift = variables[f"{KEYS[i]}.shift"] - mean * scale
        x = jax.nn.relu(z * scale.astype(x.dtype) + shift.astype(x.dtype))
        x = found[layer] = shaken(x, shake, keys[3 * i + 2])
        if moments is not None:
            moments[KEYS[i]] = mean, variance
    return found


def revived(arrays: Arrays, x: Array, rng: np.random.Generator) -> Arrays:
    """Plain convolutions under batch normalisation, silent channels new; see `batch_normed.revived`. x: the network's input."""
    variables: Arrays = {}
    heard = np.ones(3, np.float32)  # what the layer above multiplies each channel by
    for layer in NAMES:
        x = jaxed.pooled(x) if lite.begins_block(layer) else x
        kernel, bias = arrays[f"{key(layer)}.weight"] * heard[:, None], arrays[f"{key(layer)}.bias"]
        z = np.asarray(jaxed.convolve(x, kernel)) + bias
        living, mean, deviation = (z > 0).mean((0, 1, 2)) >= SILENT, z.mean((0, 1, 2)), z.std((0, 1, 2))
        kernel = np.where(living, kernel, rng.standard_normal(kernel.shape)).astype(np.float32)
        kernel /= np.sqrt((kernel**2).sum((0, 1, 2))) + 1e-12
        shift = np.where(living, mean / np.maximum(deviation, 1e-6), 0).astype(np.float32)
        variables |= {f"{key(layer)}.kernel": kernel, f"{key(layer)}.gain": np.ones_like(shift), f"{key(layer)}.shift": shift}
        z = jaxed.convolve(x, kernel)
        x = jax.nn.relu((z - z.mean((0, 1, 2))) / jnp.sqrt(z.var((0, 1, 2)) + EPSILON) + shift)
        heard = np.where(living, deviation, 0).astype(np.float32)
    return variables


def published(variables: Arrays, pictures: Image) -> Arrays:
    """Plain convolutions that give over these pictures what the normalised ones give, but each channel's mean is one."""
    with jax.default_matmul_precision("highest"):
        means, moments = jax.device_get(_measured(variables, (pictures - lite.MEAN) / lite.STD))
    arrays, below = Arrays(), np.ones(3, np.float32)
    for layer, name in zip(NAMES, KEYS, strict=True):
        mean, variance = moments[name]
        scale = np.asarray(variables[f"{name}.gain"]) / np.sqrt(variance + EPSILON)
        one = np.where(means[layer] < 1e-3, 1, means[layer])  # a silent channel's weights would grow beyond float16
        arrays[f"{name}.weight"] = np.asarray(variables[f"{name}.kernel"]) * scale * below[:, None] / one
        arrays[f"{name}.bias"] = (np.asarray(variables[f"{name}.shift"]) - mean * scale) / one
        below = one
    return arrays


@jax.jit
def _measured(variables: Mapping[str, Any], x: Array) -> tuple[dict[str, Array], dict[str, Any]]:
    moments: dict[str, tuple[Array, Array]] = {}
    found = normed_maps(variables, x, moments=moments)
    return {layer: m.mean((0, 1, 2)) for layer, m in found.items()}, moments
