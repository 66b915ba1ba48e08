"""A style as 100 numbers: vectors of styles in; their principal axes, a map, and the vectors of its points out. NumPy.

A vector is what the predictor of instant-lite makes of a style picture (Ghiasi et al. 2017, 1705.06830); every vector paints,
also those that no picture has. ONNX Runtime is imported when it is wanted.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nst_core import images
from nst_core.images import Image

SOFTNESS = 2.0  # power of the distance by which styles count at a point of the map
ROOM = 0.19  # between neighbours on a map that is 1 wide: thumbnails do not cover each other


class Axes(NamedTuple):
    """The principal axes of n style vectors. explained: each axis' share of the variance."""

    mean: np.ndarray  # (100,)
    directions: np.ndarray  # (k, 100), of length 1, the most important first
    deviations: np.ndarray  # (k,): how far the styles are spread along each
    coordinates: np.ndarray  # (n, k): where each style lies, in deviations
    explained: np.ndarray  # (k,)

    def vector(self, steps: Sequence[float]) -> np.ndarray:
        """The vector so many deviations along each of the first axes."""
        scaled = np.asarray(steps, np.float32) * self.deviations[: len(steps)]
        return self.mean + scaled @ self.directions[: len(steps)]


def style_axes(vectors: np.ndarray, count: int = 5) -> Axes:
    """The directions in which style vectors (n, 100) differ most: their principal component analysis."""
    mean = vectors.mean(0)
    left, spread, directions = np.linalg.svd(vectors - mean, full_matrices=False)
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(1)])  # an axis has no sign of its own
    left, directions = left * signs, directions * signs[:, None]
    root = np.sqrt(len(vectors))
    explained = spread**2 / (spread**2).sum()
    return Axes(mean, directions[:count], spread[:count] / root, left[:, :count] * root, explained[:count])


def style_vectors(pictures: Sequence[Image]) -> np.ndarray:
    """(n, 100): what the predictor makes of each style picture."""
    from nst_core import instant

    return np.stack([instant.eyes().vector(picture) for picture in pictures])


def style_vector(picture: Image) -> np.ndarray:
    """(100,), of one."""
    return style_vectors([picture])[0]


def paint(content: Image, vector: np.ndarray) -> Image:
    """The content in the style that 100 numbers describe."""
    from nst_core import instant

    return instant.eyes().transform(content, vector)


def paint_all(content: Image, *, vectors: np.ndarray) -> np.ndarray:
    """(n, h, w, 3), 8 bits: the content in each style."""
    return np.stack([images.to_uint8(paint(content, vector)) for vector in vectors])


# --- the map ----------------------------------------------------------------------------------------------------------


def style_map(axes: Axes) -> np.ndarray:
    """(n, 2) in [0, 1]: the styles by their first two axes, moved apart where they would cover each other."""
    places = axes.coordinates[:, :2].copy()
    places = (places - places.min(0)) / np.maximum(np.ptp(places, axis=0), 1e-6)
    for _ in range(200):
        apart = places[:, None] - places[None]  # (n, n, 2)
        distance = np.linalg.norm(apart, axis=-1) + np.eye(len(places))
        push = np.maximum(ROOM - distance, 0)[..., None] * apart / np.maximum(distance, 1e-6)[..., None]
        places = np.clip(places + 0.25 * push.sum(1), 0, 1)
    return places


def shares_at(point: Sequence[float], places: np.ndarray) -> np.ndarray:
    """(n,), of sum 1: how much of each style a point of the map has; a style's own place has nothing else (Shepard 1968)."""
    distance = np.linalg.norm(places - np.asarray(point), axis=1)
    nearness = 1 / np.maximum(distance, 1e-4) ** (2 * SOFTNESS)
    return nearness / nearness.sum()


def between(a: Sequence[float], b: Sequence[float], places: np.ndarray, vectors: np.ndarray, count: int = 7) -> np.ndarray:
    """(count, 100): the vectors from one point of the map to another, evenly blended."""
    first, last = (shares_at(point, places) @ vectors for point in (a, b))
    return np.linspace(first, last, count)


# --- instance normalisation -------------------------------------------------------------------------------------------


def faded(picture: Image, contrast: float) -> Image:
    """The picture with less contrast: 1 is itself, 0 its mean colour."""
    mean = picture.mean((0, 1))
    return (mean + contrast * (picture - mean)).astype(np.float32)


def normalisation(content: Image, *, vector: np.ndarray, contrasts: Sequence[float]) -> np.ndarray:
    """(2, n, h, w, 3), 8 bits: faded contents painted with instance normalisation, and without.

    Without: every layer's means and deviations stay those of the content at its full contrast. So at contrast 1 the two are
    the same, and what parts them then is what instance normalisation does (Ulyanov et al. 2017, 1607.08022).
    """
    from nst_core.instant import borrowed

    full, pictures = borrowed.statistics(content, vector), [faded(content, contrast) for contrast in contrasts]
    own, other = ([paint(x, vector) for x in pictures], [borrowed.paint(x, vector, full) for x in pictures])
    return images.to_uint8(np.stack([own, other]))
