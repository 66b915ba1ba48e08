"""A clip's frames, one after the other."""

import itertools

import numpy as np
import pytest

from nst_core.errors import Diverged
from nst_core.optimization import Frames, Objective, Optimization, frames, run
from nst_core.optimization import structure as structures
from nst_core.optimization.optimizers import Evaluation
from nst_core.pictures.regions import Regions
from nst_core.stylizer import Style
from tests.optimize.test_optimize import CONTENT, LEFT, OTHER, STYLE, fake, recipe


def moving(*styles, **changes):
    return Frames(CONTENT, styles or [Style(STYLE)], recipe(**changes), network=fake())


def loss(picture, content, chosen):
    whole = Objective(chosen, fake(), content, [STYLE], Regions(content, [Style(STYLE)], chosen).at((32, 48), {0, 1}))
    return float(np.sum(whole(picture[None]).numpy() * whole.weights(chosen, [1.0])))


def test_each_frame_is_optimised_for_its_own_content():
    chosen, moved = recipe(form="moments"), moving(form="moments")
    for content in (OTHER, CONTENT, OTHER):
        made = moved.next(content, content)
        assert loss(made, content, chosen) < loss(content, content, chosen)
    assert np.array_equal(moved.next(OTHER, OTHER), made)  # nothing is remembered of the frame before


@pytest.mark.parametrize(
    "changes", [{}, {"scales": 2, "scale_factor": 1.5, "warmup": 0.3, "final_rate": 0.1}], ids=["one", "two"]
)
def test_the_first_is_a_run_like_any_other(changes, monkeypatch):
    """For every content, though nothing is made anew."""
    monkeypatch.setattr(run, "MIN_SCALE_SIDE", 16)
    moved = moving(iterations=5, **changes)
    for content in (CONTENT, OTHER):
        *_, last = Optimization(content, [Style(STYLE)], recipe(iterations=5, **changes), network=fake())
        np.testing.assert_allclose(moved.first(content), last.image, atol=1e-5)


def test_a_first_of_fewer_iterations(monkeypatch):
    counts = []
    steps = frames.Adam.steps
    monkeypatch.setattr(frames.Adam, "steps", lambda self, weights, n: counts.append(n) or steps(self, weights, n))
    monkeypatch.setattr(run, "MIN_SCALE_SIDE", 16)
    moving(iterations=12, scales=2).first(CONTENT, share=0.25)
    assert counts == [2, 1]


def traced_terms(monkeypatch):
    """Return a list that grows whenever terms are traced; nothing is traced yet."""
    structures._structure.cache_clear()
    traces, original = [], structures.Structure.terms
    monkeypatch.setattr(structures.Structure, "terms", lambda *args: traces.append(1) or original(*args))
    return traces


def test_no_cut_traces_anything_again(monkeypatch):
    monkeypatch.setattr(run, "MIN_SCALE_SIDE", 16)
    traces = traced_terms(monkeypatch)
    moved = moving(scales=2)
    for content in (CONTENT, OTHER, CONTENT):
        moved.first(content)
        moved.next(content, content)
    assert len(traces) == 1  # for both sizes


def test_where_every_mask_is_black_a_first_frame_stays(monkeypatch):
    monkeypatch.setattr(run, "MIN_SCALE_SIDE", 16)
    made = moving(Style(STYLE, mask=LEFT), scales=2).first(OTHER)
    np.testing.assert_array_equal(made[:, 24:], OTHER[:, 24:])


def test_losses_that_are_no_numbers_end_the_film(monkeypatch):
    monkeypatch.setattr(frames.Adam, "steps", lambda self, weights, n: iter([Evaluation(np.array([np.nan]), CONTENT)]))
    with pytest.raises(Diverged, match="no numbers"):
        moving().first(CONTENT)


def test_nothing_is_traced_again(monkeypatch):
    traces = traced_terms(monkeypatch)
    moved = moving()
    for content in (CONTENT, OTHER, CONTENT):
        moved.next(content, content)
    assert len(traces) == 1


def test_where_every_mask_is_black_the_frame_stays():
    made = moving(Style(STYLE, mask=LEFT)).next(OTHER, CONTENT)
    np.testing.assert_array_equal(made[:, 24:], OTHER[:, 24:])


def test_the_rate_falls_over_a_frame(monkeypatch):
    rates = []
    told = lambda rate: rates.append(rate) or Evaluation(np.zeros(1), CONTENT)  # noqa: E731
    monkeypatch.setattr(frames.Adam, "steps", lambda self, weights, n: (told(weights()[1]) for _ in range(n)))
    moving(learning_rate=0.02).next(CONTENT, CONTENT)
    assert len(rates) == frames.ITERATIONS
    assert rates[0] == pytest.approx(0.01)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates))
