"""`vgg19-lite`, a small stand-in for VGG-19 up to block5_conv1: how it is trained and judged, in JAX.

`python -m nst_core.training.vgg19_lite --help` trains, `python -m nst_core.training.vgg19_lite.judge --help` judges. Towards
the ground: training, judge -> heads, pictures -> network.
"""

__all__ = ["heads", "judge", "network", "pictures", "training"]  # each imported by whoever works with it
