"""The main subject: the embedded network finds things that stand out; edges follow the photograph; a click selects."""

import numpy as np
import pytest

from benchmarks import masks as benchmark
from nst_core.errors import BadMask
from nst_core.instant import subject
from nst_core.models import weights
from nst_core.pictures import cutouts, masks

H, W = 192, 256
Y, X = np.mgrid[:H, :W]


def disc(row, column, radius):
    return (np.hypot(Y - row, X - column) <= radius).astype(np.float32)


def scene(*discs, seed=0):
    """Orange discs on a dark blue ground, with grain."""
    cover = np.max(discs, 0)[..., None] if discs else np.zeros((H, W, 1))
    noise = np.random.default_rng(seed).normal(0, 0.02, (H, W, 3))
    return np.clip(cover * (0.9, 0.5, 0.1) + (1 - cover) * (0.1, 0.2, 0.4) + noise, 0, 1).astype(np.float32)


BALL = disc(100, 120, 42)


def test_a_thing_that_stands_out_is_found_to_its_edge():
    found = subject.find(scene(BALL))
    assert found.shape == (H, W) and found.dtype == np.float32 and found.min() == 0 and found.max() == 1
    assert benchmark.overlap(found, BALL) > 0.9


@pytest.mark.parametrize("shape", [(40, 300), (300, 40), (33, 33)])
def test_any_shape_is_taken(shape):
    assert subject.at(np.full((*shape, 3), 0.2, np.float32), (20, 20)).shape == shape


def test_where_nothing_stands_out_there_is_a_sentence():
    with pytest.raises(BadMask, match="No subject was found"):
        subject.find(np.full((H, W, 3), 0.5, np.float32))


def test_a_click_on_the_subject_selects_it_and_leaves_what_is_taken():
    left = (X < 120).astype(np.float32)
    photograph = scene(BALL)
    assert benchmark.overlap(subject.at(photograph, (100, 130)), BALL) > 0.9
    assert benchmark.overlap(subject.at(photograph, (100, 130), left), BALL * (1 - left)) > 0.9


def test_a_click_beside_the_subject_selects_something_else():
    found = subject.at(scene(BALL), (20, 20))
    assert found[20, 20] == 1 and not (found * disc(100, 120, 38)).any()


@pytest.mark.parametrize("place", [(-1, 0), (0, W), (H, 0)])
def test_a_click_outside_is_a_sentence(place):
    with pytest.raises(BadMask, match="outside"):
        subject.at(scene(BALL), place)


def test_a_rough_mask_gets_the_edges_of_the_photograph():
    rough = BALL[4::8, 4::8]  # 24 × 32
    blurred = masks.resize(rough, (H, W))
    assert benchmark.overlap(blurred, BALL) < 0.95 < benchmark.overlap(cutouts.refine(scene(BALL), rough), BALL)


def test_strands_at_the_edge_of_a_rough_mask_are_kept_apart():
    """Hair: strands of two pixels that leave the ball, where the rough mask is grey."""
    strands = ((X > 150) & (X < 176) & (np.abs(Y - 100) < 30) & (Y % 8 < 2)).astype(np.float32)
    rough = np.maximum(disc(100, 120, 42), 0.6 * disc(100, 150, 30))[4::8, 4::8]
    tips = (X > 166) & (X < 176) & (np.abs(Y - 100) < 24)
    contrast = lambda mask: float(mask[tips & (strands > 0)].mean() - mask[tips & (Y % 8 == 5)].mean())  # noqa: E731
    refined = cutouts.refine(scene(BALL, strands), rough)
    assert contrast(refined) > 0.15 > 5 * contrast(masks.resize(rough, (H, W)))


def test_the_model_is_small_enough_for_a_browser():
    assert weights.SUBJECT.stat().st_size <= 600_000
