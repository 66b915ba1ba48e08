"""Read pictures from files, and write results to files.

Mistakes are found before the work begins where possible. Each file is written under a temporary name first, so that no
incomplete one is ever left. A result that cannot be written goes to the temporary folder.
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
LONGEST = 255  # maximum bytes of a file name

# --- what is read -----------------------------------------------------------------------------------------------------


def read(path: Path, side: int | None = None, *, over: images.Ground = "white") -> Image:
    """Read a picture, its longer side at most `side` pixels; `over` as in `images.decode`. Warns of incomplete files."""
    say = partial(typer.echo, err=True)
    return images.decode(read_bytes(path), name=name_of(path), max_side=side, over=over, warn=say)


def content(path: Path, size: int) -> Image:
    """Read a picture to paint, its longer side `size` pixels, with colours under its transparent parts."""
    return images.fit(read(path, size, over="nearest"), size)


def opacity(path: Path, shape: masks.MaskShape) -> Mask | None:
    """Return the opacity of a picture, scaled to `shape`, or None if all of it is opaque."""
    return masks.from_alpha(read_bytes(path), shape, name=name_of(path))


def read_bytes(path: Path, error: type[UserError] = BadPicture) -> bytes:
    """Return the contents of a file; - is standard input. Raises: the given error if it cannot be read."""
    try:
        return path.read_bytes() if path != STREAM and path.is_file() else _drained(path)
    except OSError as reason:
        raise error(f"{title(path)} cannot be read: {reason.strerror}.") from reason


@cache
def _drained(path: Path) -> bytes:
    """Return the contents of a pipe, cached, because it can be read only once."""
    return sys.stdin.buffer.read() if path == STREAM else path.read_bytes()


def forget() -> None:
    """Forget the contents of pipes, for another command."""
    _drained.cache_clear()


def name_of(path: Path) -> str:
    """Return the name of a file for a recipe."""
    return "standard-input" if path == STREAM else path.name


def title(path: Path) -> str:
    """Return the name of a file for a message."""
    return "Standard input" if path == STREAM else str(path)


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder. Names that are too long are not."""
    try:
        return path.is_dir()
    except OSError:
        return False


def is_there(path: Path) -> bool:
    """Return whether a path exists."""
    try:
        return path.exists()
    except OSError:
        return False


def shape(path: Path, size: int) -> tuple[int, int]:
    """Return (h, w) of a picture whose longer side is scaled to `size`."""
    h, w, _ = content(path, size).shape
    return h, w


def source(path: Path) -> Source:
    """Return the source of a picture for a recipe."""
    return Source.of_upload(name_of(path), read_bytes(path))


def pictures_at(path: Path) -> list[Path]:
    """Return the picture, or those in a folder, without hidden files: macOS adds ._a.jpg, not a picture, to a.jpg."""
    if not is_folder(path):
        return [path]
    try:
        pictures = sorted(f for f in path.iterdir() if f.suffix.lower() in images.SUFFIXES and not f.name.startswith("."))
    except OSError as error:
        raise BadPicture(f"{path} cannot be read: {error.strerror}.") from error
    if not pictures:
        raise BadPicture(f"There is no picture in {path}.")
    return pictures


# --- where results go -------------------------------------------------------------------------------------------------


def targets(contents: Sequence[Path], folder: Path, others: Sequence[Path] = ()) -> list[Path]:
    """Return a unique PNG name for each content.

    Raises: UserError if one would replace a content or another file that is read.
    """
    targets: list[Path] = []
    for path in contents:
        endings = (".png", *(f"-{n}.png" for n in range(2, len(contents) + 1)))
        names = (folder / _short(Path(name_of(path)).stem, ending) for ending in endings)
        targets.append(next(name for name in names if name not in targets))
    inputs = {path.resolve() for path in (*contents, *others)}
    if any(target.resolve() in inputs for target in targets):
        raise UserError(f"The results would replace their contents in {folder}: choose another folder.")
    return targets


def _short(stem: str, ending: str) -> str:
    """Join both, with the stem shortened to the maximum length of file names."""
    while len(os.fsencode(stem + ending)) > LONGEST:
        stem = stem[:-1]
    return stem + ending


def made_before(target: Path, recipe: AnyRecipe, content: Path, *, flat: bool = False) -> bool:
    """Return whether the picture was already made by this recipe from this content, for resuming a batch.

    flat: without the content's transparency.
    """
    try:
        made = target.read_bytes()
        stored = recipes.of_picture(made)
        if stored is None or stored != recipe.model_copy(update={"content": source(content)}):
            return False
        clear = not flat and images.opacity(read_bytes(content), max_side=recipe.size) is not None
        return images.has_alpha(made) == clear
    except (OSError, UserError):
        return False


def check_places(out: Path, log: Path | None, film: Path | None, inputs: Iterable[Path | None] = ()) -> None:
    """Check the results of long work before it begins. inputs: files that are read."""
    by_suffix(out, encoding.FORMATS, "pictures")
    if film:
        by_suffix(film, timelapse.FORMATS, "time-lapses")
    check_targets(out, log, film, inputs=inputs)


def check_targets(*targets: Path | None, inputs: Iterable[Path | None] = ()) -> None:
    """Check that each file can be created and does not replace one that is read. Raises: UserError."""
    read, places = {os.path.realpath(path) for path in inputs if path}, set[str]()
    for path in filter(None, targets):
        _check_target(path)
        place = os.path.realpath(path)
        if path != STREAM and place in read and path.is_file():
            raise UserError(f"{path} is an input of this command: choose another file for the result.")
        if place in places:
            raise UserError(f"{path} is given for two results: choose another file for one of them.")
        places.add(place)


def _check_target(path: Path) -> None:
    if path == STREAM:
        if sys.stdout.isatty():
            raise UserError("Standard output is a terminal: redirect it to a file or a program, or give a file name.")
        return
    if not is_folder(path.parent):
        raise UserError(f"There is no folder {path.parent} for {path.name}: create it, or choose another.")
    if is_folder(path):
        raise UserError(f"{path} is a folder: give the name of a file in it.")
    try:
        if is_there(path):
            if not os.access(path, os.W_OK):
                raise PermissionError(13, "Permission denied")
            if not path.is_file():
                return  # a pipe or a device
        with suppress(FileNotFoundError):
            path.lstat()  # raises OSError if the name is too long
        check_room(path)
    except OSError as error:
        raise unwritable(path, error) from error


def check_room(path: Path) -> None:
    """Write a byte beside the position of a file. Raises: OSError."""
    trial = beside(path, "partial")
    try:
        trial.write_bytes(b"\0")
    finally:
        with suppress(OSError):
            trial.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Create a folder for results. Raises: UserError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_room(folder / "results")
    except OSError as error:
        raise unwritable(folder, error) from error


def by_suffix(path: Path, formats: Mapping[str, T], what: str) -> T:
    """Return the format of a file name by its suffix; standard output gets the first."""
    if path == STREAM:
        return next(iter(formats.values()))
    if path.suffix.lower() not in formats:
        raise UserError(f"{path.name}: {what} are written as {', '.join(formats)}; change the suffix of the result.")
    return formats[path.suffix.lower()]


def beside(out: Path, kind: str) -> Path:
    """Return the path of a hidden file beside a result, shortened to the maximum length of file names."""
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
    """Write a picture. alpha: its opacity. flat: flatten it onto white instead, as a JPEG always is."""
    assert step.image is not None
    image = images.flatten(step.image, alpha) if flat else step.image
    alpha = None if flat else alpha
    format = by_suffix(out, encoding.FORMATS, "pictures")
    write(out, encoding.encoded(image, format, recipe, dpi=dpi, alpha=alpha))


def write(out: Path, data: bytes) -> None:
    """Write a result; - is standard output. If that fails, write it to the temporary folder.

    Raises: UserError, which says where the result is.
    """
    try:
        _put(out, data)
    except OSError as error:
        raise UserError(f"{unwritable(out, error)} {_rescued(out, data)}") from error


def _put(out: Path, data: bytes) -> None:
    """Write a file under a temporary name and rename it, or write to a pipe."""
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
    """Write the result to the temporary folder and return a sentence that says where."""
    try:
        place = Path(tempfile.mkdtemp(prefix="nst-")) / f"result{out.suffix or '.png'}"
        place.write_bytes(data)
    except OSError as error:
        return f"The temporary folder cannot be written either ({error.strerror}): free some space, then run the command again."
    return f"The result is in {place}."


def unwritable(path: Path, error: OSError) -> UserError:
    """Return the error for a path that cannot be written."""
    return UserError(f"{'Standard output' if path == STREAM else path} cannot be written: {error.strerror}.")
