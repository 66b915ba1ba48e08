"""Convolutions of 3×3 with ReLU, their borders padded, as fast as the processor's kernels allow: (1, h, w, c) -> (1, h, w, c').

With AVX2 but without AVX-512, oneDNN computes the gradient of a convolution by its input two to three times as fast as the
convolution itself: 128 channels at 64² took 17 ms instead of 47, 16 channels at 512² 19 instead of 37. That gradient is a
convolution too, with the kernel turned by 180° and its channels exchanged. So there a convolution is computed as the gradient
of another one.
"""

import platform
from collections.abc import Callable
from typing import Literal

import numpy as np

from nst_core.features.lean import tf
from nst_core.machine import memory

Padding = Literal["SAME", "REFLECT"]
MANY = 512  # channels: VGG's with so many, on maps of 32² and less, took 1.5 times as long turned


class Kernel:
    """The weights of a convolution: forward (3, 3, c, c'), turned (3, 3, c', c), bias (c',), all of one type."""

    def __init__(self, kernel: np.ndarray, bias: np.ndarray, dtype: tf.DType) -> None:
        self.forward, self.bias = tf.constant(kernel, dtype), tf.constant(bias, dtype)
        self.turned = (
            tf.constant(kernel[::-1, ::-1].swapaxes(2, 3), dtype) if turning_pays(dtype, max(kernel.shape[2:])) else None
        )


def turning_pays(dtype: tf.DType, channels: int) -> bool:
    """Return whether the gradient of a convolution by its input is the faster one. channels: at most, in or out."""
    return (
        channels < MANY
        and dtype == tf.float32
        and platform.machine().lower() in ("x86_64", "amd64")
        and not memory.has_avx512()
    )


def convolve(x: tf.Tensor, kernel: Kernel, *, padding: Padding) -> tf.Tensor:
    """Return ReLU(kernel * x + bias). padding: with zeros (SAME), or by reflection, where zeros would darken the border."""
    reflect = padding == "REFLECT"
    padded = reflect_border(x) if reflect else x
    if kernel.turned is not None:
        return _turned(padded, kernel, cut=reflect)
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(padded, kernel.forward, 1, "VALID" if reflect else "SAME"), kernel.bias))


def _turned(x: tf.Tensor, kernel: Kernel, *, cut: bool) -> tf.Tensor:
    """Return ReLU(kernel * x + bias), padded with zeros. cut: leave out the outermost pixels."""
    shape = tf.shape(x)
    padding = "VALID" if cut else "SAME"

    @tf.custom_gradient
    def of(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        sums = _gradient_by_input(x, kernel.turned, shape, "SAME")
        if cut:
            sums = tf.slice(sums, [0, 1, 1, 0], [-1, shape[1] - 2, shape[2] - 2, -1])
        y = tf.nn.relu(tf.nn.bias_add(sums, kernel.bias))

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            passed = tf.raw_ops.ReluGrad(gradients=upstream, features=y)
            return _gradient_by_input(passed, kernel.forward, shape, padding)

        return y, gradient

    y = of(x)
    y.set_shape([*x.shape[:1], *y.shape[1:3], kernel.forward.shape[-1]])
    return y


def _gradient_by_input(upstream: tf.Tensor, kernel: tf.Tensor, shape: tf.Tensor, padding: str) -> tf.Tensor:
    """Return the gradient of a convolution by its input, whose height and width are those of a shape."""
    sizes = tf.concat([shape[:3], [kernel.shape[2]]], 0)
    return tf.raw_ops.Conv2DBackpropInput(
        input_sizes=sizes, filter=kernel, out_backprop=upstream, strides=[1, 1, 1, 1], padding=padding
    )


@tf.custom_gradient
def reflect_border(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """`tf.pad` by one pixel in mode REFLECT, at a third of its time: (1, h, w, c) -> (1, h + 2, w + 2, c)."""
    tall = tf.concat([x[:, 1:2], x, x[:, -2:-1]], 1)
    padded = tf.concat([tall[:, :, 1:2], tall, tall[:, :, -2:-1]], 2)
    border = [[0, 0], [1, 1], [1, 1], [0, 0]]
    return padded, lambda upstream: tf.raw_ops.MirrorPadGrad(input=upstream, paddings=border, mode="REFLECT")
