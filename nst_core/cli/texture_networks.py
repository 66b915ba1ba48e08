"""`texture-network`: networks for one style each: train them, paint with them."""

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from nst_core import engines, images, recipes
from nst_core.cli import files, options, progress, work
from nst_core.cli.unfinished import Unfinished
from nst_core.engines import Inputs
from nst_core.errors import BadRecipe, UserError
from nst_core.library import network_file
from nst_core.models import weights
from nst_core.recipes import DEFAULT_SIZE, Color, TextureNetworkRecipe, TrainingRecipe
from nst_core.stylizer import Step
from nst_core.texture_networks import Trained

app = typer.Typer(no_args_is_help=True, help="Networks for one style each: train them, paint with them.")

CHECKPOINT_EVERY = 10.0  # seconds of training that a killed process costs at most
SHOWN_SIDE = 384  # pixels of what a training paints on its way


def train_network(
    path: Path, recipe: TrainingRecipe, out: Path, *, folder: Path | None = None, log: Path | None = None
) -> None:
    """Train in this process. A killed run leaves its state beside `out`: the same command goes on from there."""
    if out == files.STREAM:
        raise UserError("A network is written to a file: name an .npz.")
    files.by_suffix(out, {".npz": "npz"}, "networks")
    files.check_targets(out, log, inputs=[path])
    style = files.read(path, max(options.LEAST_STYLE, recipe.style_size))
    kept = Unfinished(out, recipe.model_dump_json())
    from nst_core.texture_networks import training

    shown = images.fit(training.first_photograph(), SHOWN_SIDE)
    run = training.train(style, recipe, shown, folder=folder, state=kept.load())
    diary = progress.Log(log) if log else None
    steps: Iterator[Step] = progress.shown(kept.kept(run, run.state, CHECKPOINT_EVERY))
    last: deque[Step] = deque(diary.follow(steps) if diary else steps, maxlen=1)
    assert isinstance(last[0], Trained)
    files.write(out, last[0].network)
    kept.discard()
    if diary and diary.complaint:
        raise diary.complaint


def paint_with_network(path: Path | None, data: bytes, recipe: TextureNetworkRecipe, out: Path, *, flat: bool = False) -> None:
    """A picture painted, or without one a texture. flat: without the picture's transparency."""
    files.check_places(out, None, None, [path])
    content = alpha = None
    if path:
        content = files.content(path, recipe.size)
        alpha = files.opacity(path, content.shape[:2])
        recipe = recipe.model_copy(update={"content": files.source(path)})
    engines.check(recipe, (recipe.shape or (recipe.size, recipe.size)) if content is None else content.shape[:2])
    inputs = Inputs({} if content is None else {"content": content}, files={"network": data})
    (step,) = engines.engine_for(recipe).run(recipe, inputs)
    files.write_picture(step, out, recipe, alpha=alpha, flat=flat)


def paint(content: Path, data: bytes, recipe: TextureNetworkRecipe, out: Path, *, flat: bool) -> None:
    """Paint a photograph, or every picture in a folder. data: the network's file. flat: without the pictures' transparency."""
    if files.is_folder(content):
        engines.check(recipe, (recipe.size, recipe.size))
        work.many([content], recipe, out, data={"network": data}, flat=flat)
    else:
        paint_with_network(content, data, recipe, out, flat=flat)


@app.command()
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
        style=files.source(style),
        purpose="synthesize" if texture else "stylize",
        features=features,
        normalisation=normalisation,
        seed=seed,
        **{name: value for name, value in given.items() if value is not None},
    )
    weights.path(features)
    train_network(style, recipe, out, folder=photographs, log=log)


@app.command()
def apply(
    network: Annotated[str, typer.Argument(metavar="NET", help="A ready network's name, or an .npz file.")],
    content: Annotated[Path, typer.Argument(help="The photograph, or a folder of them.")],
    out: options.Out,
    size: Annotated[int, typer.Option(help="Longer side of the result, in pixels.")] = DEFAULT_SIZE,
    stroke_size: options.Stroke = 1.0,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    color: Annotated[Color, typer.Option(help="style, or luminance: the photograph's own.")] = Color.STYLE,
    flatten: options.Flatten = False,
) -> None:
    """Paint a photograph, or every picture in a folder, with a trained network."""
    source, data = network_file(network)
    recipe = recipes.texture_network(network=source, size=size, seed=seed, color=color, stroke_size=stroke_size)
    paint(content, data, recipe, out, flat=flatten)


@app.command()
def synthesize(
    network: Annotated[str, typer.Argument(metavar="NET", help="A ready network's name, or an .npz file.")],
    out: options.Out,
    width: Annotated[int, typer.Option(help="Pixels.")] = DEFAULT_SIZE,
    height: Annotated[int, typer.Option(help="Pixels.")] = DEFAULT_SIZE,
    seed: Annotated[int, typer.Option(help="Of the noise: another seed, another texture.")] = 0,
) -> None:
    """Make a texture that tiles, from nothing but noise."""
    source, data = network_file(network)
    recipe = recipes.texture_network(network=source, shape=(height, width), seed=seed)
    paint_with_network(None, data, recipe, out)
