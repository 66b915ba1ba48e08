"""The subject on pages: looked for once, and what becomes of styles. How well it is found, tests/instant shows."""

from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st

from nst_core.errors import BadMask
from nst_core.pictures import masks
from nst_core.pictures.cutouts import LIGHTER, Treatment
from nst_core.recipes import Source, StyleSource
from ui import subjects

SUBJECT = np.zeros((30, 40), np.uint8)
SUBJECT[:, :20] = 255
CHELSEA = Source(name="chelsea")


@pytest.fixture
def asked(monkeypatch):
    """A light lane that finds SUBJECT, or fails with what `fails` holds; how many times it was asked."""
    lane = SimpleNamespace(times=0, fails=None)

    def result():
        if lane.fails:
            raise lane.fails
        return SUBJECT

    def subject(photograph, visitor):
        lane.times += 1
        return SimpleNamespace(wait=lambda timeout: True, result=result)

    monkeypatch.setattr(subjects, "engine", lambda: SimpleNamespace(subject=subject))
    monkeypatch.setattr(subjects, "picture", lambda content, size: np.zeros((30, 40, 3), np.float32))
    monkeypatch.setattr(subjects, "visitor", lambda: "ada")
    for key in list(st.session_state):
        del st.session_state[key]
    return lane


def ask(treatment, *styles):
    return subjects.treat_subject(treatment, CHELSEA, list(styles))


def style(name="starlit-oils", **more):
    return StyleSource(source=Source(name=name), **more)


@pytest.mark.parametrize(
    ("treatment", "on_subject", "beside"),
    [(Treatment.KEEP, 0, 1), (Treatment.ONLY, 1, 0), (Treatment.LIGHTER, LIGHTER, 1)],
)
def test_each_style_gets_the_mask_of_the_treatment(asked, treatment, on_subject, beside):
    for treated in ask(treatment, style(), style("woodcut-waves", weight=0.5)):
        mask = masks.of_text(treated.mask, (30, 40))
        assert mask[5, 5] == pytest.approx(on_subject, abs=0.01)
        assert mask[5, 35] == pytest.approx(beside, abs=0.01)
    assert asked.times == 1


def test_the_treatment_keeps_to_a_region_that_the_style_has(asked):
    upper = np.zeros((30, 40), np.float32)
    upper[:15] = 1
    (treated,) = ask(Treatment.KEEP, style(mask=masks.to_text(upper)))
    mask = masks.of_text(treated.mask, (30, 40))
    assert [mask[5, 5], mask[5, 35], mask[25, 35]] == [0, 1, 0]


def test_without_a_treatment_nothing_is_looked_for(asked):
    styles = [style()]
    assert ask(None, *styles) == styles
    assert asked.times == 0


def test_where_nothing_is_found_all_is_painted_and_a_sentence_says_so_every_time(asked, monkeypatch):
    told = []
    monkeypatch.setattr(st, "info", lambda text, icon: told.append(text))
    asked.fails = BadMask("No subject was found.")
    for _ in range(2):
        assert ask(Treatment.KEEP, style()) == [style()]
    assert asked.times == 1
    assert len(told) == 2 and "No subject was found" in told[0]


def test_few_masks_are_kept(asked):
    for name in ("chelsea", "coffee", "rocket", "astronaut", "galaxies"):
        subjects.find_subject(Source(name=name))
    assert list(st.session_state["subjects"]) == ["rocket", "astronaut", "galaxies"]
