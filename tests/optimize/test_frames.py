"""A clip's frames, one after the other."""

import itertools

import numpy as np
import pytest

from nst_core.optimize import Frames, Objective, frames
from nst_core.pictures.regions import Regions
from nst_core.stylizer import Style
from tests.optimize.test_optimize import CONTENT, LEFT, OTHER, STYLE, fake, recipe


def moving(*styles, **changes):
    return Frames(CONTENT, styles or [Style(STYLE)], recipe(**changes), network=fake())


def loss(picture, content, chosen):
    whole = Objective(chosen, fake(), content, [STYLE], Regions(content, [Style(STYLE)], chosen).at((32, 48), {0, 1}))
    return float(np.sum(whole(picture[None]).numpy() * whole.weights(chosen, [1.0])))


def test_each_frame_is_optimised_for_its_own_content():
    chosen, run = recipe(form="moments"), moving(form="moments")
    for content in (OTHER, CONTENT, OTHER):
        made = run.next(content, content)
        assert loss(made, content, chosen) < loss(content, content, chosen)
    assert np.array_equal(run.next(OTHER, OTHER), made)  # nothing is remembered of the frame before


def test_the_first_is_a_run_like_any_other():
    assert moving(iterations=3).first(CONTENT).shape == CONTENT.shape


def test_nothing_is_traced_again(monkeypatch):
    traces = []
    original = Objective.__call__
    monkeypatch.setattr(Objective, "__call__", lambda self, picture: traces.append(1) or original(self, picture))
    run = moving()
    for content in (CONTENT, OTHER, CONTENT):
        run.next(content, content)
    assert len(traces) == 1


def test_where_every_mask_is_black_the_frame_stays():
    made = moving(Style(STYLE, mask=LEFT)).next(OTHER, CONTENT)
    np.testing.assert_array_equal(made[:, 24:], OTHER[:, 24:])


def test_the_rate_falls_over_a_frame(monkeypatch):
    rates = []
    monkeypatch.setattr(frames.Adam, "steps", lambda self, weights, n: iter([rates.append(weights()[1]) for _ in range(n)]))
    moving(learning_rate=0.02).next(CONTENT, CONTENT)
    assert len(rates) == frames.ITERATIONS
    assert rates[0] == pytest.approx(0.01)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates))
