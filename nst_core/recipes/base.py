"""What all recipes share: where pictures come from, styles and their shares, size, colours."""

import hashlib
from enum import StrEnum
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

MIN_SIZE, MAX_SIZE, DEFAULT_SIZE = 256, 8192, 512  # pixels of a result's longer side; memory ends earlier on most machines
MAX_STRENGTH = 1.5
MIN_STROKE, MAX_STROKE = 0.25, 4.0
MAX_STYLES = 8  # of a recipe: regions may have as many
MAX_BLEND = 4  # that pages offer to blend
MAX_MASK_TEXT = 200_000  # characters of a mask or guide in a recipe; sharp ones have a few thousand


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
        name = name[-200:].encode("utf-8", "replace").decode()  # a file's name need not be UTF-8
        return cls(name=name or "upload", digest=hashlib.sha256(data).hexdigest()[:16])

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
