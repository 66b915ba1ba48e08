"""Manage the models: which are embedded, cached or missing (`weights`), and vgg19-lite as arrays (`eyes`). See MODELS.md.

`graphs` writes ONNX models and runs them with ONNX Runtime; it is not imported here, but where it is needed.
"""

from nst_core.models import eyes, weights

__all__ = ["eyes", "graphs", "weights"]
