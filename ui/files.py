"""What a session keeps: files with a budget, not the page process's memory; and how many uploads are decoded at once."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from nst_core.service import LIMITS, SessionFile, SessionFiles, limits

limits.apply()  # of what this process decodes

FILES = {"each": LIMITS.visitor_mb * 1_000_000, "total": LIMITS.visitors_mb * 1_000_000}  # bytes
DECODERS = 2  # uploads that are decoded at the same time: each may take 400 MB for a moment
decoding = threading.BoundedSemaphore(DECODERS)  # `with decoding:` around whatever decodes a visitor's picture
LET_GO = "let_go"  # how many files of this session, and nothing was said yet


@st.cache_resource(show_spinner=False)
def _shelf() -> SessionFiles:
    return SessionFiles(**FILES)


def visitor() -> str:
    """Who this session is, to share fairly; nobody's name."""
    return st.session_state.setdefault("visitor", uuid.uuid4().hex)


def keep(data: bytes) -> SessionFile:
    """In a file, while this session wants it and there is room.

    Raises: Failure when the disk is full.
    """
    return _shelf().keep(data, visitor())


def keeper(what: str, *, spare: bool = False) -> Callable[[bytes], SessionFile]:
    """Like `keep`, to be called from other threads. what: the kind of the files; the one that takes most makes room first.

    spare: these make room before all others of the session.
    """
    shelf, owner = _shelf(), visitor()
    return lambda data: shelf.keep(data, owner, what, spare=spare)


def keep_latest(kept: dict[Any, Any], limit: int) -> None:
    """Let the oldest go beyond so many; `forget_what_is_gone` says so at the next look at a page."""
    for key in list(kept)[:-limit]:
        del kept[key]
        st.session_state[LET_GO] = st.session_state.get(LET_GO, 0) + 1


def forget_what_is_gone() -> None:
    """Uploads and results whose files have made room for newer ones, with a sentence."""
    state = st.session_state
    mine = [state[key] for key in state if key == "uploads" or str(key).endswith(".results")]
    gone = [(kept, key) for kept in mine for key, entry in kept.items() if not entry.there]
    for kept, key in gone:
        del kept[key]
    if number := len(gone) + state.pop(LET_GO, 0):
        which = "one was" if number == 1 else f"{number} were"
        st.toast(f"Made room for newer files: this session's oldest {which} let go.", icon=":material/inbox:")


def taken(widget: str) -> tuple[str, bytes] | None:
    """Name and bytes of what an uploader or the camera just got. Streamlit lets go of it: it would hold it all session long."""
    return next(iter(taken_all(widget)), None)


def taken_all(widget: str) -> list[tuple[str, bytes]]:
    """The same of an uploader for several files."""
    files, context = st.session_state[widget], get_script_run_ctx()
    if context is None or files is None:
        return []
    found = []
    for file in files if isinstance(files, list) else [files]:
        if not isinstance(file, UploadedFile):
            continue  # taken before: an uploader for several tells of each as it comes
        if isinstance(manager := context.uploaded_file_mgr, MemoryUploadedFileManager):
            manager.remove_file(context.session_id, file.file_id)
        found.append((file.name, file.getvalue()))
    return found
