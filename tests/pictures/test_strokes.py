"""Strokes as a share of the picture."""

import numpy as np
import pytest

from nst_core import images
from nst_core.pictures import strokes

PHOTOGRAPH = images.resize(np.random.default_rng(0).random((15, 20, 3), np.float32), 150, 200)


class Pen:
    """Draws lines of two pixels on whatever it is given, and remembers the sizes."""

    def __init__(self, monkeypatch, natural: int = 50) -> None:
        self.sizes = []
        monkeypatch.setattr(strokes, "NATURAL", natural)

    def __call__(self, picture: images.Image) -> images.Image:
        self.sizes.append(picture.shape[:2])
        lines = (np.arange(picture.shape[1]) // 2 % 2)[None, :, None] * 0.4 - 0.2
        return np.clip(picture * 0.5 + 0.25 + lines, 0, 1).astype(np.float32)


@pytest.fixture
def pen(monkeypatch):
    return Pen(monkeypatch)


@pytest.mark.parametrize(
    ("shape", "size", "side"),
    [
        ((2048, 1024), 1, 512),  # as at 512 px
        ((1024, 2048), 2, 256),  # twice as bold
        ((2048, 2048), 0.25, 2048),  # the network's own at this size
        ((512, 300), 1, 512),
        ((384, 300), 1, 384),  # nothing smaller than 512 px changes
        ((384, 300), 0.5, 768),  # finer than the network draws: drawn large, brought down
        ((384, 300), 4, 96),
        ((64, 2048), 4, 1024),  # a strip keeps enough pixels across
        ((40, 64), 4, 52),
        ((20, 64), 4, 64),
    ],
)
def test_the_side_where_strokes_are_drawn(shape, size, side):
    assert strokes.side(*shape, size) == side


def test_the_largest_pass():
    assert strokes.largest(300, 400, 1) == (300, 400)
    assert strokes.largest(384, 512, 0.25) == (1536, 2048)
    assert strokes.largest(1024, 2048, 1) == (1024, 2048)


@pytest.mark.parametrize(("natural", "share"), [(50, 1), (100, 1), (141, 0.5), (200, 0)])
def test_the_finest_detail_is_lifted_the_more_the_bolder_the_strokes_up_to_twice(monkeypatch, natural, share):
    monkeypatch.setattr(strokes, "NATURAL", natural)
    squares = (np.indices((150, 200)).sum(0) % 2 * 2.0 - 1)[..., None]  # a chessboard of single pixels

    def paint(picture):
        return picture + np.float32(0.1) * squares[: len(picture), : picture.shape[1]].astype(np.float32)

    made = strokes.painted(np.full((150, 200, 3), 0.5, np.float32), 1, paint)
    assert (made * squares).mean() == pytest.approx(0.1 * (1 + share * strokes.LIFT), rel=0.03)


def test_brought_down_it_is_the_picture_painted_small(pen):
    small = pen(images.fit(PHOTOGRAPH, 50))
    made = strokes.painted(PHOTOGRAPH, 1, pen)
    off = lambda x: np.abs(images.resize(x, *small.shape[:2]) - small).mean()  # noqa: E731
    assert off(made) < 0.02 < 5 * off(made) < off(pen(PHOTOGRAPH))
    assert pen.sizes[:3] == [(38, 50), (38, 50), (150, 200)]


def test_it_is_sharper_than_an_enlargement(pen):
    made = strokes.painted(PHOTOGRAPH, 1, pen)
    enlarged = images.resize(pen(images.fit(PHOTOGRAPH, 50)), 150, 200)
    steps = lambda x: np.abs(np.diff(x, axis=1)).max()  # noqa: E731
    assert steps(made) > 2 * steps(enlarged)


def test_one_pass_where_the_picture_is_small_enough(pen):
    made = strokes.painted(PHOTOGRAPH, 0.25, pen)
    assert pen.sizes == [(150, 200)]
    assert np.array_equal(made, pen(PHOTOGRAPH))


@pytest.mark.parametrize("shape", [(200, 150), (512, 300), (768, 576), (613, 2048)])
def test_what_one_pass_makes_is_one_pass(shape):
    sizes = []
    content = np.zeros((*shape, 3), np.float32)
    strokes.painted(content, strokes.of_one_pass(*shape), lambda x: sizes.append(x.shape[:2]) or x)
    assert sizes == [shape]


def test_finer_than_the_picture_is_drawn_large_and_brought_down(pen):
    assert strokes.painted(PHOTOGRAPH, 0.125, pen).shape == PHOTOGRAPH.shape
    assert pen.sizes == [(300, 400)]


def test_what_is_the_contents_own_is_painted_at_full_size(pen):
    """Left half: the content's. There it is one pass over the content, whatever was drawn small."""
    own = np.zeros(PHOTOGRAPH.shape[:2], np.float32)
    own[:, :100] = 1
    made = strokes.painted(PHOTOGRAPH, 1, pen, own)
    assert made[:, :98] == pytest.approx(pen(PHOTOGRAPH)[:, :98], abs=1e-6)
    assert np.abs(made[:, 110:] - pen(PHOTOGRAPH)[:, 110:]).mean() > 0.05
