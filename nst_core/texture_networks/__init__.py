"""Texture networks: one small network a style, that paints in one pass (Ulyanov et al. 2016, 1603.03417).

What a network is, its file and its drawing are NumPy's. `painting` brings ONNX Runtime, `training` TensorFlow: each is imported
by whoever works with it, not here.
"""

from nst_core.texture_networks import drawing, generators
from nst_core.texture_networks.generators import TextureNetwork, Trained

__all__ = ["TextureNetwork", "Trained", "drawing", "generators", "painting", "training"]
