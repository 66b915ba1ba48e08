"""The front door: page configuration and navigation, nothing else."""

from pathlib import Path

import streamlit as st

ICON = Path(__file__).parent / "assets" / "styles" / "starlit-oils.jpg"  # the working directory may be another
st.set_page_config("Neural style transfer", ICON, layout="wide", initial_sidebar_state="collapsed")
st.navigation(
    [
        st.Page("pages/instant.py", title="Instant", icon=":material/bolt:", default=True),
        st.Page("pages/live.py", title="Live", icon=":material/videocam:"),
        st.Page("pages/optimize.py", title="Optimize", icon=":material/auto_awesome:"),
        st.Page("pages/masks.py", title="Masks", icon=":material/brush:"),
        st.Page("pages/video.py", title="Video", icon=":material/movie:"),
        st.Page("pages/texture_networks.py", title="Texture networks", icon=":material/texture:"),
        st.Page("pages/explain.py", title="Explain", icon=":material/school:"),
    ],
    position="top",
).run()
