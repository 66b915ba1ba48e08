"""What every page begins with."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from ui.components import Card, cards
from ui.files import forget_what_is_gone
from ui.pictures import ASSETS, data_uri
from ui.shared_engine import engine

WAYS = {
    "instant": ("Instant", "Any style, in a moment"),
    "live": ("Live", "Your camera, painted as you move"),
    "optimize": ("Optimize", "Slowly, at its finest"),
    "masks": ("Masks", "A style for every region you paint"),
    "video": ("Video", "Your clips, painted and steady"),
    "texture_networks": ("Texture networks", "A style learned for good"),
    "explain": ("Explain", "See what the networks see"),
}  # by the names of the pages' files, which are their addresses


def ways(current: str) -> None:
    """The pages as cards; a click goes there within the session."""
    if picked := cards(_ways(), current, key=f"{current}.ways"):
        st.switch_page(f"pages/{picked}.py")


@st.cache_data(show_spinner=False)
def _ways() -> list[Card]:
    """Their pictures are made by `assets/make_cards.py`."""
    picture = lambda name: data_uri((ASSETS / "cards" / f"{name}.jpg").read_bytes())  # noqa: E731
    return [Card(name, title, line, picture(name)) for name, (title, line) in WAYS.items()]


def head(title: str, text: str) -> None:
    """What the page is for, in two lines."""
    engine()  # it starts while the page is drawn
    if PagesManager.uses_pages_directory:
        # The first visitor of a server, at a page's own address: Streamlit sees a folder `pages` and takes it for its old
        # way of navigation, without app.py. Setting this is what st.navigation does when app.py runs.
        PagesManager.uses_pages_directory = False
        st.rerun()
    forget_what_is_gone()
    st.html(ASSETS / "page.css")
    st.markdown(f"### {title}\n:small[{text}]")
