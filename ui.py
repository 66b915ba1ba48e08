"""What several pages share: the engine, sample pictures, uploads, pickers, and the panel that shows a result.

Widgets forget their values when a page is left, so everything that must last lives in session state under plain keys;
`persist_state="session"` does the same for sliders and lists.
"""

import base64
import json
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import streamlit as st
from skimage import data as photographs
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.pages_manager import PagesManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from nst_core import images, masks, memory, recipes, weights
from nst_core.engine import Engine, Job, Lane, Progress, State
from nst_core.errors import BadPicture, BadRecipe, Gone, NSTError
from nst_core.quality import Quality
from nst_core.recipes import MAX_SIZE, MAX_STYLES, Color, InstantRecipe, Recipe, Source, StyleSource
from nst_core.shelf import Kept, Shelf
from nst_core.stylizer import Step, Style

ASSETS = Path(__file__).parent / "assets"
FILES = {"each": 150_000_000, "total": 1_000_000_000}  # bytes of files that a session may keep, and all of them
KEPT_UPLOADS = 12  # a session; the oldest is let go
THUMBNAIL = 168  # pixels: twice what a gallery shows, for fine screens
KEPT_RESULTS = 16  # a session
FILE_TYPES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
PREVIEW = 1280  # pixels; the page shows results no larger
STYLE_SIDE = 512  # pixels of the style that travel to an instant stylizer; the predictors look at 256
POLL = 0.4  # seconds between messages while waiting; most instant results are there before the first

COLORS = {
    Color.STYLE: "The style's",
    Color.LUMINANCE: "The photograph's (keep its chroma)",
    Color.LINEAR_SYMMETRIC: "The photograph's, by optimal transport",
    Color.LINEAR_PCA: "The photograph's, by principal axes",
    Color.LINEAR_CHOLESKY: "The photograph's, by Cholesky",
    Color.HISTOGRAM: "The photograph's, by histogram",
}


def head(title: str, text: str) -> None:
    """What the page is for, in two lines."""
    engine()  # it starts while the page is drawn
    if PagesManager.uses_pages_directory:
        # The first visitor of a server, at a page's own address: Streamlit sees a folder `pages` and takes it for its old
        # way of navigation, without app.py. Setting this is what st.navigation does when app.py runs.
        PagesManager.uses_pages_directory = False
        st.rerun()
    forget_what_is_gone()
    st.html(ASSETS / "page.css")
    st.markdown(f"### {title}\n:small[{text}]")


# --- the engine -----------------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False, validate=lambda engine: engine.alive or engine.closed)
def engine() -> Engine:
    """One for all sessions; a new one when the old one has died, not when the server is closing it."""
    memory.tame(one_arena=False)
    memory.stay_small()
    return Engine()


def _release(jobs: list[Job]) -> None:
    for job in jobs:
        job.release()


@st.cache_resource(scope="session", show_spinner=False, on_release=_release)
def _claimed() -> list[Job]:
    return []


def claim(job: Job) -> None:
    """This session watches the job; when it ends, the job has a minute to be found by another."""
    job.claim()
    _claimed().append(job)


def collected(job: Job) -> None:
    """What the job made is on the page: nobody needs the job any more."""
    engine().collected(job)
    if job in _claimed():
        _claimed().remove(job)


# --- files ------------------------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def _shelf() -> Shelf:
    return Shelf(**FILES)


def keep(data: bytes) -> Kept:
    """In a file, while this session wants it and there is room.

    Raises: Failure when the disk is full.
    """
    return _shelf().keep(data, st.session_state.setdefault("visitor", uuid.uuid4().hex))


def forget_what_is_gone() -> None:
    """Uploads and results whose files have made room for newer ones, with a sentence."""
    state = st.session_state
    mine = [uploads(), *(state[key] for key in state if str(key).endswith(".results"))]
    gone = [(kept, key) for kept in mine for key, entry in kept.items() if not entry.there]
    for kept, key in gone:
        del kept[key]
    if gone:
        st.toast(
            f"Made room for newer pictures: the oldest of this session ({len(gone)}) were let go.", icon=":material/inbox:"
        )


def taken(widget: str) -> tuple[str, bytes] | None:
    """Name and bytes of what an uploader or the camera just got. Streamlit lets go of it: it would hold it all session long."""
    file, context = st.session_state[widget], get_script_run_ctx()
    if not isinstance(file, UploadedFile) or context is None:
        return None
    if isinstance(manager := context.uploaded_file_mgr, MemoryUploadedFileManager):
        manager.remove_file(context.session_id, file.file_id)
    return file.name, file.getvalue()


# --- pictures by name -----------------------------------------------------------------------------------------------


class Upload(NamedTuple):
    source: Source
    file: Kept

    @property
    def there(self) -> bool:
        return self.file.there


def _rendered(folder: str) -> dict[str, Callable[[], np.ndarray]]:
    load = lambda file: images.to_uint8(images.decode(file.read_bytes()))  # noqa: E731
    return {file.stem: partial(load, file) for file in sorted((ASSETS / folder).glob("*.jpg"))}


CONTENTS: dict[str, Callable[[], np.ndarray]] = {
    "chelsea": photographs.chelsea,
    "astronaut": photographs.astronaut,
    **_rendered("photographs"),
    "coffee": photographs.coffee,
    "rocket": photographs.rocket,
    "motorcycle": lambda: photographs.stereo_motorcycle()[0],
    "galaxies": photographs.hubble_deep_field,
}
STYLES = _rendered("styles")


def title(source: Source) -> str:
    """`woodcut-waves` reads as "Woodcut waves"; an upload keeps its file's name."""
    return source.name.replace("-", " ").capitalize() if source.is_sample else source.name


def identity(source: Source) -> str:
    """What tells pictures apart in galleries and widget keys."""
    return source.digest or source.name


def uploads() -> dict[str, Upload]:
    return st.session_state.setdefault("uploads", {})


def keep_upload(name: str, data: bytes) -> Source:
    """Remember an uploaded picture for this session.

    Raises: BadPicture, Failure.
    """
    images.decode(data, name=name, max_side=THUMBNAIL)
    upload = Upload(Source.of_upload(name, data), keep(data))
    kept = uploads()
    kept.pop(identity(upload.source), None)
    kept[identity(upload.source)] = upload
    while len(kept) > KEPT_UPLOADS:
        kept.pop(next(iter(kept)))
    return upload.source


def picture(source: Source, size: int) -> images.Image:
    """The picture, its longer side scaled to `size`.

    Raises: BadPicture when it is no upload of this session's, or no sample of ours; Gone.
    """
    if source.digest:
        upload = uploads().get(source.digest)
        if upload is None:
            raise BadPicture(f"“{source.name}” is not among this session's pictures: upload it again to go on.")
        pixels = _scaled_upload(source.digest, size, upload)
    elif source.name in CONTENTS or source.name in STYLES:
        pixels = _scaled_sample(source.name, size)
    else:
        raise BadPicture(f"There is no sample called “{source.name}”: choose one from the gallery.")
    return images.from_uint8(pixels)


# 8 bits, few entries: at 2048 px each is 12 MB, and the page process is to stay small
@st.cache_data(show_spinner=False, max_entries=8)
def _scaled_sample(name: str, size: int) -> np.ndarray:
    load = CONTENTS.get(name) or STYLES[name]
    return images.to_uint8(images.fit(images.from_uint8(load()), size))


@st.cache_data(show_spinner=False, max_entries=4)
def _scaled_upload(digest: str, size: int, _upload: Upload) -> np.ndarray:
    image = images.decode(_upload.file.read(), name=_upload.source.name, max_side=MAX_SIZE)
    return images.to_uint8(images.fit(image, size))


@st.cache_data(show_spinner=False, max_entries=64)
def _thumbnail(key: str, _source: Source) -> str:
    return data_uri(images.thumbnail(picture(_source, THUMBNAIL * 2), THUMBNAIL * 2))


def data_uri(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


# --- components -----------------------------------------------------------------------------------------------------


def _component(name: str, html: str) -> Callable[..., object]:
    """A component from assets/components. Its data goes in a list: in a dict, Streamlit would look for data frames, and
    import pandas for that, which costs the page process 70 MB and half a second."""
    folder = ASSETS / "components"
    css, js = folder / f"{name}.css", folder / f"{name}.js"
    css_text = css.read_text() if css.exists() else None
    return st.components.v2.component(f"nst_{name}", html=html, css=css_text, js=js.read_text())


_gallery = _component("gallery", '<div class="gallery" role="group"></div>')
_compare = _component(
    "compare",
    '<figure class="compare"><img class="after"><img class="before" alt="Before"><i></i>'
    '<input type="range" min="0" max="100" step="0.5" value="22" aria-label="Before and after"></figure>',
)


_layers = _component("layers", '<div class="layers"></div>')
_fit = _component("fit", "")


_drawing = _component("drawing", '<div class="drawing"></div>')


class Thumbnail(NamedTuple):
    id: str
    title: str
    src: str


def thumbnails(sources: Iterable[Source]) -> list[Thumbnail]:
    return [Thumbnail(identity(s), title(s), _thumbnail(identity(s), s)) for s in sources]


def gallery(
    items: Iterable[Thumbnail], chosen: Iterable[str], on_pick: Callable[[str], None], *, key: str, strip: bool = False
) -> None:
    """Thumbnails to click; the chosen ones are framed and, where there are several, numbered."""
    order = list(chosen)
    badge = lambda id: None if id not in order else str(order.index(id) + 1) if len(order) > 1 else ""  # noqa: E731
    data = {"items": [item._asdict() | {"badge": badge(item.id)} for item in items], "strip": strip}
    _gallery(key=key, data=[data], on_picked_change=lambda: on_pick(st.session_state[key].picked))


def compare(before: str, after: str, *, width: int, alt: str, key: str) -> None:
    """Two pictures (data URIs) of one shape with a line to drag between them."""
    _compare(key=key, data=[{"before": before, "after": after, "width": width, "title": alt}])


class LayerRow(NamedTuple):
    """A row of `layers`. src: the style's thumbnail; "" shows the colour in stripes."""

    id: str
    title: str
    src: str
    color: str
    note: str
    chosen: bool
    visible: bool


def layers(rows: Iterable[LayerRow], on_act: Callable[[str, str], None], *, key: str) -> None:
    """The layers of a painting; `on_act` is told an id and one of pick, show, remove."""

    def acted() -> None:
        told = st.session_state[key].acted
        on_act(told["id"], told["act"])

    _layers(key=key, data=[{"items": [row._asdict() for row in rows]}], on_acted_change=acted)


def fit_width(block: str, width: int) -> None:
    """Scale the container of that key, made for so many pixels, to the width that the page has."""
    _fit(key=f"{block}.fit", data=[{"key": block, "width": width}])


def drawing(svg: str, key: str) -> None:
    """An SVG of ours; never a stranger's."""
    _drawing(key=key, data=[svg])


# --- pickers --------------------------------------------------------------------------------------------------------


def pick_content(key: str, on_upload: Callable[[str, bytes], bool] = lambda name, data: False) -> Source | None:
    """Samples, upload or camera. State: `{key}` holds the Source. on_upload may take a file for itself (True)."""
    kind = st.segmented_control(
        "Photograph",
        ["Samples", "Upload", "Camera"],
        key=f"{key}.kind",
        required=True,
        persist_state="session",
    )
    if kind == "Upload":
        st.file_uploader(
            "Your photograph, or a PNG made here to restore its settings",
            FILE_TYPES,
            key=f"{key}.file",
            on_change=lambda: _take(f"{key}.file", key, on_upload),
        )
    elif kind == "Camera":
        st.camera_input("Your photograph", key=f"{key}.camera", on_change=lambda: _take(f"{key}.camera", key, on_upload))
    if f"{key}.made_here" in st.session_state:
        st.button("Use that PNG as the photograph instead", on_click=partial(_take_made_here, key))
    chosen: Source | None = st.session_state.get(key)
    own = [upload.source for upload in uploads().values() if kind != "Samples"]
    shown = own or [Source(name=name) for name in CONTENTS]
    if kind == "Samples" or own:
        pick = lambda id: st.session_state.update({key: next(s for s in shown if identity(s) == id)})  # noqa: E731
        gallery(thumbnails(shown), [identity(chosen)] if chosen else [], pick, key=f"{key}.gallery")
    return chosen


def _take(widget: str, key: str, on_upload: Callable[[str, bytes], bool]) -> None:
    """Callback of an uploader: keep the file and choose it, or leave a sentence for the page to show."""
    if (file := taken(widget)) is None:
        return
    st.session_state.pop(f"{key}.made_here", None)
    with sentences():
        if on_upload(*file):
            st.session_state[f"{key}.made_here"] = file[0], keep(file[1])
        else:
            st.session_state[key] = keep_upload(*file)


def _take_made_here(key: str) -> None:
    """The file that gave its recipe is wanted as a picture after all."""
    name, file = st.session_state.pop(f"{key}.made_here")
    with sentences():
        st.session_state[key] = keep_upload(name, file.read())


def pick_styles(key: str) -> list[StyleSource]:
    """A gallery of samples and the session's own, one style or, to blend, up to four with a weight each.

    State: `{key}` holds the list of Sources, `{key}.blend` whether a click adds or replaces.
    """
    blend = st.toggle("Blend up to four styles", key=f"{key}.blend", persist_state="session")
    own = [upload.source for upload in uploads().values() if upload.source in st.session_state.get(f"{key}.own", [])]
    shown = [*own, *(Source(name=name) for name in STYLES)]
    chosen: list[Source] = st.session_state[key] if blend else st.session_state[key][-1:]

    def toggle(id: str) -> None:
        # reads the state anew: a quick visitor clicks before the run that follows their last click has ended
        source, before = next(s for s in shown if identity(s) == id), st.session_state[key]
        others = [s for s in before if s != source]
        if not st.session_state[f"{key}.blend"]:
            st.session_state[key] = [source]
        elif source not in before:
            st.session_state[key] = [*before, source][-MAX_STYLES:]
        elif others:
            st.session_state[key] = others

    if len(chosen) > 1:
        styles = [StyleSource(source=source, weight=_ask_weight(key, source)) for source in chosen]
    else:
        styles = [StyleSource(source=source) for source in chosen]
    gallery(thumbnails(shown), [identity(s) for s in chosen], toggle, key=f"{key}.gallery")
    with st.popover("Add your own style", icon=":material/add_photo_alternate:", width="stretch"):
        st.file_uploader("A painting, a fabric, a wall …", FILE_TYPES, key=f"{key}.file", on_change=partial(_take_style, key))
    return styles


def _ask_weight(key: str, source: Source) -> float:
    name = f"{key}.weight.{identity(source)}"
    st.session_state.setdefault(name, 0.5)
    return st.slider(f"Weight of {title(source)}", 0.0, 1.0, step=0.05, key=name, persist_state="session")


def weight_of(key: str, style: StyleSource) -> float:
    """What the slider of `pick_styles` says now, or the style's own weight where it has none."""
    return float(st.session_state.get(f"{key}.weight.{identity(style.source)}", style.weight))


def _take_style(key: str) -> None:
    if (file := taken(f"{key}.file")) is None:
        return
    with sentences():
        source = keep_upload(*file)
        st.session_state[f"{key}.own"] = [*st.session_state.get(f"{key}.own", []), source]
        st.session_state[key] = [*st.session_state[key], source][-MAX_STYLES:]


def pick_color(key: str) -> Color:
    return st.selectbox("Colours", list(COLORS), format_func=lambda c: COLORS[c], key=key, persist_state="session")


def offer_download(name: str, key: str) -> None:
    """Where a model is missing: its size and a button; a click gets it in the background."""
    if weights.MODELS[name].status is not weights.Status.MISSING:
        return
    download: Job | None = st.session_state.get(f"{key}.download.{name}")
    if download and not download.finished:
        _watch_download(download)
        return
    get = partial(engine().submit, weights.download, name, lane=Lane.TENSORFLOW)
    start = lambda: st.session_state.update({f"{key}.download.{name}": get()})  # noqa: E731
    st.button(f"Download {_describe_model(name)}", icon=":material/download:", on_click=start)
    if download and download.error:
        st.error(str(download.error), icon=":material/error:")


def pick_model(key: str, names: Iterable[str]) -> str:
    """One of the models; a missing one is offered with its size, and a click gets it in the background."""
    offered = list(names)
    chosen: str = st.radio("Model", offered, format_func=_describe_model, key=key, persist_state="session")
    offer_download(chosen, key)
    return chosen


def _describe_model(name: str) -> str:
    model = weights.MODELS[name]
    where = {weights.Status.MISSING: f"{model.megabytes:.0f} MB to download"}.get(model.status, model.status.value)
    return f"{model.title} ({where})"


@st.fragment(run_every=1.0)
def _watch_download(job: Job) -> None:
    if job.finished:
        st.rerun()
    st.markdown(f"{HOURGLASS}Downloading; the other models go on working meanwhile.")


def adopt_pictures(prefix: str, recipe: Recipe) -> None:
    """Set the pickers under `{prefix}.content` and `{prefix}.styles` to what the recipe says."""
    state, sources = st.session_state, [style.source for style in recipe.styles]
    state[f"{prefix}.content"], state[f"{prefix}.styles"] = recipe.content, sources
    state[f"{prefix}.content.kind"] = "Samples" if recipe.content is None or recipe.content.is_sample else "Upload"
    state[f"{prefix}.styles.blend"] = len(sources) > 1
    for style in recipe.styles:
        state[f"{prefix}.styles.weight.{identity(style.source)}"] = style.weight


# --- results --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Result:
    """A finished picture: the PNG with its recipe inside, and what the page shows of it and of its content, JPEGs."""

    recipe: Recipe
    png: Kept
    before: Kept
    after: Kept
    small: str  # a data URI
    width: int
    height: int
    seconds: float

    @property
    def title(self) -> str:
        styles = " + ".join(title(style.source) for style in self.recipe.styles)
        return f"{title(self.recipe.content)} in {styles}" if self.recipe.content else styles

    @property
    def there(self) -> bool:
        return self.png.there and self.before.there and self.after.there

    def encode(self, format: images.Format) -> bytes:
        """Raises: Gone."""
        return self.png.read() if format == "png" else images.encode(images.decode(self.png.read()), format)


def results(prefix: str) -> dict[Recipe, Result]:
    """The session's results on that page, oldest first."""
    return st.session_state.setdefault(f"{prefix}.results", {})


def keep_result(prefix: str, recipe: Recipe, step: Step, before: bytes) -> Result:
    """Remember a finished Step as the recipe's result. before: what it was made of, a JPEG.

    Raises: Failure when the disk is full.
    """
    assert step.image is not None
    height, width, _ = step.image.shape
    png = images.encode(step.image, "png", text=recipes.png_text(recipe))
    small = data_uri(images.thumbnail(step.image, THUMBNAIL))
    after = images.thumbnail(step.image, PREVIEW)
    result = Result(recipe, keep(png), keep(before), keep(after), small, width, height, step.seconds)
    kept = results(prefix)
    kept[recipe] = result
    while len(kept) > KEPT_RESULTS:
        kept.pop(next(iter(kept)))
    st.session_state[f"{prefix}.shown"] = result
    return result


def show_result(prefix: str, result: Result | None) -> None:
    """The result, or the last one while the next is under way: compare, figures, downloads."""
    result = result or st.session_state.get(f"{prefix}.shown")
    if result is None or not result.there:
        st.skeleton(height=420)
        return
    st.session_state[f"{prefix}.shown"] = result
    before, after = (data_uri(file.read()) for file in (result.before, result.after))
    compare(before, after, width=result.width, alt=result.title, key=f"{prefix}.compare")
    made_by = getattr(result.recipe, "engine", None) or getattr(result.recipe, "features", "one pass")
    st.caption(f"{result.title} · {result.width} × {result.height} px · {result.seconds:.2f} s · {made_by}")
    with st.container(horizontal=True):
        for format in get_args(images.Format):
            st.download_button(
                format.upper(),
                partial(result.encode, format),
                file_name=f"{_file_stem(result)}.{'jpg' if format == 'jpeg' else format}",
                mime=f"image/{format}",
                on_click="ignore",
                type="primary" if format == "png" else "secondary",
                help="With its recipe inside: upload it here and every setting comes back." if format == "png" else None,
                key=f"{prefix}.download.{format}",
            )


def _file_stem(result: Result) -> str:
    sources = [result.recipe.content, *(style.source for style in result.recipe.styles)]
    return "-".join(re.sub(r"[^\w-]+", "-", Path(source.name).stem).lower() for source in sources if source)[:80]


def show_history(prefix: str, adopt: Callable[[Any], None]) -> None:
    """The session's results as a strip, the newest first; a click restores picture and settings."""
    kept = list(reversed(results(prefix).values()))
    if len(kept) < 2:
        return
    by_id = {str(hash(result.recipe)): result for result in kept}
    current = st.session_state.get(f"{prefix}.shown")
    st.caption("This session's pictures")
    gallery(
        [Thumbnail(id, result.title, result.small) for id, result in by_id.items()],
        [id for id, result in by_id.items() if result is current],
        lambda id: adopt(by_id[id].recipe),
        key=f"{prefix}.history",
        strip=True,
    )


def stylized(prefix: str, recipe: InstantRecipe) -> Result:
    """The recipe's result, made now unless it was made before.

    Waits in the script: every message is a point where Streamlit drops this run for the visitor's next click.
    Raises: NSTError.
    """
    made = results(prefix)
    if recipe in made:
        return made[recipe]
    if recipe.content is None:
        raise BadRecipe("Choose a photograph, or upload your own.")
    asked, job = st.session_state.get(f"{prefix}.job", (None, None))
    photograph = picture(recipe.content, recipe.size)
    if asked != recipe:
        if job:
            job.cancel()
        weights.path(recipe.engine)  # raises the sentence that says how to get it
        job = engine().stylize(photograph, styles_of(recipe, STYLE_SIDE), recipe)
        st.session_state[f"{prefix}.job"] = recipe, job
    said, stand_in = st.empty(), st.empty()
    if f"{prefix}.shown" not in st.session_state:  # a first visit: something to look at until the paint is there
        stand_in.image(images.thumbnail(photograph, PREVIEW), width="stretch")
    while not job.wait(POLL):
        said.markdown(_painting(job))
    said.empty()
    stand_in.empty()
    try:
        return keep_result(prefix, recipe, job.result(), images.thumbnail(photograph, PREVIEW))
    finally:
        del st.session_state[f"{prefix}.job"]


def _painting(job: Job) -> str:
    if not engine().ready:
        return HOURGLASS + LOADING
    return HOURGLASS + (f"Painting … {job.position} ahead of you." if job.position else "Painting …")


def styles_of(recipe: Recipe, side: int) -> list[Style]:
    """The recipe's styles, their pictures `side` pixels long, with the masks that it carries.

    Raises: BadPicture, BadMask.
    """
    shape = picture(recipe.content, recipe.size).shape[:2] if recipe.content else (side, side)
    styles = []
    for style in recipe.styles:
        image = picture(style.source, side)
        mask = masks.of_text(style.mask, shape) if style.mask else None
        guide = masks.of_text(style.guide, image.shape[:2]) if style.guide else None
        styles.append(Style(image, style.weight, mask, guide, style.color))
    return styles


def share(query: dict[str, str]) -> None:
    """Keep the address in step with the settings, so that a link to them can be shared."""
    if dict(st.query_params) != query:
        st.query_params.from_dict(query)


# --- jobs -----------------------------------------------------------------------------------------------------------


def describe(job: Job) -> str:
    """Where a job stands, in a line."""
    if job.state is State.PAUSED:
        return "**Paused.** Change the weights under “Everything else” if you like, then resume."
    if not engine().ready and not job.progress:
        return LOADING
    if job.position:
        return f"Waiting: {job.position} ahead of you."
    if not job.progress:
        return "Looking at photograph and style …"
    first, last = job.progress[0], job.progress[-1]
    rate = (last.iteration - first.iteration) / (last.seconds - first.seconds) if last.seconds > first.seconds else 0
    left = f" · {(last.total - last.iteration) / rate:.0f} s left" if rate else ""
    return f"Iteration **{last.iteration}** of {last.total} · {rate:.1f} a second{left}"


def preview(progress: list[Progress]) -> bytes | None:
    """The latest picture of a job that runs, a JPEG."""
    kept = next((p.preview for p in reversed(progress) if p.preview), None)
    try:
        return kept.read() if kept else None
    except Gone:
        return None


def loss_chart(progress: list[Progress]) -> None:
    """Every term over the iterations, on a logarithmic scale."""
    names = [name for name, value in progress[-1].losses.items() if value > 0]
    thinned = progress[:: max(1, len(progress) // 200)]
    series = [
        {
            "name": name,
            "type": "line",
            "showSymbol": False,
            "data": [[p.iteration, p.losses[name]] for p in thinned if p.losses.get(name, 0) > 0],
        }
        for name in names
    ]
    chart = {
        "animation": False,
        "grid": {"left": 56, "right": 12, "top": 12, "bottom": 64},
        "legend": {"type": "scroll", "bottom": 0},
        "tooltip": {"trigger": "axis", "valueFormatter": "scientific"},
        "xAxis": {"type": "value", "max": progress[-1].total},
        "yAxis": {"type": "log"},
        "series": series,
    }
    st.echarts_chart(json.dumps(chart), height=260)


def show_quality(quality: Quality) -> None:
    """Distances to style and content and SSIM, beside the photograph's own."""
    result, before = quality.result, quality.unstylised
    gain = result.mean_style - before.mean_style
    with st.container(horizontal=True):
        st.metric("Style distance", f"{result.mean_style:.3f}", f"{gain:+.3f}", delta_color="inverse")
        st.metric("Content distance", f"{result.content:.3f}", help="0 is the photograph's own content.")
        st.metric("SSIM", f"{result.ssim:.3f}", help="Structural similarity of luminance to the photograph; 1 is the same.")
    rows = "".join(f"| {name} | {result.style[name]:.3f} | {before.style[name]:.3f} |\n" for name in result.style)
    st.markdown(f"| style distance at | result | photograph |\n|---|---|---|\n{rows}")
    st.caption("Measured on vgg19-lite at 512 px: ‖G − A‖ / ‖A‖ by layer, ‖F − P‖ / ‖P‖ at block4_conv2. Smaller is better.")


# --- messages -------------------------------------------------------------------------------------------------------


HOURGLASS = ":material/hourglass_top: "
LOADING = "The models are loading, a few seconds. Everything can already be chosen."


def say(error: NSTError) -> None:
    """Leave its sentence for `show_sentences` of this run or the next."""
    st.session_state.setdefault("sentences", []).append(str(error))


class sentences:  # noqa: N801 - reads as `with ui.sentences():`
    """Turns our errors into sentences on the page; anything else is a bug and goes through."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, NSTError):
            say(error)
            return True
        return False


def show_sentences() -> None:
    for sentence in st.session_state.pop("sentences", []):
        st.error(sentence, icon=":material/error:")
