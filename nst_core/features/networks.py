"""Pictures to feature maps: (1, h, w, 3) in [0, 1] -> {Keras layer name: (1, h', w', c) after ReLU}.

`NETWORKS` names three: `vgg19` and `vgg16` with the ImageNet weights of Keras' applications, a download; and `vgg19-lite`,
ours, embedded. A `Network` is weights; an `Extractor` is a choice of its layers, cut after the deepest. TensorFlow lives
here.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal

import numpy as np

from nst_core.features.lean import tf
from nst_core.machine import memory
from nst_core.models import vgg_lite, weights
from nst_core.models.vgg_lite import Convolution
from nst_core.recipes import LAYERS, PIXELS

Maps = dict[str, tf.Tensor]
Pooling = Literal["max", "average"]
Reading = tuple[str, Callable[[tf.Tensor], tf.Tensor]]  # a layer, and what to make of its map

# Times what the network takes, as PIXELS are read: fringes are thin, and all other layers pass over them. Of a drawing in grey
# ink at 256 px by `fast` a tenth of the pixels were coloured, none are now. At a gain of 1 half of an engraving's stay.
PIXEL_GAIN = 4.0
_CAFFE_MEANS = np.array([103.939, 116.779, 123.68], np.float32)  # of ImageNet, blue, green, red, in 0…255


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """3×3 convolutions with ReLU, by Keras name (`block4_conv2`), 2×2 pooling between blocks.

    preprocess: RGB in [0, 1] to the network's input. padding: SAME (zeros) or REFLECT.
    """

    convolutions: Mapping[str, Convolution]
    preprocess: Callable[[tf.Tensor], tf.Tensor]
    padding: Literal["SAME", "REFLECT"] = "SAME"


class Extractor:
    """The maps of the layers asked for, bottom first, or what is read off them.

    dtype: of the maps; see `fast_type`. The maps of block 1, more than half of all, are made again when its gradient is
    due, after the others have been let go: 3 % more time, and at 1024 pixels 1.8 GB instead of 2.2.
    """

    def __init__(
        self,
        network: Network,
        layers: Iterable[str],
        *,
        pooling: Pooling = "max",
        dtype: tf.DType = tf.float32,
    ) -> None:
        names = list(network.convolutions)
        self.layers = tuple(sorted(set(layers) - {PIXELS}, key=names.index))
        self._network, self._pool, self._dtype = network, _POOLINGS[pooling], dtype
        needed = names[: names.index(self.layers[-1]) + 1]
        self._weights = {name: tuple(tf.constant(a, dtype) for a in network.convolutions[name]) for name in needed}
        self._blocks = [list(block) for _, block in groupby(needed, key=_block_of)]

    def __call__(self, pictures: tf.Tensor) -> Maps:
        """(1, h, w, 3) in [0, 1] -> {layer: map}."""
        return dict(zip(self.layers, self.read(pictures, [(layer, tf.identity) for layer in self.layers]), strict=True))

    def read(self, pictures: tf.Tensor, readings: Sequence[Reading]) -> list[tf.Tensor]:
        """What each reading makes of its layer's map, in their order; of PIXELS, the network's input times PIXEL_GAIN.

        A Gram matrix that is read here, not made afterwards, does not keep block 1's map for its gradient.
        """
        pixels = self._network.preprocess(pictures)
        results = {index: read(PIXEL_GAIN * pixels) for index, (layer, read) in enumerate(readings) if layer == PIXELS}
        x = tf.cast(pixels, self._dtype)
        for names in self._blocks:
            here = {index: reading for index, reading in enumerate(readings) if reading[0] in names}
            block = partial(self._block, names=names, readings=list(here.values()))
            x, *read = tf.recompute_grad(block)(x) if names is self._blocks[0] else block(x)
            results |= zip(here, read, strict=True)
        return [results[index] for index in range(len(readings))]

    def _block(self, x: tf.Tensor, *, names: Sequence[str], readings: Sequence[Reading]) -> list[tf.Tensor]:
        """The next block's input, and what is read in this one.

        The order matters: `recompute_grad` begins when the gradient of the first is due, and that is the last to come.
        """
        maps = {}
        for name in names:
            x = maps[name] = self._convolve(x, *self._weights[name])
        last = names is self._blocks[-1]
        return [x if last else self._pool(x, 2, 2, "VALID"), *(function(maps[layer]) for layer, function in readings)]

    def _convolve(self, x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
        reflect = self._network.padding == "REFLECT"  # zeros let a dark border creep in
        x = tf.nn.conv2d(reflect_border(x) if reflect else x, kernel, 1, "VALID" if reflect else "SAME")
        return tf.nn.relu(tf.nn.bias_add(x, bias))


_POOLINGS: Mapping[str, Callable[..., tf.Tensor]] = {"max": tf.nn.max_pool2d, "average": tf.nn.avg_pool2d}


@tf.custom_gradient
def reflect_border(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """`tf.pad` by one pixel in mode REFLECT, at a third of its time: (1, h, w, c) -> (1, h + 2, w + 2, c)."""
    tall = tf.concat([x[:, 1:2], x, x[:, -2:-1]], 1)
    padded = tf.concat([tall[:, :, 1:2], tall, tall[:, :, -2:-1]], 2)
    border = [[0, 0], [1, 1], [1, 1], [0, 0]]
    return padded, lambda upstream: tf.raw_ops.MirrorPadGrad(input=upstream, paddings=border, mode="REFLECT")


def _block_of(layer: str) -> str:
    return layer.split("_")[0]


def fast_type() -> tf.DType:
    """bfloat16 where the processor multiplies it (half the time and memory), else float32: emulated it would crawl."""
    return tf.bfloat16 if memory.has_bfloat16() else tf.float32


# --- the three networks -----------------------------------------------------------------------------------------------

_VGG_WIDTHS = (3, 64, 128, 256, 512, 512)  # channels of the picture and of each block's layers


def vgg(name: Literal["vgg19", "vgg16"], *, seed: int | None = None) -> Network:
    """VGG-19 or VGG-16 (Simonyan & Zisserman 2014, 1409.1556) without its dense layers.

    The file of Keras' applications is read as it is, when an extractor asks: building their model would take 160 MB more
    and a second. With a seed the weights are random (He et al. 2015), for tests and benchmarks.
    Raises: ModelUnavailable.
    """
    layers = LAYERS[name]
    read = partial(_of_keras, weights.path(name)) if seed is None else partial(_random, seed)
    return Network(Lazy(layers, read), lambda rgb: tf.reverse(rgb, [-1]) * 255 - _CAFFE_MEANS)


def vgg19_lite() -> Network:
    """Ours: eleven layers that predict VGG-19's (`nst_core/models/MODELS.md`), every channel at a root mean square of 1.5."""
    return Network(vgg_lite.convolutions(), lambda rgb: (rgb - vgg_lite.MEAN) / vgg_lite.DEVIATION, "REFLECT")


class Lazy(Mapping[str, Convolution]):
    """Layer -> convolution, made at every asking: 80 MB need not stay in memory beside the copies that are worked with."""

    def __init__(self, layers: Sequence[str], make: Callable[[str], Convolution]) -> None:
        self._layers, self._make = layers, make

    def __getitem__(self, layer: str) -> Convolution:
        return self._make(layer)

    def __iter__(self) -> Iterator[str]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def _of_keras(file: Path, layer: str) -> Convolution:
    """One group a layer; its attribute `weight_names` lists kernel and bias."""
    import h5py  # Keras' own dependency

    with h5py.File(file) as archive:
        kernel, bias = archive[layer].attrs["weight_names"]
        return archive[layer][kernel][()], archive[layer][bias][()]


def _random(seed: int, layer: str) -> Convolution:
    block, convolution = int(layer[5]), int(layer[-1])
    width = _VGG_WIDTHS[block]
    channels = width if convolution > 1 else _VGG_WIDTHS[block - 1]
    rng = np.random.default_rng((seed, block, convolution))
    kernel = rng.standard_normal((3, 3, channels, width), np.float32) * np.sqrt(2 / (9 * channels), dtype=np.float32)
    return kernel, np.zeros(width, np.float32)


NETWORKS: Mapping[str, Callable[[], Network]] = {
    "vgg19": partial(vgg, "vgg19"),
    "vgg16": partial(vgg, "vgg16"),
    "vgg19-lite": vgg19_lite,
}
_lock = threading.Lock()
_loaded: dict[str, Network] = {}


def network(name: str) -> Network:
    """The network of that name, loaded once a process.

    Raises: ModelUnavailable.
    """
    with _lock:
        if name not in _loaded:
            _loaded[name] = NETWORKS[name]()
        return _loaded[name]
