"""The library's functions: every form of pictures, masks and styles; results; one sentence for each kind of mistake."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import nst_core as nst
from nst_core import images, recipes
from nst_core.errors import BadClip, BadMask, BadNetwork, BadPicture, BadRecipe, Diverged, UserError
from nst_core.library import arguments
from nst_core.library.arguments import MaskOptions

LAKE, OILS, WAVES = (nst.samples()[name] for name in ("mountain-lake", "starlit-oils", "woodcut-waves"))
SIZE = 256


@pytest.fixture(scope="module")
def content():
    return images.fit(images.decode(LAKE.read_bytes()), SIZE)


@pytest.fixture(scope="module")
def painted():
    return nst.stylize(LAKE, OILS, size=SIZE)


def test_forms_of_the_same_picture_give_the_same_result(painted):
    pixels = np.asarray(Pillow.open(OILS).convert("RGB"))
    forms = [str(OILS), OILS.read_bytes(), Pillow.open(OILS), pixels, pixels / 255, (pixels / 255).astype(np.float32)]
    for form in forms:
        again = nst.stylize(LAKE, form, size=SIZE)
        assert np.abs(again.array - painted.array).max() < 0.02, type(form)  # a JPEG is shrunk while it is decoded


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3), (48, 64, 4)])
def test_arrays_of_each_shape_are_contents(shape, dtype):
    array = np.full(shape, 100 if dtype == np.uint8 else 100 / 255, dtype)
    loaded = arguments.content(array, SIZE)
    assert loaded.image.shape == (192, SIZE, 3) and loaded.image.dtype == np.float32
    assert np.allclose(loaded.image, 100 / 255, atol=1e-3)
    assert (loaded.alpha is None) == (len(shape) == 2 or shape[2] == 3)


def test_floats_are_not_rounded_to_8_bits():
    ramp = np.tile(np.linspace(0, 1, SIZE, dtype=np.float32), (SIZE, 1))
    assert np.array_equal(arguments.content(ramp, SIZE).image[..., 0], ramp)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "I", "F", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I;16"])
def test_pil_images_of_each_mode(mode):
    grey = Pillow.new("L", (64, 64), 255)
    image = Pillow.fromarray(np.full((64, 64), 65535, np.uint16)) if mode == "I;16" else grey.convert(mode)
    assert image.mode == mode
    assert arguments.content(image, SIZE).image.min() > 0.97


def test_a_pil_image_is_turned_upright():
    landscape = Pillow.new("RGB", (80, 40))
    exif = landscape.getexif()
    exif[0x0112] = 6  # the camera was held sideways
    file = io.BytesIO()
    landscape.save(file, "JPEG", exif=exif)
    assert arguments.content(Pillow.open(file), SIZE).image.shape == (SIZE, SIZE // 2, 3)


def test_a_transparent_content_gives_a_transparent_result(content, tmp_path):
    alpha = np.ones(content.shape[:2], np.float32)
    alpha[:, :100] = 0
    picture = nst.stylize(np.dstack([content, alpha]), OILS, size=SIZE)
    assert picture.pil.mode == "RGBA" and picture.array.shape == content.shape
    assert np.array_equal(picture.alpha, alpha)
    kept = Pillow.open(picture.save(tmp_path / "clear.png"))
    assert kept.mode == "RGBA" and not np.asarray(kept)[:, :100, 3].any()


def test_transparent_parts_of_a_style_count_as_white(content):
    style = np.random.default_rng(0).random((64, 96, 4), np.float32)
    style[..., 3] = 1
    style[:, 48:, 3] = 0
    white = np.where(style[..., 3:] == 1, style[..., :3], 1)
    assert np.array_equal(*(nst.stylize(content, given, size=SIZE).array for given in (style, images.to_uint8(white))))


def test_lists_and_weights_blend():
    both = nst.stylize(LAKE, [OILS, WAVES], size=SIZE)
    assert np.allclose(both.array, nst.stylize(LAKE, {OILS: 3, WAVES: 3}, size=SIZE).array)
    alone = nst.stylize(LAKE, {OILS: 1, WAVES: 0}, size=SIZE)
    assert np.allclose(alone.array, nst.stylize(LAKE, OILS, size=SIZE).array, atol=1e-5)
    assert [style.weight for style in nst.stylize(LAKE, [(OILS, 3.0), (WAVES, 1.0)], size=SIZE).recipe.styles] == [0.75, 0.25]


def test_masks_of_each_form_keep_what_is_black(content, tmp_path):
    left = np.zeros(content.shape[:2], np.uint8)
    left[:, :128] = 255
    Pillow.fromarray(left).save(tmp_path / "left.png")
    forms = [tmp_path / "left.png", (tmp_path / "left.png").read_bytes(), Pillow.fromarray(left), left, left / 255, left > 0]
    results = [nst.stylize(content, [(OILS, form)], size=SIZE).array for form in forms]
    for result in results:
        assert np.allclose(result[:, 132:], content[:, 132:], atol=1e-6)
        assert np.abs(result[:, :100] - content[:, :100]).mean() > 0.05
        assert np.array_equal(result, results[0])
    by_mapping = nst.stylize(content, {OILS: tmp_path / "left.png"}, size=SIZE)
    assert np.array_equal(by_mapping.array, results[0])
    assert by_mapping.recipe.styles[0].mask


def test_protected_pixels_are_the_contents_own(content):
    face = np.zeros(content.shape[:2])
    face[60:120, 60:120] = 1
    result = nst.stylize(content, OILS, size=SIZE, protect=face).array
    assert np.allclose(result[62:118, 62:118], content[62:118, 62:118], atol=1e-6)
    assert np.abs(result[:40] - content[:40]).mean() > 0.03


def test_greys_of_mask_files_count_only_if_soft():
    grey = Pillow.new("L", (64, 64), 64)
    assert not arguments.mask(grey, (64, 64), "m", MaskOptions()).any()
    assert np.allclose(arguments.mask(grey, (64, 64), "m", MaskOptions(soft=True)), 64 / 255)
    assert np.allclose(arguments.mask(np.full((8, 8), 0.25), (64, 64), "m", MaskOptions()), 0.25)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_saved_picture_keeps_its_recipe_and_pixels(painted, tmp_path, suffix):
    data = painted.save(tmp_path / f"out{suffix}").read_bytes()
    assert recipes.of_picture(data) == painted.recipe
    assert np.abs(images.decode(data) - painted.array).max() <= 0.5 / 255 + 1e-6
    assert painted.recipe.content.name == "mountain-lake.jpg"


def test_a_picture_shows_itself_and_is_a_content_again(painted, tmp_path):
    assert Pillow.open(io.BytesIO(painted._repr_png_())).size == painted.pil.size
    assert Pillow.open(painted.save(tmp_path / "out.jpg")).format == "JPEG"
    assert nst.stylize(painted, WAVES, size=SIZE).array.shape == painted.array.shape


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: nst.stylize("nowhere.jpg", OILS), BadPicture, "nowhere.jpg cannot be read"),
        (lambda: nst.stylize(b"abc", OILS), BadPicture, "The content is not a picture"),
        (lambda: nst.stylize(7, OILS), BadPicture, "a path, bytes, a PIL image or an array is expected"),
        (lambda: nst.stylize(LAKE, None), BadPicture, "The style is of the type NoneType"),
        (lambda: nst.stylize(np.zeros((64, 64, 2)), OILS), BadPicture, r"\(64, 64, 2\)"),
        (lambda: nst.stylize(np.zeros(0), OILS), BadPicture, "shape"),
        (lambda: nst.stylize(np.full((64, 64, 3), 200.0), OILS), BadPicture, "from 200 to 200"),
        (lambda: nst.stylize(np.full((64, 64, 3), np.nan), OILS), BadPicture, "nan"),
        (lambda: nst.stylize(np.zeros((64, 64, 3), int), OILS), BadPicture, "array of int64"),
        (lambda: nst.stylize(np.zeros((8, 64, 3)), OILS), BadPicture, "64×8 pixels; at least 32×32"),
        (lambda: nst.stylize(np.zeros((32, 320, 3)), OILS), BadPicture, "8 times the shorter"),
        (lambda: nst.stylize(LAKE, []), BadRecipe, "at least one style"),
        (lambda: nst.stylize(LAKE, [OILS] * 9), BadRecipe, "At most 8 styles"),
        (lambda: nst.stylize(LAKE, {OILS: -1}), BadRecipe, "0 or more"),
        (lambda: nst.stylize(LAKE, {OILS: float("nan")}), BadRecipe, "0 or more"),
        (lambda: nst.stylize(LAKE, {OILS: 0}), BadRecipe, "weight above 0"),
        (lambda: nst.stylize(LAKE, [(OILS, np.zeros((8, 8)))]), BadMask, "cover nothing"),
        (lambda: nst.stylize(LAKE, [(OILS, np.zeros((8, 8, 3)))]), BadMask, r"The mask of the style .*\(h, w\)"),
        (lambda: nst.stylize(LAKE, {OILS: "no.png"}), BadMask, "no.png cannot be read"),
        (lambda: nst.stylize(LAKE, OILS, size=20), BadRecipe, "size is 20"),
        (lambda: nst.stylize(LAKE, OILS, size="512"), BadRecipe, "size is '512'"),
        (lambda: nst.stylize(LAKE, OILS, strength=9, size=SIZE), BadRecipe, "strength"),
        (lambda: nst.stylize(LAKE, OILS, engine="other", size=SIZE), BadRecipe, "no engine for other"),
        (lambda: nst.optimize(LAKE, OILS, preset="x"), BadRecipe, "no preset"),
        (lambda: nst.optimize(LAKE, OILS, recipe={}), BadRecipe, "OptimizeRecipe is expected"),
        (lambda: nst.optimize(LAKE, OILS, size=SIZE, init="drawing.png"), BadPicture, "drawing.png cannot be read"),
        (lambda: nst.video("no.mp4", OILS), BadClip, "no.mp4 cannot be read"),
        (lambda: nst.video(3, OILS), BadClip, "a path or bytes is expected"),
        (lambda: nst.video(b"abc", OILS), BadClip, "The clip"),
        (lambda: nst.train(LAKE, minutes=-1), BadRecipe, "minutes is -1"),
        (lambda: nst.load_network("gone.npz"), BadNetwork, "gone.npz cannot be read"),
        (lambda: nst.load_network("birch-wood").texture(), BadRecipe, "call its method stylize"),
        (lambda: nst.load_network("molten-embers-texture").stylize(LAKE), BadRecipe, "call its method texture"),
    ],
)  # fmt: skip
def test_each_mistake_is_one_sentence(call, error, words):
    with pytest.raises(error, match=words) as raised:
        call()
    assert "\n" not in str(raised.value) and str(raised.value).endswith(".")


def test_results_are_written_whole_or_not_at_all(painted, tmp_path):
    with pytest.raises(UserError, match=r"painted\.xcf: pictures are written as"):
        painted.save(tmp_path / "painted.xcf")
    with pytest.raises(UserError, match="There is no folder"):
        painted.save(tmp_path / "none" / "painted.png")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        painted.save(tmp_path / "folder.png")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_an_optimisation_tells_its_steps_and_ends_when_asked():
    told = []
    picture = nst.optimize(LAKE, OILS, size=SIZE, iterations=40, on_step=lambda step: told.append(step) or len(told) == 3)
    assert [step.iteration for step in told] == [1, 2, 3, 4]  # the last one has the result
    assert picture.array.shape == (192, 256, 3) and picture.losses
    assert picture.recipe.iterations == 40 and "3 of 40" in str(told[2])
    again = nst.optimize(LAKE, OILS, recipe=picture.recipe, iterations=1, init=picture)
    assert again.recipe.init == "image" and again.recipe.size == SIZE


def test_a_diverged_run_hands_out_its_best_picture(monkeypatch):
    from nst_core.engines import engine_for

    def run(*given, **more):
        yield nst.Step(1, 2, {}, np.zeros((192, 256, 3), np.float32))
        raise Diverged("The losses are no numbers any more.")

    monkeypatch.setattr(type(engine_for(recipes.optimize())), "run", run)
    with pytest.raises(Diverged) as raised:
        nst.optimize(LAKE, OILS, size=SIZE)
    assert raised.value.best.iteration == 1


def test_a_clip_is_painted_by_a_network(tmp_path):
    clip = nst.samples()["mountain-lake.mp4"]
    film = nst.video(clip, nst.load_network("birch-wood"), size=SIZE, on_step=lambda step: step.iteration == 2)
    assert film.frames == 2 and film.recipe.network.name == "birch-wood" and "<video" in film._repr_html_()
    assert film.save(tmp_path / "film.mp4").read_bytes() == film.mp4


@pytest.mark.slow
def test_a_trained_network_paints_and_is_read_again(tmp_path):
    network = nst.train(OILS, steps=3)
    path = network.save(tmp_path / "oils.npz")
    first, again = network.stylize(LAKE, size=SIZE), nst.load_network(path).stylize(LAKE, size=SIZE)
    assert np.array_equal(first.array, again.array)
    assert nst.train(OILS, steps=2, texture=True).texture(64).array.shape == (64, 64, 3)


def test_samples_exist():
    assert all(isinstance(path, Path) and path.is_file() for path in nst.samples().values())
