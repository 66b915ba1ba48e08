"""How the embedded models are made: data in, teachers by option, weights out as float16 `.npz` with a manifest beside them.

Runnable: `python -m nst_core.training.NAME --help`, NAME being instant_lite (TensorFlow), instant_finish or vgg19_lite (JAX,
on an accelerator where there is one), besides export and texture_networks. Nothing of the app imports this package, and nothing
else imports JAX, a requirement of development. What a lent accelerator runs needs neither TensorFlow, nor ONNX, nor pydantic.
Towards the ground:
- instant_lite -> trainer, teachers, instant_network -> textures, data, runs
- instant_finish -> instant_losses -> instant_jaxed -> jaxed -> runs; painted -> textures, data; feed
- vgg19_lite -> jaxed -> runs; data, feed
"""

# each imported by whoever works with it
__all__ = ["data", "instant_network", "jaxed", "runs", "teachers", "textures", "trainer", "vgg19_lite"]
