"""The engine of clips: `nst_core.videos`."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from nst_core.engines.base import Engine, Estimate, Inputs, Lane
from nst_core.engines.registry import network_engine
from nst_core.machine import memory
from nst_core.recipes import VideoRecipe
from nst_core.stylizer import Step


class Video(Engine):
    name = "video"
    title = "Video"
    recipe = VideoRecipe
    lane = Lane.FILM
    extra = "video"

    def lane_of(self, recipe: VideoRecipe) -> Lane:
        """Return the slow lane for what the optimiser paints."""
        return Lane.SLOW if recipe.fine else self.lane

    def estimate(self, recipe: VideoRecipe, shape: tuple[int, int]) -> Estimate:
        """Return what a frame takes. shape: (h, w) of the painted frames."""
        if recipe.fine:
            return Estimate(memory.estimate(recipe.of_a_frame, *shape))
        return Estimate(250e6 + 720 * shape[0] * shape[1])

    def advice(self, recipe: VideoRecipe, shape: tuple[int, int], room: float) -> str:
        """Return a size that fits."""
        if recipe.fine:
            return memory.way_out(recipe.of_a_frame, max(shape) / min(shape), int(room))
        return super().advice(recipe, shape, room)

    def run(
        self,
        recipe: VideoRecipe,
        inputs: Inputs,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        folder: Path | None = None,
    ) -> Iterator[Step]:
        """Return the Steps of a film, or the rest of one. Raises: BadClip, BadRecipe, BadNetwork."""
        from nst_core.videos.run import Filming

        network = None
        if recipe.network:
            network = partial(network_engine(recipe.network.name).paint, inputs.files["network"])
        return Filming(inputs.files["clip"], inputs.styles, recipe, network=network, parts=folder, state=state)


ENGINES = (Video(),)
