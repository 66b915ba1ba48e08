"""Recipes: every setting that makes a picture, as frozen objects, and their way into and out of a PNG and a link.

A recipe names its pictures (`Source`); it does not contain them. A sample is found again by its name, an upload by the digest
of its file while the session still has it.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError, model_validator

from nst_core import images
from nst_core.errors import BadRecipe

MIN_SIZE, MAX_SIZE, DEFAULT_SIZE = 256, 2048, 512
MAX_STRENGTH = 1.5
MAX_STYLES = 4
PNG_KEY = "nst-recipe"  # the keyword of the PNG's iTXt chunk
MAX_MASK_TEXT = 200_000  # characters of a mask or guide in a recipe; sharp ones have a few thousand
MAX_TEXT = 100_000 + 2 * MAX_STYLES * MAX_MASK_TEXT  # characters of a recipe as JSON; without masks a few hundred


class Color(StrEnum):
    """Whose colours the result wears. The linear modes and the histogram recolour the style picture before the transfer."""

    STYLE = "style"
    LUMINANCE = "luminance"
    LINEAR_CHOLESKY = "linear-cholesky"
    LINEAR_PCA = "linear-pca"
    LINEAR_SYMMETRIC = "linear-symmetric"
    HISTOGRAM = "histogram"


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Source(Frozen):
    """Where a picture came from: one of our samples by name, or an upload by file name and digest."""

    name: str = Field(min_length=1, max_length=200)
    digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{16}$")  # None: a sample

    @classmethod
    def of_upload(cls, name: str, data: bytes) -> "Source":
        return cls(name=name[-200:] or "upload", digest=hashlib.sha256(data).hexdigest()[:16])

    @property
    def is_sample(self) -> bool:
        return self.digest is None


MaskText = Annotated[str, Field(min_length=1, max_length=MAX_MASK_TEXT)]  # what `masks.to_text` makes


class StyleSource(Frozen):
    """A style, its share of the blend, and where it applies.

    mask: on the content, None = everywhere. guide: on the style picture, where to learn from. color: in its region, None =
    the recipe's.
    """

    source: Source
    weight: float = Field(default=1.0, ge=0, le=1)
    mask: MaskText | None = None
    guide: MaskText | None = None
    color: Color | None = None


class Recipe(Frozen):
    """What all recipes share. size: the result's longer side in pixels."""

    content: Source | None = None
    styles: tuple[StyleSource, ...] = Field(default=(), max_length=MAX_STYLES)
    size: int = Field(default=DEFAULT_SIZE, ge=MIN_SIZE, le=MAX_SIZE)
    color: Color = Color.STYLE
    restore_content: bool = True  # where every mask is black: the content's own pixels

    @model_validator(mode="after")
    def some_style_has_weight(self) -> Self:
        if self.styles and not any(style.weight for style in self.styles):
            raise ValueError("at least one style needs a weight above 0")
        return self


class InstantRecipe(Recipe):
    """One pass through a stylizer. strength 0 is the content's own style, 1 the style's, up to 1.5 beyond it."""

    kind: Literal["instant"] = "instant"
    engine: Literal["auto", "magenta", "instant-lite"] = "auto"
    strength: float = Field(default=1.0, ge=0, le=MAX_STRENGTH)


# --- optimize ---------------------------------------------------------------------------------------------------------


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
    # matrices' difference. moments: mean and covariance instead of Gram matrices. See `nst_core/losses.py`.
    form: Literal["paper", "mean", "normalised", "rms", "moments"] = "moments"
    content_layers: tuple[str, ...] = ("block3_conv2", "block4_conv2")
    style_layers: tuple[str, ...] = FIRST_LAYERS
    content_weight: float = Field(default=1.0, ge=0, le=1e9)
    style_weight: float = Field(default=3.0, ge=0, le=1e9)
    tv_weight: float = Field(default=10.0, ge=0, le=1e9)
    tv_form: Literal["mahendran", "squared"] = "squared"

    # the four improvements of Novak & Nikulin 2016, 1605.04603, each a switch of its own
    all_layers: bool = False  # style on every convolution; style_layers is passed over
    geometric_weights: bool = False  # style weighs most at the bottom, content at the top
    activation_shift: bool = False  # Gram matrices of F − 1
    correlation_chain: bool = False  # Gram matrices between neighbouring layers, in place of those within one

    optimizer: Literal["adam", "lbfgs"] = "adam"
    learning_rate: float = Field(default=0.03, gt=0, le=1)  # adam's, of a picture in [0, 1]
    final_rate: float = Field(default=0.05, gt=0, le=1)  # what is left of it at the end of each scale, by a cosine
    iterations: int = Field(default=300, ge=1, le=10_000)  # over all scales
    init: Literal["content", "noise", "style", "image"] = "content"
    scales: int = Field(default=4, ge=1, le=8)  # sizes, coarse to fine; the last is the result's
    scale_factor: float = Field(default=1.6, ge=1.1, le=4)  # from one to the next
    style_scale: float = Field(default=1.0, ge=0.25, le=4)  # the style's long side over the content's: larger strokes
    seed: int = Field(default=0, ge=0, le=2**32 - 1)  # of the noise

    @model_validator(mode="after")
    def layers_exist(self) -> Self:
        if not self.content_layers or not self.style_layers:
            raise ValueError("name at least one content layer and one style layer")
        for layer in (*self.content_layers, *self.style_layers):
            if layer not in LAYERS[self.features]:
                raise ValueError(f"{self.features} has no layer {layer}; it has {', '.join(LAYERS[self.features])}")
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
        """The layers that style is learned from, bottom first."""
        every = LAYERS[self.features]
        return every if self.all_layers else tuple(layer for layer in every if layer in self.style_layers)


# `fast` and `vgg19-rms` are ours: means. The other three quote papers and programs: their layers, switches, sums and
# constant rate. Two weights were chosen by eye (`benchmarks/optimize.py`, sheet), on features scaled like Keras' VGG-19:
# gatys-2015 takes the paper's ratio of 10⁻³, since with a hundredth of that nothing of the content comes out of the noise; and
# stylenet-vgg16 a hundredth of its program's total variation of 0.01, whose sum over the pixels blurs everything.
_QUOTED: dict[str, Any] = {
    "content_layers": CONTENT_LAYERS,
    "tv_weight": 0,
    "tv_form": "mahendran",
    "final_rate": 1,
    "scales": 1,
}

PRESETS: Mapping[str, OptimizeRecipe] = {
    "fast": OptimizeRecipe(),
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
        features="vgg19", form="rms", content_layers=CONTENT_LAYERS, content_weight=1, style_weight=1, tv_weight=0,
        scales=2, scale_factor=2,
    ),
}  # fmt: skip


# --- texture networks -------------------------------------------------------------------------------------------------

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
    # the papers have block4_conv2 alone; vgg19-lite's is its weakest layer, and block3 keeps outlines
    content_layers: tuple[str, ...] = ("block3_conv2", "block4_conv2")
    style_layers: tuple[str, ...] = FIRST_LAYERS[:4]
    content_weight: float = Field(default=1.0, ge=0, le=1e6)
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


class TextureNetworkRecipe(Recipe):
    """A photograph painted, or a texture made, by one trained network. shape: of a texture, which has no content."""

    kind: Literal["texture-network"] = "texture-network"
    network: Source  # a ready one by name, or a file by its digest
    shape: tuple[Annotated[int, Field(ge=32, le=MAX_SIZE)], Annotated[int, Field(ge=32, le=MAX_SIZE)]] | None = None
    seed: int = Field(default=0, ge=0, le=2**32 - 1)  # of the noise

    @model_validator(mode="after")
    def colors_are_known(self) -> Self:
        if self.color not in (Color.STYLE, Color.LUMINANCE):
            raise ValueError("a trained network has its colours in it: color is style or luminance")
        return self


F = TypeVar("F", bound=Frozen)


# --- texts ------------------------------------------------------------------------------------------------------------

AnyRecipe = InstantRecipe | OptimizeRecipe | TextureNetworkRecipe


def _kind(recipe: Any) -> str:
    """instant unless it says otherwise: so the first recipes were written."""
    return recipe.get("kind", "instant") if isinstance(recipe, Mapping) else getattr(recipe, "kind", "instant")


_any_recipe: TypeAdapter[AnyRecipe] = TypeAdapter(
    Annotated[
        Annotated[InstantRecipe, Tag("instant")]
        | Annotated[OptimizeRecipe, Tag("optimize")]
        | Annotated[TextureNetworkRecipe, Tag("texture-network")],
        Discriminator(_kind),
    ]
)


def instant(**settings: Any) -> InstantRecipe:
    """An InstantRecipe from controls or command-line options.

    Raises: BadRecipe with the first thing that is wrong.
    """
    return _built(InstantRecipe, settings)


def optimize(**settings: Any) -> OptimizeRecipe:
    """An OptimizeRecipe, likewise."""
    return _built(OptimizeRecipe, settings)


def training(**settings: Any) -> TrainingRecipe:
    """A TrainingRecipe, likewise."""
    return _built(TrainingRecipe, settings)


def texture_network(**settings: Any) -> TextureNetworkRecipe:
    """A TextureNetworkRecipe, likewise."""
    return _built(TextureNetworkRecipe, settings)


def _built(kind: type[F], settings: Mapping[str, Any]) -> F:
    try:
        return kind(**settings)
    except ValidationError as error:
        raise BadRecipe(f"These settings do not work: {_first_complaint(error)}.") from error


def parse(text: str) -> AnyRecipe:
    """JSON to the recipe it describes.

    Raises: BadRecipe with the first thing that is wrong.
    """
    if len(text) > MAX_TEXT:
        raise BadRecipe(f"This is no recipe of ours: it has {len(text)} characters, at most {MAX_TEXT} are read.")
    try:
        return _any_recipe.validate_json(text)
    except ValidationError as error:
        raise BadRecipe(f"This is no recipe of ours: {_first_complaint(error)}.") from error


def of_png(data: bytes) -> AnyRecipe | None:
    """The recipe inside a PNG made here; None for any other file.

    Raises: BadRecipe if there is one that cannot be read.
    """
    text = images.text_chunks(data).get(PNG_KEY)
    return parse(text) if text is not None else None


def png_text(recipe: Recipe) -> dict[str, str]:
    """What `images.encode(…, text=…)` writes so that `of_png` finds the recipe again."""
    return {PNG_KEY: recipe.model_dump_json()}


def to_query(recipe: InstantRecipe) -> dict[str, str]:
    """The recipe as the query of a link; {} when it uses an upload or a mask, which a link cannot carry.

    `content=chelsea&styles=woodcut-waves:0.7,stained-glass:0.3&strength=1.2`; defaults are left out.
    """
    content, styles = recipe.content, recipe.styles
    if content is None or not all(source.is_sample for source in (content, *(s.source for s in styles))):
        return {}
    if any(style.mask or style.guide or style.color for style in styles):
        return {}
    changed = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"content", "styles", "kind"})
    blend = ",".join(f"{style.source.name}:{style.weight}" for style in styles)
    return {"content": content.name, "styles": blend} | {key: f"{value}" for key, value in changed.items()}


def of_query(query: Mapping[str, str]) -> InstantRecipe | None:
    """The recipe that a link carries, None when it carries none; parameters of others are passed over.

    Raises: BadRecipe.
    """
    known = {key: query[key] for key in InstantRecipe.model_fields if key in query and key not in ("content", "styles")}
    fields: dict[str, Any] = known
    if "content" in query:
        fields["content"] = {"name": query["content"]}
    if query.get("styles"):
        pairs = [part.partition(":") for part in query["styles"].split(",", MAX_STYLES)]
        fields["styles"] = [{"source": {"name": name}, "weight": weight or 1.0} for name, _, weight in pairs]
    if not fields:
        return None
    try:
        return InstantRecipe.model_validate(fields)
    except ValidationError as error:
        raise BadRecipe(f"The link carries settings that do not work: {_first_complaint(error)}.") from error


def _first_complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part not in ("instant", "optimize", "texture-network"))
    where = " ".join(where[:60].split())  # it may be a stranger's
    what = first["msg"].removeprefix("Value error, ")  # a validator of ours
    return f"{where}: {what}" if where else what
