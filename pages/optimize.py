"""Optimize: a picture optimised until its features match, slow and at its finest. Ask, guard, run, show, live."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import streamlit as st

import ui
from nst_core import images, recipes
from nst_core.engine import Job, Progress
from nst_core.errors import BadRecipe, Diverged
from nst_core.machine import Kept, memory
from nst_core.models import weights
from nst_core.pictures import timelapse
from nst_core.recipes import OptimizeRecipe
from nst_core.stylizer import Style
from ui import optimizing
from ui.optimizing import PANEL

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


MEASURING = 5.0  # seconds that the page waits for measures


# --- run --------------------------------------------------------------------------------------------------------------


def start(recipe: OptimizeRecipe) -> None:
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
    if recipe.init == "image" and (data := optimizing.initial_picture()):
        initial = images.decode(data, name="The picture to start from", max_side=recipe.size)
    small = [Style(images.fit(style.image, MEASURED), style.weight) for style in styles]
    note = Note(recipe, ui.keep(images.thumbnail(content, ui.PREVIEW)), images.fit(content, MEASURED), small)
    PANEL.begin(ui.engine().stylize(content, styles, recipe, initial=initial), note)


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
        ui.keep_result("optimize", note.recipe, step, note.before.read())
        measure = ui.engine().assess(images.fit(step.image, MEASURED), note.content, note.styles)
        st.session_state["optimize.run"] = Run(job.progress, measure)


# --- show -------------------------------------------------------------------------------------------------------------


def show_run() -> None:
    """The last run: its losses, how good it became, and how it came into being."""
    run: Run | None = st.session_state.get("optimize.run")
    if run is None:
        return
    measured, losses, film = st.tabs(["Quality", "Losses", "Time-lapse"])
    with measured:
        if run.measure.wait(MEASURING):
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
optimizing.open_page()
ui.engine().prepare()
shown, asked = st.columns([7, 5], gap="large")
with asked:
    settings = optimizing.ask_settings()
    content = ui.pick_content("optimize.content", on_upload=optimizing.take_file)
    styles = optimizing.ask_regions(ui.pick_styles("optimize.styles"))
with shown:
    with st.container(key="stage"):
        with ui.sentences():
            recipe = recipes.optimize(content=content, styles=styles, **settings)
            if PANEL.wanted():
                start(recipe)
        PANEL.buttons(resume)
        ui.show_sentences()
        if job := PANEL.job:
            PANEL.watch(job, ui.Look(ui.describe, ui.done), collect)
        else:
            with ui.sentences():
                size = st.session_state["optimize.size"]
                ui.show_result("optimize", None, partial(ui.picture, content, size) if content else None)
            show_run()
    ui.show_history("optimize", optimizing.adopt)
