"""Explain: what the networks see, in seven short chapters, live. The address names the chapter, so that it can be linked to."""

import streamlit as st

import ui
from nst_core.errors import NSTError
from ui.lessons import CHAPTERS

KEY = "explain.chapter"

ui.head(
    "See what the networks see",
    "Style transfer, taken apart: seven chapters of pictures that answer to you. Everything can be made again from your own.",
)
if KEY not in st.session_state:
    linked = st.query_params.get("chapter", "")
    st.session_state[KEY] = linked if linked in CHAPTERS else next(iter(CHAPTERS))
numbers = {id: f"{number} · {chapter.short}" for number, (id, chapter) in enumerate(CHAPTERS.items(), 1)}
chosen = st.segmented_control(
    "Chapter", list(CHAPTERS), format_func=lambda id: numbers[id], key=KEY, required=True, label_visibility="collapsed",
    persist_state="session",
) or next(iter(CHAPTERS))  # fmt: skip
ui.share({"chapter": chosen})
ui.show_sentences()
try:
    CHAPTERS[chosen].show()
except NSTError as error:
    ui.show_error(error)
    if ui.may_pass(error):
        st.button("Try again", icon=":material/refresh:")
