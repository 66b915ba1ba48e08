"""Neural style transfer: pictures, recipes, models and the engine that runs them. See ARCHITECTURE.md for an overview."""

import os

# ONNX Runtime sends telemetry and writes an identifier into the user's cache folder, unless this is set before its import
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"
