"""Colour segmentations: any picture of a few flat colours in; its colours, and for each the mask of where it is, out.

What a painter draws over a photograph, or a program makes of it: a colour a region, wherever and in as many pieces. JPEG's
noise is no colour, nor are the mixed ones of soft edges: colours are counted where the picture is flat, and edges run along
the steepest slope between them (watershed, Beucher & Lantuejoul 1979). The masks cover every pixel exactly once.
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

SIDE = 1024  # pixels of the longer side at which colours are looked for
MIN_SIDE = 8  # of an uploaded segmentation
FLAT = 0.12  # by which a channel may vary around a pixel of a flat colour
APART = 0.16  # distance of two colours in RGB: what is nearer to each other is one
CELLS = 24  # a side of the cube in which colours are counted
LEAST = 0.0015  # of the flat pixels: what has less is no region
SPECK = 0.0005  # of the picture: pieces that are smaller go to what is around them
CANDIDATES = 32  # colours at first sight, of which the regions are found; what has more is no picture of a few flat colours
CLOSE, MOST = 0.06, 0.75  # so many of the flat pixels are so near to a colour; of a photograph's at most 0.6
REACH = 2  # pixels of a soft edge
RAGGED = 1.0  # pixels: what is finer along an edge is noise
ALIKE = 0.25  # distance up to which a colour of one segmentation is meant by a colour of another

Color = npt.NDArray[np.float32]  # (3,), RGB in [0, 1]
Colors = npt.NDArray[np.float32]  # (n, 3)
Labels = npt.NDArray[np.int32]  # (h, w): the number of a colour from 1 on; 0 where it is not known yet


class Segmentation(NamedTuple):
    """colors: (n, 3) in [0, 1], the largest region's first. masks: of each, (h, w), 0 or 1; they add up to one."""

    colors: Colors
    masks: list[Mask]


def from_picture(data: bytes, shape: masks.Shape, *, name: str = "") -> Segmentation:
    """The regions of a picture file, stretched to `shape`. `name` begins the error's sentence.

    Raises: BadMask for a file that is no picture, or none of a few flat colours.
    """
    name = name or "The segmentation"
    try:
        picture = images.decode(data, name=name, max_side=max(SIDE, *shape), min_side=MIN_SIDE)
    except BadPicture as error:
        raise BadMask(str(error)) from error
    return stretched(of_image(picture, name=name), shape)


def of_image(image: Image, *, name: str = "The segmentation") -> Segmentation:
    """The regions of a picture, at its own shape.

    Raises: BadMask.
    """
    calm, flat = _calm(image)
    colors = _colors(calm[flat])
    refusal = BadMask(f"{name} is no picture of a few flat colours: draw each region in one colour of its own.")
    if len(colors) > CANDIDATES:
        raise refusal
    nearest, distance = _nearest(calm, colors)
    if (distance[flat] < CLOSE).sum() < MOST * max(0.1 * flat.size, flat.sum()):  # of noise hardly anything is flat
        raise refusal
    known = _without_specks(np.where(flat & (distance < APART), nearest, 0).astype(np.int32))
    labels = _straightened(_flooded(calm, _beside(known, calm, colors)))
    counts = np.bincount(labels.ravel(), minlength=len(colors) + 1)[1:]
    order = [int(i) for i in np.argsort(-counts, kind="stable") if counts[i]]
    if not 1 < len(order) <= MAX_STYLES:
        found = f"{len(order)} colours" if len(order) > 1 else "no two colours"
        raise BadMask(f"{name} has {found}: a segmentation has from 2 to {MAX_STYLES}, each a region's.")
    return Segmentation(colors[order], [(labels == i + 1).astype(np.float32) for i in order])


def stretched(found: Segmentation, shape: masks.Shape) -> Segmentation:
    """To another shape: each pixel is that region's which has most of it. Regions that are lost are left out."""
    if found.masks[0].shape == shape:
        return found
    owner = np.argmax([masks.resize(mask, shape) for mask in found.masks], 0)
    scaled = [(owner == number).astype(np.float32) for number in range(len(found.masks))]
    kept = [number for number, mask in enumerate(scaled) if mask.any()]
    return Segmentation(found.colors[kept], [scaled[number] for number in kept])


def paired(
    colors: Iterable[Color], others: Sequence[Segmentation], *, name: str = "The segmentation"
) -> list[tuple[int, Mask]]:
    """For each colour of a photograph's segmentation: which of the styles' has it, and where, the guide.

    Where several have it they take turns. Raises: BadMask for a colour that none has.
    """
    found: list[tuple[int, Mask]] = []
    for color in colors:
        candidates = [(number, nearest) for number, other in enumerate(others) if (nearest := _alike(color, other)) is not None]
        if not candidates:
            raise BadMask(f"{name} has the colour {hex_of(color)}, but no style's segmentation has one like it: use the same.")
        style, region = candidates[len(found) % len(candidates)]
        found.append((style, others[style].masks[region]))
    return found


def hex_of(color: Color) -> str:
    """#rrggbb"""
    return "#" + bytes(images.to_uint8(color)).hex()


def of_hex(color: str) -> Color:
    """The reverse."""
    return images.from_uint8(np.frombuffer(bytes.fromhex(color.removeprefix("#")), np.uint8))


def _alike(color: Color, other: Segmentation) -> int | None:
    distances = np.linalg.norm(other.colors - color, axis=1)
    return int(distances.argmin()) if distances.min() <= ALIKE else None


def _calm(image: Image) -> tuple[Image, npt.NDArray[np.bool_]]:
    """Without JPEG's noise, edges where they were; and where it is flat, (h, w)."""
    from scipy.ndimage import maximum_filter, median_filter, minimum_filter

    calm = median_filter(image, (3, 3, 1), mode="nearest")
    steps = maximum_filter(calm, (3, 3, 1), mode="nearest") - minimum_filter(calm, (3, 3, 1), mode="nearest")
    return calm, steps.max(-1) < FLAT


def _nearest(
    image: Image, colors: Colors, allowed: Callable[[int], npt.NDArray[np.bool_]] | None = None
) -> tuple[Labels, Mask]:
    """Return the number of the nearest colour from 1 on, (h, w), and the distance to it, in RGB.

    allowed: of a number, where that colour may be chosen; a pixel where none may gets 0 and an infinite distance. One colour
    is compared at a time: the distances to all of them would take as many times the memory.
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
    """The colours of the flat pixels (n, 3): the most frequent, then the most frequent of what is not near to it, and so on."""
    cells = np.zeros(len(pixels), np.int32)
    for channel in range(3):
        cells = cells * CELLS + (pixels[:, channel] * (CELLS - 1) + 0.5).astype(np.int32)
    counts = np.bincount(cells, minlength=CELLS**3)
    sums = np.stack([np.bincount(cells, pixels[:, channel], minlength=CELLS**3) for channel in range(3)], 1)
    kinds = counts > 0
    counts, means = counts[kinds], sums[kinds] / counts[kinds, None]
    colors: list[npt.NDArray[np.float64]] = []
    left = counts.astype(float)
    while len(left) and left.max() > 0:
        top = means[left.argmax()]
        near = np.linalg.norm(means - top, axis=1) < APART
        if left[near].sum() >= LEAST * len(pixels):
            colors.append(np.average(means[near], axis=0, weights=np.maximum(left[near], 1e-9)))
        left[near] = 0
    return np.array(colors, np.float32).reshape(-1, 3)


def _without_specks(labels: Labels) -> Labels:
    """Small pieces are not known any more."""
    from skimage.measure import label

    pieces = label(labels, connectivity=1)
    large = np.bincount(pieces.ravel()) >= SPECK * labels.size
    return np.where(large[pieces], labels, 0).astype(np.int32)


def _beside(known: Labels, image: Image, colors: Colors) -> Labels:
    """What is not known yet, but beside what is, goes to the neighbour of the nearest colour: a mixed pixel to its larger
    part."""
    from scipy.ndimage import maximum_filter

    nearest, _ = _nearest(image, colors, lambda number: maximum_filter(known == number, 2 * REACH + 1))
    return np.where(known > 0, known, nearest).astype(np.int32)


def _flooded(image: Image, known: Labels) -> Labels:
    """The rest goes to its neighbours: they meet where the picture changes most."""
    from skimage.filters import sobel
    from skimage.segmentation import watershed

    if known.all():
        return known
    flooded: Labels = watershed(np.max([sobel(image[..., c]) for c in range(3)], 0), known)
    return flooded


def _straightened(labels: Labels) -> Labels:
    """In JPEG's noise an edge is ragged: each pixel goes to whose most of its neighbourhood is."""
    from scipy.ndimage import gaussian_filter

    straightened, most = np.zeros_like(labels), np.full(labels.shape, -1, np.float32)
    for number in np.unique(labels):
        share = gaussian_filter((labels == number).astype(np.float32), RAGGED, mode="nearest")
        larger = share > most
        np.copyto(straightened, number, where=larger)
        np.copyto(most, share, where=larger)
    return straightened
