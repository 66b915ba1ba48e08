"""Each formula by hand on a 2×2×2 tensor, against NumPy, and its gradient against finite differences."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from nst_core.features import losses

F = np.array([[[[1.0, 2], [3, 0]], [[0, 1], [2, 2]]]])  # (1, 2, 2, 2): positions (1,2) (3,0) (0,1) (2,2)
P = np.array([[[[1.0, 0], [3, 1]], [[0, 1], [0, 2]]]])  # differs by 2, −1, 2
G = np.array([[[14.0, 6], [6, 9]]])  # 1+9+0+4, 2+0+0+4, 4+0+1+4
A = np.array([[[10.0, 3], [3, 6]]])  # 1+9, 3, 1+1+4


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, 1, shape)


def number(tensor: tf.Tensor) -> float:
    assert tensor.shape == ()
    return float(tensor)


# --- by hand ------------------------------------------------------------------------------------------------------------


def test_content_loss_by_hand() -> None:
    assert number(losses.content_loss(F, P)) == 4.5  # ½ (4 + 1 + 4)


def test_mean_loss_by_hand() -> None:
    assert number(losses.mean_loss(F, P)) == 9 / 8


def test_normalised_loss_by_hand() -> None:
    assert number(losses.normalised_loss(tf.constant(F), tf.constant(P))) == pytest.approx(0.5 * 9 / 16)  # ‖P‖² = 16


def test_gram_matrix_by_hand() -> None:
    np.testing.assert_array_equal(losses.gram_matrix(tf.constant(F)), G)


def test_shifted_gram_by_hand() -> None:
    # F − 1: (0,1) (2,−1) (−1,0) (1,1)
    np.testing.assert_array_equal(losses.gram_matrix(tf.constant(F), shift=-1.0), [[[6, -1], [-1, 3]]])


def test_guided_gram_by_hand() -> None:
    mask = np.array([[1.0, 0], [0, 0.5]])  # T² = 1 and ¼: (1,2)ᵀ(1,2) + ¼ (2,2)ᵀ(2,2), over 1¼
    np.testing.assert_allclose(losses.gram_matrix(tf.constant(F), mask=mask), [[[1.6, 2.4], [2.4, 4.0]]])


def test_chain_gram_by_hand() -> None:
    # (F − 1)ᵀ (P − 1); P − 1: (0,−1) (2,0) (−1,0) (−1,1)
    expected = [[0 + 4 + 1 - 1, 0 + 0 + 0 + 1], [0 - 2 + 0 - 1, -1 + 0 + 0 + 1]]
    np.testing.assert_array_equal(losses.chain_gram(tf.constant(P), tf.constant(F)), [expected])


def test_chain_gram_pools_the_larger_map() -> None:
    upper = tf.constant([[[[3.0]]]], tf.float64)  # one position; the lower map's mean is (1.5, 1.25)
    np.testing.assert_array_equal(losses.chain_gram(tf.constant(F), upper), [[[2 * 0.5, 2 * 0.25]]])


def test_style_loss_by_hand() -> None:
    # (16 + 9 + 9 + 9) / (4 · 2² · 4²)
    assert number(losses.style_loss(tf.constant(G), tf.constant(A), positions=4)) == 43 / 256


def test_style_loss_of_means_is_the_papers() -> None:
    assert number(losses.style_loss(tf.constant(G / 4), tf.constant(A / 4))) == 43 / 256


def test_rms_style_loss_by_hand() -> None:
    assert number(losses.rms_style_loss(tf.constant(G), tf.constant(A))) == pytest.approx(np.sqrt(43 / 4))


def test_geometric_weights_by_hand() -> None:
    np.testing.assert_allclose(losses.geometric_weights(3), [4 / 7, 2 / 7, 1 / 7])  # 2², 2¹, 2⁰
    np.testing.assert_allclose(losses.geometric_weights(3, kind="content"), [1 / 7, 2 / 7, 4 / 7])


def test_total_variation_by_hand() -> None:
    # one pixel has both neighbours: channel 0 dx 2, dy −1; channel 1 dx −2, dy −1
    assert number(losses.total_variation(tf.constant(F))) == pytest.approx(2 * 5**1.25)
    # channel 0: dx 2, 2, dy −1, −1; channel 1: dx −2, 1, dy −1, 2
    assert number(losses.total_variation(tf.constant(F), form="squared")) == 4 + 4 + 1 + 1 + 4 + 1 + 1 + 4


def test_moments_by_hand() -> None:
    both = losses.moments(tf.constant(F))
    mean, covariance = both[..., 0], both[..., 1:]
    np.testing.assert_allclose(mean, [[1.5, 1.25]])
    # G/4 − mean meanᵀ, and the floor on the diagonal
    expected = [[3.5 - 2.25, 1.5 - 1.875], [1.5 - 1.875, 2.25 - 1.5625]]
    np.testing.assert_allclose(covariance, [expected + losses.COVARIANCE_FLOOR * np.eye(2)])


def test_moments_loss_by_hand() -> None:
    # axes agree, so W₂² = ‖Δμ‖² + Σ (√λ − √κ)²: 3² + 4² + (3 − 1)² + (2 − 5)², over two channels
    one = tf.constant([[[0.0, 9, 0], [0, 0, 4]]])  # mean, covariance
    other = tf.constant([[[3.0, 1, 0], [4, 0, 25]]])
    assert number(losses.moments_loss(one, other)) == pytest.approx((25 + 4 + 9) / 2)


# --- against NumPy ------------------------------------------------------------------------------------------------------


def numpy_gram(x: np.ndarray, y: np.ndarray, s: float) -> np.ndarray:
    out = np.zeros((x.shape[0], x.shape[3], y.shape[3]))
    for n, i, j in np.ndindex(x.shape[:3]):
        out[n] += np.outer(x[n, i, j] + s, y[n, i, j] + s)
    return out


@pytest.mark.parametrize("shift", [0.0, -1.0])
def test_gram_against_numpy(shift: float) -> None:
    x = random(2, 5, 7, 4)
    np.testing.assert_allclose(losses.gram_matrix(tf.constant(x), shift=shift), numpy_gram(x, x, shift))


def test_guided_shifted_gram_against_numpy() -> None:
    x, mask = random(2, 5, 7, 4), np.random.default_rng(1).random((5, 7))
    guided = (x - 1) * mask[None, :, :, None]
    expected = numpy_gram(guided, guided, 0) / np.sum(mask**2)
    np.testing.assert_allclose(losses.gram_matrix(tf.constant(x), shift=-1, mask=mask), expected)


def test_an_empty_guide_gives_zero() -> None:
    nothing = np.zeros((2, 2))
    np.testing.assert_array_equal(losses.gram_matrix(tf.constant(F), shift=-1, mask=nothing), np.zeros((1, 2, 2)))
    assert np.isfinite(losses.moments(tf.constant(F), mask=nothing)).all()


def test_guided_moments_and_chains_against_numpy() -> None:
    x, mask = random(2, 4, 6, 3), GUIDE**2
    counts = mask.ravel() / mask.sum()
    got = losses.moments(tf.constant(x), mask=GUIDE).numpy()
    for own, pixels in zip(got, x.reshape(2, -1, 3), strict=True):
        expected = np.cov(pixels, rowvar=False, bias=True, aweights=counts) + losses.COVARIANCE_FLOOR * np.eye(3)
        np.testing.assert_allclose(own[:, 0], counts @ pixels)
        np.testing.assert_allclose(own[:, 1:], expected)
    y = random(2, 4, 6, 5, seed=1)
    expected = np.stack(
        [((b - 1).reshape(-1, 5) * counts[:, None]).T @ (a - 1).reshape(-1, 3) for a, b in zip(x, y, strict=True)]
    )
    np.testing.assert_allclose(losses.chain_gram(tf.constant(x), tf.constant(y), mask=GUIDE), expected)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
@pytest.mark.parametrize("shift", [0.0, -1.0])
def test_a_guide_of_ones_changes_no_number(dtype: tf.DType, shift: float) -> None:
    """To the last bit: a run with one white mask is a run without."""
    x, ones = tf.cast(random(1, 40, 60, 8), dtype), np.ones((40, 60), np.float32)
    np.testing.assert_array_equal(losses.gram_matrix(x, shift=shift, mask=ones), losses.gram_matrix(x, shift=shift) / 2400)
    np.testing.assert_array_equal(
        losses.chain_gram(x, x + 0, shift=shift, mask=ones), losses.chain_gram(x, x + 0, shift=shift) / 2400
    )
    np.testing.assert_allclose(losses.moments(x, mask=ones), losses.moments(x), atol=1e-5)


def test_a_guide_sees_only_what_it_shows() -> None:
    x = random(1, 4, 6, 3)
    left = np.zeros((4, 6))
    left[:, :3] = 1
    part = tf.constant(x[:, :, :3])
    np.testing.assert_allclose(losses.gram_matrix(tf.constant(x), mask=left), losses.gram_matrix(part) / 12)
    np.testing.assert_allclose(losses.moments(tf.constant(x), mask=left), losses.moments(part))


def test_chain_against_numpy_on_odd_sizes() -> None:
    lower, upper = random(2, 9, 11, 3), random(2, 4, 5, 6, seed=1)
    pooled = lower[:, :8, :10].reshape(2, 4, 2, 5, 2, 3).mean((2, 4))
    expected = numpy_gram(upper, pooled, -1)
    np.testing.assert_allclose(losses.chain_gram(tf.constant(lower), tf.constant(upper)), expected)


def test_losses_against_numpy() -> None:
    x, t = random(3, 4, 5, 2), random(3, 4, 5, 2, seed=1)
    pictures = [(a - b, b) for a, b in zip(x, t, strict=True)]
    tx, tt = tf.constant(x), tf.constant(t)
    assert number(losses.content_loss(tx, tt)) == pytest.approx(np.mean([0.5 * np.sum(d**2) for d, _ in pictures]))
    relative = [0.5 * np.linalg.norm(d) ** 2 / np.linalg.norm(b) ** 2 for d, b in pictures]
    assert number(losses.normalised_loss(tx, tt)) == pytest.approx(np.mean(relative))
    g, a = random(3, 4, 4), random(3, 4, 4, seed=1)
    per_picture = ((g - a) ** 2).reshape(3, -1)
    loss = losses.style_loss(tf.constant(g), tf.constant(a), positions=7)
    assert number(loss) == pytest.approx(np.mean(per_picture.sum(1)) / (4 * 16 * 49))
    rms = losses.rms_style_loss(tf.constant(g), tf.constant(a))
    assert number(rms) == pytest.approx(np.mean(np.sqrt(per_picture.mean(1))))


def test_total_variation_against_numpy() -> None:
    x = random(2, 5, 6, 3)
    dx, dy = np.diff(x, axis=2), np.diff(x, axis=1)
    assert number(losses.total_variation(tf.constant(x), form="squared")) == pytest.approx((np.sum(dx**2) + np.sum(dy**2)) / 2)
    expected = np.sum((dx[:, :-1] ** 2 + dy[:, :, :-1] ** 2) ** 1.25) / 2
    assert number(losses.total_variation(tf.constant(x))) == pytest.approx(expected)


def test_moments_loss_against_scipy() -> None:
    from scipy.linalg import sqrtm

    x, y = random(2, 6, 6, 3), random(2, 5, 7, 3, seed=1) * 2 + 1
    expected = []
    for a, b in zip(x.reshape(2, -1, 3), y.reshape(2, -1, 3), strict=True):
        C, D = (np.cov(p, rowvar=False, bias=True) + losses.COVARIANCE_FLOOR * np.eye(3) for p in (a, b))
        root = sqrtm(D)
        expected.append(np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(C + D - 2 * sqrtm(root @ C @ root)).real)
    loss = losses.moments_loss(losses.moments(tf.constant(x)), losses.moments(tf.constant(y)))
    assert number(loss) == pytest.approx(np.mean(expected) / 3)


def test_bfloat16_maps_give_float32_losses() -> None:
    x = tf.cast(random(1, 16, 16, 8), tf.bfloat16)
    exact = losses.gram_matrix(tf.cast(x, tf.float64), shift=-1.0)
    rough = losses.gram_matrix(x, shift=-1.0)
    assert rough.dtype == tf.float32
    np.testing.assert_allclose(rough, exact, atol=0.01 * float(tf.reduce_max(exact)))
    assert losses.content_loss(x, x).dtype == tf.float32


# --- properties ---------------------------------------------------------------------------------------------------------


def test_gram_is_symmetric_and_positive() -> None:
    gram = losses.gram_matrix(tf.constant(random(1, 4, 5, 7)), shift=-1.0).numpy()[0]
    np.testing.assert_allclose(gram, gram.T, rtol=1e-12)
    assert np.linalg.eigvalsh(gram).min() > 0


def test_a_constant_picture_has_no_variation() -> None:
    for form in ("mahendran", "squared"):
        assert number(losses.total_variation(tf.fill([1, 8, 8, 3], 0.7), form=form)) == 0  # type: ignore[arg-type]


LOSSES: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {  # (maps, target maps) -> loss
    "content": losses.content_loss,
    "mean": losses.mean_loss,
    "normalised": losses.normalised_loss,
    "style": lambda x, t: losses.style_loss(losses.gram_matrix(x), losses.gram_matrix(t), positions=12),
    "style, shifted": lambda x, t: losses.style_loss(losses.gram_matrix(x, shift=-1), losses.gram_matrix(t, shift=-1)),
    "style, guided": lambda x, t: losses.style_loss(losses.gram_matrix(x, shift=-1, mask=GUIDE), losses.gram_matrix(t)),
    "style, normalised": lambda x, t: losses.normalised_loss(losses.gram_matrix(x), losses.gram_matrix(t)),
    "rms": lambda x, t: losses.rms_style_loss(losses.gram_matrix(x), losses.gram_matrix(t)),
    "chain, lower": lambda x, t: losses.style_loss(losses.chain_gram(x, t[:, ::2, ::2]), losses.chain_gram(t, t)),
    "chain, upper": lambda x, t: losses.style_loss(losses.chain_gram(t, x), losses.chain_gram(t, t)),
    "chain, guided": lambda x, t: losses.mean_loss(losses.chain_gram(x, x, mask=GUIDE), losses.chain_gram(t, t)),
    "moments": lambda x, t: losses.moments_loss(losses.moments(x), losses.moments(t)),
    "moments, guided": lambda x, t: losses.moments_loss(losses.moments(x, mask=GUIDE), losses.moments(t)),
    "tv": lambda x, t: losses.total_variation(x),
    "tv, squared": lambda x, t: losses.total_variation(x, form="squared"),
}
GUIDE = np.random.default_rng(3).random((4, 6))


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_against_finite_differences(name: str) -> None:
    loss, x, target = LOSSES[name], random(2, 4, 6, 3), tf.constant(random(2, 4, 6, 3, seed=1))
    variable = tf.Variable(x)
    with tf.GradientTape() as tape:
        value = loss(variable, target)
    gradient = tape.gradient(value, variable).numpy()
    for direction in (random(2, 4, 6, 3, seed=2), random(2, 4, 6, 3, seed=3)):
        h = 1e-5
        ahead, behind = (float(loss(tf.constant(x + s * h * direction), target)) for s in (1, -1))
        assert np.sum(gradient * direction) == pytest.approx((ahead - behind) / (2 * h), rel=1e-6)


IDENTICAL = [name for name in LOSSES if not name.startswith("tv") and name != "chain, lower" and "guided" not in name]


@pytest.mark.parametrize("name", IDENTICAL)
def test_identical_pictures_give_zero_loss_and_gradient(name: str) -> None:
    x = tf.Variable(random(1, 4, 6, 3).astype(np.float64))
    with tf.GradientTape() as tape:
        value = LOSSES[name](x, tf.constant(x))
    assert float(value) == pytest.approx(0, abs=1e-10)
    np.testing.assert_allclose(tape.gradient(value, x), 0, atol=1e-7)


def test_moments_of_a_flat_picture_have_a_finite_gradient() -> None:
    flat, target = tf.Variable(tf.fill([1, 4, 4, 3], 0.5)), tf.constant(random(1, 4, 4, 3), tf.float32)
    with tf.GradientTape() as tape:
        value = losses.moments_loss(losses.moments(flat), losses.moments(target))
    assert np.isfinite(tape.gradient(value, flat)).all()
