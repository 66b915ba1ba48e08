"""Pictures from files, and results to files.

Every mistake is found before the work begins, as far as it can be; every file is written beside its place first, so that no
half-written one is ever found there. A result that cannot be written goes to the temporary folder.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import typer

from nst_core import images, recipes
from nst_core.errors import BadPicture, UserError
from nst_core.images import Image, Mask
from nst_core.pictures import encoding, masks, timelapse
from nst_core.recipes import AnyRecipe, Source
from nst_core.stylizer import Step

T = TypeVar("T")
STREAM = Path("-")  # standard input, or standard output
LONGEST = 255  # bytes of a file's name
# --- what is read -----------------------------------------------------------------------------------------------------


def read(path: Path, side: int | None = None, *, over: images.Ground = "white") -> Image:
    """The picture, its longer side at most `side` pixels; `over` as in `images.decode`. One that is cut off is told of."""
    say = partial(typer.echo, err=True)
    return images.decode(read_bytes(path), name=name_of(path), max_side=side, over=over, warn=say)


def content(path: Path, size: int) -> Image:
    """A picture to paint, its longer side `size` pixels, with colours under its transparent parts."""
    return images.fit(read(path, size, over="nearest"), size)


def opacity(path: Path, shape: masks.Shape) -> Mask | None:
    """How opaque the picture is, scaled to `shape`; None where all of it is."""
    return masks.from_alpha(read_bytes(path), shape, name=name_of(path))


def read_bytes(path: Path, error: type[UserError] = BadPicture) -> bytes:
    """Return what a file holds; - is standard input. Raises: the error, where it cannot be read."""
    try:
        return path.read_bytes() if path != STREAM and path.is_file() else _drained(path)
    except OSError as reason:
        raise error(f"{title(path)} cannot be read: {reason.strerror}.") from reason


@cache
def _drained(path: Path) -> bytes:
    """What comes out of a pipe, which can be read once, however often it is asked for."""
    return sys.stdin.buffer.read() if path == STREAM else path.read_bytes()


def forget() -> None:
    """Forget what came out of pipes: another command begins."""
    _drained.cache_clear()


def name_of(path: Path) -> str:
    return "standard-input" if path == STREAM else path.name


def title(path: Path) -> str:
    """What a sentence calls it."""
    return "Standard input" if path == STREAM else str(path)


def is_folder(path: Path) -> bool:
    """Whether it is one; what has too long a name is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_there(path: Path) -> bool:
    """Whether it exists, whatever it is."""
    try:
        return path.exists()
    except OSError:
        return False


def shape(path: Path, size: int) -> tuple[int, int]:
    """(h, w) of the picture, its longer side scaled to `size`."""
    h, w, _ = content(path, size).shape
    return h, w


def source(path: Path) -> Source:
    return Source.of_upload(name_of(path), read_bytes(path))


def pictures_at(path: Path) -> list[Path]:
    """The picture, or those in a folder. Hidden files are passed over: beside a.jpg macOS leaves a ._a.jpg that is none."""
    if not is_folder(path):
        return [path]
    try:
        found = sorted(f for f in path.iterdir() if f.suffix.lower() in images.SUFFIXES and not f.name.startswith("."))
    except OSError as error:
        raise BadPicture(f"{path} cannot be read: {error.strerror}.") from error
    if not found:
        raise BadPicture(f"There is no picture in {path}.")
    return found


# --- where results go -------------------------------------------------------------------------------------------------


def targets(contents: Sequence[Path], folder: Path, others: Sequence[Path] = ()) -> list[Path]:
    """PNGs named for their contents: no name twice, and none that is a content's, or another file's that is read."""
    targets: list[Path] = []
    for path in contents:
        endings = (".png", *(f"-{n}.png" for n in range(2, len(contents) + 1)))
        names = (folder / _short(Path(name_of(path)).stem, ending) for ending in endings)
        targets.append(next(name for name in names if name not in targets))
    there = {path.resolve() for path in (*contents, *others)}
    if any(target.resolve() in there for target in targets):
        raise UserError(f"The results would replace their contents in {folder}: name another folder.")
    return targets


def _short(stem: str, ending: str) -> str:
    """The two together, the stem cut where file systems would not have it."""
    while len(os.fsencode(stem + ending)) > LONGEST:
        stem = stem[:-1]
    return stem + ending


def made_before(target: Path, recipe: AnyRecipe, content: Path, *, flat: bool = False) -> bool:
    """Whether the picture lies there already, made by this recipe of this content: a batch that was cut off goes on.

    flat: without the content's transparency.
    """
    try:
        made = target.read_bytes()
        found = recipes.of_picture(made)
        if found is None or found != recipe.model_copy(update={"content": source(content)}):
            return False
        clear = not flat and images.opacity(read_bytes(content), max_side=recipe.size) is not None
        return images.has_alpha(made) == clear
    except (OSError, UserError):
        return False


def check_places(out: Path, log: Path | None, film: Path | None, inputs: Iterable[Path | None] = ()) -> None:
    """Before minutes of work, not after. inputs: files that are read."""
    by_suffix(out, encoding.FORMATS, "pictures")
    if film:
        by_suffix(film, timelapse.FORMATS, "time-lapses")
    check_targets(out, log, film, inputs=inputs)


def check_targets(*targets: Path | None, inputs: Iterable[Path | None] = ()) -> None:
    """Each of the files can be made where it is to be, and replaces none that is read. Raises: UserError."""
    read, places = {os.path.realpath(path) for path in inputs if path}, set[str]()
    for path in filter(None, targets):
        _check_target(path)
        place = os.path.realpath(path)
        if path != STREAM and place in read and path.is_file():
            raise UserError(f"{path} is read by this command: name another file for the result.")
        if place in places:
            raise UserError(f"{path} is named for two results: name another file for one of them.")
        places.add(place)


def _check_target(path: Path) -> None:
    if path == STREAM:
        if sys.stdout.isatty():
            raise UserError("Standard output is a terminal: send it to a file or a program, or name a file.")
        return
    if not is_folder(path.parent):
        raise UserError(f"There is no folder {path.parent} for {path.name}: make it, or name another.")
    if is_folder(path):
        raise UserError(f"{path} is a folder: name a file in it.")
    try:
        if is_there(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(13, "Permission denied")
            if not path.is_file():
                return  # a pipe or a device, which takes what it is given
        with suppress(FileNotFoundError):
            path.lstat()  # its name may be too long
        check_room(path)
    except OSError as error:
        raise unwritable(path, error) from error


def check_room(path: Path) -> None:
    """Write a byte beside a file's place. Raises: OSError."""
    trial = beside(path, "partial")
    try:
        trial.write_bytes(b"\0")
    finally:
        with suppress(OSError):
            trial.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder to write results to. Raises: UserError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_room(folder / "results")
    except OSError as error:
        raise unwritable(folder, error) from error


def by_suffix(path: Path, formats: Mapping[str, T], what: str) -> T:
    """What the name's ending stands for; standard output gets the first."""
    if path == STREAM:
        return next(iter(formats.values()))
    if path.suffix.lower() not in formats:
        raise UserError(f"{path.name}: {what} are written as {', '.join(formats)}; name the result so.")
    return formats[path.suffix.lower()]


def beside(out: Path, kind: str) -> Path:
    """Return the path of a hidden file beside a result, its name no longer than file systems have it."""
    place = Path(os.path.realpath(out))
    name = f".{place.name}.{kind}"
    if len(os.fsencode(name)) > LONGEST:
        name = f".{hashlib.sha256(os.fsencode(place.name)).hexdigest()[:32]}.{kind}"
    return place.with_name(name)


# --- what is written --------------------------------------------------------------------------------------------------


def write_picture(
    step: Step,
    out: Path,
    recipe: AnyRecipe,
    dpi: float | None = None,
    *,
    alpha: Mask | None = None,
    flat: bool = False,
) -> None:
    """alpha: how opaque the result is. flat: it is filled with white instead, as a JPEG always is."""
    assert step.image is not None
    image = images.flatten(step.image, alpha) if flat else step.image
    alpha = None if flat else alpha
    format = by_suffix(out, encoding.FORMATS, "pictures")
    write(out, encoding.encoded(image, format, recipe, dpi=dpi, alpha=alpha))


def write(out: Path, data: bytes) -> None:
    """Write a result; - is standard output. Where its place takes it no more, it goes to the temporary folder.

    Raises: UserError, which says where the result is.
    """
    try:
        _put(out, data)
    except OSError as error:
        raise UserError(f"{unwritable(out, error)} {_rescued(out, data)}") from error


def _put(out: Path, data: bytes) -> None:
    if out == STREAM:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    if is_there(out) and not out.is_file():
        with out.open("wb") as pipe:
            pipe.write(data)
        return
    partial = beside(out, "partial")
    try:
        partial.write_bytes(data)
        partial.replace(os.path.realpath(out))
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def _rescued(out: Path, data: bytes) -> str:
    """Where the result is instead, as a sentence."""
    try:
        place = Path(tempfile.mkdtemp(prefix="nst-")) / f"result{out.suffix or '.png'}"
        place.write_bytes(data)
    except OSError as error:
        return f"Nor can the temporary folder ({error.strerror}): make room, then run the command again."
    return f"The result is in {place}."


def unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"{'Standard output' if path == STREAM else path} cannot be written: {error.strerror}.")
