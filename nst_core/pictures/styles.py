"""Make the styles of a recipe: their pictures with the masks and guides in it. Choose the size of style pictures."""

from collections.abc import Callable
from functools import cache
from math import ceil

from nst_core import images
from nst_core.images import MIN_SIDE, Image
from nst_core.pictures import masks
from nst_core.recipes import Recipe, Source
from nst_core.stylizer import Style


def of_recipe(recipe: Recipe, picture: Callable[[Source], Image], shape: Callable[[], masks.MaskShape]) -> list[Style]:
    """Return the styles of a recipe.

    picture: loads the picture of a source. shape: returns the content's (h, w); called only if there are masks. Raises:
    BadMask.
    """
    styles, picture = [], cache(picture)  # several regions may share a picture
    for style in recipe.styles:
        image = picture(style.source)
        mask = masks.of_text(style.mask, shape()) if style.mask else None
        guide = masks.of_text(style.guide, image.shape[:2]) if style.guide else None
        styles.append(Style(image, style.weight, mask, guide, style.color))
    return styles


def fitted(picture: Image, longer: int) -> Image:
    """Resize a style picture, up or down, for a feature network.

    The longer side becomes `longer` pixels, or more if the shorter one would have fewer than MIN_SIDE, because the deepest maps
    of a narrower picture have no positions left.
    """
    height, width = picture.shape[:2]
    narrowest = MIN_SIDE * max(height, width) / min(height, width)
    return images.fit(picture, max(longer, ceil(narrowest)))
