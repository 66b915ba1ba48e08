"""What the commands share: paths in, pictures out. One picture is made in this process, several by the engine.

Every mistake of the person's is found before the work begins, as far as it can be; every file is written beside its place
first, so that no half-written one is ever found there.
"""

import json
import math
import os
import sys
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from nst_core import generators, images, interrupts, masks, memory, recipes, timelapse, weights
from nst_core.engine import Engine, Job, checkpoints
from nst_core.engine.worker import PREVIEW_SIDE
from nst_core.errors import BadNetwork, BadPicture, BadRecipe, Diverged, Failure, NSTError, UserError
from nst_core.generators import Trained
from nst_core.images import Image, Mask
from nst_core.recipes import (
    AnyRecipe,
    InstantRecipe,
    OptimizeRecipe,
    Recipe,
    Source,
    StyleSource,
    TextureNetworkRecipe,
    TrainingRecipe,
)
from nst_core.stylizer import Step, Style

T = TypeVar("T")
Q = TypeVar("Q", bound=Recipe)

STARTUP = 120  # seconds that a worker may take to load its models
GLANCE = 0.5  # seconds between two looks at a job
PACE = 10  # steps that the time left is guessed from
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
FORMATS: dict[str, images.Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}


# --- what the options say ---------------------------------------------------------------------------------------------


def content_and_styles(paths: Sequence[Path]) -> tuple[Path, list[Path]]:
    if len(paths) < 2:
        raise BadRecipe("Name a content picture (or a folder of them) and at least one style.")
    return paths[0], list(paths[1:])


def shares(text: str, count: int, default: Sequence[float] = ()) -> list[float]:
    """`0.7,0.3` for two styles. Without a text: the default if it has as many, else equal shares."""
    if not text:
        return list(default) if len(default) == count else [1.0] * count
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise BadRecipe(f"--weights takes numbers separated by commas, such as 0.7,0.3, not “{text}”.") from None
    if len(numbers) != count:
        raise BadRecipe(f"The styles and --weights do not match, {count} and {len(numbers)}: give one weight a style.")
    return numbers


def style_sources(
    paths: Sequence[Path], shares: Sequence[float], default: Sequence[StyleSource] = ()
) -> list[dict[str, object]]:
    """What a recipe says about its styles; not yet validated. default: of a recipe that has as many, masks and colours."""
    kept: list[dict[str, object]] = [{}] * len(paths)
    if len(default) == len(paths):
        kept = [{"mask": style.mask, "guide": style.guide, "color": style.color} for style in default]
    of_each = zip(paths, shares, kept, strict=True)
    return [{"source": source(path), "weight": share} | more for path, share, more in of_each]


def styles(paths: Sequence[Path], sources: Sequence[StyleSource]) -> list[Style]:
    return [Style(read(path), style.weight, color=style.color) for path, style in zip(paths, sources, strict=True)]


@dataclass(frozen=True, slots=True)
class MaskFiles:
    """Masks as files: one a style, in their order. feather: radius in pixels of the result; protect: what no style touches."""

    paths: Sequence[Path] = ()
    soft: bool = False
    feather: float = 0
    protect: Path | None = None


def with_masks(recipe: Q, styles: Sequence[Style], content: Path, files: MaskFiles) -> tuple[Q, list[Style]]:
    """The recipe and its styles with the masks of the files, or those that the recipe carries already.

    content: the masks are made for its shape; of a folder, for the first picture's. Raises: BadMask.
    """
    texts = [(style.mask, style.guide) for style in recipe.styles]
    if not (files.paths or files.protect or any(any(pair) for pair in texts)):
        return recipe, list(styles)
    shape = images.fit(read(_pictures_at(content)[0]), recipe.size).shape[:2]
    drawn = _drawn(files, [None if mask is None else masks.of_text(mask, shape) for mask, _ in texts], shape)
    masks.check(drawn, len(styles))
    painted = [
        replace(style, mask=mask, guide=None if guide is None else masks.of_text(guide, style.image.shape[:2]))
        for style, mask, (_, guide) in zip(styles, drawn, texts, strict=True)
    ]
    sources = [
        style.model_copy(update={"mask": None if mask is None else masks.to_text(mask)})
        for style, mask in zip(recipe.styles, drawn, strict=True)
    ]
    return recipe.model_copy(update={"styles": tuple(sources)}), painted


def _drawn(files: MaskFiles, carried: Sequence[Mask | None], shape: masks.Shape) -> list[Mask | None]:
    """The masks of the files, feathered, or else those that the recipe carries; less what is protected."""
    drawn: list[Mask | None] = [_mask(path, shape, files) for path in files.paths] or list(carried)
    if files.protect is None:
        return drawn
    protected, everywhere = _mask(files.protect, shape, files), np.ones(shape, np.float32)
    return [masks.without(everywhere if mask is None else mask, protected) for mask in drawn]


def _mask(path: Path, shape: masks.Shape, files: MaskFiles) -> Mask:
    return masks.soften(masks.from_picture(read_bytes(path), shape, soft=files.soft, name=path.name), files.feather)


def own_recipe(path: Path) -> OptimizeRecipe:
    """A user's own recipe: a JSON object of settings, those left out as in the preset `fast`."""
    try:
        settings = json.loads(read_bytes(path))
    except (ValueError, RecursionError):
        raise BadRecipe(f"{path.name} is not JSON; `recipe show` prints what a recipe looks like.") from None
    if not isinstance(settings, dict):
        raise BadRecipe(f"{path.name} is no recipe: that is an object, {{…}}, of settings.")
    recipe = recipes.parse(json.dumps({"kind": "optimize"} | settings))
    if not isinstance(recipe, OptimizeRecipe):
        raise BadRecipe(f"{path.name} is a recipe of kind {recipe.kind}, for another command.")
    return recipe


# --- the work ---------------------------------------------------------------------------------------------------------


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
    out = _targets([path], out)[0] if out.is_dir() else out
    _check_places(out, log, film)
    content = images.fit(read(path), recipe.size)
    recipe = recipe.model_copy(update={"content": source(path)})
    frames: list[bytes] = []
    steps = _shown(_steps(content, styles, recipe, initial))
    steps = _filmed(steps, frames) if film else steps
    steps = _logged(steps, log) if log else steps
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
    paths = [path for content in contents for path in _pictures_at(content)]
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file: for several pictures, name a folder to write to.")
    targets = _targets(paths, out)
    complaints: list[NSTError] = []
    engine = Engine()
    try:
        engine.wait_until_ready(STARTUP)
        for number, (path, target) in enumerate(zip(paths, targets, strict=True), 1):
            try:
                content = images.fit(read(path), recipe.size)
                job = engine.stylize(content, styles, recipe)
                step = _watched(job, f"{number}/{len(paths)} {path.name}")
            except BadPicture as error:
                complaints.append(error)
                continue
            except Diverged as error:
                complaints.append(Diverged(f"{path.name}: {error}"))
                step = error.best
            if step:
                out.mkdir(parents=True, exist_ok=True)
                _write_picture(step, target, recipe.model_copy(update={"content": source(path)}))
    finally:
        engine.close()
    if complaints:
        raise _all_in_one(complaints)


# --- texture networks -------------------------------------------------------------------------------------------------

CHECKPOINT_EVERY = 10.0  # seconds of training that a killed process costs at most
SHOWN_SIDE = 384  # pixels of what a training paints on its way


def network_file(name: str) -> tuple[Source, bytes]:
    """A ready network by its name, or a file by its path.

    Raises: BadNetwork.
    """
    if name in weights.NETWORKS:
        return Source(name=name), weights.NETWORKS[name].read_bytes()
    path = Path(name)
    if path.suffix != ".npz" and not path.exists():
        raise BadNetwork(f"There is no network “{name}”: name a .npz file, or one of {', '.join(weights.NETWORKS)}.")
    try:
        if path.stat().st_size > generators.MAX_BYTES:
            raise BadNetwork(f"{path.name} is too large to be a network made here.")
        data = path.read_bytes()
    except OSError as error:
        raise BadNetwork(f"{path} cannot be read: {error.strerror}.") from error
    generators.read(data, name=path.name)
    return Source.of_upload(path.name, data), data


def train_network(
    path: Path, recipe: TrainingRecipe, out: Path, *, folder: Path | None = None, log: Path | None = None
) -> None:
    """Train in this process. A killed run leaves its state beside `out`: the same command goes on from there."""
    _check_network_place(out, log)
    style, checkpoint = read(path), out.with_name(f".{out.name}.checkpoint.npz")
    with _silence():
        from nst_core import texture_networks
    shown = images.fit(texture_networks.first_photograph(), SHOWN_SIDE)
    state = _unfinished(checkpoint, recipe)
    training = texture_networks.train(style, recipe, shown, folder=folder, state=state)
    steps: Iterator[Step] = _shown(_saved(training, training.state, checkpoint, recipe))
    last: deque[Step] = deque(_logged(steps, log) if log else steps, maxlen=1)
    assert isinstance(last[0], Trained)
    _write(out, last[0].network)
    checkpoint.unlink(missing_ok=True)


def paint_with_network(path: Path | None, data: bytes, recipe: TextureNetworkRecipe, out: Path) -> None:
    """A picture painted, or without one a texture."""
    _check_places(out, None, None)
    content = images.fit(read(path), recipe.size) if path else None
    if path:
        recipe = recipe.model_copy(update={"content": source(path)})
    from nst_core import texture_painter

    memory.check_pass(*(content.shape[:2] if content is not None else recipe.shape or (recipe.size, recipe.size)))
    (step,) = texture_painter.paint(data, content, recipe)
    _write_picture(step, out, recipe)


def _check_network_place(out: Path, log: Path | None) -> None:
    _by_suffix(out, {".npz": "npz"}, "networks")
    for path in filter(None, (out, log)):
        if not path.parent.is_dir():
            raise UserError(f"There is no folder {path.parent} for {path.name}: make it, or name another.")
        if path.is_dir():
            raise UserError(f"{path} is a folder: name a file in it.")


def _unfinished(checkpoint: Path, recipe: TrainingRecipe) -> dict[str, np.ndarray] | None:
    """What a killed run of the same recipe left."""
    try:
        state = checkpoints.load(checkpoint)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return state if str(state.pop("recipe", "")) == recipe.model_dump_json() else None


def _saved(
    steps: Iterator[Step], state: Callable[[], Mapping[str, np.ndarray]], checkpoint: Path, recipe: TrainingRecipe
) -> Iterator[Step]:
    """The same Steps; every few seconds the state is left in a file."""
    saved = time.monotonic()
    for step in steps:
        if time.monotonic() - saved > CHECKPOINT_EVERY and step.iteration < step.total:
            checkpoints.save(checkpoint, {**state(), "recipe": np.array(recipe.model_dump_json())})
            saved = time.monotonic()
        yield step


# --- engines ----------------------------------------------------------------------------------------------------------


def _steps(content: Image, styles: Sequence[Style], recipe: AnyRecipe, initial: Image | None) -> Iterator[Step]:
    if isinstance(recipe, InstantRecipe):
        from nst_core import instant

        with _silence():  # Magenta brings TensorFlow
            stylizer = instant.stylizer(recipe.engine)
        return stylizer.stylize(content, styles, recipe)
    assert isinstance(recipe, OptimizeRecipe)
    with _silence():
        from nst_core import optimize
    return optimize.Optimization(content, styles, recipe, initial=initial)


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing on standard error, not even from C++: what TensorFlow says while it is imported, no level keeps back."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _all_in_one(complaints: Sequence[NSTError]) -> NSTError:
    """A fault of ours, if there is one among them, outweighs the mistakes."""
    kind = Failure if any(isinstance(error, Failure) for error in complaints) else UserError
    return kind(" ".join(map(str, complaints)))


# --- watching it: Steps in, the same Steps out ------------------------------------------------------------------------


def _logged(steps: Iterator[Step], file: Path) -> Iterator[Step]:
    """Each as a line of JSON, at once; a loss that is no number is null."""
    try:
        log = file.open("w", encoding="utf-8")
    except OSError as error:
        raise _unwritable(file, error) from error
    with log:
        for step in steps:
            losses = {name: value if math.isfinite(value) else None for name, value in step.losses.items()}
            line = {"iteration": step.iteration, "total": step.total, "seconds": round(step.seconds, 3)} | losses
            print(json.dumps(line), file=log, flush=True)
            yield step


def _filmed(steps: Iterator[Step], frames: list[bytes]) -> Iterator[Step]:
    """Each picture is added to the frames, as a JPEG."""
    for step in steps:
        if step.image is not None:
            frames.append(images.thumbnail(step.image, PREVIEW_SIDE))
        yield step


def _shown(steps: Iterator[Step]) -> Iterator[Step]:
    """On a terminal, where the run stands."""
    recent: deque[tuple[int, float]] = deque(maxlen=PACE)
    try:
        for step in interrupts.heeding(steps):
            recent.append((step.iteration, step.seconds))
            if step.total > 1:
                _show(f"{step.iteration}/{step.total}{_time_left(recent, step.total)}")
            yield step
    finally:
        if recent and step.total > 1:
            _show("", end="\n")


def _watched(job: Job, name: str) -> Step:
    """A job's result; until then, where it stands."""
    _show(name)
    while not job.wait(GLANCE):
        if recent := [(step.iteration, step.seconds) for step in job.progress[-PACE:]]:
            total = job.progress[-1].total
            _show(f"{name}  {recent[-1][0]}/{total}{_time_left(recent, total)}")
    _show(name, end="\n")
    return job.result()


def _time_left(recent: Sequence[tuple[int, float]], total: int) -> str:
    """At the pace of late: coarse to fine gets slower with every size."""
    (first, began), (last, now) = recent[0], recent[-1]
    return f", {(now - began) / (last - first) * (total - last):.0f} s left" if last > first else ""


def _show(text: str, *, end: str = "") -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<78.78}" if text else "", end=end, file=sys.stderr, flush=True)


# --- files ------------------------------------------------------------------------------------------------------------


def read(path: Path) -> Image:
    return images.decode(read_bytes(path), name=path.name)


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadPicture(f"{path} cannot be read: {error.strerror}.") from error


def source(path: Path) -> Source:
    return Source.of_upload(path.name, read_bytes(path))


def _pictures_at(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if not found:
        raise BadPicture(f"There is no picture in {path}.")
    return found


def _targets(contents: Sequence[Path], folder: Path) -> list[Path]:
    """PNGs named for their contents: no name twice, and none that is a content's."""
    targets: list[Path] = []
    for path in contents:
        names = (folder / f"{path.stem}{suffix}.png" for suffix in ("", *(f"-{n}" for n in range(2, len(contents) + 1))))
        targets.append(next(name for name in names if name not in targets))
    there = {path.resolve() for path in contents}
    if any(target.resolve() in there for target in targets):
        raise UserError(f"The results would replace their contents in {folder}: name another folder.")
    return targets


def _check_places(out: Path, log: Path | None, film: Path | None) -> None:
    """Before minutes of work, not after."""
    _by_suffix(out, FORMATS, "pictures")
    if film:
        _by_suffix(film, timelapse.FORMATS, "time-lapses")
    for path in filter(None, (out, log, film)):
        if not path.parent.is_dir():
            raise UserError(f"There is no folder {path.parent} for {path.name}: make it, or name another.")
        if path.is_dir():
            raise UserError(f"{path} is a folder: name a file in it.")


def _by_suffix(path: Path, formats: Mapping[str, T], what: str) -> T:
    if path.suffix.lower() not in formats:
        raise UserError(f"{path.name}: {what} are written as {', '.join(formats)}; name the result so.")
    return formats[path.suffix.lower()]


def _finish(step: Step, recipe: AnyRecipe, out: Path, frames: Sequence[bytes], film: Path | None) -> None:
    _write_picture(step, out, recipe)
    if film:
        _write(film, _by_suffix(film, timelapse.FORMATS, "time-lapses")(frames))


def _write_picture(step: Step, out: Path, recipe: AnyRecipe) -> None:
    assert step.image is not None
    _write(out, images.encode(step.image, _by_suffix(out, FORMATS, "pictures"), text=recipes.png_text(recipe)))


def _write(out: Path, data: bytes) -> None:
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(out)
    except OSError as error:
        raise _unwritable(out, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be written: {error.strerror}.")
