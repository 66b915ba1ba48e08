"""instant-lite as JAX has it: functions of its arrays, as `instant_network` has them in TensorFlow.

Convolutions in the type of what comes in, statistics in float32.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import repeat

import jax
import jax.numpy as jnp
import numpy as np

from nst_core.training import jaxed
from nst_core.training.jaxed import Array

LEAST = 0.05  # as `instant.graph` has it
EPSILON = 1e-5
MEASURED_GRAMS = 5  # of the predictor's eyes, the first layers

Norm = Callable[[Array, Array, Array], Array]


def ordered(arrays: Mapping[str, Array], part: str) -> list[Array]:
    return [arrays[f"{part}/{i}"] for i in range(sum(name.startswith(f"{part}/") for name in arrays))]


# --- styles to vectors ------------------------------------------------------------------------------------------------


def style_statistics(convolutions: jaxed.Convolutions, inputs: Array) -> Array:
    """(n, h, w, 3), as the predictor's eyes take them, to (n, 5008)."""
    maps = [jax.nn.relu(x).astype(jnp.float32) for x in jaxed.raw_maps(convolutions, inputs).values()]
    found = []
    for x in maps:
        found += [x.mean((1, 2)), jnp.sqrt(x.var((1, 2)) + 1e-6)]
    for x in maps[:MEASURED_GRAMS]:
        rows, columns = np.triu_indices(x.shape[-1])
        found.append(jaxed.gram(x)[:, rows, columns])
    return jnp.sqrt(jnp.concatenate(found, 1))


def style_vector(predictor: Sequence[Array], statistics: Array) -> Array:
    """(n, 5008) -> (n, 100). predictor: mean and deviation of the statistics, kernel, bias."""
    mean, deviation, kernel, bias = predictor
    return ((statistics - mean) / deviation) @ kernel + bias


# --- content and vectors to a picture ---------------------------------------------------------------------------------


def transform(parameters: Sequence[Array], x: Array, vectors: Array) -> Array:
    """(n, h, w, 3), (n, 100) to (n, h, w, 3) float32; h and w multiples of 4."""
    return _layered(parameters, x, lambda x, dense, bias: style_norm(x, vectors @ dense + bias))


def transform_by_region(parameters: Sequence[Array], x: Array, vectors: Array, shares: Array) -> Array:
    """(n, h, w, 3), each with m vectors, (n, m, 100), and their shares of each pixel, (n, h, w, m), that add up to one."""
    halves = halved(shares)
    at_layers = iter((halves, *repeat(halved(halves), len(parameters) // 3 - 2), halves))
    return _layered(parameters, x, lambda x, dense, bias: regional_norm(x, vectors @ dense + bias, next(at_layers)))


def halved(x: Array) -> Array:
    """The mean of every 2×2."""
    n, h, w, c = x.shape
    return x.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def _layered(parameters: Sequence[Array], x: Array, norm: Norm) -> Array:
    """The network, whatever its norm makes of each layer."""
    *layers, out_kernel, out_bias = parameters
    (down1, down2, *blocks, up) = [layers[i : i + 3] for i in range(0, len(layers), 3)]

    def layer(x: Array, parameters: Sequence[Array], stride: int = 1) -> Array:
        kernel, dense, bias = parameters
        return norm(jaxed.convolve(x, kernel, stride), dense, bias)

    for down in (down1, down2):
        x = jax.nn.relu(layer(x, down, 2))
    for first, second in zip(blocks[::2], blocks[1::2], strict=True):
        x = x + layer(jax.nn.relu(layer(x, first)), second)
    x = x.repeat(2, 1).repeat(2, 2)
    x = jax.nn.relu(layer(x, up))
    logits = jaxed.convolve(x, out_kernel).astype(jnp.float32) + out_bias
    n, h, w, _ = logits.shape
    pixels = logits.reshape(n, h, w, 2, 2, 3).transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, 3)
    return jax.nn.sigmoid(pixels)


def style_norm(x: Array, style: Array) -> Array:
    """Conditional instance normalisation; style holds scale − 1 and shift, (n, 2c)."""
    wide = x.astype(jnp.float32)
    mean, variance = wide.mean((1, 2), keepdims=True), wide.var((1, 2), keepdims=True)
    scale, shift = jnp.split(style[:, None, None], 2, -1)
    gain = (1 + scale) * jax.lax.rsqrt(variance + EPSILON)
    return x * gain.astype(x.dtype) + (shift - mean * gain).astype(x.dtype)


def regional_norm(x: Array, styles: Array, shares: Array) -> Array:
    """`style_norm` by region: m styles, (n, m, 2c), mixed at each pixel by their shares, (n, h, w, m).

    Each is normalised by its own region's mean and variance, so that half a picture looks as if the whole were in that
    style; by those of the whole, a neighbour of other colours would drain it. LEAST of the whole picture is mixed in: a small
    region may have no contrast to stretch.
    """
    wide = x.astype(jnp.float32)
    mean, variance = wide.mean((1, 2), keepdims=True), wide.var((1, 2), keepdims=True)
    even = (wide - mean) * jax.lax.rsqrt(variance + EPSILON)
    area = shares.mean((1, 2))[..., None]  # (n, m, 1), of the picture
    whole = (variance / (variance + EPSILON))[:, 0]  # (n, 1, c), just below one; the whole's mean is zero
    positions = x.shape[1] * x.shape[2]
    mean, square = (jnp.einsum("nhwm,nhwc->nmc", shares, y) / positions / (area + LEAST) for y in (even, even**2))
    variance = square + whole * LEAST / (area + LEAST) - mean**2
    scale, shift = jnp.split(styles, 2, -1)
    scale = (1 + scale) * jax.lax.rsqrt(jnp.maximum(variance, 0) + 1 - whole)
    mixed = lambda values: jnp.einsum("nhwm,nmc->nhwc", shares, values)  # noqa: E731
    return (even * mixed(scale) + mixed(shift - mean * scale)).astype(x.dtype)


def even(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The same network, but for what its last layer makes of flat ground: there the four pixels that come of one are alike.

    They are as different as the sums of their kernels' taps and their biases are; both are set to the mean of the four.
    """
    last = sum(name.startswith("transformer/") for name in arrays) - 1
    kernel, bias = arrays[f"transformer/{last - 1}"], arrays[f"transformer/{last}"]
    sums = kernel.sum((0, 1)).reshape(-1, 4, 3)
    off = (sums.mean(1, keepdims=True) - sums).reshape(-1, 12) / (kernel.shape[0] * kernel.shape[1])
    mean = jnp.tile(bias.reshape(4, 3).mean(0), 4)
    return {**arrays, f"transformer/{last - 1}": kernel + off, f"transformer/{last}": mean}
