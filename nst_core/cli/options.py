"""What options say: pictures and shares to styles, files to masks; and the options that commands share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import typer

from nst_core.cli import files
from nst_core.errors import BadMask, BadRecipe
from nst_core.images import Image, Mask
from nst_core.pictures import cutouts, masks, segmentation
from nst_core.pictures.styles import of_recipe as styles_of
from nst_core.recipes import MAX_STYLES, Recipe, StyleSource
from nst_core.stylizer import Style

Q = TypeVar("Q", bound=Recipe)

OWN = "alpha"  # instead of a mask's file: the content's own opacity
LEAST_STYLE = 1024  # pixels of a style picture's longer side that are kept at least

# Options that commands share.
Pictures = Annotated[
    list[Path], typer.Argument(metavar="CONTENT STYLE…", help=f"Content, then up to {MAX_STYLES} styles; - is standard input.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="A picture, - for standard output, or a folder where CONTENT is one.")]
Shares = Annotated[str, typer.Option("--weights", help="Shares of the styles, such as 0.7,0.3.")]
Also = Annotated[list[Path] | None, typer.Option(help="A further content picture; may be repeated.")]
Masks = Annotated[
    list[Path] | None,
    typer.Option(
        "--mask", help=f"Where a style goes, white on black, or {OWN}: the content's own transparency; repeated, one a style."
    ),
]
Flatten = Annotated[bool, typer.Option("--flatten", help="Fill what is transparent in the content with white.")]
SoftMasks = Annotated[bool, typer.Option("--soft-masks", help="Greys count as they are, not as black or white.")]
Feather = Annotated[float, typer.Option(min=0, max=500, help="Soften the masks' edges by so many pixels.")]
Stroke = Annotated[float, typer.Option(help="Of the strokes: above 1 bolder, below 1 finer; 0.25 to 4.")]
Protect = Annotated[Path | None, typer.Option(metavar="MASK", help="What no style touches, such as a face: white on black.")]
Segmentation = Annotated[
    Path | None,
    typer.Option(
        metavar="PICTURE",
        help="A few flat colours over the content: a region for each. The styles take turns, from the largest region on.",
    ),
]
StyleSegmentations = Annotated[
    list[Path] | None,
    typer.Option(
        "--style-segmentation",
        metavar="PICTURE",
        help="The same of a style, repeated, one a style: each region learns from the part in its colour.",
    ),
]

Subject = Annotated[
    cutouts.Treatment | None,
    typer.Option(
        help="Treat the main subject: keep (it stays the photograph), lighter (a weaker style), only (it alone is painted)."
    ),
]


def check_several(subject: cutouts.Treatment | None) -> None:
    """Raises: BadRecipe, where a subject is to be found in several contents: masks are those of the first."""
    if subject:
        raise BadRecipe("--subject follows one photograph: leave it out for several, or paint them one by one.")


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
    return [{"source": files.source(path), "weight": share} | more for path, share, more in of_each]


@dataclass(frozen=True, slots=True)
class MaskFiles:
    """Masks as files: one a style, in their order. feather: radius in pixels of the result; protect: what no style touches.

    segmentation: instead of masks, a region for each of its colours; of_styles: with it, those of the styles, in their order.
    subject: what becomes of the main subject of the photograph; photograph: what it is found in, unless that is the content.
    """

    paths: Sequence[Path] = ()
    soft: bool = False
    feather: float = 0
    protect: Path | None = None
    segmentation: Path | None = None
    of_styles: Sequence[Path] = ()
    content: Path | None = None  # whose opacity may be a mask
    subject: cutouts.Treatment | None = None
    photograph: Callable[[], Image] | None = None

    @property
    def all(self) -> list[Path]:
        given = [*self.paths, self.protect, self.segmentation, *self.of_styles]
        return [path for path in given if path]


def with_styles(
    recipe: Q, paths: Sequence[Path], content: Path | Callable[[], masks.Shape], given: MaskFiles
) -> tuple[Q, list[Style]]:
    """The recipe and its styles, with the masks of the files, or those that the recipe carries already.

    paths: of the styles. content: the masks are made for its shape; of a folder, for the first picture's; or what tells the
    shape. Raises: BadMask.
    """
    by_source = {style.source: path for style, path in zip(recipe.styles, paths, strict=True)}
    of_file = lambda path: files.shape(files.pictures_at(path)[0], recipe.size)  # noqa: E731
    shape = cache(partial(of_file, content) if isinstance(content, Path) else content)
    side = max(LEAST_STYLE, round(recipe.size * getattr(recipe, "style_scale", 1)))
    styles = styles_of(recipe, lambda source: files.read(by_source[source], side), shape)
    if isinstance(content, Path):
        first = files.pictures_at(content)[0]
        given = replace(given, content=first, photograph=partial(files.content, first, recipe.size))
    if given.segmentation or given.of_styles:
        recipe, styles = _segmented(recipe, styles, given, shape())
    if not (given.paths or given.protect or given.segmentation or given.subject):
        return recipe, styles
    drawn = _drawn(given, [style.mask for style in styles], shape())
    masks.check(drawn, len(styles))
    sources = [
        style.model_copy(update={"mask": None if mask is None else masks.to_text(mask)})
        for style, mask in zip(recipe.styles, drawn, strict=True)
    ]
    masked = [replace(style, mask=mask) for style, mask in zip(styles, drawn, strict=True)]
    return recipe.model_copy(update={"styles": tuple(sources)}), masked


def _segmented(recipe: Q, styles: Sequence[Style], given: MaskFiles, shape: masks.Shape) -> tuple[Q, list[Style]]:
    """A style for each colour of the segmentation, with its mask, and its guide if there are the styles' own."""
    if given.segmentation is None:
        raise BadRecipe("--style-segmentation pairs the regions of --segmentation: give that too.")
    if given.paths:
        raise BadRecipe("Give --mask or --segmentation, not both.")
    if given.of_styles and len(given.of_styles) != len(styles):
        count = f"{len(styles)} and {len(given.of_styles)}"
        raise BadRecipe(f"The styles and --style-segmentation do not match, {count}: give one a style, in their order.")
    found = _segmentation(given.segmentation, shape)
    pairs: list[tuple[int, Mask | None]] = [(number % len(styles), None) for number in range(len(found.masks))]
    if given.of_styles:
        own = [_segmentation(path, style.image.shape[:2]) for path, style in zip(given.of_styles, styles, strict=True)]
        pairs = list(segmentation.paired(found.colors, own, name=given.segmentation.name))
    feathered = [masks.soften(mask, given.feather) for mask in found.masks]
    regions = [replace(styles[number], mask=mask, guide=guide) for (number, guide), mask in zip(pairs, feathered, strict=True)]
    sources = [
        recipe.styles[number].model_copy(update={"guide": None if guide is None else masks.to_text(guide)})
        for number, guide in pairs
    ]
    return recipe.model_copy(update={"styles": tuple(sources)}), regions


def _segmentation(path: Path, shape: masks.Shape) -> segmentation.Segmentation:
    return segmentation.from_picture(files.read_bytes(path), shape, name=files.name_of(path))


def _drawn(given: MaskFiles, carried: Sequence[Mask | None], shape: masks.Shape) -> list[Mask | None]:
    """The masks of the files, feathered, or else those that the recipe carries; less what is protected."""
    drawn: list[Mask | None] = [_mask(path, shape, given) for path in given.paths] or list(carried)
    if given.protect is not None:
        protected, everywhere = _mask(given.protect, shape, given), np.ones(shape, np.float32)
        drawn = [masks.without(everywhere if mask is None else mask, protected) for mask in drawn]
    if given.subject:
        found = _subject(given, shape)
        drawn = [cutouts.treated(mask, found, given.subject) for mask in drawn]
    return drawn


def _subject(given: MaskFiles, shape: masks.Shape) -> Mask:
    """Return the mask of the photograph's main subject, feathered. Raises: BadMask."""
    from nst_core.instant import subject  # ONNX Runtime comes with it

    assert given.photograph
    return masks.soften(masks.resize(subject.find(given.photograph()), shape), given.feather)


def _mask(path: Path, shape: masks.Shape, given: MaskFiles) -> Mask:
    if str(path) == OWN and not files.is_there(path):
        return masks.soften(_own_mask(given.content, shape), given.feather)
    return masks.soften(
        masks.from_picture(files.read_bytes(path), shape, soft=given.soft, name=files.name_of(path)), given.feather
    )


def _own_mask(content: Path | None, shape: masks.Shape) -> Mask:
    if content is None:
        raise BadMask("A clip has no transparency to take a mask from: name a picture for --mask.")
    found = files.opacity(content, shape)
    if found is None:
        name = files.name_of(content)
        raise BadMask(f"{name} has no transparent parts to take a mask from: name a picture for --mask.")
    return found
