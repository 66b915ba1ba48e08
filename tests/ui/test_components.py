"""Components of ours as a script sees them; what they do in a browser, tests/pages shows."""

from types import SimpleNamespace

import streamlit as st

from ui import components


def test_what_was_clicked_while_it_left_the_page_is_nothing(monkeypatch):
    """Streamlit forgets the key of a component that a run did not draw, and calls back for a click that comes after."""
    heard = []
    components._hear("gone", heard.append)
    monkeypatch.setitem(st.session_state, "here", told := SimpleNamespace(picked="waves"))
    components._hear("here", heard.append)
    assert heard == [told]
