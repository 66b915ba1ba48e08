"""How a texture network is trained."""

from typing import Literal, Self

from pydantic import Field, model_validator

from nst_core.recipes.base import Frozen, Source
from nst_core.recipes.optimization import FIRST_LAYERS, LAYERS

MAX_STEPS = 100_000


class TrainingRecipe(Frozen):
    """How a texture network is trained; it lies inside the network's file.

    Every loss is relative to its target, so that weights mean the same in each network.
    """

    kind: Literal["training"] = "training"
    style: Source | None = None
    purpose: Literal["stylize", "synthesize"] = "stylize"

    scales: int | None = Field(default=None, ge=2, le=6)  # ratios 2^(scales − 1) … 1; None: the paper's, 6, textures 5
    normalisation: Literal["instance", "batch"] = "instance"

    features: Literal["vgg19", "vgg19-lite"] = "vgg19-lite"
    # the papers have block4_conv2 alone; block3_conv2 keeps outlines
    content_layers: tuple[str, ...] = ("block3_conv2", "block4_conv2")
    style_layers: tuple[str, ...] = FIRST_LAYERS[:4]
    content_weight: float = Field(default=0.6, ge=0, le=1e6)
    style_weight: float = Field(default=3.0, gt=0, le=1e6)
    color_weight: float = Field(default=1.0, ge=0, le=1e6)  # of the style's palette; 0: the papers' loss
    tv_weight: float = Field(default=0.0, ge=0, le=1e6)

    style_size: int = Field(default=512, ge=64, le=2048)  # the style's longer side, pixels: how large its strokes are
    crop: int = Field(default=192, ge=64, le=512, multiple_of=32)  # side of the training pictures
    batch: int = Field(default=1, ge=1, le=16)
    start: Literal["photograph", "random"] = "photograph"  # a network that paints what it sees: textures begin at random
    steps: int = Field(default=1500, ge=1, le=MAX_STEPS)
    seconds: float | None = Field(default=None, gt=0, le=86_400)  # instead of steps: so many as fit, told after a few
    learning_rate: float = Field(default=0.004, gt=0, le=1)
    final_rate: float = Field(default=0.02, gt=0, le=1)  # what is left of it at the end, by a cosine
    seed: int = Field(default=0, ge=0, le=2**32 - 1)

    @model_validator(mode="after")
    def layers_exist(self) -> Self:
        for layer in (*self.content_layers, *self.style_layers):
            if layer not in LAYERS[self.features]:
                raise ValueError(f"{self.features} has no layer {layer}; it has {', '.join(LAYERS[self.features])}")
        if not self.content_layers or not self.style_layers:
            raise ValueError("name at least one content layer and one style layer")
        return self
