"""The judge's measures of what eyes mind, on pictures whose answers are known."""

import numpy as np
import pytest
from scipy import ndimage

from benchmarks import judge
from nst_core.pictures import colors
from tests.training import tiny

SIDE = 256


def noise(sigma=1.5, seed=0, channels=3):
    x = np.random.default_rng(seed).standard_normal((SIDE, SIDE, channels))
    x = np.stack([ndimage.gaussian_filter(x[..., i], sigma) for i in range(channels)], -1)
    return (0.5 + 0.1 * x / x.std()).astype(np.float32)


def grey(plane):
    return np.repeat(np.asarray(plane, np.float32)[..., None], 3, -1)


def grid(period, amplitude):
    """Dots every `period` pixels."""
    dots = np.zeros((SIDE, SIDE))
    dots[::period, ::period] = amplitude
    return grey(dots)


# --- lattice ----------------------------------------------------------------------------------------------------------


def test_dots_at_a_stride_of_the_network_are_a_lattice_and_others_are_not():
    ground = noise(0.5)
    plain, woven, irregular = (judge.lattice(ground + dots) for dots in (0, grid(4, 0.6), grid(7, 0.6)))
    assert plain < 5
    assert woven > plain + 10
    assert abs(irregular - plain) < 3


def test_the_worst_quarter_counts():
    ground = noise(0.5)
    dots = grid(4, 0.6)
    dots[: SIDE // 2] = 0
    assert judge.lattice(ground + dots) > judge.lattice(ground) + 10


def test_a_small_picture_has_a_lattice_too():
    assert np.isfinite(judge.lattice(noise()[:100, :60]))


# --- fringe -----------------------------------------------------------------------------------------------------------


def test_grey_detail_has_no_fringe_and_colours_give_the_share_of_their_power():
    y, cb, cr = np.moveaxis(noise(1.0, channels=3) - 0.5, -1, 0)
    share = 0.4
    chroma = share / np.sqrt(2)
    cb, cr = (x * chroma * y.std() / x.std() for x in (cb, cr))
    red, blue = y + 1.402 * cr, y + 1.772 * cb
    green = (y - 0.299 * red - 0.114 * blue) / 0.587
    assert judge.fringe(grey(y)) == pytest.approx(0, abs=1e-5)
    assert judge.fringe(np.stack([red, green, blue], -1)) == pytest.approx(share, rel=0.05)


def test_broad_colour_is_no_fringe():
    ramp = np.linspace(0, 1, SIDE)[None, :, None] * np.array([1, 0, -1])
    assert judge.fringe((grey(noise()[..., 0]) + 0.3 * ramp).astype(np.float32)) < 0.02


# --- halo -------------------------------------------------------------------------------------------------------------


def photograph():
    """Dark ground with a bright square, 512 px."""
    plane = np.full((512, 512), 0.2)
    plane[128:384, 128:384] = 0.8
    return grey(ndimage.gaussian_filter(plane, 1))


def with_halo(content, height):
    """As after sharpening with a wide radius: the ground around and within is pushed away from the other side."""
    y = colors.luminance(content)
    return content + np.float32(height) * grey(y - ndimage.gaussian_filter(y, 6))


def test_a_halo_counts_by_its_height():
    content = photograph()
    one, two = (judge.halo(with_halo(content, height), content) for height in (0.4, 0.8))
    assert one > 0.02
    assert two == pytest.approx(2 * one, rel=0.05)


@pytest.mark.parametrize(
    "repaint",
    [
        lambda x: x,
        lambda x: 1 - x,
        lambda x: x**2,
        lambda x: np.clip(x + 0.1, 0, 1),
        lambda x: np.roll(x, 1, 1),
        lambda x: x + np.random.default_rng(0).normal(0, 0.05, x.shape).astype(np.float32),
    ],
    ids=["same", "negative", "darker", "brighter", "shifted", "grain"],
)
def test_other_colours_and_grain_are_no_halo(repaint):
    content = photograph()
    assert judge.halo(repaint(content), content) < 0.01


def test_a_photograph_without_contours_has_no_halo():
    assert judge.halo(noise(20), noise(20)) == 0


# --- together ---------------------------------------------------------------------------------------------------------


def test_ssim_is_one_for_the_same_picture_and_sees_structure_not_colours():
    x = noise()
    assert judge.ssim(x, x) == pytest.approx(1)
    assert judge.ssim(grey(colors.luminance(x)), x) == pytest.approx(1, abs=1e-4)
    assert judge.ssim(noise(seed=1), x) < 0.2


def test_a_reference_gives_what_the_single_distances_give(tmp_path, monkeypatch):
    """Through two networks of random weights."""
    for name, layers in (("small", tiny.LAYERS), ("exact", tiny.LAYERS[:5])):
        tiny.write_stand_in(tmp_path / f"{name}.npz", layers)
        network = judge.Network(tmp_path / f"{name}.npz")
        monkeypatch.setattr(judge, name, lambda network=network: network)
    picture, content, style = noise(2, 1)[:96], noise(2, 2)[:96], noise(2, 3)
    found = judge.Reference(content, style).looks(picture)
    assert found.style == pytest.approx(judge.style_distance(picture, style), rel=1e-5)
    assert found.style_check == pytest.approx(judge.style_distance(picture, style, judge.exact()), rel=1e-5)
    assert found.content == pytest.approx(judge.content_distance(picture, content), rel=1e-5)
    same = judge.Reference(content, style).looks(content)
    assert (same.content, same.ssim, same.halo) == (pytest.approx(0), pytest.approx(1), 0)


def test_means_pass_over_what_cannot_be_measured():
    one, two = judge.Looks(0.1, 0.2, 0.3, 0.4, 5.0, 0.6, 0.7), judge.Looks(0.3, 0.4, 0.5, 0.6, 6.0, 0.8, 0.9)
    assert judge.mean_looks([one, two]) == ["0.200", "0.300", "0.400", "0.500", "5.5", "0.700", "0.800"]
    assert judge.mean_looks([judge.looks_of_original(noise())])[:4] == ["–"] * 4


def test_every_measure_has_a_heading():
    assert len(judge.LOOKS) == len(judge.mean_looks([judge.looks_of_original(noise())]))
