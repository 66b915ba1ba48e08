"""Optimize in a real Chromium: start, watch, pause, change, resume, cancel, reload, and what is left at the end."""

import io
import re

import numpy as np
import pytest
import tifffile
from PIL import Image
from playwright.sync_api import expect

from nst_core import recipes
from nst_core.recipes import OptimizeRecipe, Source
from tests.browser import caption, download, next_result, result, served, settled


@pytest.fixture
def page(tab, address):
    """A new visitor of the Optimize page."""
    tab.goto(f"{address}/optimize")
    expect(tab.get_by_role("button", name="Start")).to_be_visible()
    return tab


def set_number(page, label, value):
    box = page.get_by_label(label, exact=True)
    box.fill(str(value))
    box.press("Enter")


def details(page):
    settled(page)  # what is opened while the page is drawn may close again
    page.get_by_text("Everything else", exact=True).click()


def small(page):
    """As small as can be."""
    page.get_by_role("slider", name="Longer side, pixels").press("Home")
    settled(page)


def start(page):
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def iteration(page):
    text = page.get_by_text(re.compile(r"Iteration \d+ of")).inner_text()
    return int(re.search(r"Iteration (\d+)", text).group(1))


def cancel(page):
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()


def test_a_run_from_start_to_time_lapse(page):
    details(page)
    small(page)
    set_number(page, "Iterations", 30)
    start(page)
    result(page)
    assert caption(page).startswith("Mountain lake in Starlit oils · 256 × 192 px")
    expect(page.get_by_text("Style distance, lower is better", exact=True)).to_be_visible()
    expect(page.get_by_text(re.compile(r"It came \d+% of the way"))).to_be_visible()
    page.get_by_text("Layer by layer", exact=True).click()
    expect(page.get_by_text("block5_conv1").first).to_be_visible()

    png = download(page, "PNG")
    recipe = recipes.of_png(png)
    assert isinstance(recipe, OptimizeRecipe)
    assert (recipe.iterations, recipe.content) == (30, Source(name="mountain-lake"))
    assert Image.open(io.BytesIO(png)).size == (256, 192)
    with tifffile.TiffFile(io.BytesIO(download(page, "TIFF"))) as file:
        assert file.pages[0].shape == (192, 256, 3) and len(np.unique(file.pages[0].asarray())) > 5000  # 16 bits
        assert OptimizeRecipe.model_validate_json(file.pages[0].description) == recipe

    page.get_by_role("tab", name="Time-lapse").click()
    assert Image.open(io.BytesIO(download(page, "GIF"))).n_frames > 10
    assert download(page, "MP4")[4:8] == b"ftyp"


def test_the_opening_shows_what_start_will_do_and_a_preset_what_it_gives(page):
    shown = page.locator(".st-key-opening img")
    expect(shown).to_have_count(2)  # the photograph, and the style in its corner
    picture, style = (image.bounding_box() for image in shown.all())
    assert style["width"] < picture["width"] / 3
    assert style["y"] + style["height"] < picture["y"] + picture["height"]
    told = page.get_by_test_id("stCaptionContainer").filter(has_text="Start paints")
    expect(told).to_contain_text("Mountain lake in the style of Starlit oils, 768 × 576 pixels")
    expect(told).to_contain_text(re.compile(r"That takes about \d+ (seconds|minutes?); you can watch"))  # by runs before it
    page.get_by_title("Coffee", exact=True).click()
    expect(told).to_contain_text("Coffee in the style of")
    expect(page.get_by_text("Nothing to download.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"At 768 px it takes about \d+ (seconds|minutes?) on this machine"))).to_be_visible()


def test_tick_boxes_do_not_look_like_radio_buttons(page):
    details(page)
    page.get_by_text("For specialists", exact=True).click()
    radius, width = page.get_by_role("checkbox", name="Style from every layer").evaluate(
        """input => {
            const box = input.parentElement.nextElementSibling;
            return [parseFloat(getComputedStyle(box).borderRadius), box.offsetWidth];
        }"""
    )
    assert 0 < radius <= width / 4


def test_pause_change_the_style_weight_resume_and_cancel(page):
    details(page)
    small(page)
    set_number(page, "Iterations", 10_000)
    start(page)
    expect(page.get_by_text(re.compile(r"Iteration \d+ of"))).to_be_visible()
    first = iteration(page)
    page.wait_for_function(f"!document.body.innerText.includes('Iteration {first} of')")

    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(page.get_by_text("Paused.")).to_be_visible()
    set_number(page, "Weight of the style", 4)
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.get_by_text(re.compile(r"Iteration \d+ of"))).to_be_visible()
    assert iteration(page) > first  # it goes on, it does not begin anew
    cancel(page)
    expect(page.get_by_test_id("stAlert").filter(has_text="Cancelled")).to_be_visible()


def test_a_reloaded_tab_finds_its_job_again(page):
    details(page)
    small(page)
    set_number(page, "Iterations", 10_000)
    start(page)
    expect(page.get_by_text(re.compile(r"Iteration \d+ of"))).to_be_visible()
    before = iteration(page)
    page.reload()
    expect(page.get_by_text(re.compile(r"Iteration \d+ of"))).to_be_visible()
    assert iteration(page) >= before
    cancel(page)


def test_two_users_optimising_leave_the_page_to_a_third(page, chromium, address):
    details(page)
    small(page)
    set_number(page, "Iterations", 10_000)
    start(page)
    expect(page.get_by_text(re.compile(r"Iteration \d+ of"))).to_be_visible()
    second, third = (chromium.new_context(viewport={"width": 1280, "height": 900}) for _ in range(2))
    waiting = second.new_page()
    waiting.goto(f"{address}/optimize")
    start(waiting)
    expect(waiting.get_by_text("Waiting: 1 ahead of you")).to_be_visible()

    instant = third.new_page()
    instant.goto(address)
    first = result(instant)
    instant.get_by_title("Coffee", exact=True).click()
    next_result(instant, first)
    expect(waiting.get_by_text("Waiting: 1 ahead of you")).to_be_visible()  # the first run is still under way
    cancel(waiting)
    cancel(page)
    second.close()
    third.close()


def test_refine_from_instant(page, address):
    page.goto(address)
    result(page)
    page.get_by_role("button", name="Refine this").click()
    expect(page.get_by_role("button", name="Start")).to_be_visible()
    details(page)
    expect(page.get_by_role("combobox", name="Start from")).to_have_value("A picture of yours or from Instant")
    small(page)
    set_number(page, "Iterations", 12)
    start(page)
    result(page)
    assert caption(page).startswith("Chelsea in Woodcut waves")

    page.get_by_title("Coffee", exact=True).click()
    expect(page.get_by_role("combobox", name="Start from")).to_have_value("The photograph")  # not the old picture


def test_a_preset_whose_network_is_missing_says_so_and_offers_it(page):
    page.get_by_role("combobox", name="How to paint (preset)").click()
    page.get_by_role("option", name=re.compile("Gatys")).click()
    expect(page.get_by_role("button", name=re.compile("Download VGG-19"))).to_be_visible()
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_test_id("stAlert").filter(has_text="VGG-19 is not on this machine")).to_be_visible()


def test_a_picture_too_large_for_the_machine_meets_the_largest_that_fits(page, chromium):
    with served(NST_MEMORY_LIMIT="1500000000") as small:  # room for 256 px and more, bfloat16 or not
        page.goto(f"{small}/optimize")
        expect(page.get_by_role("button", name="Start")).to_be_visible()
        details(page)
        page.get_by_role("slider", name="Longer side, pixels").press("End")
        page.get_by_role("button", name="Start").click()
        told = page.get_by_test_id("stAlert").filter(has_text="px at most")
        expect(told).to_be_visible()
        assert "4096 px with vgg19-lite needs about" in told.inner_text()
        expect(page.get_by_role("button", name="Start")).to_be_enabled()
