"""Instant: any photograph in any style, in one pass. Ask, guard, run, show; the result follows every change by itself."""

from functools import partial

import streamlit as st

import ui
from nst_core import engines, recipes
from nst_core.errors import NSTError
from nst_core.recipes import MAX_STRENGTH, MIN_SIZE, InstantRecipe, Source, StyleSource
from nst_core.service import LIMITS, limits

OPENING = InstantRecipe(content=Source(name="chelsea"), styles=(StyleSource(source=Source(name="woodcut-waves")),), size=768)


def adopt(recipe: InstantRecipe) -> None:
    """Set every control to what the recipe says."""
    ui.adopt_pictures("instant", recipe)
    for name, value in {
        "strength": recipe.strength,
        "stroke": recipe.stroke_size,
        "size": recipe.size,
        "color": recipe.color,
        "engine": engines.resolved(recipe).engine,
        "seed": recipe.seed,
    }.items():
        st.session_state[f"instant.{name}"] = value


def adopt_png(name: str, data: bytes) -> bool:
    """Restore the recipe inside a PNG made here; False for any other file."""
    recipe = recipes.of_picture(data)
    limits.check(recipe)
    if not isinstance(recipe, InstantRecipe):
        return False
    ui.restore("instant", name, recipe, adopt)
    return True


def another_take() -> None:
    """Paint the same again with other noise, so that the strokes fall differently."""
    st.session_state["instant.seed"] = st.session_state.get("instant.seed", 0) + 1


def open_link() -> None:
    """The first run of a session: what the link says, else our opening. The Live page may send somebody to the camera."""
    if "instant.content" not in st.session_state:
        adopt(OPENING)
        with ui.sentences():
            linked = recipes.of_query(st.query_params)
            limits.check(linked)
            if linked:
                adopt(linked)
    if st.session_state.pop("instant.camera", False):
        st.session_state["instant.content.kind"] = "Camera"


def ask_settings() -> dict[str, object]:
    """Everything but the pictures."""
    left, right = st.columns(2)
    with left:
        strength = st.slider(
            "Style strength",
            0.0,
            MAX_STRENGTH,
            step=0.05,
            key="instant.strength",
            help="0 is the photograph's own style, 1 the chosen one; beyond it exaggerates.",
            persist_state="session",
        )
    with right:
        stroke = ui.pick_stroke("instant.stroke")
    with st.expander("Size, colours, model", icon=":material/tune:"):
        size = st.slider("Longer side, pixels", MIN_SIZE, LIMITS.max_size, step=64, key="instant.size", persist_state="session")
        color = ui.pick_color("instant.color")
        engine = ui.pick_model("instant.engine", engines.names(InstantRecipe))
    seed = st.session_state.get("instant.seed", 0)
    return {"strength": strength, "stroke_size": stroke, "size": size, "color": color, "engine": engine, "seed": seed}


def show_ways_on(result: ui.Result) -> None:
    """What can be done with a result besides keeping it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if isinstance(result.recipe, InstantRecipe) and engines.engine_for(result.recipe).seeded:
            help_text = "The same photograph and style; the strokes fall differently."
            st.button("Another take", icon=":material/casino:", on_click=another_take, help=help_text)
        if st.button("Refine this, slowly", icon=":material/auto_awesome:"):
            st.session_state["optimize.refine"] = result
            st.switch_page("pages/optimize.py")
        if LIMITS.max_ripening:
            ui.ask_ripening("instant")


ui.head(
    "Paint a photograph in any style, in a moment",
    "Choose a photograph and a style: what you see is painted anew at every change. Or take another way:",
)
ui.ways("instant")
open_link()
shown, asked = st.columns([7, 5], gap="large")
with asked:
    st.button("Surprise me", icon=":material/casino:", on_click=partial(ui.surprise, "instant"), width="stretch")
    content = ui.pick_content("instant.content", on_upload=adopt_png)
    styles = ui.ask_regions("instant", ui.pick_styles("instant.styles", content=content))
    styles = ui.treat_subject(ui.ask_subject("instant"), content, styles)
with shown:
    ui.show_sentences()
    stage = st.container(key="stage")
    settings = ask_settings()
    with stage:
        if ui.ask_missing("instant", adopt):
            st.stop()
        recipe = result = None
        try:
            recipe = recipes.instant(content=content, styles=styles, **settings)
            ui.share(recipes.to_query(recipe))
            result = ui.stylized("instant", recipe)
        except NSTError as error:
            ui.show_error(error)
            if ui.may_pass(error):
                st.button("Try again", icon=":material/refresh:")
        ui.show_ripening("instant", recipe, result)
        if result:
            show_ways_on(result)
    ui.show_history("instant", adopt)
    if recipe:
        ui.many("instant", recipe, engines.engine_for(recipe).lane, partial(ui.painter, recipe, ui.STYLE_SIDE))
