"""Interpret drawings: the Fabric.js objects on the canvas of one layer, and the tools that the canvas lacks.

The canvas component has a brush, a polygon and a rectangle. Eraser, ellipse, magic wand, the brush that snaps to outlines and
uploaded masks are built on these: the tool draws a stroke in a marker colour, `translate` replaces it by its meaning, and the
canvas draws the replacement. Objects are kept in the order of painting, so an eraser removes only what was painted before it.
The browser's data is untrusted: `received` and `translate` check what they read. Does not depend on Streamlit.
"""

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from nst_core import images
from nst_core.errors import BadMask, BadPicture
from nst_core.images import Image, Mask
from nst_core.pictures import masks

Drawing = dict[str, Any]  # {"objects": [...]}, and other fields of Fabric

SIDE = 640  # pixels of the canvas' longer side, and so of masks painted on it, at any page width
MOST_TEXT = 500_000  # characters of a drawing as JSON; a brush stroke takes about a thousand, a mask's picture ten thousand
MOST_NEW = 50  # strokes that one message may ask to translate; more than one arrive while the previous is processed
MOST_POINTS, FEWEST_POINTS = 2000, 50  # of all strokes that are drawn here together, and at least of each
FAR = 2.0 * SIDE  # pixels: coordinates further outside the canvas are clipped
WIDEST = 200  # pixels: the width of a stroke
DATA_URL = "data:image/png;base64,"
URL_HEAD, URL_PER_PIXEL = 10_000, 6  # maximum length of the canvas' PNG as a data URL
GARBLED = "This stroke arrived incomplete: paint it again."
OPACITY = 0.6  # of paint, so that the photograph remains visible
ERASER = "rgba(255,255,255,0.45)"  # until it is translated
_MARKS = {"ellipse": 0.59, "wand": 0.58, "snap": 0.57, "pick": 0.56}  # opacities that mark a tool's shapes
CORE = 0.35  # of a snapping stroke's width: this part is certain to lie on the object, even if drawn roughly
_HEAD = {"version": "6.0.0", "background": ""}


def empty() -> Drawing:
    """Return a drawing without objects."""
    return {**_HEAD, "objects": []}


def paint(color: str, tool: str = "brush") -> str:
    """Return the CSS colour that a tool draws with. color: #rrggbb."""
    if tool == "eraser":
        return ERASER
    return _rgba(color, _MARKS.get(tool, OPACITY))


def painted(rgba: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Convert a canvas (h, w, 4) to its mask, 8 bits, (h, w). Full paint is 255, even where it was painted twice."""
    return images.to_uint8(np.minimum(rgba[..., 3] / np.float32(255 * OPACITY), 1))


def painted_url(url: Any, shape: masks.MaskShape) -> npt.NDArray[np.uint8]:
    """Return `painted` of a PNG that the browser sent as a data URL. It must have the shape of the canvas. Raises: BadMask."""
    if not isinstance(url, str) or not url.startswith(DATA_URL) or len(url) > URL_HEAD + URL_PER_PIXEL * shape[0] * shape[1]:
        raise BadMask(GARBLED)
    try:
        return painted(images.rgba(base64.b64decode(url.removeprefix(DATA_URL), validate=True), shape))
    except (ValueError, BadPicture) as error:
        raise BadMask(GARBLED) from error


def received(sent: Any, shape: masks.MaskShape) -> tuple[Drawing, npt.NDArray[np.uint8]] | None:
    """Return the drawing that the browser sent and its mask, 8 bits, (h, w), or None if it has sent no picture yet.

    sent: the canvas' `raw`, the drawing, and `data`, its PNG as a data URL; both are untrusted. shape: of the canvas. Only the
    outer structure of the drawing is checked; `translate` checks the strokes that it reads. Raises: BadMask.
    """
    drawing, url = (sent.get("raw"), sent.get("data")) if isinstance(sent, Mapping) else (None, "")
    if url is None:
        return None
    if not isinstance(drawing, dict) or not isinstance(objects := drawing.get("objects"), list):
        raise BadMask(GARBLED)
    if not all(isinstance(item, dict) for item in objects):
        raise BadMask(GARBLED)
    return drawing, painted_url(url, shape)


def is_large(drawing: Drawing) -> bool:
    """Return whether the drawing is so large that its mask should replace its strokes.

    Raises: BadMask if it is nested too deeply to be written.
    """
    try:
        return len(json.dumps(drawing)) > MOST_TEXT
    except RecursionError as error:
        raise BadMask(GARBLED) from error


def of_mask(mask: Mask, color: str) -> Drawing:
    """Return a drawing of one object, the mask as a picture. It replaces or begins a layer."""
    return {**_HEAD, "objects": [_picture(mask, color)]}


def of_polygon(corners: Sequence[tuple[float, float]], width: int, height: int, color: str) -> tuple[Drawing, Mask]:
    """Return a drawing of one polygon and its mask, (height, width). corners: (x, y) in fractions of the canvas."""
    points = [(round(x * width, 1), round(y * height, 1)) for x, y in corners]
    mask = Pillow.new("L", (width, height))
    ImageDraw.Draw(mask).polygon(points, fill=255)
    at = {"left": min(x for x, _ in points), "top": min(y for _, y in points), "originX": "left", "originY": "top"}
    shape = {"type": "Polygon", "points": [{"x": x, "y": y} for x, y in points], "fill": paint(color), "strokeWidth": 0}
    return {**_HEAD, "objects": [{**shape, **at}]}, images.from_uint8(np.asarray(mask))


def plus(drawing: Drawing, mask: Mask, color: str) -> Drawing:
    """Return the drawing with a mask painted over it."""
    return {**drawing, "objects": [*drawing["objects"], _picture(mask, color)]}


def translate(
    drawing: Drawing,
    mask: Mask,
    content: Image,
    color: str,
    tolerance: float,
    snap: Callable[[Mask], Mask],
    pick: Callable[[tuple[int, int]], Mask],
) -> tuple[Drawing, Mask] | None:
    """Replace the strokes of eraser, ellipse, wand, pick and snapping brush by their meaning; return None if there are none.

    mask: what was painted before them, (h, w); the returned mask includes them. content: the photograph at the canvas' size,
    which the wand reads. tolerance: of the wand, 0 … 1. snap: finds the object under a scribble; pick: at (row, column).
    Raises: BadMask for strokes that the canvas never draws.
    """
    marks = {ERASER, *(paint(color, tool) for tool in _MARKS)}
    marked = [i for i, item in enumerate(drawing["objects"]) if {str(item.get("stroke")), str(item.get("fill"))} & marks]
    if len(marked) > MOST_NEW:
        raise BadMask(GARBLED)
    new, changed, most = {**drawing, "objects": list(drawing["objects"])}, False, MOST_POINTS // max(1, len(marked))
    for i in marked:
        item = new["objects"][i]
        if item.get("stroke") == ERASER:
            mask = np.minimum(mask, 1 - _line(item, content, 1, most))
            new["objects"][i] = {**item, "stroke": "#000000", "globalCompositeOperation": "destination-out"}
        elif item.get("fill") == paint(color, "ellipse"):
            new["objects"][i] = ellipse = _ellipse(item, color)
            mask = np.maximum(mask, _filled(ellipse, content))
        elif item.get("fill") == paint(color, "wand"):
            touched = masks.wand(content, _touched(item, content), tolerance)
            new["objects"][i], mask = _picture(touched, color), np.maximum(mask, touched)
        elif item.get("fill") == paint(color, "pick"):
            picked = pick(_touched(item, content))
            new["objects"][i], mask = _picture(picked, color), np.maximum(mask, picked)
        elif item.get("stroke") == paint(color, "snap"):
            subject = snap(scribble(item, content, most))
            new["objects"][i], mask = _picture(subject, color), np.maximum(mask, subject)
        else:
            continue
        changed = True
    return (new, mask) if changed else None


def scribble(path: Mapping[str, Any], content: Image, most: int = MOST_POINTS) -> Mask:
    """Return the middle of a stroke as a mask, (h, w), drawn through at most so many of its points."""
    return _line(path, content, CORE, most)


def _line(path: Mapping[str, Any], content: Image, share: float, most: int) -> Mask:
    """Draw a stroke at a fraction of its width.

    Fabric's path is `[["M", x, y], ["Q", x1, y1, x, y], …]`, in pixels of the canvas.
    """
    h, w, _ = content.shape
    points, radius = _points(path, max(FEWEST_POINTS, most)), max(1.0, min(WIDEST, _number(path, "strokeWidth")) * share / 2)
    drawn = Pillow.new("L", (w, h))
    pen = ImageDraw.Draw(drawn)
    pen.line(points, fill=255, width=round(2 * radius))
    for x, y in points:
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return images.from_uint8(np.asarray(drawn))


def _points(path: Mapping[str, Any], most: int) -> list[tuple[float, float]]:
    """Return the points (x, y) of a stroke, thinned evenly to at most so many. Raises: BadMask."""
    commands = path.get("path")
    if not isinstance(commands, list) or not all(isinstance(command, list) for command in commands):
        raise BadMask(GARBLED)
    numbers = [_finite(number) for command in commands for number in command[1:]]
    points = list(zip(numbers[::2], numbers[1::2], strict=False))
    if not points or len(numbers) % 2:
        raise BadMask(GARBLED)
    return points[:: 1 + len(points) // most]


def _number(item: Mapping[str, Any], key: str) -> float:
    """Return a number of an object; a missing scale is 1. Raises: BadMask."""
    return _finite(item.get(key, 1.0 if key.startswith("scale") else None))


def _finite(value: Any) -> float:
    """Return an untrusted number, clipped to ±FAR. Raises: BadMask."""
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:  # only NaN differs from itself
        raise BadMask(GARBLED)
    return max(-FAR, min(FAR, value))


def _ellipse(box: Mapping[str, Any], color: str) -> dict[str, Any]:
    """Return the ellipse inscribed in a box."""
    radii = {"rx": _number(box, "width") / 2, "ry": _number(box, "height") / 2}
    position = {key: box[key] for key in ("left", "top", "originX", "originY", "scaleX", "scaleY", "angle") if key in box}
    return {"type": "Ellipse", **position, **radii, "fill": paint(color), "strokeWidth": 0}


def _filled(ellipse: Mapping[str, Any], content: Image) -> Mask:
    """Return the mask, (h, w), of an ellipse as the canvas draws it. Its position is that of its upper left corner."""
    h, w, _ = content.shape
    left, top = _number(ellipse, "left"), _number(ellipse, "top")
    width, height = (2 * ellipse[r] * _number(ellipse, s) for r, s in (("rx", "scaleX"), ("ry", "scaleY")))
    box = left, top, left + max(0, width - 1), top + max(0, height - 1)  # Pillow draws both ends
    drawn = Pillow.new("L", (w, h))
    ImageDraw.Draw(drawn).ellipse(box, fill=255)
    return images.from_uint8(np.asarray(drawn))


def _touched(point: Mapping[str, Any], content: Image) -> tuple[int, int]:
    """Return (row, column) of a point, which the canvas draws as a circle, left-aligned and vertically centred."""
    h, w, _ = content.shape
    column = _number(point, "left") + _number(point, "radius") + _number(point, "strokeWidth") / 2
    row = _number(point, "top")
    return int(np.clip(row, 0, h - 1)), int(np.clip(column, 0, w - 1))


def _picture(mask: Mask, color: str) -> dict[str, Any]:
    """Return the object that draws a mask as a picture in a colour."""
    h, w = mask.shape
    rgba = np.empty((h, w, 4), np.uint8)
    rgba[..., :3] = _rgb(color)
    rgba[..., 3] = images.to_uint8(mask * OPACITY)
    file = io.BytesIO()
    Pillow.fromarray(rgba).save(file, "PNG")
    source = DATA_URL + base64.b64encode(file.getvalue()).decode()
    return {"type": "Image", "left": 0, "top": 0, "originX": "left", "originY": "top", "width": w, "height": h, "src": source}


def overlay(content: Image, layers: Sequence[tuple[Mask, str]]) -> Image:
    """Return the photograph with masks painted over it in their colours, as the canvas shows them."""
    result = content
    for mask, color in layers:
        opacity = OPACITY * mask[..., None]
        result = result * (1 - opacity) + images.from_uint8(_rgb(color)) * opacity
    return result


def _rgb(color: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex(color.removeprefix("#")), np.uint8)


def _rgba(color: str, opacity: float) -> str:
    return f"rgba({','.join(map(str, _rgb(color)))},{opacity:g})"
