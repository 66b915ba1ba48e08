"""Pictures from files, and results to files.

Every mistake is found before the work begins, as far as it can be; every file is written beside its place first, so that no
half-written one is ever found there.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import typer

from nst_core import images, recipes
from nst_core.errors import BadPicture, UserError
from nst_core.images import Image, Mask
from nst_core.pictures import masks, prints, timelapse
from nst_core.recipes import AnyRecipe, Source
from nst_core.stylizer import Step

T = TypeVar("T")
LOOKED_AT = 512  # pixels at which a picture is searched for transparent parts
FORMATS: dict[str, images.Format | Literal["tiff"]] = {
    ".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp", ".tif": "tiff", ".tiff": "tiff",
}  # fmt: skip


def read(path: Path, side: int | None = None, *, over: images.Ground = "white") -> Image:
    """The picture, its longer side at most `side` pixels; `over` as in `images.decode`. One that is cut off is told of."""
    say = partial(typer.echo, err=True)
    return images.decode(read_bytes(path), name=path.name, max_side=side, over=over, warn=say)


def content(path: Path, size: int) -> Image:
    """A picture to paint, its longer side `size` pixels, with colours under its transparent parts."""
    return images.fit(read(path, size, over="nearest"), size)


def opacity(path: Path, shape: masks.Shape) -> Mask | None:
    """How opaque the picture is, scaled to `shape`; None where all of it is."""
    return masks.from_alpha(read_bytes(path), shape, name=path.name)


def read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadPicture(f"{path} cannot be read: {error.strerror}.") from error


def shape(path: Path, size: int) -> tuple[int, int]:
    """(h, w) of the picture, its longer side scaled to `size`."""
    h, w, _ = content(path, size).shape
    return h, w


def source(path: Path) -> Source:
    return Source.of_upload(path.name, read_bytes(path))


def pictures_at(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in images.SUFFIXES)
    if not found:
        raise BadPicture(f"There is no picture in {path}.")
    return found


def targets(contents: Sequence[Path], folder: Path) -> list[Path]:
    """PNGs named for their contents: no name twice, and none that is a content's."""
    targets: list[Path] = []
    for path in contents:
        names = (folder / f"{path.stem}{suffix}.png" for suffix in ("", *(f"-{n}" for n in range(2, len(contents) + 1))))
        targets.append(next(name for name in names if name not in targets))
    there = {path.resolve() for path in contents}
    if any(target.resolve() in there for target in targets):
        raise UserError(f"The results would replace their contents in {folder}: name another folder.")
    return targets


def made_before(target: Path, recipe: AnyRecipe, content: Path, *, flat: bool = False) -> bool:
    """Whether the picture lies there already, made by this recipe of this content: a batch that was cut off goes on.

    flat: without the content's transparency.
    """
    try:
        found = recipes.of_png(target.read_bytes())
        if found is None or found != recipe.model_copy(update={"content": source(content)}):
            return False
        return _is_clear(target) == (_is_clear(content) and not flat)
    except (OSError, UserError):
        return False


def _is_clear(path: Path) -> bool:
    return images.opacity(read_bytes(path), max_side=LOOKED_AT) is not None


def check_places(out: Path, log: Path | None, film: Path | None) -> None:
    """Before minutes of work, not after."""
    by_suffix(out, FORMATS, "pictures")
    if film:
        by_suffix(film, timelapse.FORMATS, "time-lapses")
    check_folders(out, log, film)


def check_folders(*paths: Path | None) -> None:
    """Each of the files can be made where it is to be."""
    for path in filter(None, paths):
        if not path.parent.is_dir():
            raise UserError(f"There is no folder {path.parent} for {path.name}: make it, or name another.")
        if path.is_dir():
            raise UserError(f"{path} is a folder: name a file in it.")


def by_suffix(path: Path, formats: Mapping[str, T], what: str) -> T:
    if path.suffix.lower() not in formats:
        raise UserError(f"{path.name}: {what} are written as {', '.join(formats)}; name the result so.")
    return formats[path.suffix.lower()]


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
    format, text = by_suffix(out, FORMATS, "pictures"), recipes.png_text(recipe)
    if format == "tiff":
        write(out, prints.tiff(image, dpi=dpi, description=recipes.tiff_text(recipe), alpha=alpha))
    else:
        write(out, images.encode(image, format, text=text, dpi=dpi, alpha=alpha))


def write(out: Path, data: bytes) -> None:
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(out)
    except OSError as error:
        raise unwritable(out, error) from error
    finally:
        partial.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path} cannot be written: {error.strerror}.")
