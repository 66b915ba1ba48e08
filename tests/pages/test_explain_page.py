"""Explain in a real Chromium: every chapter, what it answers to, live figures, a visitor's own pictures, a phone."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser import PATIENCE, download, pixels, settled
from ui.lessons import CHAPTERS


@pytest.fixture(scope="module")
def visitor(profile, address):
    """One visitor for all tests of this file: the session's pictures stay."""
    page = profile.new_page()
    page.goto(f"{address}/explain?chapter=content")
    yield page
    page.close()


@pytest.fixture
def page(visitor):
    yield visitor
    assert visitor.locator('[data-testid="stException"]').count() == 0
    assert visitor.get_by_test_id("stAlert").count() == 0


def chapter(page, id):
    page.get_by_role("radiogroup", name="Chapter").get_by_text(CHAPTERS[id].short).click()
    expect(
        page.get_by_role("heading", name=CHAPTERS[id].title if id != "vectors" else "A style is 100 numbers")
    ).to_be_visible()
    settled(page)


def shown(page, figure):
    """The line under a row of pictures."""
    return figure.locator("figcaption").inner_text()


def test_the_address_opens_a_chapter_and_the_depths_can_be_dragged(page):
    expect(page.get_by_role("heading", name=CHAPTERS["content"].title)).to_be_visible()
    figure = page.locator(".morph")
    expect(figure.locator(".stack img")).to_have_count(6)
    slider = figure.locator("input[type=range]")
    slider.focus()
    before = shown(page, figure)
    slider.press("ArrowRight")
    assert shown(page, figure) != before
    expect(figure.locator(".stops button").nth(4)).to_have_attribute("aria-pressed", "true")
    figure.locator(".stops button").first.click()
    assert shown(page, figure).startswith("The photograph itself")
    box = slider.bounding_box()
    page.mouse.click(box["x"] + 0.9 * box["width"], box["y"] + box["height"] / 2)
    errors = []
    for stop in figure.locator(".stops button").all()[1:]:
        stop.click()
        errors.append(int(re.search(r"Off by (\d+) %", shown(page, figure)).group(1)))
    assert errors == sorted(errors) and errors[-1] > errors[0]
    saved = Image.open(io.BytesIO(download(page, "Save this figure")))
    assert saved.width > 5 * saved.height


def test_a_photograph_of_ones_own_is_rebuilt_live_and_can_be_stopped(page):
    own = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)).resize((480, 320)).save(own, "PNG")
    page.get_by_text(re.compile("^Photograph: ")).click()
    page.get_by_role("radiogroup", name="Photograph").get_by_text("Upload", exact=True).click()
    file = {"name": "mine.png", "mimeType": "image/png", "buffer": own.getvalue()}
    page.locator("[class*=explain-content-file] input[type=file]").set_input_files(file)
    expect(page.get_by_text("Photograph: mine.png")).to_be_visible()
    page.keyboard.press("Escape")
    figure = page.locator(".morph")
    expect(figure.locator(".stack img")).to_have_count(1)  # nothing was made ahead of it
    go = page.get_by_role("button", name="Rebuild it now, live")
    go.click()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(go).to_be_visible()
    go.click()
    expect(page.get_by_text(re.compile(r"Step \d+ of 180"))).to_be_visible()
    expect(figure.locator(".stack img")).to_have_count(6, timeout=2 * PATIENCE)
    expect(figure.locator(".stops button")).to_have_text(["Photo", *(f"Block {n}" for n in range(1, 6))])


def test_a_layers_maps_and_what_excites_a_channel(page):
    chapter(page, "layers")
    gallery = page.locator(".gallery button")
    expect(gallery).to_have_count(12)
    first = page.locator(".compare img.after").get_attribute("src")
    gallery.nth(3).click()
    expect(page.locator(".compare img.after")).not_to_have_attribute("src", first)
    settled(page)
    name = gallery.nth(3).locator("span").inner_text().lower()
    expect(page.get_by_alt_text(re.compile(f"excites {name} of block3_conv1 most"))).to_be_visible()
    expect(page.get_by_alt_text(re.compile(f"nine patches of our samples that excite {name} most, from "))).to_be_visible()
    page.get_by_role("slider", name="Layer").press("ArrowRight")
    expect(page.get_by_text("Each number of a map depends on a square of 32 × 32 pixels")).to_be_visible()
    expect(page.get_by_text("Painted are the 48 of this layer's 64 channels that answer most strongly")).to_be_visible()
    settled(page)
    made = page.get_by_alt_text(re.compile("made by gradient ascent"))
    before = made.get_attribute("src")
    page.get_by_role("button", name="Paint it larger, live").click()
    expect(made).not_to_have_attribute("src", before)


def test_the_gram_matrix_answers_to_pointer_and_keys(page):
    chapter(page, "style")
    told, cells = page.locator(".told"), page.locator("canvas.cells")
    expect(told).to_contain_text("answer at the same places")
    box = cells.bounding_box()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    expect(told).to_contain_text("with itself")
    channels = page.locator(".pair small")
    assert channels.nth(0).inner_text() == channels.nth(1).inner_text()
    cells.focus()
    cells.press("ArrowDown")
    assert channels.nth(0).inner_text() != channels.nth(1).inner_text()
    drawn = page.locator(".pair canvas").first.evaluate("canvas => canvas.getContext('2d').getImageData(9, 9, 1, 1).data[3]")
    assert drawn == 255
    page.get_by_role("radiogroup", name="Layer").get_by_text("block4_conv1").click()
    expect(page.locator("canvas.cells")).to_have_attribute("aria-label", re.compile("at block4_conv1. 48 by 48 channels"))
    expect(page.locator(".morph .stack img")).to_have_count(5)  # textures
    expect(page.locator(".compare")).to_be_visible()  # moments


def test_the_tug_of_war_and_where_it_pulls(page):
    chapter(page, "balance")
    page.get_by_text(re.compile("^Photograph: ")).click()
    page.get_by_role("radiogroup", name="Photograph").get_by_text("Samples", exact=True).click()
    page.get_by_role("button", name="Chelsea").click()
    page.keyboard.press("Escape")
    figure = page.locator(".morph")
    expect(figure.locator(".stack img")).to_have_count(8)
    figure.locator(".stops button").last.click()
    expect(figure.locator("figcaption")).to_have_text("Style weighs 1500 times the content.")
    pull = page.get_by_alt_text("Where the style pulls")
    expect(pull).to_be_visible()
    before = pull.get_attribute("src")
    page.get_by_role("button", name="Measure the pulls here, live").click()
    expect(pull).not_to_have_attribute("src", before)


def test_each_improvement_has_its_pair_difference_and_matrix(page):
    chapter(page, "improvements")
    seen = set()
    for name, effect in {
        "Activation shift": "canvas.cells", "Correlation chain": "canvas.cells", "All layers": '[alt="Matrix of block4_conv3"]',
        "Geometric weights": ".drawing svg", "All four": '[alt="Matrix of block1_conv1+block1_conv2"]',
    }.items():  # fmt: skip
        page.get_by_role("radiogroup", name="Improvement").get_by_text(name, exact=True).click()
        expect(page.locator(f'.compare img.after[alt="Without and with {name.lower()}"]')).to_be_visible()
        expect(page.locator(effect).first).to_be_visible()
        settled(page)
        seen.add(page.locator(".compare img.after").get_attribute("src"))
        expect(page.get_by_alt_text(re.compile(f"Where {name.lower()} changes the picture"))).to_be_visible()
    assert len(seen) == 5


def test_styles_are_walked_along_axes_and_over_a_map(page):
    chapter(page, "vectors")
    axes, way = page.locator(".morph").nth(0), page.locator(".morph").nth(1)
    expect(way.locator(".stack img")).to_have_count(7)
    first = axes.locator(".stack img").last.get_attribute("src")
    page.get_by_role("radiogroup", name="Direction").get_by_text(re.compile("^2 · ")).click()
    expect(axes.locator(".stack img").last).not_to_have_attribute("src", first)
    settled(page)
    ends = [way.locator(".stack img").nth(n).get_attribute("src") for n in (0, 6)]
    expect(page.get_by_role("button", name=re.compile("^Point 2, near Rose window"))).to_be_visible()
    handle = page.get_by_role("button", name=re.compile("^Point 2, near"))  # another style as it moves
    handle.focus()
    for _ in range(4):
        handle.press("ArrowRight")
    expect(way.locator(".stack img").nth(6)).not_to_have_attribute("src", ends[1])
    settled(page)
    kept = np.abs(pixels(way.locator(".stack img").nth(0).get_attribute("src")) - pixels(ends[0])).mean()
    assert kept < 1  # point 1 has not moved
    plane = page.locator(".plane")
    plane.scroll_into_view_if_needed()
    target, box = (
        page.get_by_role("img", name="Molten embers", exact=True).bounding_box(),
        page.locator(".plane button").first.bounding_box(),
    )
    page.mouse.move(box["x"] + 15, box["y"] + 15)
    page.mouse.down()
    page.mouse.move(target["x"] + target["width"] / 2, target["y"] + target["height"] / 2, steps=5)
    page.mouse.up()
    way.locator(".stops button").first.click()
    expect(way.locator("figcaption")).to_contain_text("100% Molten embers")
    expect(page.locator(".morph").nth(2).locator(".stack img")).to_have_count(5)  # instance normalisation


def test_every_idea_shows_its_code(page):
    chapter(page, "reading")
    page.get_by_text(re.compile("losses.py, line .*: gram_matrix")).first.click()
    expect(page.get_by_text("def gram_matrix").first).to_be_visible()


def test_on_a_phone_nothing_is_wider_than_the_screen(chromium, address):
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{address}/explain")
    expect(page.get_by_role("heading", name=CHAPTERS["layers"].title)).to_be_visible()
    for id in CHAPTERS:
        chapter(page, id)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.locator('[data-testid="stException"], [data-testid="stAlert"]').count() == 0
    context.close()
