"""Show what vgg19-lite sees: feature maps, Gram matrices, and the patches that excite a channel. NumPy and ONNX Runtime.

Pictures are (h, w, 3) in [0, 1]; maps (h', w', c), after the ReLU, by Keras layer name. ONNX Runtime is imported when needed,
so that the page process can import this file.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from nst_core import images
from nst_core.errors import BadRecipe
from nst_core.images import Image
from nst_core.models import vgg_lite
from nst_core.pictures.styles import fitted
from nst_core.recipes import LAYERS, block_number

EYES = "vgg19-lite"
TINY = float(np.finfo(np.float32).tiny)


def channels_of(layer: str) -> int:
    """Return the number of channels of a layer of vgg19-lite.

    Raises: BadRecipe for an unknown layer.
    """
    if layer not in LAYERS[EYES]:
        raise BadRecipe(f"{EYES} has no layer {layer}; it has {', '.join(LAYERS[EYES])}.")
    return vgg_lite.CHANNELS[block_number(layer) - 1]


def receptive_field(layer: str) -> int:
    """Return the side, in pixels, of the square that a value of a layer depends on: 3 at block1_conv1, 132 at block5_conv1."""
    channels_of(layer)
    side, stride = 1, 1
    for name in LAYERS[EYES]:
        if name.endswith("_conv1") and side > 1:
            side, stride = side + stride, 2 * stride  # the pooling before it
        side += 2 * stride
        if name == layer:
            break
    return side


def activations(picture: Image, layer: str) -> np.ndarray:
    """Return the maps of a layer, (h', w', c), for (h, w, 3): how strongly each channel responds at each position.

    Raises: BadRecipe for an unknown layer.
    """
    from nst_core import instant

    channels_of(layer)
    return instant.eyes().maps(picture, [layer])[layer]


def strongest(maps: np.ndarray, count: int) -> list[int]:
    """Return the channels of (h, w, c) with the highest means, strongest first, without silent ones."""
    means = maps.mean((0, 1))
    return [int(channel) for channel in np.argsort(-means, kind="stable")[:count] if means[channel] > 0]


class Seen(NamedTuple):
    """Hold the strongest maps of a layer, (n, h, w), 8 bits, each scaled to its peak, with their channels, peaks and means."""

    channels: list[int]
    maps: np.ndarray
    peaks: list[float]
    means: list[float]


def seen(picture: Image, *, layer: str, count: int = 12) -> Seen:
    """Return the maps of a layer that a page shows."""
    maps = activations(picture, layer)
    chosen = strongest(maps, count)
    shown = np.moveaxis(maps[..., chosen], -1, 0)  # (n, h, w)
    peaks = shown.max((1, 2), initial=TINY)
    return Seen(chosen, images.to_uint8(shown / peaks[:, None, None]), peaks.tolist(), shown.mean((1, 2)).tolist())


# --- Gram matrices ----------------------------------------------------------------------------------------------------


def gram(picture: Image, layer: str, *, shift: float = 0.0) -> np.ndarray:
    """Return (F + s)ᵀ(F + s) / M, (c, c): which channels respond at the same positions, averaged over the M positions.

    shift: s; Novak & Nikulin 2016, 1605.04603 §3.3 use −1.
    """
    F = _flat(activations(picture, layer)) + shift  # (M, c)
    return F.T @ F / len(F)


def chain(picture: Image, lower: str, upper: str, *, shift: float = -1.0) -> np.ndarray:
    """Return (F^l + s)ᵀ(F^(l−1) + s) / M, (c_upper, c_lower), of adjacent layers. The lower map is averaged to the upper grid.

    Novak & Nikulin 2016, 1605.04603 §3.5; in TensorFlow, `features.losses.chain_gram`.
    """
    below, above = activations(picture, lower), activations(picture, upper)
    h, w, _ = above.shape
    factor = round(below.shape[0] / h)
    pooled = below[: h * factor, : w * factor].reshape(h, factor, w, factor, -1).mean((1, 3))
    return (_flat(above) + shift).T @ (_flat(pooled) + shift) / (h * w)


def grams(picture: Image, *, layers: Sequence[str], shift: float = 0.0) -> dict[str, np.ndarray]:
    """Return the Gram matrix of each layer."""
    return {layer: gram(picture, layer, shift=shift) for layer in layers}


def chains(picture: Image, *, layers: Sequence[str], shift: float = -1.0) -> dict[str, np.ndarray]:
    """Return the correlations of each pair of adjacent layers, by "lower+upper"."""
    return {f"{lower}+{upper}": chain(picture, lower, upper, shift=shift) for lower, upper in pairwise(layers)}


def gram_distance(picture: Image, style: Image, layers: Sequence[str]) -> float:
    """Return the mean of ‖G − A‖_F / ‖A‖_F over layers, with the style at the picture's longer side; 0: the style itself."""
    style = fitted(style, max(picture.shape[:2]))
    return float(np.mean([_distance(gram(picture, layer), gram(style, layer)) for layer in layers]))


def _flat(maps: np.ndarray) -> np.ndarray:
    return maps.reshape(-1, maps.shape[-1])


def _distance(x: np.ndarray, target: np.ndarray) -> float:
    return float(np.linalg.norm(x - target) / max(float(np.linalg.norm(target)), TINY))


# --- patches ----------------------------------------------------------------------------------------------------------


class Place(NamedTuple):
    """Locate where a channel responds most in a picture: number of the picture, centre in its pixels, strength."""

    picture: int
    y: int
    x: int
    strength: float


def best_patches(pictures: Sequence[Image], layer: str, *, count: int = 9) -> list[list[Place]]:
    """Return, for every channel, the places that excite it most, strongest first, at most one per picture."""
    places_of: list[list[Place]] = [[] for _ in range(channels_of(layer))]
    for number, picture in enumerate(pictures):
        maps = activations(picture, layer)
        h, w, c = maps.shape
        peaks = _flat(maps).argmax(0)  # (c,)
        for channel in range(c):
            row, column = divmod(int(peaks[channel]), w)
            strength = float(maps[row, column, channel])
            if strength > 0:
                y, x = (
                    (at + 0.5) * side / length
                    for at, side, length in ((row, picture.shape[0], h), (column, picture.shape[1], w))
                )
                places_of[channel].append(Place(number, round(y), round(x), strength))
    return [sorted(places, key=lambda place: -place.strength)[:count] for places in places_of]


def patch(picture: Image, y: int, x: int, side: int) -> Image:
    """Return the square around a place, (side, side, 3); beyond the border, the picture is mirrored."""
    half = side // 2
    mirrored = np.pad(
        picture, ((half, side - half), (half, side - half), (0, 0)), "reflect" if min(picture.shape[:2]) > side else "edge"
    )
    return mirrored[y : y + side, x : x + side]
