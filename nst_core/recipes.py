"""Recipes: every setting that makes a picture, as frozen objects, and their way into and out of a PNG and a link.

A recipe names its pictures (`Source`); it does not contain them. A sample is found again by its name, an upload by the digest
of its file while the session still has it.
"""

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

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


AnyRecipe = Annotated[InstantRecipe, Field(discriminator="kind")]
