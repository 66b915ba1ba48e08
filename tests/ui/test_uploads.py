"""Photographs and styles of one's own: each is offered for what it was brought for, on every page."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from nst_core import images
from ui import pickers

PATIENCE = 60  # seconds until a hang counts as a failure


def picture(level):
    return images.encode(np.full((64, 96, 3), level, np.float32))


@pytest.fixture
def offered(monkeypatch):
    """What each gallery of the last run offered, by its key: the titles."""
    shown = {}

    def gallery(items, chosen, pick, *, key, **more):
        shown[key] = [item.title for item in items]

    monkeypatch.setattr(pickers, "gallery", gallery)
    return shown


def page():
    """A page's pickers, and what Masks, Live, Explain and the trainings offer."""
    import streamlit as st

    import ui
    from nst_core.recipes import Source
    from ui import live, painting

    st.session_state.setdefault("some.content", Source(name="chelsea"))
    st.session_state.setdefault("some.content.kind", "Upload")
    st.session_state.setdefault("some.styles", [Source(name="birch-wood")])
    ui.pick_content("some.content")
    ui.pick_styles("some.styles")
    st.session_state.masks_styles = [ui.title(source) for source in painting.shown_styles()]
    st.session_state.live_photographs = [ui.title(source) for source in live.moving()]


def bring(app, widget, name, level):
    app.file_uploader(key=widget).set_value((name, picture(level), "image/png")).run()
    assert not app.exception
    assert not app.error


def test_a_photograph_is_no_style_and_a_style_no_photograph(offered):
    app = AppTest.from_function(page, default_timeout=PATIENCE).run()
    bring(app, "some.content.file", "garden.png", 0.2)
    bring(app, "some.styles.file", "wall.png", 0.7)
    assert offered["some.content.gallery"] == ["garden.png"]
    assert offered["some.styles.gallery"][0] == "wall.png"
    assert "garden.png" not in offered["some.styles.gallery"]
    assert app.session_state.masks_styles[0] == "wall.png"
    assert "garden.png" not in app.session_state.masks_styles
    assert app.session_state.live_photographs[0] == "garden.png"
    assert "wall.png" not in app.session_state.live_photographs


def test_a_file_that_was_brought_for_both_is_offered_for_both(offered):
    app = AppTest.from_function(page, default_timeout=PATIENCE).run()
    bring(app, "some.styles.file", "wall.png", 0.7)
    bring(app, "some.content.file", "wall.png", 0.7)
    assert offered["some.content.gallery"] == ["wall.png"]
    assert offered["some.styles.gallery"].count("wall.png") == 1


def test_with_styles_of_ones_own_alone_there_is_no_photograph_to_choose(offered):
    app = AppTest.from_function(page, default_timeout=PATIENCE).run()
    bring(app, "some.styles.file", "wall.png", 0.7)
    assert "some.content.gallery" not in offered
