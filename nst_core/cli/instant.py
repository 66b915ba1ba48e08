"""Define the command `instant`: one pass per picture."""

from pathlib import Path
from typing import Annotated

import typer

from nst_core import engines, recipes
from nst_core.cli import files, options, texture_networks, work
from nst_core.engines import AUTO
from nst_core.errors import BadRecipe
from nst_core.library import network_file
from nst_core.recipes import DEFAULT_SIZE, Color, InstantRecipe

ENGINE = f"Which model: {AUTO}, {', '.join(engines.names(InstantRecipe))}; or the file of a network trained for one style."


def instant(
    pictures: options.Pictures,
    out: options.Out,
    weights_: options.Shares = "",
    strength: Annotated[float, typer.Option(help="0: the content's own style; 1: the style; up to 1.5.")] = 1.0,
    stroke_size: options.StrokeOption = 1.0,
    size: Annotated[int, typer.Option(help="Longer side of the result, in pixels.")] = DEFAULT_SIZE,
    engine: Annotated[str, typer.Option(help=ENGINE, metavar="NAME")] = AUTO,
    color: Annotated[Color, typer.Option(help="The colours of the result.")] = Color.STYLE,
    mask: options.Masks = None,
    soft_masks: options.SoftMasks = False,
    feather: options.Feather = 0,
    protect: options.Protect = None,
    subject: options.Subject = None,
    segmentation: options.SegmentationOption = None,
    style_segmentation: options.StyleSegmentations = None,
    also: options.Also = None,
    flatten: options.Flatten = False,
) -> None:
    """Paint a picture, several, or every picture in a folder, in one pass each."""
    if Path(engine).suffix.lower() in [of_file.suffix for of_file in engines.network_engines()]:
        if len(pictures) > 1 or also:
            raise BadRecipe("A network trained for one style takes no style picture: give one photograph, or a folder of them.")
        if subject:
            raise BadRecipe("A network trained for one style paints everywhere: leave --subject out, or give a style picture.")
        source, data = network_file(engine)
        network = recipes.texture_network(network=source, size=size, color=color, stroke_size=stroke_size)
        texture_networks.paint(pictures[0], data, network, out, flat=flatten)
        return
    content, style_paths = options.content_and_styles(pictures)
    if also or files.is_folder(content):
        options.check_several(subject)
    recipe = recipes.instant(
        styles=options.style_sources(style_paths, options.shares(weights_, len(style_paths))),
        strength=strength,
        stroke_size=stroke_size,
        size=size,
        engine=engine,
        color=color,
    )
    recipe = engines.resolved(recipe)
    engines.check_models(recipe)
    given_masks = options.MaskFiles(
        mask or [], soft_masks, feather, protect, segmentation, style_segmentation or [], subject=subject
    )
    recipe, styles = options.with_styles(recipe, style_paths, content, given_masks)
    inputs = [*style_paths, *given_masks.all]
    if also or files.is_folder(content):
        work.many([content, *(also or [])], recipe, out, inputs, styles=styles, flat=flatten)
    else:
        work.stylize_one(content, styles, recipe, out, inputs=inputs, flat=flatten)
