"""A PNG that was made of files of one's own, brought by a visitor who does not have them here, on each page that restores."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from nst_core import images, recipes
from nst_core.recipes import InstantRecipe, OptimizeRecipe, Source, StyleSource, TextureNetworkRecipe
from tests.browser import caption, result, settled, upload

STYLES = (StyleSource(source=Source(name="birch-wood")),)


def photograph(blue):
    y, x = np.mgrid[:200, :320]
    file = io.BytesIO()
    Image.fromarray(np.stack([x * 255 / 320, y * 255 / 200, 0 * x + blue], -1).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


GARDEN = photograph(40)
CONTENT = Source.of_upload("garden.png", GARDEN)
MADE = {
    "": InstantRecipe(content=CONTENT, styles=STYLES, size=320),
    "optimize": OptimizeRecipe(content=CONTENT, styles=STYLES, size=320, iterations=20),
    "masks": InstantRecipe(content=CONTENT, styles=STYLES, size=320),
    "texture_networks": TextureNetworkRecipe(content=CONTENT, network=Source(name="starlit-oils"), size=320),
}


def give(page, label, data):
    field = page.locator("[class*=-missing-] input[type=file]")
    field.set_input_files({"name": label, "mimeType": "image/png", "buffer": data})


@pytest.mark.parametrize("name", MADE)
def test_one_message_asks_for_the_photograph_and_takes_it(tab, address, name):
    tab.goto(f"{address}/{name}")
    settled(tab)
    png = images.encode(np.full((200, 320, 3), 0.5, np.float32), text=recipes.png_text(MADE[name]))
    upload(tab, "old.png", png, "image/png")
    message = tab.get_by_test_id("stAlert")
    expect(message).to_contain_text("Settings restored from old.png.")
    expect(message).to_contain_text("garden.png (the photograph)")
    settled(tab)
    expect(message).to_have_count(1)
    expect(tab.locator(".compare")).to_have_count(0)
    expect(tab.get_by_role("button", name="Try again")).to_have_count(0)
    give(tab, "other.png", photograph(200))
    expect(message.filter(has_text="other.png is not the file that was used")).to_be_visible()
    give(tab, "garden.png", GARDEN)
    expect(message).to_have_count(0)
    if name == "optimize":
        expect(tab.get_by_role("button", name="Start")).to_be_visible()
    else:
        result(tab)
        assert caption(tab).startswith("garden.png in")
