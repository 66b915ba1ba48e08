"""Opening: the bytes of an untrusted file -> its format and size, from the header alone; then its first frame, as it is seen.

JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP and TIFF, through Pillow where that reads them rightly. The frame comes upright, in sRGB,
its longer side at most what is wanted, with its opacity apart.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

# Importing a plugin registers it: without these Image.open would import all fifty for the first TIFF or WebP.
from PIL import AvifImagePlugin, ImageCms, PngImagePlugin, TiffImagePlugin, WebPImagePlugin  # noqa: F401
from PIL import Image as Pillow

from nst_core.formats import bmp, colorspaces, png, tiff
from nst_core.formats.bands import GAP, Raster, shrunk

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_BOXED = ("AVIF", "HEIF")  # files of boxes, the first of which is `ftyp`
JPEGS = ("JPEG", "MPO")
END_OF_JPEG = b"\xff\xd9"

# Pillow promises no particular exceptions for hostile bytes. By fuzzing and by its source: OSError for damage,
# SyntaxError for headers, ValueError for limits and modes; what a parser trips over (missing tags, odd types, zero
# divisors, unpackable structs, its own asserts); memory that a lying header asks for; and warnings, where a caller made
# them errors.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    MemoryError,
    struct.error,
    zlib.error,
    Pillow.DecompressionBombError,
    Warning,
)

_TURNS: dict[object, Pillow.Transpose] = {  # EXIF orientation -> what makes it upright
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Picture:
    """A decoded frame: colours in sRGB, mode RGB, and opacity, mode L, or None where all is opaque.

    cut_off: the file ends before its last pixels, which are grey.
    """

    color: Pillow.Image
    alpha: Pillow.Image | None
    cut_off: bool = False


@dataclass(frozen=True)
class Look:
    """What a header says. `read(max_side)` decodes; max_side: pixels of the longer side, or None."""

    format: str
    width: int
    height: int
    clear: bool  # whether parts may be transparent
    read: Callable[[int | None], Picture]


def look(data: bytes) -> Look:
    """Read the header.

    Raises: one of UNREADABLE, and so does `read`.
    """
    if deep := _deep_tiff(data):
        return Look("TIFF", deep.width, deep.height, bool(deep.alpha), lambda side: _finished(tiff.read(data, deep, side)))
    if bitmap := bmp.layout(data):
        clear = len(bitmap.masks) > 3
        return Look("BMP", bitmap.width, bitmap.height, clear, lambda side: _finished(bmp.read(data, bitmap, side)))
    with Pillow.open(io.BytesIO(data), formats=_formats(data)) as picture:
        clear = picture.has_transparency_data or picture.mode == "PA" or _offset(picture) is not None
        return Look(picture.format or "", *picture.size, clear, partial(_read, data))


def _deep_tiff(data: bytes) -> tiff.Layout | None:
    try:
        return tiff.layout(data)
    except UNREADABLE:
        return None  # Pillow has the last word


def _formats(data: bytes) -> tuple[str, ...]:
    if data[4:8] != b"ftyp":
        return FORMATS
    import pi_heif  # few bring such

    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return _BOXED


def _read(data: bytes, max_side: int | None) -> Picture:
    """Decode with Pillow. A JPEG that is cut off is read as far as it goes, as browsers do."""
    try:
        return _opened(data, max_side)
    except OSError:
        if data[:2] != b"\xff\xd8" or len(data) < 4:
            raise
    whole = _opened(data + END_OF_JPEG, max_side)
    return Picture(whole.color, whole.alpha, cut_off=True)


def _opened(data: bytes, max_side: int | None) -> Picture:
    with Pillow.open(io.BytesIO(data), formats=_formats(data)) as picture:
        profile, curve = picture.info.get("icc_profile"), None
        if picture.format == "PNG":
            head = png.header(data, profile)
            if png.wants(head, max_side):
                return _finished(png.read(data, head, max_side))
            profile, curve = head.profile, head.curve
        white = _white(picture)
        shown = _plain(picture)
        if max_side is not None:  # also JPEG's draft mode: decoded at 1/2, 1/4 or 1/8
            shown = _thumbnail(shown, max_side)
        shown.load()
        orientation = _turn(picture)
        if white is not None:
            shown = _eight_bits(shown, white)
        if curve is not None:
            shown = _curved(shown, curve)
        return _finished(Raster(shown, orientation, profile))


def _thumbnail(picture: Pillow.Image, max_side: int) -> Pillow.Image:
    """Return the picture, its longer side at most `max_side`; a JPEG is told before it is decoded."""
    if picture.mode not in ("LA", "RGBA"):
        picture.thumbnail((max_side, max_side), Pillow.Resampling.LANCZOS, GAP)
        return picture
    longer = max(picture.size)
    size = (max(1, round(side * max_side / longer)) for side in picture.size)
    return shrunk(picture, (next(size), next(size))) if longer > max_side else picture


def _finished(raster: Raster) -> Picture:
    """Turn upright, convert to sRGB, take the opacity apart."""
    picture = raster.picture
    if (turn := _TURNS.get(raster.orientation)) is not None:  # one of them is 0
        picture = picture.transpose(turn)
    if picture.mode == "La":  # premultiplied, from TIFF
        picture = picture.convert("LA")
    if picture.mode not in ("LA", "RGBA"):
        return Picture(_srgb(picture, raster.profile), None)
    alpha = picture.getchannel("A")
    color = _srgb(picture.convert(picture.mode[:-1]), raster.profile)
    return Picture(color, None if alpha.getextrema() == (255, 255) else alpha)


def _offset(picture: Pillow.Image) -> tuple[int, int, int, int] | None:
    """Return where the first frame of a GIF lies on its canvas, (left, top, right, bottom); None where it covers all of it."""
    if picture.format != "GIF" or not (tiles := getattr(picture, "tile", [])):
        return None
    extents = tuple(tiles[0].extents)
    return None if extents == (0, 0, *picture.size) else extents


def _plain(picture: Pillow.Image) -> Pillow.Image:
    """Return the picture without palette, single bits, key colour and offset: nothing that a resize would blur wrongly."""
    if picture.mode.startswith("I;16"):  # Pillow resizes 16 bits with wrong overshoots, and big-endian ones to noise
        return picture.convert("I")
    if (box := _offset(picture)) is not None:  # around it is nothing, as browsers have it, not the palette's background
        frame = picture.convert("RGBA")
        canvas = Pillow.new("RGBA", frame.size)
        canvas.paste(frame.crop(box), box)
        return canvas
    if picture.mode in ("P", "PA"):
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    if picture.mode in ("1", "L", "RGB") and "transparency" in picture.info:
        return picture.convert("RGBA" if picture.mode == "RGB" else "LA")
    return picture.convert("L") if picture.mode == "1" else picture


def _white(picture: Pillow.Image) -> float | None:
    """Return the white of a grey picture of more than 8 bits, which Pillow decodes; None for all others.

    16 bits say their range. 32 bits and floats do not, so white is the least of the usual ones that holds every pixel.
    """
    if picture.mode.startswith("I;16"):
        return 65535
    if picture.mode not in ("I", "F"):
        return None
    highest = np.max(picture.getextrema())
    whites = (1, 255, 65535, 2**31 - 1) if picture.mode == "F" else (255, 65535, 2**31 - 1)
    return next((white for white in whites if highest <= white), 1)  # NaN and infinity: take 1, clip the rest


def _eight_bits(picture: Pillow.Image, white: float) -> Pillow.Image:
    grey = np.clip(np.nan_to_num(np.asarray(picture, np.float32) / np.float32(white)), 0, 1)
    return Pillow.fromarray((grey * 255 + 0.5).astype(np.uint8))


def _curved(picture: Pillow.Image, curve: colorspaces.Curve) -> Pillow.Image:
    """Return a picture of 8 bits whose colours went through a transfer curve to sRGB; its opacity stays."""
    if picture.mode not in ("L", "LA", "RGB", "RGBA"):
        return picture
    lookup = [round(255 * float(value)) for value in colorspaces.table(curve, 256)]
    clear = picture.mode in ("LA", "RGBA")
    colors = len(picture.getbands()) - clear
    return picture.point(lookup * colors + list(range(256)) * clear)


def _turn(picture: Pillow.Image) -> int:
    """Return EXIF's orientation; 1 where it cannot be read: a picture is worth more than its EXIF."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except UNREADABLE:
        return 1


def _srgb(picture: Pillow.Image, profile: bytes | None) -> Pillow.Image:
    """Return an opaque picture in sRGB. A profile that is broken, or meant for other channels, is ignored."""
    if picture.mode not in ("L", "RGB", "CMYK", "LAB"):  # YCbCr and its like
        picture = picture.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
            return ImageCms.ImageCmsTransform(source, target, picture.mode, "RGB").apply(picture)
        except UNREADABLE:
            pass
    return picture.convert("RGB")
