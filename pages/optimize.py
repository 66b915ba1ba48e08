"""Optimize: a picture optimised until its features match, slow and at its finest. Ask, guard, run, show, live."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import streamlit as st

import ui
from nst_core import engines, images, recipes
from nst_core.errors import BadRecipe, Diverged
from nst_core.pictures import timelapse
from nst_core.recipes import OptimizeRecipe
from nst_core.service import Job, Lane, Progress, Service
from ui import optimizing
from ui.optimizing import PANEL


class OptimizationRun(NamedTuple):
    """What is left of a finished job beside its picture. measure: the job that assesses it."""

    progress: list[Progress]
    measure: Job


MEASURING = 0.5  # seconds between looks at whether a run is measured


# --- run --------------------------------------------------------------------------------------------------------------


def start(recipe: OptimizeRecipe) -> None:
    """Guard, then hand the recipe to the engine.

    Raises: NSTError.
    """
    if recipe.content is None:
        raise BadRecipe("Choose a photograph, or upload your own.")
    engines.check_models(recipe)
    content = ui.picture(recipe.content, recipe.size, under="nearest")
    engines.check(recipe, content.shape[:2])
    styles = ui.styles_of(recipe, recipe.size)
    initial, file = None, optimizing.initial_file()
    if recipe.init == "image" and file:
        with ui.decoding:
            initial = images.decode(file.read(), name="The picture to start from", max_side=recipe.size, over="nearest")
    opacity = ui.opacity(recipe.content, content.shape[:2])
    note = optimizing.note(recipe, content, styles, file, opacity)  # first: a full disk shall not leave a job that nobody sees
    more = {"initial": initial, "opacity": opacity}
    pictures = {"content": content} | {name: array for name, array in more.items() if array is not None}
    PANEL.begin(ui.engine().run(recipe, pictures, styles, visitor=ui.visitor()), note)


def resume(job: Job) -> None:
    """Go on with the weights that stand on the page; the rest of the run is what it was."""
    try:
        recipe = optimizing.changed(job.note.recipe)
    except BadRecipe as error:  # the job stays paused, with what it has
        ui.say(error)
        return
    job.note = job.note._replace(recipe=recipe)
    job.resume(recipe)


def collect(job: Job) -> None:
    """A finished job's picture and its measures, or its sentence; of one that diverged both."""
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
        optimizing.remember_start(note)
        opacity = None if note.opacity is None else images.from_uint8(note.opacity)
        ui.keep_result("optimize", note.recipe, step, note.before.read(), opacity)
        measure = ui.engine().assess(images.fit(step.image, optimizing.MEASURED), note.content, note.styles)
        st.session_state["optimize.run"] = OptimizationRun(job.progress, measure)


# --- show -------------------------------------------------------------------------------------------------------------


def show_run() -> None:
    """The last run: its losses, how good it became, and how it came into being."""
    run: OptimizationRun | None = st.session_state.get("optimize.run")
    if run is None:
        return
    measured, losses, film = st.tabs(["Quality", "Progress", "Time-lapse"])
    with measured, ui.sentences():
        if run.measure.finished:
            ui.show_quality(run.measure.result())
        else:
            watch_measure(run.measure)
    with losses:
        ui.loss_chart(ui.pick_curve("optimize.every_layer")(run.progress))
    with film, st.container(horizontal=True):
        formats: dict[str, Callable[[list[bytes]], bytes]] = {"gif": timelapse.gif, "mp4": partial(in_a_worker, ui.engine())}
        for name, make in formats.items():
            st.download_button(
                name.upper(), partial(film_of, run, make), f"time-lapse.{name}", on_click="ignore", icon=":material/movie:"
            )


@st.fragment(run_every=MEASURING)
def watch_measure(measure: Job) -> None:
    st.caption("How near it came to the style is being measured …")
    if measure.finished:
        st.rerun()


def in_a_worker(engine: Service, frames: list[bytes]) -> bytes:
    """Return an MP4. PyAV stays out of this process."""
    return engine.timelapse(frames).result()


def film_of(run: OptimizationRun, make: Callable[[list[bytes]], bytes]) -> bytes:
    return make([p.preview.read() for p in run.progress if p.preview and p.preview.there])


# --- the page ---------------------------------------------------------------------------------------------------------

ui.head(
    "Paint slowly, at its finest",
    "Changed a little, looked at, changed again: watch the photograph become a painting. Pause, change your mind, go on.",
)
optimizing.open_page()
ui.engine().prepare()
shown, asked = st.columns([7, 5], gap="large")
with asked:
    settings = optimizing.ask_settings()
    content = ui.pick_content("optimize.content", on_upload=optimizing.take_file)
    styles = ui.ask_regions("optimize", ui.pick_styles("optimize.styles", content=content))
    styles = ui.treat_subject(ui.ask_subject("optimize"), content, styles)
with shown:
    with st.container(key="stage"):
        recipe = None
        with ui.sentences():
            recipe = recipes.optimize(content=content, styles=styles, **settings)
            if PANEL.wanted():
                start(recipe)
        if not PANEL.job and ui.ask_missing("optimize", optimizing.adopt_any):
            ui.show_sentences()
            st.stop()
        PANEL.buttons(resume)
        ui.show_sentences()
        ui.held("optimize")
        if job := PANEL.job:
            place, curve = st.container(), ui.pick_curve("optimize.every_layer")
            with place:
                PANEL.watch(job, ui.JobView(ui.describe, ui.done, curve, optimizing.beginning(job.note)), collect)
        else:
            with ui.sentences():
                if recipe:
                    st.caption(optimizing.promise(recipe))
            with ui.sentences():  # a result is shown even where its photograph is not among the session's pictures
                ui.show_result("optimize", None, partial(optimizing.invite, content, styles) if content else None)
            show_run()
    ui.show_history("optimize", optimizing.adopt)
    if recipe:
        ui.many("optimize", recipe, Lane.SLOW, partial(ui.painter, recipe, recipe.size))
