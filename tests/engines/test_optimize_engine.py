"""The engine of Optimize: where a run starts."""

import numpy as np
import pytest

from nst_core import engines
from nst_core.engines import Inputs, optimize
from nst_core.engines.optimize import instant_picture
from nst_core.errors import BadRecipe
from nst_core.optimization import Optimization
from nst_core.pictures import masks
from nst_core.recipes import PRESETS, InstantRecipe, OptimizeRecipe, Source, StyleSource
from nst_core.stylizer import Style

# one step that moves no pixel by more than the learning rate, at one scale
STILL = OptimizeRecipe(init="instant", iterations=1, scales=1, learning_rate=1e-4, chroma_smoothing=0, size=256)


@pytest.fixture
def inputs():
    random = np.random.default_rng(0)
    content, style = random.random((2, 12, 16, 3)).repeat(8, 1).repeat(8, 2).astype(np.float32)
    return Inputs({"content": content}, [Style(style)])


def last(recipe, inputs, **more):
    *_, step = engines.engine_for(recipe).run(recipe, inputs, **more)
    return step.image


def test_a_run_starts_from_what_instant_paints(inputs):
    lite = last(InstantRecipe(engine="instant-lite", size=256), inputs)
    assert np.abs(last(STILL, inputs) - lite).max() < 1e-3
    assert np.abs(last(STILL.model_copy(update={"init": "content"}), inputs) - lite).max() > 0.1


def test_instant_paints_with_the_strokes_colours_and_regions_of_the_recipe(inputs):
    region = np.zeros((96, 128), np.float32)
    region[:, :64] = 1
    styles = (StyleSource(source=Source(name="starlit-oils"), mask=masks.to_text(region)),)
    recipe = STILL.model_copy(update={"styles": styles, "style_scale": 2.0, "color": "luminance"})
    masked = Inputs(inputs.pictures, [Style(inputs.styles[0].image, mask=region)])
    same = InstantRecipe(engine="instant-lite", size=256, styles=styles, stroke_size=2.0, color="luminance")
    assert np.array_equal(instant_picture(recipe, masked), last(same, masked))
    assert np.array_equal(instant_picture(recipe, masked)[:, 64:], inputs.pictures["content"][:, 64:])


def test_a_resumed_run_does_not_start_anew(inputs, monkeypatch):
    recipe = STILL.model_copy(update={"iterations": 3})
    run = engines.engine_for(recipe).run(recipe, inputs)
    next(run)
    state = run.state()
    whole = [*run][-1].image
    monkeypatch.setattr(optimize, "instant_picture", lambda *_: pytest.fail("a state was given"))
    assert np.abs(last(recipe, inputs, state=state) - whole).max() < 1e-5


def test_quick_starts_from_instant_and_counts_its_memory(inputs):
    quick, shape = PRESETS["quick"], (384, 512)
    assert quick.init == "instant"
    engine = engines.engine_for(quick)
    plain = engine.estimate(quick.model_copy(update={"init": "content"}), shape)
    assert engine.estimate(quick, shape).memory > plain.memory + 100e6


def test_without_the_engine_that_paints_it_the_picture_has_to_come_along(inputs):
    with pytest.raises(BadRecipe, match="none came with it"):
        Optimization(inputs.pictures["content"], inputs.styles, STILL)
