"""Define the command `video`: paint a clip with little flicker."""

import shutil
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from nst_core import engines, images, recipes
from nst_core.cli import files, interrupts, options, progress
from nst_core.cli.unfinished import Unfinished, UnfinishedWork
from nst_core.cli.work import say_where
from nst_core.engines import Inputs
from nst_core.errors import BadClip, BadRecipe
from nst_core.library import network_file
from nst_core.recipes import DEFAULT_SIZE, STEADINESS, Color
from nst_core.stylizer import Step
from nst_core.videos import Film

SAVED_EVERY = 10.0  # seconds of work that a killed process loses at most


def video(
    paths: Annotated[list[Path], typer.Argument(metavar="CLIP STYLE…", help="A clip or GIF, then up to eight styles.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File of the film, an .mp4.")],
    network: Annotated[str, typer.Option(metavar="NET", help="A texture network, by name or file, instead of styles.")] = "",
    fine: Annotated[bool, typer.Option(help="Use the optimiser: finer, some seconds per frame.")] = False,
    weights: options.Shares = "",
    strength: Annotated[float, typer.Option(help="0: the clip's own style; 1: the styles; up to 1.5.")] = 1.0,
    steadiness: Annotated[
        float, typer.Option(help="0: frames independent of each other, which flickers; up to 0.95.")
    ] = STEADINESS,
    size: Annotated[int, typer.Option(help="Longer side of the film, in pixels.")] = DEFAULT_SIZE,
    color: Annotated[Color, typer.Option(help="The colours of the film.")] = Color.STYLE,
    mask: options.Masks = None,
    soft_masks: options.SoftMasks = False,
    feather: options.Feather = 0,
    protect: options.Protect = None,
    subject: options.Subject = None,
    strip: Annotated[Path | None, typer.Option(help="File for frames before and after, side by side, a .jpg.")] = None,
) -> None:
    """Paint a clip frame by frame with little flicker, and keep its sound. Masks apply to the whole clip.

    So does the mask of --subject, which is found in the first frame.
    """
    clip, style_paths = (paths[0], paths[1:]) if network else options.content_and_styles(paths)
    if network and (style_paths or mask or protect or subject):
        raise BadRecipe("A texture network contains its style and paints everywhere: give --network, or styles and masks.")
    files.by_suffix(out, {".mp4": None}, "films")
    if strip:
        files.by_suffix(strip, {".jpg": None, ".jpeg": None}, "strips")
    given = options.MaskFiles(mask or [], soft_masks, feather, protect, subject=subject)
    files.check_targets(out, strip, inputs=[clip, *style_paths, *given.all])
    data = files.read_bytes(clip, BadClip)
    source, generator = network_file(network) if network else (None, None)
    recipe = recipes.video(
        network=source,
        fine=fine,
        content=recipes.Source.of_upload(files.name_of(clip), data),
        styles=options.style_sources(style_paths, options.shares(weights, len(style_paths))),
        strength=strength,
        steadiness=steadiness,
        size=size,
        color=color,
    )
    from nst_core.videos import reading  # imported after the checks, because it imports PyAV

    facts = reading.probe(data, files.name_of(clip))
    shape = facts.shape(size)
    given = replace(given, photograph=lambda: images.from_uint8(next(reading.frames(data, shape)).pixels))
    recipe, styles = options.with_styles(recipe, style_paths, lambda: shape, given)
    engines.check(recipe, shape)
    parts = None if out == files.STREAM else files.beside(out, "parts")
    unfinished = Unfinished(out, recipe.model_dump_json())
    state = unfinished.load()
    if parts and state is None:
        shutil.rmtree(parts, ignore_errors=True)  # left from an unknown film
    sources = {"clip": data} | ({"network": generator} if generator else {})
    filming = engines.engine_for(recipe).run(recipe, Inputs(styles=styles, files=sources), state=state, folder=parts)
    assert isinstance(filming, UnfinishedWork)
    _write(_painted(filming, unfinished, out, strip), out, strip)
    unfinished.discard()
    if parts:
        shutil.rmtree(parts, ignore_errors=True)


def _painted(filming: UnfinishedWork, unfinished: Unfinished, out: Path, strip: Path | None) -> Step:
    """Paint the film and return its last Step.

    Raises: KeyboardInterrupt, after writing what is finished and the state that the same command resumes from.
    """
    last: deque[Step] = deque(maxlen=1)
    try:
        with interrupts.deferred(True):
            last.extend(progress.shown(unfinished.kept(filming, filming.state, SAVED_EVERY)))
    except KeyboardInterrupt:
        if last:
            resumable = unfinished.save(filming.state())
            filming.stop()
            _write(next(filming), out, strip)
            say_where(last[0], out, resumable)
        raise
    return last[0]


def _write(film: Step, out: Path, strip: Path | None) -> None:
    """Write the film and its strip."""
    assert isinstance(film, Film)
    files.write(out, film.mp4)
    if strip:
        files.write(strip, film.strip)
    if film.notice:
        typer.echo(film.notice, err=True)
