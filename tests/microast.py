"""Random weights of MicroAST's shape, and what its prototype paints with them.

`python -m tests.microast SHARED` runs the prototype in SHARED/prototypes, whose weights this repository must not contain, with
random weights, and writes tests/benchmarks/microast.npz: the pictures that other implementations must paint with them.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np

EXPECTED = Path(__file__).parent / "benchmarks" / "microast.npz"
SCALE = np.float32(8)
_ENCODER = {
    "enc1.0": (16, 3, 9), "enc1.2": (32, 1, 3), "enc1.4": (32, 32, 1), "enc1.6": (64, 1, 3), "enc1.8": (64, 64, 1),
    "enc1.10.conv1": (64, 64, 3), "enc1.10.conv2": (64, 64, 3), "enc2.0.conv1": (64, 64, 3), "enc2.0.conv2": (64, 64, 3),
}  # fmt: skip
LAYERS = {  # by part: channels out, channels in of a group, side of the kernel
    "content_encoder": _ENCODER,
    "style_encoder": _ENCODER,
    "modulator": {f"{name}.0": (64, 1, 3) for name in ("weight1", "bias1", "weight2", "bias2")},
    "decoder": {f"dec{block}.conv{number}": (64, 64, 3) for block in (1, 2) for number in (1, 2)}
    | {"dec3.1": (32, 2, 3), "dec3.3": (32, 32, 1), "dec3.6": (16, 2, 3), "dec3.8": (16, 16, 1), "dec3.10": (3, 16, 9)},
}


def random_weights():
    """Return the arrays of a file of weights: names as published, kernels (out, in / groups, k, k)."""
    rng, arrays = np.random.default_rng(0), {}
    for part, layers in LAYERS.items():
        for name, (outputs, inputs, side) in layers.items():
            kernel = rng.standard_normal((outputs, inputs, side, side)) / np.sqrt(inputs * side * side)
            arrays[f"{part}/{name}.conv_layer.weight"] = kernel.astype(np.float32)
            arrays[f"{part}/{name}.conv_layer.bias"] = (0.1 * rng.standard_normal(outputs) + 0.1).astype(np.float32)
    last = arrays["decoder/dec3.10.conv_layer.weight"]  # made to draw differences around grey, which are not clipped
    arrays["decoder/dec3.10.conv_layer.weight"] = SCALE * (last - last.mean((2, 3), keepdims=True))
    arrays["decoder/dec3.10.conv_layer.bias"][:] = 0.5
    return arrays


def pictures():
    """Return a content and a style, with sides that are multiples of 4."""
    rng = np.random.default_rng(1)
    return rng.random((32, 48, 3), np.float32), rng.random((48, 36, 3), np.float32)


def main():
    prototype = Path(sys.argv[1]) / "prototypes" / "microast.py"
    specification = importlib.util.spec_from_file_location("prototype", prototype)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    for key, array in random_weights().items():
        part, name = key.split("/")
        module._W.setdefault(part, {})[name] = array
    np.savez_compressed(EXPECTED, painted=module.paint(*pictures()))
    print(EXPECTED)


if __name__ == "__main__":
    main()
