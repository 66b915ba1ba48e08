"""What the Explain page claims, as properties: of reconstructions, textures, channels, Gram matrices, style vectors."""

import itertools

import numpy as np
import pytest

from nst_core import explain, features, images
from nst_core.errors import BadRecipe
from nst_core.features import losses, tf
from nst_core.images import Image
from nst_core.recipes import FIRST_LAYERS, LAYERS
from ui.lessons import figures
from ui.pictures import CONTENTS, STYLES

EVERY = LAYERS[explain.EYES]
RNG = np.random.default_rng(0)


def sample(name: str, side: int) -> Image:
    return images.fit(images.from_uint8((CONTENTS.get(name) or STYLES[name])()), side)


@pytest.fixture(scope="module")
def cat() -> Image:
    return sample("chelsea", 96)


# --- what the issue asks to be shown --------------------------------------------------------------------------------------


def test_the_deeper_the_layer_the_less_can_be_rebuilt():
    errors, cat = [], sample("chelsea", 160)
    for layer in FIRST_LAYERS:
        rebuilt = explain.reconstruct(cat, layer, iterations=60)
        assert rebuilt.shape == cat.shape
        errors.append(np.sqrt(np.mean((rebuilt - cat) ** 2)))
    assert all(lower < upper for lower, upper in itertools.pairwise(errors)), errors


@pytest.mark.parametrize(("style", "layers"), [("starlit-oils", FIRST_LAYERS), ("roman-mosaic", FIRST_LAYERS[:2])])
def test_a_textures_gram_matrices_come_twenty_times_nearer(style, layers):
    picture, side = sample(style, 128), 128
    made = explain.texture(picture, layers, side=side, iterations=200)
    start = explain.gram_distance(explain.noise((side, side), 0), picture, layers)
    assert explain.gram_distance(made, picture, layers) < start / 20


@pytest.mark.parametrize("layer", ["block2_conv1", "block4_conv1"])
def test_a_channels_picture_excites_it_more_than_any_patch_of_our_samples(layer):
    """Of all places in all samples, as `make_lessons.py` found and `test_lessons.py` checks them."""
    stored = figures.arrays("channels")
    for index in (0, -1):
        channel, strongest = int(stored[f"{layer}/channels"][index]), stored[f"{layer}/strengths"][index, 0]
        made = explain.excite(layer, channel, side=96)
        assert explain.activations(made, layer)[..., channel].max() > 1.1 * strongest


# --- looking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layer", ["block1_conv1", "block2_conv2", "block3_conv1"])
def test_a_receptive_field_is_what_a_number_depends_on(layer):
    """A pixel changed inside it changes the number at its centre; outside it, none."""
    picture, side = np.full((96, 96, 3), 0.5, np.float32), explain.receptive_field(layer)
    stride = 96 // explain.activations(picture, layer).shape[0]
    at = 48 // stride
    first = at * stride + stride // 2 - side // 2 - stride // 2  # no pixel before this one is seen
    before = explain.activations(picture, layer)[at, at]
    outside, inside = picture.copy(), picture.copy()
    outside[first - stride] = 1
    inside[48 - stride : 48 + stride] = RNG.random((2 * stride, 96, 3))
    np.testing.assert_array_equal(explain.activations(outside, layer)[at, at], before)
    assert (explain.activations(inside, layer)[at, at] != before).any()


def test_maps_and_gram_matrices_are_those_of_the_optimiser(cat):
    layers = ("block2_conv2", "block3_conv1")
    maps = features.Extractor(features.network(explain.EYES), layers)(tf.constant(cat[None]))
    for layer in layers:
        np.testing.assert_allclose(explain.activations(cat, layer), maps[layer][0], atol=2e-2, rtol=2e-2)
        positions = np.prod(maps[layer].shape[1:3])
        theirs = losses.gram_matrix(maps[layer], shift=-1.0)[0].numpy() / positions
        np.testing.assert_allclose(explain.gram(cat, layer, shift=-1.0), theirs, atol=2e-2, rtol=2e-2)
    lower, upper = (maps[layer] for layer in layers)
    theirs = losses.chain_gram(lower, upper)[0].numpy() / np.prod(upper.shape[1:3])
    np.testing.assert_allclose(explain.chain(cat, *layers), theirs, atol=2e-2, rtol=2e-2)
    assert list(explain.chains(cat, layers=layers)) == ["block2_conv2+block3_conv1"]


def test_the_strongest_maps_come_first_and_silent_ones_never():
    maps = np.zeros((2, 2, 4), np.float32)
    maps[..., 1], maps[0, 0, 3] = 1, 2  # means of 1 and ½
    assert explain.strongest(maps, 4) == [1, 3]
    assert explain.strongest(maps, 1) == [1]


def test_what_is_seen_is_scaled_to_each_maps_peak(cat):
    seen = explain.seen(cat, layer="block2_conv1", count=5)
    whole = explain.activations(cat, "block2_conv1")
    assert seen.maps.shape == (5, *whole.shape[:2])
    assert (seen.maps.max((1, 2)) == 255).all()
    np.testing.assert_allclose(seen.peaks, whole.max((0, 1))[seen.channels])
    assert seen.means == sorted(seen.means, reverse=True)


def test_a_picture_has_no_distance_from_itself(cat):
    assert explain.gram_distance(cat, cat, FIRST_LAYERS) == 0
    assert explain.gram_distance(1 - cat, cat, FIRST_LAYERS) > 0.1


def test_patches_are_sorted_one_a_picture_and_around_their_place(cat):
    pictures = [cat, np.ascontiguousarray(cat[:, ::-1]), cat * 0.5]
    for places in explain.best_patches(pictures, "block2_conv1", count=2):
        assert len(places) <= 2
        assert len({place.picture for place in places}) == len(places)
        assert [place.strength for place in places] == sorted((place.strength for place in places), reverse=True)
    cut = explain.patch(cat, 30, 40, 11)
    assert cut.shape == (11, 11, 3)
    np.testing.assert_array_equal(cut[5, 5], cat[30, 40])
    assert explain.patch(cat, 0, 0, 132).shape == (132, 132, 3)


@pytest.mark.parametrize("ask", [lambda: explain.excite("block9_conv1", 0), lambda: explain.excite("block1_conv1", 16)])
def test_what_is_not_there_is_said(ask):
    with pytest.raises(BadRecipe, match="it has"):
        ask()


# --- rebuilding -------------------------------------------------------------------------------------------------------


def test_a_series_shows_its_runs_side_by_side_and_says_their_losses():
    style, side = sample("starlit-oils", 64), 64
    recipes = [explain.texturing(FIRST_LAYERS[:1], iterations=n) for n in (3, 5)]
    steps = list(explain.series(explain.blank(side), style, recipes))
    assert [step.iteration for step in steps] == [
        1,
        2,
        4,
        5,
        6,
        7,
        8,
    ]  # the third is the first run's result, shown with the next
    assert {step.total for step in steps} == {8}
    first = next(step.image for step in steps if step.image is not None)
    assert (first[:, side:] == 0.5).all()  # what is to come
    last = steps[-1]
    assert last.image.shape == (side, 2 * side, 3)
    one, other = explain.split(last.image, 2)
    alone = explain.texture(style, FIRST_LAYERS[:1], side=side, iterations=3)
    np.testing.assert_allclose(one, alone, atol=1e-5)
    assert (one != other).any()
    assert last.losses["2/end"] < last.losses["2/start"]
    assert last.losses["1/start"] == pytest.approx(last.losses["2/start"], rel=1e-4)  # the same noise


def test_every_improvement_is_a_switch_of_its_own():
    off = explain.improved("none")
    for name, switches in explain.IMPROVEMENTS.items():
        on = explain.improved(name)
        changed = {field for field in type(on).model_fields if getattr(on, field) != getattr(off, field)}
        assert changed == set(switches)


def test_at_the_photograph_only_the_style_pulls(cat):
    pulls = explain.pulls(cat, cat, sample("starlit-oils", 96))
    assert pulls.content.max() < 0.02
    assert pulls.style.max() == pytest.approx(1)
    assert pulls.content_loss < 1e-3 < pulls.style_loss
    far = explain.pulls(np.full_like(cat, 0.5), cat, sample("starlit-oils", 96))
    assert far.content.max() > 0.02


# --- styles -----------------------------------------------------------------------------------------------------------


def test_principal_axes_by_hand():
    """Four vectors on a line along (3, 4) / 5, and none beside it."""
    vectors = np.array([[0, 0], [3, 4], [6, 8], [9, 12]], np.float32)
    axes = explain.style_axes(vectors, 1)
    np.testing.assert_allclose(axes.mean, [4.5, 6])
    np.testing.assert_allclose(axes.directions, [[0.6, 0.8]], atol=1e-6)
    np.testing.assert_allclose(axes.deviations, [np.sqrt(31.25)], rtol=1e-6)  # of 0, 5, 10, 15
    np.testing.assert_allclose(axes.explained, [1], atol=1e-6)
    np.testing.assert_allclose(axes.vector(axes.coordinates[2]), vectors[2], atol=1e-4)


def test_all_axes_together_give_every_style_back():
    vectors = RNG.normal(size=(8, 100)).astype(np.float32)
    axes = explain.style_axes(vectors, 8)
    np.testing.assert_allclose(axes.directions[:7] @ axes.directions[:7].T, np.eye(7), atol=1e-5)
    for vector, coordinates in zip(vectors, axes.coordinates, strict=True):
        np.testing.assert_allclose(axes.vector(coordinates), vector, atol=1e-4)
    assert (np.diff(axes.explained) <= 1e-6).all()


def test_a_styles_own_place_is_that_style_and_between_two_lies_their_mean():
    vectors = RNG.normal(size=(6, 100)).astype(np.float32)
    places = explain.style_map(explain.style_axes(vectors, 2))
    assert ((places >= 0) & (places <= 1)).all()
    gaps = np.linalg.norm(places[:, None] - places[None], axis=-1) + np.eye(6)
    assert gaps.min() > 0.1
    np.testing.assert_allclose(explain.shares_at(places[2], places), np.eye(6)[2], atol=1e-5)
    assert explain.shares_at((0.3, 0.9), places).sum() == pytest.approx(1)
    way = explain.between(places[0], places[5], places, vectors, 3)
    np.testing.assert_allclose(way, [vectors[0], (vectors[0] + vectors[5]) / 2, vectors[5]], atol=1e-3)


def test_without_instance_normalisation_a_faded_photograph_fades(cat):
    vector = explain.style_vector(sample("woodcut-waves", 256))
    with_own, without = explain.normalisation(cat, vector=vector, contrasts=(1.0, 0.25)).astype(int)
    assert np.abs(with_own[0] - without[0]).max() <= 2  # at full contrast there is no difference
    np.testing.assert_allclose(with_own[0], images.to_uint8(explain.paint(cat, vector)), atol=2)
    with_changed, without_changed = (np.abs(x[1] - x[0]).mean() for x in (with_own, without))
    assert without_changed > 4 * with_changed
    np.testing.assert_allclose(explain.faded(cat, 0.0), np.broadcast_to(cat.mean((0, 1)), cat.shape), atol=1e-5)
