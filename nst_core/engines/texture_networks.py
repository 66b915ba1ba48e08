"""The engines of texture networks: one trains them, one paints with them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nst_core.engines.base import Engine, Estimate, Inputs, Lane, NetworkEngine, NetworkFacts
from nst_core.images import Image
from nst_core.pictures import strokes
from nst_core.recipes import TextureNetworkRecipe, TrainingRecipe
from nst_core.stylizer import Step
from nst_core.texture_networks import generators

if TYPE_CHECKING:
    from nst_core.texture_networks.training import Training


class TextureNetworkEngine(NetworkEngine):
    name = "texture-network"
    title = "Texture network"
    suffix = ".npz"
    max_bytes = generators.MAX_BYTES

    def facts(self, data: bytes, name: str) -> NetworkFacts:
        """Check an untrusted file. Raises: BadNetwork."""
        recipe = generators.read(data, name=name).recipe
        return NetworkFacts(recipe.purpose == "synthesize", recipe.style)

    def estimate(self, recipe: TextureNetworkRecipe, shape: tuple[int, int]) -> Estimate:
        """Return what a pass takes: measured from 512 to 2048 px, 48 channels of the picture's size, a few times."""
        height, width = shape if recipe.shape else strokes.largest(*shape, recipe.stroke_size)
        return Estimate(250e6 + 720 * height * width)

    def paint(self, data: bytes, content: Image, seed: int = 0) -> Image:
        """Return the content painted. Raises: BadNetwork; BadRecipe when the network makes textures."""
        from nst_core.texture_networks import painting

        return painting.painter(data).stylize(content, seed)

    def export(self, data: bytes, name: str) -> bytes:
        """Return the network in the layout of `onnx_network`. Raises: BadNetwork when it makes textures."""
        from nst_core.engines.onnx_network import exporting

        return exporting.export(data, name=name)

    def run(
        self,
        recipe: TextureNetworkRecipe,
        inputs: Inputs,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        folder: Path | None = None,
    ) -> Iterator[Step]:
        """Yield one Step: the content painted, or, without a content, a texture. Raises: BadNetwork, BadRecipe."""
        from nst_core.texture_networks import painting

        return painting.paint(inputs.files["network"], inputs.pictures.get("content"), recipe)


class Train(Engine):
    name = "training"
    title = "Training of a texture network"
    recipe = TrainingRecipe
    lane = Lane.SLOW
    extra = "optimize"

    def models_of(self, recipe: TrainingRecipe) -> tuple[str, ...]:
        return (recipe.features,)

    def estimate(self, recipe: TrainingRecipe, shape: tuple[int, int]) -> Estimate:
        """Return the seconds of a training with a time budget; its memory was never the limit."""
        return Estimate(0, recipe.seconds or 0)

    def run(
        self,
        recipe: TrainingRecipe,
        inputs: Inputs,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        folder: Path | None = None,
    ) -> "Training":
        """Return the training that the recipe describes, or the rest of one. Raises: ModelUnavailable, BadPicture."""
        from nst_core.texture_networks import training

        return training.train(inputs.pictures["style"], recipe, inputs.pictures["shown"], state=state)


ENGINES = (TextureNetworkEngine(), Train())
