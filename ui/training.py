"""The training of a texture network: asked for, watched, and what came of it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import ui
from nst_core import images, recipes
from nst_core.engines import NetworkFacts
from nst_core.errors import Cancelled
from nst_core.recipes import Source, TrainingRecipe
from nst_core.service import LIMITS, Job, JobState, Progress, Submission
from nst_core.stylizer import Step
from nst_core.texture_networks import Trained, drawing, generators
from ui import networks
from ui.networks import PREFIX, Own

MINUTES = (2, 10, 30)
SHOWN_SIDE = 384  # pixels of the photograph that a training paints on its way
SMOOTHED = 20  # steps that a point of the loss curve is about


PANEL = ui.Panel("networks.training", start="Train", cancel="Give up", stop="Stop and keep")


class TrainingNote(NamedTuple):
    """What belongs to a training besides its progress."""

    recipe: TrainingRecipe
    style: Source
    shown: images.Image


def note_of(submission: Submission) -> TrainingNote:
    assert isinstance(submission.recipe, TrainingRecipe) and submission.recipe.style
    return TrainingNote(submission.recipe, submission.recipe.style, submission.picture("shown"))


class TrainingRun(NamedTuple):
    """What is left of a finished training."""

    own: Own
    progress: list[Progress]
    before: str  # data URIs
    after: str
    width: int
    painted: bool


def show_train(stage: DeltaGenerator, asked: DeltaGenerator, take_file: Callable[[str, bytes], bool]) -> None:
    """Ask for a style and a time; watch the same photograph being painted better and better.

    take_file: of the page, for a PNG that was made there.
    """
    job = PANEL.job
    ui.engine().prepare()
    with asked:
        purpose = st.segmented_control(
            "For", ["stylize", "synthesize"], format_func=lambda p: {"stylize": "Photographs", "synthesize": "Textures"}[p],
            key=f"{PREFIX}.purpose", required=True, persist_state="session", disabled=job is not None,
        )  # fmt: skip
        offered: list[float] = [minutes for minutes in MINUTES if minutes <= LIMITS.max_minutes] or [LIMITS.max_minutes]
        minutes = st.segmented_control(
            "Time", offered, format_func=lambda m: f"{m:g} minutes", key=f"{PREFIX}.minutes", required=True,
            persist_state="session", help="On two cores; you can stop sooner.", disabled=job is not None,
        )  # fmt: skip
        style = pick_style()
        if purpose == "stylize":
            content = ui.pick_content(f"{PREFIX}.content", on_upload=take_file)
    purpose, minutes = purpose or "stylize", minutes or MINUTES[0]
    with stage:
        if PANEL.wanted():
            with ui.sentences():
                start(style, content if purpose == "stylize" else None, purpose, minutes)
                st.rerun()  # what is asked above is fixed from now on
        PANEL.buttons()
        ui.show_sentences()
        if job:
            PANEL.watch(job, look(job), collect)
        elif run := st.session_state.get(f"{PREFIX}.run"):
            show_run(run)
        else:
            invite(style, purpose)


def invite(style: Source, purpose: str) -> None:
    """Before the first training: what will happen."""
    left, right = st.columns([1, 2], vertical_alignment="center")
    with left:
        st.image(ui.thumbnails([style])[0].src, width="stretch")
    with right:
        what, start, aim = "textures like this", "random numbers", "the style"
        if purpose == "stylize":
            what, start, aim = "a photograph in this style", "one that copies what it sees", "the style and from the photograph"
        st.markdown(
            f"A small network will learn to paint {what}. It starts from {start}, tries, is told by a "
            f"second network how far it is from {aim}, and tries again, a few times a second. "
            "Two minutes show the idea, ten are good, thirty are better. **Stop whenever it pleases you**: the network is kept."
        )
    ui.drawing(drawing.svg(generators.plan(recipes.training(purpose=purpose))), f"{PREFIX}.drawing.{purpose}")


def pick_style() -> Source:
    key = f"{PREFIX}.style"
    shown = [*ui.own_pictures("style"), *(Source(name=name) for name in ui.STYLES)]
    pick = lambda id: st.session_state.update({key: next(s for s in shown if ui.identity(s) == id)})  # noqa: E731
    st.caption("Style")
    ui.gallery(ui.thumbnails(shown), [ui.identity(st.session_state[key])], pick, key=f"{key}.gallery")
    with st.popover("Add your own style", icon=":material/add_photo_alternate:", width="stretch"):
        st.file_uploader("A painting, a fabric, a wall …", ui.FILE_TYPES, key=f"{key}.file", on_change=take_style)
    return st.session_state[key]


def take_style() -> None:
    key = f"{PREFIX}.style"
    if (file := ui.taken(f"{key}.file")) is None:
        return
    with ui.sentences():
        st.session_state[key] = ui.keep_upload(*file, "style")


def start(style: Source, content: Source | None, purpose: str, minutes: float) -> None:
    """Hand the training to the engine.

    Raises: NSTError.
    """
    recipe = recipes.training(style=style, purpose=purpose, seconds=60.0 * minutes)
    shown = ui.picture(content or style, SHOWN_SIDE)
    job = ui.engine().run(recipe, {"style": ui.picture(style, recipe.style_size), "shown": shown}, visitor=ui.visitor())
    PANEL.begin(job, TrainingNote(recipe, style, shown))


def look(job: Job) -> ui.JobView:
    """By time, since the steps are only known when the training has found its pace."""
    budget, before = job.note.recipe.seconds, images.thumbnail(job.note.shown, SHOWN_SIDE)
    share = lambda job: job.progress[-1].seconds / budget if job.progress else 0.0  # noqa: E731
    return ui.JobView(pace, share, smoothed, before, beside=True)


def pace(job: Job) -> str:
    """Where a training stands, in a line."""
    if job.state is JobState.PAUSED:
        return "**Paused.** Resume it, or stop and keep the network."
    if not job.progress:
        return ui.describe(job)
    latest = job.progress[-1]
    left = max(0, job.note.recipe.seconds - latest.seconds)
    return f"{ui.plain_title(job.note.style)} · step **{latest.iteration}** · {left:.0f} s left"


def smoothed(progress: list[Progress]) -> list[Progress]:
    """Content and style over the training, a mean of late: single steps learn from easy and hard pictures by turns."""
    points, content, style = [], 0.0, 0.0
    for number, p in enumerate(progress):
        share = max(1 / (number + 1), 1 / SMOOTHED)
        content += share * (p.losses.get("content", 0.0) - content)
        style += share * (sum(value for name, value in p.losses.items() if name.startswith("style/")) - style)
        points.append(Progress(p.iteration, p.total, {"content": content, "style": style}, p.seconds, None))
    return points


def collect(job: Job) -> None:
    """A finished training's network, kept under its style's name; or its sentence."""
    with ui.sentences():
        try:
            step: Step = job.result()
        except Cancelled:
            return  # as was asked
        assert isinstance(step, Trained)
        assert step.image is not None
        note: TrainingNote = job.note
        title = f"{Path(ui.title(note.style)).stem}, {step.iteration} steps"
        picture, before = (ui.data_uri(images.thumbnail(image, ui.PREVIEW)) for image in (step.image, note.shown))
        small = ui.data_uri(images.thumbnail(step.image, ui.THUMBNAIL))
        facts = NetworkFacts(note.recipe.purpose == "synthesize", note.recipe.style)
        own = Own(Source.of_upload(f"{title}.npz", step.network), ui.keep(step.network), title, small, facts)
        networks.keep(own)
        painted = note.recipe.purpose == "stylize"
        st.session_state[f"{PREFIX}.run"] = TrainingRun(
            own, smoothed(job.progress), before, picture, note.shown.shape[1], painted
        )


def show_run(run: TrainingRun) -> None:
    """The network that was just trained: what it makes, how it got there, and where to go from here."""
    if run.painted:
        ui.compare(run.before, run.after, width=run.width, alt=run.own.title, key=f"{PREFIX}.run.compare")
    else:
        st.image(run.after, width=run.width)
    st.caption(f"{ui.plain(run.own.title)} · {run.own.file.size / 1000:.0f} kB")
    id = ui.identity(run.own.source)
    with st.container(horizontal=True):
        use = partial(networks.choose, id, "stylize" if run.painted else "synthesize")
        st.button("Use this network", icon=":material/brush:", type="primary", on_click=use, key=f"{PREFIX}.use")
        st.download_button(
            "Save it", run.own.file.read, f"{networks.file_name(id)}.npz", icon=":material/download:", on_click="ignore",
            key=f"{PREFIX}.save_run",
        )  # fmt: skip
    if run.progress:
        ui.loss_chart(run.progress)
