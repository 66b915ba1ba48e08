"""Windows of a picture that is too large to look at whole: together they do what one look would."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from nst_core import images
from nst_core.images import Image
from nst_core.optimization import FORMS, Objective, Optimization, tiles
from nst_core.pictures.regions import Regions
from nst_core.recipes import OptimizeRecipe, optimization
from nst_core.stylizer import Step, Style
from tests.optimize.test_optimize import fake, recipe, result

RNG = np.random.default_rng(3)
CONTENT = images.resize(RNG.random((9, 12, 3), np.float32), 96, 128)
STYLE, OTHER = (RNG.random((40, 40, 3), np.float32) for _ in range(2))
LEFT = np.zeros((96, 128), np.float32)
LEFT[:, :50] = 1


def run(chosen: OptimizeRecipe, *styles: Style, **options: object) -> Optimization:
    return Optimization(CONTENT, styles or [Style(STYLE)], chosen, network=fake(), **options)  # type: ignore[arg-type]


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch):
    """Pictures of a run that looks at all at once; afterwards runs go by tiles."""

    def made(chosen: OptimizeRecipe, *styles: Style) -> Image:
        with monkeypatch.context() as at_once:
            at_once.setattr(optimization, "ONE_LOOK", 10_000)
            return result(run(chosen, *styles))

    monkeypatch.setattr(optimization, "ONE_LOOK", 64)
    return made


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve tiles for CONTENT."""
    monkeypatch.setattr(tiles, "SIDE", 48)
    monkeypatch.setattr(tiles, "OVERLAP", 16)


@pytest.mark.parametrize("length", [16, 768, 784, 1152, 3072, 4096])
@pytest.mark.parametrize("seed", [None, 0, 1, 2])
def test_each_pixel_is_one_tiles_own_and_seen_from_within(length: int, seed: int | None) -> None:
    at_once = tiles.side(length)
    spans = tiles.spans(length, at_once, None if seed is None else np.random.default_rng(seed))
    assert np.concatenate([np.arange(s.own, s.end) for s in spans]).tolist() == list(range(length))
    assert all(s.start % tiles.GRID == 0 <= s.start <= s.own < s.end <= s.start + at_once <= length for s in spans)
    assert at_once <= tiles.SIDE + tiles.GRID
    if seed is None:
        assert all(left.end + 24 <= left.start + at_once for left in spans[:-1])


def test_borders_lie_elsewhere_in_every_round() -> None:
    lie = {tuple(tiles.spans(4096, tiles.side(4096), np.random.default_rng(seed))) for seed in range(9)}
    assert len(lie) == 9


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("masked", [False, True])
def test_one_tile_is_the_whole_picture(form: str, masked: bool, whole) -> None:
    styles = [Style(STYLE, mask=LEFT), Style(OTHER, weight=0.5, mask=1 - LEFT)] if masked else [Style(STYLE), Style(OTHER)]
    chosen = recipe(form=form, iterations=4)
    assert result(run(chosen, *styles)) == pytest.approx(whole(chosen, *styles), abs=2e-5)


def test_one_tile_sees_the_colours_of_the_whole_picture(whole) -> None:
    styles = [Style(STYLE, mask=LEFT), Style(OTHER, weight=0.5, mask=1 - LEFT)]
    chosen = recipe(form="moments", iterations=4, style_layers=("pixels", "block1_conv1", "block2_conv1"))
    assert result(run(chosen, *styles)) == pytest.approx(whole(chosen, *styles), abs=2e-5)


@pytest.mark.parametrize(("form", "style_weight"), [("moments", 1), ("paper", 1e5)])
@pytest.mark.parametrize("masked", [False, True])
def test_many_tiles_come_as_far_as_one_look(form: str, style_weight: float, masked: bool, whole, small) -> None:
    styles = [Style(STYLE, mask=LEFT), Style(OTHER, mask=1 - LEFT)] if masked else [Style(STYLE)]
    chosen = recipe(form=form, style_weight=style_weight, iterations=12, learning_rate=0.01)
    together, by_tiles = whole(chosen, *styles), result(run(chosen, *styles))
    regions = Regions(CONTENT, styles, chosen).at(CONTENT.shape[:2], chosen.halvings)
    whole_objective = Objective(chosen, fake(), CONTENT, [style.image for style in styles], regions)
    weights = whole_objective.weights(chosen, [1.0] * len(styles))
    before, at_once, in_tiles = (
        float(np.sum(whole_objective(tf.constant(x[None])).numpy() * weights)) for x in (CONTENT, together, by_tiles)
    )
    assert before - in_tiles > 0.9 * (before - at_once) > 0


def test_a_window_is_judged_by_what_the_whole_picture_has(small, whole) -> None:
    """The content as its own style: nothing is missing in all, though every window has too much of something."""
    first = next(run(recipe(content_weight=0, tv_weight=0), Style(CONTENT)))
    alone = next(run(recipe(content_weight=0, tv_weight=0), Style(images.resize(CONTENT[:48, :48], 96, 128))))
    assert sum(first.losses.values()) < 0.05 * sum(alone.losses.values())


def test_where_every_mask_is_black_each_pixel_is_the_contents(small, whole) -> None:
    made = result(run(recipe(), Style(STYLE, mask=LEFT)))
    np.testing.assert_array_equal(made[:, 50:], CONTENT[:, 50:])
    assert np.abs(made[:, :40] - CONTENT[:, :40]).mean() > 0.01


def test_sides_that_are_no_multiples(whole, small) -> None:
    content = CONTENT[:83, :101]
    made = result(Optimization(content, [Style(STYLE)], recipe(), network=fake()))
    assert made.shape == content.shape
    assert np.abs(made - content).mean() > 0.01


def test_a_run_by_tiles_goes_on_where_it_was_left(whole, small) -> None:
    first = run(recipe(iterations=6))
    for _ in range(3):
        next(first)
    rest = list(run(recipe(iterations=6), state={name: array.copy() for name, array in first.state().items()}))
    assert [step.iteration for step in rest] == [4, 5, 6]
    assert np.abs(result(iter(rest)) - result(run(recipe(iterations=6)))).mean() < 0.02


def test_pictures_on_the_way_stay_as_they_were(whole, small) -> None:
    steps: list[Step] = list(run(recipe(iterations=3)))
    pictures = [step.image for step in steps if step.image is not None]
    assert len(pictures) == 3
    assert not any(np.array_equal(a, b) for a, b in itertools.pairwise(pictures))


def test_a_change_of_weights_compiles_nothing_again(whole, small) -> None:
    traces = []
    original = tiles.Tiles._update

    def spy(self, *args):
        traces.append(tf.executing_eagerly())
        return original(self, *args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiles.Tiles, "_update", spy)
        running = run(recipe(iterations=4), Style(STYLE, mask=LEFT), Style(OTHER, mask=1 - LEFT))
        next(running)
        running.change(recipe(iterations=4, style_weight=3))
        list(running)
    assert traces == [False]


def test_a_print_has_more_sizes_and_its_coarsest_stays_coarse() -> None:
    chosen = OptimizeRecipe()
    assert len(chosen.fractions(1024)) == 4
    assert len(chosen.fractions(4096)) == 7
    assert 4096 * chosen.fractions(4096)[0] <= 1024 * chosen.fractions(1024)[0]
    assert OptimizeRecipe(scales=1).fractions(4096) == [1]
    assert [chosen.in_tiles(1024, 1024), chosen.in_tiles(1024, 1025)] == [False, True]
    assert not OptimizeRecipe(optimizer="lbfgs").in_tiles(4096, 4096)
