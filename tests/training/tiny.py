"""What trainings are tried on: blobs and textures to learn from, narrow networks of random weights to learn by."""

import numpy as np

from nst_core import images
from nst_core.training import textures

LAYERS = tuple(f"block{x[0]}_conv{x[1]}" for x in ("11", "12", "21", "22", "31", "34", "41", "42", "44", "51"))


def photographs(count=4, side=96):
    """Soft blobs, uint8 (side, side + 32, 3)."""
    coarse = (np.random.default_rng(i).random((7, 9, 3), np.float32) for i in range(count))
    return [images.to_uint8(images.resize(x, side, side + 32)) for x in coarse]


def some_textures(count=3):
    return [textures.texture(np.random.default_rng(i), 96, photographs(1)[0]) for i in range(count)]


def convolutions(names=LAYERS, width=4):
    """Kernel and bias by layer, of eyes."""
    rng, below, found = np.random.default_rng(1), 3, {}
    for name in names:
        kernel = rng.standard_normal((3, 3, below, width), np.float32) * np.sqrt(2 / (9 * below), dtype=np.float32)
        found[name], below = (kernel, np.full(width, 0.1, np.float32)), width
    return found


def write_stand_in(file, names=LAYERS):
    """These eyes as `runs.stand_in` reads them; RGB is their input."""
    arrays = {"conv0.weight": np.eye(3, dtype=np.float32)[None, None], "conv0.bias": np.zeros(3, np.float32)}
    for name, (kernel, bias) in convolutions(names).items():
        arrays |= {f"conv{name[5]}{name[-1]}.weight": kernel, f"conv{name[5]}{name[-1]}.bias": bias}
    np.savez(file, **arrays)


def watcher(rng, layers, width=8):
    """Random weights of a vgg19-lite of these layers."""
    arrays, below = {}, 3
    for layer in layers:
        kernel = rng.standard_normal((3, 3, below, width)) * np.sqrt(2 / (9 * below))
        arrays[f"conv{layer[5]}{layer[-1]}.weight"] = kernel.astype(np.float32)
        arrays[f"conv{layer[5]}{layer[-1]}.bias"], below = np.full(width, 0.05, np.float32), width
    return arrays
