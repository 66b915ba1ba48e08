"""The command line: `python -m nst_core instant | optimize | texture-network | models | recipe`. The same recipes as the pages.

Exit 0: done. 2: a mistake of the user's, one line on standard error. 1: a fault of ours or of the machine. 130: Ctrl-C.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.exceptions import TyperException

from nst_core import commands, interrupts, recipes, weights
from nst_core.errors import BadRecipe, Failure, UserError
from nst_core.recipes import DEFAULT_SIZE, PRESETS, Color, OptimizeRecipe

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
recipe_app = typer.Typer(no_args_is_help=True, help="The recipes that pictures made here carry.")
app.add_typer(recipe_app, name="recipe")
network_app = typer.Typer(no_args_is_help=True, help="Networks for one style each: train them, paint with them.")
app.add_typer(network_app, name="texture-network")

# Options that commands share.
Pictures = Annotated[list[Path], typer.Argument(metavar="CONTENT STYLE…", help="Content, then up to four styles.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="A picture, or a folder where CONTENT is one.")]
Shares = Annotated[str, typer.Option("--weights", help="Shares of the styles, such as 0.7,0.3.")]
Also = Annotated[list[Path] | None, typer.Option(help="A further content picture; may be repeated.")]
Masks = Annotated[
    list[Path] | None, typer.Option("--mask", help="Where a style goes, white on black; repeated, one a style, in their order.")
]
SoftMasks = Annotated[bool, typer.Option("--soft-masks", help="Greys count as they are, not as black or white.")]
Feather = Annotated[float, typer.Option(min=0, max=500, help="Soften the masks' edges by so many pixels.")]
Protect = Annotated[Path | None, typer.Option(metavar="MASK", help="What no style touches, such as a face: white on black.")]


@app.command()
def instant(
    pictures: Pictures,
    out: Out,
    weights_: Shares = "",
    strength: Annotated[float, typer.Option(help="0: the content's own style; 1: the style's; up to 1.5.")] = 1.0,
    size: Annotated[int, typer.Option(help="Longer side of the result, in pixels.")] = DEFAULT_SIZE,
    engine: Annotated[Literal["auto", "magenta", "instant-lite"], typer.Option(help="Which model.")] = "auto",
    color: Annotated[Color, typer.Option(help="Whose colours the result wears.")] = Color.STYLE,
    mask: Masks = None,
    soft_masks: SoftMasks = False,
    feather: Feather = 0,
    protect: Protect = None,
    also: Also = None,
) -> None:
    """Stylize a picture, or several, or every picture in a folder, in one pass each."""
    content, style_paths = commands.content_and_styles(pictures)
    recipe = recipes.instant(
        styles=commands.style_sources(style_paths, commands.shares(weights_, len(style_paths))),
        strength=strength,
        size=size,
        engine=weights.best_instant() if engine == "auto" else engine,
        color=color,
    )
    weights.path(recipe.engine)
    styles = commands.styles(style_paths, recipe.styles)
    files = commands.MaskFiles(mask or [], soft_masks, feather, protect)
    recipe, styles = commands.with_masks(recipe, styles, content, files)
    if also or content.is_dir():
        commands.stylize_many([content, *(also or [])], styles, recipe, out)
    else:
        commands.stylize_one(content, styles, recipe, out)


@app.command()
def optimize(
    pictures: Pictures,
    out: Out,
    preset: Annotated[str, typer.Option(help=f"Where to start from: {', '.join(PRESETS)}; else fast.")] = "",
    recipe_file: Annotated[Path | None, typer.Option("--recipe", help="Your own instead, a JSON file.")] = None,
    features: Annotated[Literal["vgg19", "vgg16", "vgg19-lite"] | None, typer.Option(help="Which network.")] = None,
    iterations: Annotated[int | None, typer.Option(help="Over all sizes.")] = None,
    size: Annotated[int | None, typer.Option(help="Longer side of the result, in pixels.")] = None,
    weights_: Shares = "",
    style_weight: Annotated[list[float] | None, typer.Option(help="Of all styles; or repeated, of each.")] = None,
    content_weight: Annotated[float | None, typer.Option(help="Of the content.")] = None,
    init: Annotated[str | None, typer.Option(help="Start from content, noise, style, or this picture.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the noise.")] = None,
    color: Annotated[Color | None, typer.Option(help="Whose colours the result wears.")] = None,
    mask: Masks = None,
    soft_masks: SoftMasks = False,
    feather: Feather = 0,
    protect: Protect = None,
    also: Also = None,
    log: Annotated[Path | None, typer.Option(help="Losses, a JSON object a step.")] = None,
    timelapse: Annotated[Path | None, typer.Option(help="The run as a film, .gif or .mp4.")] = None,
) -> None:
    """Optimize a picture, or several, or every picture in a folder: slower, and closer to the style.

    An option that is given goes before what the preset or the recipe says.
    """
    content, style_paths = commands.content_and_styles(pictures)
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
        "styles": commands.style_sources(style_paths, shares, base.styles),
    }
    recipe = recipes.optimize(**dict(base) | {name: value for name, value in given.items() if value is not None})
    weights.path(recipe.features)
    styles = commands.styles(style_paths, recipe.styles)
    files = commands.MaskFiles(mask or [], soft_masks, feather, protect)
    recipe, styles = commands.with_masks(recipe, styles, content, files)
    if also or content.is_dir():
        if log or timelapse or initial:
            raise BadRecipe("--log, --timelapse and --init with a picture follow one content: leave them out for several.")
        commands.stylize_many([content, *(also or [])], styles, recipe, out)
    else:
        first = commands.read(initial) if initial else None
        commands.stylize_one(content, styles, recipe, out, initial=first, log=log, film=timelapse)


def _base(preset: str, recipe_file: Path | None) -> OptimizeRecipe:
    if preset and recipe_file:
        raise BadRecipe("Give --preset or --recipe, not both.")
    if recipe_file:
        return commands.own_recipe(recipe_file)
    if preset and preset not in PRESETS:
        raise BadRecipe(f"There is no preset “{preset}”; there are {', '.join(PRESETS)}.")
    return PRESETS[preset or "fast"]


def _style_weights(text: str, given: list[float], count: int, base: OptimizeRecipe) -> tuple[list[float], float | None]:
    """(shares of the styles, the weight that they share; None: the base's)"""
    if len(given) < 2:
        default = [style.weight for style in base.styles]
        return commands.shares(text, count, default), given[0] if given else None
    if text:
        raise BadRecipe("Give --weights, or a --style-weight for each style, not both.")
    if len(given) != count:
        raise BadRecipe(f"The styles and --style-weight do not match, {count} and {len(given)}: give one, or one a style.")
    if not (total := sum(given)) > 0:
        raise BadRecipe("At least one --style-weight must be above 0.")
    return [weight / total for weight in given], total


def _start(init: str | None) -> tuple[str | None, Path | None]:
    """(the recipe's `init`, the picture to start from)"""
    if init is None or init in ("content", "noise", "style"):
        return init, None
    return "image", Path(init)


@app.command()
def models(download: Annotated[str, typer.Option(metavar="NAME", help="Get this one.")] = "") -> None:
    """What is embedded, cached or missing; from where, how large, how checked."""
    if download:
        if download not in weights.MODELS:
            raise BadRecipe(f"There is no model “{download}”; there are {', '.join(weights.MODELS)}.")
        typer.echo(weights.download(download))
        return
    for model in weights.MODELS.values():
        typer.echo(f"{model.name:13} {model.status:9} {model.megabytes:6.1f} MB  {model.licence:22} {model.source}")
        typer.echo(f"{'':13} {model.find() or '—'}  {model.checksum or ''}".rstrip())


@network_app.command()
def train(
    style: Annotated[Path, typer.Argument(help="The style picture.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The network, an .npz file.")],
    minutes: Annotated[float | None, typer.Option(help="A budget of time, told in steps once the pace is known.")] = None,
    steps: Annotated[int | None, typer.Option(help="Instead of minutes; the same seed gives the same network.")] = None,
    texture: Annotated[bool, typer.Option("--texture", help="A network that makes textures from nothing.")] = False,
    photographs: Annotated[Path | None, typer.Option(help="A folder to learn from; default: ours.")] = None,
    features: Annotated[Literal["vgg19", "vgg19-lite"], typer.Option(help="Which network judges.")] = "vgg19-lite",
    normalisation: Annotated[Literal["instance", "batch"], typer.Option(help="The papers' comparison.")] = "instance",
    style_size: Annotated[int | None, typer.Option(help="Longer side of the style, pixels: how large its strokes are.")] = None,
    style_weight: Annotated[float | None, typer.Option(help="Beside the content's 1.")] = None,
    crop: Annotated[int | None, typer.Option(help="Side of the training pictures, a multiple of 32.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    log: Annotated[Path | None, typer.Option(help="Losses, a JSON object a step.")] = None,
) -> None:
    """Train a network for one style. A killed training goes on where it was when the same command is given again."""
    if minutes and steps:
        raise BadRecipe("Give --minutes or --steps, not both.")
    given: dict[str, Any] = {
        "steps": steps,
        "seconds": None if steps else 60 * (minutes or 10),
        "style_size": style_size,
        "style_weight": style_weight,
        "crop": crop,
    }
    recipe = recipes.training(
        style=commands.source(style),
        purpose="synthesize" if texture else "stylize",
        features=features,
        normalisation=normalisation,
        seed=seed,
        **{name: value for name, value in given.items() if value is not None},
    )
    weights.path(features)
    commands.train_network(style, recipe, out, folder=photographs, log=log)


@network_app.command()
def apply(
    network: Annotated[str, typer.Argument(metavar="NET", help="A ready network's name, or an .npz file.")],
    content: Annotated[Path, typer.Argument(help="The photograph.")],
    out: Out,
    size: Annotated[int, typer.Option(help="Longer side of the result, in pixels.")] = DEFAULT_SIZE,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    color: Annotated[Color, typer.Option(help="style, or luminance: the photograph's own.")] = Color.STYLE,
) -> None:
    """Paint a photograph with a trained network."""
    source, data = commands.network_file(network)
    recipe = recipes.texture_network(network=source, size=size, seed=seed, color=color)
    commands.paint_with_network(content, data, recipe, out)


@network_app.command()
def synthesize(
    network: Annotated[str, typer.Argument(metavar="NET", help="A ready network's name, or an .npz file.")],
    out: Out,
    width: Annotated[int, typer.Option(help="Pixels.")] = DEFAULT_SIZE,
    height: Annotated[int, typer.Option(help="Pixels.")] = DEFAULT_SIZE,
    seed: Annotated[int, typer.Option(help="Of the noise: another seed, another texture.")] = 0,
) -> None:
    """Make a texture that tiles, from nothing but noise."""
    source, data = commands.network_file(network)
    recipe = recipes.texture_network(network=source, shape=(height, width), seed=seed)
    commands.paint_with_network(None, data, recipe, out)


@recipe_app.command()
def show(picture: Annotated[Path, typer.Argument(help="A PNG that was made here.")]) -> None:
    """Print the recipe inside a picture as JSON."""
    recipe = recipes.of_png(commands.read_bytes(picture))
    if recipe is None:
        raise BadRecipe(f"{picture.name} carries no recipe: only PNGs that were made here do.")
    typer.echo(recipe.model_dump_json(indent=2))


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # standard error is for our sentences
    interrupts.listen()
    try:
        sys.exit(app(standalone_mode=False))  # 130 after Ctrl-C
    except TyperException as error:  # a wrong option: one line, like every other mistake; no command: help, and no line
        sys.exit(_say(error.format_message(), 2))
    except UserError as error:
        sys.exit(_say(error, 2))
    except Failure as error:
        sys.exit(_say(error, 1))


def _say(error: object, code: int) -> int:
    if sentence := str(error):
        print(sentence, file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
