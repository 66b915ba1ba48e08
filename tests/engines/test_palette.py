"""Only the colours: the photograph with the style's palette, and no strokes."""

import numpy as np
import pytest

from nst_core import engines, images
from nst_core.engines import Inputs
from nst_core.errors import BadRecipe
from nst_core.pictures import colors
from nst_core.recipes import InstantRecipe
from nst_core.stylizer import Style

RECIPE = InstantRecipe(engine="palette")


def picture(seed, height=48, width=64, mean=0.5, spread=0.08):
    rng = np.random.default_rng(seed)
    mixed = rng.normal(0, spread, (height, width, 3)) @ rng.normal(0, 0.6, (3, 3))
    return np.clip(mixed + mean, 0, 1).astype(np.float32)


def painted(content, styles, recipe=RECIPE):
    (step,) = engines.engine_for(recipe).run(recipe, Inputs({"content": content}, styles))
    return step.image


def test_the_result_has_the_styles_mean_and_covariance():
    content, style = picture(0), picture(1, 40, 40, mean=0.4)
    made = painted(content, [Style(style)])
    for have, wanted in zip(colors.moments(made), colors.moments(style), strict=True):
        assert have == pytest.approx(wanted, abs=2e-3)


def test_it_stays_the_same_photograph():
    """Colours move by one affine map, so that what was equal stays equal and structure stays where it was."""
    content = picture(0)
    made = painted(content, [Style(picture(1))])
    columns = np.concatenate([content.reshape(-1, 3), np.ones((content[..., 0].size, 1))], 1)
    _, left, *_ = np.linalg.lstsq(columns, made.reshape(-1, 3), rcond=None)
    assert left.sum() < 1e-3


def test_strength_0_is_the_photograph_and_half_lies_between():
    content, style = picture(0), [Style(picture(1))]
    none, half, whole = (painted(content, style, RECIPE.model_copy(update={"strength": s})) for s in (0.0, 0.5, 1.0))
    assert np.allclose(none, content, atol=1e-6) and np.allclose(half, (content + whole) / 2, atol=1e-5)


def test_black_in_a_mask_keeps_every_pixel():
    content, mask = picture(0), np.zeros((48, 64), np.float32)
    mask[:, 32:] = 1
    made = painted(content, [Style(picture(1, mean=0.3), mask=mask)])
    assert np.array_equal(images.to_uint8(made[:, :32]), images.to_uint8(content[:, :32]))
    assert np.abs(made[:, 40:] - content[:, 40:]).mean() > 0.05


def test_flat_pictures_give_finite_colours():
    grey, red = np.full((40, 40, 3), 0.5, np.float32), np.zeros((40, 40, 3), np.float32) + np.float32([1, 0, 0])
    assert painted(grey, [Style(red)]) == pytest.approx(red, abs=0.05)


def test_it_is_never_what_auto_means():
    assert engines.resolved(InstantRecipe()).engine != "palette"


def test_without_a_style_it_says_so():
    with pytest.raises(BadRecipe, match="at least one style"):
        painted(picture(0), [])
