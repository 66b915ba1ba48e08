"""Train and judge `vgg19-lite`, a small replacement for VGG-19 up to block5_conv1, in JAX.

`python -m nst_core.training.vgg19_lite --help` trains, `python -m nst_core.training.vgg19_lite.judge --help` judges. Imports go
from training and judge to heads and pictures, and from these to network.
"""

__all__ = ["heads", "judge", "network", "pictures", "training"]  # each imported by whoever works with it
