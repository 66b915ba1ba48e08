"""Train texture networks. This package imports TensorFlow: only workers and the command line use it.

Ulyanov et al. 2016, 1603.03417, with their perceptual loss, and 1607.08022 for instance normalisation. A `Generator` is a plan
of `generators.py` as tensors; a `Training` is an iterator of Steps.
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
