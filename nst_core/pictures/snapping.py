"""Snapping: the outline of a thing that somebody scribbled on. Photograph and scribble in, the thing's mask out.

GrabCut (Rother et al. 2004, by OpenCV) asks for a box around the thing; here one rough stroke stands for it. The stroke is the
thing for sure. All else begins as ground: the part of the thing that was not scribbled on, too, but colours win it back, a
few times over. Far from the stroke nothing is the thing, so that its likeness in a lake is not taken; nor is what hangs
together with the stroke nowhere.
"""

import numpy as np
import numpy.typing as npt

from nst_core import images
from nst_core.errors import BadMask
from nst_core.images import Image, Mask
from nst_core.pictures import masks

SIDE = 320  # pixels at which the thing is found: ten times quicker than at a canvas' 640, and nothing is lost
ROUNDS = 5
REACH = 0.2  # of the stroke's own extent: how far from it the thing may go on
LEAST_REACH = 8  # pixels of SIDE
BAND = 3  # pixels on either side of the outline, at the photograph's size, within which it is found again, finely
HOLE = 0.003  # of the picture: what is less, and surrounded by the thing, belongs to it

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
    rough = _found(small, _reduced(stroke, shape), _reduced(other & ~stroke, shape))
    return _refined(image, rough, stroke).astype(np.float32)


def _found(image: Image, stroke: Bools, other: Bools) -> Bools:
    """The thing at a small size."""
    labels = np.full(stroke.shape, GROUND + PERHAPS, np.uint8)
    labels[_far(stroke) | other] = GROUND
    labels[stroke] = THING
    return _whole(_grabbed(image, labels, ROUNDS), stroke)


def _far(stroke: Bools) -> Bools:
    """Beyond the reach of a stroke. A line has an extent across it too: a third of its length."""
    from scipy.ndimage import distance_transform_edt

    tall, wide = (int(stroke.any(axis).sum()) for axis in (1, 0))
    extent = np.sqrt(max(tall, wide / 3) * max(wide, tall / 3))
    return distance_transform_edt(~stroke) > max(REACH * extent, LEAST_REACH)


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
