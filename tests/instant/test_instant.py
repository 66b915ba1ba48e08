"""Instant: exact shapes, the algebra of style vectors, colours, and both models against references."""

import numpy as np
import pytest
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view

from nst_core import features, images, instant
from nst_core.errors import BadMask, BadRecipe, ModelUnavailable
from nst_core.instant import InstantLite, graph, noise, vectors
from nst_core.instant.magenta import Magenta
from nst_core.models import vgg_lite, weights
from nst_core.pictures import masks
from nst_core.recipes import Color, InstantRecipe
from nst_core.stylizer import Style

ODD_SIZES = [(61, 83), (32, 32), (64, 200), (131, 34)]


def picture(seed, height=61, width=83, low=0.0, high=1.0):
    """Soft blobs, float32 (h, w, 3) in [low, high]."""
    coarse = np.random.default_rng(seed).uniform(0, 1, (6, 8, 3)).astype(np.float32)
    return low + (high - low) * images.resize(coarse, height, width)


CONTENT, A, B = picture(0), picture(1, 70, 90), picture(2, 90, 64)


def stylized(stylizer, content, *styles, **settings):
    """The picture of the one Step. A style is a picture, or (picture, weight)."""
    styles = [Style(*style) if isinstance(style, tuple) else Style(style) for style in styles]
    (step,) = stylizer.stylize(content, styles, InstantRecipe(**settings))
    assert (step.iteration, step.total) == (1, 1) and step.seconds > 0
    return step.image


def is_picture(image, shape):
    return image.shape == shape and image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1


@pytest.fixture(scope="module")
def lite():
    return InstantLite()


@pytest.fixture(scope="module")
def magenta(small_module):
    return Magenta(small_module)


@pytest.fixture(scope="module")
def published(published_module):
    return Magenta(published_module)


@pytest.fixture(params=["lite", "magenta"])
def either(request):
    """Return each of the two models: what follows holds for both."""
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["lite", "magenta", pytest.param("published", marks=pytest.mark.shared)])
def every(request):
    """Return each of the two models, and Magenta's with the published graph."""
    return request.getfixturevalue(request.param)


# --- pictures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), ODD_SIZES)
def test_the_result_has_exactly_the_contents_shape(every, height, width):
    result = stylized(every, picture(3, height, width), A)
    assert is_picture(result, (height, width, 3))
    assert result.std() > 0.01


def test_the_same_again_is_the_same(either):
    assert np.array_equal(stylized(either, CONTENT, A), stylized(either, CONTENT, A))


def test_another_seed_is_another_picture_and_the_same_seed_the_same(lite):
    takes = [stylized(lite, CONTENT, A, seed=seed) for seed in (0, 1, 1)]
    assert np.abs(takes[0] - takes[1]).mean() > 1e-3
    assert np.array_equal(takes[1], takes[2])


def test_strokes_keep_their_share_of_a_larger_picture(lite):
    """At 2048 px the core sees 1024: brought down, the picture is nearly that of 1024 px."""
    large = picture(4, 512, 2048)
    small = images.resize(large, 256, 1024)
    assert np.abs(images.resize(stylized(lite, large, A), 256, 1024) - stylized(lite, small, A)).mean() < 0.03


def test_styles_of_any_shape_are_taken(either):
    for height, width in ((32, 256), (256, 32), (33, 32)):
        assert is_picture(stylized(either, picture(0, 32, 36), picture(5, height, width)), (32, 36, 3))


# --- vectors ----------------------------------------------------------------------------------------------------------


def test_strength_moves_the_vector_from_the_contents_to_the_styles(every):
    own, other = every.vector(CONTENT), every.vector(A)
    for strength in (0, 0.25, 1, 1.5):
        expected = (1 - strength) * own + strength * other
        assert every.blend(CONTENT, [Style(A)], strength) == pytest.approx(expected, abs=1e-6)


def test_strength_shows(either):
    weak, half, full = (stylized(either, CONTENT, A, strength=strength) for strength in (0, 0.5, 1))
    assert np.abs(full - weak).mean() > 1e-3
    assert np.abs(half - weak).mean() < np.abs(full - weak).mean()


def test_strength_zero_is_the_content_in_its_own_style(either):
    assert stylized(either, CONTENT, A, strength=0) == pytest.approx(stylized(either, CONTENT, CONTENT), abs=1e-5)


def test_a_blend_of_a_with_a_is_a(either):
    assert stylized(either, CONTENT, (A, 0.3), (A, 0.7)) == pytest.approx(stylized(either, CONTENT, A), abs=1e-5)


def test_a_blend_is_the_weighted_mean_of_vectors(either):
    blend = either.blend(CONTENT, [Style(A, 0.75), Style(B, 0.25)], 1)
    assert blend == pytest.approx(0.75 * either.vector(A) + 0.25 * either.vector(B), abs=1e-6)


def test_only_the_ratio_of_weights_counts(either):
    small, large = ([Style(A, weight), Style(B, 3 * weight)] for weight in (0.1, 1.0))
    assert either.blend(CONTENT, small, 1) == pytest.approx(either.blend(CONTENT, large, 1), abs=1e-6)


def test_a_style_without_weight_is_not_predicted():
    fresh = InstantLite()
    result = stylized(fresh, CONTENT, A, (B, 0.0))
    assert fresh.predictions == 1
    assert np.array_equal(result, stylized(fresh, CONTENT, A))


def test_moving_strength_and_blend_runs_only_the_transformer(either):
    stylized(either, CONTENT, A, B, strength=0.5)
    before = either.predictions
    for strength, weight in ((0.0, 0.5), (0.7, 0.1), (1.5, 0.9)):
        stylized(either, CONTENT, (A, weight), (B, 1 - weight), strength=strength)
    assert either.predictions == before


def test_a_second_picture_with_the_same_style_costs_no_prediction(either):
    stylized(either, CONTENT, A)
    before = either.predictions
    stylized(either, picture(6, 48, 40), A.copy())
    assert either.predictions == before


def test_vectors_are_forgotten_oldest_first():
    fresh = InstantLite()
    fresh.remembered = 2
    for style in (A, B, CONTENT, B, A):
        fresh.vector(style)
    assert fresh.predictions == 4  # A made room for CONTENT, B stayed
    assert len(fresh._vectors) == 2


@pytest.mark.parametrize("styles", [[], [(A, 0.0)], [(A, 0.0), (B, 0.0)]])
def test_nothing_to_paint_with_is_a_sentence(lite, magenta, plain_module, styles):
    for stylizer in (lite, magenta, Magenta(plain_module)):
        with pytest.raises(BadRecipe, match=r"^Choose at least one style with a weight above 0\.$"):
            stylized(stylizer, CONTENT, *styles)


# --- colour -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("color", Color)
def test_every_colour_mode_gives_a_picture_of_its_own(lite, color):
    result = stylized(lite, CONTENT, A, color=color)
    assert is_picture(result, CONTENT.shape)
    plain = stylized(lite, CONTENT, A)
    assert np.array_equal(result, plain) == (color is Color.STYLE)


def test_luminance_keeps_the_chroma(lite):
    """R − G and G − B, hence I and Q, are the content's wherever nothing was clipped."""
    content = picture(7, low=0.4, high=0.6)
    result = stylized(lite, content, A, color=Color.LUMINANCE)
    inside = ((result > 0) & (result < 1)).all(-1)
    assert inside.mean() > 0.5
    assert np.diff(result)[inside] == pytest.approx(np.diff(content)[inside], abs=1e-5)
    assert np.abs(result - content).mean() > 0.01


# --- instant-lite against a reference ---------------------------------------------------------------------------------


def conv(x, kernel, stride=1, pad=((0, 0), (0, 0)), mode="constant"):
    """(h, w, i) and (k, k, i, o) to (h', w', o), in float64, sum by sum."""
    windows = sliding_window_view(np.pad(x, (*pad, (0, 0)), mode), kernel.shape[:2], (0, 1))[::stride, ::stride]
    return np.einsum("hwikl,klio->hwo", windows, kernel.astype(np.float64), optimize=True)


def reflected(x, kernel, stride=1):
    p = len(kernel) // 2
    return conv(x, kernel, stride, ((p, p), (p, p)), "reflect")


def instance_norm(x, style):
    scale, shift = style[:2]
    return (x - x.mean((0, 1))) / np.sqrt(x.var((0, 1)) + 1e-5) * (1 + scale) + shift


def regional_norm(x, styles, shares):
    """`instance_norm` where each pixel of (h, w, c) has shares (h, w, m) of m styles.

    The map is normalised as a whole; each style is normalised again by mean and variance of its own region, into which 0.05 of
    the whole picture is mixed.
    """
    even, whole = instance_norm(x, (0, 0)), x.var((0, 1)) / (x.var((0, 1)) + 1e-5)
    found = 0
    for style, share in zip(styles, np.moveaxis(shares, -1, 0), strict=True):
        area = share.mean() + 0.05
        mean = (share[..., None] * even).mean((0, 1)) / area
        square = ((share[..., None] * even**2).mean((0, 1)) + 0.05 * whole) / area
        deviation = np.sqrt(np.maximum(square - mean**2, 0) + 1 - whole)
        found = found + share[..., None] * ((even - mean) / deviation * (1 + style[0]) + style[1])
    return found


def relu(x):
    return np.maximum(x, 0)


def pooled(x, side):
    h, w, c = x.shape[0] // side, x.shape[1] // side, x.shape[2]
    return x[: h * side, : w * side].reshape(h, side, w, side, c).mean((1, 3))


def linear(x, height, width):
    """(h, w, c) to another size along straight lines between the centres of pixels; beyond the outermost, theirs."""
    for axis, length in enumerate((height, width)):
        places = np.clip((np.arange(length) + 0.5) * x.shape[axis] / length - 0.5, 0, x.shape[axis] - 1)
        low = np.minimum(places.astype(int), max(0, x.shape[axis] - 2))
        share = np.expand_dims(places - low, (*range(axis), *range(axis + 1, 3)))
        high = np.minimum(low + 1, x.shape[axis] - 1)
        x = np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share
    return x


def reference_transform(x, white, detail, arrays, norm, styles_of):
    """The architecture as `instant/graph.py` describes it. norm: of a map by its styles; styles_of: those, by array."""
    part = lambda name, kind: arrays[f"transformer/{name}/{kind}"].astype(np.float64)  # noqa: E731
    fine = 2 * pooled(white.astype(np.float64), 2)
    quarter = 2 * pooled(fine, 2)
    coarse = linear(4 * 1.45 * pooled(quarter, 4), *quarter.shape[:2])

    def layer(name, x, stride=1, noise=None):
        kernel = part(name, "kernel")
        y = reflected(x, kernel, stride)
        return norm(y, styles_of(part(name, "dense"), part(name, "bias"), kernel.shape[-1]), noise)

    def plain(name, x):
        return reflected(x, part(name, "kernel")) + part(name, "bias")

    x = relu(layer("down2", relu(layer("down1", x, 2)), 2))
    for block, noise_of in (("block1", coarse), ("block2", coarse), ("block3", quarter), ("block4", None)):
        x = x + layer(f"{block}b", relu(layer(f"{block}a", x, noise=noise_of)))
    x = relu(layer("up", linear(x, 2 * x.shape[0], 2 * x.shape[1]), noise=fine))
    x = relu(linear(layer("lines", x), *detail.shape[:2]) + plain("guide", detail - 0.5))
    return 1 / (1 + np.exp(-plain("out", relu(plain("refine", x)))))


def by_vector(vector):
    """How a map is normalised by one vector: the last two arguments of `reference_transform`."""

    def norm(x, styles, noise):
        (style,) = styles
        return instance_norm(x, style) + (0 if noise is None else noise * style[2])

    return norm, lambda dense, bias, channels: [(vector @ dense + bias).reshape(-1, channels)]


def by_region(vectors, shares):
    """The same by several vectors and their shares (h, w, m) of every pixel."""

    def norm(x, styles, noise):
        here = pooled(shares, shares.shape[0] // x.shape[0])
        y = regional_norm(x, styles, here)
        if noise is None:
            return y
        return y + noise * (here @ np.stack([style[2] for style in styles]))

    return norm, lambda dense, bias, channels: [(vector @ dense + bias).reshape(-1, channels) for vector in vectors]


def reference_predict(x, arrays):
    """(256, 256, 3) to (100,): linear in roots of means, deviations and half Gram matrices of vgg19-lite's maps."""
    mean, deviation, kernel, bias = (arrays[f"predictor/{i}"].astype(np.float64) for i in range(4))
    network = features.network("vgg19-lite")
    maps = features.Extractor(network, network.convolutions)(tf.constant(x[None]))
    flat = {layer: y.numpy().reshape(-1, y.shape[-1]).astype(np.float64) for layer, y in maps.items()}
    found = [part for y in flat.values() for part in (y.mean(0), np.sqrt(y.var(0) + 1e-6))]
    for layer in list(flat)[:5]:
        gram = flat[layer].T @ flat[layer] / len(flat[layer])
        found.append([gram[i, j] for i in range(len(gram)) for j in range(i, len(gram))])
    return (np.sqrt(np.concatenate(found)) - mean) / deviation @ kernel + bias


@pytest.mark.parametrize(("height", "width"), [(32, 48), (64, 40)])
def test_transformer_is_the_trained_architecture(lite, height, width):
    content, vector = picture(8, height, width), lite.vector(A)
    white = noise.white(height, width, 5)
    expected = reference_transform(content, white, content, weights.load("instant-lite"), *by_vector(vector))
    assert expected.std() > 0.05
    assert lite.transform(content, vector, seed=5) == pytest.approx(expected, abs=1e-4)


def test_the_core_sees_a_large_picture_smaller(lite):
    content, vector = picture(8, 96, 64), lite.vector(A)
    core = images.resize(content, 48, 32)
    expected = reference_transform(core, noise.white(48, 32, 0), content, weights.load("instant-lite"), *by_vector(vector))
    assert lite.transform(content, vector, stroke_size=96 / 48) == pytest.approx(expected, abs=1e-4)


def test_by_region_is_the_trained_architecture(lite):
    content = picture(8, 96, 128)
    shares = np.random.default_rng(0).random((3, 96, 128), np.float32)
    shares[1, :, :60] = 0
    shares /= shares.sum(0)
    own = [lite.vector(A), lite.vector(B), lite.vector(content)]
    by_pixel = np.moveaxis(shares, 0, -1)
    expected = reference_transform(
        content, noise.white(96, 128, 0), content, weights.load("instant-lite"), *by_region(own, by_pixel)
    )
    assert lite.transform_regions(content, own, shares) == pytest.approx(expected, abs=1e-4)


def test_predictor_is_the_trained_architecture(lite):
    style = picture(9, 256, 256)
    expected = reference_predict(style, weights.load("instant-lite"))
    assert lite.predict(style) == pytest.approx(expected, abs=1e-4 * np.abs(expected).max())


# --- the exported model -----------------------------------------------------------------------------------------------


def test_the_file_is_made_of_the_embedded_arrays_and_small_enough_for_a_browser():
    made = graph.lite(weights.load("instant-lite"), vgg_lite.convolutions())
    assert weights.LITE.read_bytes() == made, "run python -m nst_core.training.export"
    assert len(made) <= 4e6


def test_the_exported_eyes_see_what_tensorflows_see(lite):
    content, layers = picture(8, 64, 96), graph.MEASURED
    expected = features.Extractor(features.network("vgg19-lite"), layers)(content[None])
    found = lite.maps(content, layers)
    for layer in layers:
        assert found[layer] == pytest.approx(expected[layer][0].numpy(), abs=1e-4), layer


def test_instance_norm_by_hand():
    """One channel of 0, 2: mean 1, deviation 1. Scale 1 + 1, shift 3: ±1 becomes 1 and 5."""
    x = np.array([0.0, 2.0]).reshape(1, 2, 1)
    assert instance_norm(x, (1.0, 3.0)).ravel() == pytest.approx([1, 5], abs=1e-4)


def test_white_noise_is_the_browsers():
    """The first numbers that `noise` in assets/components/live/worker.js makes."""
    assert noise.white(4, 8, 0).ravel()[:4] == pytest.approx([0.78718466, 0.43143961, -1.0777017, -0.81951749], abs=1e-6)
    many = noise.white(256, 256, 7)
    assert abs(many.mean()) < 0.02 and many.var() == pytest.approx(1, abs=0.02)
    rows, columns = (
        np.corrcoef(x[..., 0].ravel(), y[..., 0].ravel())[0, 1] for x, y in ((many[1:], many[:-1]), (many[:, 1:], many[:, :-1]))
    )
    assert abs(rows) < 0.02 and abs(columns) < 0.02


def test_pad_to_multiple_by_hand():
    row = np.arange(5, dtype=np.float32).reshape(1, 5, 1).repeat(4, 0).repeat(3, 2)
    assert vectors.pad_to_multiple(row, 4)[0, :, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]
    assert vectors.pad_to_multiple(row, 4).shape == (4, 8, 3)


# --- what the predictor sees of a style -------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width", "count"), [(64, 64, 1), (300, 300, 1), (64, 65, 2), (64, 200, 4), (40, 320, 8)])
@pytest.mark.parametrize("turned", [False, True])
def test_squares_cover_the_picture(height, width, count, turned):
    ramp = np.linspace(0, 1, width, dtype=np.float32)[None, :, None] * np.ones((height, 1, 3), np.float32)
    pieces = vectors.squares(ramp.swapaxes(0, 1) if turned else ramp, 64)
    assert pieces.shape == (count, 64, 64, 3)
    along = pieces[:, :, 0, 0] if turned else pieces[:, 0, :, 0]  # (n, 64), rising
    step = 2 / (64 * max(height, width) / min(height, width))
    assert along[0, 0] < step and along[-1, -1] > 1 - step
    assert (along[1:, 0] <= along[:-1, -1] + step).all()  # no gap


def test_a_wide_style_is_the_mean_of_its_squares(lite):
    wide = picture(11, 64, 128)
    left, right = vectors.squares(wide, vectors.STYLE_SIDE)
    assert lite.predict(wide) == pytest.approx((lite.predict(left) + lite.predict(right)) / 2, abs=1e-4)


# --- the hub's graph --------------------------------------------------------------------------------------------------


@pytest.fixture(params=["magenta", pytest.param("published", marks=pytest.mark.shared)])
def module(request):
    """Return Magenta with our small module, and with the published graph."""
    return request.getfixturevalue(request.param)


def test_split_equals_the_whole_call(module):
    content, style = picture(12, 64, 96), picture(13, 256, 256)
    whole = module._whole
    (expected,) = whole(placeholder=tf.constant(content[None]), placeholder_1=tf.constant(style[None])).values()
    assert expected.numpy().std() > 0.01
    assert module.has_vector
    assert np.abs(stylized(module, content, style) - expected[0].numpy()).max() < 1e-5


def test_the_vector_has_768_numbers(module):
    assert module.vector(A).size == 768


def test_a_module_without_vector_is_called_whole(plain_module):
    plain = Magenta(plain_module)
    assert not plain.has_vector
    expected = CONTENT / 2 + images.resize(A, 256, 329).mean((0, 1)) / 2
    assert stylized(plain, CONTENT, A) == pytest.approx(expected, abs=1e-3)
    assert is_picture(stylized(plain, CONTENT, A, (B, 0.0), color=Color.LUMINANCE), CONTENT.shape)


@pytest.mark.parametrize(("styles", "strength"), [([A], 0.5), ([A], 0), ([(A, 0.5), (B, 0.5)], 1)])
def test_a_module_without_vector_has_no_strength_and_no_blend(plain_module, styles, strength):
    with pytest.raises(BadRecipe, match=r"^This Magenta module .* strength and blends are not available: .*\.$"):
        stylized(Magenta(plain_module), CONTENT, *styles, strength=strength)


# --- by name ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_loaded(monkeypatch, empty_caches):
    monkeypatch.setattr(instant, "_loaded", {})


def test_auto_is_instant_lite_until_magenta_is_here(nothing_loaded, monkeypatch, plain_module):
    assert instant.stylizer("auto") is instant.stylizer("instant-lite")
    monkeypatch.setenv("NST_MAGENTA_HANDLE", str(plain_module))
    assert instant.stylizer("auto") is instant.stylizer("magenta")
    assert instant.stylizer("magenta").name == "magenta"


def test_magenta_that_is_not_here_says_how_to_get_it(nothing_loaded):
    with pytest.raises(ModelUnavailable, match=r"92 MB.*--download magenta"):
        instant.stylizer("magenta")


def test_warm_up_loads_what_works_offline(nothing_loaded):
    instant.warm_up()
    assert set(instant._loaded) == {"instant-lite"}


# --- masks ------------------------------------------------------------------------------------------------------------


def half(shape=CONTENT.shape[:2]):
    """White on the left."""
    mask = np.zeros(shape, np.float32)
    mask[:, : shape[1] // 2] = 1
    return mask


def masked(stylizer, content, *styles, **settings):
    (step,) = stylizer.stylize(content, styles, InstantRecipe(**settings))
    assert is_picture(step.image, content.shape)
    return step.image


WHITE = np.ones(CONTENT.shape[:2], np.float32)


@pytest.mark.parametrize("color", Color)
@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_one_white_mask_changes_nothing(either, color, strength):
    whole = stylized(either, CONTENT, A, color=color, strength=strength)
    assert np.abs(masked(either, CONTENT, Style(A, mask=WHITE), color=color, strength=strength) - whole).max() < 1e-5


def test_two_white_masks_are_a_blend(lite):
    blend = stylized(lite, CONTENT, (A, 0.7), (B, 0.3))
    assert np.abs(masked(lite, CONTENT, Style(A, 0.7, WHITE), Style(B, 0.3, WHITE)) - blend).max() < 1e-5
    assert np.array_equal(masked(lite, CONTENT, Style(A, 0.7), Style(B, 0.3)), blend)


@pytest.mark.parametrize("color", Color)
@pytest.mark.parametrize("strength", [0.3, 1.5])
def test_where_every_mask_is_black_each_pixel_is_the_contents(either, color, strength):
    """To the last bit of the file, whatever the colours and however the edge runs."""
    soft = np.maximum(masks.soften(half(), 9) - 0.2, 0)
    top = np.zeros_like(soft)
    top[:9] = 1
    result = masked(either, CONTENT, Style(A, mask=soft), Style(B, mask=top * half()), color=color, strength=strength)
    black = soft + top * half() < masks.BLACK
    assert 0.3 < black.mean() < 0.7
    pixels, own = (images.decode(images.encode(image)) for image in (result, CONTENT))
    assert np.array_equal(pixels[black], own[black])
    assert np.abs(pixels - own)[~black].mean() > 0.01


def test_the_content_fades_only_inside_the_painted_region(lite):
    restored = masked(lite, CONTENT, Style(A, mask=half()))
    kept = masked(lite, CONTENT, Style(A, mask=half()), restore_content=False)
    differs = np.abs(restored - kept).max((0, 2)) > 1e-6  # by column
    assert differs[41:].all() and not differs[:38].any()
    assert np.abs(kept[:, 41:] - CONTENT[:, 41:]).mean() > 1e-3  # what the network makes of the content in its own style


def test_each_half_has_its_own_style(every):
    """Far from the seam a half is nearer to the whole picture in its style than to that in the other."""
    content = picture(3, 96, 128)
    left = half((96, 128))
    warm, cool = A * np.float32([1, 0.4, 0.1]), B * np.float32([0.1, 0.5, 1])
    both = masked(every, content, Style(warm, mask=left), Style(cool, mask=1 - left))
    in_warm, in_cool = (stylized(every, content, style) for style in (warm, cool))
    for side, own, other in ((np.s_[:, :40], in_warm, in_cool), (np.s_[:, -40:], in_cool, in_warm)):
        assert np.abs(both - own)[side].mean() < 0.5 * np.abs(both - other)[side].mean()


def test_masks_of_any_size_and_styles_without_one(lite):
    small = half((20, 30))
    result = masked(lite, CONTENT, Style(A, 0.5, mask=small), Style(B, 0.5))
    stretched = masks.resize(small, CONTENT.shape[:2])
    assert np.array_equal(result, masked(lite, CONTENT, Style(A, 0.5, mask=stretched), Style(B, 0.5, mask=WHITE)))
    assert np.abs(result - stylized(lite, CONTENT, (A, 0.5), (B, 0.5))).mean() > 0.01


@pytest.mark.parametrize(("height", "width"), ODD_SIZES)
def test_masks_at_odd_sizes(either, height, width):
    content, left = picture(3, height, width), half((height, width))
    result = masked(either, content, Style(A, mask=left))
    assert np.array_equal(result[left == 0], content[left == 0])


def test_instance_normalisation_by_region_by_hand():
    """Two pixels, ∓1 after normalisation: the left one with scale 1 + 1 and shift 3, the right one half so, half as it is.

    The first region, ¾ of the picture, has mean (−1 + ½)/2 / ¾, the second 1; 0.05 of the whole's 0 and 1 are mixed in:
    means −¼/0.8 and ¼/0.3, squares 1 and 1.
    """
    x = np.array([0.0, 2.0]).reshape(1, 2, 1)
    styles, shares = [(1.0, 3.0), (0.0, 0.0)], np.array([[[1.0, 0.0], [0.5, 0.5]]])
    first = lambda n: 3 + 2 * (n + 0.3125) / np.sqrt(1 - 0.3125**2)  # noqa: E731
    second = (1 - 5 / 6) / np.sqrt(1 - (5 / 6) ** 2)
    expected = [first(-1), 0.5 * first(1) + 0.5 * second]
    assert np.ravel(regional_norm(x, styles, shares)) == pytest.approx(expected, abs=1e-4)


def test_a_region_that_the_layer_does_not_see_leaves_numbers():
    x, styles = np.array([0.0, 2.0]).reshape(1, 2, 1), [(1.0, 1.0), (1.0, 1.0)]
    shares = np.array([[[1.0, 0.0], [1.0, 0.0]]])
    assert np.ravel(regional_norm(x, styles, shares)) == pytest.approx([-1, 3], abs=1e-4)


def test_colours_by_region(lite):
    content = picture(5, 64, 96, low=0.4, high=0.6)
    left = half((64, 96))
    regional = [Style(A, mask=left, color=Color.LUMINANCE), Style(B, mask=1 - left, color=Color.STYLE)]
    result, plain = (masked(lite, content, *styles) for styles in (regional, [Style(A, mask=left), Style(B, mask=1 - left)]))
    inside = ((result > 0) & (result < 1)).all(-1) & (left == 1)
    assert inside.mean() > 0.25
    assert np.diff(result)[inside] == pytest.approx(np.diff(content)[inside], abs=1e-5)
    assert np.array_equal(result[:, 48:], plain[:, 48:]) and not np.array_equal(result[:, :48], plain[:, :48])


def test_no_mask_asks_for_no_content_vector():
    fresh = InstantLite()
    stylized(fresh, CONTENT, A, B)
    assert fresh.predictions == 2
    masked(fresh, CONTENT, Style(A, mask=half()), Style(B, mask=1 - half()))
    assert fresh.predictions == 2


@pytest.mark.parametrize(
    ("styles", "complaint"),
    [
        ([Style(A, mask=0 * WHITE)], "The masks cover nothing"),
        ([Style(A, mask=half()), Style(B, mask=0 * WHITE)], "Mask 2 of 2 covers nothing"),
        ([Style(A, mask=half(), guide=0 * WHITE)], "guide on a style picture covers nothing"),
    ],
)
def test_masks_that_cover_nothing_get_a_sentence(either, styles, complaint):
    with pytest.raises(BadMask, match=complaint):
        masked(either, CONTENT, *styles)


def test_a_module_without_vector_takes_masks(plain_module):
    plain = Magenta(plain_module)
    result = masked(plain, CONTENT, Style(A, mask=half()), Style(B, mask=1 - half()))
    assert np.abs(result - stylized(plain, CONTENT, A))[:, :30].max() < 1e-5
    assert np.abs(result - stylized(plain, CONTENT, B))[:, -30:].max() < 1e-5
