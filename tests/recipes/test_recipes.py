"""Recipes: every way out leads back in, and what comes from elsewhere is read or refused with a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest

from nst_core import images, recipes
from nst_core.errors import BadRecipe
from nst_core.pictures import masks
from nst_core.recipes import PRESETS, Color, InstantRecipe, OptimizeRecipe, Source, StyleSource, TextureNetworkRecipe

GREY = np.full((32, 40, 3), 0.5, np.float32)
SAMPLE = {"content": Source(name="chelsea"), "styles": (StyleSource(source=Source(name="woodcut-waves")),)}
BLEND = {
    "content": Source(name="chelsea"),
    "styles": (
        StyleSource(source=Source(name="woodcut-waves"), weight=0.7),
        StyleSource(source=Source(name="stained-glass"), weight=1 / 3),
    ),
}
KINDS = ("instant", "optimize", "texture-network")
UPLOAD = Source.of_upload("Grüße aus 北京 \u200f🙂.jpg", b"the file")

SOME = [
    InstantRecipe(),
    InstantRecipe(**SAMPLE),
    InstantRecipe(**BLEND, size=2048, color=Color.LINEAR_PCA, engine="magenta", strength=1.5),
    InstantRecipe(**SAMPLE, strength=0.1 + 0.2),
    InstantRecipe(content=UPLOAD, styles=(StyleSource(source=UPLOAD, weight=0.25),), strength=0),
]


def embedded(text):
    """A PNG with this text where a recipe stands."""
    return images.encode(GREY, text={recipes.PNG_KEY: text})


def is_sentence(error):
    text = str(error.value)
    return "\n" not in text and len(text) < 400 and text.endswith(".") and "Value error" not in text


# --- out and in again -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", SOME)
def test_round_trip_through_a_png(recipe):
    data = images.encode(GREY, text=recipes.png_text(recipe))
    assert recipes.of_png(data) == recipe
    assert images.decode(data).shape == GREY.shape


@pytest.mark.parametrize("recipe", SOME)
def test_round_trip_through_json(recipe):
    assert recipes.parse(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize("recipe", [recipe for recipe in SOME if recipe.content not in (None, UPLOAD)])
def test_round_trip_through_a_link(recipe):
    assert recipes.of_query(recipes.to_query(recipe)) == recipe


def test_a_files_recipe_survives_other_texts_beside_it():
    text = {"Title": "A cat", **recipes.png_text(SOME[1]), "Comment": "{}"}
    assert recipes.of_png(images.encode(GREY, text=text)) == SOME[1]


@pytest.mark.parametrize("data", [b"", b"no picture", images.encode(GREY), images.encode(GREY, "jpeg")])
def test_other_files_have_no_recipe(data):
    assert recipes.of_png(data) is None


def test_equal_recipes_share_a_hash():
    again = recipes.parse(SOME[2].model_dump_json())
    assert again == SOME[2] and hash(again) == hash(SOME[2])
    assert len({*SOME, again}) == len(SOME)
    assert SOME[2] != SOME[2].model_copy(update={"strength": 1.4})


def test_recipes_do_not_change():
    with pytest.raises(ValueError, match="frozen"):
        SOME[0].strength = 0.5


# --- links ------------------------------------------------------------------------------------------------------------


def test_link_by_hand():
    recipe = InstantRecipe(
        content=Source(name="chelsea"),
        styles=(
            StyleSource(source=Source(name="woodcut-waves"), weight=0.7),
            StyleSource(source=Source(name="stained-glass"), weight=0.3),
        ),
        strength=1.2,
        color=Color.LUMINANCE,
    )
    assert recipes.to_query(recipe) == {
        "content": "chelsea",
        "styles": "woodcut-waves:0.7,stained-glass:0.3",
        "strength": "1.2",
        "color": "luminance",
    }


def test_links_leave_defaults_out():
    assert set(recipes.to_query(InstantRecipe(**SAMPLE))) == {"content", "styles"}


def test_a_style_without_weight_in_a_link_has_the_default():
    recipe = recipes.of_query({"content": "chelsea", "styles": "woodcut-waves"})
    assert recipe == InstantRecipe(**SAMPLE)


@pytest.mark.parametrize(
    "pictures",
    [
        {},
        {"content": UPLOAD, "styles": SAMPLE["styles"]},
        {"content": SAMPLE["content"], "styles": (*SAMPLE["styles"], StyleSource(source=UPLOAD))},
    ],
)
def test_uploads_fit_into_no_link(pictures):
    assert recipes.to_query(InstantRecipe(**pictures)) == {}


@pytest.mark.parametrize("query", [{}, {"utm_source": "elsewhere"}, {"styles": ""}])
def test_links_without_settings_carry_no_recipe(query):
    assert recipes.of_query(query) is None


def test_parameters_of_others_are_passed_over():
    assert recipes.of_query({"strength": "0.5", "utm_source": "elsewhere"}) == InstantRecipe(strength=0.5)


@pytest.mark.parametrize(
    "query",
    [
        {"strength": "nan"},
        {"strength": "inf"},
        {"strength": "-0.1"},
        {"size": "9"},
        {"content": "![x](http://evil.example/x.png)"},
        {"content": "Chelsea"},
        {"content": "chelsea\n"},
        {"content": "chelsea", "styles": "woodcut-waves:1,[a](b):1"},
        {"size": "512.5"},
        {"color": "purple"},
        {"engine": "../../etc/passwd"},
        {"kind": "tea"},
        {"content": "x" * 201},
        {"content": ""},
        {"content": "\ud800"},
        {"styles": "a:0"},
        {"styles": "a:nan"},
        {"styles": "a:2"},
        {"styles": "a:b:c"},
        {"styles": "a,b,c,d,e,f,g,h,i"},
        {"styles": ",,"},
        {"styles": "a," * 1_000_000},
    ],
)
def test_hostile_links_get_a_sentence(query):
    with pytest.raises(BadRecipe, match=r"^The link carries settings that do not work: ") as error:
        recipes.of_query(query)
    assert is_sentence(error)


# --- recipes from elsewhere -------------------------------------------------------------------------------------------


def changed(**fields):
    """The JSON of a sound recipe with some fields replaced or added."""
    return json.dumps(json.loads(SOME[1].model_dump_json()) | fields)


HOSTILE = {
    "empty": "",
    "not JSON": "Painted with love",
    "half of one": SOME[1].model_dump_json()[:40],
    "a list": "[]",
    "null": "null",
    "a number": "1",
    "deeply nested": "[" * 50_000,
    "unknown field": changed(exec="import os"),
    "unknown field of 90 kB": changed(**{"x" * 90_000: 1}),
    "line break in a field": changed(**{"a\nb": 1}),
    "wrong kind": changed(kind="tea"),
    "NaN": changed(strength=float("nan")),
    "infinity": changed(strength=float("inf")),
    "1e400": changed().replace('"strength": 1.0', '"strength": 1e400'),
    "too strong": changed(strength=1.51),
    "negative": changed(strength=-0.01),
    "too small": changed(size=255),
    "too large": changed(size=8193),
    "huge integer": changed(size=10**400),
    "half a pixel": changed(size=512.5),
    "text for a number": changed(strength="strong"),
    "no such color": changed(color="purple"),
    "engine that is a path": changed(engine="../pickle"),
    "nine styles": changed(styles=[{"source": {"name": "a"}}] * 9),
    "no weight at all": changed(styles=[{"source": {"name": "a"}, "weight": 0}]),
    "negative weight": changed(styles=[{"source": {"name": "a"}, "weight": -1}]),
    "style without source": changed(styles=[{"weight": 1}]),
    "name too long": changed(content={"name": "x" * 201}),
    "no name": changed(content={"name": ""}),
    "digest that is none": changed(content={"name": "a", "digest": "../../secret"}),
    "10 MB of text": "x" * 10_000_000,
    "10 MB of recipe": changed(content={"name": "x" * 10_000_000}),
    "a million fields": "{" + ",".join(f'"{i}":0' for i in range(1_000_000)) + "}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_recipes_get_a_sentence(text):
    with pytest.raises(BadRecipe, match=r"^This is no recipe of ours: ") as error:
        recipes.parse(text)
    assert is_sentence(error)


@pytest.mark.parametrize("what", ["not JSON", "unknown field", "NaN", "wrong kind", "10 MB of text"])
def test_hostile_recipes_in_a_png_get_a_sentence(what):
    with pytest.raises(BadRecipe) as error:
        recipes.of_png(embedded(HOSTILE[what]))
    assert is_sentence(error)


@pytest.mark.parametrize("settings", [{"strength": 2}, {"size": 100}, {"color": "purple"}, {"speed": 11}])
def test_settings_that_do_not_work_name_themselves(settings):
    (name,) = settings
    with pytest.raises(BadRecipe, match=rf"^These settings do not work: {name}: ") as error:
        recipes.instant(**settings)
    assert is_sentence(error)


# --- uploads ----------------------------------------------------------------------------------------------------------


def test_uploads_are_told_apart_by_their_bytes():
    assert Source.of_upload("a.jpg", b"1") == Source.of_upload("a.jpg", b"1")
    assert Source.of_upload("a.jpg", b"1") != Source.of_upload("a.jpg", b"2")
    assert not UPLOAD.is_sample and SAMPLE["content"].is_sample


@pytest.mark.parametrize("name", ["", "x" * 5000, "北" * 300])
def test_uploads_may_have_any_name(name):
    assert len(Source.of_upload(name, b"1").name) in range(1, 201)


BEFORE = Path(__file__).parent / "before"  # written by the version before the house was laid out anew


def test_pictures_from_before_bring_their_recipes_back():
    woodcut, wall = Source(name="woodcut-waves"), Source.of_upload("wall.png", b"wall")
    instant, optimize, texture = (recipes.of_png((BEFORE / f"{kind}.png").read_bytes()) for kind in KINDS)
    left, right = masks.of_text(instant.styles[0].mask, (48, 64)), masks.of_text(optimize.styles[0].guide, (48, 64))
    assert left[:, :32].min() == right[:, 32:].min() == 1
    assert left[:, 32:].max() == right[:, :32].max() == 0
    one, two = instant.styles
    assert (one.source, one.weight, two.source, two.weight, two.color) == (woodcut, 0.7, wall, 0.3, Color.LUMINANCE)
    assert (instant.content.name, instant.size, instant.strength, instant.engine) == ("chelsea", 768, 1.25, "instant-lite")
    changed = {"content": wall, "styles": optimize.styles, "iterations": 77, "seed": 5}
    assert optimize == PRESETS["improved-2016"].model_copy(update=changed)
    assert texture == TextureNetworkRecipe(network=Source(name="molten-embers-texture"), shape=(128, 96), seed=3)


def test_a_recipe_from_before_is_what_it_was():
    usual = OptimizeRecipe().warmup
    assert usual > 0
    assert recipes.parse('{"kind": "optimize"}').warmup == OptimizeRecipe(final_rate=0.2).warmup == usual
    old = recipes.parse('{"kind": "optimize", "final_rate": 0.2}')
    assert (old.warmup, old.chroma_smoothing) == (0, 0)
    later = recipes.parse('{"kind": "optimize", "final_rate": 0.2, "warmup": 0.1}')
    assert (later.warmup, later.chroma_smoothing) == (0.1, 0)
    assert recipes.parse('{"kind": "optimize"}').chroma_smoothing == OptimizeRecipe().chroma_smoothing > 0
