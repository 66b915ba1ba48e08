"""The registry: which engine runs a recipe, and engines of other distributions."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest

from nst_core import engines
from nst_core.engines import Engine, Estimate, Inputs, Lane, registry
from nst_core.errors import BadNetwork, BadRecipe
from nst_core.recipes import PRESETS, InstantRecipe, Source, TextureNetworkRecipe, TrainingRecipe, VideoRecipe
from nst_core.stylizer import Step


class Grey(Engine):
    """An engine as another distribution would write it."""

    name = "grey"
    title = "Grey"
    recipe = InstantRecipe
    lane = Lane.LIGHT

    def estimate(self, recipe, shape):
        return Estimate(1e6)

    def run(self, recipe, inputs, *, state=None, folder=None):
        yield Step(1, 1, image=np.repeat(inputs.pictures["content"].mean(-1, keepdims=True), 3, -1))


class Twin(Grey):
    name = "instant-lite"


GREY, TWIN = Grey(), Twin()


@pytest.fixture
def installed(monkeypatch):
    """Return a function that pretends that distributions with these entry points are installed."""

    def install(*values):
        points = [EntryPoint(name, value, registry.GROUP) for name, value in values]
        monkeypatch.setattr(registry, "entry_points", lambda group: [point for point in points if point.group == group])
        registry.engines.cache_clear()

    yield install
    monkeypatch.undo()
    registry.engines.cache_clear()


def test_every_recipe_has_an_engine():
    network = Source(name="cubist-guitar")
    found = {
        "instant-lite": InstantRecipe(engine="instant-lite"),
        "magenta": InstantRecipe(engine="magenta"),
        "optimize": PRESETS["fast"],
        "texture-network": TextureNetworkRecipe(network=network),
        "training": TrainingRecipe(),
        "video": VideoRecipe(),
    }
    assert {name: engines.engine_for(recipe).name for name, recipe in found.items()} == {name: name for name in found}


def test_auto_is_the_preferred_engine_that_is_available(monkeypatch):
    magenta = next(engine for engine in engines.engines() if engine.name == "magenta")
    for there, name in ((True, "magenta"), (False, "instant-lite")):
        monkeypatch.setattr(type(magenta), "available", lambda self, there=there: there)
        assert engines.resolved(InstantRecipe()).engine == name


def test_an_unknown_engine_is_named_with_those_there_are():
    with pytest.raises(BadRecipe, match="no engine for warhol on this machine; there is instant-lite, magenta"):
        engines.engine_for(InstantRecipe(engine="warhol"))


def test_an_engine_of_another_distribution_runs_its_recipes(installed):
    installed(("grey", "tests.engines.test_registry:GREY"))
    recipe, content = InstantRecipe(engine="grey"), np.random.default_rng(0).random((32, 48, 3), np.float32)
    (step,) = engines.engine_for(recipe).run(recipe, Inputs({"content": content}))
    assert step.image.shape == content.shape and "grey" in engines.names(InstantRecipe)


@pytest.mark.parametrize("value", ["no.such.module:ENGINE", "tests.engines.test_registry:Grey", "os:sep"])
def test_a_broken_engine_of_another_distribution_costs_a_line_in_the_log(value, installed, caplog):
    installed(("broken", value))
    assert "instant-lite" in engines.names(InstantRecipe)
    assert "The engine broken cannot be used" in caplog.text


def test_a_name_is_taken_once(installed, caplog):
    installed(("twin", "tests.engines.test_registry:TWIN"))
    assert engines.names(InstantRecipe).count("instant-lite") == 1 and "The engine twin cannot be used" in caplog.text


def test_a_network_of_an_unknown_kind_is_told_which_there_are():
    with pytest.raises(BadNetwork, match=r"net.pth is no network that can be used here: choose a file of the type .*.npz"):
        engines.network_engine("net.pth")
