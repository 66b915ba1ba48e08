"""Choosing: photographs, styles, colours, models.

Widgets forget their values when a page is left, so everything that must last lives in session state under plain keys;
`persist_state="session"` does the same for sliders and lists.
"""

import random
from collections.abc import Callable, Iterable
from functools import partial

import streamlit as st

from nst_core import engines
from nst_core.models import weights
from nst_core.recipes import MAX_BLEND, MAX_STROKE, MIN_STROKE, Color, Recipe, Source, StyleSource
from nst_core.service import Job, Lane
from ui.components import gallery
from ui.files import keep, taken
from ui.messages import HOURGLASS, sentences, show_error
from ui.pictures import CONTENTS, FILE_TYPES, STYLES, identity, keep_upload, own_pictures, plain_title, thumbnails
from ui.previews import ask_order, ask_preview, style_thumbnails
from ui.shared_engine import engine

COLORS = {
    Color.STYLE: "The style's",
    Color.LUMINANCE: "The photograph's, exactly",
    Color.LINEAR_SYMMETRIC: "Like the photograph's (optimal transport)",
    Color.LINEAR_PCA: "Like the photograph's (principal axes)",
    Color.LINEAR_CHOLESKY: "Like the photograph's (Cholesky)",
    Color.HISTOGRAM: "Like the photograph's (histogram)",
}
WHERE = {weights.Status.EMBEDDED: "ours, always here", weights.Status.CACHED: "downloaded"}


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
    own = own_pictures("photograph") if kind != "Samples" else []
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
    st.session_state.pop(f"{key}.restoring", None)  # files that another PNG lacks
    with sentences():
        if on_upload(*file):
            st.session_state[f"{key}.made_here"] = file[0], keep(file[1])
        else:
            st.session_state[key] = keep_upload(*file)


def _take_made_here(key: str) -> None:
    """The file that gave its recipe is wanted as a picture after all."""
    name, file = st.session_state.pop(f"{key}.made_here")
    st.session_state.pop(f"{key}.restoring", None)
    with sentences():
        st.session_state[key] = keep_upload(name, file.read())


def another_sample(names: Iterable[str], current: Iterable[Source]) -> Source:
    """Return a sample drawn at random, none of those that are chosen now unless there is no other."""
    samples = [Source(name=name) for name in names]
    taken_already = set(current)
    return random.choice([one for one in samples if one not in taken_already] or samples)


def surprise(prefix: str) -> None:
    """Choose another style, and another photograph unless the visitor brought one; everything else stays."""
    state = st.session_state
    content = state[f"{prefix}.content"]
    if content is None or content.is_sample:
        state[f"{prefix}.content"] = another_sample(CONTENTS, [content] if content else [])
    state[f"{prefix}.styles"] = [another_sample(STYLES, state[f"{prefix}.styles"])]


def pick_styles(key: str, *, content: Source | None = None, most: int = MAX_BLEND, weigh: bool = True) -> list[StyleSource]:
    """A gallery of samples and the session's own, one style or, to blend, up to so many with a weight each.

    State: `{key}` holds the list of Sources, `{key}.blend` whether a click adds or replaces. content: the photograph on which
    styles can be previewed. weigh: whether weights are asked for here.
    """
    with st.container(horizontal=True):
        blend = st.toggle(
            "Blend two styles" if most == 2 else "Blend up to four styles", key=f"{key}.blend", persist_state="session"
        )
        if content:
            ask_preview(key)
    shown = [*own_pictures("style"), *(Source(name=name) for name in STYLES)]
    chosen: list[Source] = st.session_state[key] if blend else st.session_state[key][-1:]

    def toggle(id: str) -> None:
        # reads the state anew: a quick visitor clicks before the run that follows their last click has ended
        source, before = next(s for s in shown if identity(s) == id), st.session_state[key]
        others = [s for s in before if s != source]
        if not st.session_state[f"{key}.blend"]:
            st.session_state[key] = [source]
        elif source not in before:
            st.session_state[key] = _at_most(most, [*before, source])
        elif others:
            st.session_state[key] = others

    if weigh and len(chosen) > 1:
        styles = [StyleSource(source=source, weight=_ask_weight(key, source)) for source in chosen]
    else:
        styles = [StyleSource(source=source) for source in chosen]
    gallery(style_thumbnails(key, shown, content), [identity(s) for s in chosen], toggle, key=f"{key}.gallery")
    with st.container(horizontal=True):
        with st.popover("Add your own style", icon=":material/add_photo_alternate:", width="stretch"):
            st.file_uploader(
                "A painting, a fabric, a wall …", FILE_TYPES, key=f"{key}.file", on_change=partial(_take_style, key, most),
                help="Transparent parts count as white.",
            )  # fmt: skip
        ask_order(key)
    return styles


def _ask_weight(key: str, source: Source) -> float:
    name = f"{key}.weight.{identity(source)}"
    st.session_state.setdefault(name, 0.5)
    return st.slider(f"Weight of {plain_title(source)}", 0.0, 1.0, step=0.05, key=name, persist_state="session")


def weight_of(key: str, style: StyleSource) -> float:
    """What the slider of `pick_styles` says now, or the style's own weight where it has none."""
    return float(st.session_state.get(f"{key}.weight.{identity(style.source)}", style.weight))


def _take_style(key: str, most: int) -> None:
    if (file := taken(f"{key}.file")) is None:
        return
    with sentences():
        source = keep_upload(*file, "style")
        st.session_state[key] = _at_most(most, [*st.session_state[key], source])


def _at_most(most: int, chosen: list[Source]) -> list[Source]:
    """Return the latest so many of the styles, and say which ones gave way where several are blended."""
    gone = ", ".join(plain_title(source) for source in chosen[:-most])
    if gone and most > 1:
        st.toast(f"A blend has {most} styles at most: the first one, {gone}, was removed.", icon=":material/info:")
    return chosen[-most:]


def pick_color(key: str) -> Color:
    return st.selectbox(
        "Colours",
        list(COLORS),
        format_func=lambda c: COLORS[c],
        key=key,
        persist_state="session",
        help="“Exactly” paints light and dark, and keeps every colour of the photograph. “Like” first dyes the style in the "
        "photograph's colours; the four ways differ in detail.",
    )


def pick_stroke(key: str) -> float:
    return st.slider(
        "Stroke size",
        MIN_STROKE,
        MAX_STROKE,
        step=0.25,
        key=key,
        persist_state="session",
        help="1: the strokes have the same share of the picture at every size. More is bolder, less is finer; either takes "
        "a little longer.",
    )


def offer_download(name: str, key: str) -> None:
    """Where a model is missing: its size and a button; a click gets it in the background."""
    if name not in weights.MODELS or weights.MODELS[name].status is not weights.Status.MISSING:
        return
    download: Job | None = st.session_state.get(f"{key}.download.{name}")
    if download and not download.finished:
        _watch_download(download)
        return
    get = partial(engine().submit, weights.download, name, lane=Lane.TENSORFLOW)
    start = lambda: st.session_state.update({f"{key}.download.{name}": get()})  # noqa: E731
    st.button(f"Download {_describe_model(name)}", icon=":material/download:", on_click=start)
    if download and download.error:
        show_error(download.error)


def pick_model(key: str, names: Iterable[str]) -> str:
    """One of the models; a missing one is offered with its size, and a click gets it in the background."""
    offered = list(names)
    chosen: str = st.radio(
        "Model",
        offered,
        format_func=_describe_model,
        key=key,
        persist_state="session",
        help="Which network paints: ours, small and quick, or the one that Google's Magenta project published. The last takes "
        "only the palette of the style; the photograph stays a photograph.",
    )
    offer_download(chosen, key)
    return chosen


def _describe_model(name: str) -> str:
    if name not in weights.MODELS:
        return engines.named(name).title
    model = weights.MODELS[name]
    missing = model.status is weights.Status.MISSING
    return f"{model.title} ({f'{model.megabytes:.0f} MB to download' if missing else WHERE[model.status]})"


@st.fragment(run_every=1.0)
def _watch_download(job: Job) -> None:
    if job.finished:
        st.rerun()
    st.markdown(f"{HOURGLASS}Downloading; the other models go on working meanwhile.")


def ask_regions(prefix: str, styles: list[StyleSource]) -> list[StyleSource]:
    """The styles, each with the regions that came with it from the Masks page or a recipe."""
    known: dict[str, list[StyleSource]] = st.session_state.get(f"{prefix}.regions", {})
    if not any(identity(style.source) in known for style in styles):
        return styles
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(":material/brush: Each style keeps to its painted region.", width="stretch")
        st.button("Everywhere instead", on_click=known.clear)
    of_each = [(style, known.get(identity(style.source), [style])) for style in styles]
    return [region.model_copy(update={"weight": style.weight}) for style, regions in of_each for region in regions]


def adopt_pictures(prefix: str, recipe: Recipe) -> None:
    """Set the pickers under `{prefix}.content` and `{prefix}.styles` to what the recipe says, and `{prefix}.regions` to the
    styles that have one."""
    regions: dict[str, list[StyleSource]] = {}
    for style in recipe.styles:
        if style.mask or style.guide or style.color:
            regions.setdefault(identity(style.source), []).append(style)
    st.session_state[f"{prefix}.regions"] = regions
    state, sources = st.session_state, list(dict.fromkeys(style.source for style in recipe.styles))  # one may have two regions
    state[f"{prefix}.content"], state[f"{prefix}.styles"] = recipe.content, sources
    state[f"{prefix}.content.kind"] = "Samples" if recipe.content is None or recipe.content.is_sample else "Upload"
    state[f"{prefix}.styles.blend"] = len(sources) > 1
    for style in recipe.styles:
        state[f"{prefix}.styles.weight.{identity(style.source)}"] = style.weight
