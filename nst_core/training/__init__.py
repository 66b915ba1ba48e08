"""How the embedded models are made: data in, teachers by option, weights out as float16 `.npz` with a manifest beside them.

Runnable: `python -m nst_core.training.NAME --help`, NAME being instant_lite, instant_finish or vgg19_lite. Nothing of the app
imports this package. Towards the ground: instant_finish -> instant_lite, vgg19_lite -> trainer, teachers, batch_normed ->
textures, data.
"""

__all__ = ["data", "teachers", "textures", "trainer", "vgg19_lite"]  # each imported by whoever works with it
