"""The command line: `python -m nst_core instant | models | recipe`. The same recipes as the pages.

Exit 0: done. 2: a mistake of the user's, one line on standard error. 1: a fault of ours or of the machine.
"""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.exceptions import TyperException

from nst_core import images, recipes, weights
from nst_core.engine import Engine
from nst_core.errors import BadPicture, BadRecipe, Failure, UserError
from nst_core.images import Image
from nst_core.recipes import DEFAULT_SIZE, Color, InstantRecipe, Source, StyleSource
from nst_core.stylizer import Step, Style

STARTUP = 120  # seconds that a worker may take to load its models
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
FORMATS: dict[str, images.Format] = {".png": "png", ".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
recipe_app = typer.Typer(no_args_is_help=True, help="The recipes that pictures made here carry.")
app.add_typer(recipe_app, name="recipe")


@app.command()
def instant(
    pictures: Annotated[list[Path], typer.Argument(metavar="CONTENT STYLE…", help="Content, then up to four styles.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A picture, or a folder where CONTENT is one.")],
    weights_: Annotated[str, typer.Option("--weights", help="Shares of the styles, such as 0.7,0.3.")] = "",
    strength: Annotated[float, typer.Option(help="0: the content's own style; 1: the style's; up to 1.5.")] = 1.0,
    size: Annotated[int, typer.Option(help="Longer side of the result, in pixels.")] = DEFAULT_SIZE,
    engine: Annotated[Literal["auto", "magenta", "instant-lite"], typer.Option(help="Which model.")] = "auto",
    color: Annotated[Color, typer.Option(help="Whose colours the result wears.")] = Color.STYLE,
    also: Annotated[list[Path] | None, typer.Option(help="A further content picture; may be repeated.")] = None,
) -> None:
    """Stylize a picture, or several, or every picture in a folder, in one pass each."""
    if len(pictures) < 2:
        raise BadRecipe("Name a content picture (or a folder of them) and at least one style.")
    content, *style_paths = pictures
    shares = _shares(weights_, len(style_paths))
    named = [StyleSource(source=_source(path), weight=share) for path, share in zip(style_paths, shares, strict=True)]
    recipe = recipes.instant(
        styles=named,
        strength=strength,
        size=size,
        engine=weights.best_instant() if engine == "auto" else engine,
        color=color,
    )
    weights.path(recipe.engine)
    styles = [Style(_read(path), share) for path, share in zip(style_paths, shares, strict=True)]
    if also or content.is_dir():
        _stylize_many([content, *(also or [])], styles, recipe, out)
    else:
        _stylize_one(content, styles, recipe, out)


@app.command()
def models(download: Annotated[str, typer.Option(metavar="NAME", help="Get this one.")] = "") -> None:
    """What is embedded, cached or missing; from where, how large, how checked."""
    if download:
        if download not in weights.MODELS:
            raise BadRecipe(f"There is no model “{download}”; there are {', '.join(weights.MODELS)}.")
        typer.echo(weights.download(download))
        return
    for model in weights.MODELS.values():
        typer.echo(f"{model.name:13} {model.status:9} {model.megabytes:6.1f} MB  {model.licence:22} {model.source}")
        typer.echo(f"{'':13} {model.find() or '—'}  {model.checksum or ''}".rstrip())


@recipe_app.command()
def show(picture: Annotated[Path, typer.Argument(help="A PNG that was made here.")]) -> None:
    """Print the recipe inside a picture as JSON."""
    recipe = recipes.of_png(_bytes(picture))
    if recipe is None:
        raise BadRecipe(f"{picture.name} carries no recipe: only PNGs that were made here do.")
    typer.echo(recipe.model_dump_json(indent=2))


# --- one picture, in this process; several, through the engine ------------------------------------------------------


def _stylize_one(path: Path, styles: list[Style], recipe: InstantRecipe, out: Path) -> None:
    if out.is_dir():
        out = out / f"{path.stem}.png"
    _format(out)
    content = images.fit(_read(path), recipe.size)
    from nst_core import instant as stylizers  # TensorFlow, which the other commands do without

    for step in stylizers.stylizer(recipe.engine).stylize(content, styles, recipe):
        _write(step, out, recipe.model_copy(update={"content": _source(path)}))


def _stylize_many(contents: list[Path], styles: list[Style], recipe: InstantRecipe, out: Path) -> None:
    """One after the other; a picture that cannot be read is named at the end and holds nothing up."""
    paths = [path for content in contents for path in _pictures_at(content)]
    if out.exists() and not out.is_dir():
        raise BadPicture(f"{out} is a file: for several pictures, name a folder to write to.")
    engine, bad = Engine(), []
    try:
        engine.wait_until_ready(STARTUP)
        for done, path in enumerate(paths, 1):
            _progress(done, len(paths), path.name)
            try:
                content = images.fit(_read(path), recipe.size)
            except BadPicture as error:
                bad.append(str(error))
                continue
            step = engine.stylize(content, styles, recipe).result()
            out.mkdir(parents=True, exist_ok=True)
            _write(step, out / f"{path.stem}.png", recipe.model_copy(update={"content": _source(path)}))
    finally:
        engine.close()
    if bad:
        raise BadPicture(" ".join(bad))


def _pictures_at(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if not found:
        raise BadPicture(f"There is no picture in {path}.")
    return found


def _write(step: Step, out: Path, recipe: InstantRecipe) -> None:
    """Beside its place first, so that no half-written picture is ever found there."""
    assert step.image is not None
    data = images.encode(step.image, _format(out), text=recipes.png_text(recipe))
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise BadPicture(f"{out} cannot be written: {error.strerror}.") from error


def _format(out: Path) -> images.Format:
    if out.suffix.lower() not in FORMATS:
        raise BadPicture(f"{out.name}: pictures are written as {', '.join(FORMATS)}; name the result so.")
    return FORMATS[out.suffix.lower()]


def _read(path: Path) -> Image:
    return images.decode(_bytes(path), name=path.name)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadPicture(f"{path} cannot be read: {error.strerror}.") from error


def _source(path: Path) -> Source:
    return Source.of_upload(path.name, _bytes(path))


def _shares(text: str, count: int) -> list[float]:
    try:
        shares = [float(part) for part in text.split(",")] if text else [1.0] * count
    except ValueError:
        raise BadRecipe(f"--weights takes numbers separated by commas, such as 0.7,0.3, not “{text}”.") from None
    if len(shares) != count:
        raise BadRecipe(f"There are {count} styles but {len(shares)} weights: give one weight a style.")
    return shares


def _progress(done: int, total: int, name: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{done}/{total} {name:<60.60}", end="\n" if done == total else "", file=sys.stderr, flush=True)


def main() -> None:
    try:
        sys.exit(app(standalone_mode=False))
    except TyperException as error:  # a wrong option: one line, like every other mistake
        sys.exit(_say(error.format_message(), 2))
    except UserError as error:
        sys.exit(_say(error, 2))
    except Failure as error:
        sys.exit(_say(error, 1))


def _say(error: object, code: int) -> int:
    print(error, file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
