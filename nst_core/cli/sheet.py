"""Define the command `sheet`: one photograph in many styles, on one picture."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from nst_core import engines, images
from nst_core.cli import files
from nst_core.engines import Inputs
from nst_core.errors import BadRecipe
from nst_core.images import Image
from nst_core.pictures import contact_sheets, encoding
from nst_core.pictures.contact_sheets import Entry
from nst_core.recipes import MAX_SIZE, InstantRecipe
from nst_core.stylizer import Style

MOST = 200  # styles
LEAST, DEFAULT = 96, 320  # pixels of the longer side of a cell
STYLE_SIDE = 512  # pixels of a style


def sheet(
    pictures: Annotated[
        list[Path], typer.Argument(metavar="PHOTO STYLE…", help="A photograph, then styles: pictures, or folders of them.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The sheet: .png, .jpg or .webp.")],
    size: Annotated[int, typer.Option(min=LEAST, max=MAX_SIZE, help="Longer side of each picture, in pixels.")] = DEFAULT,
    columns: Annotated[int, typer.Option(min=1, max=50, help="Pictures in a row.")] = 5,
) -> None:
    """Paint a photograph in many styles, and put the results on one sheet: the photograph first, names below."""
    if len(pictures) < 2:
        raise BadRecipe("Give a photograph, and at least one style or a folder of styles.")
    photo, styles = pictures[0], [path for place in pictures[1:] for path in files.pictures_at(place)]
    if len(styles) > MOST:
        raise BadRecipe(f"{len(styles)} styles are more than the {MOST} of a sheet: give fewer.")
    format = files.by_suffix(out, {suffix: f for suffix, f in encoding.FORMATS.items() if f != "tiff"}, "sheets")
    files.check_targets(out, inputs=[photo, *styles])
    content = files.content(photo, size)
    contact_sheets.shape(len(styles) + 1, content.shape[:2], columns)  # before the work
    entries = [Entry("", content), *_painted(content, styles)]
    made = contact_sheets.compose(entries, columns)
    files.write(out, images.encode(made, "jpeg" if format == "jpeg" else "webp" if format == "webp" else "png"))


def _painted(content: Image, styles: Sequence[Path]) -> Iterator[Entry]:
    """Yield the content in each style, by the engine that needs no download. Raises: BadPicture."""
    engine = engines.for_regions(InstantRecipe)
    recipe = InstantRecipe(engine=engine.name)
    for number, path in enumerate(styles, 1):
        style = files.read(path, STYLE_SIDE)
        *_, step = engine.run(recipe, Inputs({"content": content}, [Style(style)]))
        assert step.image is not None
        typer.echo(f"{number} of {len(styles)}: {files.title(path)}", err=True)
        yield Entry(path.stem, step.image, style)
