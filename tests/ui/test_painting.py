"""Painting on the Masks page: what the canvas sends, kept with the photograph that it was painted on, or refused."""

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
from PIL import Image as Pillow

from nst_core.pictures import drawings
from nst_core.recipes import Source
from nst_core.service.limits import LIMITS
from ui import painting, paintings

LAKE, CAT = painting.OPENING, Source(name="chelsea")


class State(dict):
    """Streamlit's session state, without a session."""

    __getattr__ = dict.__getitem__


@pytest.fixture
def state(monkeypatch):
    """A visitor who has just opened the page."""
    monkeypatch.setattr(st, "session_state", state := State())
    painting.open_page()
    return state


def url_of(shape):
    """A canvas of that shape, full of paint."""
    file = io.BytesIO()
    Pillow.fromarray(np.full((*shape, 4), 153, np.uint8)).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def stroke(**more):
    return {"type": "Path", "stroke": drawings.paint("#e5484d"), "path": [["M", 5, 5], ["L", 50, 50]], "strokeWidth": 9, **more}


def send(state, layer, photograph, objects, url):
    """The canvas over a photograph sends a drawing."""
    sent = {"raw": {**drawings.empty(), "objects": objects}, "data": url}
    state[painting.canvas_key(layer, photograph)] = SimpleNamespace(drawing=sent)
    painting.take_drawing(layer, photograph)


def test_a_stroke_that_comes_while_another_photograph_is_chosen_belongs_to_the_former_one(state):
    layer = painting.layers()[0]
    state["masks.content"] = CAT  # the gallery's callback came first
    send(state, layer, LAKE, [stroke(), stroke()], url_of(painting.shape(LAKE)))
    assert painting.raw_mask(layer, LAKE).min() == 1
    assert not painting.raw_mask(layer).any()
    assert "sentences" not in state


def test_what_a_canvas_sends_that_has_left_the_page_is_nothing(state):
    painting.take_drawing(painting.layers()[0], CAT)
    assert "sentences" not in state


@pytest.mark.parametrize("shape", [(3, 4), (5000, 5000)])
def test_a_canvas_of_another_shape_is_refused_and_shows_what_was_there(state, shape):
    layer = painting.layers()[0]
    before, told = painting.raw_mask(layer), painting.painting(layer).telling
    send(state, layer, LAKE, [stroke()], url_of(shape))
    assert state["sentences"] == [drawings.GARBLED]
    assert np.array_equal(painting.raw_mask(layer), before)
    assert painting.painting(layer).telling == told + 1


def test_a_drawing_of_very_many_strokes_becomes_its_mask(state):
    layer = painting.layers()[0]
    long = stroke(path=[["Q", 10.5, 10.25, 20.75, 20.5]] * 1000)
    send(state, layer, LAKE, [long] * 30, url_of(painting.shape()))
    kept = painting.painting(layer)
    assert [item["type"] for item in kept.told.unpack()["objects"]] == ["Image"]
    assert painting.raw_mask(layer).min() == 1 and kept.told.size < 20_000


def test_paintings_of_the_latest_photographs_are_kept(state):
    for number in range(30):
        kept = paintings.of(Source(name=f"photograph-{number}"), "1")
        kept.remember()
    photographs = {photograph for photograph, _ in state["masks.paintings"]}
    assert len(photographs) == LIMITS.kept_uploads and "photograph-29" in photographs
    undoable = [key for key, kept in state["masks.paintings"].items() if kept.past]
    assert len(undoable) == paintings.UNDOABLE


def test_what_can_be_undone_has_a_bound_in_bytes(state):
    kept = painting.painting(painting.layers()[0])
    noise = np.random.default_rng(0).integers(0, 255, 100_000, np.uint8)
    for _ in range(40):
        kept.now = paintings.Moment.of(drawings.empty(), noise)
        kept.remember()
    assert 1 < len(kept.past) < 40 and sum(moment.size for moment in kept.past) <= paintings.MOST_BYTES


def test_a_layer_that_is_removed_takes_its_paintings_along(state):
    layer = painting.layers()[0]
    painting.act(layer.id, "remove")
    assert layer.id not in {id for _, id in state["masks.paintings"]}
