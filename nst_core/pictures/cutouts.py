"""Cutting out a subject. Photograph and rough mask in; out comes a soft mask, its edges along those of the photograph.

The guided filter (He et al. 2010): within a window the mask is a linear function of the colours, so that it changes where
they do. Its coefficients are found at a smaller size and applied at the photograph's own (He and Sun 2015).
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from nst_core import images
from nst_core.images import Image, Mask
from nst_core.pictures import masks

SIDE = 384  # pixels of the longer side at which coefficients are found
# of the two passes: radius of a window, over SIDE, and the variance of colours below which an area counts as flat
PASSES = ((0.03, 1e-3), (0.016, 1e-5))
STEEP = 1.6  # factor of contrast around ½ after each pass: a guided filter greys what it is not sure of

LIGHTER = 0.4  # what is left of the style on a subject that is to be painted lighter

Floats = npt.NDArray[np.float32]


class Treatment(StrEnum):
    """What becomes of the subject."""

    KEEP = "keep"  # it stays the photograph
    LIGHTER = "lighter"  # the style is weaker on it
    ONLY = "only"  # it alone is painted


def treated(mask: Mask | None, subject: Mask, treatment: Treatment) -> Mask:
    """Return the mask of a style, None being everywhere, after what the treatment asks for the subject; both of one shape."""
    share = {Treatment.KEEP: 1 - subject, Treatment.LIGHTER: 1 - (1 - LIGHTER) * subject, Treatment.ONLY: subject}[treatment]
    return np.asarray(share if mask is None else mask * share, np.float32)


def refine(photograph: Image, rough: Mask) -> Mask:
    """Return the mask at the photograph's shape, (h, w) in [0, 1], its edges along those of the photograph."""
    small = images.fit(photograph, min(SIDE, max(photograph.shape[:2])))
    mask = masks.resize(rough, small.shape[:2])
    for number, (radius, flat) in enumerate(PASSES, 1):
        slope, offset = _coefficients(small, mask, max(1, round(radius * max(mask.shape))), flat)
        picture = photograph if number == len(PASSES) else small
        mask = _steeper(_applied(picture, slope, offset))
    return mask


def _coefficients(guide: Image, mask: Mask, radius: int, flat: float) -> tuple[Floats, Floats]:
    """Return slope (h, w, 3) and offset (h, w) by which colours predict the mask, means over all windows of a pixel."""
    mean_of = partial(_mean, radius=radius)
    center, level = mean_of(guide), mean_of(mask)
    covariance = mean_of(guide * mask[..., None]) - center * level[..., None]
    pairs = {(a, b): mean_of(guide[..., a] * guide[..., b]) - center[..., a] * center[..., b] for a, b in _PAIRS}
    slope = _solved(pairs, flat, covariance)
    return mean_of(slope), mean_of(level - (slope * center).sum(-1))


_PAIRS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))  # of channels: the upper half of their covariance


def _solved(pairs: Mapping[tuple[int, int], Floats], flat: float, target: Floats) -> Floats:
    """Return x, (h, w, 3), of (covariance + flat · identity) x = target, by cofactors: LAPACK takes ten times as long."""
    rr, rg, rb, gg, gb, bb = (pairs[a, b] + flat * (a == b) for a, b in _PAIRS)
    a, b, c = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    d, e, f = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    r, g, v = np.moveaxis(target, -1, 0)
    determinant = rr * a + rg * b + rb * c
    return np.stack([a * r + b * g + c * v, b * r + d * g + e * v, c * r + e * g + f * v], -1) / determinant[..., None]


def _mean(x: Floats, radius: int) -> Floats:
    """Return the mean over square windows, (h, w) or (h, w, c)."""
    from scipy.ndimage import uniform_filter1d

    for axis in (0, 1):
        x = uniform_filter1d(x, 2 * radius + 1, axis, mode="nearest")
    return x


def _applied(picture: Image, slope: Floats, offset: Floats) -> Mask:
    """Return the mask that the coefficients, enlarged to the picture's shape, make of its colours."""
    mask = _enlarged(offset, picture.shape[:2])
    for channel in range(3):
        mask += _enlarged(slope[..., channel], picture.shape[:2]) * picture[..., channel]
    return mask


def _enlarged(plane: Floats, shape: masks.MaskShape) -> Floats:
    """Return a plane of any values at a shape, by bilinear interpolation."""
    resized = Pillow.fromarray(np.ascontiguousarray(plane, np.float32)).resize(shape[::-1], Pillow.Resampling.BILINEAR)
    return np.array(resized)


def _steeper(mask: Mask) -> Mask:
    return np.clip((mask - 0.5) * STEEP + 0.5, 0, 1).astype(np.float32)
