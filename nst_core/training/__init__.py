"""How the embedded models are made: data in, teachers by option, weights out as float16 `.npz` with a manifest beside them.

Runnable: `python -m nst_core.training.instant_lite --help` and `python -m nst_core.training.vgg19_lite --help`. Nothing of
the app imports this package. Towards the ground: instant_lite, vgg19_lite -> trainer, teachers -> textures, data.
"""

__all__ = ["data", "teachers", "textures", "trainer", "vgg19_lite"]  # each imported by whoever works with it
