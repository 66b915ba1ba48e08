"""instant-lite: ours, embedded, run by ONNX Runtime; a quarter of a second from import to the first picture."""

from collections.abc import Mapping, Sequence

import numpy as np

from nst_core.images import Image
from nst_core.instant import graph
from nst_core.instant.vectors import STYLE_SIDE, Vector, VectorStylizer, pad_to_multiple, squares
from nst_core.models import eyes, weights
from nst_core.models.graphs import Session
from nst_core.stylizer import Style


class InstantLite(VectorStylizer):
    """0.45 M parameters of transformer, 0.5 M of predictor, a style vector of 100 numbers.

    The predictor is a linear map of what `vgg19-lite` sees: nine tenths of what style vectors differ by are linear in the roots
    of means, deviations and Gram matrices. Trained to imitate the published mobile Magenta (`nst_core/models/MODELS.md`).
    """

    name = "instant-lite"

    def __init__(self, arrays: Mapping[str, np.ndarray] | None = None) -> None:
        """arrays: of a training, instead of the embedded file."""
        super().__init__()
        self._session = Session(weights.LITE if arrays is None else graph.lite(arrays, eyes.convolutions()))

    def predict(self, style: Image) -> Vector:
        return self._session.run("predicted", styles=squares(style, STYLE_SIDE))[0].mean(0)

    def transform(self, content: Image, vector: Vector) -> Image:
        h, w, _ = content.shape
        x = pad_to_multiple(content, 4)[None]
        return self._session.run("painted", content=x, vector=vector.astype(np.float32))[0][0, :h, :w]

    def paint(self, picture: Image, vectors: Sequence[Vector], shares: np.ndarray, content: Image) -> Image:
        """In one pass: scale and shift of each instance normalisation vary by pixel; the rest is in the content's own style."""
        return self.transform_regions(picture, *self._with_rest(vectors, shares, content))

    def of_regions(
        self, content: Image, styles: Sequence[Image], shares: np.ndarray, strength: float
    ) -> tuple[list[Vector], np.ndarray]:
        """The vectors of the styles and of the rest, and each one's share of every pixel, (m, h, w)."""
        return self._with_rest([self.blend(content, [Style(style)], strength) for style in styles], shares, content)

    def _with_rest(self, vectors: Sequence[Vector], shares: np.ndarray, content: Image) -> tuple[list[Vector], np.ndarray]:
        rest = np.maximum(1 - shares.sum(0), 0)
        if not rest.any():
            return list(vectors), shares
        return [*vectors, self.vector(content)], np.concatenate([shares, rest[None]])

    def transform_regions(self, picture: Image, vectors: Sequence[Vector], shares: np.ndarray) -> Image:
        """What `of_regions` gives, on that content or another of its shape."""
        h, w, _ = picture.shape
        x, by_pixel = (pad_to_multiple(array, 4)[None] for array in (picture, np.moveaxis(shares, 0, -1)))
        stacked = np.stack(vectors).astype(np.float32)
        return self._session.run("painted_by_region", ground=x, vectors=stacked, shares=by_pixel)[0][0, :h, :w]

    def maps(self, picture: Image, layers: Sequence[str]) -> dict[str, np.ndarray]:
        """What vgg19-lite, the predictor's eyes, makes of a picture, (h, w, 3): {layer: (h', w', c)}."""
        return {layer: x[0] for layer, x in zip(layers, self._session.run(*layers, styles=picture[None]), strict=True)}
