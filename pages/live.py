"""Live: the camera, painted in the visitor's own browser while they look. Ask, guard, run, show."""

import streamlit as st

import ui
from nst_core.errors import NSTError
from nst_core.recipes import InstantRecipe, Source
from ui import live
from ui.live import PREFIX

OPENING = [Source(name="woodcut-waves")]


def adopt(recipe: InstantRecipe) -> None:
    """A snapshot of the history: its styles come back, and it is shown."""
    state = st.session_state
    state[f"{PREFIX}.styles"] = [style.source for style in recipe.styles]
    state[f"{PREFIX}.styles.blend"] = len(recipe.styles) > 1
    state[f"{PREFIX}.shown"] = state[f"{PREFIX}.results"][recipe]


def invite() -> None:
    st.caption("Snapshots are painted larger, and land here: to save, to compare, to refine.")


ui.head(
    "Your camera, painted live",
    "In your browser, by your own device: no picture leaves it but the snapshots that you take. Or take another way:",
)
ui.ways("live")
st.session_state.setdefault(f"{PREFIX}.styles", OPENING)
shown, asked = st.columns([7, 5], gap="large")
with asked:
    styles = [style.source for style in ui.pick_styles(f"{PREFIX}.styles", most=live.STYLES, weigh=False)]
with shown:
    ui.show_sentences()
    with st.container(key="stage"):
        try:
            if live.studio(styles).instead:
                st.session_state["instant.camera"] = True
                st.switch_page("pages/instant.py")
            live.predict(styles)
        except NSTError as error:
            ui.show_error(error)
            if ui.may_pass(error):
                st.button("Try again", icon=":material/refresh:")
    result = st.session_state.get(f"{PREFIX}.shown")
    ui.show_result(PREFIX, result, invite)
    if result and st.button("Refine this, slowly", icon=":material/auto_awesome:"):
        st.session_state["optimize.refine"] = result
        st.switch_page("pages/optimize.py")
    ui.show_history(PREFIX, adopt)
