"""Ripening: which pictures are refined, by what, and when it ends. That it happens in place, tests/pages shows."""

import dataclasses

import pytest

from nst_core.recipes import PRESETS, InstantRecipe, Source, StyleSource
from ui import ripening

RECIPE = InstantRecipe(
    content=Source(name="chelsea"), styles=(StyleSource(source=Source(name="starlit-oils")),), size=512, engine="instant-lite"
)


def test_a_picture_is_refined_by_the_preset_that_starts_from_it():
    recipe = RECIPE.model_copy(update={"seed": 3, "stroke_size": 2.0})
    ripe = ripening.ripe_recipe(recipe)
    assert (ripe.content, ripe.styles, ripe.size, ripe.seed, ripe.style_scale) == (recipe.content, recipe.styles, 512, 3, 2.0)
    assert ripe.init == "instant" and ripe.iterations == PRESETS["quick"].iterations


@pytest.mark.parametrize("changes", [{"strength": 0.5}, {"engine": "magenta"}, {"engine": "palette"}, {"size": 832}])
def test_what_quick_does_not_start_from_stays_as_it_is(changes):
    assert ripening.ripe_recipe(RECIPE.model_copy(update=changes)) is None


def test_a_server_can_turn_it_off(monkeypatch):
    monkeypatch.setattr(ripening, "LIMITS", dataclasses.replace(ripening.LIMITS, max_ripening=0))
    assert ripening.ripe_recipe(RECIPE) is None
