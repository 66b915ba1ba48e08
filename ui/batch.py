"""Many photographs at once: a section of a page that takes them, paints each as the page's settings say, and gives a ZIP.

State: `{prefix}.batch` holds the batch, `{prefix}.batch_files` what was uploaded for the next one. The address names the batch,
for the page that is reloaded.
"""

import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
import streamlit as st
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string

from nst_core import engines, images, recipes
from nst_core.errors import BadRecipe, Gone, TooLarge
from nst_core.pictures import masks
from nst_core.recipes import MIN_SIZE, InstantRecipe, OptimizeRecipe, Recipe, Source
from nst_core.service import LIMITS, Batch, Job, Lane, SessionFile
from nst_core.stylizer import Step
from ui.files import decoding, keeper, taken_all, visitor
from ui.messages import plain, sentences, spoken
from ui.pictures import FILE_TYPES, THUMBNAIL, styles_of
from ui.shared_engine import claim, collected, engine

LOOK = 1.0  # seconds between looks at a batch
SHOWN = 12  # finished pictures of it that the page shows
ROOM = LIMITS.visitor_mb * 2 / 3 * 1e6  # bytes of a batch: the rest is for what else the session keeps
PNG_BYTES = 2.3  # of a painted picture, for each pixel of a square of its longer side
BatchEngine = Callable[[images.Image], Job]  # called from threads


class BatchFile(NamedTuple):
    source: Source
    file: SessionFile


class BatchResult(NamedTuple):
    """A painted picture: its name in the ZIP, the PNG with its recipe, a small JPEG."""

    name: str
    png: SessionFile
    small: bytes


def many(prefix: str, recipe: Recipe | None, lane: Lane, painter: Callable[[], BatchEngine]) -> None:
    """Folded away until somebody wants it. recipe: None while the page's settings do not work. painter: asked when the batch
    begins; may raise NSTErrors."""
    batch = held(prefix)
    with st.expander("Many photographs at once", icon=":material/photo_library:", expanded=batch is not None):
        if batch is None:
            _ask(prefix, recipe, lane, painter)
        elif batch.finished:
            _show(prefix, batch)
        else:
            _watch(prefix, batch)
            # not in the fragment, whose clicks wait while the page is busy with something else
            st.button("Stop here", icon=":material/stop:", key=f"{prefix}.batch_stop", on_click=batch.cancel)


@st.cache_resource(show_spinner=False)
def _batches() -> "WeakValueDictionary[str, Batch[BatchResult]]":
    """Of all sessions, by id and the browser that it belongs to: Instant's address is made to be shared."""
    return WeakValueDictionary()


def _name(id: str) -> str:
    """Streamlit sends its token under another mask each time; what is under it stays."""
    token, _ = decode_xsrf_token_string(st.context.cookies.get("_streamlit_xsrf", ""))
    return f"{id}.{token.hex() if token else ''}"


def held(prefix: str) -> Batch[BatchResult] | None:
    """The session's, or the one in the address of a page that was reloaded; the address names it from now on."""
    page, id = st.query_params.get("batch", "").partition("-")[::2]
    if f"{prefix}.batch" not in st.session_state and page == prefix and (found := _batches().get(_name(id))):
        claim(found)
        st.session_state[f"{prefix}.batch"] = found
    batch: Batch[BatchResult] | None = st.session_state.get(f"{prefix}.batch")
    if batch and id != batch.id:
        st.query_params["batch"] = f"{prefix}-{batch.id}"
    return batch


def painter(recipe: InstantRecipe | OptimizeRecipe, side: int) -> BatchEngine:
    """Sends a photograph to be painted as the recipe says; from any thread. side: pixels of the styles.

    Raises: NSTError.
    """
    made, styles, mine = engine(), styles_of(recipe, side), visitor()
    if isinstance(recipe, OptimizeRecipe) and recipe.init == "image":  # which belongs to one photograph
        recipe = recipe.model_copy(update={"init": "content"})
    engines.check_models(recipe)

    def paint(content: images.Image) -> Job:
        engines.check(recipe, content.shape[:2], beside=made.slow_memory)
        return made.run(recipe, {"content": content}, styles, visitor=mine)

    return paint


# --- ask --------------------------------------------------------------------------------------------------------------


def _ask(prefix: str, recipe: Recipe | None, lane: Lane, painter: Callable[[], BatchEngine]) -> None:
    st.caption(
        f"At most {LIMITS.max_batch} at a time, all painted with the settings of this page. You get a ZIP; one that cannot be "
        "painted holds up no other."
    )
    st.file_uploader(
        "Your photographs", FILE_TYPES, accept_multiple_files=True, max_upload_size=LIMITS.max_batch_upload_mb,
        key=_uploader(prefix), on_change=partial(_take, prefix), label_visibility="collapsed",
    )  # fmt: skip
    files: list[BatchFile] = st.session_state.get(f"{prefix}.batch_files", [])
    if not files:
        return
    with st.container(horizontal=True):
        begin = st.button(
            f"Paint {_counted(len(files))}", icon=":material/play_arrow:", type="primary", key=f"{prefix}.batch_go"
        )
        st.button("Clear", icon=":material/close:", key=f"{prefix}.batch_clear", on_click=partial(_clear, prefix))
    if begin and recipe:
        with sentences():
            _start(prefix, files, recipe, lane, painter)
        st.rerun()


def _uploader(prefix: str) -> str:
    """Its key: another after every batch, since the browser goes on listing what an uploader was given."""
    return f"{prefix}.batch_upload.{st.session_state.get(f'{prefix}.batch_number', 0)}"


def _take(prefix: str) -> None:
    """Callback of the uploader: what came goes into files, as far as there is room."""
    kept: list[BatchFile] = st.session_state.setdefault(f"{prefix}.batch_files", [])
    hold, room = keeper(f"{prefix}.batch-uploads"), ROOM - sum(file.file.size for file in kept)
    with sentences():
        for name, data in taken_all(_uploader(prefix)):
            room -= len(data)
            if len(kept) == LIMITS.max_batch or room < 0:
                raise TooLarge(
                    f"A batch takes at most {LIMITS.max_batch} photographs, {ROOM / 1e6:.0f} MB altogether: the first "
                    f"{len(kept)} were taken. Paint these, then the rest."
                )
            kept.append(BatchFile(Source.of_upload(name, data), hold(data)))


def _clear(prefix: str) -> None:
    for key in ("batch", "batch_files"):
        st.session_state.pop(f"{prefix}.{key}", None)
    st.session_state[f"{prefix}.batch_number"] = st.session_state.get(f"{prefix}.batch_number", 0) + 1
    st.query_params.pop("batch", None)


def _start(prefix: str, files: list[BatchFile], recipe: Recipe, lane: Lane, painter: Callable[[], BatchEngine]) -> None:
    """Raises: NSTError."""
    _check(len(files), recipe)
    paint, hold, names = painter(), keeper(f"{prefix}.batch"), _names(files)
    sources, uploads = [file.source for file in files], dict(enumerate(files))
    clear: dict[int, np.ndarray] = {}  # how opaque those are that have transparent parts, 8 bits, until they are painted

    def send(number: int) -> Job:
        source, file = uploads[number]
        with decoding:
            data = file.read()
            content = images.decode(data, name=source.name, max_side=recipe.size, over="nearest")
            content = images.fit(content, recipe.size)
            alpha = masks.from_alpha(data, content.shape[:2], name=source.name)
        if alpha is not None:
            clear[number] = images.to_uint8(alpha)
        return paint(content)

    def take(number: int, step: Step) -> BatchResult:
        assert step.image is not None
        uploads.pop(number)  # its file makes room for what came of it
        own = recipe.model_copy(update={"content": sources[number]})
        alpha = images.from_uint8(clear.pop(number)) if number in clear else None
        png = images.encode(step.image, "png", text=recipes.png_text(own), alpha=alpha)
        return BatchResult(names[number], hold(png), images.thumbnail(images.flatten(step.image, alpha), THUMBNAIL))

    at_once = 1 if lane is Lane.SLOW else engine().at_once(lane) + 1
    batch = Batch([source.name for source in sources], send, take, at_once=at_once)
    claim(batch)
    _batches()[_name(batch.id)] = batch
    st.session_state[f"{prefix}.batch"] = batch
    st.session_state.pop(f"{prefix}.batch_files")
    st.query_params["batch"] = f"{prefix}-{batch.id}"


def _check(count: int, recipe: Recipe) -> None:
    """Raises: TooLarge, BadRecipe."""
    if any(style.mask for style in recipe.styles):
        raise BadRecipe("These settings have painted regions, which belong to one photograph: choose styles without them.")
    room = ROOM / count / PNG_BYTES
    if recipe.size**2 > room:
        fits = int(room**0.5) // 64 * 64
        way_out = f"choose {fits} px at most, or fewer photographs" if fits >= MIN_SIZE else "choose fewer photographs"
        raise TooLarge(f"{_counted(count)} of {recipe.size} px would be more than this machine keeps for a visitor: {way_out}.")


def _names(files: list[BatchFile]) -> list[str]:
    """In the ZIP: as the photographs are called, none twice."""
    names: list[str] = []
    for file in files:
        stem = Path(file.source.name).stem or "picture"
        names.append(next(n for k in range(len(files)) if (n := f"{stem}-{k + 1}.png" if k else f"{stem}.png") not in names))
    return names


# --- show -------------------------------------------------------------------------------------------------------------


@st.fragment(run_every=LOOK)
def _watch(prefix: str, batch: Batch[BatchResult]) -> None:
    if batch.finished:
        st.rerun()
    total, left = len(batch.entries), f" · {spoken(batch.seconds_left)} left" if batch.done else ""
    st.progress(batch.done / total, f"{batch.done} of {total} done{left}")
    for entry in batch.entries:
        if (job := entry.job) and job.progress and job.progress[-1].total > 1:
            st.caption(f"{plain(entry.name)}: {job.progress[-1].iteration} of {job.progress[-1].total}")
        elif job and job.position:
            st.caption(f"{plain(entry.name)}: {job.position} ahead of it")
    _pictures(batch)


def _show(prefix: str, batch: Batch[BatchResult]) -> None:
    collected(batch)
    painted = [entry.value for entry in batch.entries if entry.value]
    made = [one for one in painted if one.png.there]
    st.markdown(f"**{len(painted)} of {_counted(len(batch.entries))} are painted.**")
    if len(made) < len(painted):
        st.markdown(f":material/inbox: {len(painted) - len(made)} of them made room for newer pictures and are gone.")
    for entry in batch.failed:
        told = str(entry.error)
        st.markdown(":material/error: " + plain(told if told.startswith(entry.name) else f"{entry.name}: {told}"))
    _pictures(batch)
    with st.container(horizontal=True):
        if made:
            st.download_button(
                "Download the ZIP", partial(_zip, made), "painted.zip", "application/zip", on_click="ignore", type="primary",
                icon=":material/download:", key=f"{prefix}.batch_zip",
            )  # fmt: skip
        st.button("Another batch", icon=":material/add:", key=f"{prefix}.batch_again", on_click=partial(_clear, prefix))


def _pictures(batch: Batch[BatchResult]) -> None:
    if made := [entry.value for entry in batch.entries if entry.value][-SHOWN:]:
        st.image([one.small for one in made], width=96)


def _counted(count: int) -> str:
    return f"{count} photograph{'s' if count != 1 else ''}"


def _zip(made: list[BatchResult]) -> bytes:
    """Those that are still there."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for one in made:
            with suppress(Gone):  # since the page was drawn
                archive.writestr(one.name, one.png.read())
    return file.getvalue()
