"""The work: one picture is made in this process, several by the engine."""

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from nst_core import images
from nst_core.cli import files, progress
from nst_core.engine import Engine
from nst_core.errors import BadPicture, Diverged, Failure, NSTError, UserError
from nst_core.images import Image
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
) -> None:
    """In this process. log: a JSON object a step; film: the time-lapse.

    Raises: Diverged, after writing the best picture until then.
    """
    out = files.targets([path], out)[0] if out.is_dir() else out
    files.check_places(out, log, film)
    content = images.fit(files.read(path), recipe.size)
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
            _finish(last[0], recipe, out, frames, film)
        raise
    _finish(last[0], recipe, out, frames, film)


def stylize_many(contents: Sequence[Path], styles: Sequence[Style], recipe: AnyRecipe, out: Path) -> None:
    """By the engine, one after the other; what goes wrong is told at the end and holds nothing up."""
    paths = [path for content in contents for path in files.pictures_at(content)]
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: for several pictures, name a folder to write to.")
    targets = files.targets(paths, out)
    complaints: list[NSTError] = []
    engine = Engine()
    try:
        engine.wait_until_ready(STARTUP)
        for number, (path, target) in enumerate(zip(paths, targets, strict=True), 1):
            try:
                content = images.fit(files.read(path), recipe.size)
                job = engine.stylize(content, styles, recipe)
                step = progress.watched(job, f"{number}/{len(paths)} {path.name}")
            except BadPicture as error:
                complaints.append(error)
                continue
            except Diverged as error:
                complaints.append(Diverged(f"{path.name}: {error}"))
                step = error.best
            if step:
                out.mkdir(parents=True, exist_ok=True)
                files.write_picture(step, target, recipe.model_copy(update={"content": files.source(path)}))
    finally:
        engine.close()
    if complaints:
        raise _all_in_one(complaints)


def _finish(step: Step, recipe: AnyRecipe, out: Path, frames: Sequence[bytes], film: Path | None) -> None:
    files.write_picture(step, out, recipe)
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
