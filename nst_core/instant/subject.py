"""The main subject of a photograph: picture in, soft mask out, by one pass of a small network of ours.

The network reads the maps of vgg19-lite, which `lite.onnx` holds for the predictor of instant-lite; `subject.onnx` is the rest.
It works on the whole photograph squeezed to a square; `pictures.cutouts` draws the mask's edges at the photograph's own size.
How it was trained: `nst_core/models/MODELS.md`.
"""

from functools import cache

import numpy as np
from scipy.ndimage import label

from nst_core import images
from nst_core.errors import BadMask
from nst_core.images import Image, Mask
from nst_core.instant import eyes, subject_graph
from nst_core.models import weights
from nst_core.models.graphs import Session
from nst_core.pictures import cutouts, masks, snapping

SIDE = 192  # pixels of the square: what the network was trained at
SURE = 0.6  # of the mask at a pixel, from which a click there means the subject
LEAST = 0.002  # of the picture: what is smaller is no subject


def find(photograph: Image) -> Mask:
    """Return the mask of the photograph's main subject, (h, w) in [0, 1].

    Raises: BadMask, where nothing in the photograph stands out.
    """
    mask = cutouts.refine(photograph, rough(photograph))
    if masks.coverage(mask) < 100 * LEAST:
        raise BadMask("No subject was found: nothing in this photograph stands out. Click what you want, or draw over it.")
    return mask


def at(photograph: Image, place: tuple[int, int], taken: Mask | None = None) -> Mask:
    """Return the mask of what lies at a pixel (row, column), (h, w) in [0, 1]: the main subject, or what looks like that place.

    taken: what other masks have already. Raises: BadMask outside the photograph.
    """
    h, w, _ = photograph.shape
    if not (0 <= place[0] < h and 0 <= place[1] < w):
        raise BadMask("The click was outside the picture: click inside it.")
    mask = cutouts.refine(photograph, rough(photograph))
    if mask[place] < SURE:
        return snapping.click(photograph, place, taken)
    parts, _ = label(mask >= 0.5 * SURE)
    mask = np.where(parts == parts[place], mask, 0).astype(np.float32)
    return mask if taken is None or taken[place] >= 0.5 else masks.without(mask, taken)


def rough(photograph: Image) -> Mask:
    """Return the mask as the network makes it, (48, 48), of the whole photograph: the mean of it and of its mirror image's."""
    square = images.resize(photograph, SIDE, SIDE)
    seen = [eyes().maps(x, subject_graph.LAYERS) for x in (square, np.ascontiguousarray(square[:, ::-1]))]
    straight, mirrored = _session().run(
        "mask", **{layer: np.stack([x[layer] for x in seen]) for layer in subject_graph.LAYERS}
    )[0]
    return np.asarray((straight + mirrored[:, ::-1]) / 2, np.float32)


@cache
def _session() -> Session:
    return Session(weights.SUBJECT)
