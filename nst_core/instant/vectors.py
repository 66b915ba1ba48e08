"""Share the parts of the one-pass stylizers: content and styles in, one Step out. NumPy only.

Both follow Dumoulin et al. (1610.07629) and Ghiasi et al. (1705.06830): a predictor turns a style picture into a vector, a
transformer turns content and vector into the result. So strength s is (1 − s)·vector(content) + s·vector(style), a blend of N
styles is Σ wᵢ·vectorᵢ, and changing either does not run the predictor again.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from nst_core.images import Image, digest, fit
from nst_core.pictures import masks, strokes
from nst_core.pictures.regions import Regions
from nst_core.recipes import InstantRecipe
from nst_core.stylizer import Step, Style, with_weight

Vector = np.ndarray  # (n,) float32
STYLE_SIDE = 256  # both predictors were trained on styles of this size
SEAM = 64  # the content's longer side divided by the radius of a seam between two pictures


class VectorStylizer:
    """Implement vectors, cached by picture; strength and blends; colours; one Step.

    A subclass defines how to predict a vector and how to transform a content.
    """

    name: str
    remembered = 256  # vectors of at most 3 kB

    def __init__(self) -> None:
        self._vectors: dict[str, Vector] = {}
        self._lock = threading.RLock()  # the light lane paints in several threads
        self.predictions = 0  # how often the predictor ran

    def predict(self, style: Image) -> Vector:
        """Return the style vector of (h, w, 3)."""
        raise NotImplementedError

    def transform(self, content: Image, vector: Vector) -> Image:
        """Return (h, w, 3) in the style of a vector, with the same shape."""
        raise NotImplementedError

    def vector(self, style: Image) -> Vector:
        """Return `predict`, computed once per picture."""
        key = digest(style)
        with self._lock:
            if key not in self._vectors:
                vector = self.predict(style)
                while len(self._vectors) >= self.remembered:
                    self._vectors.pop(next(iter(self._vectors)))
                self._vectors[key] = vector
                self.predictions += 1
            return self._vectors[key]

    def blend(self, content: Image, styles: Sequence[Style], strength: float) -> Vector:
        """Return (1 − strength)·vector(content) + strength·Σ wᵢ·vectorᵢ, with wᵢ normalised to sum 1."""
        shares = np.array([style.weight for style in styles], np.float32)
        shares /= shares.sum()
        blended = sum(share * self.vector(style.image) for share, style in zip(shares, styles, strict=True))
        if strength == 1:
            return np.asarray(blended)
        return (1 - strength) * self.vector(content) + strength * np.asarray(blended)

    def stylize(self, content: Image, styles: Sequence[Style], recipe: InstantRecipe) -> Iterator[Step]:
        """Yield one Step with the result, which has the content's shape.

        Raises: BadRecipe if no style has a weight; BadMask.
        """
        start = time.perf_counter()
        active = with_weight(styles)
        amounts, regions = [style.weight for style in active], Regions(content, active, recipe)
        result = self.painted(content, regions, amounts, recipe)
        yield Step(1, 1, {}, regions.finish(result, amounts), time.perf_counter() - start)

    def painted(self, content: Image, regions: Regions, amounts: Sequence[float], recipe: InstantRecipe) -> Image:
        """Return the content painted in strokes of the recipe's size."""
        own = np.maximum(1 - regions.shares(amounts).sum(0), 0) if regions.masked else None
        return strokes.painted(content, recipe.stroke_size, self.painter(content, regions, amounts, recipe), own)

    def painter(self, content: Image, regions: Regions, amounts: Sequence[float], recipe: InstantRecipe) -> strokes.Paint:
        """Return a function that paints the content at any size; the predictor runs before it is called."""
        styles = regions.learned()
        if regions.masked:
            vectors = [self.blend(content, [Style(style)], recipe.strength) for style in styles]
            return lambda x: self.paint(x, vectors, regions.shares(amounts, x.shape[:2]), content)
        blend = [Style(image, amount) for image, amount in zip(styles, amounts, strict=True)]
        vector = self.blend(content, blend, recipe.strength)
        return lambda x: self.transform(x, vector)

    def paint(self, picture: Image, vectors: Sequence[Vector], shares: np.ndarray, content: Image) -> Image:
        """Return the picture, (h, w, 3), in each style by its share (n, h, w) of every pixel; the rest is the content's.

        This implementation paints a picture per style, and mixes them along soft seams.
        """
        return compose(picture, (self.transform(picture, vector) for vector in vectors), shares)


def compose(content: Image, pictures: Iterable[Image], shares: np.ndarray) -> Image:
    """Mix pictures by soft shares (n, h, w); the rest is the content."""
    soft = [masks.soften(share, max(share.shape) / SEAM) for share in shares]
    rest = np.maximum(1 - np.sum(soft, axis=0), 0)
    mixed = content * rest[..., None]
    for picture, share in zip(pictures, soft, strict=True):
        mixed += picture * share[..., None]
    return np.clip(mixed, 0, 1)


def pad_to_multiple(image: Image, multiple: int) -> Image:
    """Pad (h, w, 3) with reflections below and to the right, so that both sides can be halved evenly."""
    h, w, _ = image.shape
    return np.pad(image, ((0, -h % multiple), (0, -w % multiple), (0, 0)), "reflect")


def squares(image: Image, side: int) -> np.ndarray:
    """Return the fewest evenly spaced squares that cover (h, w, 3), scaled to `side`: (n, side, side, 3)."""
    h, w, _ = image.shape
    fitted = fit(image, round(side * max(h, w) / min(h, w)))
    longer = 0 if h > w else 1
    count = -(-fitted.shape[longer] // side)
    starts = np.linspace(0, fitted.shape[longer] - side, count).round().astype(int)
    pieces = [fitted[s : s + side] if longer == 0 else fitted[:, s : s + side] for s in starts]
    return np.stack([piece[:side, :side] for piece in pieces])
