"""What every page begins with."""

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from ui.files import forget_what_is_gone
from ui.pictures import ASSETS
from ui.shared_engine import engine


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
