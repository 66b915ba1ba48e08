"""`video`: a clip painted, steadily."""

import shutil
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nst_core import engines, images, recipes
from nst_core.cli import files, interrupts, options, progress
from nst_core.cli.texture_networks import network_file
from nst_core.cli.unfinished import Unfinished
from nst_core.cli.work import say_where
from nst_core.errors import BadClip, BadRecipe
from nst_core.recipes import DEFAULT_SIZE, STEADINESS, Color
from nst_core.stylizer import Step
from nst_core.video import Film

if TYPE_CHECKING:
    from nst_core.video.run import Filming

SAVED_EVERY = 10.0  # seconds of work that a killed process costs at most


def video(
    paths: Annotated[list[Path], typer.Argument(metavar="CLIP STYLE…", help="A clip or GIF, then up to eight styles.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The film, an .mp4.")],
    network: Annotated[str, typer.Option(metavar="NET", help="Instead of styles: a texture network, by name or file.")] = "",
    fine: Annotated[bool, typer.Option(help="By the optimiser: finer, some seconds a frame.")] = False,
    weights: options.Shares = "",
    strength: Annotated[float, typer.Option(help="0: the clip's own style; 1: the styles'; up to 1.5.")] = 1.0,
    steadiness: Annotated[float, typer.Option(help="0: each frame by itself, which flickers; up to 0.95.")] = STEADINESS,
    size: Annotated[int, typer.Option(help="Longer side of the film, in pixels.")] = DEFAULT_SIZE,
    color: Annotated[Color, typer.Option(help="Whose colours the film wears.")] = Color.STYLE,
    mask: options.Masks = None,
    soft_masks: options.SoftMasks = False,
    feather: options.Feather = 0,
    protect: options.Protect = None,
    subject: options.Subject = None,
    strip: Annotated[Path | None, typer.Option(help="Frames before and after, side by side, a .jpg.")] = None,
) -> None:
    """Paint a clip, frame by frame and steadily; its sound and its times stay. Masks hold for the whole clip.

    So does the mask of --subject, which is found in the first frame.
    """
    clip, style_paths = (paths[0], paths[1:]) if network else options.content_and_styles(paths)
    if network and (style_paths or mask or protect or subject):
        raise BadRecipe("A texture network has its style in it and paints everywhere: give --network, or styles and masks.")
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
    from nst_core.video import reading, run  # once everything that was asked for is in order: they bring OpenCV and PyAV

    facts = reading.probe(data, files.name_of(clip))
    shape = facts.shape(size)
    given = replace(given, photograph=lambda: images.from_uint8(next(reading.frames(data, shape)).pixels))
    recipe, styles = options.with_styles(recipe, style_paths, lambda: shape, given)
    engines.check(recipe, shape)
    parts = None if out == files.STREAM else files.beside(out, "parts")
    kept = Unfinished(out, recipe.model_dump_json())
    state = kept.load()
    if parts and state is None:
        shutil.rmtree(parts, ignore_errors=True)  # of a film that nothing is known of
    filming = run.Filming(data, styles, recipe, parts=parts, state=state, network=generator)
    _write(_painted(filming, kept, out, strip), out, strip)
    kept.discard()
    if parts:
        shutil.rmtree(parts, ignore_errors=True)


def _painted(filming: "Filming", kept: Unfinished, out: Path, strip: Path | None) -> Step:
    """The film.

    Raises: KeyboardInterrupt, after writing what there is of it and what the same command goes on from.
    """
    last: deque[Step] = deque(maxlen=1)
    try:
        with interrupts.deferred(True):
            last.extend(progress.shown(kept.kept(filming, filming.state, SAVED_EVERY)))
    except KeyboardInterrupt:
        if last:
            resumable = kept.save(filming.state())
            filming.stop()
            _write(next(filming), out, strip)
            say_where(last[0], out, resumable)
        raise
    return last[0]


def _write(film: Step, out: Path, strip: Path | None) -> None:
    assert isinstance(film, Film)
    files.write(out, film.mp4)
    if strip:
        files.write(strip, film.strip)
    if film.notice:
        typer.echo(film.notice, err=True)
