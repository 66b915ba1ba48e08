"""The networks that our own models learn from, by option: VGG-19 as eyes, the published mobile Magenta as a painter.

- `eyes("vgg19")` is Keras' VGG-19, a download; `eyes("FILE.npz")` a stand-in of convolutions `conv11.weight` … and a 1×1
  `conv0` that turns RGB in [0, 1] into the network's input, such as Wang et al.'s smaller VGG-19 (CVPR 2020).
- `MobileMagenta` needs `ai-edge-litert` and the two published `.tflite` files.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nst_core import features
from nst_core.errors import ModelUnavailable
from nst_core.features import Extractor, Network, tf
from nst_core.images import Image
from nst_core.training import runs

STYLE_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))
CONTENT_LAYER = "block4_conv2"


def eyes(name: str) -> Network:
    """`vgg19` (Keras), `vgg19-lite` (ours), or a stand-in by its path.

    Raises: ModelUnavailable, BadNetwork.
    """
    return features.network(name) if name in features.NETWORKS else stand_in(Path(name))


def stand_in(file: Path) -> Network:
    """A VGG-like network from an `.npz` archive: reflect padding, convolutions named as `conv34.weight` and `conv34.bias`.

    Raises: ModelUnavailable, BadNetwork.
    """
    convolutions, mix, shift = runs.stand_in(file)
    return Network(convolutions, lambda rgb: tf.nn.conv2d(rgb, mix[None, None], 1, "VALID") + shift, "REFLECT")


class MobileMagenta:
    """The published TensorFlow Lite pair (Apache-2.0): style -> 100 numbers, (content, numbers) -> picture.

    Raises: ModelUnavailable, saying what is missing.
    """

    def __init__(self, folder: Path, threads: int = 2) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError:
            raise ModelUnavailable("The Magenta teacher needs ai-edge-litert: `pip install ai-edge-litert`.") from None
        files = [folder / f"style_{name}.tflite" for name in ("predict_quantized_256", "transfer_quantized_dynamic")]
        for file in files:
            if not file.is_file():
                raise ModelUnavailable(f"There is no {file}: name the folder of the two published mobile Magenta files.")
        self._predictor, self._transformer = (Interpreter(str(file), num_threads=threads) for file in files)
        self._predictor.allocate_tensors()
        inputs = {detail["shape"][-1]: detail["index"] for detail in self._transformer.get_input_details()}
        self._content, self._style = inputs[3], inputs[100]
        self._shape: tuple[int, ...] = ()

    def predict(self, styles: Image) -> np.ndarray:
        """(n, 256, 256, 3) in [0, 1] -> (n, 100)."""
        return np.stack([self._predict(style[None]) for style in styles])

    def transform(self, contents: Image, vectors: np.ndarray) -> Image:
        """(n, h, w, 3), (n, 100) -> (n, h, w, 3); h and w multiples of 4."""
        return np.concatenate([self._transform(x[None], v) for x, v in zip(contents, vectors, strict=True)])

    def _predict(self, style: Image) -> np.ndarray:
        self._predictor.set_tensor(self._predictor.get_input_details()[0]["index"], style)
        self._predictor.invoke()
        return self._predictor.get_tensor(self._predictor.get_output_details()[0]["index"]).ravel()

    def _transform(self, content: Image, vector: np.ndarray) -> Image:
        if content.shape != self._shape:
            self._transformer.resize_tensor_input(self._content, content.shape)
            self._transformer.allocate_tensors()
            self._shape = content.shape
        self._transformer.set_tensor(self._content, content)
        self._transformer.set_tensor(self._style, vector.reshape(1, 1, 1, 100).astype(np.float32))
        self._transformer.invoke()
        return self._transformer.get_tensor(self._transformer.get_output_details()[0]["index"])


# --- distances --------------------------------------------------------------------------------------------------------


def gram(x: tf.Tensor) -> tf.Tensor:
    """(n, h, w, c) -> (n, c, c), float32, averaged over positions."""
    shape = tf.shape(x)
    flat = tf.cast(tf.reshape(x, [shape[0], shape[1] * shape[2], x.shape[-1]]), tf.float32)  # (n, h*w, c)
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(shape[1] * shape[2], tf.float32)


def relative(x: tf.Tensor, reference: tf.Tensor) -> tf.Tensor:
    """‖x − reference‖ / ‖reference‖ of each picture, (n,); smooth at zero."""
    axes = list(range(1, x.shape.rank))
    x, reference = tf.cast(x, tf.float32), tf.cast(reference, tf.float32)
    squared = tf.reduce_sum((x - reference) ** 2, axes) / (tf.reduce_sum(reference**2, axes) + 1e-6)
    return tf.sqrt(squared + 1e-8)


def style_distance(have: Mapping[str, tf.Tensor], want: Mapping[str, tf.Tensor], layers: tuple[str, ...]) -> tf.Tensor:
    """Mean relative distance of these layers' Gram matrices, (n,)."""
    return tf.add_n([relative(gram(have[layer]), gram(want[layer])) for layer in layers]) / len(layers)


def verdict(extractor: Extractor, picture: Image, content: Image, style: Image) -> tuple[float, float]:
    """Style and content distance of one picture, (h, w, 3); the style may have another shape."""
    x, c, s = (extractor(tf.constant(image[None])) for image in (picture, content, style))
    layers = tuple(layer for layer in STYLE_LAYERS if layer in extractor.layers)
    return float(style_distance(x, s, layers)[0]), float(relative(x[CONTENT_LAYER], c[CONTENT_LAYER])[0])
