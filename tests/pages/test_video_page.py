"""Video in a real Chromium: a sample that moves, painted with one click; an upload with sound; sentences."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import PATIENCE, download, settled
from tests.clips import encoded, pan, told


@pytest.fixture
def page(tab, address):
    """A new visitor of the page, which knows its opening clip."""
    tab.goto(f"{address}/video")
    expect(tab.get_by_text("That takes")).to_be_visible()
    return tab


def upload(page, name, data):
    page.get_by_role("radiogroup", name="Clip").get_by_text("Upload", exact=True).click()
    page.locator('[class*="video-file"] input[type="file"]').set_input_files(
        {"name": name, "mimeType": "video/mp4", "buffer": data}
    )


def smallest(page):
    page.get_by_text("Size, steadiness").click()
    slider = page.get_by_role("slider", name="Longer side, pixels")
    slider.press("Home")
    settled(page)


def test_the_page_opens_with_a_clip_that_moves_and_paints_an_upload_with_its_sound(page):
    moving = page.locator("video.loop")
    expect(moving).to_have_js_property("paused", False)
    promise = page.get_by_text("That takes")
    expect(promise).to_contain_text("Motorcycle in the style of Cubist guitar: 64 frames of 512 × 288 pixels")

    upload(page, "letter.mp4", b"Dear Sir or Madam")
    expect(page.get_by_test_id("stAlert").filter(has_text="letter.mp4 cannot be read: it is not a video")).to_be_visible()
    clip = encoded(pan(12), sound="aac")
    upload(page, "walk.mp4", clip)
    expect(promise).to_contain_text("walk.mp4 in the style of Cubist guitar: 12 frames")
    expect(promise).to_contain_text("The sound stays.")
    smallest(page)
    page.get_by_role("button", name="Paint the clip").click()
    expect(page.get_by_text(re.compile(r"walk.mp4 in Cubist guitar · 12 frames of 256 × 192 px"))).to_be_visible()
    expect(page.locator("video")).to_have_js_property("videoWidth", 256)
    film = told(download(page, "MP4"))
    assert film["seconds"] == pytest.approx(0.48, abs=0.002)
    assert film["sounds"][0][0] == "aac"
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_a_film_can_be_watched_found_again_stopped_and_given_up(page):
    page.locator('.gallery[role="group"] button', has_text="Chelsea").click()  # not the clip that the page opens with
    promise = page.get_by_text("That takes")
    expect(promise).to_contain_text("paints Chelsea")
    count = re.search(r"(\d+) frames", promise.inner_text()).group(1)
    smallest(page)
    page.get_by_role("button", name="Paint the clip").click()
    told_ = page.get_by_text(re.compile(rf"Frame \d+ of {count}"))
    expect(told_).to_be_visible()
    expect(page.locator('[data-testid="stImage"] img').first).to_be_visible()
    page.reload()
    expect(told_).to_be_visible()
    page.get_by_role("button", name="Stop and keep").click()
    kept = page.get_by_text(re.compile(r"Chelsea in Cubist guitar · \d+ frames of 256 × \d+ px"))
    expect(kept).to_be_visible()
    assert int(re.search(r"(\d+) frames", kept.inner_text()).group(1)) < int(count)
    expect(page.locator("video")).to_have_js_property("videoWidth", 256)
    expect(promise).to_contain_text("paints Chelsea")

    page.get_by_text("A trained network", exact=True).click()
    expect(page.get_by_title("Azulejo tiles", exact=True)).to_have_count(0)
    page.locator('.gallery[role="group"] button', has_text="Birch wood").click()
    expect(page.get_by_text("That takes")).to_contain_text("in the style of Birch wood")
    page.get_by_role("button", name="Paint the clip").click()
    expect(told_).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Paint the clip")).to_be_visible()


def test_an_address_opened_first_works_on_a_phone(chromium, address):
    context = chromium.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{address}/video")
    expect(page.get_by_text("That takes")).to_be_visible(timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
