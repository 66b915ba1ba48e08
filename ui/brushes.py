"""Painting on a layer, a "region" to visitors: tools, the canvas, and what can be done with what is painted."""

from functools import partial

import streamlit as st

import ui
from nst_core import images
from nst_core.pictures import drawings, masks
from nst_core.pictures.drawings import SIDE
from ui import painting
from ui.painting import CanvasLayer, Covers

TOOLS = {
    "brush": (":material/brush:", "freedraw"),
    "snap": (":material/ink_selection:", "freedraw"),
    "eraser": (":material/ink_eraser:", "freedraw"),
    "polygon": (":material/polyline:", "polygon"),
    "rectangle": (":material/rectangle:", "rect"),
    "ellipse": (":material/circle:", "rect"),
    "wand": (":material/auto_fix_high:", "point"),
    "pick": (":material/touch_app:", "point"),
}
BRUSHES = ("brush", "snap", "eraser")
HINTS = {
    "brush": "**Brush:** the chosen style appears where you paint.",
    "snap": "**Snap:** scribble over a thing, or circle along its inside: all of it is painted, to its outline.",
    "eraser": "**Eraser:** takes paint away.",
    "polygon": "**Polygon:** click its corners, then the first one again.",
    "rectangle": "**Rectangle:** drag from corner to corner.",
    "ellipse": "**Ellipse:** drag from corner to corner of its box.",
    "wand": "**Wand:** click, and all that is alike around it is painted.",
    "pick": "**Pick:** click on a thing, and all of it is painted; another click adds.",
}


def tool_at_hand() -> str:
    """The chosen one. None comes where a visitor leaves and is back before the page is drawn."""
    return st.session_state["masks.tool"] or "brush"


def ask_tool() -> None:
    """Tool, and its size or tolerance."""
    st.pills(
        "Tool",
        list(TOOLS),
        format_func=lambda tool: f"{TOOLS[tool][0]} {tool.capitalize()}",
        key="masks.tool",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
        wrap=True,
    )
    if tool_at_hand() == "wand":
        st.slider(
            "How much alike", 0.01, 0.5, step=0.01, key="masks.tolerance", persist_state="session",
            help="Further to the right, more colours count as alike (tolerance).",
        )  # fmt: skip
    else:
        brush = tool_at_hand() in BRUSHES
        st.slider("Brush size", 4, 120, key="masks.brush", persist_state="session", disabled=not brush)


def ask_strokes(layer: CanvasLayer, covers: Covers) -> None:
    """The canvas over the photograph; other layers shine through in their colours."""
    from streamlit_drawable_canvas import st_canvas  # needs a running Streamlit

    source, tool = st.session_state["masks.content"], tool_at_hand()
    content, key = painting.photograph(source), painting.canvas_key(layer, source)
    h, w, _ = content.shape
    kept = painting.painting(layer)
    if key not in st.session_state:  # a new canvas knows only what it is told
        kept.turn_to(kept.now)
    others = [(covers[other.id], other.color) for other in painting.layers() if other is not layer and other.visible]
    st.caption(HINTS[tool])
    with st.container(key="masks-canvas"):
        st_canvas(
            fill_color=drawings.paint(layer.color, tool),
            stroke_color=drawings.paint(layer.color, tool),
            stroke_width=st.session_state["masks.brush"] if tool in BRUSHES else 1,
            background_image=images.thumbnail(drawings.overlay(content, others), SIDE),
            height=h,
            width=w,
            drawing_mode=TOOLS[tool][1],
            initial_drawing={**kept.told.unpack(), "telling": kept.telling},
            return_image_data=True,
            key=key,
            on_change=partial(painting.take_drawing, layer, source),
        )
    ui.fit_width("masks-canvas", w, hide=".dc-toolbar")  # its undo and clear would double ours, over the hint


def ask_edits(layer: CanvasLayer) -> None:
    kept = painting.painting(layer)
    with st.container(horizontal=True):
        for label, icon, on_click, off in (
            ("Undo", "undo", painting.undo, not kept.past),
            ("Redo", "redo", painting.redo, not kept.future),
            ("Clear", "delete_sweep", painting.clear, kept.now.mask is None),
        ):
            st.button(
                label, icon=f":material/{icon}:", on_click=partial(on_click, layer), disabled=off, key=f"masks.{label.lower()}"
            )
        with st.popover("Subject", icon=":material/person_search:"):
            ask_subject(layer)
        with st.popover("More", icon=":material/more_horiz:"):
            ask_more(layer)


def ask_subject(layer: CanvasLayer) -> None:
    """Offer to paint the main subject of the photograph, or all but it."""
    st.caption("The main person, animal or thing of the photograph is found by itself.")
    for label, icon, inverted in (("Select subject", "person", False), ("Select background", "background_replace", True)):
        act = partial(_select_subject, layer, inverted=inverted)
        st.button(label, icon=f":material/{icon}:", on_click=act, width="stretch", key=f"masks.{label.lower()}")


def ask_more(layer: CanvasLayer) -> None:
    """Ask for what is needed less often: invert, fill, upload a mask, soften edges, weight and colours of this layer."""
    with st.container(horizontal=True):
        st.button("Invert", icon=":material/invert_colors:", on_click=partial(painting.fill, layer, inverted=True))
        st.button("Paint the rest", icon=":material/format_color_fill:", on_click=partial(painting.fill, layer, inverted=False))
    st.file_uploader(
        "A black and white picture (mask): white is where the style goes",
        ui.FILE_TYPES,
        key="masks.mask_file",
        on_change=partial(painting.take_mask, layer),
    )
    st.checkbox("Keep its greys as soft edges", key="masks.soft")
    if ui.is_clear(st.session_state["masks.content"]):
        st.button(
            "What is not transparent in the photograph",
            icon=":material/background_replace:",
            on_click=partial(_take_opacity, layer),
            help="The style goes where the photograph is opaque (its alpha channel as the mask).",
        )
    for name, label, options, start in (
        ("grow", "Grow or shrink the region, pixels", {"min_value": -30, "max_value": 30}, 0),
        ("soften", "Soften its edges, pixels", {"min_value": 0, "max_value": 60}, 6),
        ("weight", "Weight where regions overlap", {"min_value": 0.05, "max_value": 1.0, "step": 0.05}, 1.0),
    ):
        st.session_state.setdefault(f"masks.{name}.{layer.id}", start)
        st.slider(label, key=f"masks.{name}.{layer.id}", persist_state="session", **options)
    if layer.style:
        st.session_state.setdefault(f"masks.color.{layer.id}", None)
        st.selectbox(
            "Colours in this region",
            [None, *ui.COLORS],
            format_func=lambda c: ui.COLORS[c] if c else "As everywhere",
            placeholder="As everywhere",
            key=f"masks.color.{layer.id}",
            persist_state="session",
        )


def _select_subject(layer: CanvasLayer, *, inverted: bool) -> None:
    """The subject of the photograph, or all but it, becomes the layer's mask."""
    with ui.sentences():
        found = masks.resize(ui.find_subject(st.session_state["masks.content"]), painting.shape())
        mask = masks.invert(found) if inverted else found
        painting.show(layer, drawings.of_mask(mask, layer.color), mask)


def _take_opacity(layer: CanvasLayer) -> None:
    """The photograph's own opacity becomes the layer's mask."""
    mask = ui.opacity(st.session_state["masks.content"], painting.shape())
    if mask is not None:
        painting.show(layer, drawings.of_mask(mask, layer.color), mask)
