"""The models: which are embedded, cached or missing (`weights`), and ours as arrays (`eyes`). MODELS.md says what they are.

`graphs` writes and runs them by ONNX Runtime: it is imported by whoever works with it, not here.
"""

from nst_core.models import eyes, weights

__all__ = ["eyes", "graphs", "weights"]
