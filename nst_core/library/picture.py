"""The result of a call that makes a picture, and how results are written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

from PIL import Image as Pillow

from nst_core import images
from nst_core.errors import BadRecipe, UserError
from nst_core.images import Image, Mask
from nst_core.pictures import encoding
from nst_core.recipes import AnyRecipe


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Picture:
    """A picture that was made here; a notebook shows it.

    array: float32 (h, w, 3) in [0, 1], sRGB. recipe: every setting that made it. alpha: (h, w) in [0, 1], the content's
    opacity; None: all is opaque. losses: of the last step, by name. seconds: the time that it took.
    """

    array: Image
    recipe: AnyRecipe
    alpha: Mask | None = None
    losses: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def pil(self) -> Pillow.Image:
        """Return it as a PIL image with 8 bits a channel, RGB, or RGBA where the content has transparent parts."""
        picture = Pillow.fromarray(images.to_uint8(self.array))
        if self.alpha is not None:
            picture.putalpha(Pillow.fromarray(images.to_uint8(self.alpha)))
        return picture

    def save(self, path: str | PathLike[str], *, dpi: float | None = None, quality: int = 92) -> Path:
        """Write a .png, .jpg, .webp or .tif file (16 bits a channel) and return its path. PNG and TIFF contain the recipe.

        dpi: dots per inch, for a printer. quality: 1 to 100, of JPEG and WebP. A half-written file never replaces another.

        Raises: UserError for an unknown suffix and where the file cannot be written; BadRecipe for dpi in a WebP.

        >>> import nst_core as nst, tempfile
        >>> picture = nst.stylize(nst.samples()["mountain-lake"], nst.samples()["starlit-oils"], size=256)
        >>> picture.save(tempfile.mkdtemp() + "/lake.png").name
        'lake.png'
        """
        place = Path(path)
        format = encoding.FORMATS.get(place.suffix.lower())
        if format is None:
            known = ", ".join(encoding.FORMATS)
            raise UserError(f"{place.name}: pictures are written as {known}; choose one of these suffixes.")
        if dpi and format == "webp":
            raise BadRecipe("WebP has no dots per inch: choose the suffix .tif, .png or .jpg, or omit dpi.")
        data = encoding.encoded(self.array, format, self.recipe, dpi=dpi, alpha=self.alpha, quality=quality)
        return write(place, data)

    def __repr__(self) -> str:
        height, width, _ = self.array.shape
        return f"<Picture {width}×{height}, {self.recipe.kind}, {self.seconds:.1f} s>"

    def _repr_png_(self) -> bytes:
        return encoding.encoded(self.array, "png", self.recipe, alpha=self.alpha)


def write(place: Path, data: bytes) -> Path:
    """Write a file beside its place, then move it there. Raises: UserError."""
    if not place.parent.is_dir():
        raise UserError(f"There is no folder {place.parent} for {place.name}: make it, or choose another.")
    partial = place.with_name(f".{place.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(place)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise UserError(f"{place} cannot be written: {error.strerror}.") from error
    return place
