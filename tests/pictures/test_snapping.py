"""Snapping: one rough stroke finds the outline; on our rendered photographs it is known."""

import numpy as np
import pytest

from benchmarks import masks as benchmark
from nst_core.errors import BadMask
from nst_core.pictures import snapping

H, W = 96, 128
NOISE = np.random.default_rng(0).normal(0, 0.02, (H, W, 3))
Y, X = np.mgrid[:H, :W]


def disc(row, column, radius):
    return (np.hypot(Y - row, X - column) <= radius).astype(np.float32)


def scene(*discs):
    """Orange discs on a blue ground, with noise."""
    cover = np.max(discs, 0)[..., None]
    return np.clip(cover * (0.9, 0.5, 0.1) + (1 - cover) * (0.1, 0.3, 0.6) + NOISE, 0, 1).astype(np.float32)


def stroke(row, columns):
    mask = np.zeros((H, W), np.float32)
    mask[row - 1 : row + 2, slice(*columns)] = 1
    return mask


LEFT, RIGHT = disc(48, 34, 24), disc(48, 98, 18)


def test_a_stroke_finds_the_whole_of_its_thing_and_no_other_like_it():
    found = snapping.snap(scene(LEFT, RIGHT), stroke(48, (14, 54)))
    assert found.shape == (H, W) and found.dtype == np.float32 and set(np.unique(found)) == {0, 1}
    assert benchmark.overlap(found, LEFT) > 0.97 and not (found * RIGHT).any()


def test_the_same_stroke_finds_the_same_outline_and_the_stroke_itself_always_belongs_to_it():
    drawn = stroke(48, (30, 70))  # runs out over the ground
    first, again = (snapping.snap(scene(LEFT, RIGHT), drawn) for _ in range(2))
    assert np.array_equal(first, again) and first[drawn > 0].all()


def test_the_ground_can_be_the_thing_and_a_small_hole_is_filled():
    pebble, middle = disc(20, 110, 1), disc(48, 64, 24)
    frame = (np.minimum(Y, H - 1 - Y) < 12) | (np.minimum(X, W - 1 - X) < 16)
    frame &= (np.minimum(Y, H - 1 - Y) > 8) & (np.minimum(X, W - 1 - X) > 12)
    found = snapping.snap(scene(middle, pebble), frame.astype(np.float32))
    assert benchmark.overlap(found, 1 - middle) > 0.97 and found[pebble > 0].all()


def test_what_another_thing_has_already_is_not_taken_unless_it_is_scribbled_on():
    picture, drawn, lower = scene(LEFT), stroke(40, (16, 52)), (Y >= 48).astype(np.float32)
    found = snapping.snap(picture, drawn, lower)
    assert benchmark.overlap(found, LEFT * (1 - lower)) > 0.9
    everywhere = np.ones((H, W), np.float32)
    assert np.array_equal(snapping.snap(picture, drawn, everywhere), snapping.snap(picture, drawn))


def test_a_scribble_over_everything_and_one_of_a_single_pixel():
    assert snapping.snap(scene(LEFT), np.ones((H, W), np.float32)).all()
    dot = np.zeros((H, W), np.float32)
    dot[48, 34] = 1
    assert snapping.snap(scene(LEFT), dot)[48, 34] == 1


def test_without_a_scribble_there_is_a_sentence():
    with pytest.raises(BadMask, match="draw a stroke"):
        snapping.snap(scene(LEFT), np.zeros((H, W), np.float32))


@pytest.mark.parametrize("name", ["mountain-lake"])
def test_one_scribble_finds_each_thing_of_a_rendered_photograph(name):
    """`benchmarks.masks` does the other one too."""
    content, truth = benchmark.photograph(name), benchmark.outlines(name)
    assert np.sum(list(truth.values()), 0).min() == 1 and set(truth) == {"sky", "land", "lake"}
    for thing, outline in truth.items():
        found = snapping.snap(content, benchmark.scribbled(name, thing))
        assert benchmark.overlap(found, outline) >= 0.9, thing


@pytest.mark.parametrize("name, thing", [("mountain-lake", "lake"), ("city-lights", "river")])
def test_a_loop_finds_its_thing_and_not_what_is_mirrored_beyond_it(name, thing):
    found = snapping.snap(benchmark.photograph(name), benchmark.looped(name, thing))
    assert benchmark.overlap(found, benchmark.outlines(name)[thing]) >= 0.95
