"""What is painted on the Masks page: layers, each a style's region of a photograph; strokes, undone and redone.

State: `masks.layers`, `masks.chosen`, and `masks.paintings` by photograph and layer.
"""

import json
import random
import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import streamlit as st

import ui
from nst_core import images, recipes
from nst_core.errors import BadMask
from nst_core.images import Mask
from nst_core.pictures import drawings, masks
from nst_core.pictures.drawings import SIDE, Drawing
from nst_core.recipes import MAX_STYLES, Color, InstantRecipe, Recipe, Source, StyleSource

COLORS = ("#e5484d", "#3e8bff", "#2fb36d", "#f5a524")  # of the layers' paint
KEPT = "#9b9da6"  # of the paint that protects
REMEMBERED = 40  # strokes that can be undone, a layer
FIRST_STYLES = ("starlit-oils", "woodcut-waves", "molten-embers", "kilim-weave")
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
class Layer:
    """A region: what is painted in this colour gets this style. style None keeps the photograph there."""

    id: str
    color: str
    style: Source | None
    visible: bool = True


class Moment(NamedTuple):
    """A drawing and its mask, packed: there are many of them, and lists of numbers are large."""

    drawing: bytes = zlib.compress(json.dumps(drawings.empty()).encode())
    mask: bytes | None = None  # 8 bits, (h, w) of the canvas; None: nothing is painted

    @classmethod
    def of(cls, drawing: Drawing, mask: npt.NDArray[np.uint8]) -> "Moment":
        return cls(zlib.compress(json.dumps(drawing).encode(), 1), zlib.compress(mask.tobytes(), 1))

    def unpack(self) -> Drawing:
        return json.loads(zlib.decompress(self.drawing))


@dataclass
class Painting:
    """What was painted on one layer of one photograph.

    told: what the canvas was last told to show; it goes on from there by itself. now: what it shows, as far as we know.
    """

    told: Moment = field(default_factory=Moment)
    now: Moment = field(default_factory=Moment)
    past: list[Moment] = field(default_factory=list)
    future: list[Moment] = field(default_factory=list)
    echo: bool = False  # whether the next thing that it sends may be only what it was told

    def turn_to(self, moment: Moment) -> None:
        """Have the canvas show it."""
        self.now, self.told, self.echo = moment, moment, True

    def remember(self) -> None:
        self.past, self.future = [*self.past, self.now][-REMEMBERED:], []


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


def layers() -> list[Layer]:
    return st.session_state["masks.layers"]


def chosen() -> Layer | None:
    """The layer that is painted on."""
    by_id = {layer.id: layer for layer in layers()}
    return by_id.get(st.session_state.get("masks.chosen", "")) or next(iter(by_id.values()), None)


def painting(layer: Layer) -> Painting:
    """Of the layer on the photograph at hand: another photograph has others, and its own come back with it."""
    content = st.session_state["masks.content"]
    return st.session_state["masks.paintings"].setdefault((ui.identity(content), layer.id), Painting())


def photograph(content: Source) -> images.Image:
    """At the canvas' size."""
    return ui.picture(content, SIDE)


def shape() -> masks.Shape:
    """Of the canvas."""
    h, w, _ = photograph(st.session_state["masks.content"]).shape
    return h, w


def mask_of(layer: Layer) -> Mask:
    """What the layer covers, with its edges as asked."""
    grown = masks.grow(raw_mask(layer), st.session_state.get(f"masks.grow.{layer.id}", 0))
    return masks.soften(grown, st.session_state.get(f"masks.soften.{layer.id}", 6))


def new_layer(*, protect: bool = False) -> None:
    """The buttons' callback."""
    add_layer(protect=protect)


def add_layer(*, protect: bool = False) -> Layer:
    """A new layer, chosen; with the first colour and style that no other has."""
    state, used = st.session_state, [layer.color for layer in layers()]
    color = KEPT if protect else next(c for c in COLORS if c not in used)
    styles = [Source(name=name) for name in FIRST_STYLES]
    taken = [layer.style for layer in layers()]
    style = None if protect else next((s for s in styles if s not in taken), styles[0])
    state["masks.count"] = state.get("masks.count", 0) + 1
    layer = Layer(f"{state['masks.count']}", color, style)
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


def choose_style(layer: Layer, id: str) -> None:
    layer.style = next(source for source in shown_styles() if ui.identity(source) == id)


def shown_styles() -> list[Source]:
    return [*st.session_state.get("masks.own", []), *(Source(name=name) for name in ui.STYLES)]


def take_style(layer: Layer) -> None:
    if file := ui.taken("masks.style_file"):
        with ui.sentences():
            source = ui.keep_upload(*file)
            st.session_state["masks.own"] = [*st.session_state.get("masks.own", []), source]
            layer.style = source


def surprise() -> None:
    """Other styles in the same regions."""
    for layer in layers():
        if layer.style:
            layer.style = Source(name=random.choice(list(ui.STYLES)))


def show(layer: Layer, drawing: Drawing, mask: Mask) -> None:
    """Have the canvas show a drawing, whose mask is known already."""
    kept = painting(layer)
    kept.remember()
    kept.turn_to(Moment.of(drawing, images.to_uint8(mask)))


def take_drawing(layer: Layer) -> None:
    """The canvas has sent something: a stroke, what its own toolbar does, or an echo of what it was told to show."""
    sent = st.session_state[canvas_key(layer)].drawing
    drawing, url = sent["raw"], sent["data"]
    if url is None:
        return
    kept = painting(layer)
    # in some modes the canvas does not echo: a stroke has an object more
    echo = kept.echo and len(drawing["objects"]) == len(kept.told.unpack()["objects"])
    with ui.sentences():
        content, tolerance = photograph(st.session_state["masks.content"]), st.session_state["masks.tolerance"]
        meant = drawings.translate(drawing, content, layer.color, tolerance)
        if not echo:
            kept.remember()
        if meant:
            kept.turn_to(Moment.of(meant, images.to_uint8(raw_mask(layer))))  # the echo brings the new mask
        else:
            kept.now, kept.echo = Moment.of(drawing, drawings.painted_url(url)), False


def undo(layer: Layer) -> None:
    kept = painting(layer)
    if kept.past:
        kept.future.append(kept.now)
        kept.turn_to(kept.past.pop())


def redo(layer: Layer) -> None:
    kept = painting(layer)
    if kept.future:
        kept.past.append(kept.now)
        kept.turn_to(kept.future.pop())


def clear(layer: Layer) -> None:
    kept = painting(layer)
    kept.remember()
    kept.turn_to(Moment())


def fill(layer: Layer, *, inverted: bool) -> None:
    """Paint everything but this layer, or everything that no layer has."""
    before = raw_mask(layer)
    if inverted:
        mask = masks.invert(before)
        show(layer, drawings.of_mask(mask, layer.color), mask)
    else:
        rest = masks.unpainted([raw_mask(other) for other in layers()])
        show(layer, drawings.plus(painting(layer).now.unpack(), rest, layer.color), masks.union([before, rest]))


def raw_mask(layer: Layer) -> Mask:
    """As painted, before its edges are grown or softened."""
    kept = painting(layer).now.mask
    if kept is None:
        return np.zeros(shape(), np.float32)
    return images.from_uint8(np.frombuffer(zlib.decompress(kept), np.uint8).reshape(shape()))


def take_mask(layer: Layer) -> None:
    """An uploaded picture becomes the layer's mask."""
    if (file := ui.taken("masks.mask_file")) is None:
        return
    name, data = file
    with ui.sentences():
        mask = masks.from_picture(data, shape(), soft=st.session_state.get("masks.soft", False), name=name)
        if masks.is_empty(mask):
            raise BadMask(f"{name} is black all over: white is where the style goes, so choose a picture with white in it.")
        show(layer, drawings.of_mask(mask, layer.color), mask)


def take_file(name: str, data: bytes) -> bool:
    """A PNG made here brings its layers back."""
    recipe = recipes.of_png(data)
    if recipe is None or recipe.content is None:
        return False
    adopt(recipe)
    st.toast(f"Layers restored from {name}.", icon=":material/history:")
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
        layer.style = style.source
        mask = masks.of_text(style.mask, shape()) if style.mask else np.ones(shape(), np.float32)
        show(layer, drawings.of_mask(mask, layer.color), mask)
        state[f"masks.soften.{layer.id}"], state[f"masks.grow.{layer.id}"] = 0, 0  # they are in the mask
        state[f"masks.weight.{layer.id}"], state[f"masks.color.{layer.id}"] = style.weight, style.color
    state["masks.chosen"] = layers()[0].id if layers() else None


def canvas_key(layer: Layer) -> str:
    return f"masks.canvas.{ui.identity(st.session_state['masks.content'])}.{layer.id}"


def regions(covers: Covers) -> tuple[StyleSource, ...]:
    """The visible layers as styles with masks; those of one style are one, and what is protected is taken out of all."""
    visible = [layer for layer in layers() if layer.visible]
    protected = [covers[layer.id] for layer in visible if layer.style is None]
    found: dict[Source, tuple[Layer, Mask]] = {}
    for layer in visible:
        mask = covers[layer.id]
        if layer.style is None:
            continue
        for kept in protected:
            mask = masks.without(mask, kept)
        if layer.style in found:
            mask = masks.union([found[layer.style][1], mask])
        if not masks.is_empty(mask):
            found[layer.style] = layer, mask
    return tuple(
        StyleSource(
            source=source,
            weight=st.session_state.get(f"masks.weight.{layer.id}", 1.0),
            color=st.session_state.get(f"masks.color.{layer.id}"),
            mask=masks.to_text(mask),
        )
        for source, (layer, mask) in found.items()
    )
