"""Chroma smoothed along luminance."""

import numpy as np
import pytest

from nst_core.pictures import surface

RNG = np.random.default_rng(0)


def luminance(picture):
    return picture @ surface.LUMINANCE


def chroma(picture):
    return picture[..., ::2] - luminance(picture)[..., None]


def test_coloured_grain_goes_and_luminance_stays():
    grain = RNG.normal(0, 0.05, (64, 80, 3)).astype(np.float32)
    picture = np.clip(0.5 + grain - (grain @ surface.LUMINANCE)[..., None], 0, 1)
    smoothed = surface.smooth_chroma(picture, 4)
    assert chroma(smoothed).std() < 0.25 * chroma(picture).std()
    assert luminance(smoothed) == pytest.approx(luminance(picture), abs=1e-5)


def test_an_edge_between_two_colours_stays_where_it_is():
    picture = np.zeros((40, 40, 3), np.float32)
    picture[:, :20], picture[:, 20:] = (0.8, 0.3, 0.2), (0.1, 0.2, 0.5)
    smoothed = surface.smooth_chroma(picture, 4)
    assert np.abs(smoothed - picture)[:, [18, 19, 20, 21]].max() < 0.05


def test_strips_are_the_whole(monkeypatch):
    picture = RNG.random((150, 60, 3), np.float32)
    whole = surface.smooth_chroma(picture, 3)
    monkeypatch.setattr(surface, "ROWS", 37)
    assert surface.smooth_chroma(picture, 3) == pytest.approx(whole, abs=1e-5)


def test_grey_stays_grey():
    grey = np.repeat(RNG.random((30, 30, 1), np.float32), 3, -1)
    assert surface.smooth_chroma(grey, 4) == pytest.approx(grey, abs=1e-5)
