"""The objective of `fast` and its gradient, against the plain formulas: TensorFlow's own operations, in float64 throughout."""

import numpy as np
import pytest
import tensorflow as tf

from nst_core import features
from nst_core.features import convolutions, networks
from nst_core.features.losses import COVARIANCE_FLOOR
from nst_core.features.networks import PIXEL_GAIN
from nst_core.optimization import Objective
from nst_core.recipes import OptimizeRecipe

RNG = np.random.default_rng(5)
BORDER = [[0, 0], [1, 1], [1, 1], [0, 0]]


def painted(height: int, width: int) -> np.ndarray:
    """(height, width, 3): soft colours with a little grain."""
    coarse = tf.image.resize(RNG.random((6, 6, 3)), (height, width)).numpy()
    return np.clip(coarse + RNG.normal(0, 0.05, coarse.shape), 0, 1).astype(np.float32)


def maps(picture: tf.Tensor) -> dict[str, tf.Tensor]:
    network = features.network("vgg19-lite")
    x = network.preprocess(picture)
    found = {"pixels": PIXEL_GAIN * x}
    for index, (name, (kernel, bias)) in enumerate(network.convolutions.items()):
        if index and name.endswith("conv1"):
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        x = tf.nn.conv2d(tf.pad(x, BORDER, "REFLECT"), kernel.astype(np.float64), 1, "VALID") + bias.astype(np.float64)
        x = found[name] = tf.nn.relu(x)
    return found


def mean_and_covariance(F: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    rows = tf.reshape(F, [-1, F.shape[-1]])
    mean = tf.reduce_mean(rows, 0)
    covariance = tf.matmul(rows - mean, rows - mean, transpose_a=True) / len(rows)
    return mean, covariance + COVARIANCE_FLOOR * tf.eye(F.shape[-1], dtype=F.dtype)


def distance(F: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """W₂²/c; the trace of a product's root from its eigenvalues, which those of a symmetric matrix equal."""
    (mean, C), (wanted, D) = map(mean_and_covariance, (F, target))
    root = tf.linalg.sqrtm(D)
    values = tf.linalg.eigvalsh(root @ C @ root)
    spread = tf.linalg.trace(C) + tf.linalg.trace(D) - 2 * tf.reduce_sum(tf.sqrt(values))
    return (tf.reduce_sum((mean - wanted) ** 2) + spread) / len(mean)


def plain(recipe: OptimizeRecipe, picture: tf.Tensor, content: np.ndarray, style: np.ndarray) -> list[tf.Tensor]:
    own, contents, styles = (maps(x) for x in (picture, *(tf.constant(p[None], tf.float64) for p in (content, style))))
    dx, dy = picture[:, :, 1:] - picture[:, :, :-1], picture[:, 1:] - picture[:, :-1]
    return [
        *(tf.reduce_mean((own[layer] - contents[layer]) ** 2) for layer in recipe.content_layers),
        *(distance(own[layer], styles[layer]) for layer in recipe.active_style_layers),
        (tf.reduce_sum(dx**2) + tf.reduce_sum(dy**2)) / tf.size(picture, tf.int64).numpy(),
    ]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("size", [(96, 128), (77, 66)])
def test_terms_and_gradient_are_those_of_the_formulas(
    size: tuple[int, int], turned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As near as float32 comes, whose mean of the pixels is off by 1e-5. turned: see `features/convolutions.py`."""
    monkeypatch.setattr(convolutions, "turning_pays", lambda dtype, channels: turned)
    recipe = OptimizeRecipe(precision="float32")
    content, style, picture = (painted(*shape) for shape in (size, (80, 100), size))
    objective = Objective(recipe, networks.vgg19_lite(), content, [style])
    weights = objective.weights(recipe, [1])
    terms, gradient = objective.compiled("test", lambda of, x, w: of(x, w))(tf.constant(picture[None]), tf.constant(weights))

    exact = tf.constant(picture[None], tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(exact)
        expected = tf.stack(plain(recipe, exact, content, style)) * weights
        total = tf.reduce_sum(expected)
    np.testing.assert_allclose(terms, expected, rtol=2e-5)
    assert float(tf.reduce_sum(terms)) == pytest.approx(float(total), rel=1e-5)
    wanted = tape.gradient(total, exact).numpy()
    assert np.linalg.norm(gradient - wanted) < 5e-6 * np.linalg.norm(wanted)
