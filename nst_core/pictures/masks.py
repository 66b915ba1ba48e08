"""Masks: where a style applies. Canvas strokes, uploads and clicks in; float32 (h, w) in [0, 1] out, 1 = the style applies.

NumPy, Pillow, and SciPy or scikit-image where a function needs them: no TensorFlow. Masks of one picture have one shape, the
content's. A pixel is black where 8 bits would say 0: so a mask means the same before and after its journey.
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

Shape = tuple[int, int]  # rows, columns
Rows = npt.NDArray[np.floating]

THRESHOLD = 127  # of 255: what is brighter belongs to the mask
MIN_SIDE = 8  # pixels of an uploaded mask
TEXT_SIDE = 1024  # pixels of the longer side of a mask in a recipe
BLACK = 0.5 / 255  # what is less rounds to 0
_VISIBLE = 0.5  # opacity from which a pixel's colour counts
_ONE_COLOUR = 0.03  # by which the colours of a uniform drawing may differ: its antialiasing, rounded


# --- in and out -------------------------------------------------------------------------------------------------------


def from_alpha(data: bytes, shape: Shape, *, name: str = "The picture") -> Mask | None:
    """Return how opaque a picture file is, scaled to `shape`; None where all of it is.

    Raises: BadPicture.
    """
    alpha = images.opacity(data, name=name, max_side=max(shape), min_side=MIN_SIDE)
    return None if alpha is None else resize(alpha, shape)


def from_picture(data: bytes, shape: Shape, *, threshold: int = THRESHOLD, soft: bool = False, name: str = "") -> Mask:
    """Any picture file as a mask of `shape`: 1 where its grey is above `threshold` (of 255), or the grey itself if `soft`.

    Of an animation the first frame. A drawing in one colour on a transparent ground is its opacity; transparency in any
    other picture is black. `name` begins the error's sentence. Raises: BadMask.
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
    """Whether a picture over black has transparent parts, and one colour in all others."""
    if opacity.min() > 1 - BLACK:
        return False
    visible = opacity >= _VISIBLE
    colors = dark[visible] / opacity[visible, None]
    return not colors.size or float(np.ptp(colors, axis=0).max()) < _ONE_COLOUR


def _grey(image: Image) -> Mask:
    return images.from_uint8(np.asarray(Pillow.fromarray(images.to_uint8(image)).convert("L")))


def to_png(mask: Mask) -> bytes:
    """8-bit grey, white = the style applies; `from_picture(…, soft=True)` reads it back."""
    file = io.BytesIO()
    Pillow.fromarray(images.to_uint8(mask)).save(file, "PNG", optimize=True)
    return file.getvalue()


def to_text(mask: Mask) -> str:
    """For a recipe: the base64 of a PNG, as large as TEXT_SIDE and MAX_MASK_TEXT allow."""
    side = min(TEXT_SIDE, max(mask.shape))
    while len(text := base64.b64encode(to_png(_fit(mask, side))).decode()) > MAX_MASK_TEXT:
        side //= 2
    return text


def of_text(text: str, shape: Shape) -> Mask:
    """The mask of a recipe at `shape`.

    Raises: BadMask.
    """
    try:
        data = base64.b64decode(text, validate=True)
        grey = images.decode(data, name="The mask in this recipe", max_side=2 * TEXT_SIDE, min_side=1)[..., 0]
    except (binascii.Error, ValueError, BadPicture) as error:
        raise BadMask("The mask in this recipe cannot be read: paint it again, or upload it as a picture.") from error
    return resize(grey, shape)


def _fit(mask: Mask, side: int) -> Mask:
    """The longer side `side` pixels."""
    h, w = (max(1, round(length * side / max(mask.shape))) for length in mask.shape)
    return resize(mask, (h, w))


# --- one mask ---------------------------------------------------------------------------------------------------------


def resize(mask: Mask, shape: Shape) -> Mask:
    """To another shape: means over areas where it shrinks, straight lines between pixels where it grows.

    Black stays exactly 0 and white exactly 1; masks that add up to one still do.
    """
    scaled: Rows = mask
    for axis, length in enumerate(shape):
        if scaled.shape[axis] != length:
            rows = np.moveaxis(scaled, axis, 0)
            rows = _averaged(rows, length) if length < len(rows) else _interpolated(rows, length)
            scaled = np.moveaxis(rows, 0, axis)
    return np.clip(scaled, 0, 1).astype(np.float32)


def pyramid(masks: npt.NDArray[np.float32], shape: Shape, halvings: Iterable[int]) -> dict[int, npt.NDArray[np.float32]]:
    """(n, …) on a picture of `shape` to (n, h >> k, w >> k), for each number k of halvings."""
    sizes = {k: (shape[0] >> k, shape[1] >> k) for k in halvings}
    return {k: np.stack([resize(mask, size) for mask in masks]) for k, size in sizes.items()}


def _averaged(rows: Rows, n: int) -> Rows:
    """Of the first axis, each of n equal stretches' mean, fractions of a row included: differences of a running sum."""
    edges = np.linspace(0, len(rows), n + 1)
    whole = np.minimum(edges.astype(int), len(rows) - 1)
    sums = np.cumsum(rows, 0, dtype=np.float64)
    at_edges = np.concatenate([np.zeros_like(sums[:1]), sums])[whole] + (edges - whole)[:, None] * rows[whole]
    return np.diff(at_edges, axis=0) * (n / len(rows))


def _interpolated(rows: Rows, n: int) -> Rows:
    """Of the first axis, n rows; the outermost are repeated beyond their middle."""
    middles = np.clip((np.arange(n) + 0.5) * (len(rows) / n) - 0.5, 0, len(rows) - 1)
    above = np.minimum(middles.astype(int), max(0, len(rows) - 2))
    between = (middles - above).astype(np.float32)[:, None]
    return rows[above] + between * (rows[np.minimum(above + 1, len(rows) - 1)] - rows[above])


def invert(mask: Mask) -> Mask:
    """White where it was black."""
    return 1 - mask


def without(mask: Mask, protected: Mask) -> Mask:
    """Less what another mask protects: a face, say."""
    return mask * (1 - protected)


def soften(mask: Mask, radius: float) -> Mask:
    """Edges blurred; nothing changes that is further than `radius` pixels from one."""
    from scipy.ndimage import gaussian_filter

    if radius <= 0:
        return mask
    return np.clip(gaussian_filter(mask, radius / 2, truncate=2, mode="nearest"), 0, 1)


def grow(mask: Mask, pixels: float) -> Mask:
    """Larger all around by `pixels`, smaller if negative, but not away from the picture's border.

    The edge is where the mask crosses ½, and comes out sharp: soften afterwards.
    """
    from scipy.ndimage import distance_transform_edt

    inside = mask >= 0.5
    if not pixels or inside.all() or not inside.any():
        return mask
    # from the edge, which runs between pixels; positive inside
    distance = distance_transform_edt(inside) - distance_transform_edt(~inside) - np.where(inside, 0.5, -0.5)
    return np.clip(distance + pixels + 0.5, 0, 1).astype(np.float32)


def feather(mask: Mask, radius: float) -> Mask:
    """0 exactly where the mask is black, 1 where it is not; from one to the other inside the mask, over `radius` pixels."""
    from scipy.ndimage import distance_transform_edt

    painted = mask >= BLACK
    if painted.all():
        return np.ones_like(mask)
    ramp = np.clip(distance_transform_edt(painted) / (radius + 1), 0, 1).astype(np.float32)
    return ramp * ramp * (3 - 2 * ramp)  # no crease at either end


def coverage(mask: Mask) -> float:
    """How much of the picture it covers, per cent."""
    return 100 * float(mask.mean(dtype=np.float64))


def is_empty(mask: Mask) -> bool:
    """Whether it is black all over."""
    return bool(mask.max() < BLACK)


def wand(image: Image, at: tuple[int, int], tolerance: float) -> Mask:
    """The region around a pixel (row, column) whose colours are like its own, (h, w), 0 or 1.

    tolerance: the largest difference in any channel, 0 … 1. Raises: BadMask outside the picture.
    """
    from skimage.segmentation import flood

    if not (0 <= at[0] < image.shape[0] and 0 <= at[1] < image.shape[1]):
        raise BadMask("The magic wand was used outside the picture: click inside it.")
    alike = np.abs(image - image[at]).max(-1) <= tolerance
    return flood(alike, at, connectivity=1).astype(np.float32)


# --- several ----------------------------------------------------------------------------------------------------------


def union(masks: Sequence[Mask]) -> Mask:
    """What any of them covers: their sum, at most 1. So soft masks that meet leave no gap."""
    return np.minimum(np.sum(masks, axis=0, dtype=np.float32), 1)


def unpainted(masks: Sequence[Mask]) -> Mask:
    """What none of them covers."""
    return 1 - union(masks)


def shares(masks: Sequence[Mask], weights: Sequence[float]) -> npt.NDArray[np.float32]:
    """What each style has of each pixel, (n, h, w): m·w / Σ m·w of what the masks cover; the rest to 1 is the content's.

    Weights matter only where masks overlap. Those of weight 0 cover nothing.
    """
    weighted = np.stack([np.asarray(mask, np.float32) * weight for mask, weight in zip(masks, weights, strict=True)])
    total = weighted.sum(0)
    covered = np.minimum(np.sum([mask for mask, weight in zip(masks, weights, strict=True) if weight], axis=0), 1)
    return (weighted / np.where(total > 0, total, 1) * covered).astype(np.float32)


def check(masks: Sequence[Mask | None], styles: int) -> None:
    """One mask a style, in the same order; None is a style without a mask, which applies everywhere.

    Raises: BadMask for another number of masks, and for masks that cover nothing.
    """
    if len(masks) != styles:
        raise BadMask(f"The styles and masks do not match, {styles} and {len(masks)}: give one mask a style, in their order.")
    empty = [number for number, mask in enumerate(masks, 1) if mask is not None and is_empty(mask)]
    if empty and len(empty) == len(masks):
        raise BadMask("The masks cover nothing: paint where the styles shall go; white is style, black stays as it is.")
    if empty:
        raise BadMask(f"Mask {empty[0]} of {len(masks)} covers nothing: paint where its style shall go, or remove the style.")
