"""How a texture network is trained. TensorFlow comes with this package: only workers and the command line import it.

Ulyanov et al. 2016, 1603.03417, and 1607.08022 for instance normalisation; perceptual loss as there. A `Generator` is the plan
of `generators.py` as tensors; a `Training` an iterator of Steps.
"""

from nst_core.texture_networks.training.generator import Generator
from nst_core.texture_networks.training.perception import Likeness, Perception
from nst_core.texture_networks.training.photographs import default_photographs, first_photograph, photographs_in
from nst_core.texture_networks.training.run import Training, train

__all__ = [
    "Generator",
    "Likeness",
    "Perception",
    "Training",
    "default_photographs",
    "first_photograph",
    "photographs_in",
    "train",
]
