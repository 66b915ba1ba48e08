"""The work: one picture is made in this process, several by the engine."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from nst_core.cli import files, progress
from nst_core.engine import Batch, Engine, Entry, Job, Lane, lane_of
from nst_core.errors import BadPicture, Diverged, Failure, NSTError, UserError
from nst_core.images import Image, Mask
from nst_core.pictures import timelapse
from nst_core.recipes import AnyRecipe, InstantRecipe, OptimizeRecipe
from nst_core.stylizer import Step, Style

STARTUP = 120  # seconds that a worker may take to load its models


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
    flat: bool = False,
) -> None:
    """In this process. log: a JSON object a step; film: the time-lapse; dpi: of the result, for a printer; flat: without the
    content's transparency.

    Raises: Diverged, after writing the best picture until then.
    """
    out = files.targets([path], out)[0] if out.is_dir() else out
    files.check_places(out, log, film)
    content = files.content(path, recipe.size)
    alpha = files.opacity(path, content.shape[:2])
    recipe = recipe.model_copy(update={"content": files.source(path)})
    frames: list[bytes] = []
    steps = progress.shown(_steps(content, styles, recipe, initial))
    steps = progress.filmed(steps, frames) if film else steps
    steps = progress.logged(steps, log) if log else steps
    last: deque[Step] = deque(maxlen=1)
    try:
        last.extend(steps)
    except Diverged:
        if last:
            _finish(last[0], recipe, out, frames, film, dpi, alpha, flat)
        raise
    _finish(last[0], recipe, out, frames, film, dpi, alpha, flat)


def stylize_many(
    contents: Sequence[Path], styles: Sequence[Style], recipe: AnyRecipe, out: Path, *, flat: bool = False
) -> None:
    """By the engine, as many at once as its workers do."""
    lane = lane_of(recipe.engine) if isinstance(recipe, InstantRecipe) else Lane.SLOW
    many(contents, recipe, out, lane, lambda engine, content: engine.stylize(content, styles, recipe), flat=flat)


def many(
    contents: Sequence[Path],
    recipe: AnyRecipe,
    out: Path,
    lane: Lane,
    send: Callable[[Engine, Image], Job],
    *,
    flat: bool = False,
) -> None:
    """Every picture to a file in the folder `out`; those that lie there already, made by the same recipe, are left out.

    What goes wrong with one is told at the end and holds up no other.
    """
    paths = [path for content in contents for path in files.pictures_at(content)]
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: for several pictures, name a folder to write to.")
    named = [(path, target) for path, target in zip(paths, files.targets(paths, out), strict=True)]
    todo = [(path, target) for path, target in named if not files.made_before(target, recipe, path, flat=flat)]
    if not todo:
        return
    out.mkdir(parents=True, exist_ok=True)
    engine = Engine()

    def send_one(number: int) -> Job:
        return send(engine, files.content(todo[number][0], recipe.size))

    def take_one(number: int, step: Step) -> None:
        path, target = todo[number]
        assert step.image is not None
        alpha, own = files.opacity(path, step.image.shape[:2]), recipe.model_copy(update={"content": files.source(path)})
        files.write_picture(step, target, own, alpha=alpha, flat=flat)

    try:
        engine.wait_until_ready(STARTUP)
        batch = Batch([path.name for path, _ in todo], send_one, take_one, at_once=engine.at_once(lane) + 1)
        progress.watched(batch, len(paths) - len(todo))
    finally:
        engine.close()
    if complaints := [_named(entry) for entry in batch.failed]:
        raise _all_in_one(complaints)


def _named(entry: Entry[None]) -> NSTError:
    """Which of the many: what is wrong with a picture's file begins with its name already."""
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


def _steps(content: Image, styles: Sequence[Style], recipe: AnyRecipe, initial: Image | None) -> Iterator[Step]:
    if isinstance(recipe, InstantRecipe):
        from nst_core import instant

        return instant.stylizer(recipe.engine).stylize(content, styles, recipe)
    assert isinstance(recipe, OptimizeRecipe)
    from nst_core import optimize

    return optimize.Optimization(content, styles, recipe, initial=initial)


def _all_in_one(complaints: Sequence[NSTError]) -> NSTError:
    """A fault of ours, if there is one among them, outweighs the mistakes."""
    kind = Failure if any(isinstance(error, Failure) for error in complaints) else UserError
    return kind(" ".join(map(str, complaints)))
