"""Masks: paint where each style goes, and see it appear there after every stroke. Ask, guard, run, show."""

from functools import partial

import streamlit as st

import ui
from nst_core import engines, recipes
from nst_core.errors import BadRecipe, NSTError
from nst_core.pictures import masks
from nst_core.recipes import MAX_STRENGTH, MAX_STYLES, MIN_SIZE, InstantRecipe
from nst_core.service import LIMITS
from ui import brushes, painting
from ui.painting import CanvasLayer, Covers


def ask_layers(covers: Covers) -> None:
    """The list of layers; new ones."""
    now = painting.chosen()
    rows = [
        ui.LayerRow(
            layer.id,
            ui.title(layer.style) if layer.style else "Stays as it is",
            ui.thumbnails([layer.style])[0].src if layer.style else "",
            layer.color,
            f"{masks.coverage(covers[layer.id]):.0f} %",
            layer is now,
            layer.visible,
        )
        for layer in painting.layers()
    ]
    ui.layers(rows, painting.act, key="masks.rows")
    styled, protected = (sum((layer.style is None) is kind for layer in painting.layers()) for kind in (False, True))
    with st.container(horizontal=True):
        st.button("Add a region", icon=":material/add:", on_click=painting.new_layer, disabled=styled >= MAX_STYLES)
        st.button(
            "Protect a region",
            icon=":material/shield:",
            on_click=partial(painting.new_layer, protect=True),
            disabled=protected > 0,
            help="What you paint there stays as it is: a face, say.",
        )
        st.button("Surprise me", icon=":material/casino:", on_click=painting.surprise)
        with st.popover("Regions from colours", icon=":material/palette:"):
            ask_segmentations()


def ask_segmentations() -> None:
    """Layers from a picture of flat colours; and the parts of a style picture, paired with them by colour."""
    st.file_uploader(
        "A picture of a few flat colours over the photograph (segmentation): a region for each",
        ui.FILE_TYPES,
        key="masks.segmentation_file",
        on_change=painting.take_segmentation,
    )
    if "masks.before" in st.session_state:
        st.button("The regions before that", icon=":material/undo:", on_click=painting.bring_back)
    now = painting.chosen()
    if now and now.style:
        st.file_uploader(
            f"The same of the style picture, {ui.plain_title(now.style)}: each region learns from the part in its colour",
            ui.FILE_TYPES,
            key="masks.style_segmentation_file",
            on_change=painting.take_style_segmentation,
        )


def ask_style(layer: CanvasLayer) -> None:
    if layer.style is None:
        st.caption("What is painted here stays as it is.")
        return
    part = ", the part in its colour" if layer.guide else ""
    st.markdown(f"**Style of this region:** {ui.plain_title(layer.style)}{part}")
    ui.gallery(
        ui.thumbnails(painting.shown_styles()),
        [ui.identity(layer.style)],
        partial(painting.choose_style, layer),
        key="masks.gallery",
    )
    with st.popover("Add your own style", icon=":material/add_photo_alternate:", width="stretch"):
        st.file_uploader(
            "A painting, a fabric, a wall …",
            ui.FILE_TYPES,
            key="masks.style_file",
            on_change=partial(painting.take_style, layer),
        )


def ask_settings() -> dict[str, object]:
    """Of the whole picture."""
    with st.expander("Size, strength, strokes, colours", icon=":material/tune:"):
        size = st.slider("Longer side, pixels", MIN_SIZE, LIMITS.max_size, step=64, key="masks.size", persist_state="session")
        strength = st.slider("Style strength", 0.0, MAX_STRENGTH, step=0.05, key="masks.strength", persist_state="session")
        stroke = ui.pick_stroke("masks.stroke")
        color = ui.pick_color("masks.color")
        restore = st.checkbox(
            "Leave the photograph as it is where nothing is painted", key="masks.restore", persist_state="session"
        )
    return {"size": size, "strength": strength, "stroke_size": stroke, "color": color, "restore_content": restore}


def make_fine(result: ui.Result) -> None:
    """The same layers to the optimiser, which starts from this picture."""
    st.session_state["optimize.refine"], st.session_state["optimize.wanted"] = result, True


def show_downloads(covers: Covers) -> None:
    """Each layer's mask as a PNG."""
    with st.popover("Save the regions", icon=":material/download:"):
        st.caption("Black and white pictures (masks): white is where the style goes. They can be uploaded again under “More”.")
        for number, layer in enumerate(painting.layers(), 1):
            name = layer.style.name if layer.style else "protected"
            st.download_button(
                f"Region {number}: {ui.plain_title(layer.style) if layer.style else 'stays as it is'}",
                masks.to_png(covers[layer.id]),
                file_name=f"mask-{number}-{name.rsplit('.')[0]}.png",
                mime="image/png",
                on_click="ignore",
                key=f"masks.download.{layer.id}",
            )


ui.head(
    "Paint where each style goes",
    "Brush a region and its style appears there; what you leave out stays as it is. “Make it fine” paints the same regions "
    "slowly, at their finest.",
)
painting.open_page()
covers = {layer.id: painting.mask_of(layer) for layer in painting.layers()}
painted, shown = st.columns(2, gap="medium")
below_left, below_right = st.columns(2, gap="medium")
with below_right:
    content = ui.pick_content("masks.content", on_upload=painting.take_file)
    settings = ask_settings()
with painted:
    brushes.ask_tool()
    layer = painting.chosen()
    with ui.sentences():
        if layer:
            brushes.ask_strokes(layer, covers)
            brushes.ask_edits(layer)
with below_left:
    ask_layers(covers)
    if layer:
        ask_style(layer)
with shown:
    ui.show_sentences()
    if ui.ask_missing("masks", painting.adopt):
        st.stop()
    try:
        found = painting.regions(covers)
        if not found:
            raise BadRecipe("Nothing is painted yet: choose a region and paint over the photograph.")
        recipe = recipes.instant(content=content, styles=found, engine=engines.for_regions(InstantRecipe).name, **settings)
        result = ui.stylized("masks", recipe)
        ui.show_result("masks", result)
        ui.engine().prepare()  # for “Make it fine”
        with st.container(horizontal=True):
            show_downloads(covers)
            if st.button("Make it fine", icon=":material/auto_awesome:", type="primary", on_click=partial(make_fine, result)):
                st.switch_page("pages/optimize.py")
    except BadRecipe as hint:
        ui.show_hint(hint, "brush")
    except NSTError as error:
        ui.show_error(error)
