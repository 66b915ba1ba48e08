"""Optimize: a picture optimised until its features match, slow and at its finest. Ask, guard, run, show, live."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import ui
from nst_core import images, memory, recipes, timelapse, weights
from nst_core.engine import Job, Progress, State
from nst_core.errors import BadRecipe, Diverged
from nst_core.recipes import MAX_SIZE, MIN_SIZE, PRESETS, InstantRecipe, OptimizeRecipe, Source, StyleSource
from nst_core.shelf import Kept
from nst_core.stylizer import Style

OPENING = {"content": Source(name="mountain-lake"), "styles": (StyleSource(source=Source(name="starlit-oils")),)}
POLL = 0.5  # seconds between looks at a running job
GLANCE = 0.1  # until it shows something
ABOUT = {
    "fast": "Fast: our small network, coarse to fine",
    "gatys-2015": "Gatys et al. 2015: VGG-19, L-BFGS from noise",
    "improved-2016": "Novak & Nikulin 2016: all layers, shifted and chained Gram matrices",
    "stylenet-vgg16": "VGG-16 in normalised form, every layer",
    "vgg19-rms": "VGG-19, root mean square of Gram matrices",
}
IMPROVEMENTS = {
    "all_layers": "Style on every convolution",
    "geometric_weights": "Geometric layer weights",
    "activation_shift": "Activation shift of −1",
    "correlation_chain": "Correlation chain between neighbouring layers",
}
FORMS = {
    "moments": "Means and covariances, as means",
    "mean": "Gram matrices, as means",
    "paper": "Gram matrices, Gatys' sums",
    "normalised": "Gram matrices, relative to the target",
    "rms": "Root mean square of Gram matrices",
}
STARTS = {"content": "The photograph", "noise": "Noise", "style": "The style", "image": "A picture of yours or from Instant"}
FREE = ("content", "styles")  # fields that have pickers of their own
CONTROLS = tuple(name for name in OptimizeRecipe.model_fields if name not in (*FREE, "kind"))


LIVE = ("content_weight", "style_weight", "tv_weight", "learning_rate")  # what a paused run can change
MEASURED = 512  # pixels at which quality is measured


class Note(NamedTuple):
    """What belongs to a job besides its progress, so that a reloaded page has it too: the photograph to show beside the
    result, and what the result is measured by."""

    recipe: OptimizeRecipe
    before: Kept
    content: images.Image
    styles: list[Style]


class Run(NamedTuple):
    """What is left of a finished job beside its picture. measure: the job that assesses it."""

    progress: list[Progress]
    measure: Job


# --- state ------------------------------------------------------------------------------------------------------------


def open_page() -> None:
    """The first run of a session: the job in the address if it is still there, else what Instant sent, else our opening."""
    state = st.session_state
    found = ui.engine().find(st.query_params.get("job", ""))
    if found and isinstance(found.note.recipe, OptimizeRecipe) and state.get("optimize.job") is not found:
        ui.claim(found)
        state["optimize.job"] = found
        adopt(found.note.recipe)
    elif refined := state.pop("optimize.refine", None):
        pictures = {name: getattr(refined.recipe, name) for name in (*FREE, "size", "color", "restore_content")}
        adopt(PRESETS["fast"].model_copy(update={**pictures, "init": "image"}))
        state["optimize.initial"], state["optimize.preset"] = refined.png, "fast"
        if state.get("optimize.job"):
            st.toast(
                "Another run is under way. When it ends, or you cancel it, start this one.", icon=":material/hourglass_top:"
            )
    elif "optimize.content" not in state:
        adopt(PRESETS["fast"].model_copy(update=OPENING))
    state.setdefault("optimize.preset", "fast")


def adopt(recipe: OptimizeRecipe) -> None:
    """Set every control to what the recipe says."""
    ui.adopt_pictures("optimize", recipe)
    st.session_state["optimize.regions"] = {ui.identity(s.source): s for s in recipe.styles if s.mask or s.guide or s.color}
    set_controls(recipe)


def set_controls(recipe: OptimizeRecipe) -> None:
    for name in CONTROLS:
        st.session_state[f"optimize.{name}"] = getattr(recipe, name)


def want() -> None:
    """The start button's callback: the run begins in the script, where its sentences have a place."""
    st.session_state["optimize.wanted"] = True


def take_preset() -> None:
    """The preset's settings, with the size and colours at hand."""
    kept = {name: st.session_state[f"optimize.{name}"] for name in ("size", "color")}
    set_controls(PRESETS[st.session_state["optimize.preset"]].model_copy(update=kept))


def take_file(name: str, data: bytes) -> bool:
    """Restore the recipe of a PNG made here: ours as it is; for one from Instant, its pictures."""
    recipe = recipes.of_png(data)
    if isinstance(recipe, OptimizeRecipe):
        adopt(recipe)
    elif isinstance(recipe, InstantRecipe):
        ui.adopt_pictures("optimize", recipe)
    return recipe is not None


def take_recipe() -> None:
    if file := ui.taken("optimize.recipe"):
        with ui.sentences():
            recipe = recipes.parse(file[1].decode(errors="replace"))
            if isinstance(recipe, OptimizeRecipe):
                set_controls(recipe)


# --- ask --------------------------------------------------------------------------------------------------------------


def ask_settings() -> dict[str, object]:
    """Preset first, everything else folded away."""
    st.selectbox(
        "Preset",
        list(PRESETS),
        format_func=lambda name: ABOUT[name],
        key="optimize.preset",
        on_change=take_preset,
        persist_state="session",
    )
    ui.offer_download(st.session_state["optimize.features"], "optimize")
    with st.expander("Everything else", icon=":material/tune:"):
        ask_details()
    return {name: st.session_state[f"optimize.{name}"] for name in CONTROLS}


def ask_details() -> None:
    def number(label: str, name: str, **options: object) -> None:
        st.number_input(label, key=f"optimize.{name}", persist_state="session", **options)  # type: ignore[call-overload]

    def choice(label: str, name: str, options: dict[str, str]) -> None:
        st.selectbox(label, list(options), format_func=lambda o: options[o], key=f"optimize.{name}", persist_state="session")

    left, right = st.columns(2)
    with left:
        st.slider("Longer side, pixels", MIN_SIZE, MAX_SIZE, step=64, key="optimize.size", persist_state="session")
        number("Style weight", "style_weight", min_value=0.0, format="%g")
        number("Content weight", "content_weight", min_value=0.0, format="%g")
        number("Total variation weight", "tv_weight", min_value=0.0, format="%g", help="Against grain.")
        choice("Start from", "init", STARTS)
        if st.session_state["optimize.init"] == "image":
            ask_initial()
    with right:
        number("Iterations", "iterations", min_value=1, max_value=10_000)
        choice("Optimiser", "optimizer", {"adam": "Adam", "lbfgs": "L-BFGS"})
        number("Learning rate", "learning_rate", min_value=1e-4, max_value=1.0, format="%g", help="Adam's.")
        number("Scales, coarse to fine", "scales", min_value=1, max_value=8)
        number("Style scale", "style_scale", min_value=0.25, max_value=4.0, help="Above 1: larger strokes.")
        number("Seed of the noise", "seed", min_value=0, max_value=2**32 - 1)
    ui.pick_color("optimize.color")
    choice("Losses", "form", FORMS)
    st.caption("The four improvements of 2016")
    for name, label in IMPROVEMENTS.items():
        st.checkbox(label, key=f"optimize.{name}", persist_state="session")
    st.file_uploader("Your own recipe", ["json"], key="optimize.recipe", on_change=take_recipe)


def ask_regions(styles: list[StyleSource]) -> list[StyleSource]:
    """The styles, each with the region that came with it from the Masks page or a recipe."""
    known: dict[str, StyleSource] = st.session_state["optimize.regions"]
    if not any(ui.identity(style.source) in known for style in styles):
        return styles
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(":material/brush: Each style keeps to its painted region.", width="stretch")
        st.button("Everywhere instead", on_click=known.clear)
    return [known.get(ui.identity(s.source), s).model_copy(update={"weight": s.weight}) for s in styles]


def ask_initial() -> None:
    """The picture to start from: what Instant sent, or an upload."""
    st.file_uploader("Picture to start from", ui.FILE_TYPES, key="optimize.initial_file", on_change=take_initial)
    if data := initial_picture():
        st.image(images.thumbnail(images.decode(data, max_side=ui.THUMBNAIL * 2), ui.THUMBNAIL * 2), width=160)


def take_initial() -> None:
    if file := ui.taken("optimize.initial_file"):
        with ui.sentences():
            images.decode(file[1], name=file[0], max_side=ui.THUMBNAIL)
            st.session_state["optimize.initial"] = ui.keep(file[1])


def initial_picture() -> bytes | None:
    kept: Kept | None = st.session_state.get("optimize.initial")
    return kept.read() if kept and kept.there else None


# --- run --------------------------------------------------------------------------------------------------------------


def start(recipe: OptimizeRecipe) -> Job:
    """Guard, then hand the recipe to the engine.

    Raises: NSTError.
    """
    if recipe.content is None:
        raise BadRecipe("Choose a photograph, or upload your own.")
    weights.path(recipe.features)
    content = ui.picture(recipe.content, recipe.size)
    memory.check(recipe, *content.shape[:2])
    styles = ui.styles_of(recipe, recipe.size)
    initial = None
    if recipe.init == "image" and (data := initial_picture()):
        initial = images.decode(data, name="The picture to start from", max_side=recipe.size)
    job = ui.engine().stylize(content, styles, recipe, initial=initial)
    small = [Style(images.fit(style.image, MEASURED), style.weight) for style in styles]
    job.note = Note(recipe, ui.keep(images.thumbnail(content, ui.PREVIEW)), images.fit(content, MEASURED), small)
    ui.claim(job)
    st.session_state["optimize.job"] = job
    st.query_params["job"] = job.id
    return job


def resume(job: Job) -> None:
    """Go on with the weights that stand on the page; the rest of the run is what it was."""
    live: dict[str, object] = {name: st.session_state[f"optimize.{name}"] for name in LIVE}
    recipe = job.note.recipe
    if len(recipe.styles) > 1:
        styles = tuple(s.model_copy(update={"weight": ui.weight_of("optimize.styles", s)}) for s in recipe.styles)
        if not any(style.weight for style in styles):
            ui.say(BadRecipe("At least one style needs a weight above 0 to go on."))
            return
        live["styles"] = styles
    job.note = job.note._replace(recipe=recipe.model_copy(update=live))
    job.resume(job.note.recipe)


def show_buttons(job: Job | None) -> None:
    """Start, pause or resume; and cancel.

    The same two widgets all along: while a script runs, the browser keeps a button that has gone beside the one that came.
    """
    if job is None:
        label, icon, act = "Start", ":material/play_arrow:", want
    elif job.state is State.PAUSED:
        label, icon, act = "Resume", ":material/play_arrow:", partial(resume, job)
    else:
        label, icon, act = "Pause", ":material/pause:", job.pause
    with st.container(horizontal=True):
        st.button(label, icon=icon, type="primary", on_click=act, key="optimize.go")
        cancel = job.cancel if job else None
        st.button("Cancel", icon=":material/close:", on_click=cancel, disabled=job is None, key="optimize.cancel")


def watch(job: Job) -> None:
    """Show the job until it ends or pauses; every look is a point where Streamlit drops this run for the next click."""
    paused = job.state is State.PAUSED
    line, bar, picture, chart = (st.empty() for _ in range(4))
    while not job.wait(POLL if job.progress else GLANCE) and job.state is not State.PAUSED:
        draw(job, line, bar, picture, chart)
    draw(job, line, bar, picture, chart)
    if job.finished:
        collect(job)
    if job.finished or not paused:
        st.rerun()  # for other buttons, and the result


def draw(job: Job, line: DeltaGenerator, bar: DeltaGenerator, picture: DeltaGenerator, chart: DeltaGenerator) -> None:
    line.markdown(ui.describe(job))
    latest = job.progress[-1] if job.progress else None
    bar.progress(latest.iteration / latest.total if latest else 0.0)
    if preview := ui.preview(job.progress):
        picture.image(preview, width="stretch")
    if latest:
        with chart:
            ui.loss_chart(job.progress)


def collect(job: Job) -> None:
    """A finished job's picture and its measures, or its sentence; of one that diverged both."""
    ui.collected(job)
    del st.session_state["optimize.job"]
    st.query_params.pop("job", None)
    step, note = None, job.note
    with ui.sentences():
        try:
            step = job.result()
        except Diverged as error:
            step = error.best
            raise
    if step is None:
        return
    with ui.sentences():
        ui.keep_result("optimize", note.recipe, step, note.before.read())
        measure = ui.engine().assess(images.fit(step.image, MEASURED), note.content, note.styles)
        st.session_state["optimize.run"] = Run(job.progress, measure)


def show_run() -> None:
    """The last run: its losses, how good it became, and how it came into being."""
    run: Run | None = st.session_state.get("optimize.run")
    if run is None:
        return
    measured, losses, film = st.tabs(["Quality", "Losses", "Time-lapse"])
    with measured:
        if run.measure.wait(POLL * 10):
            ui.show_quality(run.measure.result())
    with losses:
        ui.loss_chart(run.progress)
    with film, st.container(horizontal=True):
        for name, make in {"gif": timelapse.gif, "mp4": timelapse.mp4}.items():
            st.download_button(
                name.upper(), partial(film_of, run, make), f"time-lapse.{name}", on_click="ignore", icon=":material/movie:"
            )


def film_of(run: Run, make: Callable[[list[bytes]], bytes]) -> bytes:
    return make([p.preview.read() for p in run.progress if p.preview and p.preview.there])


# --- the page ---------------------------------------------------------------------------------------------------------

ui.head(
    "Optimise a picture, slow and at its finest",
    "The picture itself is optimised until its features match the photograph's content and the style's statistics, as Gatys, "
    "Ecker and Bethge did in 2015. Watch it come into being; pause, change a weight, go on.",
)
open_page()
ui.engine().prepare()
shown, asked = st.columns([7, 5], gap="large")
with asked:
    settings = ask_settings()
    content = ui.pick_content("optimize.content", on_upload=take_file)
    styles = ask_regions(ui.pick_styles("optimize.styles"))
with shown:
    with st.container(key="stage"):
        job = st.session_state.get("optimize.job")
        with ui.sentences():
            recipe = recipes.optimize(content=content, styles=styles, **settings)
            if st.session_state.pop("optimize.wanted", False) and job is None:
                job = start(recipe)
        show_buttons(job)
        ui.show_sentences()
        if job:
            watch(job)
        else:
            ui.show_result("optimize", None)
            show_run()
    ui.show_history("optimize", adopt)
