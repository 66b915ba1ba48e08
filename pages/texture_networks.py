"""Texture networks: one small network a style. Paint with a ready one, make a texture, or train one. Ask, guard, run, show."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import ui
from nst_core import generators, images, memory, network_drawing, recipes, weights
from nst_core.engine import Job, Progress, State
from nst_core.errors import BadRecipe, Cancelled, NSTError
from nst_core.generators import TextureNetwork, Trained
from nst_core.recipes import DEFAULT_SIZE, Color, Source, StyleSource, TextureNetworkRecipe, TrainingRecipe
from nst_core.shelf import Kept
from nst_core.stylizer import Step

PREFIX = "networks"
MODES = {"paint": "Paint", "texture": "Textures", "train": "Train"}
ICONS = {"paint": ":material/brush:", "texture": ":material/grid_view:", "train": ":material/model_training:"}
MINUTES = (2, 10, 30)
MIN_SIDE, MAX_SIDE = 256, 1536  # pixels; beyond it a picture takes gigabytes
TEXTURE_SIDES = (64, 1536)
KEPT = 6  # networks of a session's own
SHOWN_SIDE = 384  # pixels of the photograph that a training paints on its way
POLL = 0.4  # seconds between looks at a job
SMOOTHED = 20  # steps that a point of the loss curve is about


class Own(NamedTuple):
    """A network that was trained or uploaded in this session."""

    source: Source
    file: Kept
    title: str
    picture: str  # data URI of its thumbnail

    @property
    def there(self) -> bool:
        return self.file.there


class Note(NamedTuple):
    """What belongs to a training besides its progress."""

    recipe: TrainingRecipe
    style: Source
    shown: images.Image


class Run(NamedTuple):
    """What is left of a finished training."""

    own: Own
    progress: list[Progress]
    before: str  # data URIs
    after: str
    width: int
    painted: bool


# --- networks ---------------------------------------------------------------------------------------------------------


def owned() -> dict[str, Own]:
    """Of this session, those that have not made room for others."""
    kept: dict[str, Own] = st.session_state.setdefault(f"{PREFIX}.own", {})
    for id in [id for id, own in kept.items() if not own.there]:
        del kept[id]
    return kept


def keep(own: Own) -> None:
    kept = owned()
    kept[ui.identity(own.source)] = own
    while len(kept) > KEPT:
        kept.pop(next(iter(kept)))


@st.cache_data(show_spinner=False, max_entries=32)
def ready(name: str) -> bytes:
    return weights.NETWORKS[name].read_bytes()


@st.cache_resource(show_spinner=False, max_entries=32)
def described(data: bytes) -> TextureNetwork:
    return generators.read(data)


def bytes_of(id: str) -> bytes:
    return owned()[id].file.read() if id in owned() else ready(id)


def source_of(id: str) -> Source:
    return owned()[id].source if id in owned() else Source(name=id)


def offered(purpose: Literal["stylize", "synthesize"]) -> list[ui.Thumbnail]:
    """The session's own networks of that purpose, the latest first, and the ready ones."""
    mine = [ui.Thumbnail(id, own.title, own.picture) for id, own in reversed(owned().items())]
    made_here = [ui.Thumbnail(name, ui.title(Source(name=name)), thumbnail_of(name)) for name in weights.NETWORKS]
    return [item for item in (*mine, *made_here) if described(bytes_of(item.id)).recipe.purpose == purpose]


def thumbnail_of(name: str) -> str:
    """Of the style that the ready network learned."""
    style = described(ready(name)).recipe.style
    return ui.thumbnails([style or Source(name=name)])[0].src


def take_network() -> None:
    """Callback of the uploader: check the file, keep it, choose it."""
    if (file := ui.taken(f"{PREFIX}.file")) is None:
        return
    name, data = file
    with ui.sentences():
        network = generators.read(data, name=name)
        style = network.recipe.style
        picture = ui.thumbnails([style])[0].src if style and style.is_sample and style.name in ui.STYLES else NO_PICTURE
        own = Own(Source.of_upload(name, data), ui.keep(data), name.removesuffix(".npz"), picture)
        keep(own)
        choose(ui.identity(own.source), network.recipe.purpose)


def choose(id: str, purpose: str) -> None:
    mode = "paint" if purpose == "stylize" else "texture"
    st.session_state[f"{PREFIX}.{mode}.network"] = id
    st.session_state[f"{PREFIX}.mode"] = mode


NO_PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E"
    "%3Crect width='8' height='8' fill='%23888'/%3E%3Cpath d='M1 6l2-3 2 2 1-1 1 2z' fill='%23fff'/%3E%3C/svg%3E"
)


def pick_network(mode: Literal["paint", "texture"]) -> str:
    """A gallery of networks; State: `networks.{mode}.network` holds the id."""
    key = f"{PREFIX}.{mode}.network"
    items = offered("stylize" if mode == "paint" else "synthesize")
    if not items:
        raise BadRecipe("No network of this kind is here: train one, or upload one.")
    if st.session_state.get(key) not in [item.id for item in items]:
        st.session_state[key] = items[0].id
    st.caption("Networks, each trained for one style")
    ui.gallery(items, [st.session_state[key]], lambda id: st.session_state.update({key: id}), key=f"{key}.gallery")
    with st.popover("Upload a network", icon=":material/upload:", width="stretch"):
        st.file_uploader(
            "A .npz file that was saved on this page",
            ["npz"],
            key=f"{PREFIX}.file",
            on_change=take_network,
            max_upload_size=generators.MAX_BYTES // 1024**2,
        )
    return st.session_state[key]


# --- paint and synthesise ---------------------------------------------------------------------------------------------


def run(id: str, recipe: TextureNetworkRecipe, content: images.Image | None) -> ui.Result:
    """The recipe's result, made now unless it was made before. Waits in the script, as the Instant page does.

    Raises: NSTError.
    """
    kept = ui.results(prefix_of(recipe))
    if recipe in kept:
        return kept[recipe]
    asked, job = st.session_state.get(f"{PREFIX}.job", (None, None))
    if asked != recipe:
        if job:
            job.cancel()
            del st.session_state[f"{PREFIX}.job"]
        memory.check_pass(*(content.shape[:2] if content is not None else recipe.shape or (recipe.size, recipe.size)))
        job = ui.engine().paint(bytes_of(id), content, recipe)
        st.session_state[f"{PREFIX}.job"] = recipe, job
    said, stand_in = st.empty(), st.empty()
    if content is not None and f"{prefix_of(recipe)}.shown" not in st.session_state:
        stand_in.image(images.thumbnail(content, ui.PREVIEW), width="stretch")
    while not job.wait(POLL):
        said.markdown(ui.HOURGLASS + ("Painting …" if ui.engine().ready else ui.LOADING))
    said.empty()
    stand_in.empty()
    try:
        step = job.result()
    finally:
        del st.session_state[f"{PREFIX}.job"]
    before = step.image if content is None else content
    return ui.keep_result(prefix_of(recipe), recipe, step, images.thumbnail(before, ui.PREVIEW))


def prefix_of(recipe: TextureNetworkRecipe) -> str:
    return f"{PREFIX}.texture" if recipe.content is None else f"{PREFIX}.paint"


def styles_of(id: str) -> tuple[StyleSource, ...]:
    """What a result's title names: the style that the network learned, or the network."""
    return (StyleSource(source=described(bytes_of(id)).recipe.style or source_of(id)),)


def ask_seed(mode: str) -> int:
    key = f"{PREFIX}.{mode}.seed"
    st.session_state.setdefault(key, 0)
    return st.number_input("Noise seed", 0, 2**32 - 1, key=key, persist_state="session", help="Another seed, other details.")


def show_paint(stage: DeltaGenerator, asked: DeltaGenerator, below: DeltaGenerator) -> None:
    """A photograph painted by a network in one pass."""
    with asked:
        id = pick_network("paint")
        content = ui.pick_content(f"{PREFIX}.content", on_upload=take_file)
    with below, st.container(border=True):
        left, middle, right = st.columns([3, 2, 2], vertical_alignment="bottom")
        with left:
            size = st.slider("Longer side, pixels", MIN_SIDE, MAX_SIDE, step=64, key=f"{PREFIX}.size", persist_state="session")
        with middle:
            seed = ask_seed("paint")
        with right:
            own = st.toggle("Keep the photograph's colours", key=f"{PREFIX}.luminance", persist_state="session")
    with stage:
        result = None
        try:
            if content is None:
                raise BadRecipe("Choose a photograph, or upload your own.")
            color = Color.LUMINANCE if own else Color.STYLE
            styles = styles_of(id)
            recipe = recipes.texture_network(
                content=content, network=source_of(id), styles=styles, size=size, seed=seed, color=color
            )
            result = run(id, recipe, ui.picture(content, size))
        except NSTError as error:
            st.error(str(error), icon=":material/error:")
        ui.show_result(f"{PREFIX}.paint", result)
    with below:
        ui.show_history(f"{PREFIX}.paint", adopt)
        explain(id)


def adopt(recipe: TextureNetworkRecipe) -> None:
    """A picture of the history: its settings come back, if its network is still here."""
    state, id = st.session_state, ui.identity(recipe.network)
    if id in owned() or id in weights.NETWORKS:
        state[f"{PREFIX}.paint.network"] = id
    state[f"{PREFIX}.content"], state[f"{PREFIX}.size"] = recipe.content, recipe.size
    state[f"{PREFIX}.paint.seed"], state[f"{PREFIX}.luminance"] = recipe.seed, recipe.color is Color.LUMINANCE


def take_file(name: str, data: bytes) -> bool:
    """Restore the recipe of a picture that was painted here; False for any other file."""
    recipe = recipes.of_png(data)
    if not isinstance(recipe, TextureNetworkRecipe) or recipe.content is None:
        return False
    adopt(recipe)
    st.toast(f"Settings restored from {name}.", icon=":material/history:")
    return True


def show_texture(stage: DeltaGenerator, asked: DeltaGenerator, below: DeltaGenerator) -> None:
    """A texture of any size from nothing but noise."""
    with asked:
        id = pick_network("texture")
        left, right = st.columns(2)
        sides = {}
        for column, side in ((left, "width"), (right, "height")):
            key = f"{PREFIX}.texture.{side}"
            st.session_state.setdefault(key, DEFAULT_SIZE)
            with column:
                sides[side] = st.number_input(
                    f"{side.capitalize()}, pixels", *TEXTURE_SIDES, step=16, key=key, persist_state="session"
                )
        seed = ask_seed("texture")
        st.button("Another one", icon=":material/casino:", on_click=another, width="stretch")
        st.session_state.setdefault(f"{PREFIX}.tiles", 2)
        tiles = st.segmented_control(
            "Laid as tiles", [1, 2, 3], format_func=lambda n: f"{n} × {n}", key=f"{PREFIX}.tiles", required=True,
            persist_state="session", help="Only a preview: the download is one tile.",
        )  # fmt: skip
    with stage:
        try:
            shape = (sides["height"], sides["width"])
            recipe = recipes.texture_network(network=source_of(id), styles=styles_of(id), shape=shape, seed=seed)
            result = run(id, recipe, None)
        except NSTError as error:
            st.error(str(error), icon=":material/error:")
            return
        show_tiles(result, tiles or 1)
    with below:
        explain(id)


def another() -> None:
    st.session_state[f"{PREFIX}.texture.seed"] = st.session_state.get(f"{PREFIX}.texture.seed", 0) + 1


def show_tiles(result: ui.Result, tiles: int) -> None:
    """The texture n times beside itself: no seam is to be seen."""
    texture = images.decode(result.png.read(), max_side=ui.PREVIEW * 2 // (tiles + 1))
    st.image(images.encode(np.tile(texture, (tiles, tiles, 1)), "jpeg"), width="stretch")
    st.caption(f"{result.title} · {result.width} × {result.height} px · {result.seconds:.2f} s · tiles without a seam")
    with st.container(horizontal=True):
        formats: tuple[tuple[images.Format, str], ...] = (("png", "png"), ("jpeg", "jpg"))
        for format, suffix in formats:
            st.download_button(
                format.upper(), partial(result.encode, format), f"texture.{suffix}", f"image/{format}", on_click="ignore",
                type="primary" if format == "png" else "secondary", key=f"{PREFIX}.texture.{format}",
            )  # fmt: skip


def explain(id: str) -> None:
    """The network that is chosen: a drawing made from its plan, how it was trained, its file."""
    data, network = bytes_of(id), described(bytes_of(id))
    with st.expander("The network behind it", icon=":material/account_tree:"):
        plan, recipe = network.plan, network.recipe
        ui.drawing(network_drawing.svg(plan), f"{PREFIX}.drawing")
        seen = "a smaller copy of the picture and some noise" if plan.picture else "noise"
        st.caption(
            f"{plan.parameters:,} numbers, {len(data) / 1000:.0f} kB. Every scale looks at {seen}; "
            "the coarse ones decide where things go, the fine ones draw the strokes. Width: channels."
        )
        if len(network.log) > 1:
            last, closer = network.log[-1], " and to the photograph's content" if plan.picture else ""
            st.markdown(
                f"**Trained** for {last[0]:,.0f} of {recipe.steps:,} steps in {last[1] / 60:.0f} minutes, judged by "
                f"`{recipe.features}`. Lower is closer to the style{closer}:"
            )
            total = int(last[0])
            rows = [Progress(int(r["iteration"]), total, curve(r), r["seconds"], None) for r in generators.rows(network)]
            ui.loss_chart(rows)
        st.download_button(
            "Save this network", data, f"{file_name(id)}.npz", icon=":material/download:", on_click="ignore",
            key=f"{PREFIX}.save.{id}",
        )  # fmt: skip


def curve(row: Mapping[str, float]) -> dict[str, float]:
    return {name: row[name] for name in ("content", "style")}


def file_name(id: str) -> str:
    title = owned()[id].title if id in owned() else id
    return re.sub(r"[^\w-]+", "-", title).strip("-").lower()[:60] or "network"


# --- train ------------------------------------------------------------------------------------------------------------


def show_train(stage: DeltaGenerator, asked: DeltaGenerator, below: DeltaGenerator) -> None:
    """Ask for a style and a time; watch the same photograph being painted better and better."""
    job: Job | None = st.session_state.get(f"{PREFIX}.training")
    ui.engine().prepare()
    with asked:
        purpose = st.segmented_control(
            "For", ["stylize", "synthesize"], format_func=lambda p: {"stylize": "Photographs", "synthesize": "Textures"}[p],
            key=f"{PREFIX}.purpose", required=True, persist_state="session", disabled=job is not None,
        )  # fmt: skip
        minutes = st.segmented_control(
            "Time", list(MINUTES), format_func=lambda m: f"{m} minutes", key=f"{PREFIX}.minutes", required=True,
            persist_state="session", help="On two cores; you can stop sooner.", disabled=job is not None,
        )  # fmt: skip
        style = pick_style()
        if purpose == "stylize":
            content = ui.pick_content(f"{PREFIX}.content", on_upload=take_file)
    purpose, minutes = purpose or "stylize", minutes or MINUTES[0]
    with stage:
        if st.session_state.pop(f"{PREFIX}.wanted", False) and job is None:
            with ui.sentences():
                start(style, content if purpose == "stylize" else None, purpose, minutes)
                st.rerun()  # what is asked above is fixed from now on
        show_buttons(job)
        ui.show_sentences()
        if job:
            watch(job)
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
    ui.drawing(network_drawing.svg(generators.plan(recipes.training(purpose=purpose))), f"{PREFIX}.drawing.{purpose}")


def pick_style() -> Source:
    key = f"{PREFIX}.style"
    own = [source for source in st.session_state.get(f"{key}.own", []) if ui.identity(source) in ui.uploads()]
    shown = [*own, *(Source(name=name) for name in ui.STYLES)]
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
        source = ui.keep_upload(*file)
        st.session_state[f"{key}.own"] = [*st.session_state.get(f"{key}.own", []), source]
        st.session_state[key] = source


def start(style: Source, content: Source | None, purpose: str, minutes: int) -> Job:
    """Hand the training to the engine.

    Raises: NSTError.
    """
    recipe = recipes.training(style=style, purpose=purpose, seconds=60.0 * minutes)
    shown = ui.picture(content or style, SHOWN_SIDE)
    job = ui.engine().train(ui.picture(style, recipe.style_size), shown, recipe)
    job.note = Note(recipe, style, shown)
    ui.claim(job)
    st.session_state[f"{PREFIX}.training"] = job
    st.query_params["job"] = job.id
    return job


def want() -> None:
    st.session_state[f"{PREFIX}.wanted"] = True


def show_buttons(job: Job | None) -> None:
    """Train, pause or resume; and stop. The same two widgets all along, as on the Optimize page."""
    label, icon, act = "Train", ":material/play_arrow:", want
    if job and job.state is State.PAUSED:
        label, icon, act = "Resume", ":material/play_arrow:", job.resume
    elif job:
        label, icon, act = "Pause", ":material/pause:", job.pause
    with st.container(horizontal=True):
        st.button(label, icon=icon, type="primary", on_click=act, key=f"{PREFIX}.go")
        stop = job.stop if job else None
        st.button("Stop and keep", icon=":material/stop:", on_click=stop, disabled=job is None, key=f"{PREFIX}.stop")
        give_up = job.cancel if job else None
        st.button("Give up", icon=":material/close:", on_click=give_up, disabled=job is None, key=f"{PREFIX}.cancel")


def watch(job: Job) -> None:
    """Show the training until it ends or pauses; every look is a point where Streamlit drops this run for the next click."""
    paused = job.state is State.PAUSED
    line, bar = st.empty(), st.empty()
    left, right = st.columns(2)
    picture, chart = left.empty(), right.empty()
    before = images.thumbnail(job.note.shown, SHOWN_SIDE)
    while not job.wait(POLL) and job.state is not State.PAUSED:
        draw(job, line, bar, picture, chart, before)
    draw(job, line, bar, picture, chart, before)
    if job.finished:
        collect(job)
    if job.finished or not paused:
        st.rerun()  # for other buttons, and the result


def draw(
    job: Job, line: DeltaGenerator, bar: DeltaGenerator, picture: DeltaGenerator, chart: DeltaGenerator, before: bytes
) -> None:
    progress, budget = list(job.progress), job.note.recipe.seconds
    latest = progress[-1] if progress else None
    line.markdown(pace(job, latest, budget))
    bar.progress(min(1.0, latest.seconds / budget) if latest else 0.0)
    picture.image(ui.preview(progress) or before, width="stretch")
    if latest:
        with chart:
            ui.loss_chart(smoothed(progress))


def pace(job: Job, latest: Progress | None, budget: float) -> str:
    """Where a training stands, in a line: by its time, since its steps are only known when it has found its pace."""
    if job.state is State.PAUSED:
        return "**Paused.** Resume it, or stop and keep the network."
    if latest is None:
        return ui.describe(job)
    left = max(0, budget - latest.seconds)
    return f"{ui.title(job.note.style)} · step **{latest.iteration}** · {left:.0f} s left"


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
    ui.collected(job)
    del st.session_state[f"{PREFIX}.training"]
    st.query_params.pop("job", None)
    with ui.sentences():
        try:
            step: Step = job.result()
        except Cancelled:
            return  # as was asked
        assert isinstance(step, Trained)
        assert step.image is not None
        note: Note = job.note
        title = f"{Path(ui.title(note.style)).stem}, {step.iteration} steps"
        picture, before = (ui.data_uri(images.thumbnail(image, ui.PREVIEW)) for image in (step.image, note.shown))
        small = ui.data_uri(images.thumbnail(step.image, ui.THUMBNAIL))
        own = Own(Source.of_upload(f"{title}.npz", step.network), ui.keep(step.network), title, small)
        keep(own)
        painted = note.recipe.purpose == "stylize"
        st.session_state[f"{PREFIX}.run"] = Run(own, smoothed(job.progress), before, picture, note.shown.shape[1], painted)


def show_run(run: Run) -> None:
    """The network that was just trained: what it makes, how it got there, and where to go from here."""
    if run.painted:
        ui.compare(run.before, run.after, width=run.width, alt=run.own.title, key=f"{PREFIX}.run.compare")
    else:
        st.image(run.after, width=run.width)
    st.caption(f"{run.own.title} · {run.own.file.size / 1000:.0f} kB")
    id = ui.identity(run.own.source)
    with st.container(horizontal=True):
        use = partial(choose, id, "stylize" if run.painted else "synthesize")
        st.button("Use this network", icon=":material/brush:", type="primary", on_click=use, key=f"{PREFIX}.use")
        st.download_button(
            "Save it", run.own.file.read, f"{file_name(id)}.npz", icon=":material/download:", on_click="ignore",
            key=f"{PREFIX}.save_run",
        )  # fmt: skip
    if run.progress:
        ui.loss_chart(run.progress)


# --- the page ---------------------------------------------------------------------------------------------------------


def open_page() -> None:
    """The first run of a session; a training is found again by the address of a page that was reloaded in its middle."""
    state = st.session_state
    defaults = {
        "mode": "paint", "content": Source(name="mountain-lake"), "content.kind": "Samples", "size": 768, "luminance": False,
        "purpose": "stylize", "minutes": 2, "style": Source(name="starlit-oils"), "paint.network": "starlit-oils",
    }  # fmt: skip
    for name, value in defaults.items():
        state.setdefault(f"{PREFIX}.{name}", value)
    found = ui.engine().find(st.query_params.get("job", ""))
    if found and isinstance(found.note.recipe, TrainingRecipe) and state.get(f"{PREFIX}.training") is not found:
        ui.claim(found)
        state[f"{PREFIX}.training"], state[f"{PREFIX}.mode"] = found, "train"


ui.head(
    "A network of its own for every style",
    "**Texture networks** learn one style each and then paint any photograph with it in a single pass, or make endless "
    "textures. Ready ones are here; train your own in minutes.",
)
open_page()
mode = st.segmented_control(
    "What to do", list(MODES), format_func=lambda m: f"{ICONS[m]} {MODES[m]}", key=f"{PREFIX}.mode", required=True,
    label_visibility="collapsed", persist_state="session",
)  # fmt: skip
shown, asked = st.columns([7, 5], gap="large")
with shown:
    stage, below = st.container(key="stage"), st.container()
views: dict[str, Callable[[DeltaGenerator, DeltaGenerator, DeltaGenerator], None]] = {
    "paint": show_paint,
    "texture": show_texture,
    "train": show_train,
}
if mode != "train":
    with stage:
        ui.show_sentences()
try:
    views[mode or "paint"](stage, asked, below)
except NSTError as error:
    stage.error(str(error), icon=":material/error:")
