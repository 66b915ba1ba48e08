"""Losses and measures in words: terms summed over their layers, and what a style distance means."""

import json

import pytest
import streamlit as st

from nst_core.service import Progress
from ui import charts

LOSSES = {"content/block4_conv2": 1.0, "style/block1_conv1": 2.0, "style/block2_conv1": 4.0, "tv": 0.5}


def progress(*losses):
    return [Progress(number, 300, values, float(number), None) for number, values in enumerate(losses, 1)]


def test_terms_are_summed_over_their_layers():
    (moment,) = charts.summed(progress(LOSSES))
    assert moment.losses == {"content": 1.0, "style": 6.0, "tv": 0.5}
    assert charts.summed([moment]) == [moment]  # a training's are sums already


@pytest.fixture
def drawn(monkeypatch):
    """What the chart was told."""
    told = []
    monkeypatch.setattr(st, "echarts_chart", lambda spec, **options: told.append(json.loads(spec)))
    return told


def test_the_legend_speaks_in_words_and_names_layers_on_demand(drawn):
    moments = progress(LOSSES, LOSSES)
    charts.loss_chart(charts.summed(moments))
    charts.loss_chart(moments)
    words, layers = ([series["name"] for series in chart["series"]] for chart in drawn)
    assert words == ["Content", "Style", "Smoothness"]
    assert layers == ["Content, block4_conv2", "Style, block1_conv1", "Style, block2_conv1", "Smoothness"]


def test_a_logarithmic_chart_leaves_out_what_is_not_above_zero(drawn):
    charts.loss_chart(progress({"content": 0.0, "style": 9.0, "tv": 0.0}, {"content": 0.3, "style": 3.0, "tv": 0.0}))
    assert {series["name"]: series["data"] for series in drawn[0]["series"]} == {
        "Content": [[2, 0.3]],
        "Style": [[1, 9.0], [2, 3.0]],
    }
    assert 0 < drawn[0]["yAxis"]["min"] < 0.3


@pytest.mark.parametrize(("before", "after", "share"), [(0.8, 0.2, 0.75), (0.5, 0.0, 1), (0.5, 0.6, 0), (0.0, 0.1, 0)])
def test_the_bar_shows_how_far_it_came(before, after, share):
    assert charts.share_of_the_way(before, after) == pytest.approx(share)


def test_a_style_distance_in_words():
    assert "0.80 away from the style, the result is 0.12" in charts.in_words(0.8, 0.12)
    assert charts.in_words(0.8, 0.12).endswith("**It came 85% of the way.**")
    assert charts.in_words(0.5, 0.6).endswith("It came no nearer.")
