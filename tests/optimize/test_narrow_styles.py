"""Styles of any shape: whatever the size, the aspect and the style scale, every network finds positions in its deepest map."""

import itertools

import numpy as np
import pytest

from nst_core import explain, features, images, instant, recipes
from nst_core.features import Extractor
from nst_core.images import MAX_ASPECT, MIN_SIDE
from nst_core.optimization import Frames, Optimization
from nst_core.pictures import quality, styles
from nst_core.recipes import LAYERS, PIXELS, OptimizeRecipe
from nst_core.stylizer import Style
from nst_core.texture_networks import training

RNG = np.random.default_rng(0)
CONTENT = RNG.random((64, 80, 3), np.float32)
FLAT, TALL, STRIP = (RNG.random(shape, np.float32) for shape in ((80, 320, 3), (88, 80, 3), (320, 40, 3)))


def eyes_of(name):
    return features.network(name) if name == "vgg19-lite" else features.vgg(name, seed=0)


def recipe_for(name, **changes):
    layers = tuple(layer for layer in LAYERS[name] if layer.endswith("conv1"))
    return OptimizeRecipe(features=name, style_layers=(PIXELS, *layers), **{"iterations": 1, "scales": 1} | changes)


@pytest.mark.parametrize("size", [16, 32, 64, 100, 256])
def test_a_style_is_never_narrower_than_a_network_needs(size):
    for aspect, scale, turned in itertools.product((1, 1.1, 2, 4, MAX_ASPECT), (0.25, 0.5, 1, 4), (False, True)):
        picture = np.zeros((400, round(400 / aspect), 3), np.float32)
        h, w, _ = styles.fitted(picture.swapaxes(0, 1) if turned else picture, round(size * scale)).shape
        assert min(h, w) >= MIN_SIDE
        assert max(h, w) / min(h, w) == pytest.approx(aspect, rel=0.04)
        assert max(h, w) == round(size * scale) or min(h, w) <= MIN_SIDE + 1  # no larger than it has to be


@pytest.mark.parametrize("name", features.NETWORKS)
def test_every_layer_of_every_network_has_positions_in_the_smallest_picture(name):
    maps = Extractor(eyes_of(name), LAYERS[name])(np.zeros((1, MIN_SIDE, MIN_SIDE + 1, 3), np.float32))
    assert all(min(F.shape[1:3]) >= 2 for F in maps.values())


@pytest.mark.parametrize("style", [FLAT, TALL, STRIP], ids=["4:1", "1:1.1", "1:8"])
@pytest.mark.parametrize("name", features.NETWORKS)
def test_a_run_takes_narrow_styles_and_small_strokes(name, style):
    """Small strokes in coarse stages are the worst case: the style's longer side would be 16 pixels."""
    *_, last = Optimization(CONTENT, [Style(style)], recipe_for(name, style_scale=0.25), network=eyes_of(name))
    assert np.isfinite(list(last.losses.values())).all()
    assert last.image.shape == CONTENT.shape


@pytest.mark.parametrize("form", ["paper", "mean", "normalised", "rms"])
def test_gram_matrices_of_narrow_styles_are_numbers(form):
    chosen = recipe_for("vgg19", form=form, style_scale=0.25)
    *_, last = Optimization(CONTENT, [Style(STRIP)], chosen, network=eyes_of("vgg19"))
    assert np.isfinite(list(last.losses.values())).all()


def test_the_frames_of_a_clip_take_narrow_styles():
    made = Frames(CONTENT, [Style(STRIP)], recipe_for("vgg19-lite", style_scale=0.25)).next(CONTENT, CONTENT)
    assert np.isfinite(made).all()


def test_explain_takes_narrow_styles():
    pulls = explain.pulls(CONTENT, CONTENT, STRIP)
    assert np.isfinite(pulls.style).all()
    assert np.isfinite(explain.gram_distance(CONTENT, STRIP, ["block5_conv1"]))


def test_a_training_takes_a_narrow_style():
    chosen = recipes.training(
        crop=64, style_size=64, steps=1, scales=3, style_layers=("block1_conv1", "block5_conv1"), purpose="synthesize"
    )
    (step,) = training.train(STRIP, chosen, CONTENT)
    assert np.isfinite(list(step.losses.values())).all()


def test_quality_is_measured_against_a_narrow_style():
    measured = quality.assess(instant.eyes(), images.fit(CONTENT, 96), CONTENT, [Style(STRIP)])
    assert np.isfinite(measured.result.mean_style)
