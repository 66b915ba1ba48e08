"""What goes to a printer."""

import io
import json

import numpy as np
import tifffile
from PIL import Image as Pillow

from nst_core import images
from nst_core.cli import files
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
