"""Segmentations: flat colours to regions that cover every pixel once; pairs by colour; a sentence for what is none."""

import io
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image as Pillow
from scipy.ndimage import distance_transform_edt
from scipy.optimize import linear_sum_assignment

from nst_core import images
from nst_core.errors import BadMask
from nst_core.pictures import segmentation
from nst_core.pictures.regions import guided

COLORS = np.array([(230, 30, 40), (40, 90, 220), (30, 170, 80), (250, 200, 30), (20, 20, 25), (240, 240, 245)], np.uint8)
SHAPE = (192, 256)
FINE = 4  # times: how much larger it is drawn, for soft edges


def owners(h, w):
    """Numbers of six regions: two bands, a slanted one, two discs, a beam that lies in two pieces."""
    y, x = np.mgrid[0 : 1 : h * 1j, 0 : 1 : w * 1j]
    owner = np.select([y < 0.35, y < 0.6 + 0.2 * x], [0, 1], 2)
    owner[np.hypot(y - 0.35, x - 0.2) < 0.12] = 3
    owner[np.hypot(y - 0.8, x - 0.3) < 0.14] = 4
    owner[(np.abs(x - 0.7) < 0.06) & (np.abs(y - 0.5) > 0.1)] = 5
    return owner


def file_of(quality=None, shape=SHAPE, colors=COLORS):
    """The picture with soft edges; PNG, or JPEG with its noise."""
    h, w = shape
    large = Pillow.fromarray(colors[owners(h * FINE, w * FINE)])
    file = io.BytesIO()
    large.resize((w, h), Pillow.Resampling.LANCZOS).save(file, "JPEG" if quality else "PNG", quality=quality or 0)
    return file.getvalue()


def truth(shape=SHAPE):
    """Whose most of each pixel is."""
    h, w = shape
    fine = owners(h * FINE, w * FINE).reshape(h, FINE, w, FINE)
    return np.argmax([(fine == number).sum((1, 3)) for number in range(6)], 0)


def numbers_of(found):
    """Which of COLORS each region has."""
    return [int(np.abs(images.from_uint8(COLORS) - color).sum(1).argmin()) for color in found.colors]


def furthest(found, expected):
    """Pixels by which a region reaches beyond its true edge, at most."""
    wrong = [
        m * (expected != n) * distance_transform_edt(expected != n) for n, m in zip(numbers_of(found), found.masks, strict=True)
    ]
    return np.max(wrong)


@pytest.mark.parametrize("quality", [None, 90, 60])
def test_six_colours_become_six_regions_that_cover_every_pixel_once(quality):
    found = segmentation.from_picture(file_of(quality), SHAPE)
    assert sorted(numbers_of(found)) == list(range(6))
    assert np.array_equal(np.sum(found.masks, 0), np.ones(SHAPE))
    assert all(set(np.unique(mask)) == {0, 1} and mask.dtype == np.float32 for mask in found.masks)
    assert furthest(found, truth()) <= 2
    assert [mask.sum() for mask in found.masks] == sorted((mask.sum() for mask in found.masks), reverse=True)


@pytest.mark.parametrize("shape", [(384, 512), (96, 128), (100, 300)])
def test_a_segmentation_of_another_size_is_stretched_and_still_covers_every_pixel_once(shape):
    found = segmentation.from_picture(file_of(60), shape)
    assert len(found.masks) == 6 and np.array_equal(np.sum(found.masks, 0), np.ones(shape))
    assert furthest(found, truth(shape)) <= 2 * max(1, shape[0] / SHAPE[0])


def test_noise_and_specks_are_no_regions():
    picture = np.array(Pillow.open(io.BytesIO(file_of())))
    noise = np.random.default_rng(0).normal(0, 6, picture.shape)
    picture[50:53, 120:123] = (255, 0, 255)
    found = segmentation.of_image(images.from_uint8(np.clip(picture + noise, 0, 255).astype(np.uint8)))
    assert len(found.masks) == 6 and furthest(found, truth()) <= 2


def test_edges_between_two_colours_are_not_a_third_that_lies_between_them():
    """Black, grey and white: where black and white meet, an edge is grey."""
    greys = np.repeat(np.array([20, 235, 128, 128, 128, 128], np.uint8)[:, None], 3, 1)
    found = segmentation.from_picture(file_of(80, colors=greys), SHAPE)
    assert len(found.masks) == 3
    grey = next(mask for mask, color in zip(found.masks, found.colors, strict=True) if 0.4 < color[0] < 0.6)
    assert not grey[50:90, 90:160].any()


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (np.full((64, 64, 3), 90, np.uint8), "has fewer than two colours"),
        (np.kron(np.arange(9).reshape(3, 3), np.ones((40, 40)))[..., None].repeat(3, 2) * 30, "has 9 colours"),
        (np.random.default_rng(0).integers(0, 255, (64, 64, 3)), "does not consist of a few flat colours"),
        (np.linspace(0, 255, 128)[None, :, None] * np.ones((96, 1, 3)), "does not consist of a few flat colours"),
    ],
)
def test_what_is_no_segmentation_gets_a_sentence(picture, sentence):
    file = io.BytesIO()
    Pillow.fromarray(picture.astype(np.uint8)).save(file, "PNG")
    with pytest.raises(BadMask, match=rf"^plan\.png {sentence}") as error:
        segmentation.from_picture(file.getvalue(), SHAPE, name="plan.png")
    assert str(error.value).endswith(".")


def peak(function):
    """Return the bytes that a call takes at its peak, beyond what there was; it may end in a BadMask."""
    tracemalloc.start()
    with suppress(BadMask):
        function()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


@pytest.mark.parametrize(("columns", "rows"), [(3, 2), (6, 5), (49, 7)])
def test_memory_grows_with_the_pixels_and_not_with_the_colours(columns, rows):
    """A patchwork of 343 colours, a PNG of a few kilobytes, took 6,211 bytes a pixel."""
    steps = np.linspace(0, 255, 7).astype(np.uint8)
    colors = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)[:: 343 // (rows * columns)][: rows * columns]
    side = 588  # a multiple of each number of rows and columns, but for 5
    patches = Pillow.fromarray(colors.reshape(rows, columns, 3)).resize((side, side), Pillow.Resampling.NEAREST)
    picture = images.from_uint8(np.asarray(patches))
    assert peak(lambda: segmentation.of_image(picture)) < 120 * side**2


def test_a_patchwork_of_many_colours_gets_a_sentence():
    steps = np.linspace(0, 1, 7, dtype=np.float32)
    colors = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(7, 49, 3)
    with pytest.raises(BadMask, match=r"^plan\.png does not consist of a few flat colours"):
        segmentation.of_image(colors.repeat(70, 0).repeat(10, 1), name="plan.png")


def test_a_photograph_is_none_nor_are_words():
    from skimage import data

    with pytest.raises(BadMask, match="flat colours"):
        segmentation.of_image(images.fit(images.from_uint8(data.astronaut()), 256))
    with pytest.raises(BadMask, match="not a picture"):
        segmentation.from_picture(b"words", SHAPE)


def test_regions_are_paired_by_colour_whatever_their_order_and_noise():
    content = segmentation.from_picture(file_of(60), SHAPE)
    swapped = (COLORS.astype(int) + np.array((-8, 9, 5))).clip(0, 255).astype(np.uint8)
    style = segmentation.from_picture(file_of(60, (120, 120), swapped), (120, 120))
    pairs = segmentation.paired(content.colors, [style])
    expected = truth((120, 120))
    for number, (of, guide) in zip(numbers_of(content), pairs, strict=True):
        assert of == 0 and np.mean(guide != (expected == number)) < 0.02


def test_styles_that_have_a_colour_take_turns_and_one_that_none_has_gets_a_sentence():
    flat = lambda *colors: segmentation.Segmentation(np.float32(colors), [np.ones((8, 8), np.float32)] * len(colors))  # noqa: E731
    red, blue, green = (1, 0, 0), (0, 0, 1), (0, 1, 0)
    pairs = segmentation.paired(np.float32([red, blue, red]), [flat(red, blue), flat(red)])
    assert [style for style, _ in pairs] == [0, 0, 0]
    assert [style for style, _ in segmentation.paired(np.float32([blue, red]), [flat(red, blue), flat(red)])] == [0, 1]
    with pytest.raises(BadMask, match=r"^plan\.png has the colour #00ff00, but no style's"):
        segmentation.paired(np.float32([red, green]), [flat(red, blue)], name="plan.png")
    assert segmentation.of_hex(segmentation.hex_of(np.float32([0.2, 0.4, 1]))) == pytest.approx([0.2, 0.4, 1])


def test_a_predictor_sees_only_what_a_guide_shows():
    style = np.zeros((96, 128, 3), np.float32)
    style[..., 0], style[:, :40, 1] = np.linspace(0, 1, 128), 1
    guide = np.zeros((96, 128), np.float32)
    guide[20:60, 40:100] = 1
    seen = guided(style, guide)
    assert seen.shape == style.shape and seen[..., 1].max() == 0  # nothing of what is hidden
    assert np.array_equal(seen[20:60, 40:100], style[20:60, 40:100])
    assert np.allclose(seen[30, 38:40], style[30, 41:43][::-1], atol=0.02)  # mirrored
    assert guided(style, None) is style


@pytest.mark.slow
def test_regions_are_nearest_to_their_own_parts_of_a_style_picture_says_the_judge(shared):
    """By the one-pass network, at three quarters of the benchmark's size; `benchmarks.masks` does the optimiser too.

    Of all ways to give each region a part of its own, the one that was asked for has the least distance in sum.
    """
    from benchmarks import masks as benchmark

    _, distances = benchmark.guided(benchmark.by_instant_lite, 384)
    _, nearest = linear_sum_assignment(distances)
    assert (nearest == np.arange(6)).all(), distances
