"""What the Live page stands on: the studio in the visitor's browser, vectors for it, and the snapshots that come back.

In assets/components/live: `studio.js` is the component, `sources.js` what is painted, `pace.js` how large, `worker.js` the
painter.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st
from pydantic import Base64Bytes, BaseModel, ValidationError
from streamlit.runtime import get_instance

import ui
from nst_core import images, recipes
from nst_core.errors import BadPicture
from nst_core.models import weights
from nst_core.pictures import strokes
from nst_core.recipes import Source, StyleSource
from nst_core.service import Job
from nst_core.stylizer import Step
from ui import runtime
from ui.messages import HOURGLASS, LOADING

PREFIX = "live"
KEY = f"{PREFIX}.studio"
SIDE = 768  # pixels of the photographs that move while there is no camera
MOVING = ("mountain-lake", "chelsea", "coffee", "city-lights", "astronaut", "rocket")
SIDES = (64, 640)  # pixels of a frame's longer side; `?side=` in the address sets one for good
STYLES = 2  # that can be blended
POLL = 0.2  # seconds between looks at the engine
PARTS = Path(__file__).parents[1] / "assets" / "components" / "live"


def _component() -> Callable[..., Any]:
    """One module of several files: a component's cannot import each other."""
    read = lambda name: (PARTS / name).read_text()  # noqa: E731
    worker = f"const WORKER = {json.dumps(read('worker.js'))};"
    js = "\n".join([read("studio.js"), read("sources.js"), read("pace.js"), worker])
    return st.components.v2.component("nst_live", html=read("live.html"), css=read("live.css"), js=js)


_live = _component()


def studio(styles: Sequence[Source]) -> Any:
    """Camera or photographs, painted in those styles whose vectors are known; `.instead` is set where that cannot be."""
    known = vectors()
    data = {
        "backends": {name: [_file(file) for file in files] for name, files in runtime.BACKENDS.items()},
        "model": _model(),
        "pictures": [_served(ui.identity(source), _moving(ui.identity(source), source)) for source in moving()],
        "styles": [_style(style, known[ui.identity(style)]) for style in styles if ui.identity(style) in known],
        "side": side(),
    }
    return _live(key=KEY, data=[data], on_snapped_change=take_snapshot, on_instead_change=lambda: None)


def _style(style: Source, vector: list[float]) -> dict[str, object]:
    return {"name": style.name, "digest": style.digest, "title": ui.title(style), "vector": vector}


def side() -> int | None:
    """That the address asks for; None: as large as the device can."""
    asked = st.query_params.get("side", "")
    return min(max(int(asked), SIDES[0]), SIDES[1]) // 4 * 4 if asked.isdecimal() and len(asked) < 5 else None


# --- what the browser fetches ------------------------------------------------------------------------------------------


def _file(file: runtime.RuntimeFile) -> dict[str, object]:
    return {"url": runtime.source(file), "bytes": file.bytes, "sha256": file.sha256}


def _model() -> dict[str, object]:
    data = weights.LITE.read_bytes()
    return {"url": _served("model", data, "application/octet-stream"), "bytes": len(data), "sha256": _digest(data)}


def _digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _served(name: str, data: bytes, mime: str = "image/jpeg") -> str:
    """Where the browser finds it, relative to the app: as Streamlit serves the pictures of its own widgets."""
    return get_instance().media_file_mgr.add(data, mime, f"{PREFIX}.{name}").lstrip("/")


def moving() -> list[Source]:
    """What moves while there is no camera: the session's own pictures but for snapshots, then ours."""
    taken = {recipe.content for recipe in st.session_state.get(f"{PREFIX}.results", {})}
    own = [source for source in ui.own_pictures("photograph") if source not in taken]
    return [*own, *(Source(name=name) for name in MOVING)]


@st.cache_data(show_spinner=False, max_entries=24)
def _moving(key: str, _source: Source) -> bytes:
    """A JPEG."""
    return images.thumbnail(ui.picture(_source, SIDE), SIDE)


# --- style vectors -----------------------------------------------------------------------------------------------------


def vectors() -> dict[str, list[float]]:
    """That this session knows, by the identity of their styles."""
    return st.session_state.setdefault(f"{PREFIX}.vectors", {})


def predict(styles: Iterable[Source]) -> None:
    """Have the engine say the vectors that are missing, then show them: all that the server does for a painting.

    Raises: NSTError.
    """
    missing = [style for style in styles if ui.identity(style) not in vectors()]
    if not missing:
        return
    job: Job = ui.engine().vectors([ui.picture(style, ui.STYLE_SIDE) for style in missing], visitor=ui.visitor())
    said = st.empty()
    while not job.wait(POLL):
        said.markdown(HOURGLASS + ("Looking at the style …" if ui.engine().ready else LOADING))
    vectors().update(zip(map(ui.identity, missing), job.result(), strict=True))
    st.rerun()


# --- snapshots ---------------------------------------------------------------------------------------------------------


class Snapshot(BaseModel):
    """What the browser sends: a frame and what it was painted as, PNGs in base64, and how."""

    content: Base64Bytes
    painted: Base64Bytes
    styles: list[Source]
    shares: list[float]
    strength: float
    seconds: float


def take_snapshot() -> None:
    """A photograph and a result of this session from now on."""
    with ui.sentences():
        try:
            keep_snapshot(Snapshot.model_validate(st.session_state[KEY].snapped))
        except (ValidationError, KeyError) as error:  # KeyError: the page was being left
            raise BadPicture("The snapshot did not arrive whole: take another.") from error


def keep_snapshot(sent: Snapshot) -> None:
    """Raises: BadPicture, BadRecipe, Failure."""
    with ui.decoding:
        content, painted = images.decode(sent.content), images.decode(sent.painted)
    if content.shape != painted.shape:
        raise BadPicture("The snapshot's two pictures do not fit: take another.")
    number = st.session_state[f"{PREFIX}.taken"] = st.session_state.get(f"{PREFIX}.taken", 0) + 1
    recipe = recipes.instant(  # what Instant would be asked for to paint the same
        content=ui.keep_upload(f"Live picture {number}.png", sent.content),
        styles=[StyleSource(source=source, weight=share) for source, share in zip(sent.styles, sent.shares, strict=False)],
        strength=sent.strength,
        size=max(content.shape),
        stroke_size=strokes.of_one_pass(content.shape[0], content.shape[1], strokes.NATURAL_OF_INSTANT),
        engine="instant-lite",
    )
    ui.keep_result(PREFIX, recipe, Step(1, 1, image=painted, seconds=sent.seconds), images.thumbnail(content, ui.PREVIEW))
