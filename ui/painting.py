"""What is painted on the Masks page: layers, each a style's region of a photograph; strokes, undone and redone.

State: `masks.layers`, `masks.chosen`; what is painted on them, `paintings` keeps.
"""

import zlib
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import streamlit as st

import ui
from nst_core import images, recipes
from nst_core.errors import BadMask, Failure
from nst_core.images import Mask
from nst_core.pictures import drawings, masks, segmentation
from nst_core.pictures.drawings import SIDE, Drawing
from nst_core.pictures.segmentation import Segmentation
from nst_core.recipes import MAX_STYLES, Color, InstantRecipe, Recipe, Source, StyleSource
from nst_core.service import limits
from ui import paintings, selecting
from ui.paintings import Moment, Painting

COLORS = ("#e5484d", "#3e8bff", "#2fb36d", "#f5a524", "#8e4ec6", "#12a5b8", "#e54f9e", "#9a6b3f")  # of the layers' paint
KEPT = "#9b9da6"  # of the paint that protects
WAITING = 20.0  # seconds that regions may take, other people's pictures before them included
SHARP = 2  # pixels by which the edges of a segmentation's regions are softened, which otherwise meet hard
FIRST_STYLES = (
    "starlit-oils", "woodcut-waves", "molten-embers", "kilim-weave",
    "watercolour-blooms", "rose-window", "ink-bamboo", "marbled-paper",
)  # fmt: skip
# The opening: sky and lake of our own photograph, as fractions of its width and height
OPENING = Source(name="mountain-lake")
SKY = (
    (0, 0), (1, 0), (1, 0.4), (0.93, 0.39), (0.9, 0.36), (0.83, 0.34), (0.77, 0.39), (0.7, 0.37), (0.6, 0.35), (0.54, 0.37),
    (0.5, 0.33), (0.44, 0.37), (0.39, 0.39), (0.32, 0.4), (0.28, 0.45), (0.24, 0.42), (0.18, 0.43), (0.11, 0.37),
    (0.05, 0.29), (0, 0.36),
)  # fmt: skip
LAKE = ((0, 0.6), (1, 0.6), (1, 1), (0, 1))
Covers = dict[str, Mask]  # by the id of a layer


@dataclass
class CanvasLayer:
    """A region: what is painted in this colour gets this style. style None keeps the photograph there.

    guide: the part of the style's picture that it learns from, as recipes have it; None: all.
    """

    id: str
    color: str
    style: Source | None
    visible: bool = True
    guide: str | None = None

    def wear(self, style: Source, guide: str | None = None) -> None:
        """Another style; a guide belongs to the picture that it was drawn on."""
        self.style, self.guide = style, guide


def open_page() -> None:
    """The first run of a session: two layers that are painted already, so that there is something to see."""
    state = st.session_state
    if "masks.content" in state:
        return
    state.update({"masks.content": OPENING, "masks.content.kind": "Samples", "masks.layers": [], "masks.paintings": {}})
    state.update({"masks.tool": "brush", "masks.brush": 40, "masks.tolerance": 0.12, "masks.size": 768})
    state.update({"masks.strength": 1.0, "masks.stroke": 1.0, "masks.color": Color.STYLE, "masks.restore": True})
    h, w = shape()
    for polygon in (SKY, LAKE):
        layer = add_layer()
        show(layer, *drawings.of_polygon(polygon, w, h, layer.color))
    state["masks.chosen"] = layers()[0].id


def layers() -> list[CanvasLayer]:
    return st.session_state["masks.layers"]


def chosen() -> CanvasLayer | None:
    """The layer that is painted on."""
    by_id = {layer.id: layer for layer in layers()}
    return by_id.get(st.session_state.get("masks.chosen", "")) or next(iter(by_id.values()), None)


def painting(layer: CanvasLayer) -> Painting:
    """Of the layer on the photograph at hand: another photograph has others, and its own come back with it."""
    return paintings.of(st.session_state["masks.content"], layer.id)


def photograph(content: Source) -> images.Image:
    """At the canvas' size."""
    return ui.picture(content, SIDE)


def shape(content: Source | None = None) -> masks.MaskShape:
    """Of the canvas over a photograph, by default the one at hand."""
    h, w, _ = photograph(content or st.session_state["masks.content"]).shape
    return h, w


def mask_of(layer: CanvasLayer) -> Mask:
    """What the layer covers, with its edges as asked."""
    grown = masks.grow(raw_mask(layer), st.session_state.get(f"masks.grow.{layer.id}", 0))
    return masks.soften(grown, st.session_state.get(f"masks.soften.{layer.id}", 6))


def new_layer(*, protect: bool = False) -> None:
    """The buttons' callback."""
    add_layer(protect=protect)


def add_layer(*, protect: bool = False, color: str = "") -> CanvasLayer:
    """A new layer, chosen; with the first colour and style that no other has. color: its own instead, #rrggbb."""
    state, used = st.session_state, [layer.color for layer in layers()]
    color = color or (KEPT if protect else next(c for c in COLORS if c not in used))
    styles = [Source(name=name) for name in FIRST_STYLES]
    taken = [layer.style for layer in layers()]
    style = None if protect else next((s for s in styles if s not in taken), styles[0])
    state["masks.count"] = state.get("masks.count", 0) + 1
    layer = CanvasLayer(f"{state['masks.count']}", color, style)
    state["masks.layers"] = [*layers(), layer]
    state["masks.chosen"] = layer.id
    return layer


def act(id: str, what: str) -> None:
    """A click in the list of layers."""
    layer = next((layer for layer in layers() if layer.id == id), None)
    if layer is None:
        return
    if what == "pick":
        st.session_state["masks.chosen"] = id
    elif what == "show":
        layer.visible = not layer.visible
    else:
        st.session_state["masks.layers"] = [other for other in layers() if other is not layer]
        paintings.keep_only({other.id for other in [*layers(), *st.session_state.get("masks.before", [])]})


def choose_style(layer: CanvasLayer, id: str) -> None:
    layer.wear(next(source for source in shown_styles() if ui.identity(source) == id))


def shown_styles() -> list[Source]:
    return [*ui.own_pictures("style"), *(Source(name=name) for name in ui.STYLES)]


def take_style(layer: CanvasLayer) -> None:
    if file := ui.taken("masks.style_file"):
        with ui.sentences():
            layer.wear(ui.keep_upload(*file, "style"))


def surprise() -> None:
    """Other styles in the same regions."""
    for layer in layers():
        if layer.style:
            layer.wear(ui.another_sample(ui.STYLES, [layer.style]))


def show(layer: CanvasLayer, drawing: Drawing, mask: Mask) -> None:
    """Have the canvas show a drawing, whose mask is known already."""
    kept = painting(layer)
    kept.remember()
    kept.turn_to(Moment.of(drawing, images.to_uint8(mask)))


def take_drawing(layer: CanvasLayer, content: Source) -> None:
    """The canvas over a photograph has sent something: a stroke, what its own toolbar does, or an echo of what it was told to
    show. Another photograph may have been chosen in the same run: then the stroke still belongs to this one."""
    told = st.session_state.get(canvas_key(layer, content))
    if told is None:  # the canvas has left the page
        return
    kept = paintings.of(content, layer.id)
    with ui.sentences():
        try:
            if sent := drawings.received(told.drawing, shape(content)):
                _adopt(kept, *sent, layer, content)
        except BadMask:
            kept.turn_to(kept.now)
            raise


def _adopt(kept: Painting, drawing: Drawing, painted: npt.NDArray[np.uint8], layer: CanvasLayer, content: Source) -> None:
    """Keep a drawing and its mask that the canvas sent; raises: BadMask."""
    # in some modes the canvas does not echo: a stroke has an object more
    echo = kept.echo and len(drawing["objects"]) == len(kept.told.unpack()["objects"])
    flat = drawings.is_large(drawing)
    tolerance, before = st.session_state["masks.tolerance"], raw_mask(layer, content)
    seen, taken = photograph(content), taken_by_others(layer, content)
    finders = [partial(find, seen, taken) for find in (selecting.snap, selecting.pick)]
    meant = drawings.translate(drawing, before, seen, layer.color, tolerance, *finders)
    if not echo:
        kept.remember()
    if flat:
        mask = meant[1] if meant else images.from_uint8(painted)
        meant = drawings.of_mask(mask, layer.color), mask
    if meant:
        kept.turn_to(Moment.of(meant[0], images.to_uint8(meant[1])))
    else:
        kept.now, kept.echo = Moment.of(drawing, painted), False


def taken_by_others(layer: CanvasLayer, content: Source) -> Mask:
    """What other visible layers have of a photograph."""
    others = [raw_mask(other, content) for other in layers() if other is not layer and other.visible]
    return masks.union(others) if others else np.zeros(shape(content), np.float32)


def segmented(name: str, data: bytes, shape: masks.MaskShape) -> Segmentation:
    """The regions of an uploaded segmentation, found by the light lane: it takes seconds and, for a moment, memory.

    Raises: NSTError.
    """
    job = ui.engine().segment(data, shape, name, visitor=ui.visitor())
    if not job.wait(WAITING):
        job.cancel()
        raise Failure(f"The regions of {name} are not found yet, since much else is under way: upload it again in a moment.")
    colors, regions = job.result()
    return Segmentation(colors, [region.astype(np.float32) for region in regions])


def undo(layer: CanvasLayer) -> None:
    kept = painting(layer)
    if kept.past:
        kept.future.append(kept.now)
        kept.turn_to(kept.past.pop())


def redo(layer: CanvasLayer) -> None:
    kept = painting(layer)
    if kept.future:
        kept.past.append(kept.now)
        kept.turn_to(kept.future.pop())


def clear(layer: CanvasLayer) -> None:
    kept = painting(layer)
    kept.remember()
    kept.turn_to(Moment())


def fill(layer: CanvasLayer, *, inverted: bool) -> None:
    """Paint everything but this layer, or everything that no layer has."""
    before = raw_mask(layer)
    if inverted:
        mask = masks.invert(before)
        show(layer, drawings.of_mask(mask, layer.color), mask)
    else:
        rest = masks.unpainted([raw_mask(other) for other in layers()])
        show(layer, drawings.plus(painting(layer).now.unpack(), rest, layer.color), masks.union([before, rest]))


def raw_mask(layer: CanvasLayer, content: Source | None = None) -> Mask:
    """As painted on a photograph, by default the one at hand, before its edges are grown or softened."""
    content = content or st.session_state["masks.content"]
    kept = paintings.of(content, layer.id).now.mask
    if kept is None:
        return np.zeros(shape(content), np.float32)
    return images.from_uint8(np.frombuffer(zlib.decompress(kept), np.uint8).reshape(shape(content)))


def take_mask(layer: CanvasLayer) -> None:
    """An uploaded picture becomes the layer's mask."""
    if (file := ui.taken("masks.mask_file")) is None:
        return
    name, data = file
    with ui.sentences():
        size = shape()  # before the door: the photograph may have to come through it
        with ui.decoding:
            mask = masks.from_picture(data, size, soft=st.session_state.get("masks.soft", False), name=name)
        if masks.is_empty(mask):
            raise BadMask(f"{name} is black all over: white is where the style goes, so choose a picture with white in it.")
        show(layer, drawings.of_mask(mask, layer.color), mask)


def take_segmentation() -> None:
    """An uploaded picture of flat colours: a layer for each, instead of those that are there."""
    if (file := ui.taken("masks.segmentation_file")) is None:
        return
    name, data = file
    with ui.sentences():
        found = segmented(name, data, shape())
        keep_layers()
        for color, mask in zip(found.colors, found.masks, strict=True):
            layer = add_layer(color=segmentation.hex_of(color))
            show(layer, drawings.of_mask(mask, layer.color), mask)
            st.session_state[f"masks.soften.{layer.id}"] = SHARP
        st.session_state["masks.chosen"] = layers()[0].id
        st.toast(f"{len(found.masks)} regions from {ui.plain(name)}.", icon=":material/palette:")


def take_style_segmentation() -> None:
    """The same of the chosen layer's style picture: every layer learns from the part of it that has the layer's colour."""
    now, file = chosen(), ui.taken("masks.style_segmentation_file")
    if file is None or now is None or now.style is None:
        return
    name, data = file
    with ui.sentences():
        h, w, _ = ui.picture(now.style, SIDE).shape
        of_style, styled = segmented(name, data, (h, w)), [layer for layer in layers() if layer.style]
        pairs = segmentation.paired([segmentation.of_hex(layer.color) for layer in styled], [of_style], name="A region here")
        for layer, (_, guide) in zip(styled, pairs, strict=True):
            layer.wear(now.style, masks.to_text(guide))


def keep_layers() -> None:
    """Begin anew; what is there can be had back, what was there before it no more."""
    paintings.keep_only({layer.id for layer in layers()})
    st.session_state["masks.before"], st.session_state["masks.layers"] = layers(), []


def bring_back() -> None:
    """The layers before the segmentation."""
    st.session_state["masks.layers"] = st.session_state.pop("masks.before")


def take_file(name: str, data: bytes) -> bool:
    """Restore the layers in a PNG or TIFF made here; return False for any other file."""
    recipe = recipes.of_picture(data)
    limits.check(recipe)
    if recipe is None or recipe.content is None:
        return False
    ui.restore("masks", name, recipe, adopt)
    return True


def adopt(recipe: Recipe) -> None:
    """Photograph, styles and masks of a recipe; a style without a mask covers everything."""
    state = st.session_state
    assert recipe.content is not None
    state["masks.content"], state["masks.layers"] = recipe.content, []
    state["masks.content.kind"] = "Samples" if recipe.content.is_sample else "Upload"
    state["masks.size"], state["masks.color"], state["masks.restore"] = recipe.size, recipe.color, recipe.restore_content
    if isinstance(recipe, InstantRecipe):
        state["masks.strength"], state["masks.stroke"] = recipe.strength, recipe.stroke_size
    for style in recipe.styles[:MAX_STYLES]:
        layer = add_layer()
        layer.wear(style.source, style.guide)
        mask = masks.of_text(style.mask, shape()) if style.mask else np.ones(shape(), np.float32)
        show(layer, drawings.of_mask(mask, layer.color), mask)
        state[f"masks.soften.{layer.id}"], state[f"masks.grow.{layer.id}"] = 0, 0  # they are in the mask
        state[f"masks.weight.{layer.id}"], state[f"masks.color.{layer.id}"] = style.weight, style.color
    state["masks.chosen"] = layers()[0].id if layers() else None


def canvas_key(layer: CanvasLayer, content: Source) -> str:
    return f"masks.canvas.{ui.identity(content)}.{layer.id}"


def regions(covers: Covers) -> tuple[StyleSource, ...]:
    """The visible layers as styles with masks; those of one style are one, and what is protected is taken out of all."""
    visible = [layer for layer in layers() if layer.visible]
    protected = [covers[layer.id] for layer in visible if layer.style is None]
    found: dict[tuple[Source, str | None], tuple[CanvasLayer, Mask]] = {}
    for layer in visible:
        mask = covers[layer.id]
        if layer.style is None:
            continue
        for kept in protected:
            mask = masks.without(mask, kept)
        key = layer.style, layer.guide
        if key in found:
            mask = masks.union([found[key][1], mask])
        if not masks.is_empty(mask):
            found[key] = layer, mask
    return tuple(
        StyleSource(
            source=source,
            weight=st.session_state.get(f"masks.weight.{layer.id}", 1.0),
            color=st.session_state.get(f"masks.color.{layer.id}"),
            mask=masks.to_text(mask),
            guide=guide,
        )
        for (source, guide), (layer, mask) in found.items()
    )
