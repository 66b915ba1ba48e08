"""What a session keeps: uploads leave Streamlit's memory, and what made room is forgotten with a sentence."""

import ast
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import streamlit as st
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFile, UploadedFileRec
from streamlit.testing.v1 import AppTest

from nst_core import images
from nst_core.service import SessionFiles
from ui import files, pictures

ROOT = Path(__file__).parents[2]

PATIENCE = 60  # seconds until a hang counts as a failure


@pytest.fixture
def small(monkeypatch):
    shelf = SessionFiles(each=100, total=1000)
    monkeypatch.setattr(files, "_shelf", lambda: shelf)


def test_an_upload_is_taken_out_of_streamlits_memory(monkeypatch):
    manager = MemoryUploadedFileManager("/upload")
    record = UploadedFileRec(file_id="7", name="wall.png", type="image/png", data=b"bricks")
    manager.add_file("me", record)
    monkeypatch.setattr(files, "get_script_run_ctx", lambda: SimpleNamespace(uploaded_file_mgr=manager, session_id="me"))
    monkeypatch.setattr(st, "session_state", {"file": UploadedFile(record, FileURLs())})
    assert files.taken("file") == ("wall.png", b"bricks")
    assert not manager.get_files("me", ["7"])
    st.session_state["file"] = DeletedFile("7")  # what Streamlit says of it from now on
    assert files.taken("file") is None


def page():
    """A visitor who makes a picture at every look."""
    from types import SimpleNamespace

    import streamlit as st

    from ui import files

    made = st.session_state.setdefault("some.results", {})
    files.forget_what_is_gone()
    kept = files.keep(bytes(40))
    made[len(made), kept] = SimpleNamespace(kept=kept, there=True)
    for entry in made.values():
        entry.there = entry.kept.there


def test_what_made_room_is_forgotten_with_a_sentence(small):
    app = AppTest.from_function(page, default_timeout=PATIENCE).run().run()
    assert len(app.session_state["some.results"]) == 2
    assert not app.toast
    app.run()
    assert len(app.session_state["some.results"]) == 3
    app.run()
    assert len(app.session_state["some.results"]) == 3
    assert "Made room" in app.toast[0].value


def test_every_session_has_a_budget_of_its_own(small):
    one, other = (
        AppTest.from_function(page, default_timeout=PATIENCE).run().run(),
        AppTest.from_function(page, default_timeout=PATIENCE).run().run(),
    )
    for app in (one, other):
        assert all(entry.there for entry in app.session_state["some.results"].values())


def test_no_more_than_two_uploads_are_decoded_at_once(monkeypatch):
    """Whichever way they come in."""
    now, most, lock = [], [], threading.Lock()

    def decode(data, **options):
        with lock:
            now.append(data)
            most.append(len(now))
        time.sleep(0.1)
        with lock:
            now.remove(data)
        return np.zeros((32, 32, 3), np.float32)

    monkeypatch.setattr(images, "decode", decode)
    monkeypatch.setattr(images, "opacity", lambda data, **options: None)
    monkeypatch.setattr(pictures, "keep", lambda data: data)
    monkeypatch.setattr(pictures, "uploads", dict)
    monkeypatch.setattr(pictures, "keep_latest", lambda kept, limit: None)
    kept = SimpleNamespace(file=SimpleNamespace(read=lambda: b"kept"), source=SimpleNamespace(name="kept"))
    with ThreadPoolExecutor(8) as threads:
        for number in range(4):
            threads.submit(pictures.keep_upload, "new", bytes([number]))
            threads.submit(pictures._scaled_upload, "digest", 32, "white", kept)
    assert len(most) == 8 and max(most) == files.DECODERS


@pytest.mark.parametrize("folder", ["ui", "pages"])
def test_uploads_are_decoded_behind_the_semaphore_only(folder):
    uploads = {"images.decode", "images.opacity", "masks.from_picture", "masks.from_alpha"}
    decoders = uploads | {"prints.flattened", "prints.tiff", "images.convert", "images.reopen"}  # and what writes prints
    ours = {"figures.py", "networks.py"}  # decode what the app made itself
    for file in (ROOT / folder).rglob("*.py"):
        tree = ast.parse(file.read_text())
        guarded = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.With) and any("decoding" in ast.unparse(item) for item in node.items)
        ]
        inside = {child for node in guarded for child in ast.walk(node)}
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in decoders]
        free = [ast.unparse(call) for call in calls if call not in inside and file.name not in ours]
        assert free in ([], ["images.decode(file.read_bytes())"]), file  # a sample of ours


def collection():
    """A visitor who brings a file before every look."""
    import streamlit as st

    from ui import files

    kept = st.session_state.setdefault("some.uploads", {})
    kept[max(kept, default=-1) + 1] = "file"
    files.keep_latest(kept, 3)
    files.forget_what_is_gone()


def test_the_oldest_beyond_so_many_go_with_a_sentence():
    app = AppTest.from_function(collection, default_timeout=PATIENCE).run().run().run()
    assert list(app.session_state["some.uploads"]) == [0, 1, 2]
    assert not app.toast
    app.run()
    assert list(app.session_state["some.uploads"]) == [1, 2, 3]
    assert [toast.value for toast in app.toast] == ["Made room for newer files: this session's oldest one was let go."]
