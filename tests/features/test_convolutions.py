"""Convolutions, forward and as the gradient of another one, against TensorFlow's own on odd and even sizes."""

import numpy as np
import pytest
import tensorflow as tf

from nst_core.features import convolutions
from nst_core.features.convolutions import Kernel, Padding, convolve

RNG = np.random.default_rng(0)
KERNEL, BIAS = RNG.normal(0, 0.2, (3, 3, 5, 7)).astype(np.float32), RNG.normal(0, 0.2, 7).astype(np.float32)
SIZES = [(8, 8), (7, 12), (9, 5), (2, 3)]


def plain(x: tf.Tensor, padding: Padding) -> tf.Tensor:
    border = [[0, 0], [1, 1], [1, 1], [0, 0]]
    padded = tf.pad(x, border, "REFLECT" if padding == "REFLECT" else "CONSTANT")
    return tf.nn.relu(tf.nn.conv2d(padded, KERNEL, 1, "VALID") + BIAS)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("padding", ["SAME", "REFLECT"])
def test_values_and_gradients(turned: bool, padding: Padding, monkeypatch: pytest.MonkeyPatch) -> None:
    """One graph for every size, as objectives are traced."""
    monkeypatch.setattr(convolutions, "turning_pays", lambda dtype, channels: turned)
    kernel = Kernel(KERNEL, BIAS, tf.float32)
    graph = tf.function(lambda x: convolve(x, kernel, padding=padding), autograph=False)
    graph = graph.get_concrete_function(tf.TensorSpec([1, None, None, 5]))
    kinds = {operation.type for operation in graph.graph.get_operations()}
    assert ("Conv2DBackpropInput" in kinds, "Conv2D" in kinds) == (turned, not turned)
    for size in SIZES:
        x, down = (tf.constant(RNG.normal(size=(1, *size, c)), tf.float32) for c in (5, 7))
        found = []
        for run in (graph, lambda x: plain(x, padding)):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = run(x)
            found.append((y, tape.gradient(y, x, down)))
        for ours, theirs in zip(*found, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_a_convolution_is_turned_only_where_that_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions.platform, "machine", lambda: "x86_64")
    for has_avx512 in (False, True):
        monkeypatch.setattr(convolutions.memory, "has_avx512", lambda has=has_avx512: has)
        assert convolutions.turning_pays(tf.float32, 128) is not has_avx512
        assert not convolutions.turning_pays(tf.bfloat16, 128)
    monkeypatch.setattr(convolutions.memory, "has_avx512", lambda: False)
    assert not convolutions.turning_pays(tf.float32, 512)
    monkeypatch.setattr(convolutions.platform, "machine", lambda: "arm64")
    assert not convolutions.turning_pays(tf.float32, 128)
