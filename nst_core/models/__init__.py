"""Manage the models: which are embedded, cached or missing (`weights`), and vgg19-lite as arrays (`vgg_lite`). See MODELS.md.

`graphs` writes ONNX models and runs them with ONNX Runtime; it is not imported here, but where it is needed.
"""

from nst_core.models import vgg_lite, weights

__all__ = ["graphs", "vgg_lite", "weights"]
