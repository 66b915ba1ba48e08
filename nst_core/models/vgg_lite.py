"""Load vgg19-lite as arrays, for the optimiser, the predictor of `instant-lite`, and the quality measures.

It has eleven 3×3 convolutions by Keras name, each followed by ReLU and, between blocks, 2×2 max pooling; borders are reflected;
the input is (x − MEAN) / DEVIATION. NumPy only: TensorFlow (`features/`) and ONNX (`instant/graph.py`) networks are built from
it.
"""

import numpy as np

from nst_core.models import weights
from nst_core.recipes import LAYERS

Convolution = tuple[np.ndarray, np.ndarray]  # kernel (3, 3, in, out), bias (out,)

MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # of ImageNet, red first, in [0, 1]
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
CHANNELS = (16, 32, 64, 128, 128)  # of the layers of each block


def convolutions() -> dict[str, Convolution]:
    """Return the convolutions by layer, bottom first."""
    arrays = weights.load("vgg19-lite")
    keys = {layer: f"conv{layer[5]}{layer[-1]}" for layer in LAYERS["vgg19-lite"]}  # block1_conv2: conv12
    return {layer: (arrays[f"{key}.weight"], arrays[f"{key}.bias"]) for layer, key in keys.items()}
