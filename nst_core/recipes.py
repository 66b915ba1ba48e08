"""Recipes: every setting that makes a picture, as frozen objects, and their way into and out of a PNG and a link.

A recipe names its pictures (`Source`); it does not contain them. A sample is found again by its name, an upload by the digest
of its file while the session still has it.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from nst_core import images
from nst_core.errors import BadRecipe

MIN_SIZE, MAX_SIZE, DEFAULT_SIZE = 256, 2048, 512
MAX_STRENGTH = 1.5
MAX_STYLES = 4
PNG_KEY = "nst-recipe"  # the keyword of the PNG's iTXt chunk


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

    name: str = Field(max_length=200)
    digest: str | None = Field(default=None, pattern=r"^[0-9a-f]{16}$")  # None: a sample

    @classmethod
    def of_upload(cls, name: str, data: bytes) -> "Source":
        return cls(name=name[-200:], digest=hashlib.sha256(data).hexdigest()[:16])

    @property
    def is_sample(self) -> bool:
        return self.digest is None


class StyleSource(Frozen):
    """A style and its share of the blend."""

    source: Source
    weight: float = Field(default=1.0, ge=0, le=1)


class Recipe(Frozen):
    """What all recipes share. size: the result's longer side in pixels."""

    content: Source | None = None
    styles: tuple[StyleSource, ...] = Field(default=(), max_length=MAX_STYLES)
    size: int = Field(default=DEFAULT_SIZE, ge=MIN_SIZE, le=MAX_SIZE)
    color: Color = Color.STYLE

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


_any_recipe: TypeAdapter[InstantRecipe] = TypeAdapter(InstantRecipe)


def instant(**settings: Any) -> InstantRecipe:
    """An InstantRecipe from controls or command-line options.

    Raises: BadRecipe with the first thing that is wrong.
    """
    try:
        return InstantRecipe(**settings)
    except ValidationError as error:
        raise BadRecipe(f"These settings do not work: {_first_complaint(error)}.") from error


def parse(text: str) -> InstantRecipe:
    """JSON to the recipe it describes.

    Raises: BadRecipe with the first thing that is wrong.
    """
    try:
        return _any_recipe.validate_json(text)
    except ValidationError as error:
        raise BadRecipe(f"This is no recipe of ours: {_first_complaint(error)}.") from error


def of_png(data: bytes) -> InstantRecipe | None:
    """The recipe inside a PNG made here; None for any other file.

    Raises: BadRecipe if there is one that cannot be read.
    """
    text = images.text_chunks(data).get(PNG_KEY)
    return parse(text) if text is not None else None


def png_text(recipe: Recipe) -> dict[str, str]:
    """What `images.encode(…, text=…)` writes so that `of_png` finds the recipe again."""
    return {PNG_KEY: recipe.model_dump_json()}


def to_query(recipe: InstantRecipe) -> dict[str, str]:
    """The recipe as the query of a link; {} when it uses an upload, which a link cannot carry.

    `content=chelsea&styles=woodcut-waves:0.7,stained-glass:0.3&strength=1.2`; defaults are left out.
    """
    content, styles = recipe.content, recipe.styles
    if content is None or not all(source.is_sample for source in (content, *(s.source for s in styles))):
        return {}
    changed = recipe.model_dump(mode="json", exclude_defaults=True, exclude={"content", "styles", "kind"})
    blend = ",".join(f"{style.source.name}:{style.weight:g}" for style in styles)
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
        pairs = [part.partition(":") for part in query["styles"].split(",")]
        fields["styles"] = [{"source": {"name": name}, "weight": weight or 1.0} for name, _, weight in pairs]
    if not fields:
        return None
    try:
        return InstantRecipe.model_validate(fields)
    except ValidationError as error:
        raise BadRecipe(f"The link carries settings that do not work: {_first_complaint(error)}.") from error


def _first_complaint(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "instant")
    return f"{where}: {first['msg']}" if where else first["msg"]
