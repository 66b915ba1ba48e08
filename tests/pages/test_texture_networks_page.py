"""Texture networks in a real Chromium: paint, synthesise, train live, stop, use and save what was trained, upload."""

import io
import re
import time

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from nst_core import recipes
from nst_core.models import weights
from nst_core.recipes import Source, TextureNetworkRecipe
from nst_core.texture_networks import generators
from tests.browser import PATIENCE, caption, download, next_result, result, settled


@pytest.fixture
def page(tab, address):
    """A new visitor of the page, with its first picture."""
    tab.goto(f"{address}/texture_networks")
    result(tab)
    return tab


def mode(page, name):
    page.get_by_test_id("stButtonGroup").first.get_by_text(name, exact=True).click()


def upload(page, name, data):
    page.get_by_text("Upload a network").click()
    page.locator('input[type="file"]').last.set_input_files({"name": name, "mimeType": "application/zip", "buffer": data})


def networks(page):
    """The gallery in the right column; the history's is in the left one."""
    return page.locator(".stColumn").last.locator(".gallery").first.locator("button")


def networks_shown(page):
    return networks(page).locator("span").all_inner_texts()


def test_sliders_in_a_row_have_one_height(page):
    settled(page)
    boxes = [slider.bounding_box() for slider in page.get_by_test_id("stSlider").all()]
    assert len(boxes) == 2
    assert boxes[0]["x"] < boxes[1]["x"]
    assert boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=1)


def test_a_photograph_is_painted_by_each_network_and_saved_with_its_recipe(page):
    first = result(page)
    assert caption(page).startswith("Mountain lake in ")
    assert len(networks_shown(page)) >= 4
    networks(page).first.click()  # not the one that is shown
    second = next_result(page, first)
    png = download(page, "PNG")
    recipe = recipes.of_png(png)
    assert isinstance(recipe, TextureNetworkRecipe)
    assert (recipe.content, recipe.size) == (Source(name="mountain-lake"), 768)
    assert recipe.network.name in weights.NETWORKS
    assert Image.open(io.BytesIO(png)).size == (768, 576)

    seed = page.get_by_label("Variation", exact=True)
    seed.fill("7")
    seed.press("Enter")
    third = next_result(page, second)
    page.get_by_text("The photograph's colours").click()
    next_result(page, third)


def test_the_network_is_drawn_and_can_be_saved(page):
    page.get_by_text("The network behind it").click()
    expect(page.locator(".drawing svg")).to_be_visible()
    assert page.locator(".drawing rect.three").count() == 22
    expect(page.get_by_text("117,587 numbers")).to_be_visible()
    assert generators.read(download(page, "Save this network")).recipe.style.is_sample


def test_a_texture_is_made_laid_as_tiles_and_saved(page):
    mode(page, "Textures")
    told = page.get_by_text(re.compile("512 × 512 px · .* tiles without a seam"))
    expect(told).to_be_visible()
    page.get_by_text("3 × 3", exact=True).click()
    for side in ("Width, pixels", "Height, pixels"):
        box = page.get_by_label(side, exact=True)
        box.fill("200")
        box.press("Enter")
    expect(page.get_by_text(re.compile("200 × 200 px"))).to_be_visible()
    one = download(page, "PNG")
    page.get_by_role("button", name="Another one").click()
    expect(page.get_by_label("Variation", exact=True)).to_have_value("1")
    expect(page.get_by_text(re.compile("200 × 200 px"))).to_be_visible()
    other = download(page, "PNG")
    assert recipes.of_png(one).shape == (200, 200)
    pictures = [np.asarray(Image.open(io.BytesIO(png))) for png in (one, other)]
    assert pictures[0].shape == (200, 200, 3)
    assert (pictures[0] != pictures[1]).any()


def test_a_training_is_watched_stopped_used_and_saved(page):
    ready = result(page)
    mode(page, "Train")
    expect(page.get_by_text("A small network will learn")).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).click()
    told = page.get_by_text(re.compile(r"step \d+ · \d+ s left"))
    expect(told).to_be_visible(timeout=2 * PATIENCE)
    pictures, iterations = set(), []
    deadline = time.monotonic() + PATIENCE / 1000
    while len(pictures) < 3:  # the same photograph, painted better and better
        assert time.monotonic() < deadline
        if told.count():
            iterations.append(int(re.search(r"step (\d+)", told.inner_text()).group(1)))
        pictures.add(page.locator('[data-testid="stImage"] img').first.get_attribute("src"))
        page.wait_for_timeout(300)
    assert iterations == sorted(iterations)
    assert iterations[-1] > iterations[0] > 0
    expect(page.locator("canvas").first).to_be_visible()  # the chart beside it

    page.get_by_role("button", name="Stop and keep").click()
    expect(page.get_by_role("button", name="Use this network")).to_be_visible()
    trained = generators.read(download(page, "Save it"))
    assert trained.recipe.style == Source(name="starlit-oils")
    assert trained.log[-1][0] >= iterations[-1]

    page.get_by_role("button", name="Use this network").click()
    expect(page.get_by_text("Upload a network")).to_be_visible()
    expect(networks(page)).to_have_count(
        1 + sum(generators.read(f.read_bytes()).plan.picture for f in weights.NETWORKS.values())
    )
    assert re.match(r"Starlit oils, \d+ steps", networks_shown(page)[0])
    expect(networks(page).first).to_have_attribute("aria-pressed", "true")
    expect(page.locator('.compare img.after[alt*=" steps"]')).to_have_count(0)  # the training's own, until this page is done
    own = next_result(page, ready)
    networks(page).nth(1).click()  # back to a ready one
    next_result(page, own)


def test_a_training_can_be_paused_resumed_and_found_again(page):
    mode(page, "Train")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_text(re.compile(r"step \d+ ·"))).to_be_visible(timeout=2 * PATIENCE)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused.")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.reload()
    expect(page.get_by_text(re.compile(r"step \d+ ·"))).to_be_visible(timeout=2 * PATIENCE)
    page.get_by_role("button", name="Give up").click()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible()


def test_uploads(page):
    upload(page, "gift.npz", b"PK and so on")
    expect(page.get_by_test_id("stAlert").filter(has_text="gift.npz is no texture network made here")).to_be_visible()
    page.reload()
    first = result(page)
    upload(page, "mine.npz", weights.NETWORKS["birch-wood"].read_bytes())  # not the one that is shown
    next_result(page, first)
    assert "mine" in networks_shown(page)


def test_an_address_opened_first_works(chromium, address):
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{address}/texture_networks")
    result(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
