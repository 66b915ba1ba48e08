"""Define the command `optimize`: slower than `instant`, and closer to the style."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from nst_core import engines, recipes
from nst_core.cli import files, options, work
from nst_core.errors import BadRecipe
from nst_core.recipes import PRESETS, Color, OptimizeRecipe


def own_recipe(path: Path) -> OptimizeRecipe:
    """Read a user's recipe: a JSON object of settings; missing ones are those of the preset `fast`."""
    try:
        settings = json.loads(files.read_bytes(path))
    except (ValueError, RecursionError):
        raise BadRecipe(f"{path.name} is not JSON; `recipe show` prints what a recipe looks like.") from None
    if not isinstance(settings, dict):
        raise BadRecipe(f"{path.name} is not a recipe, which is an object, {{…}}, of settings.")
    recipe = recipes.parse(json.dumps({"kind": "optimize"} | settings))
    if not isinstance(recipe, OptimizeRecipe):
        raise BadRecipe(f"{path.name} is a recipe of kind {recipe.kind}, for another command.")
    return recipe


def optimize(
    pictures: options.Pictures,
    out: options.Out,
    preset: Annotated[str, typer.Option(help=f"One of {', '.join(PRESETS)}; default: fast.")] = "",
    recipe_file: Annotated[
        Path | None, typer.Option("--recipe", help="A JSON file with your own settings instead of a preset.")
    ] = None,
    features: Annotated[Literal["vgg19", "vgg16", "vgg19-lite"] | None, typer.Option(help="The feature network.")] = None,
    iterations: Annotated[int | None, typer.Option(help="Iterations in total over all sizes.")] = None,
    size: Annotated[int | None, typer.Option(help="Longer side of the result, in pixels.")] = None,
    weights_: options.Shares = "",
    style_weight: Annotated[list[float] | None, typer.Option(help="Weight of all styles; or repeated, one per style.")] = None,
    content_weight: Annotated[float | None, typer.Option(help="Weight of the content.")] = None,
    init: Annotated[
        str | None, typer.Option(help="Start from content, noise, style, instant, or the picture with this name.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the noise.")] = None,
    color: Annotated[Color | None, typer.Option(help="The colours of the result.")] = None,
    mask: options.Masks = None,
    soft_masks: options.SoftMasks = False,
    feather: options.Feather = 0,
    protect: options.Protect = None,
    subject: options.Subject = None,
    segmentation: options.SegmentationOption = None,
    style_segmentation: options.StyleSegmentations = None,
    also: options.Also = None,
    flatten: options.Flatten = False,
    dpi: Annotated[
        float | None, typer.Option(min=1, max=10_000, help="Dots per inch, for printing; -o NAME.tif has 16 bits.")
    ] = None,
    log: Annotated[Path | None, typer.Option(help="File for the losses: a JSON object per step.")] = None,
    timelapse: Annotated[Path | None, typer.Option(help="File for a time-lapse of the run, .gif or .mp4.")] = None,
) -> None:
    """Optimize a picture, several, or every picture in a folder: slower than `instant`, and closer to the style.

    Options override the preset and the recipe.
    """
    content, style_paths = options.content_and_styles(pictures)
    if also or files.is_folder(content):
        options.check_several(subject)
    base = _base(preset, recipe_file)
    shares, style_weight_ = _style_weights(weights_, style_weight or [], len(style_paths), base)
    start, initial = _start(init)
    given: dict[str, Any] = {
        "features": features,
        "iterations": iterations,
        "size": size,
        "style_weight": style_weight_,
        "content_weight": content_weight,
        "init": start,
        "seed": seed,
        "color": color,
        "styles": options.style_sources(style_paths, shares, base.styles),
    }
    recipe = recipes.optimize(**dict(base) | {name: value for name, value in given.items() if value is not None})
    if dpi and out.suffix.lower() == ".webp":
        raise BadRecipe("WebP cannot store dots per inch: write .tif, .png or .jpg, or omit --dpi.")
    engines.check_models(recipe)
    given_masks = options.MaskFiles(
        mask or [], soft_masks, feather, protect, segmentation, style_segmentation or [], subject=subject
    )
    recipe, styles = options.with_styles(recipe, style_paths, content, given_masks)
    inputs = [*style_paths, *given_masks.all, initial, recipe_file]
    if also or files.is_folder(content):
        if log or timelapse or initial or dpi:
            raise BadRecipe("--log, --timelapse, --dpi and --init with a picture need a single content: omit them for several.")
        work.many([content, *(also or [])], recipe, out, inputs, styles=styles, flat=flatten)
        return
    first = files.read(initial, recipe.size, over="nearest") if initial else None
    work.stylize_one(content, styles, recipe, out, initial=first, log=log, film=timelapse, dpi=dpi, inputs=inputs, flat=flatten)


def _base(preset: str, recipe_file: Path | None) -> OptimizeRecipe:
    """Return the preset, or the recipe of a file."""
    if preset and recipe_file:
        raise BadRecipe("Give --preset or --recipe, not both.")
    if recipe_file:
        return own_recipe(recipe_file)
    if preset and preset not in PRESETS:
        raise BadRecipe(f"There is no preset “{preset}”; there are {', '.join(PRESETS)}.")
    return PRESETS[preset or "fast"]


def _style_weights(text: str, given: list[float], count: int, base: OptimizeRecipe) -> tuple[list[float], float | None]:
    """Return the shares of the styles, and their total weight (None: the base's)."""
    if len(given) < 2:
        default = [style.weight for style in base.styles]
        return options.shares(text, count, default), given[0] if given else None
    if text:
        raise BadRecipe("Give --weights, or a --style-weight for each style, not both.")
    if len(given) != count:
        raise BadRecipe(f"The styles and --style-weight do not match, {count} and {len(given)}: give one, or one per style.")
    if not (total := sum(given)) > 0:
        raise BadRecipe("At least one --style-weight must be above 0.")
    return [weight / total for weight in given], total


def _start(init: str | None) -> tuple[str | None, Path | None]:
    """Return the recipe's `init`, and the picture to start from."""
    if init is None or init in ("content", "noise", "style", "instant"):
        return init, None
    return "image", Path(init)
