"""vgg19-lite under batch normalisation, and how its kernels move."""

import numpy as np
import pytest

from nst_core.features import tf
from nst_core.models import weights
from nst_core.training import batch_normed, trainer, vgg19_lite


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).random((3, 64, 64, 3), np.float32)


def centred(pictures):
    return tf.constant((pictures - vgg19_lite.MEAN) / vgg19_lite.STD)


def crippled():
    """Random weights; the first half of every layer's channels has fallen silent."""
    arrays = vgg19_lite.random_weights(np.random.default_rng(0))
    for name, bias in arrays.items():
        if name.endswith(".bias"):
            bias[: len(bias) // 2] = -1e3
    return arrays


def test_reviving_wakes_the_silent_channels_and_leaves_the_others_but_for_their_scale(pictures):
    before = vgg19_lite.maps(crippled(), tf.constant(pictures))
    variables = batch_normed.revived(crippled(), centred(pictures), np.random.default_rng(1))
    after = vgg19_lite.normed_maps(variables, tf.constant(pictures))
    for layer in vgg19_lite.NAMES:
        old, new = (maps[layer].numpy().reshape(-1, maps[layer].shape[-1]) for maps in (before, after))
        half = old.shape[1] // 2
        assert not old[:, :half].any() and (new[:, :half] > 0).mean(0).min() > 0.05, layer
        living = half + np.flatnonzero((old[:, half:] > 0).mean(0) > 0.05)
        for channel in living:
            assert np.corrcoef(old[:, channel], new[:, channel])[0, 1] > 0.999, (layer, channel)


def test_folded_convolutions_give_the_same_maps(pictures):
    variables = batch_normed.revived(crippled(), centred(pictures), np.random.default_rng(1))
    normed = vgg19_lite.normed_maps(variables, tf.constant(pictures))
    arrays = batch_normed.folded(variables, centred(pictures))
    assert {k: a.shape for k, a in arrays.items()} == {k: a.shape for k, a in weights.load("vgg19-lite").items()}
    plain = vgg19_lite.maps(arrays, tf.constant(pictures))
    for layer in vgg19_lite.NAMES:
        np.testing.assert_allclose(plain[layer], normed[layer], rtol=1e-3, atol=1e-3, err_msg=layer)


@pytest.mark.parametrize("shape", [(3, 3, 3, 16), (3, 3, 2, 32), (3, 3, 32, 32)])
def test_a_kernel_turns_by_its_share_and_keeps_its_length(shape):
    kernel, gradient = (tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32) for seed in (0, 1))
    singular = np.linalg.svd(trainer.orthogonalised(gradient).numpy().reshape(-1, shape[-1]), compute_uv=False)
    assert singular.min() > 0.6 and singular.max() < 1.3
    moved = trainer.turned(kernel, gradient, tf.constant(0.02))
    assert float(tf.norm(moved)) == pytest.approx(float(tf.norm(kernel)), rel=1e-5)
    assert float(tf.norm(moved - kernel) / tf.norm(kernel)) == pytest.approx(0.02, rel=0.1)
    assert float(tf.reduce_sum((moved - kernel) * gradient)) < 0
