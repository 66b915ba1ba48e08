"""`from nst_core.features import tf`: TensorFlow without Keras, which it would import for nothing: half a second and 80 MB.

TensorFlow itself passes over a Keras that cannot be imported. Whoever needs it afterwards imports it as always.
"""

import sys

_unwanted = not {"keras", "tensorflow"} & set(sys.modules)
if _unwanted:
    sys.modules["keras"] = None  # type: ignore[assignment]  # what makes an import fail
import tensorflow as tf  # noqa: E402

if _unwanted:
    del sys.modules["keras"]

__all__ = ["tf"]
