"""Texture networks: one small network a style. Paint with a ready one, make a texture, or train one. Ask, guard, run, show."""

from functools import partial

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import ui
from nst_core import recipes
from nst_core.errors import BadRecipe, NSTError
from nst_core.models import weights
from nst_core.recipes import DEFAULT_SIZE, Color, Source, TextureNetworkRecipe, TrainingRecipe
from nst_core.service import LIMITS, Lane, limits
from ui import networks, training
from ui.networks import PREFIX

MODES = {"paint": "Paint", "texture": "Textures", "train": "Train"}
ICONS = {"paint": ":material/brush:", "texture": ":material/grid_view:", "train": ":material/model_training:"}
MIN_SIDE, MAX_SIDE = 256, min(1536, LIMITS.max_size)  # pixels; beyond it a picture takes gigabytes
TEXTURE_SIDES = (64, MAX_SIDE)


def show_paint(stage: DeltaGenerator, asked: DeltaGenerator, below: DeltaGenerator) -> None:
    """A photograph painted by a network in one pass."""
    with asked:
        id = networks.pick_network("paint")
        content = ui.pick_content(f"{PREFIX}.content", on_upload=take_file)
    with below, st.container(border=True):
        left, right = st.columns(2)  # a row each, since their parts differ in height
        with left:
            size = st.slider("Longer side, pixels", MIN_SIDE, MAX_SIDE, step=64, key=f"{PREFIX}.size", persist_state="session")
        with right:
            stroke = ui.pick_stroke(f"{PREFIX}.stroke")
        left, right = st.columns(2, vertical_alignment="bottom")
        with left:
            seed = networks.ask_seed("paint")
        with right:
            own = st.toggle("The photograph's colours", key=f"{PREFIX}.luminance", persist_state="session")
    with stage:
        if ui.ask_missing(PREFIX, adopt):
            return
        recipe = result = None
        try:
            if content is None:
                raise BadRecipe("Choose a photograph, or upload your own.")
            color = Color.LUMINANCE if own else Color.STYLE
            styles = networks.styles_of(id)
            recipe = recipes.texture_network(
                content=content, network=networks.source_of(id), styles=styles, size=size, seed=seed, color=color,
                stroke_size=stroke,
            )  # fmt: skip
            result = networks.made(id, recipe)
        except NSTError as error:
            ui.show_error(error)
        ui.show_result(f"{PREFIX}.paint", result)
    with below:
        ui.show_history(f"{PREFIX}.paint", adopt)
        if recipe:
            ui.many(f"{PREFIX}.paint", recipe, Lane.LIGHT, partial(networks.painter, id, recipe))
        networks.explain(id)


def adopt(recipe: TextureNetworkRecipe) -> None:
    """A picture of the history: its settings come back, if its network is still here."""
    state, id = st.session_state, ui.identity(recipe.network)
    if id in networks.owned() or id in weights.NETWORKS:
        state[f"{PREFIX}.paint.network"] = id
    state[f"{PREFIX}.content"], state[f"{PREFIX}.size"] = recipe.content, recipe.size
    state[f"{PREFIX}.paint.seed"], state[f"{PREFIX}.luminance"] = recipe.seed, recipe.color is Color.LUMINANCE
    state[f"{PREFIX}.stroke"] = recipe.stroke_size


def take_file(name: str, data: bytes) -> bool:
    """Restore the recipe of a picture that was painted here; False for any other file."""
    recipe = recipes.of_picture(data)
    limits.check(recipe)
    if not isinstance(recipe, TextureNetworkRecipe) or recipe.content is None:
        return False
    ui.restore(PREFIX, name, recipe, adopt)
    return True


def show_texture(stage: DeltaGenerator, asked: DeltaGenerator, below: DeltaGenerator) -> None:
    """A texture of any size from nothing but noise."""
    with asked:
        id = networks.pick_network("texture")
        left, right = st.columns(2)
        sides = {}
        for column, side in ((left, "width"), (right, "height")):
            key = f"{PREFIX}.texture.{side}"
            st.session_state.setdefault(key, DEFAULT_SIZE)
            with column:
                sides[side] = st.number_input(
                    f"{side.capitalize()}, pixels", *TEXTURE_SIDES, step=16, key=key, persist_state="session"
                )
        seed = networks.ask_seed("texture")
        st.button("Another one", icon=":material/casino:", on_click=another, width="stretch")
        st.session_state.setdefault(f"{PREFIX}.tiles", 2)
        tiles = st.segmented_control(
            "Laid as tiles", [1, 2, 3], format_func=lambda n: f"{n} × {n}", key=f"{PREFIX}.tiles", required=True,
            persist_state="session", help="Only a preview: the download is one tile.",
        )  # fmt: skip
    with stage:
        try:
            shape = (sides["height"], sides["width"])
            recipe = recipes.texture_network(
                network=networks.source_of(id), styles=networks.styles_of(id), shape=shape, seed=seed
            )
            result = networks.made(id, recipe)
        except NSTError as error:
            ui.show_error(error)
            return
        networks.show_tiles(result, tiles or 1)
    with below:
        networks.explain(id)


def another() -> None:
    st.session_state[f"{PREFIX}.texture.seed"] = st.session_state.get(f"{PREFIX}.texture.seed", 0) + 1


def open_page() -> None:
    """The first run of a session; a training is found again by the address of a page that was reloaded in its middle."""
    state = st.session_state
    defaults = {
        "mode": "paint", "content": Source(name="mountain-lake"), "content.kind": "Samples", "size": 768, "luminance": False,
        "stroke": 1.0, "purpose": "stylize", "minutes": 2,
        "style": Source(name="starlit-oils"), "paint.network": "starlit-oils",
    }  # fmt: skip
    for name, value in defaults.items():
        state.setdefault(f"{PREFIX}.{name}", value)
    if training.PANEL.find(TrainingRecipe, training.note_of):
        state[f"{PREFIX}.mode"] = "train"


ui.head(
    "A network of its own for every style",
    "A texture network has learned a single style: it paints any photograph in it at once, or makes endless patterns. "
    "Train your own in minutes.",
)
open_page()
mode = st.segmented_control(
    "What to do", list(MODES), format_func=lambda m: f"{ICONS[m]} {MODES[m]}", key=f"{PREFIX}.mode", required=True,
    label_visibility="collapsed", persist_state="session",
)  # fmt: skip
shown, asked = st.columns([7, 5], gap="large")
with shown:
    stage, below = st.container(key="stage"), st.container()
if mode != "train":
    with stage:
        ui.show_sentences()
try:
    if mode == "train":
        training.show_train(stage, asked, take_file)
    else:
        {"paint": show_paint, "texture": show_texture}[mode or "paint"](stage, asked, below)
except NSTError as error:
    with stage:
        ui.show_error(error)
