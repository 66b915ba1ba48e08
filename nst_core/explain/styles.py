"""Explore styles as vectors of 100 numbers: principal axes, a map, and the vectors of its points. NumPy.

The predictor of instant-lite computes the vector of a style picture (Ghiasi et al. 2017, 1705.06830). Any vector can be
painted, including those that no picture has. ONNX Runtime is imported when needed.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nst_core import images
from nst_core.images import Image

SOFTNESS = 2.0  # power of the distance that weights styles at a point of the map
ROOM = 0.19  # minimum distance on a map of width 1, so that thumbnails do not overlap


class Axes(NamedTuple):
    """Hold the principal axes of n style vectors. explained: each axis' share of the variance."""

    mean: np.ndarray  # (100,)
    directions: np.ndarray  # (k, 100), unit vectors, most important first
    deviations: np.ndarray  # (k,): standard deviation of the styles along each
    coordinates: np.ndarray  # (n, k): position of each style, in deviations
    explained: np.ndarray  # (k,)

    def vector(self, steps: Sequence[float]) -> np.ndarray:
        """Return the vector that lies so many deviations along each of the first axes."""
        scaled = np.asarray(steps, np.float32) * self.deviations[: len(steps)]
        return self.mean + scaled @ self.directions[: len(steps)]


def style_axes(vectors: np.ndarray, count: int = 5) -> Axes:
    """Return the directions in which style vectors (n, 100) differ most, by principal component analysis."""
    mean = vectors.mean(0)
    left, spread, directions = np.linalg.svd(vectors - mean, full_matrices=False)
    signs = np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(1)])  # the sign of an axis is arbitrary
    left, directions = left * signs, directions * signs[:, None]
    root = np.sqrt(len(vectors))
    explained = spread**2 / (spread**2).sum()
    return Axes(mean, directions[:count], spread[:count] / root, left[:, :count] * root, explained[:count])


def style_vectors(pictures: Sequence[Image]) -> np.ndarray:
    """Return the predictor's vectors of style pictures, (n, 100)."""
    from nst_core import instant

    return np.stack([instant.eyes().vector(picture) for picture in pictures])


def style_vector(picture: Image) -> np.ndarray:
    """Return the vector of one style picture, (100,)."""
    return style_vectors([picture])[0]


def paint(content: Image, vector: np.ndarray) -> Image:
    """Paint the content in the style that a vector describes."""
    from nst_core import instant

    return instant.eyes().transform(content, vector)


def paint_all(content: Image, *, vectors: np.ndarray) -> np.ndarray:
    """Paint the content in each of several styles: (n, h, w, 3), 8 bits."""
    return np.stack([images.to_uint8(paint(content, vector)) for vector in vectors])


# --- the map ----------------------------------------------------------------------------------------------------------


def style_map(axes: Axes) -> np.ndarray:
    """Return positions of the styles, (n, 2) in [0, 1], by their first two axes, moved apart so that they do not overlap."""
    places = axes.coordinates[:, :2].copy()
    places = (places - places.min(0)) / np.maximum(np.ptp(places, axis=0), 1e-6)
    for _ in range(200):
        apart = places[:, None] - places[None]  # (n, n, 2)
        distance = np.linalg.norm(apart, axis=-1) + np.eye(len(places))
        push = np.maximum(ROOM - distance, 0)[..., None] * apart / np.maximum(distance, 1e-6)[..., None]
        places = np.clip(places + 0.25 * push.sum(1), 0, 1)
    return places


def shares_at(point: Sequence[float], places: np.ndarray) -> np.ndarray:
    """Return the share of each style at a point of the map, (n,), sum 1; at a style's place only it counts (Shepard 1968)."""
    distance = np.linalg.norm(places - np.asarray(point), axis=1)
    nearness = 1 / np.maximum(distance, 1e-4) ** (2 * SOFTNESS)
    return nearness / nearness.sum()


def between(a: Sequence[float], b: Sequence[float], places: np.ndarray, vectors: np.ndarray, count: int = 7) -> np.ndarray:
    """Return the vectors between two points of the map, evenly spaced: (count, 100)."""
    first, last = (shares_at(point, places) @ vectors for point in (a, b))
    return np.linspace(first, last, count)


# --- instance normalisation -------------------------------------------------------------------------------------------


def faded(picture: Image, contrast: float) -> Image:
    """Return the picture with reduced contrast: 1 is unchanged, 0 its mean colour."""
    mean = picture.mean((0, 1))
    return (mean + contrast * (picture - mean)).astype(np.float32)


def normalisation(content: Image, *, vector: np.ndarray, contrasts: Sequence[float]) -> np.ndarray:
    """Paint faded contents with instance normalisation and without: (2, n, h, w, 3), 8 bits.

    Without it, means and deviations of every layer stay those of the content at full contrast. Both agree at contrast 1; their
    difference elsewhere shows the effect of instance normalisation (Ulyanov et al. 2017, 1607.08022).
    """
    from nst_core.instant import swapped_statistics

    full, pictures = swapped_statistics.statistics(content, vector), [faded(content, contrast) for contrast in contrasts]
    own, other = ([paint(x, vector) for x in pictures], [swapped_statistics.paint(x, vector, full) for x in pictures])
    return images.to_uint8(np.stack([own, other]))
