"""MicroAST (Wang et al., AAAI 2023), the best published one-pass stylizer of Instant's size, painted from its own weights.

`MicroAST(weights)(content, style)`: float32 (h, w, 3) in [0, 1] each, to a picture of the content's shape. Two encoders of the
same form see photograph and style; a modulator turns what the style's encoder saw into the scales and shifts of two residual
blocks; adaptive instance normalisation stands before each of them. Weights: NST_SHARED's models/microast.npz, MIT,
`part/name`, kernels (out, in / groups, h, w).
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from nst_core.images import Image

_ENCODER = ((0, 1), (2, 2), (4, 1), (6, 2), (8, 1))  # place of a convolution among the layers, and its stride
EPSILON = 1e-5


class MicroAST:
    """A painter: content and style to a picture. The sides of the content are padded to multiples of 4 while it is painted."""

    def __init__(self, weights: Path) -> None:
        with np.load(weights, allow_pickle=False) as archive:
            self._arrays: Mapping[str, np.ndarray] = {name: archive[name] for name in archive.files}
        self._graph = tf.function(self._paint, reduce_retracing=True)

    def __call__(self, content: Image, style: Image) -> Image:
        h, w, _ = content.shape
        padded, side = (np.pad(x, ((0, -x.shape[0] % 4), (0, -x.shape[1] % 4), (0, 0)), "reflect") for x in (content, style))
        painted = self._graph(tf.constant(padded[None]), tf.constant(side[None])).numpy()
        return np.ascontiguousarray(painted[0, :h, :w])

    def _paint(self, content: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
        _, deep = self._encoded(content, "content_encoder")
        style_maps = self._encoded(style, "style_encoder")
        x = deep
        for block, number in (("dec1", 2), ("dec2", 1)):  # the deeper style map first
            of_style = style_maps[number - 1]
            scale, shift = (self._modulation(of_style, f"{name}{number}") for name in ("weight", "bias"))
            x = self._modulated(_adaptive_norm(x, of_style), f"decoder/{block}", scale, shift)
        for first, second in ((1, 3), (6, 8)):
            x = _doubled(x)
            x = tf.nn.relu(self._convolved(x, f"decoder/dec3.{first}"))
            x = tf.nn.relu(self._convolved(x, f"decoder/dec3.{second}"))
        return tf.clip_by_value(self._convolved(x, "decoder/dec3.10"), 0.0, 1.0)

    def _encoded(self, x: tf.Tensor, part: str) -> tuple[tf.Tensor, tf.Tensor]:
        """A quarter of the size: after the first residual block, and after the second."""
        for place, stride in _ENCODER:
            x = tf.nn.relu(self._convolved(x, f"{part}/enc1.{place}", stride))
        one = self._residual(x, f"{part}/enc1.10")
        return one, self._residual(one, f"{part}/enc2.0")

    def _residual(self, x: tf.Tensor, name: str) -> tf.Tensor:
        inner = tf.nn.relu(self._convolved(x, f"{name}.conv1"))
        return x + self._convolved(inner, f"{name}.conv2")

    def _modulated(self, x: tf.Tensor, name: str, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
        """A residual block whose convolutions are scaled, and beside which what came in passes by the shift."""
        inner = tf.nn.relu(scale * self._convolved(x, f"{name}.conv1") + shift * x)
        return x + scale * self._convolved(inner, f"{name}.conv2") + shift * inner

    def _modulation(self, style: tf.Tensor, name: str) -> tf.Tensor:
        return tf.reduce_mean(self._convolved(style, f"modulator/{name}.0"), [1, 2], keepdims=True)

    def _convolved(self, x: tf.Tensor, name: str, stride: int = 1) -> tf.Tensor:
        """Reflect padding, groups as the kernel's shape says."""
        kernel, bias = (self._arrays[f"{name}.conv_layer.{kind}"] for kind in ("weight", "bias"))
        margin, groups = kernel.shape[-1] // 2, int(x.shape[-1]) // kernel.shape[1]
        x = tf.pad(x, [[0, 0], [margin, margin], [margin, margin], [0, 0]], "REFLECT")
        parts = zip(tf.split(x, groups, -1), np.split(kernel, groups), strict=True)
        maps = [tf.nn.conv2d(part, own.transpose(2, 3, 1, 0), stride, "VALID") for part, own in parts]
        return tf.concat(maps, -1) + bias


def _adaptive_norm(x: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
    (mean_x, deviation_x), (mean_s, deviation_s) = _statistics(x), _statistics(style)
    return (x - mean_x) / deviation_x * deviation_s + mean_s


def _statistics(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and deviation by channel; the variance is the unbiased one, as published."""
    count = tf.cast(tf.shape(x)[1] * tf.shape(x)[2], tf.float32)
    mean, variance = tf.nn.moments(x, [1, 2], keepdims=True)
    return mean, tf.sqrt(variance * count / (count - 1) + EPSILON)


def _doubled(x: tf.Tensor) -> tf.Tensor:
    shape = tf.shape(x)
    return tf.image.resize(x, [2 * shape[1], 2 * shape[2]], "bilinear")
