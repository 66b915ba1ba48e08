"""Run instant-lite, our embedded model, with ONNX Runtime; a quarter of a second from import to the first picture."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nst_core import images
from nst_core.images import Image
from nst_core.instant import graph, noise
from nst_core.instant.vectors import STYLE_SIDE, Vector, VectorStylizer, squares
from nst_core.models import vgg_lite, weights
from nst_core.models.graphs import Session
from nst_core.pictures import masks, strokes
from nst_core.pictures.regions import Regions
from nst_core.recipes import InstantRecipe
from nst_core.stylizer import Style

LEAST = 32  # pixels of the core's shorter side, and rows of a strip
STRIP = 2**18  # pixels that the last stage draws at a time
REACH = 4  # rows beyond a strip that its pixels depend on: three convolutions of 3 × 3 see 3


class CoreInputs(NamedTuple):
    """Hold the three pictures that the transformer works on."""

    content: Image  # (h, w, 3): what the core sees; its sides are multiples of 4
    noise: np.ndarray  # (h, w, 1), white, of unit variance
    detail: Image  # (h', w', 3): the photograph at the result's size

    @classmethod
    def of(cls, content: Image, stroke_size: float, strokes_from: int | np.ndarray) -> "CoreInputs":
        """Return the scene in which the network's strokes have this size on the content, (h, w, 3).

        The core sees the content at the size at which its strokes are as wide as asked for. Where that is larger than the
        content, so is the result. strokes_from: the seed of the noise, or the noise, of `core_shape`.
        """
        height, width, _ = content.shape
        core, scale = core_shape(height, width, stroke_size), _scale(height, width, stroke_size)
        detail = images.resize(content, round(height * scale), round(width * scale)) if scale > 1 else content
        drawn = noise.white(*core, strokes_from) if isinstance(strokes_from, int) else strokes_from
        return cls(images.resize(content, *core), drawn, detail)

    def core(self, content: str = "content", prefix: str = "") -> dict[str, np.ndarray]:
        """Return what the core sees, by the names of the model's inputs."""
        return {content: self.content[None], f"{prefix}noise": self.noise[None]}

    def feeds(self) -> dict[str, np.ndarray]:
        """Return all three, by the names of the model's inputs."""
        return self.core() | {"detail": self.detail[None]}


def core_shape(height: int, width: int, stroke_size: float = 1.0) -> tuple[int, int]:
    """Return the shape at which the core sees a content, and of its noise."""
    scale = _scale(height, width, stroke_size)
    h, w = (max(LEAST, 4 * round(side * scale / 4)) for side in (height, width))
    return h, w


def _scale(height: int, width: int, stroke_size: float) -> float:
    return strokes.side(height, width, stroke_size, strokes.NATURAL_OF_INSTANT) / max(height, width)


class InstantLite(VectorStylizer):
    """Paint with 0.5 M parameters of a transformer, 0.5 M of a predictor, and style vectors of 100 numbers.

    The predictor is a linear map of what `vgg19-lite` sees: nine tenths of what style vectors differ by are linear in the roots
    of means, deviations and Gram matrices. How both were trained: `nst_core/models/MODELS.md`.
    """

    name = "instant-lite"

    def __init__(self, arrays: Mapping[str, np.ndarray] | None = None) -> None:
        """Load the model. arrays: of a training, instead of the embedded file."""
        super().__init__()
        self._session = Session(weights.LITE if arrays is None else graph.lite(arrays, vgg_lite.convolutions()))

    def predict(self, style: Image) -> Vector:
        return self._session.run("predicted", styles=squares(style, STYLE_SIDE))[0].mean(0)

    def transform(self, content: Image, vector: Vector, *, stroke_size: float = 1.0, seed: int | np.ndarray = 0) -> Image:
        """Return the content (h, w, 3) in a style. stroke_size: see `strokes.side`; seed: of the noise, or the noise itself."""
        scene = CoreInputs.of(content, stroke_size, seed)
        (lines,) = self._session.run("lines", **scene.core(), vector=vector.astype(np.float32))
        return images.resize(self._drawn(lines, scene.detail), *content.shape[:2])

    def transform_regions(
        self,
        content: Image,
        vectors: Sequence[Vector],
        shares: np.ndarray,
        *,
        stroke_size: float = 1.0,
        seed: int | np.ndarray = 0,
    ) -> Image:
        """Return the content in several styles at once: scale, shift and noise of each layer vary by pixel.

        vectors, shares (m, h, w): as `of_regions` gives them, for that content or another of its shape.
        """
        scene = CoreInputs.of(content, stroke_size, seed)
        by_pixel = np.stack([masks.resize(share, scene.content.shape[:2]) for share in shares], -1)
        by_pixel /= by_pixel.sum(-1, keepdims=True)
        stacked = np.stack(vectors).astype(np.float32)
        (lines,) = self._session.run("ground_lines", **scene.core("ground", "ground_"), vectors=stacked, shares=by_pixel[None])
        return images.resize(self._drawn(lines, scene.detail), *content.shape[:2])

    def _drawn(self, lines: np.ndarray, detail: Image) -> Image:
        """Return the picture that the last stage draws, in strips: whole maps of 2048 × 2048 px would take 1 GB.

        lines: (1, c, h, w), what the core makes; detail: (h', w', 3).
        """
        (_, _, h, w), (height, width, _) = lines.shape, detail.shape
        wide = np.pad(lines, ((0, 0), (0, 0), (1, 2), (1, 1)), "edge")
        place = lambda index, size, maps, last: ((index + 0.5) * maps / size + 0.5) / last  # noqa: E731
        picture, rows = np.empty_like(detail), max(LEAST, STRIP // width)
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            first, end = max(0, top - REACH), min(height, bottom + REACH)
            # as many rows as the strip has would be copied, not interpolated: ONNX Runtime takes that for no change of size
            last = h + (2 if end - first == h + 2 else 1)
            roi = [0, 0, place(first, height, h, last), place(0, width, w, w + 1)]
            roi += [1, 1, place(end - 1, height, h, last), place(width - 1, width, w, w + 1)]
            feeds = {"wide_lines": wide[:, :, : last + 1], "strip": detail[None, first:end], "roi": np.array(roi, np.float32)}
            picture[top:bottom] = self._session.run("drawn", **feeds)[0][0, top - first : bottom - first]
        return picture

    def painted(self, content: Image, regions: Regions, amounts: Sequence[float], recipe: InstantRecipe) -> Image:
        """Return the content painted in one pass, whatever its size."""
        stroke_size, seed, styles = recipe.stroke_size, recipe.seed, regions.learned()
        if regions.masked:
            found = self.of_regions(content, styles, regions.shares(amounts), recipe.strength)
            return self.transform_regions(content, *found, stroke_size=stroke_size, seed=seed)
        blend = [Style(image, amount) for image, amount in zip(styles, amounts, strict=True)]
        vector = self.blend(content, blend, recipe.strength)
        return self.transform(content, vector, stroke_size=stroke_size, seed=seed)

    def of_regions(
        self, content: Image, styles: Sequence[Image], shares: np.ndarray, strength: float
    ) -> tuple[list[Vector], np.ndarray]:
        """Return the vectors of the styles and of the rest, and each one's share of every pixel, (m, h, w)."""
        vectors = [self.blend(content, [Style(style)], strength) for style in styles]
        rest = np.maximum(1 - shares.sum(0), 0)
        if not rest.any():
            return vectors, shares
        return [*vectors, self.vector(content)], np.concatenate([shares, rest[None]])

    def maps(self, picture: Image, layers: Sequence[str]) -> dict[str, np.ndarray]:
        """Return what vgg19-lite, through which the predictor looks, makes of a picture, (h, w, 3): {layer: (h', w', c)}."""
        return {layer: x[0] for layer, x in zip(layers, self._session.run(*layers, styles=picture[None]), strict=True)}
