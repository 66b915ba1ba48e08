"""Read colour segmentations: a picture of a few flat colours becomes these colours, and the mask of each.

Such a picture is painted over a photograph or made by a program: one colour per region, in any number of pieces. Noise of JPEG
and mixed colours along soft edges are ignored: colours are counted where the picture is flat, and edges follow the steepest
gradient between them (watershed, Beucher & Lantuejoul 1979). The masks cover every pixel exactly once.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nst_core import images
from nst_core.errors import BadMask, BadPicture
from nst_core.images import Image, Mask
from nst_core.pictures import masks
from nst_core.recipes import MAX_STYLES

SIDE = 1024  # pixels of the longer side at which colours are counted
MIN_SIDE = 8  # pixels of an uploaded segmentation
FLAT = 0.12  # how much a channel may vary around a pixel of a flat colour
APART = 0.16  # distance in RGB below which two colours count as one
CELLS = 24  # per side of the colour cube in which colours are counted
LEAST = 0.0015  # of the flat pixels: a rarer colour is not a region
SPECK = 0.0005  # of the picture: smaller pieces go to their surroundings
CANDIDATES = 32  # initial colours; a picture with more does not consist of a few flat colours
CLOSE, MOST = 0.06, 0.75  # at least MOST of the flat pixels lie this close to a colour; in photographs at most 0.6
REACH = 2  # pixels: the width of a soft edge
RAGGED = 1.0  # pixels: finer detail along an edge is noise
ALIKE = 0.25  # distance up to which two segmentations mean the same colour

PaletteColor = npt.NDArray[np.float32]  # (3,), RGB in [0, 1]
Colors = npt.NDArray[np.float32]  # (n, 3)
Labels = npt.NDArray[np.int32]  # (h, w): the number of a colour, from 1; 0 where it is not yet known


class Segmentation(NamedTuple):
    """Hold colors, (n, 3) in [0, 1], largest region first, and their masks, (h, w), 0 or 1, which add up to one."""

    colors: Colors
    masks: list[Mask]


def from_picture(data: bytes, shape: masks.MaskShape, *, name: str = "") -> Segmentation:
    """Return the regions of a picture file, resized to `shape`. `name` begins the error message.

    Raises: BadMask if the file is not a picture, or not one of a few flat colours.
    """
    name = name or "The segmentation"
    try:
        picture = images.decode(data, name=name, max_side=max(SIDE, *shape), min_side=MIN_SIDE)
    except BadPicture as error:
        raise BadMask(str(error)) from error
    return stretched(of_image(picture, name=name), shape)


def of_image(image: Image, *, name: str = "The segmentation") -> Segmentation:
    """Return the regions of a picture, at its own shape.

    Raises: BadMask.
    """
    calm, flat = _calm(image)
    colors = _colors(calm[flat])
    refusal = BadMask(f"{name} does not consist of a few flat colours: draw each region in its own single colour.")
    if len(colors) > CANDIDATES:
        raise refusal
    nearest, distance = _nearest(calm, colors)
    if (distance[flat] < CLOSE).sum() < MOST * max(0.1 * flat.size, flat.sum()):  # noise has hardly any flat pixels
        raise refusal
    known = _without_specks(np.where(flat & (distance < APART), nearest, 0).astype(np.int32))
    labels = _straightened(_flooded(calm, _beside(known, calm, colors)))
    counts = np.bincount(labels.ravel(), minlength=len(colors) + 1)[1:]
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    if not 1 < len(order) <= MAX_STYLES:
        counted = f"{len(order)} colours" if len(order) > 1 else "fewer than two colours"
        raise BadMask(f"{name} has {counted}: a segmentation needs 2 to {MAX_STYLES}, one per region.")
    return Segmentation(colors[order], [(labels == i + 1).astype(np.float32) for i in order])


def stretched(segmentation: Segmentation, shape: masks.MaskShape) -> Segmentation:
    """Resize a segmentation: each pixel goes to the region that covers most of it. Regions that vanish are left out."""
    if segmentation.masks[0].shape == shape:
        return segmentation
    owner = np.argmax([masks.resize(mask, shape) for mask in segmentation.masks], 0)
    scaled = [(owner == number).astype(np.float32) for number in range(len(segmentation.masks))]
    visible = [number for number, mask in enumerate(scaled) if mask.any()]
    return Segmentation(segmentation.colors[visible], [scaled[number] for number in visible])


def paired(
    colors: Iterable[PaletteColor], others: Sequence[Segmentation], *, name: str = "The segmentation"
) -> list[tuple[int, Mask]]:
    """Return, for each colour of a photograph's segmentation, the style that has it and the mask of it there, the guide.

    If several styles have it, they take turns. Raises: BadMask for a colour that no style has.
    """
    pairs: list[tuple[int, Mask]] = []
    for color in colors:
        candidates = [(number, nearest) for number, other in enumerate(others) if (nearest := _alike(color, other)) is not None]
        if not candidates:
            raise BadMask(f"{name} has the colour {hex_of(color)}, but no style's segmentation has a similar one.")
        style, region = candidates[len(pairs) % len(candidates)]
        pairs.append((style, others[style].masks[region]))
    return pairs


def hex_of(color: PaletteColor) -> str:
    """Write a colour as #rrggbb."""
    return "#" + bytes(images.to_uint8(color)).hex()


def of_hex(color: str) -> PaletteColor:
    """Read a colour from #rrggbb."""
    return images.from_uint8(np.frombuffer(bytes.fromhex(color.removeprefix("#")), np.uint8))


def _alike(color: PaletteColor, other: Segmentation) -> int | None:
    """Return the number of the colour in another segmentation that this one means, or None."""
    distances = np.linalg.norm(other.colors - color, axis=1)
    return int(distances.argmin()) if distances.min() <= ALIKE else None


def _calm(image: Image) -> tuple[Image, npt.NDArray[np.bool_]]:
    """Return the picture without the noise of JPEG, its edges unmoved, and where it is flat, (h, w)."""
    from scipy.ndimage import maximum_filter, median_filter, minimum_filter

    calm = median_filter(image, (3, 3, 1), mode="nearest")
    steps = maximum_filter(calm, (3, 3, 1), mode="nearest") - minimum_filter(calm, (3, 3, 1), mode="nearest")
    return calm, steps.max(-1) < FLAT


def _nearest(
    image: Image, colors: Colors, allowed: Callable[[int], npt.NDArray[np.bool_]] | None = None
) -> tuple[Labels, Mask]:
    """Return the number of the nearest colour, from 1, (h, w), and the distance to it in RGB.

    allowed: where the colour with a given number may be chosen; a pixel without any gets 0 and an infinite distance. Colours
    are compared one by one, because the distances to all of them would multiply the memory.
    """
    nearest, least = np.zeros(image.shape[:2], np.int32), np.full(image.shape[:2], np.inf, np.float32)
    for number, color in enumerate(colors, 1):
        distance = np.sqrt(sum(np.square(image[..., channel] - color[channel]) for channel in range(3)), dtype=np.float32)
        nearer = distance < least
        if allowed:
            nearer &= allowed(number)
        np.copyto(nearest, number, where=nearer)
        np.copyto(least, distance, where=nearer)
    return nearest, least


def _colors(pixels: Colors) -> Colors:
    """Return the colours of flat pixels (n, 3): the most frequent one, then the most frequent one not near it, and so on."""
    cells = np.zeros(len(pixels), np.int32)
    for channel in range(3):
        cells = cells * CELLS + (pixels[:, channel] * (CELLS - 1) + 0.5).astype(np.int32)
    counts = np.bincount(cells, minlength=CELLS**3)
    sums = np.stack([np.bincount(cells, pixels[:, channel], minlength=CELLS**3) for channel in range(3)], 1)
    kinds = counts > 0
    counts, means = counts[kinds], sums[kinds] / counts[kinds, None]
    colors: list[npt.NDArray[np.float64]] = []
    remaining = counts.astype(float)
    while len(remaining) and remaining.max() > 0:
        top = means[remaining.argmax()]
        near = np.linalg.norm(means - top, axis=1) < APART
        if remaining[near].sum() >= LEAST * len(pixels):
            colors.append(np.average(means[near], axis=0, weights=np.maximum(remaining[near], 1e-9)))
        remaining[near] = 0
    return np.array(colors, np.float32).reshape(-1, 3)


def _without_specks(labels: Labels) -> Labels:
    """Mark the pixels of small pieces as unknown."""
    from skimage.measure import label

    pieces = label(labels, connectivity=1)
    large = np.bincount(pieces.ravel()) >= SPECK * labels.size
    return np.where(large[pieces], labels, 0).astype(np.int32)


def _beside(known: Labels, image: Image, colors: Colors) -> Labels:
    """Assign unknown pixels beside known ones to the neighbour of the nearest colour: mixed pixels go to their larger part."""
    from scipy.ndimage import maximum_filter

    nearest, _ = _nearest(image, colors, lambda number: maximum_filter(known == number, 2 * REACH + 1))
    return np.where(known > 0, known, nearest).astype(np.int32)


def _flooded(image: Image, known: Labels) -> Labels:
    """Assign the remaining pixels to their neighbours, with borders where the picture changes most."""
    from skimage.filters import sobel
    from skimage.segmentation import watershed

    if known.all():
        return known
    flooded: Labels = watershed(np.max([sobel(image[..., c]) for c in range(3)], 0), known)
    return flooded


def _straightened(labels: Labels) -> Labels:
    """Smooth ragged edges: each pixel goes to the region that covers most of its neighbourhood."""
    from scipy.ndimage import gaussian_filter

    straightened, most = np.zeros_like(labels), np.full(labels.shape, -1, np.float32)
    for number in np.unique(labels):
        share = gaussian_filter((labels == number).astype(np.float32), RAGGED, mode="nearest")
        larger = share > most
        np.copyto(straightened, number, where=larger)
        np.copyto(most, share, where=larger)
    return straightened
