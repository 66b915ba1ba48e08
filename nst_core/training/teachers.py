"""Load networks that judge, by option, and compute distances with them.

`eyes("vgg19")` is Keras' VGG-19, a download; `eyes("FILE.npz")` a replacement with convolutions `conv11.weight` … and a 1×1
`conv0` that converts RGB in [0, 1] to its input, such as Wang et al.'s smaller VGG-19 (CVPR 2020).
"""

from collections.abc import Mapping
from pathlib import Path

from nst_core import features
from nst_core.features import Extractor, Network, tf
from nst_core.images import Image
from nst_core.training import runs

STYLE_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
CONTENT_LAYER = "block4_conv2"


def eyes(name: str) -> Network:
    """Return `vgg19` (Keras), `vgg19-lite` (ours), or a replacement by its path.

    Raises: ModelUnavailable, BadNetwork.
    """
    return features.network(name) if name in features.NETWORKS else stand_in(Path(name))


def stand_in(file: Path) -> Network:
    """Read a VGG-like network from an `.npz` archive: reflect padding, convolutions named `conv34.weight` and `conv34.bias`.

    Raises: ModelUnavailable, BadNetwork.
    """
    convolutions, mix, shift = runs.stand_in(file)
    return Network(convolutions, lambda rgb: tf.nn.conv2d(rgb, mix[None, None], 1, "VALID") + shift, "REFLECT")


# --- distances --------------------------------------------------------------------------------------------------------


def gram(x: tf.Tensor) -> tf.Tensor:
    """Return Gram matrices (n, c, c), float32, of (n, h, w, c), averaged over positions."""
    shape = tf.shape(x)
    flat = tf.cast(tf.reshape(x, [shape[0], shape[1] * shape[2], x.shape[-1]]), tf.float32)  # (n, h*w, c)
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(shape[1] * shape[2], tf.float32)


def relative(x: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """Return ‖x − reference‖ / ‖reference‖ of each picture, (n,); smooth at zero."""
    axes = list(range(1, x.shape.rank))
    x, reference = tf.cast(x, tf.float32), tf.cast(reference, tf.float32)
    squared = tf.reduce_sum((x - reference) ** 2, axes) / (tf.reduce_sum(reference**2, axes) + 1e-6)
    return tf.sqrt(squared + 1e-8)


def style_distance(have: Mapping[str, tf.Tensor], want: Mapping[str, tf.Tensor], layers: tuple[str, ...]) -> tf.Tensor:
    """Return the mean relative distance of these layers' Gram matrices, (n,)."""
    return tf.add_n([relative(gram(have[layer]), gram(want[layer])) for layer in layers]) / len(layers)


def verdict(extractor: Extractor, picture: Image, content: Image, style: Image) -> tuple[float, float]:
    """Return style and content distance of a picture, (h, w, 3); the style may have another shape."""
    x, c, s = (extractor(tf.constant(image[None])) for image in (picture, content, style))
    layers = tuple(layer for layer in STYLE_LAYERS if layer in extractor.layers)
    return float(style_distance(x, s, layers)[0]), float(relative(x[CONTENT_LAYER], c[CONTENT_LAYER])[0])
