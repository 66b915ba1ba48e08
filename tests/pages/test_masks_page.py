"""Masks in a real Chromium: paint with mouse and finger, see the styles appear there, and keep what was painted."""

import io
import re
import time

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from benchmarks.masks import SCRIBBLES, as_jpeg, six_regions
from nst_core import recipes
from nst_core.pictures import masks
from nst_core.recipes import OptimizeRecipe
from tests.browser import PATIENCE, caption, download, next_result, pixels, result, settled, stroke, upload

TOOLS = ("brush", "snap", "eraser", "polygon", "rectangle", "ellipse", "wand", "pick")
LEFT, RIGHT = (slice(None), slice(0, 60)), (slice(None), slice(-60, None))


@pytest.fixture
def page(tab, address):
    """A new visitor of the Masks page, whose opening is painted."""
    tab.goto(f"{address}/masks")
    result(tab)
    return tab


def before(page):
    return pixels(page.locator(".compare img.before").get_attribute("src"))


def painted(page):
    """Where the result differs from the photograph, (h, w)."""
    return np.abs(pixels(result(page)) - before(page)).mean(-1)


def coverages(page):
    return [int(text.split()[0]) for text in page.locator(".layers small").all_inner_texts()]


def expect_coverage(page, layer, low, high):
    page.wait_for_function(
        """([layer, low, high]) => {
            const hosts = [...document.querySelectorAll("*")].filter((e) => e.shadowRoot?.querySelector(".layers"));
            const text = hosts[0]?.shadowRoot.querySelectorAll(".layers small")[layer]?.textContent;
            return text && parseInt(text) >= low && parseInt(text) <= high;
        }""",
        arg=[layer, low, high],
    )


def expect_canvas(page, share):
    """The canvas shows so much paint, in percent: more than once painted counts once."""
    painted = """async (canvas, share) => {
        for (let late = performance.now() + 60_000; performance.now() < late; await new Promise((on) => setTimeout(on, 100))) {
            const rgba = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let full = 0;
            for (let i = 3; i < rgba.length; i += 4) full += Math.min(1, rgba[i] / 153) / (rgba.length / 400);
            if (Math.abs(full - share) < 1) return true;
            if (!canvas.isConnected) return false;
        }
        throw new Error("another share of the canvas is painted");
    }"""
    while not page.locator(".st-key-masks-canvas canvas.lower-canvas").last.evaluate(painted, share):
        pass  # Streamlit has put the canvas into the page anew meanwhile


def choose_tool(page, tool):
    settled(page)
    page.get_by_role("radio", name=tool.capitalize()).click()
    expect(page.get_by_text(f"{tool.capitalize()}:", exact=True)).to_be_visible()


def pick_layer(page, name):
    page.locator(".layers .pick").filter(has_text=name).click()
    expect(page.locator(".layers .pick").filter(has_text=name)).to_have_attribute("aria-pressed", "true")


def press(page, name):
    page.get_by_role("button", name=name, exact=True).first.click()


def clear_all(page):
    """Nothing is painted any more."""
    for name in ("Starlit oils", "Woodcut waves"):
        pick_layer(page, name)
        press(page, "Clear")
        expect_coverage(page, ("Starlit oils", "Woodcut waves").index(name), 0, 0)
    expect(page.get_by_text("Nothing is painted yet")).to_be_visible()


def test_two_regions_painted_by_hand_get_their_two_styles(page):
    page.get_by_title("Coffee", exact=True).click()
    expect(page.get_by_text("Nothing is painted yet")).to_be_visible()

    pick_layer(page, "Starlit oils")
    stroke(page, (0.05, 0.2), (0.05, 0.8), (0.12, 0.8), (0.12, 0.2))
    expect_coverage(page, 0, 5, 30)
    first = result(page)
    pick_layer(page, "Woodcut waves")
    stroke(page, (0.95, 0.2), (0.95, 0.8), (0.88, 0.8), (0.88, 0.2))
    expect_coverage(page, 1, 5, 30)
    second = next_result(page, first)

    change = painted(page)
    h, w = change.shape
    middle = change[:, int(0.35 * w) : int(0.65 * w)]
    assert middle.max() < 12  # of 255: the photograph, but for JPEG
    for side in (0.08, 0.92):
        assert change[h // 3 : 2 * h // 3, int((side - 0.04) * w) : int((side + 0.04) * w)].mean() > 25
    assert np.abs(pixels(first) - pixels(second))[:, : int(0.3 * w)].mean() < 4  # the first region keeps its style
    assert caption(page).startswith("Coffee in Starlit oils + Woodcut waves")


def test_undo_redo_and_clear(page):
    assert coverages(page) == [38, 40]
    for _ in range(2):
        stroke(page, (0.3, 0.52), (0.7, 0.52))
        expect_coverage(page, 0, 40, 50)
        press(page, "Undo")
        expect_coverage(page, 0, 38, 38)
    stroke(page, (0.3, 0.2), (0.4, 0.2))  # where paint is: what was undone does not come back with it
    expect(page.get_by_role("button", name="Redo", exact=True).first).to_be_disabled()
    expect_coverage(page, 0, 38, 38)
    expect_canvas(page, 38)
    stroke(page, (0.3, 0.52), (0.7, 0.52))
    expect_coverage(page, 0, 40, 50)
    press(page, "Undo")
    expect_coverage(page, 0, 38, 38)
    expect_canvas(page, 38)
    press(page, "Redo")
    expect_coverage(page, 0, 40, 50)
    clear_all(page)
    press(page, "Undo")
    expect_coverage(page, 1, 40, 40)


def test_the_canvas_own_toolbar_is_hidden_for_every_region_and_photograph(page):
    toolbar = page.locator(".st-key-masks-canvas .dc-toolbar")
    for change in (
        lambda: None,
        lambda: pick_layer(page, "Woodcut waves"),
        lambda: page.get_by_title("Astronaut", exact=True).click(),
    ):
        change()
        settled(page)
        page.locator(".st-key-masks-canvas canvas.upper-canvas").hover()
        expect(toolbar).to_have_count(1)
        expect(toolbar).to_be_hidden()


def test_shapes_and_wand(page):
    clear_all(page)
    middle, corner = ((0.25, 0.25), (0.75, 0.75)), ((0.02, 0.98), (0.02, 0.98))
    for tool, points, low, high in (("rectangle", middle, 24, 27), ("ellipse", middle, 18, 21), ("wand", corner, 3, 60)):
        choose_tool(page, tool)
        stroke(page, *points)
        expect_coverage(page, 1, low, high)
        press(page, "Clear")
        expect_coverage(page, 1, 0, 0)
    choose_tool(page, "polygon")  # closed at its first corner
    for corner in ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8), (0.2, 0.2)):
        stroke(page, corner, corner)
    expect_coverage(page, 1, 34, 38)


def test_the_subject_and_its_background_are_selected_and_a_click_picks(page):
    page.get_by_title("Astronaut", exact=True).click()
    expect(page.get_by_text("Nothing is painted yet")).to_be_visible()
    pick_layer(page, "Woodcut waves")
    press(page, "Subject")
    press(page, "Select background")
    expect_coverage(page, 1, 35, 60)
    choose_tool(page, "pick")
    stroke(page, (0.5, 0.6), (0.5, 0.6))
    expect_coverage(page, 1, 97, 100)
    press(page, "Undo")
    expect_coverage(page, 1, 35, 60)


def test_the_eraser_takes_paint_away_for_good(page):
    choose_tool(page, "eraser")
    stroke(page, (0.1, 0.1), (0.9, 0.1))
    expect_coverage(page, 0, 28, 35)
    choose_tool(page, "brush")
    stroke(page, (0.1, 0.1), (0.9, 0.1))
    expect_coverage(page, 0, 37, 39)


def test_strokes_survive_another_page_another_region_and_another_width(page):
    opening = result(page)
    stroke(page, (0.3, 0.52), (0.7, 0.52))
    shown, was = next_result(page, opening), coverages(page)
    page.get_by_role("link", name="Instant").click()
    expect(page.get_by_text("Style strength")).to_be_visible()
    page.get_by_role("link", name="Masks").first.click()
    expect(page.locator(".layers .pick").first).to_be_visible()
    assert result(page) == shown and coverages(page) == was
    expect_canvas(page, was[0])
    pick_layer(page, "Woodcut waves")
    expect_canvas(page, was[1])
    pick_layer(page, "Starlit oils")
    expect_canvas(page, was[0])

    page.set_viewport_size({"width": 700, "height": 900})
    page.wait_for_function("document.querySelector('.st-key-masks-canvas').getBoundingClientRect().width < 400")
    stroke(page, (0.2, 0.57), (0.8, 0.57))  # goes where the pointer is, on a canvas of another size
    expect_coverage(page, 0, was[0] + 1, 55)
    expect_canvas(page, coverages(page)[0])


def test_another_photograph_has_its_own_strokes(page):
    page.get_by_title("Coffee", exact=True).click()
    expect(page.get_by_text("Nothing is painted yet")).to_be_visible()
    page.get_by_title("Mountain lake", exact=True).click()
    expect_coverage(page, 0, 38, 38)


def test_a_protected_region_stays(page):
    press(page, "Protect a region")
    expect(page.locator(".layers .pick").filter(has_text="Stays as it is")).to_have_attribute("aria-pressed", "true")
    shown = result(page)
    stroke(page, (0.45, 0.1), (0.55, 0.1))
    next_result(page, shown)
    change = painted(page)
    h, w = change.shape
    assert change[int(0.08 * h) : int(0.12 * h), int(0.47 * w) : int(0.53 * w)].max() < 12
    assert change[int(0.08 * h) : int(0.12 * h), int(0.8 * w) :].mean() > 25


def test_hidden_layers_take_no_part(page):
    shown = result(page)
    page.get_by_role("button", name="Hide Woodcut waves").click()
    next_result(page, shown)
    change = painted(page)
    assert change[int(0.7 * len(change)) :].max() < 12
    assert caption(page).startswith("Mountain lake in Starlit oils · ")


def test_one_rough_stroke_snaps_to_an_outline_and_is_undone_and_redone_at_once(page):
    opening = result(page)
    press(page, "Clear")
    shown = next_result(page, opening)
    choose_tool(page, "snap")
    stroke(page, *SCRIBBLES["mountain-lake"]["sky"])
    expect_coverage(page, 0, 35, 38)  # the photograph's own sky has 36.4
    next_result(page, shown)
    change = painted(page)
    h = len(change)
    assert change[int(0.02 * h) : int(0.2 * h)].mean() > 25 and change[int(0.5 * h) : int(0.56 * h)].max() < 12
    press(page, "Undo")
    expect_coverage(page, 0, 0, 0)
    press(page, "Redo")
    expect_coverage(page, 0, 35, 38)


def upload_colors(page, widget, owner):
    """A segmentation, in the popover that is open."""
    file = {"name": "plan.jpg", "mimeType": "image/jpeg", "buffer": as_jpeg(owner)}
    page.locator(f".st-key-masks-{widget} input[type=file]").set_input_files(file)


def test_a_colour_segmentation_becomes_layers_and_a_second_one_gives_them_guides(page):
    shown = result(page)
    press(page, "Regions from colours")
    upload_colors(page, "segmentation_file", six_regions(120, 160))
    expect(page.locator(".layers .pick")).to_have_count(6)
    shown = next_result(page, shown)
    settled(page)
    assert sum(coverages(page)) == pytest.approx(100, abs=3) and min(coverages(page)) >= 4
    assert painted(page).mean((0, 1)) > 10
    upload_colors(page, "style_segmentation_file", np.kron(np.arange(6).reshape(2, 3), np.ones((40, 40), int)))
    expect(page.locator(".layers .pick").filter(has_text="Starlit oils")).to_have_count(6)
    next_result(page, shown)
    recipe = recipes.of_png(download(page, "PNG"))
    assert len(recipe.styles) == 6 and len({style.guide for style in recipe.styles}) == 6
    cover = np.sum([masks.of_text(style.mask, (240, 320)) for style in recipe.styles], 0)
    assert np.abs(cover - 1).max() < 0.03  # rounded to 8 bits each
    press(page, "Regions from colours")
    press(page, "The regions before that")
    expect(page.locator(".layers .pick")).to_have_count(2)


def mask_file(shape=(30, 40), kind="PNG"):
    array = np.zeros(shape, np.uint8)
    array[:, : shape[1] // 2] = 255
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def upload_mask(page, name, data):
    """Once More is open."""
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(
        {"name": name, "mimeType": "image/png", "buffer": data}
    )


def test_a_mask_can_be_uploaded_and_comes_back_as_a_download(page):
    opening = result(page)
    press(page, "More")
    upload_mask(page, "half.png", mask_file())
    next_result(page, opening)
    settled(page)
    expect_coverage(page, 0, 49, 51)
    page.keyboard.press("Escape")
    press(page, "Save the regions")
    mask = np.asarray(Image.open(io.BytesIO(download(page, "Region 1: Starlit oils"))))
    assert mask.shape == (480, 640) and mask[:, :300].min() > 250 and mask[:, 340:].max() < 5


def sticker():
    """A photograph whose right half is transparent."""
    array = np.random.default_rng(0).integers(80, 180, (300, 400, 4), np.uint8)
    array[..., 3] = 0
    array[:, :200, 3] = 255
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG")
    return file.getvalue()


def test_a_photographs_own_transparency_is_a_region_and_stays(page):
    upload(page, "sticker.png", sticker(), "image/png")
    expect(page.get_by_text("Nothing is painted yet")).to_be_visible()
    press(page, "More")
    press(page, "What is not transparent in the photograph")
    expect_coverage(page, 0, 49, 51)
    page.keyboard.press("Escape")
    settled(page)
    alpha = np.asarray(Image.open(io.BytesIO(download(page, "PNG"))))[..., 3]
    assert alpha[:, : alpha.shape[1] // 2 - 4].min() == 255
    assert alpha[:, alpha.shape[1] // 2 + 4 :].max() == 0
    page.get_by_text("Fill the transparent parts with white").click()
    deadline = time.monotonic() + PATIENCE / 1000
    while Image.open(io.BytesIO(download(page, "PNG"))).mode != "RGB":  # the click's run may not have begun yet
        assert time.monotonic() < deadline
        settled(page)


def test_a_bad_mask_gets_a_sentence_and_changes_nothing(page):
    bad = [("black.png", mask_file((40, 1)), "at least"), ("words.png", b"no picture at all", "words.png")]
    press(page, "More")
    for name, data, sentence in bad:
        upload_mask(page, name, data)
        expect(page.get_by_test_id("stAlert").filter(has_text=sentence)).to_be_visible()
        assert coverages(page) == [38, 40]


def test_the_recipe_in_the_result_brings_the_layers_back(page):
    settled(page)
    png = download(page, "PNG")
    recipe = recipes.of_png(png)
    assert [style.source.name for style in recipe.styles] == ["starlit-oils", "woodcut-waves"]
    assert all(style.mask for style in recipe.styles)
    clear_all(page)
    upload(page, "mine.png", png, "image/png")
    expect_coverage(page, 0, 37, 39)
    expect_coverage(page, 1, 39, 41)
    assert np.abs(pixels(result(page)) - np.asarray(Image.open(io.BytesIO(png)), float)).mean() < 8  # JPEG


def test_make_it_fine_optimises_the_same_regions(page):
    page.get_by_role("button", name="Make it fine").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Iteration \d+ of"))).to_be_visible()
    expect(page.get_by_text("Each style keeps to its painted region.")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Everything else", exact=True).click()
    page.get_by_text("For specialists", exact=True).click()
    page.get_by_role("slider", name="Longer side, pixels").press("Home")
    for label, value in (("Iterations", "20"), ("Scales, coarse to fine", "1")):
        page.get_by_label(label, exact=True).fill(value)
        page.get_by_label(label, exact=True).press("Enter")
    page.get_by_role("button", name="Start").click()
    change = painted(page)
    h = len(change)
    assert change[int(0.48 * h) : int(0.56 * h)].max() < 12  # the wood between sky and lake is nobody's
    assert change[: int(0.2 * h)].mean() > 15 and change[int(0.8 * h) :].mean() > 15
    recipe = recipes.of_png(download(page, "PNG"))
    assert isinstance(recipe, OptimizeRecipe) and all(style.mask for style in recipe.styles)


def test_a_finger_paints_on_a_phone(chromium, address):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/masks")
    result(page)
    canvas = page.locator(".st-key-masks-canvas canvas.upper-canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert 300 < box["width"] < 390
    session = context.new_cdp_session(page)
    for number, x in enumerate((0.3, 0.4, 0.5, 0.6, 0.7)):
        point = {"x": box["x"] + x * box["width"], "y": box["y"] + 0.52 * box["height"]}
        session.send("Input.dispatchTouchEvent", {"type": "touchMove" if number else "touchStart", "touchPoints": [point]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect_coverage(page, 0, 40, 50)
    context.close()
