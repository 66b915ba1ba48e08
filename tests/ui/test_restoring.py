"""Restoring a picture made here whose own files are missing: one message, a field for each file, and ways on."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nst_core import images, recipes
from nst_core.recipes import InstantRecipe, OptimizeRecipe, Source, StyleSource, TextureNetworkRecipe
from ui import restoring

PATIENCE = 60  # seconds until a hang counts as a failure


def picture(level):
    return images.encode(np.full((64, 96, 3), level, np.float32))


GARDEN, WALL, OTHER = picture(0.2), picture(0.7), picture(0.5)
OWN_CONTENT, OWN_STYLE = Source.of_upload("garden.png", GARDEN), Source.of_upload("wall.png", WALL)
STYLES = (StyleSource(source=OWN_STYLE, weight=0.6), StyleSource(source=Source(name="birch-wood"), weight=0.4))
RECIPE = InstantRecipe(content=OWN_CONTENT, styles=STYLES, size=320)
CONTENT_FIELD, STYLE_FIELD = f"some.missing.{OWN_CONTENT.digest}", f"some.missing.{OWN_STYLE.digest}"


def made_here(recipe):
    return images.encode(np.full((64, 96, 3), 0.4, np.float32), text=recipes.png_text(recipe))


def page(png):
    """A page that restores a file in its first run."""
    import streamlit as st

    import ui
    from nst_core import recipes
    from nst_core.recipes import Source

    state = st.session_state

    def adopt(recipe):
        ui.adopt_pictures("some", recipe)
        state.adopted = recipe

    if "some.content" not in state:
        state.update({"some.content": Source(name="chelsea"), "some.content.kind": "Samples"})
        state.update({"some.styles": [Source(name="woodcut-waves")], "some.styles.blend": False})
        ui.restore("some", "old.png", recipes.of_picture(png), adopt)
    ui.pick_content("some.content")
    ui.pick_styles("some.styles")
    ui.show_sentences()
    state.waits = ui.ask_missing("some", adopt)


def opened(recipe=RECIPE):
    app = AppTest.from_function(page, args=(made_here(recipe),), default_timeout=PATIENCE).run()
    assert not app.exception
    return app


def bring(app, field, name, data):
    app.file_uploader(key=field).upload(name, data, "image/png").run()
    assert not app.exception


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def test_one_message_says_what_is_restored_and_what_is_missing():
    app = opened()
    (message,) = app.info
    for words in (r"Settings restored from old\.png", r"garden\.png \(the photograph\)", r"wall\.png \(a style\)"):
        assert words in message.value
    assert not app.error
    assert not app.toast
    assert app.session_state.waits
    stand_ins = app.session_state.adopted
    assert stand_ins.size == 320
    assert stand_ins.content == Source(name="chelsea")
    assert [style.weight for style in stand_ins.styles] == [0.6, 0.4]
    assert all(style.source.is_sample for style in stand_ins.styles)
    assert len({style.source for style in stand_ins.styles}) == 2


def test_with_its_files_the_recipe_is_back_whatever_they_are_called_now():
    app = opened()
    bring(app, CONTENT_FIELD, "renamed.png", GARDEN)
    assert r"garden\.png" not in app.info[0].value
    assert r"wall\.png" in app.info[0].value
    bring(app, STYLE_FIELD, "wall.png", WALL)
    assert app.session_state.adopted == RECIPE
    assert not app.session_state.waits
    assert not app.info
    assert "Settings restored" in app.toast[0].value


def test_another_file_is_told_apart_and_used_if_the_visitor_says_so():
    app = opened()
    bring(app, STYLE_FIELD, "wall.png", WALL)
    bring(app, CONTENT_FIELD, "garden.png", OTHER)
    _, note = app.info
    assert r"garden\.png is not the file that was used" in note.value
    assert app.session_state.waits
    press(app, "Use it anyway")
    assert not app.session_state.waits
    assert app.session_state.adopted == RECIPE.model_copy(update={"content": Source.of_upload("garden.png", OTHER)})


def test_the_right_file_after_a_wrong_one_is_taken():
    app = opened(RECIPE.model_copy(update={"styles": STYLES[1:]}))
    bring(app, CONTENT_FIELD, "other.png", OTHER)
    bring(app, CONTENT_FIELD, "garden.png", GARDEN)
    assert not app.info
    assert app.session_state.adopted.content == OWN_CONTENT


def test_a_file_that_is_no_picture_is_one_error_and_its_field_stays():
    app = opened()
    bring(app, CONTENT_FIELD, "garden.png", b"no picture")
    press(app, "Use it anyway")
    (error,) = app.error
    assert "not a picture" in error.value
    assert app.session_state.waits


def test_a_visitor_can_go_on_without_them():
    app = opened()
    press(app, "Go on without them")
    assert not app.session_state.waits
    assert app.session_state.adopted.content == Source(name="chelsea")
    assert not app.info


def test_a_file_that_is_photograph_and_style_is_asked_for_once():
    app = opened(RECIPE.model_copy(update={"styles": (StyleSource(source=OWN_CONTENT),)}))
    bring(app, CONTENT_FIELD, "garden.png", GARDEN)
    assert not app.session_state.waits


def test_what_names_samples_only_is_restored_at_once():
    recipe = InstantRecipe(content=Source(name="coffee"), styles=STYLES[1:])
    app = opened(recipe)
    assert not app.info
    assert app.session_state.adopted == recipe
    assert "Settings restored" in app.toast[0].value


def test_names_in_a_strangers_picture_are_shown_as_text():
    app = opened(RECIPE.model_copy(update={"content": Source(name="![x](http://evil.example/x.png)", digest="0" * 16)}))
    assert "![x](" not in app.info[0].value
    assert all("![x](" not in field.label for field in app.file_uploader)


def test_a_network_paints_without_the_style_that_it_learned():
    recipe = TextureNetworkRecipe(content=OWN_CONTENT, network=Source(name="starlit-oils"), styles=STYLES, size=320)
    assert restoring.missing(recipe) == [(OWN_CONTENT, "photograph")]


def masks_page(png):
    """The parts of Masks that restore."""
    import streamlit as st

    import ui
    from ui import painting

    painting.open_page()
    if "taken" not in st.session_state:
        st.session_state.taken = painting.take_file("old.png", png)
    ui.ask_missing("masks", painting.adopt)
    st.session_state.now = [st.session_state["masks.content"], *(layer.style for layer in painting.layers())]


def optimize_page(png):
    """The parts of Optimize that restore."""
    import streamlit as st

    import ui
    from ui import optimizing

    optimizing.open_page()
    if "taken" not in st.session_state:
        st.session_state.taken = optimizing.take_file("old.png", png)
    ui.ask_missing("optimize", optimizing.adopt_any)
    st.session_state.now = [st.session_state["optimize.content"], *st.session_state["optimize.styles"]]


OPTIMIZED = OptimizeRecipe(content=OWN_CONTENT, styles=STYLES, size=320)


@pytest.mark.parametrize(
    ("script", "prefix", "recipe"),
    [(masks_page, "masks", RECIPE), (optimize_page, "optimize", RECIPE), (optimize_page, "optimize", OPTIMIZED)],
)
def test_masks_and_optimize_ask_for_the_files_and_then_have_them(script, prefix, recipe):
    app = AppTest.from_function(script, args=(made_here(recipe),), default_timeout=PATIENCE).run()
    assert not app.exception
    assert app.session_state.taken
    assert len(app.info) == 1
    bring(app, f"{prefix}.missing.{OWN_CONTENT.digest}", "garden.png", GARDEN)
    bring(app, f"{prefix}.missing.{OWN_STYLE.digest}", "wall.png", WALL)
    assert not app.info
    assert app.session_state.now == [OWN_CONTENT, OWN_STYLE, Source(name="birch-wood")]
