"""Find the outline of an object from a scribble on it: photograph and scribble in, the object's mask out.

GrabCut (Rother et al. 2004, by OpenCV) expects a box around the object; here a rough stroke replaces it. The stroke is
certainly part of the object. Everything else begins as probable background, including the rest of the object, which its colours
win back over a few iterations. Nothing far from the stroke belongs to the object, so that its reflection in a lake is not
selected, and nothing that is not connected with the stroke. A stroke that closes to a loop tells the object's size: the object
extends less far beyond it and probably fills it.
"""

import numpy as np
import numpy.typing as npt

from nst_core import images
from nst_core.errors import BadMask
from nst_core.images import Image, Mask
from nst_core.pictures import masks

SIDE = 320  # pixels at which the object is found: ten times faster than at the canvas' 640, and as good
ROUNDS = 3
# how far from a stroke the object may extend, in standard deviations of its points along it: if it spans the photograph; how
# much further if it spans very little; and if it is straight
REACH, ROOM, LINE = 0.4, 1.4, 2.2
STRAIGHT = 0.25  # ratio of the deviations across and along a stroke above which it is not a line
BESIDE = 0.01  # of the photograph's longer side: pixels this near to the stroke probably belong to the object
LEAST_REACH = 0.03  # of the photograph's longer side
# the enclosed fraction of a stroke's filled area above which it is a loop; how far inside a loop pixels probably belong to the
# object, as a fraction of the photograph's longer side; and the fraction of the usual reach that remains outside it
ENCLOSED, INSIDE, LOOP = 0.6, 0.07, 0.5
BAND = 3  # pixels on either side of the outline, at the photograph's size, that are searched again
HOLE = 0.006  # of the picture: smaller holes belong to the object
COARSE, PIECE, RIM = 600, 0.004, 2  # of a click's area: scale of segments, least share of the picture, pixels of its rim

Bools = npt.NDArray[np.bool_]
SuperpixelLabels = npt.NDArray[np.uint8]  # of OpenCV: GROUND, OBJECT; plus PERHAPS: probable ones
GROUND, OBJECT, PERHAPS = 0, 1, 2


def snap(image: Image, scribble: Mask, taken: Mask | None = None) -> Mask:
    """Return the mask of the object under a scribble, (h, w) like the picture, 0 or 1. It always includes the scribble.

    taken: the area of other objects; ignored if the scribble itself lies on it. Raises: BadMask without a scribble.
    """
    stroke = scribble >= 0.5
    if not stroke.any():
        raise BadMask("There is no scribble: draw a stroke over the object that you want to select.")
    other = np.zeros_like(stroke) if taken is None or taken[stroke].mean() > 0.5 else taken >= 0.5
    small = images.fit(image, min(SIDE, max(stroke.shape)))
    shape = small.shape[:2]
    rough = _found(small, _reduced(stroke, shape))
    subject = _refined(image, rough, stroke)
    return (_whole(subject & ~other | stroke, stroke) & ~other | stroke).astype(np.float32)


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
    """Return the object at a small size."""
    from scipy.ndimage import binary_fill_holes, distance_transform_edt

    side, filled = max(stroke.shape), binary_fill_holes(stroke)
    away = distance_transform_edt(~stroke)
    near, reach = away <= BESIDE * side, _reach(stroke)
    if (filled & ~stroke).sum() > ENCLOSED * filled.sum():
        near |= filled & (away <= INSIDE * side)
        away, reach = np.where(filled, 0, away), LOOP * reach
    labels = np.full(stroke.shape, GROUND + PERHAPS, np.uint8)
    labels[near] = OBJECT + PERHAPS
    labels[away > max(reach, LEAST_REACH * side)] = GROUND
    labels[stroke] = OBJECT
    return _whole(_grabbed(image, labels, ROUNDS), stroke)


def _reach(stroke: Bools) -> float:
    """Return how far from a stroke the object may extend, in pixels.

    A straight stroke stands for an object as wide as it is long. A stroke that goes to and fro shows the width, the more so the
    more of the photograph it spans.
    """
    across, along = np.sqrt(np.linalg.eigvalsh(np.cov(np.nonzero(stroke), ddof=0)).clip(0))  # standard deviations in pixels
    straight = max(0.0, 1 - across / max(STRAIGHT * along, 1e-6))
    spanned = max(float(stroke.any(axis).mean()) for axis in (0, 1))
    free = REACH + ROOM * (1 - spanned)
    return along * (free + max(0.0, LINE - free) * straight)


def _grabbed(image: Image, labels: SuperpixelLabels, rounds: int) -> Bools:
    """Run GrabCut and return the object."""
    import cv2

    if (labels % PERHAPS == OBJECT).all():
        return np.ones(labels.shape, np.bool_)
    cv2.setRNGSeed(0)  # makes the outline reproducible
    no_box, models = (0, 0, 1, 1), (np.zeros((1, 65)), np.zeros((1, 65)))  # colour models, which OpenCV returns
    cv2.grabCut(images.to_uint8(image), labels, no_box, *models, rounds, cv2.GC_INIT_WITH_MASK)
    return labels % PERHAPS == OBJECT


def _whole(subject: Bools, stroke: Bools) -> Bools:
    """Return the parts that are connected with the stroke, with their small holes filled."""
    from scipy.ndimage import label

    parts, _ = label(subject)
    connected = np.isin(parts, np.unique(parts[stroke]))
    holes, count = label(~connected)
    sizes = np.bincount(holes.ravel(), minlength=count + 1)
    return connected | (~connected & (sizes < HOLE * connected.size)[holes])


def _refined(image: Image, rough: Bools, stroke: Bools) -> Bools:
    """Repeat the search at the picture's size in a narrow band along the outline."""
    from scipy.ndimage import distance_transform_edt

    subject = (masks.resize(rough.astype(np.float32), stroke.shape) >= 0.5) | stroke
    if subject.all():
        return subject
    inside, outside = distance_transform_edt(subject), distance_transform_edt(~subject)
    labels = np.full(subject.shape, GROUND, np.uint8)
    labels[subject] = OBJECT
    labels[np.maximum(inside, outside) <= BAND] += PERHAPS
    labels[stroke] = OBJECT
    return _grabbed(image, labels, 1)


def _reduced(part: Bools, shape: masks.MaskShape) -> Bools:
    """Reduce a mask to fewer pixels; it never becomes empty."""
    averaged = masks.resize(part.astype(np.float32), shape)
    return averaged >= min(0.5, max(float(averaged.max()), masks.BLACK))
