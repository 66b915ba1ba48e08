"""Results as files: a picture and its recipe in, the bytes of a PNG, TIFF, JPEG or WebP out. PNG and TIFF keep the recipe."""

from collections.abc import Mapping
from typing import Literal

from nst_core import images, recipes
from nst_core.images import Image, Mask
from nst_core.pictures import prints
from nst_core.recipes import Recipe

Encoding = images.Format | Literal["tiff"]

# file name suffix, lower case -> format
FORMATS: Mapping[str, Encoding] = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff",
}  # fmt: skip


def encoded(
    image: Image,
    format: Encoding,
    recipe: Recipe,
    *,
    dpi: float | None = None,
    alpha: Mask | None = None,
    quality: int = 92,
) -> bytes:
    """Return the file of a picture (h, w, 3) in [0, 1]: a TIFF has 16 bits a channel, the others 8.

    dpi: dots per inch, for a printer; WebP has none. alpha: (h, w) in [0, 1], opacity; a JPEG is put on white instead.
    quality: 1 to 100, of JPEG and WebP.
    """
    if format == "tiff":
        return prints.tiff(image, dpi=dpi, description=recipes.tiff_text(recipe), alpha=alpha)
    return images.encode(image, format, text=recipes.png_text(recipe), quality=quality, dpi=dpi, alpha=alpha)
