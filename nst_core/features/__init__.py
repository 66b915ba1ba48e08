"""What networks see in pictures, and how far apart that is. TensorFlow comes with this package, as `tf`.

Pages and the light lane never import it.
"""

from nst_core.features import losses
from nst_core.features.convolutions import reflect_border
from nst_core.features.lean import tf
from nst_core.features.networks import (
    NETWORKS,
    Extractor,
    Maps,
    Network,
    Reading,
    fast_type,
    network,
    vgg,
)

__all__ = [
    "NETWORKS",
    "Extractor",
    "Maps",
    "Network",
    "Reading",
    "fast_type",
    "losses",
    "network",
    "reflect_border",
    "tf",
    "vgg",
]
