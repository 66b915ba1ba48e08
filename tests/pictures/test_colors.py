"""Colour: moments that match, chroma that stays, and flat pictures that do no harm."""

import subprocess
import sys

import numpy as np
import pytest

from nst_core.pictures import colors
from nst_core.recipes import Color

MAPS = [colors.cholesky_map, colors.pca_map, colors.symmetric_map]
LINEAR = [Color.LINEAR_CHOLESKY, Color.LINEAR_PCA, Color.LINEAR_SYMMETRIC]


def painting(seed, height=30, width=40):
    """Random colours with correlated channels, float32 (h, w, 3) within [0, 1]."""
    random = np.random.default_rng(seed)
    mix = random.uniform(-1, 1, (3, 3))
    pixels = random.uniform(-1, 1, (height, width, 3)) @ mix
    pixels -= pixels.min(axis=(0, 1))
    return (pixels / pixels.max(axis=(0, 1)) * random.uniform(0.4, 1, 3)).astype(np.float32)


def flat(*color, height=30, width=40):
    return np.full((height, width, 3), color, np.float32)


def covariance(seed):
    factor = np.random.default_rng(seed).normal(size=(3, 3))
    return factor @ factor.T + 0.1 * np.eye(3)


def measured(image):
    pixels = image.reshape(-1, 3).astype(np.float64)
    return pixels.mean(axis=0), np.cov(pixels, rowvar=False, bias=True)


# --- the maps ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solve", MAPS)
@pytest.mark.parametrize("seed", range(5))
def test_maps_carry_one_covariance_into_the_other(solve, seed):
    source, target = covariance(seed), covariance(seed + 100)
    A = solve(source, target)
    assert A @ source @ A.T == pytest.approx(target, abs=1e-9)


@pytest.mark.parametrize("solve", MAPS)
def test_maps_between_equals_are_the_identity(solve):
    assert solve(covariance(3), covariance(3)) == pytest.approx(np.eye(3), abs=1e-9)


@pytest.mark.parametrize("solve", MAPS)
def test_maps_by_hand(solve):
    """Variances 1, 4, 9 to 4, 4, 1: the deviations scale by 2, 1 and a third."""
    A = solve(np.diag([1.0, 4.0, 9.0]), np.diag([4.0, 4.0, 1.0]))
    assert pytest.approx(np.diag([2, 1, 1 / 3]), abs=1e-12) == A


def test_each_map_has_its_shape():
    source, target = covariance(1), covariance(2)
    cholesky, pca, symmetric = (solve(source, target) for solve in MAPS)
    assert np.triu(cholesky, 1) == pytest.approx(0, abs=1e-12)
    assert symmetric == pytest.approx(symmetric.T, abs=1e-12)
    assert np.linalg.eigvalsh(symmetric).min() > 0
    assert np.abs(pca - pca.T).max() > 0.01  # what tells it from the symmetric one


def test_the_symmetric_map_moves_colours_the_least():
    """Expected squared move E|Ax − x|² = tr((A − I) Σ (A − I)ᵀ), least among all maps: optimal transport."""
    for seed in range(5):
        source, target = covariance(seed), covariance(seed + 50)
        cholesky, pca, symmetric = (
            np.trace((A - np.eye(3)) @ source @ (A - np.eye(3)).T) for A in (solve(source, target) for solve in MAPS)
        )
        assert symmetric < min(cholesky, pca)


# --- recolouring ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solve", MAPS)
@pytest.mark.parametrize(("floor", "tolerance"), [(0, 1e-7), (colors.VARIANCE_FLOOR, 5e-4)])
def test_the_style_takes_the_contents_mean_and_covariance(solve, floor, tolerance, monkeypatch):
    """Exactly so without the floor; with it, within a fiftieth of the variances, which are about 2e-2 here."""
    monkeypatch.setattr(colors, "VARIANCE_FLOOR", floor)
    style, content = painting(1), painting(2, 50, 20)
    recolored = colors.match_moments(style, content, solve)
    assert recolored.shape == style.shape
    mean, spread = measured(recolored)
    assert mean == pytest.approx(measured(content)[0], abs=1e-6)
    assert spread == pytest.approx(measured(content)[1], abs=tolerance)


@pytest.mark.parametrize("color", LINEAR)
def test_the_modes_are_the_clipped_maps(color):
    style, content = painting(1), painting(2)
    solve = dict(zip(LINEAR, MAPS, strict=True))[color]
    expected = np.clip(colors.match_moments(style, content, solve), 0, 1)
    assert colors.prepare_style(style, content, color) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("color", Color)
def test_every_mode_gives_a_picture_of_the_styles_shape(color):
    style, content = painting(1), painting(2, 50, 20)
    before = style.copy(), content.copy()
    recolored = colors.prepare_style(style, content, color)
    assert recolored.shape == style.shape
    assert recolored.dtype == np.float32
    assert 0 <= recolored.min() <= recolored.max() <= 1
    assert (style == before[0]).all()
    assert (content == before[1]).all()


@pytest.mark.parametrize("color", Color)
def test_a_style_that_is_the_content_stays(color):
    picture = painting(4)
    assert colors.prepare_style(picture, picture, color) == pytest.approx(picture, abs=1e-5)
    assert colors.finish(picture, picture, color) == pytest.approx(picture, abs=1e-6)


@pytest.mark.parametrize("color", [Color.STYLE, Color.LUMINANCE])
def test_the_other_modes_leave_the_style_alone(color):
    style = painting(1)
    assert colors.prepare_style(style, painting(2), color) is style


@pytest.mark.parametrize("color", [*LINEAR, Color.HISTOGRAM])
@pytest.mark.filterwarnings("error")
def test_flat_pictures_do_no_harm(color):
    lively, blue, red = painting(1), flat(0.1, 0.2, 0.8), flat(0.9, 0.3, 0.2)
    for style, content in ((blue, lively), (lively, blue), (blue, red), (flat(0, 0, 0), flat(1, 1, 1))):
        recolored = colors.prepare_style(style, content, color)
        assert np.isfinite(recolored).all()
    assert colors.prepare_style(lively, blue, color) == pytest.approx(blue, abs=0.02)
    assert colors.prepare_style(blue, red, color) == pytest.approx(red, abs=1e-6)


@pytest.mark.parametrize("color", LINEAR)
def test_a_flat_style_takes_the_contents_mean(color):
    content = painting(2)
    recolored = colors.prepare_style(flat(0.1, 0.2, 0.8), content, color)
    assert recolored == pytest.approx(np.broadcast_to(content.mean(axis=(0, 1)), recolored.shape), abs=1e-5)


@pytest.mark.parametrize("solve", MAPS)
def test_a_grey_style_and_its_grain(solve):
    """Grey has no variance across its axis; grain of a third of an 8-bit step there must not become confetti."""
    random = np.random.default_rng(0)
    grey = np.repeat(random.uniform(0.2, 0.8, (60, 60, 1)), 3, axis=2) + random.normal(0, 0.3 / 255, (60, 60, 3))
    content = painting(2)
    recolored = colors.match_moments(grey.astype(np.float32), content, solve)
    spread, wanted = (np.linalg.eigvalsh(measured(image)[1]) for image in (recolored, content))
    assert spread[:2].sum() < 0.2 * wanted[:2].sum()  # across the axis; without the floor they would be equal
    assert spread[2] > 0.5 * wanted[2]  # along it


def test_histograms_match_value_by_value():
    style, content = painting(1), painting(2)
    recolored = colors.prepare_style(style, content, Color.HISTOGRAM)
    for channel in range(3):
        got, wanted, old = (image[..., channel].ravel() for image in (recolored, content, style))
        assert np.sort(got) == pytest.approx(np.sort(wanted), abs=1e-4)
        assert (np.diff(got[np.argsort(old)]) >= 0).all()  # brighter stays brighter


def test_histograms_of_different_sizes_match_in_their_quantiles():
    style, content = painting(1, 80, 90), painting(2, 70, 50)
    recolored = colors.prepare_style(style, content, Color.HISTOGRAM)
    at = np.linspace(0.05, 0.95, 19)
    assert np.quantile(recolored, at, axis=(0, 1)) == pytest.approx(np.quantile(content, at, axis=(0, 1)), abs=2e-3)


# --- luminance --------------------------------------------------------------------------------------------------------


def test_luminance_by_hand():
    image = np.array([[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [0.5, 0.5, 0.5]]], np.float32)
    assert colors.luminance(image) == pytest.approx(np.array([[0.299, 0.587], [0.114, 0.5]]), abs=1e-6)
    assert colors.luminance(image).dtype == np.float32


def test_luminance_mode_takes_light_from_one_and_chroma_from_the_other():
    from skimage.color import rgb2yiq

    stylized, content = 0.4 + 0.2 * painting(1), 0.3 + 0.4 * painting(2)
    result = colors.finish(stylized, content, Color.LUMINANCE)
    assert 0 < result.min() <= result.max() < 1  # nothing clipped
    got, light, chroma = rgb2yiq(result), rgb2yiq(stylized), rgb2yiq(content)
    assert got[..., 0] == pytest.approx(light[..., 0], abs=1e-5)
    assert got[..., 1:] == pytest.approx(chroma[..., 1:], abs=1e-5)


def test_luminance_mode_clips():
    result = colors.finish(flat(1, 1, 1), flat(1, 0, 0), Color.LUMINANCE)
    assert result == pytest.approx(flat(1, 0.701, 0.701), abs=1e-6)  # 1 + 0.701 clipped, 0 + 0.701 twice


@pytest.mark.parametrize("color", [color for color in Color if color is not Color.LUMINANCE])
def test_the_other_modes_leave_the_result_alone(color):
    stylized = painting(1)
    assert colors.finish(stylized, painting(2), color) is stylized


def test_the_import_is_light():
    script = """
import sys
import nst_core.pictures.colors
print(sorted({"tensorflow", "streamlit", "skimage", "scipy"} & {name.split(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"


# --- by region --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("color", [*LINEAR, Color.HISTOGRAM])
def test_a_mask_counts_only_the_colours_inside(color):
    """What lies outside does not matter, and a white mask is none."""
    style, content = painting(30), painting(31, 40, 60)
    mask = np.zeros((40, 60), np.float32)
    mask[:, :30] = 1
    other = content.copy()
    other[:, 30:] = 0.123
    inside = colors.prepare_style(style, content, color, mask)
    assert np.array_equal(inside, colors.prepare_style(style, other, color, mask))
    assert inside == pytest.approx(colors.prepare_style(style, content[:, :30], color), abs=1e-5)
    white = colors.prepare_style(style, content, color, np.ones_like(mask))
    assert white == pytest.approx(colors.prepare_style(style, content, color), abs=1e-5)


def test_masked_moments_by_hand():
    """Two pixels, black and white, counted 1 to 3: mean ¾, variance 3/16 in every direction."""
    image = np.float32([[[0, 0, 0], [1, 1, 1]]])
    mean, covariance = colors.moments(image, np.float32([[0.25, 0.75]]))
    assert mean == pytest.approx([0.75] * 3)
    assert covariance == pytest.approx(np.full((3, 3), 3 / 16) + colors.VARIANCE_FLOOR * np.eye(3))


def test_finish_by_region_keeps_the_chroma_by_its_share():
    stylized, content = painting(32), painting(33)
    shares = np.stack([np.full(content.shape[:2], share, np.float32) for share in (0.25, 0.75)])
    modes = [Color.LUMINANCE, Color.STYLE]
    expected = 0.25 * colors.luminance_only(stylized, content) + 0.75 * stylized
    assert colors.finish_by_region(stylized, content, modes, shares) == pytest.approx(expected, abs=1e-6)
