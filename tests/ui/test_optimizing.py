"""What Optimize promises before it starts."""

from types import SimpleNamespace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nst_core import images
from nst_core.errors import Gone
from nst_core.models import weights
from nst_core.recipes import PRESETS, OptimizeRecipe
from ui import optimizing
from ui.messages import spoken


def test_every_preset_says_what_it_gives_and_what_it_needs():
    assert list(optimizing.ABOUT) == list(PRESETS)
    for name, about in optimizing.ABOUT.items():
        assert about.title and about.text.endswith("."), name
        promised = f"{about.title} {about.text}".lower()
        assert not any(unit in promised for unit in ("second", "minute", "hour", "time ")), "a time depends on the machine"
        assert optimizing.needs(PRESETS[name].features).endswith(".")


def test_every_control_has_a_useful_help_text():
    for name, help in optimizing.HELP.items():
        assert name in OptimizeRecipe.model_fields
        assert help.endswith(".") and len(help.split()) >= 5, name


def test_a_missing_network_is_named_with_its_size(empty_caches):
    assert weights.MODELS["vgg19"].status is weights.Status.MISSING
    assert optimizing.needs("vgg19") == "Needs a download of 80 MB, once."
    assert optimizing.needs("vgg19-lite") == "Nothing to download."


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "5 seconds"), (26, "25 seconds"), (54, "55 seconds"), (60, "1 minute"), (540, "9 minutes"), (7300, "2 hours")],
)
def test_a_time_in_words(seconds, words):
    assert spoken(seconds) == f"about {words}"


class Kept:
    """A file of the session."""

    def __init__(self, data):
        self._data = data

    def read(self):
        if self._data is None:
            raise Gone("It has made room for newer files.")
        return self._data


def test_until_its_first_picture_a_run_shows_what_it_starts_from():
    red = images.encode(np.float32([[[1, 0, 0]]]).repeat(48, 0).repeat(64, 1))
    note = lambda initial, before: SimpleNamespace(initial=initial, before=Kept(before))  # noqa: E731
    assert np.abs(images.decode(optimizing.beginning(note(Kept(red), b"photograph"))) - (1, 0, 0)).max() < 0.05
    assert optimizing.beginning(note(None, b"photograph")) == b"photograph"
    assert optimizing.beginning(note(None, None)) is None


def starting_page():
    """What the Optimize page does with the picture to start from, without an engine."""
    import streamlit as st

    from nst_core.recipes import PRESETS, Source, StyleSource
    from ui import keep, optimizing

    state = st.session_state
    style = StyleSource(source=Source(name="starlit-oils"))
    mine = PRESETS["fast"].model_copy(update={"content": Source(name="chelsea"), "styles": (style,), "init": "image"})
    if "optimize.content" not in state:
        state["optimize.preset"] = "fast"
        state["optimize.starts"] = {mine: keep(b"a result of Instant")}
        optimizing.adopt(mine)
    if st.button("Coffee"):
        state["optimize.content"] = Source(name="coffee")
    if st.button("The first again"):
        optimizing.adopt(mine)
    if st.button("Another that began with a picture"):
        optimizing.adopt(mine.model_copy(update={"iterations": 7}))
    optimizing.reset_start()
    kept = optimizing.initial_file()
    st.text(f"{state['optimize.init']}: {kept.read().decode() if kept else 'nothing'}")


def test_another_photograph_does_not_start_from_the_picture_before():
    app = AppTest.from_function(starting_page, default_timeout=60).run()
    assert app.text[0].value == "image: a result of Instant"
    assert app.run().text[0].value == "image: a result of Instant"
    app.button[0].click().run()
    assert app.text[0].value.startswith("content:")
    assert "The photograph" in app.toast[0].value


def test_a_recipe_that_began_with_a_picture_finds_its_own_again_or_none():
    app = AppTest.from_function(starting_page, default_timeout=60).run()
    app.button[0].click().run()
    app.button[1].click().run()
    assert app.text[0].value == "image: a result of Instant"
    app.button[2].click().run()
    assert app.text[0].value == "image: nothing"


def paused_page():
    """A paused run of two styles, with what stands on the page."""
    import streamlit as st

    from nst_core.errors import BadRecipe
    from nst_core.recipes import PRESETS, Source, StyleSource
    from ui import optimizing

    styles = tuple(StyleSource(source=Source(name=name), weight=0.5) for name in ("starlit-oils", "birch-wood"))
    recipe = PRESETS["fast"].model_copy(update={"styles": styles})
    if "optimize.styles" not in st.session_state:
        optimizing.adopt(recipe)
    for label, settings in {
        "style": {"style_weight": 3.0},
        "nothing": {"style_weight": 0.0, "content_weight": 0.0},
        "no style": {"styles.weight.starlit-oils": 0.0, "styles.weight.birch-wood": 0.0},
        "one style": {"styles.weight.starlit-oils": 0.0, "styles.weight.birch-wood": 0.4},
    }.items():
        if st.button(label):
            st.session_state.update({f"optimize.{name}": value for name, value in settings.items()})
    try:
        made = optimizing.changed(recipe)
        st.text(f"{made.style_weight} {[style.weight for style in made.styles]}")
    except BadRecipe as error:
        st.text(f"no: {error}")


@pytest.mark.parametrize(
    ("button", "says"),
    [
        (0, "3.0 [0.5, 0.5]"),
        (1, "no: These settings do not work: content_weight or style_weight must be above 0."),
        (2, "no: These settings do not work: at least one style needs a weight above 0."),
        (3, "14.0 [0.0, 0.4]"),
    ],
)
def test_a_paused_run_goes_on_with_weights_that_work_only(button, says):
    app = AppTest.from_function(paused_page, default_timeout=60).run()
    app.button[button].click().run()
    assert app.text[0].value == says
