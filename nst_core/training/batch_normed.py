"""vgg19-lite as it is trained: every convolution under batch normalisation, so that no channel falls silent.

Plain arrays (`conv32.weight`, `conv32.bias`) to variables (`conv32.kernel`, `.gain`, `.shift`) and back. Ioffe & Szegedy 2015,
1502.03167: a channel's values before its ReLU are set to mean `shift` and deviation `gain` over the batch, whatever the layers
below have become. In between, `revived` draws silent channels anew; at the end `folded` leaves plain convolutions.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nst_core.features import reflect_border, tf

SILENT = 2e-3  # of the positions: a channel that answers at fewer is drawn anew
EPSILON = 1e-5

Arrays = dict[str, np.ndarray]
Moments = dict[str, tuple[tf.Tensor, tf.Tensor]]  # mean and variance of each channel before its gain, by key


def maps(
    variables: Mapping[str, Any], x: tf.Tensor, dtype: tf.DType = tf.float32, *, moments: Moments | None = None
) -> dict[str, tf.Tensor]:
    """Normalised pictures (n, h, w, 3) to every layer's map after ReLU, by key, in `dtype`; `moments` takes the batch's."""
    found, x = {}, tf.cast(x, dtype)
    for key, pooled in _keys(variables):
        z = convolution(tf.nn.max_pool2d(x, 2, 2, "VALID") if pooled else x, variables[f"{key}.kernel"])
        mean, variance = tf.nn.moments(tf.cast(z, tf.float32), [0, 1, 2])
        scale = variables[f"{key}.gain"] * tf.math.rsqrt(variance + EPSILON)
        x = found[key] = tf.nn.relu(z * tf.cast(scale, dtype) + tf.cast(variables[f"{key}.shift"] - mean * scale, dtype))
        if moments is not None:
            moments[key] = mean, variance
    return found


def convolution(x: tf.Tensor, kernel: Any) -> tf.Tensor:
    return tf.nn.conv2d(reflect_border(x), tf.cast(kernel, x.dtype), 1, "VALID")


def revived(arrays: Mapping[str, np.ndarray], x: tf.Tensor, rng: np.random.Generator) -> Arrays:
    """The same network under batch normalisation, (n, h, w, 3) in; its silent channels are new ones.

    Living channels answer to these pictures as before, but for their scale: to a new channel they give no weight yet.
    """
    variables: Arrays = {}
    heard = np.ones(x.shape[-1], np.float32)  # what the layer above multiplies each channel by
    for key, pooled in _keys(arrays):
        x = tf.nn.max_pool2d(x, 2, 2, "VALID") if pooled else x
        kernel, bias = arrays[f"{key}.weight"] * heard[:, None], arrays[f"{key}.bias"]
        z = convolution(x, kernel).numpy() + bias
        living, mean, deviation = (z > 0).mean((0, 1, 2)) >= SILENT, z.mean((0, 1, 2)), z.std((0, 1, 2))
        kernel = np.where(living, kernel, rng.standard_normal(kernel.shape)).astype(np.float32)
        kernel /= np.sqrt((kernel**2).sum((0, 1, 2))) + 1e-12
        shift = np.where(living, mean / np.maximum(deviation, 1e-6), 0).astype(np.float32)
        one = {f"{key}.kernel": kernel, f"{key}.gain": np.ones_like(shift), f"{key}.shift": shift}
        x, heard = maps(one, x)[key], np.where(living, deviation, 0).astype(np.float32)
        variables |= one
    return variables


def folded(variables: Mapping[str, Any], x: tf.Tensor) -> Arrays:
    """Plain convolutions that give over these pictures what the normalised ones give; (n, h, w, 3) in."""
    arrays, moments = Arrays(), Moments()
    maps(variables, x, moments=moments)
    for key, (mean, variance) in moments.items():
        scale = np.asarray(variables[f"{key}.gain"]) / np.sqrt(variance.numpy() + EPSILON)
        arrays[f"{key}.weight"] = np.asarray(variables[f"{key}.kernel"]) * scale
        arrays[f"{key}.bias"] = np.asarray(variables[f"{key}.shift"]) - mean.numpy() * scale
    return arrays


def _keys(arrays: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    """conv11, conv12, conv21 …, and whether a pooling comes before."""
    keys = sorted({name.split(".")[0] for name in arrays if name.startswith("conv")})
    for below, key in zip([keys[0], *keys], keys, strict=False):
        yield key, key[4] != below[4]
