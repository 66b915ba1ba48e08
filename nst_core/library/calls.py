"""The calls that paint: `stylize` in one pass, `optimize` step by step, `video` frame by frame."""

from os import PathLike
from typing import Any

from nst_core import engines, extras, recipes
from nst_core.engines import AUTO, Inputs
from nst_core.errors import BadClip, BadRecipe
from nst_core.library import arguments
from nst_core.library.arguments import MaskOptions, PictureLike, StylesLike
from nst_core.library.network import TrainedNetwork
from nst_core.library.painted_clip import PaintedClip
from nst_core.library.picture import Picture
from nst_core.library.running import OnStep, check_size, last_step, painted, steps_of
from nst_core.recipes import DEFAULT_SIZE, PRESETS, STEADINESS, OptimizeRecipe

STARTS = ("content", "noise", "style", "instant")  # that `init` names; anything else is a picture


def stylize(
    content: PictureLike,
    styles: StylesLike,
    *,
    engine: str = AUTO,
    size: int = DEFAULT_SIZE,
    strength: float = 1.0,
    stroke_size: float = 1.0,
    color: str = "style",
    protect: PictureLike | None = None,
    soft_masks: bool = False,
    feather: float = 0.0,
    seed: int = 0,
) -> Picture:
    """Paint a picture in one pass, in a second or less.

    content, styles: paths, bytes, PIL images or arrays, uint8 or floats in [0, 1], (h, w), (h, w, 3) or (h, w, 4). Several
    styles are blended as a list, or by a mapping {style: weight}; {style: mask} paints each where its mask is white. A list of
    pairs (style, weight or mask) does the same for arrays, which cannot be keys. A content with transparent parts gives a
    result with the same; transparent parts of a style count as white.

    engine: `auto`, `instant-lite`, or another one that is installed. size: pixels of the result's longer side, 256 or more.
    strength: 0, the content's own style, to 1.5. stroke_size: 0.25 to 4. color: `style`, `luminance` (the content's colours),
    `linear-cholesky`, `linear-pca`, `linear-symmetric` or `histogram`. protect: a mask of what no style touches. soft_masks:
    greys of mask files and PIL images count as they are; otherwise what is brighter than 127 is white. feather: pixels by which
    the edges of masks are softened. seed: of the noise.

    Raises: BadPicture, BadMask, BadRecipe, ModelUnavailable, TooLarge, MissingPackage.

    >>> import numpy as np, nst_core as nst
    >>> picture = nst.stylize(nst.samples()["mountain-lake"], nst.samples()["starlit-oils"], size=256)
    >>> picture.array.shape, picture.array.dtype, picture.recipe.engine
    ((192, 256, 3), dtype('float32'), 'instant-lite')
    >>> left = np.zeros((64, 64)); left[:, :32] = 1
    >>> halves = [(nst.samples()["ink-bamboo"], left), (nst.samples()["rose-window"], 1 - left)]
    >>> nst.stylize(np.full((64, 64, 3), 0.5), halves, size=256).array.shape
    (256, 256, 3)
    """
    check_size(size)
    loaded = arguments.content(content, size)
    options = MaskOptions(soft_masks, feather, protect)
    sources, read = arguments.read_styles(styles, loaded.image.shape[:2], size, options)
    recipe = recipes.instant(
        content=loaded.source, styles=sources, engine=engine, size=size, strength=strength, stroke_size=stroke_size,
        color=color, seed=seed,
    )  # fmt: skip
    recipe = engines.resolved(recipe)
    return painted(recipe, Inputs({"content": loaded.image}, read), loaded.alpha)


def optimize(
    content: PictureLike,
    styles: StylesLike,
    *,
    preset: str = "fast",
    recipe: OptimizeRecipe | None = None,
    size: int | None = None,
    iterations: int | None = None,
    style_weight: float | None = None,
    content_weight: float | None = None,
    color: str | None = None,
    init: str | PictureLike | None = None,
    seed: int | None = None,
    protect: PictureLike | None = None,
    soft_masks: bool = False,
    feather: float = 0.0,
    on_step: OnStep | None = None,
) -> Picture:
    """Paint a picture by optimisation: slower than `stylize`, and closer to the style. Needs the extra `optimize`.

    content, styles, protect, soft_masks, feather: as `stylize` takes them.

    preset: a name in `nst.PRESETS`. recipe: instead of a preset, such as `picture.recipe` of an earlier result. The options
    after it replace what the preset says: size, pixels of the longer side; iterations, over all scales; the weights; color, see
    `stylize`; init, where to start: `content`, `noise`, `style`, `instant`, or a picture (a path, bytes, a PIL image, an
    array or a Picture); seed, of the noise. on_step: called with every `Step`; the run ends early, with what it has, when it
    returns True.

    Raises: BadPicture, BadMask, BadRecipe, ModelUnavailable, TooLarge, MissingPackage; Diverged, whose `best` is a Step with
    the best picture until then.

    >>> import nst_core as nst
    >>> lake, oils = nst.samples()["mountain-lake"], nst.samples()["starlit-oils"]
    >>> nst.optimize(lake, oils, size=256, iterations=2).array.shape
    (192, 256, 3)
    >>> nst.optimize(lake, oils, preset="finer")
    Traceback (most recent call last):
    nst_core.errors.BadRecipe: There is no preset “finer”; there are fast, quick, finest, gatys-2015, improved-2016, \
stylenet-vgg16, vgg19-rms.
    """
    base = _base(preset, recipe)
    size = base.size if size is None else size
    check_size(size)
    loaded = arguments.content(content, size)
    options = MaskOptions(soft_masks, feather, protect)
    side = round(size * base.style_scale)
    sources, read = arguments.read_styles(styles, loaded.image.shape[:2], side, options)
    pictures = {"content": loaded.image}
    if init is not None and not (isinstance(init, str) and init in STARTS):
        pictures["initial"] = arguments.picture(init, "The picture to start from", size).image
        init = "image"
    given = {
        "content": loaded.source, "styles": sources, "size": size, "iterations": iterations, "style_weight": style_weight,
        "content_weight": content_weight, "color": color, "init": init, "seed": seed,
    }  # fmt: skip
    asked = recipes.optimize(**dict(base) | {name: value for name, value in given.items() if value is not None})
    return painted(asked, Inputs(pictures, read), loaded.alpha, on_step)


def video(
    clip: str | PathLike[str] | bytes,
    styles: StylesLike | TrainedNetwork,
    *,
    fine: bool = False,
    size: int = DEFAULT_SIZE,
    strength: float = 1.0,
    steadiness: float = STEADINESS,
    color: str = "style",
    protect: PictureLike | None = None,
    soft_masks: bool = False,
    feather: float = 0.0,
    on_step: OnStep | None = None,
) -> PaintedClip:
    """Paint a clip, frame by frame and steadily; its sound and times are kept. Needs the extra `video`.

    clip: a path or the bytes of an MP4, MOV, WebM, MKV, AVI or GIF. styles: as `stylize` takes them, or a trained network;
    masks hold for all frames.

    fine: paint by optimisation, some seconds a frame; needs the extra `optimize` too. size: pixels of the frames' longer side.
    strength: 0 to 1.5. steadiness: 0 (every frame by itself, which flickers) to 0.95. color, protect, soft_masks, feather: see
    `stylize`. on_step: called with a `Step` for each frame; the clip ends early, with what is painted, when it returns True.

    Raises: BadClip, BadPicture, BadMask, BadRecipe, TooLarge, MissingPackage.

    >>> import nst_core as nst
    >>> lake, waves = nst.samples()["mountain-lake.mp4"], nst.samples()["woodcut-waves"]
    >>> clip = nst.video(lake, waves, size=256, on_step=lambda step: True)
    >>> clip.shape, clip.mp4[4:8]
    ((144, 256), b'ftyp')
    """
    check_size(size)
    data, name = arguments.file(clip, "The clip", BadClip)
    with extras.named():
        from nst_core.videos import reading

    shape = reading.probe(data, name).shape(size)
    files, sources, read = {"clip": data}, list[Any](), list[Any]()
    network = styles if isinstance(styles, TrainedNetwork) else None
    if network:
        files["network"] = network.data
    else:
        options = MaskOptions(soft_masks, feather, protect)
        sources, read = arguments.read_styles(styles, shape, size, options)  # type: ignore[arg-type]
    recipe = recipes.video(
        network=network.source if network else None, fine=fine, content=recipes.Source.of_upload(name, data), styles=sources,
        size=size, strength=strength, steadiness=steadiness, color=color,
    )  # fmt: skip
    film: Any = last_step(steps_of(recipe, Inputs(styles=read, files=files), shape), on_step)
    return PaintedClip(film.mp4, recipe, film.shape, film.iteration, film.strip, film.notice, film.seconds)


def _base(preset: str, recipe: OptimizeRecipe | None) -> OptimizeRecipe:
    """Return the recipe to start from. Raises: BadRecipe."""
    if recipe is not None:
        if not isinstance(recipe, OptimizeRecipe):
            raise BadRecipe(f"recipe is of the type {type(recipe).__name__}; an OptimizeRecipe is expected.")
        return recipe
    if preset not in PRESETS:
        raise BadRecipe(f"There is no preset “{preset}”; there are {', '.join(PRESETS)}.")
    return PRESETS[preset]
