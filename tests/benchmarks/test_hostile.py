"""What the hostile visitors of the soak send is what it is meant to be: each file meets its check, with a message of ours."""

import base64

import pytest

from benchmarks import hostile
from nst_core import images, recipes
from nst_core.errors import BadMask, BadPicture, BadRecipe
from nst_core.pictures import drawings, segmentation


def test_an_oversized_picture_is_small_as_a_file_and_refused():
    data = hostile.made("oversized")
    assert len(data) < 1_000_000
    with pytest.raises(BadPicture, match="at most 50 megapixels"):
        images.decode(data)


def test_the_largest_picture_that_is_allowed_is_read():
    assert images.decode(hostile.made("largest"), max_side=64).shape == (64, 64, 3)


def test_a_patchwork_is_no_segmentation():
    with pytest.raises(BadMask, match="few flat colours"):
        segmentation.from_picture(hostile.made("patchwork"), (480, 640), name="x.png")


def test_a_picture_larger_than_the_canvas_is_no_stroke():
    url = drawings.DATA_URL + base64.b64encode(hostile.made("out of bounds")).decode()
    assert len(url) < drawings.URL_HEAD + drawings.URL_PER_PIXEL * 480 * 640  # its length does not give it away
    with pytest.raises(BadMask, match="arrived incomplete"):
        drawings.painted_url(url, (480, 640))


def test_a_crafted_recipe_is_refused():
    with pytest.raises(BadRecipe):
        recipes.of_png(hostile.made("crafted"))


def test_a_narrow_style_is_just_allowed():
    h, w, _ = images.decode(hostile.made("narrow")).shape
    assert 7 < w / h <= 8
