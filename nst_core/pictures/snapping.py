"""Snapping: the outline of a thing that somebody scribbled on. Photograph and scribble in, the thing's mask out.

GrabCut (Rother et al. 2004, by OpenCV) asks for a box around the thing; here one rough stroke stands for it. The stroke is the
thing for sure. All else begins as ground: the part of the thing that was not scribbled on, too, but colours win it back, a
few times over. Far from the stroke nothing is the thing, so that its likeness in a lake is not taken; nor is what hangs
together with the stroke nowhere. A stroke that closes to a loop tells the thing's size: it goes on less far beyond it, and
rather within.
"""

import numpy as np
import numpy.typing as npt

from nst_core import images
from nst_core.errors import BadMask
from nst_core.images import Image, Mask
from nst_core.pictures import masks

SIDE = 320  # pixels at which the thing is found: ten times quicker than at a canvas' 640, and nothing is lost
ROUNDS = 3
# how far from a stroke the thing may go on, in deviations of its points along it: if it spans the photograph, so much more if
# it spans next to nothing, and if it is straight
REACH, ROOM, LINE = 0.4, 1.4, 2.2
STRAIGHT = 0.25  # of them across it, from which a stroke is no line
BESIDE = 0.01  # of the photograph's longer side: so near to the stroke, it is rather the thing than the ground
LEAST_REACH = 0.03  # of the photograph's longer side
# of what a stroke surrounds and covers, from which it is a loop; how far inside, over the photograph's longer side, it is
# rather the thing; and of the usual reach, how much is left outside
ENCLOSED, INSIDE, LOOP = 0.6, 0.07, 0.5
BAND = 3  # pixels on either side of the outline, at the photograph's size, within which it is found again, finely
HOLE = 0.006  # of the picture: what is less, and surrounded by the thing, belongs to it
COARSE, PIECE, RIM = 600, 0.004, 2  # of a click's area: scale of segments, least share of the picture, pixels of its rim

Bools = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.uint8]  # of OpenCV: GROUND, THING for sure; PERHAPS more than that, probably
GROUND, THING, PERHAPS = 0, 1, 2


def snap(image: Image, scribble: Mask, taken: Mask | None = None) -> Mask:
    """The thing under a scribble, (h, w) like the picture, 0 or 1; the scribble itself always belongs to it.

    taken: what other things have already; passed over where the scribble lies on it itself. Raises: BadMask without a scribble.
    """
    stroke = scribble >= 0.5
    if not stroke.any():
        raise BadMask("Nothing was scribbled on: draw a stroke over the thing whose outline is wanted.")
    other = np.zeros_like(stroke) if taken is None or taken[stroke].mean() > 0.5 else taken >= 0.5
    small = images.fit(image, min(SIDE, max(stroke.shape)))
    shape = small.shape[:2]
    rough = _found(small, _reduced(stroke, shape))
    thing = _refined(image, rough, stroke)
    return (_whole(thing & ~other | stroke, stroke) & ~other | stroke).astype(np.float32)


def click(image: Image, at: tuple[int, int], taken: Mask | None = None) -> Mask:
    """Return the mask of what lies at a pixel (row, column), (h, w), 0 or 1: the area of its colours stands for a scribble.

    The area is a segment of a graph of pixels (Felzenszwalb and Huttenlocher 2004), without its rim. taken: as in `snap`.
    """
    from scipy.ndimage import binary_erosion
    from skimage.segmentation import felzenszwalb

    small = images.fit(image, min(SIDE, max(image.shape[:2])))
    labels = felzenszwalb(small, COARSE, 1.0, round(PIECE * small.shape[0] * small.shape[1]), channel_axis=-1)
    row, column = (int((place + 0.5) * to / of) for place, to, of in zip(at, labels.shape, image.shape, strict=False))
    area = labels == labels[row, column]
    inside = binary_erosion(area, iterations=RIM, border_value=1)
    scribble = masks.resize((inside if inside.any() else area).astype(np.float32), image.shape[:2]) >= 0.5
    scribble[at] = True
    return snap(image, scribble.astype(np.float32), taken)


def _found(image: Image, stroke: Bools) -> Bools:
    """The thing at a small size."""
    from scipy.ndimage import binary_fill_holes, distance_transform_edt

    side, filled = max(stroke.shape), binary_fill_holes(stroke)
    away = distance_transform_edt(~stroke)
    near, reach = away <= BESIDE * side, _reach(stroke)
    if (filled & ~stroke).sum() > ENCLOSED * filled.sum():
        near |= filled & (away <= INSIDE * side)
        away, reach = np.where(filled, 0, away), LOOP * reach
    labels = np.full(stroke.shape, GROUND + PERHAPS, np.uint8)
    labels[near] = THING + PERHAPS
    labels[away > max(reach, LEAST_REACH * side)] = GROUND
    labels[stroke] = THING
    return _whole(_grabbed(image, labels, ROUNDS), stroke)


def _reach(stroke: Bools) -> float:
    """How far from a stroke the thing may go on, in pixels. A straight one stands for a thing as wide as it is long; one to and
    fro says how wide, the more so the more of the photograph it spans."""
    across, along = np.sqrt(np.linalg.eigvalsh(np.cov(np.nonzero(stroke), ddof=0)).clip(0))  # deviations, in pixels
    straight = max(0.0, 1 - across / max(STRAIGHT * along, 1e-6))
    spanned = max(float(stroke.any(axis).mean()) for axis in (0, 1))
    free = REACH + ROOM * (1 - spanned)
    return along * (free + max(0.0, LINE - free) * straight)


def _grabbed(image: Image, labels: Labels, rounds: int) -> Bools:
    import cv2

    if (labels % PERHAPS == THING).all():
        return np.ones(labels.shape, np.bool_)
    cv2.setRNGSeed(0)  # the same stroke finds the same outline
    no_box, models = (0, 0, 1, 1), (np.zeros((1, 65)), np.zeros((1, 65)))  # of colours, for whoever goes on
    cv2.grabCut(images.to_uint8(image), labels, no_box, *models, rounds, cv2.GC_INIT_WITH_MASK)
    return labels % PERHAPS == THING


def _whole(thing: Bools, stroke: Bools) -> Bools:
    """What hangs together with the stroke, its small holes filled."""
    from scipy.ndimage import label

    parts, _ = label(thing)
    kept = np.isin(parts, np.unique(parts[stroke]))
    holes, count = label(~kept)
    sizes = np.bincount(holes.ravel(), minlength=count + 1)
    return kept | (~kept & (sizes < HOLE * kept.size)[holes])


def _refined(image: Image, rough: Bools, stroke: Bools) -> Bools:
    """At the picture's size: what is found again is a narrow band along the outline."""
    from scipy.ndimage import distance_transform_edt

    thing = (masks.resize(rough.astype(np.float32), stroke.shape) >= 0.5) | stroke
    if thing.all():
        return thing
    inside, outside = distance_transform_edt(thing), distance_transform_edt(~thing)
    labels = np.full(thing.shape, GROUND, np.uint8)
    labels[thing] = THING
    labels[np.maximum(inside, outside) <= BAND] += PERHAPS
    labels[stroke] = THING
    return _grabbed(image, labels, 1)


def _reduced(part: Bools, shape: masks.Shape) -> Bools:
    """To fewer pixels; something stays of what there was."""
    averaged = masks.resize(part.astype(np.float32), shape)
    return averaged >= min(0.5, max(float(averaged.max()), masks.BLACK))
