"""What several pages share: the engine, sample pictures, uploads, pickers, and the panel that shows a result.

Widgets forget their values when a page is left, so everything that must last lives in session state under plain keys;
`persist_state="session"` does the same for sliders and lists.
"""

import base64
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import streamlit as st
from skimage import data as photographs

from nst_core import images, recipes, weights
from nst_core.engine import Engine, Job
from nst_core.errors import BadPicture, NSTError
from nst_core.recipes import MAX_SIZE, MAX_STYLES, Color, Recipe, Source, StyleSource
from nst_core.stylizer import Step

ASSETS = Path(__file__).parent / "assets"
KEPT_UPLOADS = 12  # a session; the oldest is let go
THUMBNAIL = 168  # pixels: twice what a gallery shows, for fine screens
KEPT_RESULTS = 16  # a session
FILE_TYPES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"]
PREVIEW = 1280  # pixels; the page shows results no larger

COLORS = {
    Color.STYLE: "The style's",
    Color.LUMINANCE: "The photograph's (keep its chroma)",
    Color.LINEAR_SYMMETRIC: "The photograph's, by optimal transport",
    Color.LINEAR_PCA: "The photograph's, by principal axes",
    Color.LINEAR_CHOLESKY: "The photograph's, by Cholesky",
    Color.HISTOGRAM: "The photograph's, by histogram",
}


# --- the engine -----------------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False, validate=lambda engine: engine.alive)
def engine() -> Engine:
    """One for all sessions; a new one when the old one is gone."""
    return Engine()


def head(title: str, text: str) -> None:
    """What the page is for, in two lines."""
    st.html(ASSETS / "page.css")
    st.markdown(f"### {title}\n:small[{text}]")


# --- pictures by name -----------------------------------------------------------------------------------------------


class Upload(NamedTuple):
    source: Source
    data: bytes


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

    Raises: BadPicture.
    """
    images.decode(data, name=name, max_side=THUMBNAIL)
    upload = Upload(Source.of_upload(name, data), data)
    kept = uploads()
    kept.pop(identity(upload.source), None)
    kept[identity(upload.source)] = upload
    while len(kept) > KEPT_UPLOADS:
        kept.pop(next(iter(kept)))
    return upload.source


def available(source: Source) -> bool:
    return identity(source) in uploads() if source.digest else source.name in CONTENTS or source.name in STYLES


def picture(source: Source, size: int) -> images.Image:
    """The picture, its longer side scaled to `size`.

    Raises: BadPicture when it is an upload of another session, or no sample of ours.
    """
    if source.digest:
        upload = uploads().get(source.digest)
        if upload is None:
            raise BadPicture(f"“{source.name}” was uploaded in another session: upload it again to go on.")
        pixels = _scaled_upload(source.digest, size, upload.data, source.name)
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
def _scaled_upload(digest: str, size: int, _data: bytes, _name: str) -> np.ndarray:
    image = images.decode(_data, name=_name, max_side=MAX_SIZE)
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
    css, js = (folder / f"{name}.css").read_text(), (folder / f"{name}.js").read_text()
    return st.components.v2.component(f"nst_{name}", html=html, css=css, js=js)


_gallery = _component("gallery", '<div class="gallery" role="group"></div>')
_compare = _component(
    "compare",
    '<figure class="compare"><img class="after"><img class="before" alt="Before"><i></i>'
    '<input type="range" min="0" max="100" step="0.5" value="22" aria-label="Before and after"></figure>',
)


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
    chosen: Source | None = st.session_state.get(key)
    own = [upload.source for upload in uploads().values() if kind != "Samples"]
    shown = own or [Source(name=name) for name in CONTENTS]
    if kind == "Samples" or own:
        pick = lambda id: st.session_state.update({key: next(s for s in shown if identity(s) == id)})  # noqa: E731
        gallery(thumbnails(shown), [identity(chosen)] if chosen else [], pick, key=f"{key}.gallery")
    return chosen


def _take(widget: str, key: str, on_upload: Callable[[str, bytes], bool]) -> None:
    """Callback of an uploader: keep the file and choose it, or leave a sentence for the page to show."""
    file = st.session_state[widget]
    if file is None:
        return
    with sentences():
        if not on_upload(file.name, file.getvalue()):
            st.session_state[key] = keep_upload(file.name, file.getvalue())


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


def _take_style(key: str) -> None:
    file = st.session_state[f"{key}.file"]
    if file is None:
        return
    with sentences():
        source = keep_upload(file.name, file.getvalue())
        st.session_state[f"{key}.own"] = [*st.session_state.get(f"{key}.own", []), source]
        st.session_state[key] = [*st.session_state[key], source][-MAX_STYLES:]


def pick_color(key: str) -> Color:
    return st.selectbox("Colours", list(COLORS), format_func=lambda c: COLORS[c], key=key, persist_state="session")


def pick_model(key: str, names: Iterable[str]) -> str:
    """One of the models; a missing one is offered with its size, and a click gets it in the background."""
    offered = list(names)
    chosen: str = st.radio("Model", offered, format_func=_describe_model, key=key, persist_state="session")
    if weights.MODELS[chosen].status is weights.Status.MISSING:
        download: Job | None = st.session_state.get(f"{key}.download")
        if download is None or download.finished:
            start = lambda: st.session_state.update({f"{key}.download": engine().submit(weights.download, chosen)})  # noqa: E731
            st.button(f"Download {_describe_model(chosen)}", icon=":material/download:", on_click=start)
            if download and download.error:
                st.error(str(download.error), icon=":material/error:")
        else:
            _watch_download(download)
    return chosen


def _describe_model(name: str) -> str:
    model = weights.MODELS[name]
    where = {weights.Status.MISSING: f"{model.megabytes:.0f} MB to download"}.get(model.status, model.status.value)
    return f"{model.title} ({where})"


@st.fragment(run_every=1.0)
def _watch_download(job: Job) -> None:
    if job.finished:
        st.rerun()
    waiting("Downloading; the other model goes on working meanwhile.")


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
    """A finished picture: the PNG with its recipe inside, and what the page shows of it and of its content."""

    recipe: Recipe
    png: bytes
    before: str  # data URIs
    after: str
    small: str
    width: int
    height: int
    seconds: float

    @property
    def title(self) -> str:
        styles = " + ".join(title(style.source) for style in self.recipe.styles)
        return f"{title(self.recipe.content)} in {styles}" if self.recipe.content else styles

    def encode(self, format: images.Format) -> bytes:
        return self.png if format == "png" else images.encode(images.decode(self.png), format)


def results(prefix: str) -> dict[Recipe, Result]:
    """The session's results on that page, oldest first."""
    return st.session_state.setdefault(f"{prefix}.results", {})


def keep_result(prefix: str, recipe: Recipe, step: Step) -> Result:
    """Remember a finished Step as the recipe's result."""
    assert step.image is not None and recipe.content is not None
    height, width, _ = step.image.shape
    before, after = (data_uri(images.thumbnail(i, PREVIEW)) for i in (picture(recipe.content, recipe.size), step.image))
    png = images.encode(step.image, "png", text=recipes.png_text(recipe))
    small = data_uri(images.thumbnail(step.image, THUMBNAIL))
    result = Result(recipe, png, before, after, small, width, height, step.seconds)
    kept = results(prefix)
    kept[recipe] = result
    while len(kept) > KEPT_RESULTS:
        kept.pop(next(iter(kept)))
    st.session_state[f"{prefix}.shown"] = result
    return result


def show_result(prefix: str, result: Result | None) -> None:
    """The result, or the last one while the next is under way: compare, figures, downloads."""
    result = result or st.session_state.get(f"{prefix}.shown")
    if result is None:
        st.skeleton(height=420)
        return
    st.session_state[f"{prefix}.shown"] = result
    compare(result.before, result.after, width=result.width, alt=result.title, key=f"{prefix}.compare")
    engine_name = getattr(result.recipe, "engine", result.recipe.__class__.__name__)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{result.title} · {result.width} × {result.height} px · {result.seconds:.2f} s · {engine_name}")
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


def share(query: dict[str, str]) -> None:
    """Keep the address in step with the settings, so that a link to them can be shared."""
    if dict(st.query_params) != query:
        st.query_params.from_dict(query)


# --- messages -------------------------------------------------------------------------------------------------------


class sentences:  # noqa: N801 - reads as `with ui.sentences():`
    """Turns our errors into sentences on the page; anything else is a bug and goes through."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, NSTError):
            st.session_state.setdefault("sentences", []).append(str(error))
            return True
        return False


def waiting(text: str) -> None:
    st.markdown(f":material/hourglass_top: {text}")


def show_sentences() -> None:
    for sentence in st.session_state.pop("sentences", []):
        st.error(sentence, icon=":material/error:")
