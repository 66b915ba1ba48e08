"""What the Live page tells the browser: where the runtime comes from, how large to paint; and what it takes back."""

import base64
from types import SimpleNamespace

import pytest
import streamlit as st

from ui import live, runtime


@pytest.fixture
def empty(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    monkeypatch.delenv("NST_RUNTIME_URL", raising=False)
    return tmp_path


def test_the_runtime_comes_from_where_it_is_said_to_else_from_here_else_from_its_publisher(empty, monkeypatch):
    assert runtime.source() == f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{runtime.VERSION}/dist/"
    for file in runtime.FILES[1:]:
        (empty / file.name).touch()
    assert runtime.source() == runtime.PUBLISHED  # one is missing
    (empty / runtime.FILES[0].name).touch()
    assert runtime.source() == "app/static/onnxruntime-web/"
    monkeypatch.setenv("NST_RUNTIME_URL", "https://mirror.example/ort")
    assert runtime.source() == "https://mirror.example/ort/"


def test_every_file_of_the_runtime_has_a_checksum():
    assert all(len(base64.b64decode(file.sha256)) == 32 for file in runtime.FILES)


@pytest.mark.parametrize(("asked", "side"), [(None, None), ("large", None), ("256", 256), ("99", 96), ("1", 64), ("9999", 640)])
def test_a_size_in_the_address_is_a_multiple_of_four_within_bounds(monkeypatch, asked, side):
    monkeypatch.setattr(st, "query_params", {} if asked is None else {"side": asked})
    assert live.side() == side


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (None, "The snapshot did not arrive whole"),
        ({"content": "UE5H"}, "The snapshot did not arrive whole"),
        (
            dict.fromkeys(("content", "painted"), "UE5H") | {"styles": [], "shares": [], "strength": 1, "seconds": 1},
            "The picture",
        ),
    ],
)
def test_a_snapshot_that_is_none_is_a_sentence_and_nothing_is_kept(monkeypatch, sent, sentence):
    state = {live.KEY: SimpleNamespace(snapped=sent)}
    monkeypatch.setattr(st, "session_state", state)
    live.take_snapshot()
    assert len(state["sentences"]) == 1 and state["sentences"][0].startswith(sentence)
    assert set(state) == {live.KEY, "sentences"}
