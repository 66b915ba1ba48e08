"""Define the command `instant`: one pass per picture."""

from typing import Annotated, Literal

import typer

from nst_core import recipes
from nst_core.cli import files, options, work
from nst_core.models import weights
from nst_core.recipes import DEFAULT_SIZE, Color


def instant(
    pictures: options.Pictures,
    out: options.Out,
    weights_: options.Shares = "",
    strength: Annotated[float, typer.Option(help="0: the content's own style; 1: the style; up to 1.5.")] = 1.0,
    stroke_size: options.Stroke = 1.0,
    size: Annotated[int, typer.Option(help="Longer side of the result, in pixels.")] = DEFAULT_SIZE,
    engine: Annotated[Literal["auto", "magenta", "instant-lite"], typer.Option(help="The model.")] = "auto",
    color: Annotated[Color, typer.Option(help="The colours of the result.")] = Color.STYLE,
    mask: options.Masks = None,
    soft_masks: options.SoftMasks = False,
    feather: options.Feather = 0,
    protect: options.Protect = None,
    segmentation: options.Segmentation = None,
    style_segmentation: options.StyleSegmentations = None,
    also: options.Also = None,
    flatten: options.Flatten = False,
) -> None:
    """Paint a picture, several, or every picture in a folder, in one pass each."""
    content, style_paths = options.content_and_styles(pictures)
    recipe = recipes.instant(
        styles=options.style_sources(style_paths, options.shares(weights_, len(style_paths))),
        strength=strength,
        stroke_size=stroke_size,
        size=size,
        engine=weights.best_instant() if engine == "auto" else engine,
        color=color,
    )
    weights.path(recipe.engine)
    given_masks = options.MaskFiles(mask or [], soft_masks, feather, protect, segmentation, style_segmentation or [])
    recipe, styles = options.with_styles(recipe, style_paths, content, given_masks)
    inputs = [*style_paths, *given_masks.all]
    if also or files.is_folder(content):
        work.stylize_many([content, *(also or [])], styles, recipe, out, inputs, flat=flatten)
    else:
        work.stylize_one(content, styles, recipe, out, inputs=inputs, flat=flatten)
