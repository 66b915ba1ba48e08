"""What Streamlit has not: components from assets/components."""

import base64
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import streamlit as st


def _component(name: str, html: str) -> Callable[..., object]:
    """A component from assets/components. Its data goes in a list: in a dict, Streamlit would look for data frames, and
    import pandas for that, which costs the page process 70 MB and half a second."""
    folder = Path(__file__).parents[1] / "assets" / "components"
    css, js = folder / f"{name}.css", folder / f"{name}.js"
    css_text = css.read_text() if css.exists() else None
    return st.components.v2.component(f"nst_{name}", html=html, css=css_text, js=js.read_text())


_gallery = _component("gallery", '<div class="gallery" role="group"></div>')
_compare = _component(
    "compare",
    '<figure class="compare"><img class="after"><img class="before" alt="Before"><i></i>'
    '<input type="range" min="0" max="100" step="0.5" value="22" aria-label="Before and after">'
    '<div class="tools"></div></figure><dialog><div class="room"></div><div class="tools"></div></dialog>',
)
_layers = _component("layers", '<div class="layers"></div>')
_fit = _component("fit", "")
_drawing = _component("drawing", '<div class="drawing"></div>')
_loop = _component("loop", '<video class="loop" muted loop playsinline></video>')
_cards = _component("cards", '<nav class="cards" aria-label="Ways to paint"></nav>')
_morph = _component(
    "morph",
    '<figure class="morph"><div class="stack"><input type="range" min="0" step="0.02"></div>'
    '<div class="stops"></div><figcaption aria-live="polite"></figcaption></figure>',
)
_matrix = _component(
    "matrix",
    '<div class="matrix"><div class="field"><canvas class="cells" tabindex="0" role="application"></canvas><i></i><i></i></div>'
    '<div class="side"><div class="pair"><div><canvas></canvas><small></small></div>'
    "<div><canvas></canvas><small></small></div></div>"
    '<p class="told" aria-live="polite"></p><div class="legend"><div class="scale"></div>'
    '<div class="ends"></div></div></div></div>',
)
_plane = _component(
    "plane",
    '<div class="plane" role="group" aria-label="A map of styles"><svg><line/></svg>'
    '<button type="button">1</button><button type="button">2</button></div>',
)


class Thumbnail(NamedTuple):
    id: str
    title: str
    src: str


def gallery(
    items: Iterable[Thumbnail], chosen: Iterable[str], on_pick: Callable[[str], None], *, key: str, strip: bool = False
) -> None:
    """Thumbnails to click; the chosen ones are framed and, where there are several, numbered."""
    order, items = list(chosen), list(items)
    badge = lambda id: None if id not in order else str(order.index(id) + 1) if len(order) > 1 else ""  # noqa: E731
    data = {"items": [item._asdict() | {"badge": badge(item.id)} for item in items], "strip": strip}
    shown = [item.id for item in items]
    _gallery(key=key, data=[data], on_picked_change=lambda: _hear(key, "picked", shown.__contains__, on_pick))


def _hear(key: str, event: str, is_meant: Callable[[Any], bool], act: Callable[[Any], None]) -> None:
    """Act on the value that a component of the browser sent, where it is one that the component sends.

    A visitor may click on what is leaving the page, which Streamlit has forgotten then; a crafted page may send anything.
    """
    value = getattr(st.session_state.get(key), event, None)
    if value is not None and is_meant(value):
        act(value)


def compare(before: str, after: str, *, width: int, alt: str, key: str, full: Callable[[], str] | None = None) -> None:
    """Show two pictures (data URIs) of one shape with a line to drag between them; the second can be enlarged and copied.

    full: returns the second picture at its own size, where `after` is smaller; called while it is shown full-screen.
    """
    opened = full is not None and getattr(st.session_state.get(key), "opened", False) is True
    data = {"before": before, "after": after, "width": width, "title": alt, "wide": full is not None}
    _compare(key=key, data=[data | {"full": full() if full and opened else ""}], on_opened_change=lambda: None)


class LayerRow(NamedTuple):
    """A row of `layers`. src: the style's thumbnail; "" shows the colour in stripes."""

    id: str
    title: str
    src: str
    color: str
    note: str
    chosen: bool
    visible: bool


def layers(rows: Iterable[LayerRow], on_act: Callable[[str, str], None], *, key: str) -> None:
    """The layers of a painting; `on_act` is told an id and one of pick, show, remove."""
    items = [row._asdict() for row in rows]
    known = [{"id": item["id"], "act": act} for item in items for act in ("pick", "show", "remove")]
    act = lambda acted: on_act(acted["id"], acted["act"])  # noqa: E731
    _layers(key=key, data=[{"items": items}], on_acted_change=lambda: _hear(key, "acted", known.__contains__, act))


class Card(NamedTuple):
    """A page to go to. id: its address. src: a data URI."""

    id: str
    title: str
    line: str
    src: str


def cards(items: Iterable[Card], current: str, *, key: str) -> str | None:
    """Pages in a row, the current one marked; the id of the one that was clicked just now."""
    items = list(items)
    data = {"items": [item._asdict() for item in items], "current": current}
    picked = _cards(key=key, data=[data], on_picked_change=lambda: None).picked  # type: ignore[attr-defined]
    return picked if picked in [item.id for item in items] else None


def fit_width(block: str, width: int, *, hide: str = "") -> None:
    """Scale the container of that key, made for so many pixels, to the width that the page has.

    hide: a CSS selector of what is not shown of the components inside.
    """
    _fit(key=f"{block}.fit", data=[{"key": block, "width": width, "hide": hide}])


class FrameCard(NamedTuple):
    """A picture of a row. src: a data URI. label: at its place under the row; line: said of it while it is shown."""

    src: str
    label: str
    line: str


def morph(frames: Iterable[FrameCard], *, title: str, width: int, key: str, at: int = 0) -> None:
    """Pictures of one shape that melt into each other while one drags. at: where it begins."""
    _morph(key=key, data=[{"items": [frame._asdict() for frame in frames], "title": title, "width": width, "at": at}])


class Side(NamedTuple):
    """What the rows or the columns of a matrix stand for: names, and where their pictures lie on a sheet of `columns` a row."""

    names: list[str]
    tiles: list[int]
    sheet: str
    columns: int


def matrix(values: np.ndarray, rows: Side, columns: Side, *, tile: int, title: str, words: str, key: str) -> None:
    """A matrix as a picture that says what a pointer is at. words: "gram", or "chain" where rows and columns differ in kind."""
    data = {
        "values": base64.b64encode(np.ascontiguousarray(values, np.float32).tobytes()).decode(),
        "rows": values.shape[0],
        "columns": values.shape[1],
        "names": [rows.names, columns.names],
        "tiles": [rows.tiles, columns.tiles],
        "sheets": [rows.sheet, columns.sheet],
        "grids": [rows.columns, columns.columns],
        "tile": tile,
        "title": title,
        "words": words,
    }
    _matrix(key=key, data=[data])


class Pin(NamedTuple):
    """A picture at a place of a plane, both coordinates in [0, 1]."""

    title: str
    src: str
    x: float
    y: float


CanvasPoint = tuple[float, float]


def plane(
    pins: Iterable[Pin],
    points: tuple[CanvasPoint, CanvasPoint],
    on_move: Callable[[tuple[CanvasPoint, CanvasPoint]], None],
    *,
    key: str,
) -> None:
    """Pictures on a plane and two points to move; `on_move` is told both when one was dropped."""

    def move(moved: Any) -> None:
        first, second = moved["points"]
        on_move(((first[0], first[1]), (second[0], second[1])))

    data = {"items": [pin._asdict() for pin in pins], "points": [list(point) for point in points]}
    _plane(key=key, data=[data], on_moved_change=lambda: _hear(key, "moved", _is_move, move))


def _is_move(moved: Any) -> bool:
    """Return whether a value that the browser sent holds two points of a plane."""
    points = moved.get("points") if isinstance(moved, dict) else None
    pairs = isinstance(points, list) and len(points) == 2 and all(isinstance(p, list) and len(p) == 2 for p in points)
    return pairs and all(isinstance(x, int | float) and 0 <= x <= 1 for point in points or () for x in point)


def loop(mp4: bytes, *, title: str, key: str) -> None:
    """A small mute clip of ours that plays over and over."""
    _loop(key=key, data=[{"src": "data:video/mp4;base64," + base64.b64encode(mp4).decode(), "title": title}])


def drawing(svg: str, key: str) -> None:
    """An SVG of ours; never a stranger's."""
    _drawing(key=key, data=[svg])
