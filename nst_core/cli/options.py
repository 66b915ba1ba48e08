"""Define the options that commands share, and turn their values into styles and masks."""

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

OWN = "alpha"  # stands for the content's own opacity instead of a file
LEAST_STYLE = 1024  # pixels: style pictures are not reduced below this longer side

# Options that commands share.
Pictures = Annotated[
    list[Path],
    typer.Argument(
        metavar="CONTENT STYLE…",
        help=f"Content, then up to {MAX_STYLES} styles; - is standard input. Transparent parts of a style count as white.",
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", help="A picture, - for standard output, or a folder if CONTENT is one.")]
Shares = Annotated[str, typer.Option("--weights", help="Shares of the styles, such as 0.7,0.3.")]
Also = Annotated[list[Path] | None, typer.Option(help="A further content picture; may be repeated.")]
Masks = Annotated[
    list[Path] | None,
    typer.Option("--mask", help=f"Where a style applies, white on black, or {OWN}: the content's transparency; one per style."),
]
Flatten = Annotated[bool, typer.Option("--flatten", help="Fill transparent parts of the content with white.")]
SoftMasks = Annotated[
    bool, typer.Option("--soft-masks", help="Keep grey values of masks instead of making them black or white.")
]
Feather = Annotated[float, typer.Option(min=0, max=500, help="Soften the edges of masks by this many pixels.")]
StrokeOption = Annotated[float, typer.Option(help="Size of the strokes: above 1 larger, below 1 finer; 0.25 to 4.")]
Protect = Annotated[Path | None, typer.Option(metavar="MASK", help="What no style changes, such as a face: white on black.")]
SegmentationOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PICTURE",
        help="A picture of a few flat colours, one per region of the content. Styles take turns, largest region first.",
    ),
]
StyleSegmentations = Annotated[
    list[Path] | None,
    typer.Option(
        "--style-segmentation",
        metavar="PICTURE",
        help="The same for a style; repeat it for each style. Each region learns from the part with its colour.",
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
    """Split the arguments into a content and its styles."""
    if len(paths) < 2:
        raise BadRecipe("Give a content picture (or a folder of them) and at least one style.")
    return paths[0], list(paths[1:])


def shares(text: str, count: int, default: Sequence[float] = ()) -> list[float]:
    """Parse shares such as `0.7,0.3`. Without a text: the default if its length fits, otherwise equal shares."""
    if not text:
        return list(default) if len(default) == count else [1.0] * count
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise BadRecipe(f"--weights takes numbers separated by commas, such as 0.7,0.3, not “{text}”.") from None
    if len(numbers) != count:
        raise BadRecipe(f"The styles and --weights do not match, {count} and {len(numbers)}: give one weight per style.")
    return numbers


def style_sources(
    paths: Sequence[Path], shares: Sequence[float], default: Sequence[StyleSource] = ()
) -> list[dict[str, object]]:
    """Return the styles for a recipe, not yet validated. default: of a recipe with as many styles: masks and colours."""
    defaults: list[dict[str, object]] = [{}] * len(paths)
    if len(default) == len(paths):
        defaults = [{"mask": style.mask, "guide": style.guide, "color": style.color} for style in default]
    of_each = zip(paths, shares, defaults, strict=True)
    return [{"source": files.source(path), "weight": share} | settings for path, share, settings in of_each]


@dataclass(frozen=True, slots=True)
class MaskFiles:
    """Hold the files of masks, one per style in order. feather: radius in pixels of the result; protect: what no style changes.

    segmentation: instead of masks, a region for each of its colours; of_styles: segmentations of the styles, in order.
    subject: how to treat the main subject; photograph: returns the picture in which it is found, by default the content.
    """

    paths: Sequence[Path] = ()
    soft: bool = False
    feather: float = 0
    protect: Path | None = None
    segmentation: Path | None = None
    of_styles: Sequence[Path] = ()
    content: Path | None = None  # the picture whose opacity may be a mask
    subject: cutouts.Treatment | None = None
    photograph: Callable[[], Image] | None = None

    @property
    def all(self) -> list[Path]:
        """Return all files."""
        given = [*self.paths, self.protect, self.segmentation, *self.of_styles]
        return [path for path in given if path]


def with_styles(
    recipe: Q, paths: Sequence[Path], content: Path | Callable[[], masks.MaskShape], given: MaskFiles
) -> tuple[Q, list[Style]]:
    """Return the recipe and its styles, with the masks of the files, or with those in the recipe.

    paths: of the styles. content: determines the shape of the masks; of a folder, the first picture does; or a function that
    returns the shape. Raises: BadMask.
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


def _segmented(recipe: Q, styles: Sequence[Style], given: MaskFiles, shape: masks.MaskShape) -> tuple[Q, list[Style]]:
    """Return a style for each colour of the segmentation, with its mask, and with its guide if the styles are segmented too."""
    if given.segmentation is None:
        raise BadRecipe("--style-segmentation needs --segmentation: give that too.")
    if given.paths:
        raise BadRecipe("Give --mask or --segmentation, not both.")
    if given.of_styles and len(given.of_styles) != len(styles):
        count = f"{len(styles)} and {len(given.of_styles)}"
        raise BadRecipe(f"The styles and --style-segmentation do not match, {count}: give one per style, in their order.")
    regions_of_content = _segmentation(given.segmentation, shape)
    pairs: list[tuple[int, Mask | None]] = [(number % len(styles), None) for number in range(len(regions_of_content.masks))]
    if given.of_styles:
        of_styles = [_segmentation(path, style.image.shape[:2]) for path, style in zip(given.of_styles, styles, strict=True)]
        pairs = list(segmentation.paired(regions_of_content.colors, of_styles, name=given.segmentation.name))
    feathered = [masks.soften(mask, given.feather) for mask in regions_of_content.masks]
    regions = [replace(styles[number], mask=mask, guide=guide) for (number, guide), mask in zip(pairs, feathered, strict=True)]
    sources = [
        recipe.styles[number].model_copy(update={"guide": None if guide is None else masks.to_text(guide)})
        for number, guide in pairs
    ]
    return recipe.model_copy(update={"styles": tuple(sources)}), regions


def _segmentation(path: Path, shape: masks.MaskShape) -> segmentation.Segmentation:
    """Read a segmentation."""
    return segmentation.from_picture(files.read_bytes(path), shape, name=files.name_of(path))


def _drawn(given: MaskFiles, carried: Sequence[Mask | None], shape: masks.MaskShape) -> list[Mask | None]:
    """Return the masks of the files, feathered, or those in the recipe, without what is protected."""
    drawn: list[Mask | None] = [_mask(path, shape, given) for path in given.paths] or list(carried)
    if given.protect is not None:
        protected, everywhere = _mask(given.protect, shape, given), np.ones(shape, np.float32)
        drawn = [masks.without(everywhere if mask is None else mask, protected) for mask in drawn]
    if given.subject:
        found = _subject(given, shape)
        drawn = [cutouts.treated(mask, found, given.subject) for mask in drawn]
    return drawn


def _subject(given: MaskFiles, shape: masks.MaskShape) -> Mask:
    """Return the mask of the photograph's main subject, feathered. Raises: BadMask."""
    from nst_core.instant import subject  # ONNX Runtime comes with it

    assert given.photograph
    return masks.soften(masks.resize(subject.find(given.photograph()), shape), given.feather)


def _mask(path: Path, shape: masks.MaskShape, given: MaskFiles) -> Mask:
    """Read a mask, feathered."""
    if str(path) == OWN and not files.is_there(path):
        return masks.soften(_own_mask(given.content, shape), given.feather)
    return masks.soften(
        masks.from_picture(files.read_bytes(path), shape, soft=given.soft, name=files.name_of(path)), given.feather
    )


def _own_mask(content: Path | None, shape: masks.MaskShape) -> Mask:
    """Return the content's opacity as a mask."""
    if content is None:
        raise BadMask("A clip has no transparency to use as a mask: give a picture for --mask.")
    mask = files.opacity(content, shape)
    if mask is None:
        name = files.name_of(content)
        raise BadMask(f"{name} has no transparent parts to use as a mask: give a picture for --mask.")
    return mask
