"""What an optimisation is asked for: network, objective, optimiser, schedule; and the presets."""

from collections.abc import Mapping
from math import ceil, log
from typing import Any, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from nst_core.recipes.base import Recipe


def _layers(*depths: int) -> tuple[str, ...]:
    return tuple(f"block{block}_conv{i}" for block, depth in enumerate(depths, 1) for i in range(1, depth + 1))


# Every convolution of each network by its Keras name, bottom first: what "all layers" means. A name stands for the map
# after ReLU, so that block4_conv2 is the literature's relu4_2.
LAYERS: Mapping[str, tuple[str, ...]] = {
    "vgg19": _layers(2, 2, 4, 4, 4),
    "vgg16": _layers(2, 2, 3, 3, 3),
    "vgg19-lite": _layers(2, 2, 3, 3, 1),
}
FIRST_LAYERS = tuple(f"block{block}_conv1" for block in range(1, 6))  # Gatys' choice for style
CONTENT_LAYERS = ("block4_conv2",)  # and for content
PIXELS = "pixels"  # below all layers, for style: the picture's own colours, as the network takes them
STYLE_LAYERS = (PIXELS, *FIRST_LAYERS)  # ours for style: without pixels, drawings get coloured fringes


def block_number(layer: str) -> int:
    """Of block4_conv2, 4: its maps have been halved three times. Pixels count with block 1: never halved."""
    return 1 if layer == PIXELS else int(layer[5])


ONE_LOOK = 1024  # pixels of a square that is looked at whole; a larger picture is painted in tiles, over more scales
MAX_ITERATIONS = 100_000
ACTIVATION_SHIFT = -1.0  # 1605.04603 §3.3


class OptimizeRecipe(Recipe):
    """A picture optimised until its features match: network, objective, optimiser, schedule.

    The defaults are ours, the preset `fast`. Weights belong to a form and a network, whose maps may be large or small:
    those of one mean little in another.
    """

    kind: Literal["optimize"] = "optimize"

    features: Literal["vgg19", "vgg16", "vgg19-lite"] = "vgg19-lite"
    pooling: Literal["max", "average"] = "max"
    # auto: bfloat16 convolutions where the processor has them; sums and differences stay in float32
    precision: Literal["auto", "float32"] = "auto"

    # paper: Gatys' sums. mean: means instead. normalised: relative to the target. rms: root mean square of the Gram
    # matrices' difference. moments: mean and covariance instead of Gram matrices. See `features/losses.py`.
    form: Literal["paper", "mean", "normalised", "rms", "moments"] = "moments"
    content_layers: tuple[str, ...] = ("block3_conv2", "block4_conv2")
    style_layers: tuple[str, ...] = STYLE_LAYERS
    content_weight: float = Field(default=1.0, ge=0, le=1e9)
    style_weight: float = Field(default=14.0, ge=0, le=1e9)
    tv_weight: float = Field(default=8.0, ge=0, le=1e9)
    tv_form: Literal["mahendran", "squared"] = "squared"

    # the four improvements of Novak & Nikulin 2016, 1605.04603, each a switch of its own
    all_layers: bool = False  # style on every convolution; style_layers is passed over
    geometric_weights: bool = False  # style weighs most at the bottom, content at the top
    activation_shift: bool = False  # Gram matrices of F − 1
    correlation_chain: bool = False  # Gram matrices between neighbouring layers, in place of those within one

    optimizer: Literal["adam", "lbfgs"] = "adam"
    learning_rate: float = Field(default=0.03, gt=0, le=1)  # adam's, of a picture in [0, 1]
    # share of each scale's iterations over which it rises, linearly: Adam's first steps go as far where the gradient is mere
    # noise as where it is steep, and what they sprinkle over a picture, deep layers like to keep
    warmup: float = Field(default=0.3, ge=0, lt=1)
    final_rate: float = Field(default=0.05, gt=0, le=1)  # what is left of it at the end of each scale, by a cosine
    iterations: int = Field(default=300, ge=1, le=MAX_ITERATIONS)  # over all scales
    # where it starts; image: a picture that comes with the recipe; instant: what Instant paints for the same recipe
    init: Literal["content", "noise", "style", "image", "instant"] = "content"
    scales: int = Field(default=4, ge=1, le=8)  # sizes, coarse to fine; the last is the result's
    scale_factor: float = Field(default=1.6, ge=1.1, le=4)  # from one to the next
    style_scale: float = Field(default=1.0, ge=0.25, le=4)  # the style's long side over the content's: larger strokes
    seed: int = Field(default=0, ge=0, le=2**32 - 1)  # of the noise, and of what Instant paints
    # pixels around each over which the result's chroma is smoothed along its luminance, by `pictures.surface`; 0: not at all
    chroma_smoothing: int = Field(default=4, ge=0, le=16)

    @model_validator(mode="before")
    @classmethod
    def keeps_what_was_made_without(cls, values: Any, info: ValidationInfo) -> Any:
        """Set what came later to 0 in a picture's recipe from before: it names everything there was, the final rate too."""
        if info.mode != "json" or not isinstance(values, dict) or "final_rate" not in values:
            return values
        return {"warmup": 0, "chroma_smoothing": 0} | values

    @model_validator(mode="after")
    def layers_exist(self) -> Self:
        for layer in (*self.content_layers, *(layer for layer in self.style_layers if layer != PIXELS)):
            if layer not in LAYERS[self.features]:
                raise ValueError(f"{self.features} has no layer {layer}; it has {', '.join(LAYERS[self.features])}")
        if not self.content_layers or not self.active_style_layers:
            raise ValueError("name at least one content layer and one style layer")
        return self

    @model_validator(mode="after")
    def switches_agree(self) -> Self:
        if self.form == "moments" and (self.activation_shift or self.correlation_chain):
            raise ValueError("activation_shift and correlation_chain change Gram matrices; the form moments has none")
        if self.correlation_chain and len(self.active_style_layers) < 2:
            raise ValueError("correlation_chain needs two style layers at least")
        if not (self.content_weight or self.style_weight):
            raise ValueError("content_weight or style_weight must be above 0")
        return self

    @property
    def active_style_layers(self) -> tuple[str, ...]:
        """The layers that style is learned from, bottom first. Pixels in moments only: their Gram matrix is mere brightness."""
        every = LAYERS[self.features]
        if self.all_layers:
            return every
        return tuple(x for x in (PIXELS, *every) if x in self.style_layers and (x != PIXELS or self.form == "moments"))

    @property
    def more_layers(self) -> int:
        """How many layers beyond our usual ones moments are taken of: each costs time and memory."""
        return max(0, len(self.active_style_layers) - len(STYLE_LAYERS)) if self.form == "moments" else 0

    @property
    def full_size_iterations(self) -> float:
        """What all iterations cost, in those at the result's size: a coarser one has fewer pixels, and gets more of them."""
        sides = self.fractions(self.size)
        return self.iterations * sum(sides) / sum(1 / side for side in sides)

    def fractions(self, longer: int) -> list[float]:
        """The sizes, coarse to fine, over the result's, whose longer side has so many pixels.

        Strokes come from the coarsest. Beyond 1024 px more are put before it, or else it would grow with the result.
        """
        more = ceil(log(longer / ONE_LOOK) / log(self.scale_factor)) if self.scales > 1 and longer > ONE_LOOK else 0
        return [self.scale_factor**-k for k in reversed(range(self.scales + more))]

    def in_tiles(self, height: int, width: int) -> bool:
        """Whether a picture of this size is too large to look at whole. Adam alone can do without: L-BFGS wants it whole."""
        return self.optimizer == "adam" and height * width > ONE_LOOK**2

    @property
    def halvings(self) -> set[int]:
        """How often the maps of the style layers have been halved: in block b, b − 1 times."""
        return {block_number(layer) - 1 for layer in self.active_style_layers}


# `quick`, `fast`, `finest` and `vgg19-rms` are ours: means. `quick` gives Instant's picture strokes of the style in 40
# iterations at two scales; more scales dissolve its shapes before so few iterations have painted them again. `finest` takes
# longer than `fast`, learns style from every layer, and smooths an eightieth of it; pixels keep grain and fringes away without
# it. With `fast`'s layers, a style weight of 20 and 1,200 iterations the style of three pairs at 256 px was 17 % farther, their
# content no nearer.
#
# The other three quote papers and programs: their layers, switches, sums and constant rate. Two weights were chosen by eye
# (`benchmarks/sheet.py`), on features scaled like Keras' VGG-19: gatys-2015 takes the paper's ratio of 10⁻³, since with a
# hundredth of that nothing of the content comes out of the noise; and stylenet-vgg16 a hundredth of its program's total
# variation of 0.01, whose sum over the pixels blurs everything.
_QUOTED: dict[str, Any] = {
    "content_layers": CONTENT_LAYERS,
    "style_layers": FIRST_LAYERS,
    "tv_weight": 0,
    "tv_form": "mahendran",
    "warmup": 0,
    "final_rate": 1,
    "scales": 1,
    "chroma_smoothing": 0,
}
PRESETS: Mapping[str, OptimizeRecipe] = {
    "fast": OptimizeRecipe(),
    "quick": OptimizeRecipe(init="instant", iterations=40, scales=2, learning_rate=0.02, content_weight=2.0),
    "finest": OptimizeRecipe(
        style_layers=(PIXELS, *LAYERS["vgg19-lite"]), style_weight=17.0, tv_weight=0.1,
        iterations=1000,
    ),
    "gatys-2015": OptimizeRecipe(
        **_QUOTED, features="vgg19", form="paper", content_weight=1, style_weight=1e3, optimizer="lbfgs", init="noise",
    ),
    "improved-2016": OptimizeRecipe(
        **_QUOTED, features="vgg19", form="paper", content_weight=1, style_weight=1e5, optimizer="lbfgs",
        all_layers=True, geometric_weights=True, activation_shift=True, correlation_chain=True,
    ),
    "stylenet-vgg16": OptimizeRecipe(
        **_QUOTED | {"tv_weight": 1e-4}, features="vgg16", form="normalised", content_weight=0.1, style_weight=5,
        all_layers=True, learning_rate=0.01,
    ),
    "vgg19-rms": OptimizeRecipe(
        features="vgg19", form="rms", content_layers=CONTENT_LAYERS, style_layers=FIRST_LAYERS,
        content_weight=1, style_weight=1, tv_weight=0, scales=2, scale_factor=2,
    ),
}  # fmt: skip
