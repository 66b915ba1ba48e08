"""What the Optimize page asks for: preset, weights, start, regions; State: `optimize.NAME` of every field of the recipe."""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import streamlit as st

import ui
from nst_core import images, recipes
from nst_core.errors import Gone
from nst_core.models import weights
from nst_core.recipes import MIN_SIZE, PRESETS, InstantRecipe, OptimizeRecipe, Recipe, Source, StyleSource
from nst_core.service import LIMITS, SessionFile, Submission, limits
from nst_core.stylizer import Style

ASPECT = 4 / 3  # of a photograph that an estimate is made for before one is chosen
MEASURED = 512  # pixels at which quality is measured
OPENING = {
    "content": Source(name="mountain-lake"),
    "styles": (StyleSource(source=Source(name="starlit-oils")),),
    "size": 768,
}


class About(NamedTuple):
    """A preset to a visitor: what it gives, and how."""

    title: str
    text: str


ABOUT = {
    "fast": About("Fast", "Our own small network, coarse to fine: for trying out styles and settings."),
    "quick": About("Quick", "Instant's picture, optimised briefly: strokes of the style for a third of the work of Fast."),
    "finest": About(
        "Finest",
        "Our own small network, with style from all of its layers and about four times the work of Fast: crisper strokes, "
        "closer to the style.",
    ),
    "gatys-2015": About(
        "Gatys 2015", "The original paper by Gatys, Ecker and Bethge: starts from noise, on the large network VGG-19."
    ),
    "improved-2016": About(
        "Novak & Nikulin 2016",
        "The paper's four improvements of Gatys' method: style from every layer of VGG-19, fine to coarse.",
    ),
    "stylenet-vgg16": About("StyleNet, VGG-16", "Style from every layer of VGG-16: fine grain and large shapes count equally."),
    "vgg19-rms": About("VGG-19", "Starts from the photograph, on the large network VGG-19, with root mean square losses."),
}
IMPROVEMENTS = {
    "all_layers": "Style from every layer",
    "geometric_weights": "Fine layers count most for style, coarse ones for content (geometric weights)",
    "activation_shift": "Activation shift of −1",
    "correlation_chain": "Correlation chain between neighbouring layers",
}
HELP = {
    "size": "Twice the side has four times the pixels, and takes up to four times as long.",
    "iterations": "Each brings the picture a little closer to the style; twice as many take twice as long.",
    "style_weight": "Higher: bolder colours and strokes.",
    "tv_weight": "Higher: smoother areas and less grain (total variation).",
    "style_scale": "Above 1: larger strokes; below 1: finer ones.",
    "content_weight": "Higher: the photograph stays easier to recognise.",
    "form": "What of the network's maps is matched, and how differences are scaled. Each form needs weights of its own.",
    "optimizer": "Adam is fast and needs little memory; the papers used L-BFGS, which needs more.",
    "scales": "The picture is optimised at this many sizes, the smallest first. More: larger strokes and shapes.",
    "chroma_smoothing": "How far colour is smoothed along brightness in the result: coloured grain goes, edges stay. 0: not.",
    "learning_rate": "How far Adam changes a pixel in an iteration, of the range from 0 to 1. Higher: faster and rougher.",
    "seed": "Another number gives other noise to start from, and so another picture.",
    "all_layers": "Compares every convolution of the network instead of one in each block.",
    "geometric_weights": "Each layer counts twice as much as the next: from the bottom for style, from the top for content.",
    "activation_shift": "Subtracts 1 from the maps before they are correlated, so that channels silent together count too.",
    "correlation_chain": "Correlates each layer with the one below instead of with itself: strokes fit the shapes they form.",
}
FORMS = {
    "moments": "Means and covariances",
    "mean": "Gram matrices, averaged",
    "paper": "Gram matrices, summed as Gatys did",
    "normalised": "Gram matrices, relative to the style's",
    "rms": "Gram matrices, root mean square",
}
STARTS = {
    "content": "The photograph",
    "noise": "Random dots (noise)",
    "style": "The style's picture",
    "instant": "What Instant paints, made first",
    "image": "A picture of yours or from Instant",
}
WEIGHT: dict[str, object] = {"min_value": 0.0, "format": "%g"}
FREE = ("content", "styles")  # fields that have pickers of their own
LIVE = ("content_weight", "style_weight", "tv_weight", "learning_rate")  # what a paused run can change
CONTROLS = tuple(name for name in OptimizeRecipe.model_fields if name not in (*FREE, "kind"))


PANEL = ui.Panel("optimize")


class OptimizationNote(NamedTuple):
    """What belongs to a job besides its progress, so that a reloaded page has it too: the photograph to show beside the
    result, and what the result is measured by."""

    recipe: OptimizeRecipe
    before: SessionFile
    content: images.Image
    styles: list[Style]
    initial: SessionFile | None  # the picture that it started from, if its recipe says so
    opacity: np.ndarray | None  # (h, w) of 8 bits, where parts of the photograph are transparent; its result becomes so too


def note(
    recipe: OptimizeRecipe,
    content: images.Image,
    styles: Sequence[Style],
    initial: SessionFile | None,
    opacity: images.Mask | None,
) -> OptimizationNote:
    """Return what belongs to a job. content, opacity: the photograph and how opaque it is; it is shown over white."""
    shown = images.flatten(content, opacity)
    small = [Style(images.fit(style.image, MEASURED), style.weight) for style in styles]
    before = ui.keep(images.thumbnail(shown, ui.PREVIEW))
    packed = None if opacity is None else images.to_uint8(opacity)
    return OptimizationNote(
        recipe, before, images.fit(shown, MEASURED), small, initial if recipe.init == "image" else None, packed
    )


def beginning(note: OptimizationNote) -> bytes | None:
    """Return what is shown until a run's first picture, a JPEG: the picture that it starts from, else the photograph."""
    with suppress(Gone):
        if note.initial:
            with ui.decoding:
                return images.thumbnail(images.decode(note.initial.read(), max_side=ui.PREVIEW), ui.PREVIEW)
        return note.before.read()
    return None


def _note_of(submission: Submission) -> OptimizationNote:
    assert isinstance(submission.recipe, OptimizeRecipe)
    initial = ui.keep(images.encode(submission.picture("initial"))) if "initial" in submission.pictures else None
    return note(submission.recipe, submission.picture("content"), submission.unpacked(), initial, submission.opacity)


def open_page() -> None:
    """The first run of a session: the job in the address if it is still there, else what Instant sent, else our opening."""
    state = st.session_state
    if found := PANEL.find(OptimizeRecipe, _note_of):
        remember_start(found.note)
        adopt(found.note.recipe)
    elif refined := state.pop("optimize.refine", None):
        pictures = {name: getattr(refined.recipe, name) for name in (*FREE, "size", "color", "restore_content")}
        recipe = PRESETS["fast"].model_copy(update={**pictures, "init": "image"})
        state.setdefault("optimize.starts", {})[recipe] = refined.png
        state["optimize.preset"] = "fast"
        adopt(recipe)
        if PANEL.job:
            st.toast(
                "Another run is under way. When it ends, or you cancel it, start this one.", icon=":material/hourglass_top:"
            )
    elif "optimize.content" not in state:
        adopt(PRESETS["fast"].model_copy(update=OPENING))
    state.setdefault("optimize.preset", "fast")
    reset_start()


def reset_start() -> None:
    """Start from the preset's own start again once another photograph is chosen: the picture to start from, a result of
    Instant or a file, belongs to the photograph that it was chosen for."""
    state = st.session_state
    content = state["optimize.content"]
    if content != state.get("optimize.started_with", content) and state["optimize.init"] == "image":
        state["optimize.init"] = PRESETS[state["optimize.preset"]].init
        start = STARTS[state["optimize.init"]]
        st.toast(f"You chose another photograph, so “Start from” is “{start}” again.", icon=":material/restart_alt:")
    state["optimize.started_with"] = content


def remember_start(note: OptimizationNote) -> None:
    """Keep the picture that a run started from, for when its recipe is chosen again."""
    if note.initial:
        starts: dict[OptimizeRecipe, SessionFile] = st.session_state.setdefault("optimize.starts", {})
        starts[note.recipe] = note.initial
        for old in list(starts)[: -LIMITS.kept_results]:
            del starts[old]


def adopt(recipe: OptimizeRecipe) -> None:
    """Set every control to what the recipe says."""
    ui.adopt_pictures("optimize", recipe)
    st.session_state["optimize.started_with"] = recipe.content
    if recipe.init == "image":
        st.session_state["optimize.initial"] = st.session_state.get("optimize.starts", {}).get(recipe)
    set_controls(recipe)


def set_controls(recipe: OptimizeRecipe) -> None:
    for name in CONTROLS:
        st.session_state[f"optimize.{name}"] = getattr(recipe, name)


def changed(recipe: OptimizeRecipe) -> OptimizeRecipe:
    """A paused run's recipe with the weights that stand on the page now.

    Raises: BadRecipe where it could not go on with them.
    """
    live: dict[str, object] = {name: st.session_state[f"optimize.{name}"] for name in LIVE}
    if len(recipe.styles) > 1:
        live["styles"] = tuple(
            style.model_copy(update={"weight": ui.weight_of("optimize.styles", style)}) for style in recipe.styles
        )
    return recipes.optimize(**dict(recipe) | live)


def take_preset() -> None:
    """The preset's settings, with the size and colours at hand."""
    kept = {name: st.session_state[f"optimize.{name}"] for name in ("size", "color")}
    set_controls(PRESETS[st.session_state["optimize.preset"]].model_copy(update=kept))


def take_file(name: str, data: bytes) -> bool:
    """Restore the recipe of a PNG made here: ours as it is; for one from Instant, its pictures."""
    recipe = recipes.of_picture(data)
    limits.check(recipe)
    if not isinstance(recipe, OptimizeRecipe | InstantRecipe):
        return False
    ui.restore("optimize", name, recipe, adopt_any)
    return True


def adopt_any(recipe: Recipe) -> None:
    """Set the controls to what a recipe says; to one of Instant, those of its pictures."""
    if isinstance(recipe, OptimizeRecipe):
        adopt(recipe)
    elif isinstance(recipe, InstantRecipe):
        ui.adopt_pictures("optimize", recipe)


def take_recipe() -> None:
    if file := ui.taken("optimize.recipe"):
        with ui.sentences():
            recipe = recipes.parse(file[1].decode(errors="replace"))
            limits.check(recipe)
            if isinstance(recipe, OptimizeRecipe):
                set_controls(recipe)


def ask_settings() -> dict[str, object]:
    """Preset first, everything else folded away."""
    preset = st.selectbox(
        "How to paint (preset)",
        list(PRESETS),
        format_func=lambda name: ABOUT[name].title,
        key="optimize.preset",
        on_change=take_preset,
        persist_state="session",
    )
    st.caption(f"{ABOUT[preset].text} {needs(PRESETS[preset].features)} {takes(preset)}")
    with st.container():  # always there: what follows stays open when a download is offered
        ui.offer_download(st.session_state["optimize.features"], "optimize")
    with st.expander("Everything else", icon=":material/tune:"):
        ask_details()
    return {name: st.session_state[f"optimize.{name}"] for name in CONTROLS}


def needs(features: str) -> str:
    """What a visitor has to get for a preset that looks through this network."""
    model = weights.MODELS[features]
    missing = model.status is weights.Status.MISSING
    return f"Needs a download of {model.megabytes:.0f} MB, once." if missing else "Nothing to download."


def takes(preset: str) -> str:
    """Return an estimate of the preset's time at the size at hand, from the runs before it on this machine."""
    size: int = st.session_state["optimize.size"]
    recipe = PRESETS[preset].model_copy(update={"size": size})
    seconds = ui.engine().seconds_of(recipe, (round(size / ASPECT), size))
    return f"At {size} px it takes {ui.spoken(seconds)} on this machine."


def ask_details() -> None:
    """Ask for what most visitors want, and in a part of its own for what specialists want."""
    _ask("slider", "size", "Longer side, pixels", min_value=MIN_SIZE, max_value=max(LIMITS.max_size, LIMITS.max_print), step=64)
    left, right = st.columns(2)
    with left:
        _ask("number_input", "iterations", "Iterations", min_value=1, max_value=LIMITS.max_iterations)
        _ask("number_input", "style_weight", "Weight of the style", **WEIGHT)
        _ask("number_input", "tv_weight", "Weight of smoothness", **WEIGHT)
    with right:
        _ask("number_input", "style_scale", "Stroke size", min_value=0.25, max_value=4.0)
        _ask("number_input", "content_weight", "Weight of the content", **WEIGHT)
        _choose("init", "Start from", STARTS)
    if st.session_state["optimize.init"] == "image":
        ask_initial()
    ui.pick_color("optimize.color")
    with st.expander("For specialists"):
        ask_special()


def ask_special() -> None:
    """Ask for what only those change who know the papers."""
    _choose("form", "Losses: how style is compared", FORMS)
    left, right = st.columns(2)
    with left:
        _choose("optimizer", "Optimiser", {"adam": "Adam", "lbfgs": "L-BFGS"})
        _ask("number_input", "scales", "Scales, coarse to fine", min_value=1, max_value=8)
        _ask("number_input", "chroma_smoothing", "Colour smoothing, pixels", min_value=0, max_value=16)
    with right:
        _ask("number_input", "learning_rate", "Learning rate", min_value=1e-4, max_value=1.0, format="%g")
        _ask("number_input", "seed", "Seed of the noise", min_value=0, max_value=2**32 - 1)
    st.caption("The four improvements of Novak and Nikulin, 2016")
    for name, label in IMPROVEMENTS.items():
        _ask("checkbox", name, label)
    st.file_uploader("All settings from a file (recipe)", ["json"], key="optimize.recipe", on_change=take_recipe)


def _ask(widget: str, name: str, label: str, **options: object) -> None:
    getattr(st, widget)(label, key=f"optimize.{name}", help=HELP[name], persist_state="session", **options)


def _choose(name: str, label: str, options: dict[str, str]) -> None:
    key = f"optimize.{name}"
    st.selectbox(label, list(options), format_func=lambda o: options[o], key=key, help=HELP.get(name), persist_state="session")


def ask_initial() -> None:
    """The picture to start from: what Instant sent, or an upload."""
    st.file_uploader("Picture to start from", ui.FILE_TYPES, key="optimize.initial_file", on_change=take_initial)
    if kept := initial_file():
        with ui.decoding:
            small = images.thumbnail(images.decode(kept.read(), max_side=ui.THUMBNAIL), ui.THUMBNAIL)
        st.image(small, width=160)


def take_initial() -> None:
    if file := ui.taken("optimize.initial_file"):
        with ui.sentences(), ui.decoding:
            images.decode(file[1], name=file[0], max_side=ui.THUMBNAIL)
            st.session_state["optimize.initial"] = ui.keep(file[1])


def initial_file() -> SessionFile | None:
    """The picture to start from, while it is kept."""
    kept: SessionFile | None = st.session_state.get("optimize.initial")
    return kept if kept and kept.there else None


# --- before the first run ---------------------------------------------------------------------------------------------


def invite(content: Source, styles: list[StyleSource]) -> None:
    """The photograph, and in its corner the styles that it will be painted in."""
    with st.container(key="opening"):
        st.image(images.thumbnail(ui.picture(content, ui.PREVIEW), ui.PREVIEW), width="stretch")
        with st.container(key="opening-styles"):
            for style in ui.thumbnails([style.source for style in styles]):
                st.image(style.src)


def promise(recipe: OptimizeRecipe) -> str:
    """What pressing Start will do, and about how long it takes."""
    if recipe.content is None:
        return "Choose a photograph, or upload your own."
    looked_at = min(recipe.size, LIMITS.max_size)
    h, w = (round(side * recipe.size / looked_at) for side in ui.picture(recipe.content, looked_at).shape[:2])
    styles, time = (
        " and ".join(dict.fromkeys(ui.plain_title(style.source) for style in recipe.styles)),
        ui.spoken(ui.engine().seconds_of(recipe, (h, w))),
    )
    return (
        f"**Start** paints *{ui.plain_title(recipe.content)}* in the style of *{styles}*, {w} × {h} pixels, in "
        f"{recipe.iterations:,} iterations. That takes **{time}**; you can watch."
    )
