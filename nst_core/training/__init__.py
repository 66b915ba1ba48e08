"""Train the embedded models: data in, teachers by option, weights out as float16 `.npz` with a manifest beside them.

Commands: `python -m nst_core.training.NAME --help`, NAME being instant_lite (PyTorch), vgg19_lite (JAX), export or
texture_networks; the first two use an accelerator if there is one. The app does not import this package, and nothing else
imports PyTorch (`requirements-train.txt`) or JAX (`requirements-dev.txt`). What runs on a borrowed accelerator needs neither
TensorFlow nor ONNX nor pydantic. Each module imports those to its right:

- instant_lite -> instant_losses, microast -> instant_network -> runs; painted -> textures, data; feed
- vgg19_lite -> jaxed -> runs; data, feed
"""

# each imported by whoever works with it
__all__ = ["data", "instant_network", "jaxed", "runs", "subject", "teachers", "textures", "vgg19_lite"]
