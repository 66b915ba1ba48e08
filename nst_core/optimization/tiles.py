"""Steps at a size too large to look at at once: Adam window by window, each judged by what the whole picture has of a style.

A window's style statistics mean little by themselves: forced on each, a sky would be given the houses' brushwork. So the
statistics of the whole picture are what is compared, and a window changes its own part of them: its gradient is the whole
picture's, there. Windows overlap, change only what they see better than their neighbours, and lie elsewhere in every round, so
that none of their borders leaves a trace.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from typing import NamedTuple, TypeVar

import numpy as np

from nst_core.features import Network, tf
from nst_core.images import Image
from nst_core.optimization.objective import MovingObjective, Scene, passed
from nst_core.optimization.optimizers import Adam, Evaluation, OptimizerState
from nst_core.optimization.structure import FORMS
from nst_core.pictures import masks
from nst_core.pictures.regions import Coverage, Parts
from nst_core.recipes import OptimizeRecipe

Floats = TypeVar("Floats", bound=np.ndarray)

SIDE = 768  # pixels of a window's longest side
OVERLAP = 80  # of two neighbours, on average at least
GRID = 16  # windows begin at multiples of it, so that deep maps of window and whole lie on each other


class Window(NamedTuple):
    """A part of a picture, all of one shape."""

    top: int
    left: int
    height: int
    width: int

    def of(self, array: Floats, halvings: int = 0, *, axis: int = 0) -> Floats:
        """A view of an array whose rows and columns are axes `axis` and the next, halved so many times."""
        top, left, height, width = (length >> halvings for length in self)
        view: Floats = array[(slice(None),) * axis + (slice(top, top + height), slice(left, left + width))]  # type: ignore[assignment]
        return view

    def within(self, other: "Window") -> "Window":
        """The same as seen from another's corner."""
        return self._replace(top=self.top - other.top, left=self.left - other.left)


class Tile(NamedTuple):
    """What is looked at, and what of it is changed."""

    seen: Window
    own: Window


class Span(NamedTuple):
    """A tile along one side: where it begins, and from where to where it changes something."""

    start: int
    own: int
    end: int


class Tiles:
    """Adam on a picture in [0, 1] of any size, which it changes in place; a step is a round over all windows."""

    def __init__(
        self, recipe: OptimizeRecipe, network: Network, scene: Scene, picture: Image, state: OptimizerState | None
    ) -> None:
        self._shape = picture.shape[:2]
        self._content, self._picture = _padded(scene.content), _padded(picture)
        self._first, self._second, self._count = np.zeros_like(self._picture), np.zeros_like(self._picture), 0
        self._rounds, self._seed = int(state["rounds"]) if state and "rounds" in state else 0, recipe.seed
        self._sides = tuple(side(length) for length in self._picture.shape[:2])
        cover = Cover(scene.parts, self._picture.shape[:2]) if scene.parts.even else None
        tiles = self._tiles(None)
        self.objective = TileObjective(recipe, network, tiles[0].seen, self._content, scene.styles, cover)
        self._compiled = tf.function(self._update, autograph=False)
        self._look = tf.function(self.objective, autograph=False)

    @property
    def picture(self) -> Image:
        """As it is: no copy, the next round changes it."""
        return self._picture[: self._shape[0], : self._shape[1]]

    def state(self) -> OptimizerState:
        """Without what Adam remembers: twice the picture, on the disk every few seconds, for steps that are few."""
        return {"rounds": np.array(self._rounds)}

    def steps(self, weights: Callable[[], tuple[np.ndarray, float]], iterations: int) -> Iterator[Evaluation]:
        for _ in range(iterations):
            term_weights, rate = weights()
            self._count, self._rounds = self._count + 1, self._rounds + 1
            rate *= np.sqrt(1 - Adam.BETA2**self._count) / (1 - Adam.BETA1**self._count)
            tiles = self._tiles(np.random.default_rng((self._seed, self._rounds)))
            self._measure(tiles)
            terms = [self._step(tile, term_weights, np.float32(rate)) for tile in tiles]
            yield Evaluation(np.mean(terms, 0), self.picture)

    def _measure(self, tiles: Sequence[Tile]) -> None:
        """The style statistics of the picture as it is. A third of a round's time; those of the round before, a step old, would
        be cheaper, and drive every step too far: the picture grows grainy."""
        for tile in tiles:
            self.objective.move(tile.seen)
            self._look(tf.constant(tile.seen.of(self._picture)[None]))
            self.objective.count()
        self.objective.compare()

    def _step(self, tile: Tile, weights: np.ndarray, rate: np.float32) -> np.ndarray:
        self.objective.move(tile.seen)
        self.objective.aim_at(tile.seen.of(self._content))  # anew each time: kept, its maps would take 250 MB of a print
        arrays = self._picture, self._first, self._second
        terms, *made = self._compiled(*(tile.seen.of(a)[None] for a in arrays), weights * self.objective.scale, rate)
        for array, new in zip(arrays, made, strict=True):
            tile.own.of(array)[:] = tile.own.within(tile.seen).of(new.numpy()[0])
        return terms.numpy()

    def _update(
        self, picture: tf.Tensor, first: tf.Tensor, second: tf.Tensor, weights: tf.Tensor, rate: tf.Tensor
    ) -> list[tf.Tensor]:
        terms, gradient = passed(self.objective, picture, weights)
        first = Adam.BETA1 * first + (1 - Adam.BETA1) * gradient
        second = Adam.BETA2 * second + (1 - Adam.BETA2) * tf.square(gradient)
        step = rate * first / (tf.sqrt(second) + Adam.EPSILON)
        return [terms, tf.clip_by_value(picture - step, 0, 1), first, second]

    def _tiles(self, rng: np.random.Generator | None) -> list[Tile]:
        """All that cover the picture; evenly spread without a generator."""
        rows, columns = (
            spans(length, at_once, rng) for length, at_once in zip(self._picture.shape[:2], self._sides, strict=True)
        )
        height, width = self._sides
        return [
            Tile(Window(y.start, x.start, height, width), Window(y.own, x.own, y.end - y.own, x.end - x.own))
            for y, x in product(rows, columns)
        ]


class Cover:
    """What masks make of a padded picture, window by window."""

    def __init__(self, parts: Parts, shape: masks.MaskShape) -> None:
        self._parts, self._shape = parts, shape
        self.held = None if parts.held is None else _padded(parts.held)
        self._amounts: tuple[float, ...] = (1.0,) * len(parts.guides)
        assert parts.even is not None
        self.whole = self._grown(parts.even)

    def weigh(self, amounts: Sequence[float]) -> None:
        """From now on the styles have these weights."""
        if tuple(amounts) != self._amounts:
            self._amounts, self.whole = tuple(amounts), self._grown(self._parts.weighted(amounts))

    def of(self, window: Window) -> Coverage:
        shares, coarse = self.whole
        return Coverage(window.of(shares, axis=1), {k: window.of(share, k, axis=1) for k, share in coarse.items()})

    def at(self, window: Window) -> "WindowParts":
        return WindowParts(self, window, self._parts)

    def _grown(self, coverage: Coverage) -> Coverage:
        shares = np.stack([_padded(share) for share in coverage.shares])
        return Coverage(shares, masks.pyramid(shares, self._shape, coverage.coarse))


class WindowParts(Parts):
    """`Parts` of a window."""

    def __init__(self, cover: Cover, window: Window, parts: Parts) -> None:
        self._cover, self._window = cover, window
        self.guides, self.partial = parts.guides, parts.partial
        self.held = None if cover.held is None else window.of(cover.held)
        self.even = cover.of(window)

    def weighted(self, amounts: Sequence[float]) -> Coverage:
        self._cover.weigh(amounts)
        return self._cover.of(self._window)


class TileObjective(MovingObjective):
    """What a run wants of one window of a picture; the window may move.

    Style terms compare the statistics of the whole picture, as `count` and `compare` found them, plus what this window changes
    of them. All is scaled as if the picture had the window's size.
    """

    def __init__(
        self,
        recipe: OptimizeRecipe,
        network: Network,
        window: Window,
        content: Image,
        styles: Sequence[Image],
        cover: Cover | None,
    ) -> None:
        """window: the first. content: of the whole picture."""
        super().__init__(recipe, network, window.of(content), styles, cover.at(window) if cover else None)
        self._cover, self._areas = cover, np.ones(1)
        shapes = [(1 if cover is None else len(styles), *x.shape[1:]) for x in self._styles[0]]
        self._whole, self._here = ([tf.Variable(tf.zeros(shape), trainable=False) for shape in shapes] for _ in range(2))
        self._part = tf.Variable(tf.ones(shapes[0][0]), trainable=False)
        self._sums, self._seen_areas = [np.zeros(shape, np.float64) for shape in shapes], np.zeros(shapes[0][0])
        sums = [name.startswith("content/") and recipe.form == "paper" for name in self.names]
        sums[-1] = not FORMS[recipe.form].mean_variation
        share = window.height * window.width / (content.shape[0] * content.shape[1])
        self.scale = np.where(sums, 1 / share, 1).astype(np.float32)  # of the terms' weights

    def move(self, window: Window) -> None:
        """To another window."""
        if self._cover is not None and self._brush is not None:
            parts = self._cover.at(window)
            self._brush.move(parts)
            self._areas = self._cover.of(window).areas
            whole = self._cover.whole.areas
            self._part.assign((self._areas / np.maximum(whole, 1e-12)).astype(np.float32))

    def count(self) -> None:
        """What was seen last is a part of the picture's statistics."""
        for total, here in zip(self._sums, self._here, strict=True):
            total += here.numpy() * self._areas[:, None, None]
        self._seen_areas = self._seen_areas + self._areas

    def compare(self) -> None:
        """With what has been counted, until that is done again."""
        areas = np.maximum(self._seen_areas, 1e-12)[:, None, None]
        for variable, total in zip(self._whole, self._sums, strict=True):
            variable.assign((total / areas).astype(np.float32))
            total[:] = 0
        self._seen_areas = np.zeros_like(self._seen_areas)

    def _compared(self, own: list[tf.Tensor]) -> list[tf.Tensor]:
        seen = [self._linear(x) for x in own]
        for variable, x in zip(self._here, seen, strict=True):
            variable.assign(tf.stop_gradient(x))
        part = self._part[:, None, None]
        return [self._of_linear(whole + part * (x - tf.stop_gradient(x))) for whole, x in zip(self._whole, seen, strict=True)]

    def _linear(self, statistic: tf.Tensor) -> tf.Tensor:
        """What can be averaged over windows: of a covariance, the second moments."""
        if self._recipe.form != "moments":
            return statistic
        mean = statistic[..., :1]
        return tf.concat([mean, statistic[..., 1:] + mean * tf.linalg.matrix_transpose(mean)], -1)

    def _of_linear(self, average: tf.Tensor) -> tf.Tensor:
        if self._recipe.form != "moments":
            return average
        mean = average[..., :1]
        return tf.concat([mean, average[..., 1:] - mean * tf.linalg.matrix_transpose(mean)], -1)

    def _region_areas(self, shares: Sequence[float]) -> np.ndarray:
        assert self._cover is not None
        self._cover.weigh(shares)
        return self._cover.whole.areas


def side(length: int) -> int:
    """Of the windows along a side of that length, a multiple of GRID."""
    count = _count(length)
    return min(length, -(-(length + OVERLAP * (count - 1)) // count // GRID) * GRID)


def spans(length: int, at_once: int, rng: np.random.Generator | None) -> list[Span]:
    """Tiles of that side that cover the length; which of them overlap more is left to chance. Each pixel is one tile's own."""
    count = _count(length)
    overlap = (count * at_once - length) // GRID  # in all, in steps of GRID
    shares = np.full(count - 1, 1 / max(1, count - 1)) if rng is None else rng.dirichlet(np.full(count - 1, 4.0))
    before = np.round(np.cumsum([0, *shares]) * overlap).astype(int).tolist()
    starts = [i * at_once - before[i] * GRID for i in range(count)]
    borders = [(left + at_once + right) // 2 // GRID * GRID for left, right in pairwise(starts)]
    return [Span(*three) for three in zip(starts, [0, *borders], [*borders, length], strict=True)]


def _count(length: int) -> int:
    return max(1, -(-(length - OVERLAP) // (SIDE - OVERLAP)))


def _padded(array: Floats) -> Floats:
    """(h, w, …) with its border repeated until both sides are multiples of GRID; itself if they are."""
    h, w = array.shape[:2]
    if h % GRID == w % GRID == 0:
        return array
    wide: Floats = np.pad(array, ((0, -h % GRID), (0, -w % GRID), *((0, 0),) * (array.ndim - 2)), "edge")  # type: ignore[assignment]
    return wide
