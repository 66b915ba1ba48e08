"""Paint with texture networks: a small network per style that paints in one pass (Ulyanov et al. 2016, 1603.03417).

The definition of a network, its file and its drawing use NumPy only. `painting` imports ONNX Runtime and `training` TensorFlow;
they are imported where they are needed, not here.
"""

from nst_core.texture_networks import drawing, generators
from nst_core.texture_networks.generators import TextureNetwork, Trained

__all__ = ["TextureNetwork", "Trained", "drawing", "generators", "painting", "training"]
