"""Video: a clip in any style, steady and with its sound. Ask, guard, run, show."""

import streamlit as st

import ui
from nst_core import recipes
from nst_core.recipes import DEFAULT_SIZE, MAX_STEADINESS, MAX_STRENGTH, MIN_SIZE, STEADINESS, Color, Source, VideoRecipe
from nst_core.service import LIMITS
from ui import filming, networks
from ui.filming import PANEL, PREFIX

OPENING = {
    "clip": Source(name="motorcycle"),
    "kind": "Samples",
    "by": "styles",
    "luminance": False,
    "styles": [Source(name="cubist-guitar")],
    "styles.blend": False,
    "strength": 1.0,
    "steadiness": STEADINESS,
    "size": DEFAULT_SIZE,
    "color": Color.STYLE,
}
BY = {"styles": "Any style", "fine": "Any style, slowly", "network": "A trained network"}


def open_page() -> None:
    """The first run of a session; a film under way is found again by the address of a page that was reloaded."""
    for name, value in OPENING.items():
        st.session_state.setdefault(f"{PREFIX}.{name}", value)
    PANEL.find(VideoRecipe, filming.note_of)


def ask_painter() -> dict[str, object]:
    """Styles, where each goes, and how strong they are; or a network that was trained for one."""
    by = st.segmented_control(
        "Painted in", list(BY), format_func=lambda by: BY[by], key=f"{PREFIX}.by", required=True, persist_state="session"
    )
    if by == "network":
        id = networks.pick_network("paint")
        own = st.toggle("The clip's colours", key=f"{PREFIX}.luminance", persist_state="session")
        color = Color.LUMINANCE if own else Color.STYLE
        return {"network": networks.source_of(id), "styles": networks.styles_of(id), "color": color}
    styles = ui.pick_styles(f"{PREFIX}.styles")
    strength = st.slider(
        "Style strength",
        0.0,
        MAX_STRENGTH,
        step=0.05,
        key=f"{PREFIX}.strength",
        help="0 is the clip's own style, 1 the chosen one; beyond it exaggerates.",
        persist_state="session",
    )
    color = ui.pick_color(f"{PREFIX}.color")
    with st.expander("Only parts of the picture", icon=":material/format_paint:"):
        filming.ask_masks(styles)
    return {"styles": styles, "strength": strength, "color": color, "fine": by == "fine"}


def ask_settings() -> dict[str, object]:
    """Of every painter."""
    with st.expander("Size, steadiness", icon=":material/tune:"):
        size = st.slider(
            "Longer side, pixels", MIN_SIZE, LIMITS.max_clip_size, step=64, key=f"{PREFIX}.size", persist_state="session",
            help="Twice the side has four times the pixels, and takes up to four times as long.",
        )  # fmt: skip
        steadiness = st.slider(
            "Steadiness", 0.0, MAX_STEADINESS, step=0.05, key=f"{PREFIX}.steadiness", persist_state="session",
            help="How much a frame keeps of the one before, moved along. At 0 every frame is painted by itself, and flickers.",
        )  # fmt: skip
    return {"size": size, "steadiness": steadiness}


ui.head(
    "Paint a clip",
    "A few seconds from your phone, or a GIF: every frame in the style that you choose, steady, with its sound.",
)
open_page()
shown, asked = st.columns([7, 5], gap="large")
with asked:
    clip = filming.pick_clip()
    painter = {}
    with ui.sentences():
        painter = ask_painter()
    settings = ask_settings()
with shown, st.container(key="stage"):
    recipe = None
    with ui.sentences():
        recipe = recipes.video(content=clip, **painter, **settings)
        if PANEL.wanted():
            filming.start(recipe)
    PANEL.buttons()
    ui.show_sentences()
    if job := PANEL.job:
        PANEL.watch(job, filming.look(), filming.collect)
    else:
        told = st.empty()
        with ui.sentences():
            if not filming.show_made(clip):
                filming.invite(clip, recipe.styles if recipe else ())
            if recipe and (clip.is_sample or ui.identity(clip) in filming.uploads()):
                told.caption(filming.promise(recipe))
        ui.show_sentences()
