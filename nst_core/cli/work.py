"""Do the work of commands: one picture in this process, several by the service."""

import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from nst_core import engines, images
from nst_core.cli import files, interrupts, progress
from nst_core.cli.unfinished import Unfinished, UnfinishedWork
from nst_core.engines import Inputs
from nst_core.errors import BadPicture, Diverged, Failure, NSTError, UserError
from nst_core.images import Image, Mask
from nst_core.pictures import timelapse
from nst_core.recipes import AnyRecipe
from nst_core.service import Batch, BatchEntry, Job, Service
from nst_core.stylizer import Step, Style

FRAME = "frame."  # how the names of a time-lapse's frames begin in a state
STARTUP = 120  # seconds that a worker may take to load its models
ENDING = 10  # seconds for which pictures that are being written are waited for after Ctrl-C


def stylize_one(
    path: Path,
    styles: Sequence[Style],
    recipe: AnyRecipe,
    out: Path,
    *,
    initial: Image | None = None,
    log: Path | None = None,
    film: Path | None = None,
    dpi: float | None = None,
    inputs: Sequence[Path | None] = (),
    flat: bool = False,
) -> None:
    """Paint a picture in this process.

    log: a JSON object per step; film: the time-lapse; dpi: of the result, for printing. inputs: files that are read besides the
    content. flat: without the content's transparency. Raises: Diverged, after writing the best picture until then;
    KeyboardInterrupt, after writing the latest one and the state that the same command resumes from.
    """
    out = files.targets([path], out, [read for read in inputs if read])[0] if files.is_folder(out) else out
    files.check_places(out, log, film, [path, *inputs])
    content = files.content(path, recipe.size)
    alpha = files.opacity(path, content.shape[:2])
    recipe = recipe.model_copy(update={"content": files.source(path)})
    kept = Unfinished(out, recipe.model_dump_json() + ("" if initial is None else images.digest(initial)))
    state = kept.load()
    frames = _frames_of(state)
    run = _steps(content, styles, recipe, initial, state)
    loss_log = progress.LogFile(log, more=state is not None) if log else None
    steps = progress.shown(kept.kept(run, run.state) if isinstance(run, UnfinishedWork) else run)
    steps = progress.filmed(steps, frames) if film else steps
    steps = loss_log.follow(steps) if loss_log else steps
    last: deque[Step] = deque(maxlen=1)
    try:
        with interrupts.deferred(isinstance(run, UnfinishedWork)):
            last.extend(steps)
    except Diverged:
        kept.discard()
        if last:
            _finish(last[0], recipe, out, frames, film, dpi, alpha, flat)
        raise
    except KeyboardInterrupt:
        if last and isinstance(run, UnfinishedWork):
            resumable = kept.save({**run.state(), **_arrays_of(frames)})
            run.stop()
            _finish(next(run), recipe, out, frames, film, dpi, alpha, flat)
            say_where(last[0], out, resumable)
        raise
    _finish(last[0], recipe, out, frames, film, dpi, alpha, flat)
    kept.discard()
    if loss_log and loss_log.complaint:
        raise loss_log.complaint


def say_where(step: Step, out: Path, resumable: bool) -> None:
    """Print, after Ctrl-C, what is finished and how to resume."""
    more = "; the same command goes on from there" if resumable else ""
    print(f"Stopped at {step.iteration} of {step.total}: {out} has what was made until then{more}.", file=sys.stderr)


def many(
    contents: Sequence[Path],
    recipe: AnyRecipe,
    out: Path,
    inputs: Sequence[Path | None] = (),
    *,
    styles: Sequence[Style] = (),
    data: Mapping[str, bytes] | None = None,
    flat: bool = False,
) -> None:
    """Paint every picture to a file in the folder `out`; those that the same recipe already made there are skipped.

    Workers paint several at once. What fails is reported at the end and does not stop the others. inputs: files that are read
    besides the contents. data: files that the recipe's engine needs. flat: without transparency. Raises: KeyboardInterrupt,
    after saying how many are finished.
    """
    paths = [path for content in contents for path in files.pictures_at(content)]
    if out == files.STREAM or (files.is_there(out) and not files.is_folder(out)):
        raise UserError(f"{out} is a file: for several pictures, give a folder to write to.")
    results = files.targets(paths, out, [path for path in inputs if path])
    named = [(path, target) for path, target in zip(paths, results, strict=True)]
    todo = [(path, target) for path, target in named if not files.made_before(target, recipe, path, flat=flat)]
    if not todo:
        return
    files.make_folder(out)
    lane = engines.engine_for(recipe).lane_of(recipe)
    service = Service()
    batch: Batch[None] | None = None

    def send_one(number: int) -> Job:
        content = files.content(todo[number][0], recipe.size)
        return service.run(recipe, {"content": content}, styles, data)

    def take_one(number: int, step: Step) -> None:
        path, target = todo[number]
        assert step.image is not None
        alpha, own = files.opacity(path, step.image.shape[:2]), recipe.model_copy(update={"content": files.source(path)})
        files.write_picture(step, target, own, alpha=alpha, flat=flat)

    try:
        service.wait_until_ready(STARTUP)
        batch = Batch([path.name for path, _ in todo], send_one, take_one, at_once=service.at_once(lane) + 1)
        progress.watched(batch, len(paths) - len(todo))
    except KeyboardInterrupt:
        _say_how_many(len(paths) - len(todo) + (_finished(batch) if batch else 0), len(paths), out)
        raise
    finally:
        service.close()
    if complaints := [_named(entry) for entry in batch.failed]:
        raise _all_in_one(complaints)


def _finished(batch: Batch[None]) -> int:
    """Cancel a batch, let pictures that are being written finish, and return how many are written."""
    batch.cancel()
    batch.wait(ENDING)
    return sum(entry.done and not entry.error for entry in batch.entries)


def _say_how_many(count: int, total: int, out: Path) -> None:
    """Print, after Ctrl-C, how many pictures are finished and how to resume."""
    print(f"Stopped: {count} of {total} pictures are in {out}; the same command paints the rest.", file=sys.stderr)


def _named(entry: BatchEntry[None]) -> NSTError:
    """Return the error of an entry with its name; errors of a picture's file already begin with it."""
    assert entry.error
    return entry.error if isinstance(entry.error, BadPicture) else type(entry.error)(f"{entry.name}: {entry.error}")


def _finish(
    step: Step,
    recipe: AnyRecipe,
    out: Path,
    frames: Sequence[bytes],
    film: Path | None,
    dpi: float | None,
    alpha: Mask | None,
    flat: bool,
) -> None:
    files.write_picture(step, out, recipe, dpi, alpha=alpha, flat=flat)
    if film:
        files.write(film, files.by_suffix(film, timelapse.FORMATS, "time-lapses")(frames))


def _arrays_of(frames: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Return the frames of a time-lapse as a part of a run's state."""
    return {f"{FRAME}{number:06}": np.frombuffer(frame, np.uint8) for number, frame in enumerate(frames)}


def _frames_of(state: dict[str, np.ndarray] | None) -> list[bytes]:
    """Take a time-lapse's frames out of a run's state."""
    names = sorted(name for name in state or () if name.startswith(FRAME))
    return [state.pop(name).tobytes() for name in names] if state else []


def _steps(
    content: Image, styles: Sequence[Style], recipe: AnyRecipe, initial: Image | None, state: dict[str, np.ndarray] | None
) -> Iterator[Step]:
    pictures = {"content": content} if initial is None else {"content": content, "initial": initial}
    return engines.engine_for(recipe).run(recipe, Inputs(pictures, styles), state=state)


def _all_in_one(complaints: Sequence[NSTError]) -> NSTError:
    """Return one error for several; internal errors take precedence over invalid input."""
    kind = Failure if any(isinstance(error, Failure) for error in complaints) else UserError
    return kind(" ".join(map(str, complaints)))
