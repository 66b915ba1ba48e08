"""What the Live page tells the browser: where the runtime comes from, how large to paint; and what it takes back."""

import base64
import hashlib
import io
import sys
import tarfile
from types import SimpleNamespace

import pytest
import streamlit as st

from tests import npm
from ui import live, runtime


@pytest.fixture
def empty(monkeypatch, tmp_path):
    monkeypatch.setattr(runtime, "FOLDER", tmp_path)
    monkeypatch.delenv("NST_RUNTIME_URL", raising=False)
    return tmp_path


def file_of(name, data):
    return runtime.RuntimeFile(name, len(data), base64.b64encode(hashlib.sha256(data).digest()).decode())


CONTENTS = {"a.mjs": b"a script", "a.wasm": bytes(1000)}
FILES = [file_of(name, data) for name, data in CONTENTS.items()]
NOBODY = "http://localhost:9/"  # where nothing is served


@pytest.fixture
def without_npm(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


@pytest.fixture
def with_npm(monkeypatch, tmp_path):
    """Put a program named npm on the path whose package has our files; return the files in it, which a test may change."""
    packed = dict(CONTENTS)

    def build():
        with tarfile.open(tmp_path / "package.tar", "w") as archive:
            for name, data in packed.items():
                entry = tarfile.TarInfo(f"package/dist/{name}")
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))

    (programs := tmp_path / "programs").mkdir()
    target = "sys.argv[sys.argv.index('--pack-destination') + 1] + '/p.tgz'"
    script = f"import shutil, sys; shutil.copy({str(tmp_path / 'package.tar')!r}, {target})"
    (programs / "npm").write_text(f"#!{sys.executable}\n{script}\n")
    (programs / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    build()
    return packed, build


def test_each_file_comes_from_where_it_is_said_to_else_from_here_else_from_its_publisher(empty, monkeypatch):
    one, other = FILES
    monkeypatch.setattr(runtime, "FOLDER", empty)
    (empty / one.name).write_bytes(CONTENTS[one.name])
    assert runtime.source(one) == f"app/static/onnxruntime-web/{one.name}"
    assert runtime.source(other) == f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{runtime.VERSION}/dist/{other.name}"
    (empty / other.name).write_bytes(b"of another version")
    assert runtime.source(other).startswith(runtime.PUBLISHED)
    monkeypatch.setenv("NST_RUNTIME_URL", "https://mirror.example/ort")
    assert runtime.source(one) == f"https://mirror.example/ort/{one.name}"


def fetched(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_files_are_fetched_from_their_address(tmp_path, without_npm):
    (published := tmp_path / "published").mkdir()
    for name, data in CONTENTS.items():
        (published / name).write_bytes(data)
    with npm.served(published) as address:
        runtime.fetch(FILES, tmp_path / "here", f"{address}/")
    assert fetched(tmp_path / "here") == CONTENTS
    runtime.fetch(FILES, tmp_path / "here", NOBODY)  # they are there: nobody is asked


def test_files_are_fetched_by_npm_where_the_address_cannot_be_reached(tmp_path, with_npm):
    runtime.fetch(FILES, tmp_path / "here", NOBODY)
    assert fetched(tmp_path / "here") == CONTENTS


@pytest.mark.parametrize("change", [{"a.wasm": bytes(999) + b"x"}, {"a.wasm": None}], ids=["altered", "missing"])
def test_what_the_checksum_does_not_name_is_not_kept(tmp_path, with_npm, change):
    packed, build = with_npm
    packed |= change
    if packed["a.wasm"] is None:
        del packed["a.wasm"]
    build()
    (published := tmp_path / "published").mkdir()
    (published / "a.wasm").write_bytes(b"another")
    with npm.served(published) as address, pytest.raises(OSError, match=r"^a\.wasm: "):
        runtime.fetch(FILES, tmp_path / "here", f"{address}/")
    assert fetched(tmp_path / "here") == {"a.mjs": CONTENTS["a.mjs"]}


def test_a_set_up_that_fails_is_one_line_and_the_next_one_tries_again(empty, monkeypatch, capsys, without_npm):
    monkeypatch.setitem(runtime.BACKENDS, "wasm", FILES)
    with monkeypatch.context() as offline:
        offline.setattr(runtime, "_download", lambda *_: (_ for _ in ()).throw(OSError("Name or service\nnot known")))
        runtime.set_up()
    (line,) = capsys.readouterr().err.splitlines()
    assert "jsDelivr" in line and "not known" in line
    monkeypatch.setattr(
        runtime, "_download", lambda files, folder, _: [(folder / f.name).write_bytes(CONTENTS[f.name]) for f in files]
    )
    runtime.set_up()
    assert fetched(empty) == CONTENTS
    assert not capsys.readouterr().err


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
