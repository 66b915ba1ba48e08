"""Drawings: tools that the canvas lacks are made of those that it has; masks go in and come out."""

import base64
import io
import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image as Pillow

from nst_core.errors import BadMask
from nst_core.pictures import drawings

RED = "#ff0000"
CONTENT = np.zeros((48, 64, 3), np.float32)
CONTENT[:, 32:] = 0.8  # a bright right half
NOTHING, ALL = np.zeros((48, 64), np.float32), np.ones((48, 64), np.float32)


def unasked(scribble):
    raise AssertionError("nothing was scribbled")


def stroke(color, kind="Path", **more):
    return {"type": kind, "stroke": color, "fill": None, "left": 3, "top": 4, **more}


def drawing(*objects):
    return {**drawings.empty(), "objects": list(objects)}


def pixels(item):
    """What a picture in a drawing looks like, (h, w, 4)."""
    return np.asarray(Pillow.open(io.BytesIO(base64.b64decode(item["src"].split(",")[1]))))


def test_paint_is_translucent_and_its_opacity_is_the_mask():
    assert drawings.paint(RED) == "rgba(255,0,0,0.6)"
    canvas = np.zeros((2, 3, 4), np.uint8)
    canvas[0, 0, 3], canvas[0, 1, 3], canvas[1, 2, 3] = 153, 77, 214  # once painted, an edge, twice painted
    mask = drawings.painted(canvas)
    assert mask[0, 0] == 255 and mask[1, 2] == 255
    assert abs(int(mask[0, 1]) - 128) <= 1
    assert np.count_nonzero(mask) == 3


def test_ordinary_strokes_need_no_translation():
    assert drawings.translate(drawing(stroke(drawings.paint(RED))), NOTHING, CONTENT, RED, 0.1, unasked, unasked) is None
    assert drawings.translate(drawings.empty(), NOTHING, CONTENT, RED, 0.1, unasked, unasked) is None


def test_an_eraser_takes_away_what_was_painted_before_it_and_keeps_its_place():
    before = drawing(
        stroke(drawings.paint(RED)),
        stroke(drawings.paint(RED, "eraser"), strokeWidth=9, path=[["M", 10, 24], ["L", 50, 24]]),
        stroke(drawings.paint(RED)),
    )
    drawn, mask = drawings.translate(before, ALL, CONTENT, RED, 0.1, unasked, unasked)
    assert mask[21:28, 10:50].max() == 0 and mask[:18].min() == mask[30:].min() == 1  # 9 pixels high
    after = drawn["objects"]
    assert after[0] == before["objects"][0] and after[2] == before["objects"][2]
    assert after[1]["globalCompositeOperation"] == "destination-out"
    assert after[1]["stroke"] == "#000000" and after[1]["strokeWidth"] == 9
    assert before["objects"][1]["stroke"] == drawings.ERASER  # what came in stays
    assert drawings.translate({**before, "objects": after}, mask, CONTENT, RED, 0.1, unasked, unasked) is None


def test_a_box_marked_as_ellipse_becomes_the_ellipse_inside_it():
    box = {
        "type": "Rect",
        "fill": drawings.paint(RED, "ellipse"),
        "left": 5,
        "top": 6,
        "width": 20,
        "height": 10,
        "originX": "left",
    }
    drawn, mask = drawings.translate(drawing(box), NOTHING, CONTENT, RED, 0.1, unasked, unasked)
    (ellipse,) = drawn["objects"]
    assert (ellipse["type"], ellipse["rx"], ellipse["ry"], ellipse["left"], ellipse["top"]) == ("Ellipse", 10, 5, 5, 6)
    assert ellipse["fill"] == drawings.paint(RED)
    assert mask.sum() == pytest.approx(np.pi * 10 * 5, rel=0.15) and mask[6:17, 5:26].sum() == mask.sum()


def test_the_wand_paints_the_region_that_was_clicked():
    # the canvas draws a point as a circle that begins at its left: its centre is at 40 + 3 + 0.5
    point = {"type": "Circle", "fill": drawings.paint(RED, "wand"), "left": 40, "top": 20, "radius": 3, "strokeWidth": 1}
    drawn, mask = drawings.translate(drawing(point), NOTHING, CONTENT, RED, 0.1, unasked, unasked)
    (picture,) = drawn["objects"]
    rgba = pixels(picture)
    assert (mask == (CONTENT[..., 0] > 0)).all()
    assert picture["type"] == "Image" and rgba.shape == (48, 64, 4)
    assert (drawings.painted(rgba) == np.where(CONTENT[..., 0] > 0, 255, 0)).all()
    assert (rgba[..., :3] == (255, 0, 0)).all()


def test_a_click_at_the_very_edge_stays_inside():
    point = {"type": "Circle", "fill": drawings.paint(RED, "wand"), "left": 63, "top": 48, "radius": 3, "strokeWidth": 1}
    _, mask = drawings.translate(drawing(point), NOTHING, CONTENT, RED, 0.1, unasked, unasked)
    assert mask.any()


@pytest.mark.parametrize("mask", [np.eye(8, dtype=np.float32), np.full((5, 9), 0.5, np.float32)])
def test_a_mask_survives_being_drawn(mask):
    (picture,) = drawings.of_mask(mask, RED)["objects"]
    assert np.abs(drawings.painted(pixels(picture)) / 255 - mask).max() < 0.01  # paint has 153 steps
    assert (picture["width"], picture["height"]) == mask.shape[::-1]


def test_a_click_that_picks_becomes_the_thing_at_its_place():
    asked = []
    pick = lambda at: asked.append(at) or np.float32(CONTENT[..., 0] == 0)  # noqa: E731
    point = {"type": "Circle", "fill": drawings.paint(RED, "pick"), "left": 20, "top": 24, "radius": 1, "strokeWidth": 0}
    drawn, mask = drawings.translate(drawing(point), NOTHING, CONTENT, RED, 0.1, unasked, pick)
    assert asked == [(24, 21)]
    assert (mask == (CONTENT[..., 0] == 0)).all()
    assert [item["type"] for item in drawn["objects"]] == ["Image"]


def test_a_stroke_that_snaps_becomes_the_thing_under_its_middle():
    path = [["M", 10, 24], ["Q", 10, 24, 20, 24], ["L", 30, 24]]
    asked = []
    snap = lambda scribble: asked.append(scribble) or np.float32(CONTENT[..., 0] == 0)  # noqa: E731
    before = drawing(stroke(drawings.paint(RED)), stroke(drawings.paint(RED, "snap"), path=path, strokeWidth=20))
    drawn, mask = drawings.translate(before, NOTHING, CONTENT, RED, 0.1, snap, unasked)
    painted, picture = drawn["objects"]
    assert (mask == (CONTENT[..., 0] == 0)).all()
    assert painted == before["objects"][0]
    assert (drawings.painted(pixels(picture)) == np.where(CONTENT[..., 0] == 0, 255, 0)).all()
    (scribble,) = asked
    assert (
        scribble.shape == CONTENT.shape[:2] and scribble[24, 10:31].min() == 1 and scribble.sum() < 220
    )  # 20 × 7, and its ends
    assert not scribble[:18].any() and not scribble[31:].any()


def test_a_mask_can_be_painted_over_what_is_there():
    first = drawing(stroke(drawings.paint(RED)))
    both = drawings.plus(first, np.ones((4, 4), np.float32), RED)
    assert [item["type"] for item in both["objects"]] == ["Path", "Image"] and len(first["objects"]) == 1


def url_of(picture, format="PNG"):
    """A data URL of what may be a PNG."""
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, format)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


SENT = {"raw": drawings.empty(), "data": url_of(np.full((3, 4, 4), 153, np.uint8))}
BROKEN = base64.b64encode(b"words").decode()


def test_what_the_canvas_sends_is_read():
    drawn, mask = drawings.received(SENT, (3, 4))
    assert drawn == drawings.empty() and (mask == 255).all() and mask.shape == (3, 4)
    assert drawings.received({**SENT, "data": None}, (3, 4)) is None


@pytest.mark.parametrize(
    "sent",
    [
        None,
        [],
        {"raw": drawings.empty()} | {"data": url_of(np.full((4, 3, 4), 153, np.uint8))},  # of another shape
        {**SENT, "data": url_of(np.full((3, 4, 3), 153, np.uint8), "BMP")},
        {**SENT, "data": 7},
        {**SENT, "data": "https://elsewhere.example/x.png"},
        {**SENT, "data": "data:image/png;base64,é"},
        {**SENT, "data": f"data:image/png;base64,{BROKEN}"},
        {**SENT, "data": f"data:image/png;base64,{BROKEN * 5000}"},
        {**SENT, "raw": None},
        {**SENT, "raw": {"objects": {}}},
        {**SENT, "raw": {"objects": [7]}},
    ],
)
def test_what_no_canvas_sends_is_refused_with_a_sentence(sent):
    with pytest.raises(BadMask, match=r"^This stroke arrived incomplete: paint it again"):
        drawings.received(sent, (3, 4))


def test_a_canvas_of_another_shape_is_refused_before_it_is_decoded():
    """A PNG of 36 megapixels and 40 kB would be 144 MB."""
    file = io.BytesIO()
    Pillow.new("1", (6000, 6000)).save(file, "PNG", optimize=True)
    url = "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
    tracemalloc.start()
    with pytest.raises(BadMask):
        drawings.received({**SENT, "data": url}, (480, 640))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000


@pytest.mark.parametrize(
    "item",
    [
        stroke(drawings.paint(RED, "eraser")),
        stroke(drawings.paint(RED, "eraser"), strokeWidth=9, path=7),
        stroke(drawings.paint(RED, "eraser"), strokeWidth=9, path=[7]),
        stroke(drawings.paint(RED, "eraser"), strokeWidth=9, path=[]),
        stroke(drawings.paint(RED, "eraser"), strokeWidth=9, path=[["M", 10]]),
        stroke(drawings.paint(RED, "eraser"), strokeWidth=9, path=[["M", 10, "24"]]),
        stroke(drawings.paint(RED, "eraser"), strokeWidth=None, path=[["M", 10, 24]]),
        stroke(drawings.paint(RED, "snap"), strokeWidth=9, path=[["M", 10, float("nan")]]),
        {"type": "Rect", "fill": drawings.paint(RED, "ellipse"), "left": 5, "top": 6, "width": 20},
        {"type": "Rect", "fill": drawings.paint(RED, "ellipse"), "left": [], "top": 6, "width": 20, "height": 7},
        {"type": "Circle", "fill": drawings.paint(RED, "wand"), "left": 40, "top": 20},
    ],
)
def test_strokes_that_no_canvas_draws_are_refused_with_a_sentence(item):
    with pytest.raises(BadMask, match=r"^This stroke arrived incomplete"):
        drawings.translate(drawing(item), NOTHING, CONTENT, RED, 0.1, unasked, unasked)


def test_numbers_of_any_size_and_very_many_points_are_drawn_in_moderate_time():
    huge = 10**400
    path = [["M", -huge, 24], *[["L", (-1) ** x * 1e300, x % 48] for x in range(20_000)]]
    item = stroke(drawings.ERASER, strokeWidth=huge, path=path)
    began = time.process_time()
    _, mask = drawings.translate(drawing(*[item] * 10), ALL, CONTENT, RED, 0.1, unasked, unasked)
    assert time.process_time() - began < 10 and mask.max() == 0
    box = {"fill": drawings.paint(RED, "ellipse"), "left": -huge, "top": -1e300, "width": huge, "height": huge, "scaleX": -1}
    assert drawings.translate(drawing(box), NOTHING, CONTENT, RED, 0.1, unasked, unasked)
    with pytest.raises(BadMask):
        drawings.translate(drawing(*[item] * 1000), ALL, CONTENT, RED, 0.1, unasked, unasked)


def test_a_drawing_is_large_long_before_it_is_a_burden():
    one = stroke(drawings.paint(RED), strokeWidth=9, path=[["Q", 10.25, 24.5, 20.75, 24.5]] * 100)
    assert not drawings.is_large(drawing(*[one] * 20))
    assert drawings.is_large(drawing(*[one] * 200))
    deep = []
    for _ in range(3000):
        deep = [deep]
    with pytest.raises(BadMask):
        drawings.is_large(drawing({"path": deep}))
    while deep:  # Python would take it apart recursively
        deep = deep[0]


def test_a_polygon_is_given_in_fractions():
    drawing, mask = drawings.of_polygon(((0, 0), (0.5, 0), (0, 1)), 64, 48, RED)
    (triangle,) = drawing["objects"]
    assert triangle["points"] == [{"x": 0, "y": 0}, {"x": 32, "y": 0}, {"x": 0, "y": 48}]
    assert (triangle["left"], triangle["top"]) == (0, 0)
    assert mask.shape == (48, 64) and mask[5, 5] == 1 and mask[40, 30] == 0
    assert mask.mean() == pytest.approx(0.25, abs=0.03)  # its border included


def test_the_overlay_shows_each_layer_in_its_colour():
    left, right = np.zeros((48, 64), np.float32), np.zeros((48, 64), np.float32)
    left[:, :10], right[:, -10:] = 1, 1
    shown = drawings.overlay(CONTENT, [(left, RED), (right, "#0000ff")])
    assert np.allclose(shown[0, 0], (0.6, 0, 0)) and np.allclose(shown[0, -1], (0.32, 0.32, 0.92))
    assert np.array_equal(shown[:, 20:40], CONTENT[:, 20:40])
