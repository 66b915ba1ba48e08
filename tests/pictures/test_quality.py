"""The quality panel's numbers, on the embedded network."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nst_core import images, instant
from nst_core.pictures.quality import Measures, Quality, assess
from nst_core.recipes import FIRST_LAYERS
from nst_core.stylizer import Style

ROOT = Path(__file__).parents[2]
EYES = instant.eyes()


def blobs(seed, height=64, width=96, grain=8):
    rng = np.random.default_rng(seed)
    return images.resize(rng.random((height // grain, width // grain, 3), np.float32), height, width)


def stripes(height=96, width=96):
    wave = np.sin(np.arange(width) * np.pi / 3, dtype=np.float32) / 2 + 0.5
    return np.broadcast_to(wave[None, :, None], (height, width, 3)).astype(np.float32) * np.float32([1, 0.5, 0.2])


def test_identical_pictures_have_no_distance():
    picture = blobs(0)
    quality = assess(EYES, picture, picture, [Style(picture)])
    nothing = Measures(dict.fromkeys(FIRST_LAYERS, 0.0), 0.0, pytest.approx(1.0))
    assert quality == Quality(nothing, nothing)
    assert quality.result.mean_style == 0


def test_the_content_itself_is_the_point_of_reference():
    content, style = blobs(0), stripes()
    quality = assess(EYES, content, content, [Style(style)])
    assert quality.unstylised.style == pytest.approx(quality.result.style)
    assert quality.unstylised.content == quality.result.content == 0
    assert quality.unstylised.ssim == 1
    assert all(distance > 0.1 for distance in quality.unstylised.style.values())


def test_a_picture_made_of_the_style_is_near_it_and_far_from_the_content():
    content, style = blobs(0, 96, 96), stripes()
    kept, half, taken = (
        assess(EYES, (1 - share) * content + share * style, content, [Style(style)]).result for share in (0, 0.5, 1)
    )
    assert kept.mean_style > half.mean_style > taken.mean_style == 0
    assert kept.content < half.content < taken.content
    assert kept.ssim > half.ssim > taken.ssim


def test_style_is_what_has_no_place():
    """A pattern moved by half its period is another picture, and the same style but for what happens at the border."""
    pattern, content = np.tile(blobs(5, 32, 32), (8, 8, 1)), blobs(0, 256, 256)
    moved = assess(EYES, np.roll(pattern, (16, 16), (0, 1)), pattern, [Style(pattern)]).result
    other = assess(EYES, content, pattern, [Style(pattern)]).result
    assert moved.content > 0.8 * other.content
    assert moved.mean_style < 0.2 * other.mean_style


def test_by_hand_on_the_formula():
    """A Gram matrix twice as large in every entry is at distance 1."""
    from nst_core.pictures.quality import _distance

    gram = np.array([[2.0, 1.0], [1.0, 3.0]])
    assert _distance(2 * gram, gram) == pytest.approx(1)
    assert _distance(gram, 2 * gram) == pytest.approx(0.5)
    assert _distance(np.array([[3.0, 4.0]]), np.array([[0.0, 5.0]])) == pytest.approx(np.sqrt(10) / 5)


def test_several_styles_count_by_their_weights():
    content, result, one, other = blobs(0), blobs(1), stripes(), blobs(2, 64, 64, 4)
    alone = [assess(EYES, result, content, [Style(style)]).result.style for style in (one, other)]
    both = assess(EYES, result, content, [Style(one, 3.0), Style(other, 1.0), Style(blobs(3), 0.0)]).result.style
    for layer in FIRST_LAYERS:
        assert both[layer] == pytest.approx(0.75 * alone[0][layer] + 0.25 * alone[1][layer], rel=1e-5)


def test_masks_are_passed_over():
    content, result, style = blobs(0), blobs(1), stripes()
    masked = Style(style, mask=np.zeros((64, 96), np.float32), guide=np.zeros((96, 96), np.float32))
    assert assess(EYES, result, content, [masked]) == assess(EYES, result, content, [Style(style)])


def test_large_pictures_are_compared_small():
    content, result, style = blobs(0, 768, 1024, 32), blobs(1, 768, 1024, 32), blobs(2, 512, 512, 16)
    small = assess(EYES, images.fit(result, 512), images.fit(content, 512), [Style(style)])
    large = assess(EYES, result, content, [Style(style)]).result
    assert large == small.result


def test_it_travels_and_its_numbers_are_plain():
    quality = assess(EYES, blobs(1), blobs(0), [Style(stripes())])
    assert pickle.loads(pickle.dumps(quality)) == quality
    numbers = [*quality.result.style.values(), *quality.unstylised.style.values(), quality.result.content, quality.result.ssim]
    assert {type(number) for number in numbers} == {float}
    assert list(quality.result.style) == list(FIRST_LAYERS)


def test_the_page_can_read_it_without_tensorflow():
    script = (
        "import sys, pickle; pickle.loads(sys.stdin.buffer.read()); assert 'nst_core.pictures.quality' in sys.modules\n"
        "assert not {'tensorflow', 'keras', 'skimage'} & set(sys.modules)"
    )
    measures = Measures({"block1_conv1": 0.5}, 0.25, 0.75)
    given = pickle.dumps(Quality(measures, measures))
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, input=given, capture_output=True)
    assert done.returncode == 0, done.stderr
