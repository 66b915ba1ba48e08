"""What is asked of a clip's painting."""

from typing import Literal, Self

from pydantic import Field, model_validator

from nst_core.recipes.base import MAX_STRENGTH, Color, Recipe, Source
from nst_core.recipes.optimization import OptimizeRecipe

STEADINESS, MAX_STEADINESS = 0.85, 0.95


class VideoRecipe(Recipe):
    """A clip painted frame by frame, each drawn towards the last one, moved along. content: the clip; masks hold for all of it.

    steadiness: the share of the last painting where things can be followed; 0: every frame by itself, which flickers.
    network: a texture network that paints instead of `instant-lite`; it has its style and its strength in it.
    fine: the optimiser paints, each frame from the last one, moved along: some seconds a frame.
    """

    kind: Literal["video"] = "video"
    network: Source | None = None
    fine: bool = False
    strength: float = Field(default=1.0, ge=0, le=MAX_STRENGTH)
    steadiness: float = Field(default=STEADINESS, ge=0, le=MAX_STEADINESS)

    @model_validator(mode="after")
    def network_agrees(self) -> Self:
        if self.network and self.fine:
            raise ValueError("a trained network or the optimiser paints, not both")
        if self.network and self.color not in (Color.STYLE, Color.LUMINANCE):
            raise ValueError("a trained network has its colours in it: color is style or luminance")
        if self.network and any(style.mask for style in self.styles):
            raise ValueError("a trained network paints everywhere: masks are for styles")
        return self

    @property
    def of_a_frame(self) -> OptimizeRecipe:
        """What the optimiser is asked for, where the clip is painted by it."""
        preset = OptimizeRecipe(size=self.size, color=self.color, restore_content=self.restore_content)
        return preset.model_copy(update={"style_weight": preset.style_weight * self.strength})
