"""Noise that moves along with a clip: it stays white, stays on things, and survives a pause."""

import numpy as np
import pytest

from nst_core.videos import flow
from nst_core.videos.flow import Motion
from nst_core.videos.moving_noise import MovingNoise

SHAPE = (64, 96)


def motion(x, y, trust=1.0):
    """The same motion everywhere. x, y: pixels that things have come from."""
    return Motion(np.zeros((*SHAPE, 2), np.float32) + np.float32([x, y]), np.full(SHAPE, trust, np.float32))


def test_at_first_it_is_the_noise_of_a_single_picture():
    from nst_core.instant import noise

    assert np.array_equal(MovingNoise(SHAPE).white(), noise.white(*SHAPE, 0))


def test_it_moves_with_what_is_seen():
    moving = MovingNoise(SHAPE)
    before = moving.white()
    for _ in range(8):
        moving.move(motion(-0.5, 0))  # to the right, half a pixel a frame
    assert np.array_equal(moving.white()[:, 20:-8], before[:, 16:-12])


def test_it_stays_white():
    moving, rng = MovingNoise(SHAPE), np.random.default_rng(0)
    for _ in range(20):
        moving.move(motion(*rng.normal(0, 2, 2)))
    made = moving.white()[..., 0]
    assert made.std() == pytest.approx(1, abs=0.05) and abs(made.mean()) < 0.05
    assert abs(np.corrcoef(made[:, 1:].ravel(), made[:, :-1].ravel())[0, 1]) < 0.1


def test_it_starts_anew_where_the_motion_cannot_be_followed():
    moving = MovingNoise(SHAPE)
    before = moving.white()
    moving.move(motion(5, 3, trust=0.0))
    assert np.array_equal(moving.white(), before)


def test_grains_do_not_grow_with_a_zoom():
    moving = MovingNoise(SHAPE)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    back = np.dstack([(x - 48) * -0.05, (y - 32) * -0.05])
    for _ in range(40):  # to seven times the size
        moving.move(Motion(back, np.ones(SHAPE, np.float32)))
    made = moving.white()[..., 0]
    equal = (made[:, 1:] == made[:, :-1]).mean()
    assert equal < 0.5  # of a picture that is seven times as large, six of seven neighbours would be the same grain


def test_flow_of_real_frames_is_followed():
    wide = np.random.default_rng(0).integers(0, 255, (16, 34, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    first, second = wide[:, 8:136], wide[:, 4:132]  # everything goes four pixels to the right
    moving = MovingNoise((128, 128))
    before = moving.white()
    moving.move(flow.motion(flow.small(first), flow.small(second)))
    same = (moving.white()[:, 24:-24] == before[:, 20:-28]).mean()
    assert same > 0.6
