"""The loop on a two-layer fake network; what users see on the embedded one; presets on random weights."""

import io
import itertools
from collections.abc import Iterator, Sequence
from functools import lru_cache, partial

import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError

from nst_core import features, images, optimization, recipes
from nst_core.errors import BadMask, BadRecipe, Diverged
from nst_core.features import Network, losses
from nst_core.images import Image
from nst_core.optimization import Objective, Optimization, Stage, objective, optimizers, run, stages
from nst_core.optimization import structure as structures
from nst_core.optimization.structure import gradient_of
from nst_core.pictures import colors, masks, surface
from nst_core.pictures.regions import Parts, Regions
from nst_core.recipes import FIRST_LAYERS, PIXELS, PRESETS, Color, OptimizeRecipe, Source, StyleSource
from nst_core.stylizer import Step, Style

RNG = np.random.default_rng(0)
CONTENT, STYLE, OTHER = (RNG.random((32, 48, 3), np.float32) for _ in range(3))
FAKE_LAYERS = ("block1_conv1", "block2_conv1")


@lru_cache
def fake() -> Network:
    """Two random convolutions, 4 and 6 channels; ReLU and one pooling between them."""
    rng = np.random.default_rng(1)
    shapes = ((3, 3, 3, 4), (3, 3, 4, 6))
    kernels = [rng.normal(0, 0.4, shape).astype(np.float32) for shape in shapes]
    layers = {name: (k, np.full(k.shape[-1], 0.1, np.float32)) for name, k in zip(FAKE_LAYERS, kernels, strict=True)}
    return Network(layers, lambda rgb: rgb, "REFLECT")


def recipe(**changes: object) -> OptimizeRecipe:
    """A short float32 run at one size on the fake's layers."""
    settings = {
        "content_layers": ("block2_conv1",),
        "style_layers": FAKE_LAYERS,
        "precision": "float32",
        "form": "mean",
        "content_weight": 1,
        "style_weight": 1,
        "tv_weight": 0.1,
        "tv_form": "mahendran",
        "learning_rate": 0.02,
        "warmup": 0,
        "final_rate": 1,
        "iterations": 6,
        "scales": 1,
        "scale_factor": 2,
        "chroma_smoothing": 0,
    }
    return OptimizeRecipe(**(settings | changes))  # type: ignore[arg-type]


def test_the_result_is_smoothed_and_the_run_is_not() -> None:
    plain, smooth = ([*start(recipe(chroma_smoothing=radius))] for radius in (0, 4))
    assert [step.losses for step in plain] == [step.losses for step in smooth]
    assert smooth[-1].image == pytest.approx(surface.smooth_chroma(plain[-1].image, 4), abs=1e-6)
    assert np.abs(smooth[-1].image - plain[-1].image).max() > 1e-3


def start(chosen: OptimizeRecipe, *, styles: tuple[Image, ...] = (STYLE,), **options: object) -> Optimization:
    return Optimization(CONTENT, [Style(s) for s in styles], chosen, network=fake(), **options)  # type: ignore[arg-type]


def result(steps: Iterator[Step]) -> Image:
    *_, last = steps
    assert last.image is not None
    return last.image


# --- the objective --------------------------------------------------------------------------------------------------------


def fake_maps(picture: Image) -> dict[str, np.ndarray]:
    maps = features.Extractor(fake(), FAKE_LAYERS)(tf.constant(picture[None]))
    return {name: F.numpy().astype(np.float64) for name, F in maps.items()}


def gram(F: np.ndarray, K: np.ndarray, shift: float) -> np.ndarray:
    n, m = F.reshape(-1, F.shape[-1]) + shift, K.reshape(-1, K.shape[-1]) + shift
    return n.T @ m / len(n)


SWITCHES = ("geometric_weights", "activation_shift", "correlation_chain")


@pytest.mark.parametrize("on", [on for n in range(4) for on in itertools.combinations(SWITCHES, n)], ids="+".join)
def test_the_improvements_alone_and_together(on: tuple[str, ...]) -> None:
    """The paper's objective with any of its switches, against NumPy; all_layers is tested by its layers below."""
    chosen = recipe(form="paper", style_weight=7, content_weight=3, tv_weight=0.5, **dict.fromkeys(on, True))
    objective = Objective(chosen, fake(), CONTENT, [STYLE])
    terms = objective.weights(chosen, [1]) * objective(tf.constant(OTHER[None])).numpy()

    x, s, c = fake_maps(OTHER), fake_maps(STYLE), fake_maps(CONTENT)
    shift = -1.0 if "activation_shift" in on else 0.0
    if "correlation_chain" in on:
        pooled = [m["block1_conv1"].reshape(16, 2, 24, 2, 4).mean((1, 3)) for m in (x, s)]
        pairs = {"block1_conv1+block2_conv1": [(m["block2_conv1"], p) for m, p in zip((x, s), pooled, strict=True)]}
    else:
        pairs = {name: [(m[name], m[name]) for m in (x, s)] for name in FAKE_LAYERS}
    shares = [2 / 3, 1 / 3] if "geometric_weights" in on and len(pairs) == 2 else [1 / len(pairs)] * len(pairs)
    expected = {"content/block2_conv1": 3 * 0.5 * np.sum((x["block2_conv1"] - c["block2_conv1"]) ** 2)}
    for share, (name, (own, target)) in zip(shares, pairs.items(), strict=True):
        G, A = gram(*own, shift), gram(*target, shift)
        expected[f"style/{name}"] = 7 * share * np.sum((G - A) ** 2) / (4 * G.size)
    expected["tv"] = 0.5 * float(losses.total_variation(tf.constant(OTHER[None], tf.float64)))

    assert objective.by_name(terms) == pytest.approx(expected, rel=1e-4)


def test_the_pictures_own_colours_by_hand() -> None:
    """Of two flat pictures only the means differ: the squared distance of their colours, times 4, over 3 channels."""
    chosen = recipe(form="moments", style_layers=("pixels",), content_weight=0, tv_weight=0, style_weight=6)
    made, style = (np.broadcast_to(np.float32(color), CONTENT.shape) for color in ((0.5, 0.5, 0.5), (0.5, 0.7, 0.1)))
    objective = Objective(chosen, fake(), CONTENT, [style])
    terms = objective.by_name(objective.weights(chosen, [1]) * objective(tf.constant(made[None])).numpy())
    assert terms["style/pixels"] == pytest.approx(6 * 4**2 * (0.2**2 + 0.4**2) / 3, rel=1e-4)


def test_pixels_lie_below_the_layers_and_are_none_of_all() -> None:
    chosen = OptimizeRecipe(style_layers=("block2_conv1", "pixels", "block1_conv1"))
    assert chosen.active_style_layers == ("pixels", "block1_conv1", "block2_conv1")
    assert chosen.halvings == {0, 1}
    for others in ({"all_layers": True}, {"form": "mean"}):
        assert "pixels" not in OptimizeRecipe(**others).active_style_layers  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="has no layer pixels"):
        OptimizeRecipe(content_layers=("pixels",))


def test_pixels_keep_stray_colours_from_a_drawing() -> None:
    """In the style of a black and white one, out of coloured noise."""
    stripes = np.zeros((64, 64, 3), np.float32)
    stripes[:, ::8] = stripes[:, 1::8] = 1
    noise = RNG.random((64, 64, 3), np.float32)
    settings = {"iterations": 40, "scales": 1, "tv_weight": 1}
    drawn = {
        layers: result(Optimization(noise, [Style(stripes)], OptimizeRecipe(style_layers=layers, **settings)))  # type: ignore[arg-type]
        for layers in (FIRST_LAYERS, (PIXELS, *FIRST_LAYERS))
    }
    without, with_pixels = (float(np.ptp(picture, axis=-1).mean()) for picture in drawn.values())
    assert with_pixels < 0.8 * without


def test_all_layers_are_all() -> None:
    every = OptimizeRecipe(features="vgg19", all_layers=True)
    assert len(every.active_style_layers) == 16
    assert len(OptimizeRecipe(features="vgg16", all_layers=True).active_style_layers) == 13
    objective = Objective(OptimizeRecipe(all_layers=True), features.network("vgg19-lite"), CONTENT, [STYLE])
    assert [name for name in objective.names if name.startswith("style/")] == [
        f"style/{layer}" for layer in recipes.LAYERS["vgg19-lite"]
    ]
    chained = Objective(
        OptimizeRecipe(form="mean", all_layers=True, correlation_chain=True), features.network("vgg19-lite"), CONTENT, [STYLE]
    )
    assert len([name for name in chained.names if name.startswith("style/")]) == 10


@pytest.mark.parametrize("form", optimization.FORMS)
def test_the_gradient_of_every_form_against_finite_differences(form: str) -> None:
    chosen = recipe(form=form)
    objective = Objective(chosen, fake(), CONTENT, [STYLE, OTHER])
    weights = tf.constant(objective.weights(chosen, [1, 2]))
    smooth = tf.constant(0.5 * STYLE + 0.5 * OTHER)[None]
    _, gradient = gradient_of(objective, smooth, weights)
    unit = gradient / tf.norm(gradient)  # the steepest direction: the derivative along it is the gradient's length
    ahead, behind = (float(tf.reduce_sum(objective(smooth + s * 0.02 * unit) * weights)) for s in (1, -1))
    assert float(tf.norm(gradient)) == pytest.approx((ahead - behind) / 0.04, rel=0.01)


def test_several_styles_share_by_weight() -> None:
    chosen = recipe()
    both = Objective(chosen, fake(), CONTENT, [STYLE, OTHER])
    picture = tf.constant(CONTENT[None])
    blended = both.by_name(both.weights(chosen, [3, 1]) * both(picture).numpy())
    alone = []
    for style in (STYLE, OTHER):
        one = Objective(chosen, fake(), CONTENT, [style])
        alone.append(one.by_name(one.weights(chosen, [1]) * one(picture).numpy()))
    for name in ("style/block1_conv1", "style/block2_conv1"):
        assert blended[name] == pytest.approx(0.75 * alone[0][name] + 0.25 * alone[1][name])
    assert blended["tv"] == pytest.approx(alone[0]["tv"])


def test_the_style_picture_itself_has_no_style_loss() -> None:
    for form in optimization.FORMS:
        chosen = recipe(form=form)
        objective = Objective(chosen, fake(), CONTENT, [STYLE])
        terms = objective.by_name(objective(tf.constant(STYLE[None])).numpy())
        assert all(abs(value) < 1e-5 for name, value in terms.items() if name.startswith("style/"))
        assert terms["content/block2_conv1"] > 0
        again = objective.by_name(objective(tf.constant(CONTENT[None])).numpy())
        assert again["content/block2_conv1"] == 0


# --- the run --------------------------------------------------------------------------------------------------------------


def test_steps_count_and_carry_losses_and_end_with_the_picture() -> None:
    steps = list(start(recipe(iterations=7)))
    assert [step.iteration for step in steps] == [1, 2, 3, 4, 5, 6, 7]
    assert {step.total for step in steps} == {7}
    expected = {"content/block2_conv1", "style/block1_conv1", "style/block2_conv1", "tv"}
    assert all(step.losses.keys() == expected for step in steps)
    assert steps[-1].image is not None and steps[-1].image.shape == CONTENT.shape
    assert steps[-1].image.dtype == np.float32
    assert sum(steps[-1].losses.values()) < sum(steps[0].losses.values())
    assert all(a.seconds <= b.seconds for a, b in itertools.pairwise(steps))


def test_adam_against_numpy() -> None:
    """Three steps down a paraboloid by the paper's formulas, the moments corrected one by one."""
    wanted = OTHER[None]
    adam = optimization.Adam(lambda picture: tf.reduce_sum(tf.square(picture - wanted))[None], CONTENT)
    list(adam.steps(lambda: (np.ones(1, np.float32), 0.05), 3))
    x, m, v = CONTENT.astype(np.float64), 0.0, 0.0
    for t in (1, 2, 3):
        g = 2 * (x - OTHER)
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        x = np.clip(x - 0.05 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), 0, 1)
    np.testing.assert_allclose(adam.picture, x, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("pause", [1, 3, 4, 5])
def test_resuming_equals_never_pausing(pause: int) -> None:
    """Through a file, at two scales: 64×96 and 128×192, four and two steps."""
    content, style = (images.resize(picture, 128, 192) for picture in (CONTENT, STYLE))
    chosen = recipe(scales=2, init="noise", seed=3)
    whole = result(Optimization(content, [Style(style)], chosen, network=fake()))

    first = Optimization(content, [Style(style)], chosen, network=fake())
    for _ in range(pause):
        next(first)
    file = io.BytesIO()
    np.savez(file, **first.state())  # type: ignore[arg-type]
    file.seek(0)
    first.close()
    with np.load(file, allow_pickle=False) as archive:
        second = Optimization(content, [Style(style)], chosen, network=fake(), state=dict(archive))
    steps = list(second)
    assert [step.iteration for step in steps] == list(range(pause + 1, 7))
    assert steps[-1].image is not None
    np.testing.assert_allclose(steps[-1].image, whole, atol=1e-5)


def falling(*ways: float) -> list[float]:
    """The rate at these shares of the way down."""
    return [0.1 * (0.2 + 0.8 * (0.5 + 0.5 * np.cos(np.pi * way))) for way in ways]


FALL = falling(0, 0.25, 0.5, 0.75, 1)


@pytest.mark.parametrize(
    "warmup, expected",
    [
        (0, FALL),
        (0.5, [0.02, 0.04, 0.06, 0.08, 0.1, *FALL]),
        (0.01, [0.1, *falling(*((k - 0.05) / 3.95 for k in range(1, 5)))]),
    ],
    ids=["none", "half of them", "less than one"],
)
def test_the_rate_rises_and_then_falls_along_half_a_cosine_at_every_scale(warmup: float, expected: list[float]) -> None:
    count = len(expected)
    run = start(recipe(iterations=count, learning_rate=0.1, warmup=warmup, final_rate=0.2))
    weights = run._weights_of(Objective(recipe(), fake(), CONTENT, [STYLE]), end=count, iterations=count)
    rates = []
    for run._iteration in range(count):
        rates.append(weights()[1])
    np.testing.assert_allclose(rates, expected)


def test_the_state_is_complete_before_the_first_step_and_after_the_last() -> None:
    chosen = recipe(iterations=2)
    fresh = start(chosen)
    again = start(chosen, state=fresh.state())
    np.testing.assert_allclose(result(again), result(start(chosen)), atol=1e-5)
    done = start(chosen)
    image = result(done)
    steps = list(start(chosen, state=done.state()))
    assert [step.iteration for step in steps] == [2]
    np.testing.assert_array_equal(steps[0].image, image)


def test_a_change_of_weights_acts_at_the_next_step_and_keeps_the_optimiser() -> None:
    run = start(recipe(iterations=4))
    before = next(run).losses
    run.change(recipe(iterations=4, tv_weight=0.2, content_weight=0))
    moments = run.state()["second"]
    after = next(run).losses
    assert after["tv"] == pytest.approx(2 * before["tv"], rel=0.2)
    assert after["content/block2_conv1"] == 0
    assert np.any(moments) and np.all(run.state()["second"] >= 0.999 * moments - 1e-12)
    assert len(list(run)) == 2


def test_a_change_compiles_nothing_again() -> None:
    run = start(recipe(iterations=4))
    next(run)
    traced = graphs_of(run)
    run.change(recipe(iterations=4, style_weight=9, learning_rate=0.5, geometric_weights=True))
    next(run)
    assert isinstance(run._optimizer, optimization.Adam)
    assert graphs_of(run) == traced


def graphs_of(run) -> int:
    """How many graphs the run's structure has."""
    return structures.structure(run._recipe, run._network).traced


def test_other_sizes_styles_and_runs_trace_nothing(monkeypatch) -> None:
    """One graph for each structure: three scales, then another run of another size with other pictures and weights."""
    monkeypatch.setattr(run, "MIN_SCALE_SIDE", 8)
    network = fake()
    chosen = recipe(iterations=6, scales=3)
    first = Optimization(CONTENT, [Style(STYLE)], chosen, network=network)
    list(first)
    traced = graphs_of(first)
    assert traced == 3  # a step, the statistics of a style, the maps of a content
    other = chosen.model_copy(update={"style_weight": 3.0, "iterations": 4, "seed": 7, "init": "noise"})
    second = Optimization(OTHER[:24, 8:], [Style(STYLE[:20])], other, network=network)
    list(second)
    assert graphs_of(second) == traced


def test_runs_that_share_a_graph_do_not_disturb_each_other() -> None:
    network = fake()
    one, two = (Optimization(c, [Style(STYLE)], recipe(iterations=4), network=network) for c in (CONTENT, OTHER))
    steps = [(next(one).losses, next(two).losses) for _ in range(4)]
    for number, content in enumerate((CONTENT, OTHER)):
        alone = [step.losses for step in Optimization(content, [Style(STYLE)], recipe(iterations=4), network=network)]
        assert [step[number] for step in steps] == alone


def test_the_weights_of_styles_can_change() -> None:
    one, two = (Source(name=name) for name in ("a", "b"))
    shares = lambda a, b: (StyleSource(source=one, weight=a), StyleSource(source=two, weight=b))  # noqa: E731
    run = start(recipe(styles=shares(1, 1)), styles=(STYLE, OTHER))
    next(run)
    run.change(recipe(styles=shares(0, 1)))
    only = start(recipe(), styles=(OTHER,), state=run.state())
    assert next(run).losses == pytest.approx(next(only).losses, rel=1e-4)
    with pytest.raises(BadRecipe, match="2 styles"):
        run.change(recipe(styles=(StyleSource(source=one),)))


def test_other_changes_need_a_new_run() -> None:
    with pytest.raises(BadRecipe, match="keeps its optimizer, size"):
        start(recipe()).change(recipe(size=1024, optimizer="lbfgs"))


@pytest.mark.parametrize("form", ["paper", "rms"])
def test_lbfgs_lowers_the_loss_at_every_accepted_step(form: str) -> None:
    steps = list(start(recipe(optimizer="lbfgs", iterations=15, form=form, init="noise")))
    totals = [sum(step.losses.values()) for step in steps]
    assert len(steps) == 15
    assert all(later < earlier for earlier, later in itertools.pairwise(totals))
    assert totals[-1] < 0.8 * totals[0]


def test_lbfgs_reports_the_losses_of_the_picture_it_accepts() -> None:
    chosen = recipe(optimizer="lbfgs", iterations=4)
    *_, last = start(chosen)
    objective = Objective(chosen, fake(), CONTENT, [STYLE])
    terms = objective.by_name(objective.weights(chosen, [1]) * objective(tf.constant(last.image[None])).numpy())
    assert last.losses == pytest.approx(terms, rel=1e-3)


def test_lbfgs_takes_new_weights_and_ends_its_thread() -> None:
    import threading

    run = start(recipe(optimizer="lbfgs", iterations=9))
    before = next(run).losses
    run.change(recipe(optimizer="lbfgs", iterations=9, tv_weight=10))
    assert next(run).losses["tv"] > 20 * before["tv"]
    run.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "nst-lbfgs"]


def test_lbfgs_with_nothing_to_do_still_ends_with_a_picture() -> None:
    """Content and style alike: the loss is zero and no step can lower it."""
    chosen = recipe(optimizer="lbfgs", tv_weight=0)
    *_, last = start(chosen, styles=(CONTENT,))
    assert last.iteration == last.total == 6
    np.testing.assert_allclose(last.image, CONTENT, atol=1e-3)


@pytest.mark.parametrize("optimizer", optimization.OPTIMIZERS)
def test_no_numbers_stop_the_run_and_keep_the_best_picture(optimizer: str) -> None:
    run = start(recipe(optimizer=optimizer, iterations=30))
    next(run)
    run.change(recipe(optimizer=optimizer, iterations=30, style_weight=1e9, content_weight=1e9))
    run._shares = [np.nan]
    step = next(run)
    assert step.iteration < step.total
    assert step.image is not None and np.isfinite(step.image).all() and step.image.shape == CONTENT.shape
    with pytest.raises(Diverged, match=r"no numbers any more after 2 of 30 steps\. Choose a lower learning rate"):
        next(run)


def test_a_runaway_loss_is_noticed_and_a_change_of_weights_is_not_one() -> None:
    watch = run.Watch(CONTENT)
    few, many = np.ones(1), np.full(1, 100.0)
    falling = [optimizers.Evaluation(np.array([10.0 - i]), np.full((1, 1, 3), i)) for i in range(8)]
    assert not any(watch.complaint(evaluation, few) for evaluation in falling)
    jump = optimizers.Evaluation(np.array([500.0]), CONTENT)
    assert watch.complaint(jump, many) is None
    watch = run.Watch(CONTENT)
    for evaluation in (*falling, *falling[:3]):
        assert watch.complaint(evaluation, few) is None
    assert watch.complaint(jump, few) == "The losses grow without end"
    np.testing.assert_array_equal(watch.best, falling[7].picture)


# --- starts, sizes, colours -----------------------------------------------------------------------------------------------


def first_picture(chosen: OptimizeRecipe, **options: object) -> Image:
    return start(chosen, **options).state()["picture"]


def test_every_start() -> None:
    initial = np.full((32, 48, 3), 0.25, np.float32)
    np.testing.assert_array_equal(first_picture(recipe(init="content")), CONTENT)
    np.testing.assert_array_equal(first_picture(recipe(init="style"), styles=(OTHER,)), OTHER)
    np.testing.assert_array_equal(first_picture(recipe(init="image"), initial=initial), initial)
    noise = first_picture(recipe(init="noise", seed=5))
    np.testing.assert_array_equal(noise, first_picture(recipe(init="noise", seed=5)))
    assert np.any(noise != first_picture(recipe(init="noise", seed=6)))
    with pytest.raises(BadRecipe, match="starts from a picture"):
        start(recipe(init="image"))


def test_stages() -> None:
    chosen = OptimizeRecipe(scales=3, scale_factor=2, iterations=70)
    assert stages(chosen, 256, 512) == [Stage(64, 128, 40), Stage(128, 256, 20), Stage(256, 512, 10)]
    assert stages(chosen, 100, 200) == [Stage(100, 200, 70)]  # halved, it would be too small
    assert [s.iterations for s in stages(chosen.model_copy(update={"iterations": 2}), 256, 512)] == [1, 1]


def test_a_larger_style_scale_makes_a_larger_target(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = Objective.__init__

    def spy(self: Objective, recipe: OptimizeRecipe, network: Network, content: Image, styles: list[Image], *more) -> None:
        seen.append((content.shape, [style.shape for style in styles]))
        original(self, recipe, network, content, styles, *more)

    monkeypatch.setattr(Objective, "__init__", spy)
    content = images.resize(CONTENT, 128, 192)
    chosen = recipe(scales=2, style_scale=2)
    result(Optimization(content, [Style(STYLE)], chosen, network=fake()))
    assert seen == [((64, 96, 3), [(128, 192, 3)]), ((128, 192, 3), [(256, 384, 3)])]


@pytest.mark.parametrize("color", Color)
def test_colour_modes(color: Color, monkeypatch: pytest.MonkeyPatch) -> None:
    learned = []
    prepare = colors.prepare_style
    monkeypatch.setattr(colors, "prepare_style", lambda *args: learned.append(prepare(*args)) or learned[-1])
    image = result(start(recipe(color=color, iterations=2)))
    assert np.array_equal(learned[0], STYLE) == (color in (Color.STYLE, Color.LUMINANCE))
    chroma = image - colors.luminance(image)[..., None]
    kept = np.abs(chroma - (CONTENT - colors.luminance(CONTENT)[..., None]))
    inside = np.all((image > 0) & (image < 1), -1)
    assert (kept[inside].max() < 1e-5) == (color is Color.LUMINANCE)


def test_without_a_style_of_weight() -> None:
    with pytest.raises(BadRecipe, match="at least one style"):
        Optimization(CONTENT, [Style(STYLE, weight=0)], recipe(), network=fake())


# --- masks ----------------------------------------------------------------------------------------------------------------

WHITE = np.ones((32, 48), np.float32)
LEFT = np.repeat(np.float32([[1] * 24 + [0] * 24]), 32, 0)
CORNER = np.zeros((32, 48), np.float32)
CORNER[:12, :20] = 1


def masked(chosen: OptimizeRecipe, *styles: Style, content: Image = CONTENT, **options: object) -> Optimization:
    return Optimization(content, styles, chosen, network=fake(), **options)  # type: ignore[arg-type]


def regional(chosen: OptimizeRecipe, *styles: Style) -> Objective:
    return Objective(chosen, fake(), CONTENT, [style.image for style in styles], parts(CONTENT, styles, chosen))


def parts(content: Image, styles: Sequence[Style], chosen: OptimizeRecipe, shape: masks.MaskShape = CONTENT.shape[:2]) -> Parts:
    return Regions(content, styles, chosen).at(shape, chosen.halvings)


VARIANTS: list[dict[str, object]] = [
    *({"form": form} for form in optimization.FORMS),
    {"form": "paper", "activation_shift": True, "geometric_weights": True},
    {"form": "mean", "correlation_chain": True, "activation_shift": True},
    {"form": "mean", "optimizer": "lbfgs", "init": "noise", "iterations": 1},  # later steps: the test after this one
]


@pytest.mark.slow
@pytest.mark.parametrize("changes", VARIANTS, ids=lambda changes: "+".join(map(str, changes.values())))
def test_one_white_mask_makes_the_same_losses_at_the_same_steps(changes: dict[str, object]) -> None:
    chosen = recipe(**changes)
    plain, white = list(start(chosen)), list(masked(chosen, Style(STYLE, mask=WHITE)))
    for a, b in zip(plain, white, strict=True):
        assert b.losses == pytest.approx(a.losses, rel=1e-5)
    np.testing.assert_allclose(white[-1].image, plain[-1].image, atol=1e-4)


def test_one_white_mask_gives_lbfgs_the_same_losses_and_gradients_wherever_it_goes() -> None:
    """Compare both objectives at the pictures of one run.

    Two runs cannot be compared: L-BFGS divides by differences of gradients, which multiplies a difference of rounding tenfold
    from step to step, and rounding differs between processors.
    """
    chosen = recipe(optimizer="lbfgs")
    plain, white = Objective(chosen, fake(), CONTENT, [STYLE]), regional(chosen, Style(STYLE, mask=WHITE))
    weights = plain.weights(chosen, [1])
    evaluations = list(optimizers.Lbfgs(plain, OTHER).steps(lambda: (weights, 0), 6))
    assert len(evaluations) == 6
    for evaluation in evaluations:
        picture = tf.constant(evaluation.picture[None])
        (terms, gradient), (same_terms, same_gradient) = (gradient_of(each, picture, weights) for each in (plain, white))
        np.testing.assert_allclose(same_terms, terms, rtol=1e-5)
        assert tf.norm(same_gradient - gradient) < 1e-5 * tf.norm(gradient)


def test_two_white_masks_share_by_weight_as_without() -> None:
    plain = list(masked(recipe(), Style(STYLE, 0.75), Style(OTHER, 0.25)))
    white = list(masked(recipe(), Style(STYLE, 0.75, WHITE), Style(OTHER, 0.25, WHITE)))
    for a, b in zip(plain, white, strict=True):
        assert b.losses == pytest.approx(a.losses, rel=1e-4)


@pytest.mark.parametrize("chain", [False, True])
def test_the_guided_objective_against_numpy(chain: bool) -> None:
    """Two regions that overlap, soft by averaging at block 2; the second learns from the right of its style."""
    chosen = recipe(form="mean", correlation_chain=chain, activation_shift=chain)
    right = 1 - LEFT
    styles = (Style(STYLE, 0.5, LEFT), Style(OTHER, 0.5, CORNER, guide=right))
    objective = regional(chosen, *styles)
    terms = objective.by_name(objective.weights(chosen, [0.5, 0.5]) * objective(tf.constant(OTHER[None])).numpy())

    def averaged(share: np.ndarray, layer: str) -> np.ndarray:
        return share if layer == "block1_conv1" else share.reshape(16, 2, 24, 2).mean((1, 3))

    def statistic(maps: dict[str, np.ndarray], share: np.ndarray, name: str) -> np.ndarray:
        lower, upper = name.split("+") if chain else (name, name)
        F, K, counts = maps[upper] - chain, maps[lower] - chain, averaged(share, upper)
        if chain:
            K = K.reshape(16, 2, 24, 2, -1).mean((1, 3))
        return np.einsum("hwi,hwj,hw->ij", F[0] if F.ndim == 4 else F, K[0] if K.ndim == 4 else K, counts) / counts.sum()

    x = fake_maps(OTHER)
    both = LEFT * CORNER
    shares = LEFT - both / 2, CORNER - both / 2
    names = ["block1_conv1+block2_conv1"] if chain else list(FAKE_LAYERS)
    for name in names:
        expected = 0.0
        for style, share in zip(styles, shares, strict=True):
            guide = np.ones_like(LEFT) if style.guide is None else style.guide
            difference = statistic(x, share, name) - statistic(fake_maps(style.image), guide, name)
            expected += share.mean() / len(names) * np.mean(difference**2)
        assert terms[f"style/{name}"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("form", optimization.FORMS)
@pytest.mark.parametrize("restore", [True, False])
def test_the_gradient_with_masks_against_finite_differences(form: str, restore: bool) -> None:
    """Where the mask is white the objective's own; where it is black nothing, or without restoring all but the style's."""
    chosen = recipe(form=form, restore_content=restore)
    objective = regional(chosen, Style(STYLE, mask=LEFT), Style(OTHER, 2, mask=CORNER))
    weights = tf.constant(objective.weights(chosen, [1, 2]))
    smooth = tf.constant(0.5 * STYLE + 0.5 * OTHER)[None]
    gradient = objective.gradient(smooth, weights)[1].numpy()
    white = (LEFT[None, ..., None] > 0) * gradient
    is_style = np.array([name.startswith("style") for name in objective.names], np.float32)
    for part, selected in ((white, 1.0), (gradient - white, 1 - is_style)):
        if restore and part is not white:
            assert not part.any()
            continue
        unit = tf.constant(part / np.linalg.norm(part))
        ahead, behind = (float(tf.reduce_sum(objective(smooth + s * 0.02 * unit) * weights * selected)) for s in (1, -1))
        assert np.linalg.norm(part) == pytest.approx((ahead - behind) / 0.04, rel=0.01)


def test_the_styles_gradient_passes_by_the_union_of_the_masks() -> None:
    soft = masks.soften(LEFT, 10)
    chosen = recipe(content_weight=0, tv_weight=0, restore_content=False)
    objective = regional(chosen, Style(STYLE, mask=soft))
    weights = tf.constant(objective.weights(chosen, [1]))
    passed, whole = (f(tf.constant(CONTENT[None]), weights)[1] for f in (objective.gradient, partial(gradient_of, objective)))
    np.testing.assert_allclose(passed, whole * soft[None, ..., None], atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("color", Color)
@pytest.mark.parametrize("changes", [{}, {"init": "noise", "optimizer": "lbfgs"}, {"init": "style", "scales": 2}], ids=str)
def test_where_every_mask_is_black_each_pixel_is_the_contents(color: Color, changes: dict[str, object]) -> None:
    """To the last bit of the file; at every picture that is shown, of whatever size."""
    content = images.resize(CONTENT, 128, 192)
    soft = np.maximum(masks.soften(masks.resize(LEFT, (128, 192)), 20) - 0.3, 0)
    chosen = recipe(color=color, iterations=4, **changes)
    shown = [step.image for step in masked(chosen, Style(STYLE, mask=soft), content=content) if step.image is not None]
    for image in shown:
        own = images.resize(content, *image.shape[:2])
        black = masks.resize(soft, image.shape[:2]) < masks.BLACK
        assert 0.2 < black.mean() < 0.8
        pixels, expected = (images.decode(images.encode(picture)) for picture in (image, own))
        np.testing.assert_array_equal(pixels[black], expected[black])
        assert np.abs(pixels - expected)[~black].mean() > 0.002
    assert shown[-1].shape == content.shape


def test_without_restoring_the_rest_follows_the_content_alone() -> None:
    chosen = recipe(restore_content=False, tv_weight=0, content_weight=1, style_weight=50)
    kept, restored = (result(masked(r, Style(STYLE, mask=CORNER))) for r in (chosen, recipe(style_weight=50)))
    outside = np.s_[16:, 24:]
    np.testing.assert_array_equal(restored[outside], CONTENT[outside])
    assert 0 < np.abs(kept[outside] - CONTENT[outside]).max() < 0.2
    noisy = result(masked(chosen.model_copy(update={"init": "noise", "seed": 3}), Style(STYLE, mask=CORNER)))
    assert np.abs(noisy[outside] - CONTENT[outside]).mean() > 0.1


@pytest.mark.parametrize("form", optimization.FORMS)
def test_a_region_that_vanishes_leaves_numbers(form: str) -> None:
    """One pixel of a large picture, of which coarse scales and deep layers of the embedded network see almost nothing."""
    dot = np.zeros((800, 640), np.float32)
    dot[400, 300] = 1
    styles = [Style(STYLE, mask=dot), Style(OTHER, mask=1 - dot)]
    chosen, content = OptimizeRecipe(form=form), images.resize(CONTENT, 80, 64)
    seen = parts(images.resize(CONTENT, 800, 640), styles, chosen, (80, 64))
    objective = Objective(chosen, features.network("vgg19-lite"), content, [STYLE, OTHER], seen)
    for amounts in ([1.0, 1.0], [1.0, 0.0], [0.0, 1.0]):
        weights = tf.constant(objective.weights(chosen, amounts))
        assert all(np.isfinite(part).all() for part in objective.gradient(tf.constant(content[None]), weights))


def test_masks_resume_as_if_never_paused() -> None:
    content, style = (images.resize(picture, 128, 192) for picture in (CONTENT, STYLE))
    chosen, styles = recipe(scales=2, init="noise"), [Style(style, 0.7, CORNER), Style(style[::-1], 0.3, LEFT)]
    whole = result(masked(chosen, *styles, content=content))
    for pause in (3, 4):
        first = masked(chosen, *styles, content=content)
        for _ in range(pause):
            next(first)
        np.testing.assert_allclose(result(masked(chosen, *styles, content=content, state=first.state())), whole, atol=1e-5)


def test_weights_of_masked_styles_change_without_compiling_again() -> None:
    """As of the next step the overlap belongs to the second style alone, as in a run that never knew the first."""
    one, two = (Source(name=name) for name in ("a", "b"))
    shares = lambda a, b: (StyleSource(source=one, weight=a), StyleSource(source=two, weight=b))  # noqa: E731
    styles = (Style(STYLE, 1, LEFT), Style(OTHER, 1, CORNER))
    run = masked(recipe(styles=shares(1, 1), restore_content=False), *styles)
    next(run)
    traced = graphs_of(run)
    run.change(recipe(styles=shares(0, 1), restore_content=False))
    alone = masked(recipe(restore_content=False), Style(OTHER, 1, CORNER), state=run.state())
    unchanged = masked(recipe(restore_content=False), *styles, state=run.state())
    other = next(unchanged).losses
    for _ in range(3):
        changed, expected = next(run).losses, next(alone).losses
        assert changed == pytest.approx(expected, rel=1e-3)
        assert changed != pytest.approx(other, rel=0.05)
    assert graphs_of(run) == traced


def test_a_guide_of_ones_is_none_and_others_are_not() -> None:
    plain, ones, left = (start_losses(Style(STYLE, guide=guide)) for guide in (None, np.ones((7, 9), np.float32), LEFT))
    assert ones == pytest.approx(plain, rel=1e-4)
    cropped = start_losses(Style(STYLE[:, :24]))
    assert left["style/block1_conv1"] != pytest.approx(plain["style/block1_conv1"], rel=1e-3)
    assert cropped.keys() == left.keys()


def start_losses(style: Style) -> dict[str, float]:
    return dict(next(masked(recipe(), style)).losses)


@pytest.mark.parametrize(
    ("styles", "complaint"),
    [
        ([Style(STYLE, mask=0 * WHITE)], "The masks cover nothing"),
        ([Style(STYLE, mask=LEFT), Style(OTHER, mask=0 * WHITE)], "Mask 2 of 2 covers nothing"),
        ([Style(STYLE, guide=0 * WHITE)], "guide on a style picture covers nothing"),
    ],
)
def test_masks_that_cover_nothing_get_a_sentence(styles: list[Style], complaint: str) -> None:
    with pytest.raises(BadMask, match=complaint):
        masked(recipe(), *styles)


def test_without_masks_there_is_no_brush_and_no_second_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(objective.Brush, "__init__", forbidden)
    monkeypatch.setattr(masks, "shares", forbidden)
    monkeypatch.setattr(masks, "resize", forbidden)
    assert result(start(recipe(scales=2), styles=(STYLE, OTHER))).shape == CONTENT.shape


# --- recipes --------------------------------------------------------------------------------------------------------------


def test_recipes_of_both_kinds_travel_in_texts() -> None:
    for name, preset in PRESETS.items():
        assert recipes.parse(preset.model_dump_json()) == preset, name
    assert recipes.parse('{"strength": 0.5}') == recipes.InstantRecipe(strength=0.5)
    png = images.encode(CONTENT, text=recipes.png_text(PRESETS["gatys-2015"]))
    assert recipes.of_png(png) == PRESETS["gatys-2015"]
    with pytest.raises(BadRecipe, match=r"iterations: Input should be less than"):
        recipes.parse('{"kind": "optimize", "iterations": 1000000}')


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"features": "vgg19-lite", "content_layers": ["block4_conv4"]}, "vgg19-lite has no layer block4_conv4"),
        ({"form": "moments", "activation_shift": True}, "the form moments has none"),
        ({"form": "mean", "correlation_chain": True, "style_layers": ["block1_conv1"]}, "two style layers"),
        ({"content_weight": 0, "style_weight": 0}, "must be above 0"),
        ({"style_layers": []}, "at least one"),
        ({"style_layers": ["pixels"], "form": "mean"}, "at least one"),
    ],
)
def test_settings_that_contradict_each_other(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        OptimizeRecipe(**changes)  # type: ignore[arg-type]


def test_presets_say_what_their_papers_say() -> None:
    assert next(iter(PRESETS)) == "fast" and PRESETS["fast"] == OptimizeRecipe()
    assert PRESETS["finest"].features == PRESETS["fast"].features and PRESETS["finest"].form == PRESETS["fast"].form
    gatys, improved, stylenet = (PRESETS[name] for name in ("gatys-2015", "improved-2016", "stylenet-vgg16"))
    assert gatys.active_style_layers == tuple(f"block{i}_conv1" for i in range(1, 6))
    assert gatys.content_layers == stylenet.content_layers == ("block4_conv2",)
    assert improved.all_layers and improved.geometric_weights
    assert improved.activation_shift and improved.correlation_chain
    assert (stylenet.content_weight, stylenet.style_weight, stylenet.tv_weight) == (0.1, 5, 1e-4)
    assert (stylenet.optimizer, stylenet.learning_rate, stylenet.form) == ("adam", 0.01, "normalised")


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_runs_and_lowers_its_loss(name: str) -> None:
    preset = PRESETS[name].model_copy(update={"iterations": 4, "scales": 1, "learning_rate": 0.001})
    network = features.vgg(preset.features, seed=0) if preset.features in ("vgg19", "vgg16") else None
    content, style = (images.resize(picture, 64, 64) for picture in (CONTENT, STYLE))
    initial = content if preset.init == "instant" else None
    steps = list(Optimization(content, [Style(style)], preset, initial=initial, network=network))
    assert [step.iteration for step in steps] == [1, 2, 3, 4]
    assert sum(steps[-1].losses.values()) < sum(steps[0].losses.values())
    assert steps[-1].image is not None and steps[-1].image.shape == content.shape
