"""Measure the quality of a result: its distances to the styles and the content, and those of the content itself.

Style distance, per layer: ‖G_x − G_s‖_F / ‖G_s‖_F, Gram matrices averaged over positions. Content distance: ‖F_x − F_c‖ / ‖F_c‖
at block4_conv2. Both use vgg19-lite, whatever network the run used. SSIM: Wang et al. 2004, of the luminance. Each of them can
be optimised at the expense of the others, so show all three.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

import numpy as np

from nst_core import images
from nst_core.images import Image
from nst_core.pictures import colors
from nst_core.pictures.styles import fitted
from nst_core.recipes import CONTENT_LAYERS, FIRST_LAYERS
from nst_core.stylizer import Style

SIDE = 512  # pixels: larger pictures are compared at this size


@dataclass(frozen=True, slots=True)
class Measures:
    """Hold a picture's measures. style: by layer, ≥ 0; content: ≥ 0; ssim: 1 for the content itself."""

    style: Mapping[str, float]
    content: float
    ssim: float

    @property
    def mean_style(self) -> float:
        """Return the mean style distance over the layers."""
        return fmean(self.style.values())


@dataclass(frozen=True, slots=True)
class Quality:
    """Hold the measures of the result, and those of the unchanged content as a reference."""

    result: Measures
    unstylised: Measures


def assess(eyes: "Eyes", result: Image, content: Image, styles: Sequence[Style]) -> Quality:
    """Measure the result at no more than `SIDE` pixels. Several styles are averaged by weight; masks are ignored.

    eyes: the network that compares (`instant.eyes()`). result: (h, w, 3), resized to the content's shape. styles: at least one
    has a weight above 0.
    """
    side = min(SIDE, max(content.shape[:2]))
    content = images.fit(content, side)
    result = images.resize(result, *content.shape[:2])
    targets = [(_look(eyes, fitted(style.image, side))[0], style.weight) for style in styles if style.weight]
    content_grams, content_maps = _look(eyes, content)
    result_grams, result_maps = _look(eyes, result)
    return Quality(
        Measures(
            _style_distances(result_grams, targets),
            fmean(_distance(result_maps[layer], content_maps[layer]) for layer in CONTENT_LAYERS),
            _ssim(result, content),
        ),
        Measures(_style_distances(content_grams, targets), content=0.0, ssim=1.0),
    )


Maps = Mapping[str, np.ndarray]


class Eyes(Protocol):
    """Declare a network that computes feature maps of a picture: vgg19-lite."""

    def maps(self, picture: Image, layers: Sequence[str]) -> Maps: ...


def _look(eyes: Eyes, picture: Image) -> tuple[Maps, Maps]:
    """Return the Gram matrices of the style layers and the maps of the content layers."""
    maps = eyes.maps(picture, (*FIRST_LAYERS, *CONTENT_LAYERS))
    return {layer: _gram(maps[layer]) for layer in FIRST_LAYERS}, {layer: maps[layer] for layer in CONTENT_LAYERS}


def _gram(F: np.ndarray) -> np.ndarray:
    """Return the Gram matrix (c, c) of (h, w, c), averaged over positions, so that pictures of different shapes compare."""
    flat = F.reshape(-1, F.shape[-1])
    return flat.T @ flat / len(flat)


def _style_distances(grams: Maps, targets: Sequence[tuple[Maps, float]]) -> dict[str, float]:
    weights = [weight for _, weight in targets]
    return {layer: fmean((_distance(gram, target[layer]) for target, _ in targets), weights) for layer, gram in grams.items()}


def _distance(x: np.ndarray, target: np.ndarray) -> float:
    """Return ‖x − t‖ / ‖t‖ over all entries."""
    return float(np.linalg.norm(x - target) / max(np.linalg.norm(target), np.finfo(np.float32).tiny))


def _ssim(result: Image, content: Image) -> float:
    """Return the structural similarity of the luminance."""
    from skimage.metrics import structural_similarity

    return float(structural_similarity(colors.luminance(result), colors.luminance(content), data_range=1.0))
