"""Define the commands of `texture-network`: train a network for one style, and paint with it."""

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

app = typer.Typer(no_args_is_help=True, help="Train a network for one style, and paint with it.")

CHECKPOINT_EVERY = 10.0  # seconds of training that a killed process loses at most
SHOWN_SIDE = 384  # pixels of the preview during a training


def train_network(
    path: Path, recipe: TrainingRecipe, out: Path, *, folder: Path | None = None, log: Path | None = None
) -> None:
    """Train in this process. A killed run leaves its state beside `out`, and the same command resumes."""
    if out == files.STREAM:
        raise UserError("A network is written to a file: give the name of an .npz.")
    files.by_suffix(out, {".npz": "npz"}, "networks")
    files.check_targets(out, log, inputs=[path])
    style = files.read(path, max(options.LEAST_STYLE, recipe.style_size))
    unfinished = Unfinished(out, recipe.model_dump_json())
    from nst_core.texture_networks import training

    shown = images.fit(training.first_photograph(), SHOWN_SIDE)
    run = training.train(style, recipe, shown, folder=folder, state=unfinished.load())
    loss_log = progress.LogFile(log) if log else None
    steps: Iterator[Step] = progress.shown(unfinished.kept(run, run.state, CHECKPOINT_EVERY))
    last: deque[Step] = deque(loss_log.follow(steps) if loss_log else steps, maxlen=1)
    assert isinstance(last[0], Trained)
    files.write(out, last[0].network)
    unfinished.discard()
    if loss_log and loss_log.complaint:
        raise loss_log.complaint


def paint_with_network(path: Path | None, data: bytes, recipe: TextureNetworkRecipe, out: Path, *, flat: bool = False) -> None:
    """Paint a picture, or without one a texture. flat: without the picture's transparency."""
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
    out: Annotated[Path, typer.Option("--out", "-o", help="File of the network, an .npz.")],
    minutes: Annotated[float | None, typer.Option(help="Duration; converted to steps once the pace is known.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps instead of minutes; the same seed gives the same network.")] = None,
    texture: Annotated[bool, typer.Option("--texture", help="Train a network that makes textures from noise.")] = False,
    photographs: Annotated[
        Path | None, typer.Option(help="Folder of photographs to learn from; default: built-in ones.")
    ] = None,
    features: Annotated[Literal["vgg19", "vgg19-lite"], typer.Option(help="The feature network of the losses.")] = "vgg19-lite",
    normalisation: Annotated[
        Literal["instance", "batch"], typer.Option(help="The normalisation, as compared in the papers.")
    ] = "instance",
    style_size: Annotated[
        int | None, typer.Option(help="Longer side of the style in pixels, which sets the size of strokes.")
    ] = None,
    style_weight: Annotated[float | None, typer.Option(help="Weight of the style; that of the content is 1.")] = None,
    crop: Annotated[int | None, typer.Option(help="Side of the training pictures, a multiple of 32.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    log: Annotated[Path | None, typer.Option(help="File for the losses: a JSON object per step.")] = None,
) -> None:
    """Train a network for one style. After an interruption, the same command resumes."""
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
    network: Annotated[str, typer.Argument(metavar="NET", help="Name of a ready-made network, or an .npz file.")],
    content: Annotated[Path, typer.Argument(help="The photograph, or a folder of them.")],
    out: options.Out,
    size: Annotated[int, typer.Option(help="Longer side of the result, in pixels.")] = DEFAULT_SIZE,
    stroke_size: options.StrokeOption = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the noise.")] = 0,
    color: Annotated[Color, typer.Option(help="style, or luminance: those of the photograph.")] = Color.STYLE,
    flatten: options.Flatten = False,
) -> None:
    """Paint a photograph, or every picture in a folder, with a trained network."""
    source, data = network_file(network)
    recipe = recipes.texture_network(network=source, size=size, seed=seed, color=color, stroke_size=stroke_size)
    paint(content, data, recipe, out, flat=flatten)


@app.command()
def export(
    network: Annotated[str, typer.Argument(metavar="NET", help="A ready network's name, or an .npz file.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model, an .onnx file.")],
) -> None:
    """Write a network in the layout of the ONNX Model Zoo's fast neural style, for other programs."""
    files.by_suffix(out, {".onnx": "onnx"}, "ONNX models")
    files.check_targets(out, None, inputs=[Path(network)])
    source, data = network_file(network)
    files.write(out, engines.network_engine(source.name).export(data, source.name))


@app.command()
def synthesize(
    network: Annotated[str, typer.Argument(metavar="NET", help="Name of a ready-made network, or an .npz file.")],
    out: options.Out,
    width: Annotated[int, typer.Option(help="In pixels.")] = DEFAULT_SIZE,
    height: Annotated[int, typer.Option(help="In pixels.")] = DEFAULT_SIZE,
    seed: Annotated[int, typer.Option(help="Seed of the noise; another seed gives another texture.")] = 0,
) -> None:
    """Make a texture that tiles, from noise."""
    source, data = network_file(network)
    recipe = recipes.texture_network(network=source, shape=(height, width), seed=seed)
    paint_with_network(None, data, recipe, out)
