"""Components of ours as a script sees them; what they do in a browser, tests/pages shows."""

from types import SimpleNamespace

import pytest
import streamlit as st

from ui import components


@pytest.fixture
def sent(monkeypatch):
    """The browser sends a value: a function that makes a component of a name by a call, and returns what its callback does."""

    def send(name, event, make, value):
        callbacks = []
        monkeypatch.setattr(components, name, lambda **told: callbacks.append(told[f"on_{event}_change"]) or SimpleNamespace())
        make()
        monkeypatch.setitem(st.session_state, "here", SimpleNamespace(**{event: value}))
        callbacks[0]()

    return send


GARBAGE = [None, 7, float("nan"), "else", [], {}, {"id": "9", "act": "pick"}, {"id": "a", "act": "explode"}, {"points": [[1]]}]
GARBAGE += [{"points": [[0, "x"], [0, 0]]}, {"points": [[0, float("inf")], [0, 0]]}]


@pytest.mark.parametrize(
    ("name", "event", "meant", "heard"),
    [
        ("_gallery", "picked", "a", "a"),
        ("_layers", "acted", {"id": "a", "act": "show"}, ("a", "show")),
        ("_plane", "moved", {"points": [[0, 0.5], [1, 0]]}, ((0, 0.5), (1, 0))),
    ],
)
def test_only_what_a_component_sends_is_heard(sent, name, event, meant, heard):
    """A crafted page sends anything, and a click comes for what has gone."""
    told = []
    makes = {
        "_gallery": lambda: components.gallery([components.Thumbnail("a", "A", "")], [], told.append, key="here"),
        "_layers": lambda: components.layers(
            [components.LayerRow("a", "A", "", "", "", True, True)], lambda *acted: told.append(acted), key="here"
        ),
        "_plane": lambda: components.plane([], ((0, 0), (1, 1)), told.append, key="here"),
    }
    for value in GARBAGE:
        sent(name, event, makes[name], value)
    assert told == []
    sent(name, event, makes[name], meant)
    assert told == [heard]


@pytest.mark.parametrize("picked", ["masks", *GARBAGE])
def test_a_card_leads_to_a_page_that_there_is(monkeypatch, picked):
    monkeypatch.setattr(components, "_cards", lambda **told: SimpleNamespace(picked=picked))
    found = components.cards([components.Card("masks", "Masks", "", "")], "instant", key="here")
    assert found == ("masks" if picked == "masks" else None)


def test_what_was_clicked_while_it_left_the_page_is_nothing():
    """Streamlit forgets the key of a component that a run did not draw, and calls back for a click that comes after."""
    heard = []
    components._hear("gone", "picked", lambda value: True, heard.append)
    assert heard == []
