"""The painting of a clip: which clip, in which styles and where; asked for, watched, and what came of it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import streamlit as st

import ui
from nst_core import engines, recipes
from nst_core.errors import BadClip, Busy, Cancelled, Gone
from nst_core.pictures import masks
from nst_core.recipes import Source, StyleSource, VideoRecipe
from nst_core.service import LIMITS, Job, JobState, SessionFile, Submission, limits
from nst_core.stylizer import Style
from nst_core.videos import Facts, Film, clips
from ui import networks
from ui.messages import LOADING

PREFIX = "video"
PANEL = ui.Panel("video", start="Paint the clip", stop="Stop and keep")
FOLDER = Path(__file__).parents[1] / "assets" / "clips"  # rendered by `assets/make_clips.py`
SAMPLES = {name: FOLDER / f"{name}.mp4" for name in ("motorcycle", "mountain-lake", "chelsea")}
LOOKED = 20.0  # seconds that looking at a clip may take
RECENT = 12  # frames that the pace is told by


class Clip(NamedTuple):
    """An upload of this session."""

    source: Source
    file: SessionFile
    facts: Facts


class FilmNote(NamedTuple):
    """What belongs to a job besides its progress. recipe: also says what kind of job it is."""

    recipe: VideoRecipe


class FilmResult(NamedTuple):
    """A finished film."""

    recipe: VideoRecipe
    mp4: SessionFile
    strip: bytes
    line: str


def note_of(submission: Submission) -> FilmNote:
    assert isinstance(submission.recipe, VideoRecipe)
    return FilmNote(submission.recipe)


# --- the clip ---------------------------------------------------------------------------------------------------------


def uploads() -> dict[str, Clip]:
    return st.session_state.setdefault(f"{PREFIX}.uploads", {})


def pick_clip() -> Source:
    """A sample or an upload; what was chosen before where an upload cannot be read."""
    kind = st.segmented_control("Clip", ["Samples", "Upload"], key=f"{PREFIX}.kind", required=True, persist_state="session")
    if kind == "Upload":
        st.file_uploader(
            f"A clip or a GIF, up to {LIMITS.max_clip_seconds} seconds and {LIMITS.max_clip_mb} MB",
            list(clips.FILE_TYPES),
            key=f"{PREFIX}.file",
            on_change=_take,
        )
    shown = [clip.source for clip in uploads().values()] if kind == "Upload" else [Source(name=name) for name in SAMPLES]
    pick = lambda id: st.session_state.update({f"{PREFIX}.clip": next(s for s in shown if ui.identity(s) == id)})  # noqa: E731
    chosen: Source = st.session_state[f"{PREFIX}.clip"]
    if shown:
        items = [ui.Thumbnail(ui.identity(source), ui.title(source), _poster(source)) for source in shown]
        ui.gallery(items, [ui.identity(chosen)], pick, key=f"{PREFIX}.gallery")
    return chosen


def _take() -> None:
    """Callback of the uploader: a worker looks at the clip, which takes a moment."""
    if (file := ui.taken(f"{PREFIX}.file")) is None:
        return
    name, data = file
    with ui.sentences():
        limits.check_clip_file(name, data)
        facts = _looked_at(data, name)
        limits.check_clip_length(name, facts.seconds)
        source = Source.of_upload(name, data)
        kept = uploads()
        kept[ui.identity(source)] = Clip(source, ui.keep(data), facts)
        ui.keep_latest(kept, LIMITS.kept_uploads)
        st.session_state[f"{PREFIX}.clip"] = source


def _looked_at(data: bytes, name: str) -> Facts:
    """Raises: BadClip, Busy."""
    job = ui.engine().probe(data, name, visitor=ui.visitor())
    try:
        found: Facts = job.result(LOOKED)
    except TimeoutError as error:
        job.cancel()
        if not ui.engine().ready:
            raise Busy(LOADING) from error
        raise BadClip(f"{name} takes too long to read: scale it down, or cut it shorter.") from error
    return found


@st.cache_data(show_spinner=False)
def _of_sample(name: str) -> Facts:
    return _looked_at(SAMPLES[name].read_bytes(), name)


def facts_of(source: Source) -> Facts:
    """Raises: NSTError."""
    return _of_sample(source.name) if source.is_sample else _upload(source).facts


def data_of(source: Source) -> bytes:
    """Raises: BadClip, Gone."""
    return SAMPLES[source.name].read_bytes() if source.is_sample else _upload(source).file.read()


def _upload(source: Source) -> Clip:
    if ui.identity(source) not in uploads():
        raise BadClip(f"“{source.name}” is not among this session's clips: upload it again to go on.")
    return uploads()[ui.identity(source)]


def _poster(source: Source) -> str:
    return ui.data_uri((FOLDER / f"{source.name}.jpg").read_bytes() if source.is_sample else _upload(source).facts.poster)


# --- where the styles go ----------------------------------------------------------------------------------------------


def ask_masks(styles: Sequence[StyleSource]) -> None:
    """A mask a style, uploaded: white is where it goes, for the whole clip."""
    kept: dict[str, SessionFile] = st.session_state.setdefault(f"{PREFIX}.masks", {})
    st.caption("A black and white picture for a style: it goes where that is white, in the whole clip.")
    for style in styles:
        id = ui.identity(style.source)
        st.file_uploader(
            f"Where {ui.plain_title(style.source)} goes",
            ui.FILE_TYPES,
            key=f"{PREFIX}.mask.{id}",
            on_change=partial(_take_mask, id),
        )
        if id in kept:
            again = f"{ui.plain_title(style.source)} everywhere again"
            st.button(again, key=f"{PREFIX}.unmask.{id}", on_click=partial(_unmask, id))


def _take_mask(id: str) -> None:
    if file := ui.taken(f"{PREFIX}.mask.{id}"):
        with ui.sentences(), ui.decoding:
            masks.from_picture(file[1], (64, 64), name=file[0])  # whether it can be read
            st.session_state[f"{PREFIX}.masks"][id] = ui.keep(file[1])


def _unmask(id: str) -> None:
    """Also at a second click, which finds nothing more."""
    st.session_state[f"{PREFIX}.masks"].pop(id, None)


def _with_masks(recipe: VideoRecipe, shape: masks.MaskShape) -> VideoRecipe:
    """Raises: BadRecipe, Gone."""
    kept: dict[str, SessionFile] = st.session_state.get(f"{PREFIX}.masks", {})

    def text(file: SessionFile) -> str:
        with ui.decoding:
            return masks.to_text(masks.from_picture(file.read(), shape))

    styles = [
        style.model_dump() | {"mask": text(file)} if (file := kept.get(ui.identity(style.source))) else style
        for style in recipe.styles
    ]
    return recipes.video(**dict(recipe) | {"styles": styles})


# --- run --------------------------------------------------------------------------------------------------------------


def start(recipe: VideoRecipe) -> None:
    """Hand the clip to the engine.

    Raises: NSTError.
    """
    assert recipe.content
    content, facts = recipe.content, facts_of(recipe.content)
    shape = facts.shape(recipe.size)
    styles: list[Style] = []
    if not recipe.network:
        recipe = _with_masks(recipe, shape)
        styles = [_style(style, shape) for style in recipe.styles]
        masks.check([style.mask for style in styles], len(styles))
    network = networks.bytes_of(ui.identity(recipe.network)) if recipe.network else None
    engines.check(recipe, shape, beside=ui.engine().slow_memory)
    sources = {"clip": data_of(content)} | ({"network": network} if network else {})
    expected = facts.promise(recipe.size, fine=recipe.fine)
    job = ui.engine().run(recipe, styles=styles, files=sources, expected=expected, visitor=ui.visitor())
    PANEL.begin(job, FilmNote(recipe))


def _style(style: StyleSource, shape: masks.MaskShape) -> Style:
    mask = masks.of_text(style.mask, shape) if style.mask else None
    return Style(ui.picture(style.source, ui.STYLE_SIDE), style.weight, mask)


def look() -> ui.JobView:
    return ui.JobView(describe, ui.done, curve=None)


def describe(job: Job) -> str:
    """Where a film stands, in a line."""
    if job.state is JobState.PAUSED:
        return "**Paused.** Resume it when you like; it goes on with the next frame."
    if len(job.progress) < 2:
        return ui.describe(job) if job.position or not ui.engine().ready else "Looking at the clip …"
    first, last = job.progress[-RECENT:][0], job.progress[-1]
    pace = (last.iteration - first.iteration) / max(1e-3, last.seconds - first.seconds)
    left = f" · {ui.spoken((last.total - last.iteration) / pace)} left" if pace else ""
    return f"Frame **{last.iteration}** of {last.total} · {pace:.1f} a second{left}"


def collect(job: Job) -> None:
    """A finished film, or its sentence."""
    with ui.sentences():
        try:
            film: Film = job.result()
        except Cancelled:
            return  # as was asked
        recipe: VideoRecipe = job.note.recipe
        height, width = film.shape
        line = f"{title(recipe)} · {film.iteration} frames of {width} × {height} px · {film.seconds:.0f} s"
        st.session_state[f"{PREFIX}.made"] = FilmResult(recipe, ui.keep(film.mp4), film.strip, line)
        st.session_state[f"{PREFIX}.clip"] = recipe.content  # after a reload it is another
        if film.notice:
            ui.say(BadClip(film.notice))


def title(recipe: VideoRecipe) -> str:
    styles = " + ".join(ui.title(style.source) for style in recipe.styles)
    return f"{ui.title(recipe.content)} in {styles}" if recipe.content else styles


# --- show -------------------------------------------------------------------------------------------------------------


def show_made(clip: Source) -> bool:
    """The last film, if it is of this clip."""
    made: FilmResult | None = st.session_state.get(f"{PREFIX}.made")
    if made is None or made.recipe.content != clip:
        return False
    try:
        mp4 = made.mp4.read()
    except Gone as error:
        st.session_state.pop(f"{PREFIX}.made")
        ui.show_hint(error, "inbox")
        return False
    st.video(mp4, "video/mp4", loop=True, autoplay=True, muted=True)
    st.caption(ui.plain(made.line))
    with st.container(horizontal=True):
        st.download_button(
            "MP4", made.mp4.read, f"{_stem(made.recipe)}.mp4", "video/mp4", type="primary", on_click="ignore",
            icon=":material/download:", key=f"{PREFIX}.download",
        )  # fmt: skip
        st.download_button(
            "Before and after", made.strip, f"{_stem(made.recipe)}.jpg", "image/jpeg", on_click="ignore",
            icon=":material/view_column:", key=f"{PREFIX}.download_strip",
        )  # fmt: skip
    st.image(made.strip, width="stretch")
    return True


def _stem(recipe: VideoRecipe) -> str:
    names = [source.name for source in (recipe.content, *(style.source for style in recipe.styles)) if source]
    return "-".join(Path(name).stem.replace(" ", "-").lower() for name in names)[:80]


def invite(source: Source, styles: Sequence[StyleSource]) -> None:
    """The clip as it is, and the styles that it will be painted in."""
    with st.container(key="opening"):
        if source.is_sample:
            ui.loop(data_of(source), title=ui.title(source), key=f"{PREFIX}.loop.{source.name}")
        else:  # not every browser plays every clip
            st.image(facts_of(source).poster, width="stretch")
        with st.container(key="opening-styles"):
            for style in ui.thumbnails([style.source for style in styles]):
                st.image(style.src)


def promise(recipe: VideoRecipe) -> str:
    """What the button will do, and about how long it takes."""
    assert recipe.content
    facts = facts_of(recipe.content)
    height, width = facts.shape(recipe.size)
    styles = " and ".join(ui.plain_title(style.source) for style in recipe.styles)
    sound = " The sound stays." if facts.sound else ""
    return (
        f"**{PANEL.start}** paints *{ui.plain_title(recipe.content)}* in the style of *{styles}*: {facts.frames} frames of "
        f"{width} × {height} pixels, each steadied by the one before.{sound} That takes "
        f"**{ui.spoken(facts.promise(recipe.size, fine=recipe.fine))}**; you can watch."
    )
