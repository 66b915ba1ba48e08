"""instant-lite as TensorFlow has it: functions of its arrays, for training, and what the exported model is checked against.

Pictures are painted by `instant/lite.py`, from the same arrays.
"""

from collections.abc import Callable, Sequence

import numpy as np

from nst_core import features
from nst_core.features import Extractor, tf
from nst_core.instant.graph import EPSILON, GRAMS, MEASURED, NUMBERS

WIDTH, BLOCKS = 64, 4  # of the transformer: channels, and residual blocks

Norm = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]  # a map, dense kernel and bias of its style -> the normalised map


# --- styles to vectors ------------------------------------------------------------------------------------------------


def predictors_eyes() -> Extractor:
    """What the predictor looks through."""
    return Extractor(features.network("vgg19-lite"), MEASURED)


def style_statistics(eyes: Extractor, pictures: tf.Tensor) -> tf.Tensor:
    """(n, h, w, 3) -> (n, 5008): roots of each channel's mean and deviation in MEASURED, and of the Gram matrices of GRAMS.

    Roots, since products of activations have long tails. Of a Gram matrix, which is symmetric, one half.
    """
    maps, found = {layer: tf.cast(x, tf.float32) for layer, x in eyes(pictures).items()}, []
    for layer in MEASURED:
        mean, variance = tf.nn.moments(maps[layer], [1, 2])
        found += [mean, tf.sqrt(variance + 1e-6)]
    for layer in GRAMS:
        x = maps[layer]
        flat = tf.reshape(x, [tf.shape(x)[0], -1, x.shape[-1]])
        gram = tf.matmul(flat, flat, transpose_a=True) / tf.cast(tf.shape(flat)[1], tf.float32)
        half = np.ravel_multi_index(np.triu_indices(x.shape[-1]), (x.shape[-1], x.shape[-1]))
        found.append(tf.gather(tf.reshape(gram, [-1, x.shape[-1] ** 2]), half, axis=1))
    return tf.sqrt(tf.concat(found, 1))


def style_vector(predictor: Sequence[tf.Tensor], statistics: tf.Tensor) -> tf.Tensor:
    """(n, 5008) -> (n, 100). predictor: mean and deviation of the statistics, kernel, bias."""
    mean, deviation, kernel, bias = predictor
    return ((statistics - mean) / deviation) @ kernel + bias


# --- content and vectors to a picture ---------------------------------------------------------------------------------


def transform(parameters: Sequence[tf.Tensor], x: tf.Tensor, vectors: tf.Tensor, dtype: tf.DType = tf.float32) -> tf.Tensor:
    """(n, h, w, 3), (n, 100) to (n, h, w, 3); h and w multiples of 4. Convolutions in `dtype`, statistics in float32."""
    return _layered(parameters, tf.cast(x, dtype), lambda x, dense, bias: style_norm(x, vectors @ dense + bias))


def _layered(parameters: Sequence[tf.Tensor], x: tf.Tensor, norm: Norm) -> tf.Tensor:
    """The network, whatever its norm makes of each layer."""
    *layers, out_kernel, out_bias = parameters
    (down1, down2, *blocks, up) = [layers[i : i + 3] for i in range(0, len(layers), 3)]

    def layer(x: tf.Tensor, parameters: Sequence[tf.Tensor], stride: int = 1) -> tf.Tensor:
        kernel, dense, bias = parameters
        return norm(_convolve(x, kernel, stride), dense, bias)

    for down in (down1, down2):
        x = tf.nn.relu(layer(x, down, 2))
    for first, second in zip(blocks[::2], blocks[1::2], strict=True):
        x += layer(tf.nn.relu(layer(x, first)), second)
    x = tf.repeat(tf.repeat(x, 2, 1), 2, 2)
    x = tf.nn.relu(layer(x, up))
    logits = tf.cast(_convolve(x, out_kernel), tf.float32) + out_bias
    return tf.sigmoid(tf.nn.depth_to_space(logits, 2))


def _convolve(x: tf.Tensor, kernel: tf.Tensor, stride: int = 1) -> tf.Tensor:
    """Convolution over a picture padded by half a kernel, so that no dark border creeps in."""
    p = kernel.shape[0] // 2
    return tf.nn.conv2d(tf.pad(x, [[0, 0], [p, p], [p, p], [0, 0]], "REFLECT"), tf.cast(kernel, x.dtype), stride, "VALID")


def style_norm(x: tf.Tensor, style: tf.Tensor) -> tf.Tensor:
    """Conditional instance normalisation; style holds scale − 1 and shift, (n, 2c)."""
    mean, variance = tf.nn.moments(tf.cast(x, tf.float32), [1, 2], keepdims=True)
    scale, shift = tf.split(style[:, None, None], 2, -1)
    gain = (1 + scale) * tf.math.rsqrt(variance + EPSILON)
    return x * tf.cast(gain, x.dtype) + tf.cast(shift - mean * gain, x.dtype)


def random_weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """New weights (He et al. 2015), by the names and in the shapes that `InstantLite` reads."""
    he = lambda *shape: (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32)  # noqa: E731
    zeros = lambda n: np.zeros(n, np.float32)  # noqa: E731
    count = len(style_statistics(predictors_eyes(), tf.zeros([1, 32, 32, 3]))[0])
    predictor = [zeros(count), np.ones(count, np.float32), he(count, NUMBERS) * 0.1, zeros(NUMBERS)]
    kernels = [he(5, 5, 3, 32), he(3, 3, 32, WIDTH), *(he(3, 3, WIDTH, WIDTH) for _ in range(2 * BLOCKS)), he(3, 3, WIDTH, 32)]
    transformer: list[np.ndarray] = []
    for kernel in kernels:
        twice = 2 * kernel.shape[-1]
        transformer += [kernel, (rng.standard_normal((NUMBERS, twice)) * 0.02).astype(np.float32), zeros(twice)]
    transformer += [he(3, 3, 32, 12), zeros(12)]
    parts = {"predictor": predictor, "transformer": transformer}
    return {f"{part}/{i}": array for part, arrays in parts.items() for i, array in enumerate(arrays)}
