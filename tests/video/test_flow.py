"""Flow, cuts and the steady hand, on scenes whose motion is known."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from nst_core.videos import deflicker, flow, shots
from nst_core.videos.flow import Motion
from tests.clips import pan, scene

SHAPE = (192, 256)  # that of small frames


def motion_of(before, now):
    return flow.motion(flow.small(before), flow.small(now))


def test_a_pan_is_followed():
    one, other = pan(2, shape=SHAPE, step=5)
    found = motion_of(one, other)
    inner = found.back[20:-20, 20:-20]
    assert np.abs(inner - [5, 0]).mean() < 0.3  # what is at x now was at x + 5
    assert found.trust[20:-20, 20:-20].mean() > 0.95
    assert found.trust[:, -4:].mean() < 0.2  # came in from outside: it was nowhere before
    moved = found.carry(one)
    assert np.abs(moved.astype(float) - other)[20:-20, 20:-20].mean() < 1.5


def test_a_picture_of_another_size_moves_along():
    one, other = (cv2.resize(frame, (512, 384), interpolation=cv2.INTER_CUBIC) for frame in pan(2, shape=SHAPE, step=4))
    assert np.abs(motion_of(one, other).carry(one).astype(float) - other)[40:-40, 40:-40].mean() < 1.5


def test_what_a_moving_thing_uncovers_is_not_trusted():
    ground, thing = scene(256, 192, 1), scene(60, 60, 2)
    frames = []
    for x in (80, 90):
        frame = ground.copy()
        frame[70:130, x : x + 60] = 255 - thing
        frames.append(frame)
    trust = motion_of(*frames).trust
    assert trust[80:120, 83:88].mean() < 0.35  # uncovered
    assert trust[80:120, 105:135].mean() > 0.8  # the thing itself
    assert trust[20:50, 20:230].mean() > 0.95  # the ground


def test_what_changes_its_colours_is_not_trusted():
    one = scene(256, 192)
    other = one.copy()
    other[60:120, 60:120] = 255 - other[60:120, 60:120]
    trust = motion_of(one, other).trust
    assert trust[75:105, 75:105].mean() < 0.2
    assert trust[:, 150:].mean() > 0.95


def test_cuts_are_found_and_nothing_else_is():
    glide = [flow.small(frame) for frame in pan(12, shape=SHAPE, step=9)]
    elsewhere = flow.small(np.ascontiguousarray(255 - scene(256, 192, 7)[::-1]))
    assert not any(shots.is_cut(a, b, flow.motion(a, b)) for a, b in pairwise(glide))
    assert shots.is_cut(glide[-1], elsewhere, flow.motion(glide[-1], elsewhere))
    fading = [(frame * (1 - 0.06 * n)).astype(np.uint8) for n, frame in enumerate(glide)]
    assert not any(shots.is_cut(a, b, flow.motion(a, b)) for a, b in pairwise(fading))
    somebody = glide[0].copy()
    somebody[:, 60:240] = scene(180, 192, 9)  # steps before the camera
    assert shots.is_cut(glide[0], somebody, flow.motion(glide[0], somebody)) is False
    assert shots.strangeness(glide[0], glide[0]) == pytest.approx(0, abs=1e-3)


def test_where_the_motion_does_not_hold_the_new_painting_stays_as_it_is():
    rng = np.random.default_rng(0)
    last, painted = (rng.integers(0, 256, (*SHAPE, 3)).astype(np.uint8) for _ in range(2))
    trust = np.zeros(SHAPE, np.float32)
    still = np.zeros((*SHAPE, 2), np.float32)
    assert (deflicker.deflickered(painted, last, Motion(still, trust)) == painted).all()
    trust[:, :128] = 1
    half = deflicker.deflickered(painted, last, Motion(still, trust))
    assert np.abs(half[:, :110].astype(int) - painted[:, :110]).mean() > 20
    assert (half[:, 160:] == painted[:, 160:]).all()


def test_what_stands_still_and_is_painted_alike_stays_as_it_is():
    painted = scene(256, 192)
    still = Motion(np.zeros((*SHAPE, 2), np.float32), np.ones(SHAPE, np.float32))
    assert np.abs(deflicker.deflickered(painted, painted, still).astype(int) - painted).max() <= 3  # LIFT
    flat = np.full((*SHAPE, 3), 77, np.uint8)
    assert (deflicker.deflickered(flat, flat, still) == 77).all()


def test_a_mean_of_strokes_keeps_its_sharpness():
    rng = np.random.default_rng(0)
    strokes = lambda: cv2.GaussianBlur(rng.integers(0, 256, (*SHAPE, 3)).astype(np.uint8), (0, 0), 1)  # noqa: E731
    still = Motion(np.zeros((*SHAPE, 2), np.float32), np.ones(SHAPE, np.float32))
    shown, sharpness = strokes(), lambda picture: np.abs(np.diff(picture.astype(float), axis=1)).mean()
    mean = shown.astype(float)
    for _ in range(30):
        painted = strokes()
        shown, mean = deflicker.deflickered(painted, shown, still), 0.85 * mean + 0.15 * painted
    assert sharpness(shown) == pytest.approx(sharpness(painted), rel=0.1)
    assert sharpness(mean) < 0.5 * sharpness(painted)
