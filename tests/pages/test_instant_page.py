"""Instant in a real Chromium: what a visitor clicks, and what appears."""

import io
import re
import urllib.parse

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from nst_core import images, recipes
from nst_core.recipes import MAX_STRENGTH, Source
from tests.browser import PATIENCE, caption, download, next_result, pixels, result, saved, settled, upload
from ui.page_head import WAYS


@pytest.fixture
def page(tab, address):
    """A new visitor, with a first result before them."""
    tab.goto(address)
    result(tab)
    return tab


def photograph(width=320, height=200, format="JPEG"):
    """A file as a visitor might bring it."""
    y, x = np.mgrid[:height, :width]
    array = np.stack([x * 255 / width, y * 255 / height, (x + y) % 64 * 4], -1).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, format)
    return buffer.getvalue()


def set_slider(page, label, key):
    """Move a slider to one of its ends: with one key press there is one result to wait for."""
    page.get_by_role("slider", name=label).press(key)


def test_the_first_view_shows_a_painted_photograph_and_what_the_modes_do(page):
    uri = result(page)
    before = page.locator(".compare img.before").get_attribute("src")
    assert pixels(uri).shape == pixels(before).shape
    assert np.abs(pixels(uri) - pixels(before)).mean() > 10
    assert "instant-lite" in caption(page)
    for mode, _ in WAYS.values():
        expect(page.locator(".cards").get_by_role("link", name=mode)).to_be_visible()
    bottom = page.locator(".compare").bounding_box()
    assert bottom["y"] + bottom["height"] < 860  # all of it, without scrolling


def test_a_card_leads_to_its_page_and_keeps_the_session(page):
    first = result(page)
    page.get_by_title("Coffee", exact=True).click()
    coffee = next_result(page, first)
    cards = page.locator(".cards a")
    expect(cards).to_have_count(len(WAYS))
    expect(cards.first).to_have_attribute("aria-current", "page")
    assert all(box["height"] < 100 for box in (card.bounding_box() for card in cards.all()))
    cards.filter(has_text="Masks").press("Enter")
    expect(page.get_by_role("heading", name="Paint where each style goes")).to_be_visible()
    page.get_by_role("link", name="Instant").click()
    expect(page.get_by_role("heading", name="Paint a photograph")).to_be_visible()
    assert result(page) == coffee


def test_another_sample_and_another_style(page):
    first = result(page)
    page.get_by_title("Coffee", exact=True).click()
    second = next_result(page, first)
    expect(page.get_by_title("Coffee", exact=True)).to_have_attribute("aria-pressed", "true")
    page.get_by_title("Rose window", exact=True).click()
    third = next_result(page, second)
    assert np.abs(pixels(second) - pixels(third)).mean() > 10
    assert caption(page).startswith("Coffee in Rose window")


def test_the_strength_slider_moves_the_result_towards_the_photograph(page):
    full, before = result(page), pixels(page.locator(".compare img.before").get_attribute("src"))
    set_slider(page, "Style strength", "Home")
    none = next_result(page, full)
    assert np.abs(pixels(none) - before).mean() < 0.8 * np.abs(pixels(full) - before).mean()


def test_blend_of_two_styles_by_weight(page):
    alone = result(page)
    page.get_by_text("Blend up to four styles").click()
    page.get_by_title("Molten embers", exact=True).click()
    blended = next_result(page, alone)
    expect(page.get_by_role("slider", name=re.compile("Weight of"))).to_have_count(2)
    set_slider(page, "Weight of Molten embers", "End")
    shifted = next_result(page, blended)
    assert "+ Molten embers" in caption(page)
    assert np.abs(pixels(shifted) - pixels(alone)).mean() > np.abs(pixels(blended) - pixels(alone)).mean()


def test_all_weights_zero_is_a_sentence_and_nothing_is_lost(page):
    alone = result(page)
    page.get_by_text("Blend up to four styles").click()
    page.get_by_title("Molten embers", exact=True).click()
    next_result(page, alone)
    for slider in page.get_by_role("slider", name=re.compile("Weight of")).all():
        slider.press("Home")
    expect(page.get_by_text("at least one style needs a weight above 0")).to_be_visible()
    assert result(page)


def test_an_uploaded_photograph_and_its_download_in_every_format(page):
    first = result(page)
    upload(page, "garden.jpg", photograph(), "image/jpeg")
    next_result(page, first)
    assert caption(page).startswith("garden.jpg in")
    for label, format in (("PNG", "PNG"), ("JPEG", "JPEG"), ("WEBP", "WEBP")):
        file = saved(page, label)
        assert file.suggested_filename.startswith("garden-")
        picture = Image.open(file.path())
        assert (picture.format, picture.size) == (format, (768, 480))


def test_a_bad_file_is_a_sentence_and_the_result_stays(page):
    first = result(page)
    bad = {
        "broken.jpg": (photograph()[:300], "broken.jpg"),
        "tiny.png": (photograph(12, 9, "PNG"), "12×9"),
        "text.png": (b"<html>not a picture</html>", "text.png"),
    }
    for name, (data, sentence) in bad.items():
        upload(page, name, data, "image/png")
        expect(page.get_by_test_id("stAlert").filter(has_text=sentence)).to_be_visible()
        assert result(page) == first


def test_a_png_made_here_restores_every_setting(page):
    first = result(page)
    page.get_by_title("Astronaut", exact=True).click()
    second = next_result(page, first)
    page.get_by_title("Kilim weave", exact=True).click()
    third = next_result(page, second)
    set_slider(page, "Style strength", "End")
    wanted = next_result(page, third)
    data = saved(page, "PNG").path().read_bytes()
    recipe = recipes.of_png(data)
    assert recipe.content == Source(name="astronaut")
    assert recipe.strength == MAX_STRENGTH

    page.get_by_role("button", name="Surprise me").click()
    other = next_result(page, wanted)
    upload(page, "astronaut.png", data, "image/png")
    assert next_result(page, other) == wanted
    expect(page.get_by_role("slider", name="Style strength")).to_have_value(f"{MAX_STRENGTH}")


def test_the_address_holds_the_settings(page, chromium):
    first = result(page)
    page.get_by_title("Rocket", exact=True).click()
    wanted = next_result(page, first)
    query = urllib.parse.parse_qs(urllib.parse.urlparse(page.url).query)
    assert query["content"] == ["rocket"]
    friend = chromium.new_page()
    friend.goto(page.url)
    assert result(friend) == wanted
    friend.close()


def test_a_link_that_makes_no_sense_is_a_sentence(page, address):
    page.goto(f"{address}/?content=chelsea&strength=99")
    expect(page.get_by_test_id("stAlert").filter(has_text="strength")).to_be_visible()
    assert result(page)
    page.goto(f"{address}/?content=unicorn&styles=woodcut-waves")
    expect(page.get_by_test_id("stAlert").filter(has_text="unicorn")).to_be_visible()


def test_what_a_stranger_wrote_is_text_and_nothing_else(page, address):
    """A link, a recipe inside a PNG, a file's name: none brings a picture, a link or an emoji into the page."""
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    evil = "![x](http://evil.example/x.png) [Log in](http://evil.example/) :smile: **a_b_c**"
    page.goto(f"{address}/?content={urllib.parse.quote(evil)}")
    alert = page.get_by_test_id("stAlert")
    expect(alert.filter(has_text="names of samples")).to_be_visible()
    result(page)
    recipe = recipes.instant(content=Source(name=evil), styles=[{"source": {"name": "woodcut-waves"}}])
    upload(page, "evil.png", images.encode(np.full((64, 64, 3), 0.5, np.float32), text=recipes.png_text(recipe)), "image/png")
    expect(alert.filter(has_text="There is no sample called")).to_contain_text("![x](http:")
    expect(alert.filter(has_text="There is no sample called")).to_contain_text("[Log in](http:")
    expect(alert.filter(has_text="There is no sample called")).to_contain_text(":smile: **a_b_c**")
    assert not alert.locator("img, a, strong, em").count()
    assert not [url for url in asked if "evil.example" in url.split("?")[0]]


def test_the_strip_leads_back_to_earlier_results(page):
    first = result(page)
    page.get_by_title("Coffee", exact=True).click()
    next_result(page, first)
    page.locator(".gallery.strip button").last.click()
    expect(page.locator(".compare img.after")).to_have_attribute("src", first)
    expect(page.get_by_title("Chelsea", exact=True)).to_have_attribute("aria-pressed", "true")


def test_a_style_of_ones_own(page):
    first = result(page)
    page.get_by_role("button", name="Add your own style").click()
    page.get_by_test_id("stFileUploaderDropzoneInput").last.set_input_files(
        {"name": "wall.png", "mimeType": "image/png", "buffer": photograph(300, 300, "PNG")}
    )
    next_result(page, first)
    assert "wall.png" in caption(page)


def test_a_missing_model_is_offered_with_its_size(page):
    first = result(page)
    settled(page)
    page.get_by_text("Size, colours, model").click()
    page.get_by_role("radio", name="Magenta's arbitrary stylization (92 MB to download)").press("Space")
    expect(page.get_by_role("button", name=re.compile("Download Magenta"))).to_be_visible()
    expect(page.get_by_test_id("stAlert").filter(has_text="not on this machine")).to_be_visible()
    assert result(page) == first


def test_the_comparison_line_can_be_dragged(page):
    figure = page.locator(".compare")
    box = figure.bounding_box()
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + box["height"] / 2)
    assert float(figure.evaluate("f => parseFloat(f.style.getPropertyValue('--at'))")) == pytest.approx(75, abs=3)


def test_a_result_fills_the_screen_shows_its_own_pixels_and_comes_back(page):
    small = result(page)
    full_screen(page)
    box = page.get_by_role("dialog").locator(".compare").bounding_box()
    assert box["width"] == 1280 or box["height"] == 900
    page.get_by_role("button", name="Actual pixels").click()
    assert page.get_by_role("dialog").locator(".compare").bounding_box()["width"] == pytest.approx(768, abs=1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.locator(".compare").bounding_box()["width"] < 700
    assert result(page) == small


def test_a_result_larger_than_the_page_shows_it_is_sent_whole_to_the_full_screen(page, address):
    page.goto(f"{address}/?content=chelsea&styles=woodcut-waves&size=1344")
    small = result(page)
    assert max(pixels(small).shape) == 1280
    full_screen(page)
    expect(page.locator(".compare img.after")).not_to_have_attribute("src", small)
    assert max(pixels(page.locator(".compare img.after").get_attribute("src")).shape) == 1344
    page.keyboard.press("Escape")
    expect(page.locator(".compare img.after")).to_have_attribute("src", small)


def test_a_result_is_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    result(page)
    page.get_by_role("button", name="Copy the picture").click()
    expect(page.locator("output", has_text="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.read().then((items) => items[0].types)") == ["image/png"]


def test_every_style_is_previewed_on_the_photograph(page):
    result(page)
    settled(page)
    citrus = page.get_by_title("Halftone citrus", exact=True).locator("img")
    style = citrus.get_attribute("src")
    page.get_by_text("Preview on my photo").click()
    expect(page.get_by_text("Painting the previews")).to_be_visible()
    expect(page.get_by_text("Painting the previews")).to_have_count(0)
    assert pixels(citrus.get_attribute("src")).shape[:2] == (128, 192)  # the photograph's
    first = result(page)
    page.get_by_title("Halftone citrus", exact=True).click()
    next_result(page, first)
    page.get_by_text("Preview on my photo").click()
    expect(citrus).to_have_attribute("src", style)


def test_the_subject_stays_a_photograph(page):
    painted = result(page)
    page.get_by_role("radio", name="Untouched", exact=True).click()
    kept, photograph = pixels(next_result(page, painted)), pixels(page.locator(".compare img.before").get_attribute("src"))
    near = np.abs(kept - photograph).mean(-1) < 8  # JPEG
    assert 0.3 < near.mean() < 0.8
    (h, w), all_painted = near.shape, np.abs(pixels(painted) - photograph).mean(-1) < 8
    assert near[h // 3 : h // 2, w // 4 : w // 3].mean() > all_painted.mean() + 0.3  # around an eye


def test_a_picture_ripens_in_place_and_a_change_ends_that(page, address):
    page.goto(f"{address}/?content=chelsea&styles=starlit-oils&size=256")
    first = result(page)
    page.get_by_text("Refine while I look").click()
    expect(page.get_by_text("refining")).to_be_visible()
    page.get_by_title("Halftone citrus", exact=True).click()
    expect(page.get_by_text("Chelsea in Halftone citrus ·")).to_be_visible()
    second = next_result(page, first)
    expect(page.get_by_text("· vgg19-lite")).to_be_visible()
    assert result(page) != second
    assert recipes.of_picture(download(page, "PNG")).init == "instant"
    page.get_by_text("Refine while I look").click()
    expect(page.get_by_text("· instant-lite")).to_be_visible()
    assert result(page) == second


def full_screen(page):
    page.get_by_role("button", name="Full screen", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_result_first_and_nothing_sticks_out(chromium, address, scheme):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(address)
    result(page)
    assert page.locator(".compare").bounding_box()["y"] < 600
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    strip = page.locator(".cards")
    assert strip.bounding_box()["height"] < 100
    assert strip.evaluate("cards => cards.scrollWidth > cards.clientWidth")  # a strip, not a pile
    first = result(page)
    page.get_by_title("Halftone citrus", exact=True).tap()
    next_result(page, first)
    context.close()


def test_the_camera(chromium, address):
    context = chromium.new_context(permissions=["camera"])
    page = context.new_page()
    page.goto(address)
    first = result(page)
    page.get_by_text("Camera", exact=True).click()
    page.wait_for_function("document.querySelector('video')?.readyState >= 2", timeout=PATIENCE)  # there is a picture to take
    page.get_by_role("button", name="Take Photo").click(timeout=PATIENCE)
    next_result(page, first)
    context.close()
