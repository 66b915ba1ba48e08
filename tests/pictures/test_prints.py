"""What goes to a printer."""

import io
import json

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from nst_core import images, recipes
from nst_core.cli import files
from nst_core.errors import BadRecipe
from nst_core.pictures import prints
from nst_core.recipes import OptimizeRecipe, Source
from nst_core.stylizer import Step

RAMP = np.linspace(0, 1, 3 * 64 * 400, dtype=np.float32).reshape(64, 400, 3)


def test_sixteen_bits_arrive():
    data = prints.tiff(RAMP, dpi=300, description='{"kind": "optimize"}')
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        found, tags = page.asarray(), page.tags
    assert found.dtype == np.uint16
    assert np.abs(found / 65535 - RAMP).max() < 1e-5
    assert len(np.unique(found)) > 60_000
    assert (tags["XResolution"].value, tags["ResolutionUnit"].value) == ((300, 1), 2)
    assert tags["ImageDescription"].value == '{"kind": "optimize"}'
    assert Pillow.open(io.BytesIO(data)).info["icc_profile"]


def test_a_name_that_is_not_ascii_is_kept(tmp_path):
    recipe = OptimizeRecipe(content=Source(name="Zürich.jpg"))
    out = tmp_path / "print.tif"
    files.write_picture(Step(1, 1, image=RAMP), out, recipe, 300)
    with tifffile.TiffFile(out) as file:
        assert json.loads(file.pages[0].tags["ImageDescription"].value)["content"]["name"] == "Zürich.jpg"


@pytest.fixture
def tiny_uploads(monkeypatch):
    """Uploads may have a hundred bytes: every result is larger, as a print is with the limit of 25 MB.

    Pillow's own limit, twice of which is an error to it, is as low.
    """
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    monkeypatch.setattr(images, "MAX_PIXELS", 32 * 32)
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 32 * 32)


RECIPE = OptimizeRecipe(content=Source(name="Zürich.jpg"))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_print_larger_than_uploads_may_be_still_has_its_recipe(suffix, tmp_path, tiny_uploads):
    out = tmp_path / f"print.{suffix}"
    files.write_picture(Step(1, 1, image=RAMP), out, RECIPE)
    assert recipes.of_picture(out.read_bytes()) == RECIPE


def test_a_print_larger_than_uploads_may_be_is_not_painted_again(tmp_path, tiny_uploads):
    (tmp_path / "photo.png").write_bytes(images.encode(np.zeros((32, 32, 3), np.float32)))
    recipe = RECIPE.model_copy(update={"content": files.source(tmp_path / "photo.png")})
    files.write_picture(Step(1, 1, image=RAMP), tmp_path / "print.png", recipe)
    assert files.made_before(tmp_path / "print.png", RECIPE, tmp_path / "photo.png")
    assert not files.made_before(tmp_path / "print.png", RECIPE, tmp_path / "print.png")


@pytest.mark.parametrize(("format", "name"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_a_print_larger_than_uploads_may_be_can_be_had_in_every_format(format, name, tiny_uploads, monkeypatch):
    png = images.encode(RAMP, "png")
    converted, whole, small = images.convert(png, format), images.reopen(png), images.reopen(png, max_side=100)
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", None)
    with Pillow.open(io.BytesIO(converted)) as picture:
        assert (picture.format, picture.mode, picture.size) == (name, "RGB", (400, 64))
        assert np.abs(np.asarray(picture) / 255 - RAMP).max() < 0.1
    np.testing.assert_array_equal(whole, images.from_uint8(images.to_uint8(RAMP)))
    assert small.shape == (16, 100, 3)


def test_a_transparent_print_is_a_jpeg_over_white():
    file = io.BytesIO()
    Pillow.new("RGBA", (40, 40), (255, 0, 0, 0)).save(file, "PNG")
    with Pillow.open(io.BytesIO(images.convert(file.getvalue(), "jpeg"))) as picture:
        assert picture.getpixel((20, 20)) == (255, 255, 255)
    with Pillow.open(io.BytesIO(images.convert(file.getvalue(), "webp"))) as picture:
        assert picture.convert("RGBA").getpixel((20, 20))[3] == 0


def test_a_transparent_print_filled_with_white_keeps_its_recipe(tiny_uploads):
    alpha = np.zeros(RAMP.shape[:2], np.float32)
    alpha[:, :200] = 1
    png = images.encode(RAMP, text=recipes.png_text(RECIPE), alpha=alpha)
    flat = images.convert(png, "png", flat=True)
    assert (images.has_alpha(png), images.has_alpha(flat)) == (True, False)
    assert recipes.of_picture(flat) == RECIPE
    over_white = images.flatten(RAMP, alpha)
    assert np.abs(images.reopen(flat) - over_white).max() < 0.51 / 255
    np.testing.assert_array_equal(images.reopen(png), images.reopen(flat))


@pytest.mark.parametrize("description", ["A cat, by a stranger", '{"shape": [64, 400, 3]}', "[1]", "{" * 9, ""])
def test_a_strangers_tiff_has_no_recipe(description):
    assert recipes.of_picture(prints.tiff(RAMP, description=description)) is None


def test_a_tiff_whose_recipe_cannot_be_read_says_so():
    with pytest.raises(BadRecipe, match="iterations"):
        recipes.of_picture(prints.tiff(RAMP, description='{"kind": "optimize", "iterations": "many"}'))


def test_dots_per_inch_of_png_and_jpeg():
    for format in ("png", "jpeg"):
        assert round(Pillow.open(io.BytesIO(images.encode(RAMP, format, dpi=240))).info["dpi"][0]) == 240
        assert "dpi" not in Pillow.open(io.BytesIO(images.encode(RAMP, "png"))).info


def test_what_was_printed_can_be_a_content_again():
    assert np.abs(images.decode(prints.tiff(RAMP)) - RAMP).max() < 2 / 255


def test_a_print_keeps_its_alpha_and_can_be_flattened():
    alpha = np.linspace(0, 1, 64 * 400, dtype=np.float32).reshape(64, 400)
    data = prints.tiff(RAMP, dpi=300, description="recipe", alpha=alpha)
    assert np.abs(images.opacity(data) - alpha).max() < 0.51 / 255
    flat = prints.flattened(data)
    assert images.opacity(flat) is None
    with tifffile.TiffFile(io.BytesIO(flat)) as file:
        found, tags = file.pages[0].asarray(), file.pages[0].tags
    expected = RAMP * alpha[..., None] + 1 - alpha[..., None]
    assert np.abs(found / 65535 - expected).max() < 2 / 65535
    assert (tags["XResolution"].value, tags["ImageDescription"].value) == ((300, 1), "recipe")
    assert prints.flattened(flat) == flat
