"""Previews of styles: what is asked for, kept and shown; and the orders of a gallery."""

from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st

from nst_core.errors import Busy, Failure
from nst_core.recipes import Source
from ui import previews
from ui.pictures import STYLES

CHELSEA = Source(name="chelsea")
SAMPLES = [Source(name=name) for name in STYLES]


class Lane:
    """A light lane that finishes when it is told to."""

    def __init__(self):
        self.jobs, self.refuses = [], False

    def previews(self, content, styles, visitor):
        if self.refuses:
            raise Busy("Very many pictures are being painted right now: try again in a moment.")
        job = SimpleNamespace(finished=False, error=None, cancelled=False, count=len(styles), shape=content.shape)
        job.result = lambda: [b"painted"] * job.count
        job.cancel = lambda: setattr(job, "cancelled", True)
        self.jobs.append(job)
        return job

    def finish(self, error=None):
        for job in self.jobs:
            job.finished, job.error = True, error


@pytest.fixture
def lane(monkeypatch):
    lane = Lane()
    monkeypatch.setattr(previews, "engine", lambda: lane)
    monkeypatch.setattr(previews, "visitor", lambda: "ada")
    for key in list(st.session_state):
        del st.session_state[key]
    return lane


def test_all_styles_are_painted_small_in_batches_and_once(lane):
    assert previews.previews(CHELSEA, SAMPLES) == {}
    assert [job.count for job in lane.jobs] == [7, 7, 6]
    assert max(lane.jobs[0].shape) == previews.SIDE
    lane.finish()
    assert previews.collect("chelsea")
    assert not previews.collect("chelsea")
    made = previews.previews(CHELSEA, SAMPLES)
    assert list(made) == [source.name for source in SAMPLES]
    assert all(src.startswith("data:image/jpeg") for src in made.values())
    assert len(lane.jobs) == 3


def test_another_photograph_ends_what_is_under_way(lane):
    previews.previews(CHELSEA, SAMPLES)
    previews.previews(Source(name="coffee"), SAMPLES)
    assert [job.cancelled for job in lane.jobs] == [True] * 3 + [False] * 3


def test_what_failed_is_not_asked_for_again_and_the_style_is_shown(lane):
    st.session_state["instant.styles.on_photo"] = True
    previews.previews(CHELSEA, SAMPLES[:3])
    lane.finish(Failure("The worker died."))
    assert previews.collect("chelsea")
    shown = previews.style_thumbnails("instant.styles", SAMPLES[:3], CHELSEA)
    assert len(lane.jobs) == 1
    assert [item.src for item in shown] == [item.src for item in previews.thumbnails(SAMPLES[:3])]


def test_a_full_queue_leaves_the_styles_and_says_so(lane, monkeypatch):
    told = []
    monkeypatch.setattr(st, "caption", told.append)
    lane.refuses = True
    assert previews.previews(CHELSEA, SAMPLES) == {}
    assert "Very many pictures" in told[0]


def test_few_photographs_previews_are_kept(lane):
    for name in ("chelsea", "coffee", "rocket", "astronaut", "galaxies"):
        previews.previews(Source(name=name), SAMPLES[:1])
    assert list(st.session_state["previews"]) == ["rocket", "astronaut", "galaxies"]


def test_styles_are_ordered_by_colour_round_the_circle_and_grey_ones_last(monkeypatch):
    colours = {"blue": (0, 0, 1), "grey": (0.5, 0.5, 0.5), "red": (1, 0, 0), "green": (0, 1, 0), "black": (0, 0, 0)}
    monkeypatch.setattr(previews, "picture", lambda source, size: np.ones((8, 8, 3)) * colours[source.name])
    sources = [Source(name=name) for name in colours]
    assert [source.name for source in previews.ordered(sources, previews.hue)] == ["red", "green", "blue", "black", "grey"]


def test_styles_are_ordered_from_calm_to_busy_and_uploads_come_first(monkeypatch):
    stripes = lambda period: (np.arange(64)[:, None, None] // period % 2 * np.ones((64, 64, 3))).astype(np.float32)  # noqa: E731
    pictures = {"busy-stripes": stripes(1), "calm-stripes": stripes(16), "mine.png": stripes(1), "medium-stripes": stripes(4)}
    monkeypatch.setattr(previews, "picture", lambda source, size: pictures[source.name])
    sources = [Source(name=name, digest="0" * 16 if name == "mine.png" else None) for name in pictures]
    found = [source.name for source in previews.ordered(sources, previews.unrest)]
    assert found == ["mine.png", "calm-stripes", "medium-stripes", "busy-stripes"]


def test_every_order_holds_every_style():
    for measure in previews.ORDERS.values():
        assert set(previews.ordered(SAMPLES, measure)) == set(SAMPLES)
