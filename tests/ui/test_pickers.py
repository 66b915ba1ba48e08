"""Choosing by chance, a blend's limit, and which errors a retry can help."""

import pytest
import streamlit as st

import ui
from nst_core.errors import BadPicture, Busy, Gone, ModelUnavailable, WorkerLost
from nst_core.recipes import Source
from ui import pickers

OWN = Source.of_upload("me.png", b"me")


@pytest.fixture
def state(monkeypatch):
    """The session state, as a dictionary; toasts are collected under "toasts"."""
    state = {"toasts": []}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(st, "toast", lambda text, icon: state["toasts"].append(text))
    return state


def test_a_surprise_keeps_ones_own_photograph_and_changes_the_style_each_time(state):
    state["a.content"], state["a.styles"] = OWN, [Source(name=next(iter(ui.STYLES)))]
    for _ in range(40):
        before = state["a.styles"]
        ui.surprise("a")
        assert state["a.content"] == OWN
        assert state["a.styles"] != before
        assert state["a.styles"][0].name in ui.STYLES


def test_a_surprise_changes_a_sample_photograph_each_time(state):
    state["a.content"], state["a.styles"] = Source(name=next(iter(ui.CONTENTS))), []
    for _ in range(40):
        before = state["a.content"]
        ui.surprise("a")
        assert state["a.content"] != before
        assert state["a.content"].name in ui.CONTENTS


def test_the_only_sample_is_drawn_again():
    assert ui.another_sample(["one"], [Source(name="one")]) == Source(name="one")


def test_a_style_beyond_the_limit_of_a_blend_says_which_one_gives_way(state):
    five = [Source(name=name) for name in list(ui.STYLES)[:5]]
    assert pickers._at_most(4, five) == five[1:]
    (sentence,) = state["toasts"]
    assert "4 styles at most" in sentence
    assert ui.plain_title(five[0]) in sentence
    assert pickers._at_most(4, five[:4]) == five[:4]
    assert len(state["toasts"]) == 1


def test_another_choice_of_a_single_style_says_nothing(state):
    assert pickers._at_most(1, [OWN, Source(name="a")]) == [Source(name="a")]
    assert not state["toasts"]


@pytest.mark.parametrize("kind", [Busy, WorkerLost, ModelUnavailable])
def test_what_may_pass_offers_a_retry(kind):
    assert ui.may_pass(kind("Later."))


@pytest.mark.parametrize("kind", [BadPicture, Gone])
def test_what_stays_wrong_offers_none(kind):
    assert not ui.may_pass(kind("No."))
