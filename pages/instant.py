"""Instant: any photograph in any style, in one pass. Ask, guard, run, show; the result follows every change by itself."""

import random

import streamlit as st

import ui
from nst_core import images, recipes, weights
from nst_core.engine import Job
from nst_core.errors import BadRecipe, NSTError
from nst_core.recipes import MAX_SIZE, MAX_STRENGTH, MIN_SIZE, InstantRecipe, Source, StyleSource
from nst_core.stylizer import Style

OPENING = InstantRecipe(content=Source(name="chelsea"), styles=(StyleSource(source=Source(name="woodcut-waves")),), size=768)
STYLE_SIDE = 512  # pixels of the style that travel; the predictors look at 256
POLL = 0.4  # seconds between messages while waiting; most results are there before the first


def adopt(recipe: InstantRecipe) -> None:
    """Set every control to what the recipe says."""
    ui.adopt_pictures("instant", recipe)
    engine = weights.best_instant() if recipe.engine == "auto" else recipe.engine
    for name, value in {
        "strength": recipe.strength,
        "size": recipe.size,
        "color": recipe.color,
        "engine": engine,
    }.items():
        st.session_state[f"instant.{name}"] = value


def adopt_png(name: str, data: bytes) -> bool:
    """Restore the recipe inside a PNG made here; False for any other file."""
    recipe = recipes.of_png(data)
    if not isinstance(recipe, InstantRecipe):
        return False
    adopt(recipe)
    st.toast(f"Settings restored from {name}.", icon=":material/history:")
    return True


def surprise() -> None:
    """Another photograph in another style; everything else stays."""
    st.session_state["instant.content"] = Source(name=random.choice(list(ui.CONTENTS)))
    st.session_state["instant.styles"] = [Source(name=random.choice(list(ui.STYLES)))]


def open_link() -> None:
    """The first run of a session: what the link says, else our opening."""
    if "instant.content" in st.session_state:
        return
    adopt(OPENING)
    with ui.sentences():
        linked = recipes.of_query(st.query_params)
        if linked:
            adopt(linked)


def ask_settings() -> dict[str, object]:
    """Everything but the pictures."""
    strength = st.slider(
        "Style strength",
        0.0,
        MAX_STRENGTH,
        step=0.05,
        key="instant.strength",
        help="0 is the photograph's own style, 1 the chosen one; beyond it exaggerates.",
        persist_state="session",
    )
    with st.expander("Size, colours, model", icon=":material/tune:"):
        size = st.slider("Longer side, pixels", MIN_SIZE, MAX_SIZE, step=64, key="instant.size", persist_state="session")
        color = ui.pick_color("instant.color")
        engine = ui.pick_model("instant.engine", ("instant-lite", "magenta"))
    return {"strength": strength, "size": size, "color": color, "engine": engine}


def run(recipe: InstantRecipe) -> ui.Result:
    """The recipe's result, made now unless it was made before.

    Waits in the script: every message is a point where Streamlit drops this run for the visitor's next click.
    Raises: NSTError.
    """
    results = ui.results("instant")
    if recipe in results:
        return results[recipe]
    if recipe.content is None:
        raise BadRecipe("Choose a photograph, or upload your own.")
    asked, job = st.session_state.get("instant.job", (None, None))
    if asked != recipe:
        if job:
            job.cancel()
        weights.path(recipe.engine)  # raises the sentence that says how to get it
        content = ui.picture(recipe.content, recipe.size)
        styles = [Style(ui.picture(style.source, STYLE_SIDE), style.weight) for style in recipe.styles]
        job = ui.engine().stylize(content, styles, recipe)
        st.session_state["instant.job"] = recipe, job
    said, stand_in, photograph = st.empty(), st.empty(), ui.picture(recipe.content, recipe.size)
    if "instant.shown" not in st.session_state:  # a first visit: something to look at until the paint is there
        stand_in.image(images.thumbnail(photograph, ui.PREVIEW), width="stretch")
    while not job.wait(POLL):
        said.markdown(message(job))
    said.empty()
    stand_in.empty()
    try:
        return ui.keep_result("instant", recipe, job.result(), photograph)
    finally:
        del st.session_state["instant.job"]


def message(job: Job) -> str:
    if not ui.engine().ready:
        return ui.HOURGLASS + ui.LOADING
    return ui.HOURGLASS + (f"Painting … {job.position} ahead of you." if job.position else "Painting …")


ui.head(
    "Paint a photograph in any style, in a moment",
    "**Instant** needs one pass of a small network; **Optimize** takes its time for the finest. In the making: **Masks**, a "
    "style for every region that you paint, and **Texture networks**, trained for a single style.",
)
open_link()
shown, asked = st.columns([7, 5], gap="large")
with asked:
    st.button("Surprise me", icon=":material/casino:", on_click=surprise, width="stretch")
    content = ui.pick_content("instant.content", on_upload=adopt_png)
    styles = ui.pick_styles("instant.styles")
with shown:
    ui.show_sentences()
    stage = st.container(key="stage")
    settings = ask_settings()
    with stage:
        result = None
        try:
            recipe = recipes.instant(content=content, styles=styles, **settings)
            ui.share(recipes.to_query(recipe))
            result = run(recipe)
        except NSTError as error:
            st.error(str(error), icon=":material/error:")
            st.button("Try again", icon=":material/refresh:")
        ui.show_result("instant", result)
        if result and st.button("Refine this, slowly", icon=":material/auto_awesome:"):
            st.session_state["optimize.refine"] = result
            st.switch_page("pages/optimize.py")
    ui.show_history("instant", adopt)
