"""What is asked of a network that needs one pass: of a stylizer for any style, or of a texture network."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from nst_core.recipes.base import MAX_SIZE, MAX_STRENGTH, MAX_STROKE, MIN_STROKE, Color, Recipe, Source

Stroke = Annotated[
    float, Field(ge=MIN_STROKE, le=MAX_STROKE)
]  # over that of the same picture painted at the network's natural size, see `pictures/strokes.py`


class InstantRecipe(Recipe):
    """One pass through a stylizer. strength 0 is the content's own style, 1 the style's, up to 1.5 beyond it."""

    kind: Literal["instant"] = "instant"
    engine: str = Field(default="auto", pattern=r"^[a-z0-9-]{1,40}$")  # its name in `nst_core.engines`
    strength: float = Field(default=1.0, ge=0, le=MAX_STRENGTH)
    stroke_size: Stroke = 1.0
    seed: int = Field(default=0, ge=0, le=2**32 - 1)  # of the noise that instant-lite's strokes follow


class TextureNetworkRecipe(Recipe):
    """A photograph painted, or a texture made, by one trained network. shape: of a texture, which has no content."""

    kind: Literal["texture-network"] = "texture-network"
    network: Source  # a ready one by name, or a file by its digest
    shape: tuple[Annotated[int, Field(ge=32, le=MAX_SIZE)], Annotated[int, Field(ge=32, le=MAX_SIZE)]] | None = None
    seed: int = Field(default=0, ge=0, le=2**32 - 1)  # of the noise
    stroke_size: Stroke = 1.0  # of a photograph; a texture's grow with nothing

    @model_validator(mode="after")
    def colors_are_known(self) -> Self:
        if self.color not in (Color.STYLE, Color.LUMINANCE):
            raise ValueError("a trained network has its colours in it: color is style or luminance")
        return self
