"""What all chapters share: the two pictures they are about, figures made ahead, figures made now, and a way to keep them."""

import base64
import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image as Pillow
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from nst_core import explain, images
from nst_core.errors import Cancelled
from nst_core.images import Image
from nst_core.recipes import Source
from nst_core.service import Job, Lane
from ui.components import FrameCard, gallery
from ui.files import keep, taken, visitor
from ui.messages import HOURGLASS, LOADING, sentences
from ui.pickers import pick_content
from ui.pictures import FILE_TYPES, STYLES, data_uri, identity, keep_upload, own_pictures, picture, plain_title, thumbnails
from ui.shared_engine import claim, collected, engine

PREFIX = "explain"
LESSONS = Path(__file__).parents[2] / "assets" / "lessons"
OPENING = {"content": Source(name="chelsea"), "style": Source(name="starlit-oils")}
SIDE, LIVE_SIDE = 256, 160  # pixels of the long side: of what needs one pass, and of what is optimised while one waits
STYLE_SIDE = 512  # that the predictor of instant-lite is given, as on the Instant page
KEPT = 8  # figures of a kind that a session keeps
POLL = 0.3  # seconds between looks at a job


# --- the pictures -----------------------------------------------------------------------------------------------------


def chosen(what: str) -> Source:
    """The visitor's photograph ("content") or style ("style")."""
    return st.session_state.setdefault(f"{PREFIX}.{what}", OPENING[what])


def pixels(what: str, side: int = SIDE) -> Image:
    """Raises: BadPicture, Gone."""
    return picture(chosen(what), side)


def both() -> tuple[Image, Image]:
    """Photograph and style, small enough to be optimised while one waits."""
    return pixels("content", LIVE_SIDE), pixels("style", LIVE_SIDE)


def pick_photograph() -> None:
    chosen("content")
    with st.popover(f"Photograph: {plain_title(chosen('content'))}", icon=":material/photo_camera:"):
        st.session_state.setdefault(f"{PREFIX}.content.kind", "Samples")
        pick_content(f"{PREFIX}.content")


def pick_style() -> None:
    key, current = f"{PREFIX}.style", chosen("style")
    shown = [*own_pictures("style"), *(Source(name=name) for name in STYLES)]
    pick = lambda id: st.session_state.update({key: next(s for s in shown if identity(s) == id)})  # noqa: E731
    with st.popover(f"Style: {plain_title(current)}", icon=":material/palette:"):
        gallery(thumbnails(shown), [identity(current)], pick, key=f"{key}.gallery")
        st.file_uploader("Your own style", FILE_TYPES, key=f"{key}.file", on_change=_take_style)


def _take_style() -> None:
    key = f"{PREFIX}.style"
    if (file := taken(f"{key}.file")) is None:
        return
    with sentences():
        st.session_state[key] = keep_upload(*file, "style")


def about(*what: str) -> tuple[str, ...]:
    """What a figure is about: the identities of the chosen pictures."""
    return tuple(identity(chosen(each)) for each in what)


# --- made ahead -------------------------------------------------------------------------------------------------------


class Lesson(NamedTuple):
    """A row of pictures made ahead, data URIs, and what was measured of each."""

    pictures: list[str]
    figures: dict[str, Any]


@st.cache_data(show_spinner=False, max_entries=12)
def lesson(name: str) -> Lesson | None:
    """One of assets/lessons, which `assets/make_lessons.py` makes; None where there is none of that name."""
    told: dict[str, Any] = json.loads((LESSONS / "lessons.json").read_text())
    file = LESSONS / f"{name}.webp"
    if name not in told or not file.is_file():
        return None
    strip = row_of(file)
    return Lesson([jpeg_uri(part) for part in explain.split(strip, told[name]["count"])], told[name])


def row_of(file: Path) -> Image:
    """A file of ours: none of the limits that strangers' have, such as how long a row may be."""
    with Pillow.open(file) as picture:
        return images.from_uint8(np.asarray(picture.convert("RGB")))


def jpeg_uri(image: Image) -> str:
    return data_uri(images.encode(image, "jpeg"))


@st.cache_data(show_spinner=False, max_entries=4)
def arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(LESSONS / f"{name}.npz") as file:
        return dict(file)


# --- made now ---------------------------------------------------------------------------------------------------------


class Figure(NamedTuple):
    """What was made for a visitor: pictures, data URIs, and what was measured."""

    pictures: list[str]
    told: Any = None


Finish = Callable[[Any], tuple[list[bytes], Any]]  # a job's result to JPEGs, which go into files, and a few numbers


def _kept(key: str, signature: object) -> Figure | None:
    files, told = st.session_state.setdefault(f"{PREFIX}.kept.{key}", {}).get(signature, (None, None))
    return (
        Figure([data_uri(file.read()) for file in files], told) if files is not None and all(f.there for f in files) else None
    )


def _keep(key: str, signature: object, made: tuple[list[bytes], Any]) -> Figure:
    kept = st.session_state.setdefault(f"{PREFIX}.kept.{key}", {})
    kept[signature] = [keep(jpeg) for jpeg in made[0]], made[1]
    while len(kept) > KEPT:
        kept.pop(next(iter(kept)))
    return Figure([data_uri(jpeg) for jpeg in made[0]], made[1])


def _pending(key: str, signature: object) -> Job | None:
    """The job of that figure; one that was about something else is given up."""
    asked, job = st.session_state.get(f"{PREFIX}.job.{key}", (None, None))
    if job and asked != signature:
        job.cancel()
        _forget(key, job)
    return job if asked == signature else None


def _begin(key: str, signature: object, job: Job) -> Job:
    claim(job)
    st.session_state[f"{PREFIX}.job.{key}"] = signature, job
    return job


def _forget(key: str, job: Job) -> None:
    collected(job)
    st.session_state.pop(f"{PREFIX}.job.{key}", None)


def at_once(
    key: str, signature: object, function: Callable[..., Any], *pictures: Image, finish: Finish, **options: Any
) -> Figure:
    """What one pass of the light lane makes of the pictures, made now unless it was before.

    Raises: NSTError.
    """
    if figure := _kept(key, signature):
        return figure
    job = _pending(key, signature) or _begin(
        key, signature, engine().explain(function, *pictures, visitor=visitor(), **options)
    )
    said = st.empty()
    while not job.wait(POLL):
        said.markdown(HOURGLASS + ("Looking …" if engine().ready else LOADING))
    said.empty()
    try:
        return _keep(key, signature, finish(job.result()))
    finally:
        _forget(key, job)


def on_demand(key: str, signature: object, button: str, send: Callable[[], Job], finish: Finish) -> Figure | None:
    """What a few seconds of the slow worker make: a button, then progress with a preview and a way to stop, then the result.

    None until there is one. The button stands where this is called.
    """
    if figure := _kept(key, signature):
        return figure
    engine().prepare()
    wanted, job = f"{PREFIX}.wanted.{key}", _pending(key, signature)
    place = st.empty()
    if job is None:
        ask = lambda: st.session_state.update({wanted: signature})  # noqa: E731
        with place:
            st.button(button, icon=":material/play_arrow:", on_click=ask, key=f"{PREFIX}.{key}.go")
        if st.session_state.pop(wanted, None) != signature:
            return None
        job = _begin(key, signature, send())
    with place.container():
        said, bar, shown = st.empty(), st.empty(), st.empty()
        st.button("Stop", icon=":material/close:", on_click=job.cancel, key=f"{PREFIX}.{key}.stop")
    while not job.wait(POLL):
        latest = job.progress[-1] if job.progress else None
        said.markdown(HOURGLASS + _stand(job))
        bar.progress(latest.iteration / latest.total if latest else 0.0)
        if preview := next((p.preview for p in reversed(list(job.progress)) if p.preview), None):
            with sentences():
                shown.image(preview.read(), width="stretch")
    place.empty()
    try:
        return _keep(key, signature, finish(job.result()))
    except Cancelled:
        st.rerun()
    finally:
        _forget(key, job)


def _stand(job: Job) -> str:
    if job.progress:
        return f"Step {job.progress[-1].iteration} of {job.progress[-1].total}"
    return f"{job.position} ahead of you …" if job.position else "Beginning …" if engine().ready else LOADING


def slowly(function: Callable[..., Any], *pictures: Image, **options: Any) -> Job:
    """A few seconds of optimisation; beside a long run of somebody's, not after it."""
    return engine().explain(function, *pictures, lane=Lane.TENSORFLOW, visitor=visitor(), **options)


def rows(count: int) -> Finish:
    """Of a job that ends with pictures side by side: each of them, and themselves as arrays for who measures."""
    return lambda step: ([images.encode(part, "jpeg") for part in explain.split(step.image, count)], None)


# --- shown ------------------------------------------------------------------------------------------------------------


def stage() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Where a picture stands, and beside it, on a phone below it, what is said about it and asked."""
    left, right = st.columns([7, 5], gap="large")
    return left, right


def heading(text: str, sentences_: str) -> None:
    st.markdown(f"#### {text}\n{sentences_}")


def formula(latex: str, words: str) -> None:
    with st.expander("The formula", icon=":material/function:"):
        st.latex(latex)
        st.caption(words)


def frames(pictures: Sequence[str], labels: Sequence[str], lines: Sequence[str]) -> list[FrameCard]:
    return [FrameCard(*each) for each in zip(pictures, labels, lines, strict=True)]


def offer(pictures: Sequence[str], name: str, *, key: str) -> None:
    """A button that saves the pictures of a figure, side by side."""
    st.download_button(
        "Save this figure", partial(_side_by_side, tuple(pictures)), f"{name}.png", "image/png", icon=":material/download:",
        on_click="ignore", key=f"{PREFIX}.save.{key}",
    )  # fmt: skip


def decoded(uri: str) -> Image:
    """A data URI's picture."""
    return images.decode(base64.b64decode(uri.split(",", 1)[1]), min_side=1)


HEAT = np.array([(22, 18, 30), (94, 34, 80), (190, 64, 60), (240, 160, 70), (255, 244, 214)], np.float32) / 255


def heat(values: np.ndarray) -> Image:
    """(h, w) in [0, 1] to colours from night to paper, (h, w, 3): those of `assets/components/matrix.js`."""
    places = np.linspace(0, 1, len(HEAT))
    return np.stack([np.interp(values, places, HEAT[:, part]) for part in range(3)], -1).astype(np.float32)


def _side_by_side(pictures: Sequence[str]) -> bytes:
    parts = [decoded(uri) for uri in pictures]
    height = max(part.shape[0] for part in parts)
    gap = np.ones((height, 6, 3), np.float32)
    fitted = [images.resize(part, height, round(part.shape[1] * height / part.shape[0])) for part in parts]
    return images.encode(np.concatenate([x for part in fitted for x in (part, gap)][:-1], 1), "png")
