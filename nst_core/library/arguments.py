"""What a caller gives: pictures, masks and styles in any form in; arrays and a recipe's entries out, or one clear error."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageOps

from nst_core import images
from nst_core.errors import BadClip, BadMask, BadPicture, BadRecipe, UserError
from nst_core.images import MAX_ASPECT, MIN_SIDE, Image, Mask
from nst_core.library.picture import Picture
from nst_core.pictures import masks
from nst_core.recipes import MAX_STYLES, Source
from nst_core.stylizer import Style

PictureLike: TypeAlias = str | PathLike[str] | bytes | Pillow.Image | npt.NDArray[Any] | Picture
# one picture; several, as a list, whose entries may be pairs (style, weight or mask); {style: weight or mask}
StylesLike: TypeAlias = (
    PictureLike
    | Style
    | Sequence[PictureLike | Style | tuple[PictureLike, float | PictureLike]]
    | Mapping[Any, float | PictureLike]
)

FORMS = "a path, bytes, a PIL image or an array"
SLACK = 1e-4  # by which floats may leave [0, 1]: what resampling overshoots
LEAST_STYLE = 1024  # pixels of a style picture's longer side that are kept at least
FLAT_MODES = ("L", "RGB", "RGBA")


class Loaded(NamedTuple):
    """A picture (h, w, 3) in [0, 1], its opacity (h, w) or None, and its source for recipes."""

    image: Image
    alpha: Mask | None
    source: Source


# --- pictures ---------------------------------------------------------------------------------------------------------


def content(given: PictureLike, size: int) -> Loaded:
    """Return a picture to paint, its longer side `size` pixels; under transparent parts it has their neighbours' colours.

    Raises: BadPicture.
    """
    loaded = _loaded(given, "The content", side=size, over="nearest")
    image = images.fit(loaded.image, size)
    alpha = None if loaded.alpha is None else masks.resize(loaded.alpha, image.shape[:2])
    return Loaded(image, alpha, loaded.source)


def picture(given: PictureLike, name: str, side: int) -> Loaded:
    """Return a picture over white, its longer side at most `side` pixels. name: begins the error. Raises: BadPicture."""
    return _loaded(given, name, side=side, over="white")


def _loaded(given: Any, name: str, *, side: int, over: images.Ground) -> Loaded:
    if isinstance(given, Picture):
        given = given.array if given.alpha is None else given.pil
    if isinstance(given, Pillow.Image):
        given = _of_pillow(given)
    if isinstance(given, np.ndarray):
        pixels = _floats(given, name, BadPicture)
        _check_sides(pixels, name)
        if pixels.ndim == 2 or pixels.shape[-1] == 3:
            return _of_array(pixels, name, side)
        given = _png(pixels)
    data, title = file(given, name, BadPicture)
    image = images.decode(data, name=title, max_side=side, over=over)
    alpha = images.opacity(data, name=title, max_side=side)
    return Loaded(image, alpha, Source.of_upload(title, data))


def _of_array(pixels: npt.NDArray[np.float32], name: str, side: int) -> Loaded:
    image = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
    source = Source(name=name, digest=images.digest(image)[:16])
    return Loaded(images.fit(image, side) if max(image.shape) > side else image, None, source)


def _of_pillow(given: Pillow.Image) -> npt.NDArray[np.uint8] | bytes:
    """Return its pixels, upright; where its mode or profile means other colours, a file that says so."""
    upright = ImageOps.exif_transpose(given)
    if upright.mode in FLAT_MODES and not {"icc_profile", "transparency"} & set(upright.info):
        return np.asarray(upright)
    if upright.has_transparency_data and upright.mode != "RGBA":
        upright = upright.convert("RGBA")
    buffer = io.BytesIO()
    saved = upright if upright.mode in ("1", "L", "I", "F", "RGB", "RGBA", "CMYK", "LAB", "I;16") else upright.convert("RGB")
    saved.save(buffer, "TIFF", icc_profile=upright.info.get("icc_profile"))
    return buffer.getvalue()


def _png(pixels: npt.NDArray[np.float32]) -> bytes:
    """(h, w, 4) as a file, whose opacity `images` reads."""
    buffer = io.BytesIO()
    Pillow.fromarray(images.to_uint8(pixels)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _floats(array: npt.NDArray[Any], name: str, error: type[UserError]) -> npt.NDArray[np.float32]:
    """Return an array of uint8 or of floats in [0, 1] as float32 in [0, 1]. Raises: the error."""
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] not in (3, 4)) or not array.size:
        raise error(f"{name} is an array of shape {array.shape}; (h, w), (h, w, 3) or (h, w, 4) are expected.")
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    if array.dtype == np.uint8:
        return images.from_uint8(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise error(f"{name} is an array of {array.dtype}; uint8 in 0…255 or floats in [0, 1] are expected.")
    least, most = float(array.min()), float(array.max())
    if not (least >= -SLACK and most <= 1 + SLACK):  # nor NaN
        raise error(f"{name} has values from {least:g} to {most:g}; floats must be in [0, 1], so scale them, or pass uint8.")
    return np.clip(array, 0, 1).astype(np.float32)


def _check_sides(pixels: npt.NDArray[Any], name: str) -> None:
    """Check an array as `images.decode` checks a file. Raises: BadPicture."""
    height, width = pixels.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise BadPicture(f"{name} is {width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed.")
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise BadPicture(
            f"{name} is {width}×{height} pixels; the longer side may be {MAX_ASPECT} times the shorter at most, so crop it."
        )


def file(given: object, name: str, error: type[UserError]) -> tuple[bytes, str]:
    """Return a file's bytes, and a name for messages. name: of what has no file name. Raises: the error."""
    if isinstance(given, bytes | bytearray | memoryview):
        return bytes(given), name
    if not isinstance(given, str | PathLike):
        expected = "a path or bytes" if error is BadClip else FORMS
        raise error(f"{name} is of the type {type(given).__name__}; {expected} is expected.")
    path = Path(given)
    try:
        return path.read_bytes(), path.name
    except OSError as reason:
        raise error(f"{path} cannot be read: {reason.strerror}.") from reason
    except ValueError as reason:  # a NUL in the path
        raise error(f"{name}: {str(path)!r} is no path.") from reason


# --- masks ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MaskOptions:
    """How masks are read. soft: greys of files and PIL images count as they are; arrays always do.

    feather: radius in pixels by which edges are softened. protect: a mask of what no style touches.
    """

    soft: bool = False
    feather: float = 0.0
    protect: PictureLike | None = None


def mask(given: PictureLike, shape: masks.MaskShape, name: str, options: MaskOptions) -> Mask:
    """Return a mask (h, w) of this shape, 1 where white. Raises: BadMask."""
    if isinstance(given, Picture):
        given = given.pil
    if isinstance(given, Pillow.Image):
        pixels = _of_pillow(given)
        given = pixels if isinstance(pixels, bytes) else _png_of(pixels)
    if isinstance(given, np.ndarray):
        return masks.soften(masks.resize(_mask_array(given, name), shape), options.feather)
    data, title = file(given, name, BadMask)
    return masks.soften(masks.from_picture(data, shape, soft=options.soft, name=title), options.feather)


def _png_of(pixels: npt.NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _mask_array(given: npt.NDArray[Any], name: str) -> Mask:
    if given.ndim != 2:
        raise BadMask(f"{name} is an array of shape {given.shape}; (h, w) is expected.")
    return _floats(given, name, BadMask)


# --- styles -----------------------------------------------------------------------------------------------------------


def styles(given: StylesLike) -> list[Style]:
    """Return the styles as the caller gave them: pictures and masks are not read yet. Raises: BadRecipe."""
    entries = [_entry(style, value) for style, value in _pairs(given)]
    if not entries:
        raise BadRecipe("Give at least one style.")
    if len(entries) > MAX_STYLES:
        raise BadRecipe(f"At most {MAX_STYLES} styles are possible, not {len(entries)}.")
    if not all(np.isfinite(style.weight) and style.weight >= 0 for style in entries):
        raise BadRecipe("The weights of styles must be 0 or more.")
    total, most = sum(style.weight for style in entries), max(style.weight for style in entries)
    return [replace(style, weight=style.weight / total) for style in entries] if most > 1 else entries


def _pairs(given: Any) -> Iterable[tuple[Any, Any]]:
    if isinstance(given, Mapping):
        return given.items()
    if isinstance(given, list | tuple):
        return [entry if isinstance(entry, tuple) and len(entry) == 2 else (entry, 1.0) for entry in given]
    return [(given, 1.0)]


def _entry(style: Any, value: Any) -> Style:
    if isinstance(style, Style):
        return style
    if isinstance(value, Real):
        return Style(style, float(value))
    return Style(style, mask=value)


def read_styles(
    given: StylesLike, shape: masks.MaskShape, size: int, options: MaskOptions
) -> tuple[list[dict[str, Any]], list[Style]]:
    """Return a recipe's entries for the styles, not yet validated, and the styles with their pixels.

    shape: (h, w) of the content. size: pixels of the result's longer side. Raises: BadPicture, BadMask, BadRecipe.
    """
    entries = styles(given)
    side = max(LEAST_STYLE, size)
    named = [f"Style {number}" if len(entries) > 1 else "The style" for number in range(1, len(entries) + 1)]
    loaded = [picture(style.image, name, side) for style, name in zip(entries, named, strict=True)]
    drawn = _drawn(entries, named, shape, options)
    if any(found is not None for found in drawn):
        masks.check(drawn, len(drawn))
    read = partial(mask, options=MaskOptions(soft=True))
    guides = [
        None if style.guide is None else read(style.guide, picture_.image.shape[:2], f"The guide of {name}")
        for style, picture_, name in zip(entries, loaded, named, strict=True)
    ]
    pixels = [
        replace(style, image=picture_.image, mask=found, guide=guide)
        for style, picture_, found, guide in zip(entries, loaded, drawn, guides, strict=True)
    ]
    return [_source(style, picture_.source) for style, picture_ in zip(pixels, loaded, strict=True)], pixels


def _drawn(entries: Sequence[Style], named: Sequence[str], shape: masks.MaskShape, options: MaskOptions) -> list[Mask | None]:
    """The masks of the styles, less what is protected."""
    drawn = [
        None if style.mask is None else mask(style.mask, shape, f"The mask of {name[0].lower()}{name[1:]}", options)
        for style, name in zip(entries, named, strict=True)
    ]
    if options.protect is None:
        return drawn
    protected, everywhere = mask(options.protect, shape, "The mask protect", options), np.ones(shape, np.float32)
    return [masks.without(everywhere if found is None else found, protected) for found in drawn]


def _source(style: Style, source: Source) -> dict[str, Any]:
    """Return what a recipe says about a style."""
    texts = {"mask": style.mask, "guide": style.guide}
    carried = {key: None if found is None else masks.to_text(found) for key, found in texts.items()}
    return {"source": source, "weight": style.weight, "color": style.color, **carried}
