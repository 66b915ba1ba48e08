"""The engine of single-style networks in ONNX, in the layout of the ONNX Model Zoo's fast neural style.

Such a file has one input and one output of 1 × 3 × H × W, RGB from 0 to 255 (Johnson et al. 2016, 1603.08155, as PyTorch's
examples export it). `reading` checks a stranger's file, `exporting` writes our texture networks in this layout.
"""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from nst_core.engines.base import Estimate, Inputs, NetworkEngine, NetworkFacts
from nst_core.errors import BadRecipe
from nst_core.images import Image
from nst_core.pictures import colors, strokes
from nst_core.recipes import TextureNetworkRecipe
from nst_core.stylizer import Step

MAX_BYTES = 60 * 1024**2  # of a file; the Model Zoo's have 7 MB
BYTES_PER_PIXEL = 2048  # of the maps that exist at the same time, at most: 128 channels of float32 and four such maps


class OnnxNetwork(NetworkEngine):
    name = "onnx-network"
    title = "ONNX model"
    suffix = ".onnx"
    max_bytes = MAX_BYTES

    def facts(self, data: bytes, name: str) -> NetworkFacts:
        """Check an untrusted file; takes up to a few seconds and loads ONNX Runtime. Raises: BadNetwork."""
        from nst_core.engines.onnx_network import reading

        reading.check(data, name=name)
        return NetworkFacts()

    def estimate(self, recipe: TextureNetworkRecipe, shape: tuple[int, int]) -> Estimate:
        """Return the most that a pass of a checked file takes."""
        height, width = strokes.largest(*shape, recipe.stroke_size)
        return Estimate(250e6 + BYTES_PER_PIXEL * height * width)

    def paint(self, data: bytes, content: Image, seed: int = 0) -> Image:
        """Return the content painted. seed: has no effect. Raises: BadNetwork."""
        from nst_core.engines.onnx_network import reading

        return reading.network(data).paint(content)

    def run(
        self,
        recipe: TextureNetworkRecipe,
        inputs: Inputs,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        folder: Path | None = None,
    ) -> Iterator[Step]:
        """Yield one Step: the content painted, at its own shape. Raises: BadNetwork; BadRecipe without a content."""
        start = time.perf_counter()
        if (content := inputs.pictures.get("content")) is None:
            raise BadRecipe("This network paints photographs; choose one for textures.")
        data = inputs.files["network"]
        painted = strokes.painted(content, recipe.stroke_size, lambda picture: self.paint(data, picture))
        yield Step(1, 1, {}, colors.finish(painted, content, recipe.color), time.perf_counter() - start)


ENGINES = (OnnxNetwork(),)
