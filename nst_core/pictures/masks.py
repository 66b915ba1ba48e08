"""Make and combine masks, which say where a style applies: float32 (h, w) in [0, 1], 1 = the style applies here.

Uses NumPy and Pillow, and SciPy or scikit-image where a function needs them, but not TensorFlow. All masks of a picture have
the content's shape. A pixel counts as black if it rounds to 0 at 8 bits, so that encoding does not change what a mask means.
"""

import base64
import binascii
import io
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from nst_core import images
from nst_core.errors import BadMask, BadPicture
from nst_core.images import Image, Mask
from nst_core.recipes import MAX_MASK_TEXT

MaskShape = tuple[int, int]  # rows, columns
MaskRows = npt.NDArray[np.floating]

THRESHOLD = 127  # of 255: brighter pixels belong to the mask
MIN_SIDE = 8  # pixels of an uploaded mask
TEXT_SIDE = 1024  # pixels of the longer side of a mask in a recipe
BLACK = 0.5 / 255  # less rounds to 0
_VISIBLE = 0.5  # minimum opacity at which a pixel's colour counts
_ONE_COLOUR = 0.03  # allowed difference of colours in a uniform drawing: rounding of antialiased edges


# --- in and out -------------------------------------------------------------------------------------------------------


def from_alpha(data: bytes, shape: MaskShape, *, name: str = "The picture") -> Mask | None:
    """Return the opacity of a picture file, scaled to `shape`, or None if all of it is opaque.

    Raises: BadPicture.
    """
    alpha = images.opacity(data, name=name, max_side=max(shape), min_side=MIN_SIDE)
    return None if alpha is None else resize(alpha, shape)


def from_picture(data: bytes, shape: MaskShape, *, threshold: int = THRESHOLD, soft: bool = False, name: str = "") -> Mask:
    """Read a picture file as a mask of `shape`: 1 where its grey value is above `threshold` (of 255), or the grey if `soft`.

    Of an animation, the first frame is used. A drawing in one colour on a transparent background becomes its opacity; in any
    other picture, transparent areas are black. `name` begins the error message. Raises: BadMask.
    """
    name, longer = name or "The mask", 2 * max(shape)
    try:
        light, dark = (
            images.decode(data, name=name, max_side=longer, min_side=MIN_SIDE, over=ground) for ground in ("white", "black")
        )
    except BadPicture as error:
        raise BadMask(str(error)) from error
    opacity = 1 - (light - dark)[..., 0]
    grey = resize(opacity if _is_drawing(dark, opacity) else _grey(dark), shape)
    return grey if soft else (images.to_uint8(grey) > threshold).astype(np.float32)


def _is_drawing(dark: Image, opacity: Mask) -> bool:
    """Return whether a picture over black has transparent parts and a single colour everywhere else."""
    if opacity.min() > 1 - BLACK:
        return False
    visible = opacity >= _VISIBLE
    colors = dark[visible] / opacity[visible, None]
    return not colors.size or float(np.ptp(colors, axis=0).max()) < _ONE_COLOUR


def _grey(image: Image) -> Mask:
    """Return the grey values of a picture as a mask."""
    return images.from_uint8(np.asarray(Pillow.fromarray(images.to_uint8(image)).convert("L")))


def to_png(mask: Mask) -> bytes:
    """Write a mask as an 8-bit grey PNG, white where the style applies; `from_picture(…, soft=True)` reads it back."""
    file = io.BytesIO()
    Pillow.fromarray(images.to_uint8(mask)).save(file, "PNG", optimize=True)
    return file.getvalue()


def to_text(mask: Mask) -> str:
    """Write a mask for a recipe: the base64 of a PNG, as large as TEXT_SIDE and MAX_MASK_TEXT allow."""
    side = min(TEXT_SIDE, max(mask.shape))
    while len(text := base64.b64encode(to_png(_fit(mask, side))).decode()) > MAX_MASK_TEXT:
        side //= 2
    return text


def of_text(text: str, shape: MaskShape) -> Mask:
    """Read the mask of a recipe, scaled to `shape`.

    Raises: BadMask.
    """
    try:
        data = base64.b64decode(text, validate=True)
        grey = images.decode(data, name="The mask in this recipe", max_side=2 * TEXT_SIDE, min_side=1)[..., 0]
    except (binascii.Error, ValueError, BadPicture) as error:
        raise BadMask("The mask in this recipe cannot be read: paint it again, or upload it as a picture.") from error
    return resize(grey, shape)


def _fit(mask: Mask, side: int) -> Mask:
    """Resize a mask so that its longer side has `side` pixels."""
    h, w = (max(1, round(length * side / max(mask.shape))) for length in mask.shape)
    return resize(mask, (h, w))


# --- one mask ---------------------------------------------------------------------------------------------------------


def resize(mask: Mask, shape: MaskShape) -> Mask:
    """Resize a mask: average areas where it shrinks, interpolate linearly where it grows.

    Black stays exactly 0 and white exactly 1, and masks that add up to one still do.
    """
    scaled: MaskRows = mask
    for axis, length in enumerate(shape):
        if scaled.shape[axis] != length:
            rows = np.moveaxis(scaled, axis, 0)
            rows = _averaged(rows, length) if length < len(rows) else _interpolated(rows, length)
            scaled = np.moveaxis(rows, 0, axis)
    return np.clip(scaled, 0, 1).astype(np.float32)


def pyramid(masks: npt.NDArray[np.float32], shape: MaskShape, halvings: Iterable[int]) -> dict[int, npt.NDArray[np.float32]]:
    """Resize masks (n, …) for a picture of `shape` to (n, h >> k, w >> k), for each number k of halvings."""
    sizes = {k: (shape[0] >> k, shape[1] >> k) for k in halvings}
    return {k: np.stack([resize(mask, size) for mask in masks]) for k, size in sizes.items()}


def _averaged(rows: MaskRows, n: int) -> MaskRows:
    """Reduce the first axis to n rows: the means of n equal intervals, including fractions of rows, by a cumulative sum."""
    edges = np.linspace(0, len(rows), n + 1)
    whole = np.minimum(edges.astype(int), len(rows) - 1)
    sums = np.cumsum(rows, 0, dtype=np.float64)
    at_edges = np.concatenate([np.zeros_like(sums[:1]), sums])[whole] + (edges - whole)[:, None] * rows[whole]
    return np.diff(at_edges, axis=0) * (n / len(rows))


def _interpolated(rows: MaskRows, n: int) -> MaskRows:
    """Enlarge the first axis to n rows by linear interpolation; the outermost rows are repeated at the border."""
    middles = np.clip((np.arange(n) + 0.5) * (len(rows) / n) - 0.5, 0, len(rows) - 1)
    above = np.minimum(middles.astype(int), max(0, len(rows) - 2))
    between = (middles - above).astype(np.float32)[:, None]
    return rows[above] + between * (rows[np.minimum(above + 1, len(rows) - 1)] - rows[above])


def invert(mask: Mask) -> Mask:
    """Return the inverse of a mask."""
    return 1 - mask


def without(mask: Mask, protected: Mask) -> Mask:
    """Return a mask without the area that another mask protects, such as a face."""
    return mask * (1 - protected)


def soften(mask: Mask, radius: float) -> Mask:
    """Blur the edges of a mask; nothing changes further than `radius` pixels from an edge."""
    from scipy.ndimage import gaussian_filter

    if radius <= 0:
        return mask
    return np.clip(gaussian_filter(mask, radius / 2, truncate=2, mode="nearest"), 0, 1)


def grow(mask: Mask, pixels: float) -> Mask:
    """Enlarge a mask by `pixels` on all sides, or shrink it if negative, except at the picture's border.

    The edge is where the mask crosses ½. It comes out sharp: soften it afterwards.
    """
    from scipy.ndimage import distance_transform_edt

    inside = mask >= 0.5
    if not pixels or inside.all() or not inside.any():
        return mask
    # distance to the edge, which runs between pixels; positive inside
    distance = distance_transform_edt(inside) - distance_transform_edt(~inside) - np.where(inside, 0.5, -0.5)
    return np.clip(distance + pixels + 0.5, 0, 1).astype(np.float32)


def feather(mask: Mask, radius: float) -> Mask:
    """Return exactly 0 where the mask is black, rising inside the mask to 1 over `radius` pixels."""
    from scipy.ndimage import distance_transform_edt

    painted = mask >= BLACK
    if painted.all():
        return np.ones_like(mask)
    ramp = np.clip(distance_transform_edt(painted) / (radius + 1), 0, 1).astype(np.float32)
    return ramp * ramp * (3 - 2 * ramp)  # smooth at both ends


def coverage(mask: Mask) -> float:
    """Return how much of the picture a mask covers, in per cent."""
    return 100 * float(mask.mean(dtype=np.float64))


def is_empty(mask: Mask) -> bool:
    """Return whether a mask is black everywhere."""
    return bool(mask.max() < BLACK)


def wand(image: Image, at: tuple[int, int], tolerance: float) -> Mask:
    """Select the connected region around a pixel (row, column) with similar colours: (h, w), 0 or 1.

    tolerance: the largest difference in any channel, 0 … 1. Raises: BadMask outside the picture.
    """
    from skimage.segmentation import flood

    if not (0 <= at[0] < image.shape[0] and 0 <= at[1] < image.shape[1]):
        raise BadMask("The magic wand was used outside the picture: click inside it.")
    alike = np.abs(image - image[at]).max(-1) <= tolerance
    return flood(alike, at, connectivity=1).astype(np.float32)


# --- several ----------------------------------------------------------------------------------------------------------


def union(masks: Sequence[Mask]) -> Mask:
    """Return the sum of masks, at most 1, so that soft masks that meet leave no gap."""
    return np.minimum(np.sum(masks, axis=0, dtype=np.float32), 1)


def unpainted(masks: Sequence[Mask]) -> Mask:
    """Return the area that no mask covers."""
    return 1 - union(masks)


def shares(masks: Sequence[Mask], weights: Sequence[float]) -> npt.NDArray[np.float32]:
    """Return how much each style counts at each pixel, (n, h, w): m·w / Σ m·w of what the masks cover.

    What is missing to 1 belongs to the content. Weights matter only where masks overlap; masks with weight 0 cover nothing.
    """
    weighted = np.stack([np.asarray(mask, np.float32) * weight for mask, weight in zip(masks, weights, strict=True)])
    total = weighted.sum(0)
    covered = np.minimum(np.sum([mask for mask, weight in zip(masks, weights, strict=True) if weight], axis=0), 1)
    return (weighted / np.where(total > 0, total, 1) * covered).astype(np.float32)


def check(masks: Sequence[Mask | None], styles: int) -> None:
    """Check that there is one mask per style, in the same order; None is a style without a mask, which applies everywhere.

    Raises: BadMask if their numbers differ, or if a mask covers nothing.
    """
    if len(masks) != styles:
        raise BadMask(f"The styles and masks do not match, {styles} and {len(masks)}: give one mask per style, in their order.")
    empty = [number for number, mask in enumerate(masks, 1) if mask is not None and is_empty(mask)]
    if empty and len(empty) == len(masks):
        raise BadMask("The masks cover nothing: paint where the styles should apply; white is painted, black stays unchanged.")
    if empty:
        raise BadMask(f"Mask {empty[0]} of {len(masks)} covers nothing: paint where its style should apply, or remove it.")
