"""Uploads with transparent parts, and of all kinds: what the session remembers, paints, and gives back."""

import base64
import io

import numpy as np
import pytest
from PIL import Image as Pillow
from streamlit.testing.v1 import AppTest

from nst_core import images

PATIENCE = 60  # seconds until a hang counts as a failure


def sticker():
    """RGBA: opaque red on the left, transparent green on the right."""
    array = np.zeros((64, 96, 4), np.uint8)
    array[:, :48], array[:, 48:] = (200, 30, 10, 255), (0, 255, 0, 0)
    file = io.BytesIO()
    Pillow.fromarray(array).save(file, "PNG")
    return file.getvalue()


def page(data):
    """A visitor brings a file, and a result is made of it."""
    import numpy as np
    import streamlit as st

    import ui
    from nst_core import images
    from nst_core.recipes import InstantRecipe, Source, StyleSource
    from nst_core.stylizer import Step

    source = ui.keep_upload("sticker.png", data)
    st.session_state.source, st.session_state.clear = source, ui.is_clear(source)
    st.session_state.shown = ui.picture(source, 256)
    st.session_state.painted = ui.picture(source, 256, under="nearest")
    recipe = InstantRecipe(content=source, styles=(StyleSource(source=Source(name="a")),), size=256)
    image = np.full((171, 256, 3), 0.5, np.float32)
    st.session_state.result = ui.keep_result("some", recipe, Step(1, 1, image=image), images.thumbnail(image, 64))
    ui.show_result("some", st.session_state.result)


def run(data):
    app = AppTest.from_function(page, args=(data,), default_timeout=PATIENCE).run()
    assert not app.exception
    return app


def test_what_is_painted_has_colours_under_its_transparent_parts_and_what_is_shown_white():
    state = run(sticker()).session_state
    assert state.clear
    assert state.shown[:, 140:].min() == 1
    assert np.abs(state.painted * 255 - (200, 30, 10)).max() < 8


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_a_result_is_transparent_where_its_content_is_or_flat_if_asked(format):
    result = run(sticker()).session_state.result
    assert result.clear
    alpha = images.opacity(result.encode(format))
    if format == "jpeg":
        assert alpha is None
    else:
        assert (alpha[:, :126].min(), alpha[:, 130:].max()) == (1, 0)
    flat = result.encode(format, True)
    assert images.opacity(flat) is None
    assert images.decode(flat)[:, 140:].min() > 0.98


def test_the_option_to_flatten_is_there_for_results_with_transparency_only():
    assert [toggle.label for toggle in run(sticker()).toggle] == ["Fill the transparent parts with white"]
    opaque = images.encode(np.full((64, 96, 3), 0.3, np.float32))
    app = run(opaque)
    assert not app.toggle
    assert not app.session_state.clear
    assert not app.session_state.result.clear


def test_of_a_jpeg_that_is_cut_off_it_is_told():
    noise = np.random.default_rng(0).random((200, 200, 3), np.float32)
    data = images.encode(noise, "jpeg")
    assert "sticker.png is incomplete" in run(data[: len(data) // 2]).toast[0].value


def test_a_result_larger_than_uploads_may_be_is_shown_on_the_full_screen_and_saved(monkeypatch):
    result = run(sticker()).session_state.result
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    jpeg = base64.b64decode(result.full().removeprefix("data:image/jpeg;base64,"))
    assert all(len(result.encode(format)) > 100 for format in ("png", "webp", "jpeg"))
    monkeypatch.undo()
    assert images.decode(jpeg).shape == (171, 256, 3)


def batch_page(files):
    """A visitor has several pictures painted: each becomes grey."""
    from types import SimpleNamespace

    import numpy as np
    import streamlit as st

    from nst_core.recipes import InstantRecipe, Source, StyleSource
    from nst_core.service import Lane
    from nst_core.stylizer import Step
    from ui import batch
    from ui.files import keep

    contents = []

    def painted(content):
        contents.append(content)
        step = Step(1, 1, image=np.full_like(content, 0.5))
        return SimpleNamespace(result=lambda: step, collected=lambda: None, delays_others=False)

    recipe = InstantRecipe(styles=(StyleSource(source=Source(name="a")),), size=256)
    kept = [batch.BatchFile(Source.of_upload(name, data), keep(data)) for name, data in files.items()]
    st.session_state["some.batch_files"] = kept
    batch._start("some", kept, recipe, Lane.SLOW, lambda: painted)
    assert st.session_state["some.batch"].wait(30)
    st.session_state.contents = contents


def test_of_many_each_is_as_transparent_as_its_photograph_and_painted_with_colours_under_it():
    files = {"sticker.png": sticker(), "grey.png": images.encode(np.full((64, 96, 3), 0.3, np.float32))}
    app = AppTest.from_function(batch_page, args=(files,), default_timeout=PATIENCE).run()
    assert not app.exception
    assert not app.session_state["some.batch"].failed
    first, second = app.session_state["some.batch"].entries
    alpha = images.opacity(first.value.png.read())
    assert (alpha[:, :126].min(), alpha[:, 130:].max()) == (1, 0)
    assert images.decode(first.value.small)[:, 150:].min() > 0.97
    assert np.abs(app.session_state.contents[0] * 255 - (200, 30, 10)).max() < 8
    assert images.opacity(second.value.png.read()) is None
