"""Open untrusted files: read format and size from the header, then decode the first frame.

Supports JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP and TIFF, by Pillow where it reads them correctly. The frame is upright, in sRGB,
its longer side at most the requested one, with its opacity separate.
"""

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image as Pillow
from PIL import ImageCms

from nst_core.formats import bmp, colorspaces, png, tiff
from nst_core.formats.bands import GAP, Raster, shrunk
from nst_core.formats.identification import identified

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
_BOXED = ("AVIF", "HEIF")  # files that consist of boxes and begin with `ftyp`
JPEGS = ("JPEG", "MPO")
END_OF_JPEG = b"\xff\xd9"

# Pillow does not document its exceptions for malformed files. Fuzzing and its source show: OSError for damage, SyntaxError for
# headers, ValueError for limits and modes; errors of its parsers (missing tags, wrong types, division by zero, structs, failed
# assertions); memory that a wrong header requests; and warnings, if a caller turned them into errors.
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

_TURNS: dict[object, Pillow.Transpose] = {  # EXIF orientation -> the operation that makes it upright
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
class Opened:
    """Hold a decoded frame: colours in sRGB, mode RGB; opacity, mode L, or None if all is opaque.

    cut_off: the file ends before its last pixels, which are grey.
    """

    color: Pillow.Image
    alpha: Pillow.Image | None
    cut_off: bool = False


@dataclass(frozen=True)
class Header:
    """Hold the facts in a header. `read(max_side)` decodes; max_side: pixels of the longer side, or None."""

    format: str
    width: int
    height: int
    clear: bool  # parts may be transparent
    read: Callable[[int | None], Opened]


def look(data: bytes) -> Header:
    """Read the header.

    Raises: one of UNREADABLE, and so does `read`.
    """
    if deep := _deep_tiff(data):
        return Header("TIFF", deep.width, deep.height, bool(deep.alpha), lambda side: _finished(tiff.read(data, deep, side)))
    if bitmap := bmp.layout(data):
        clear = len(bitmap.masks) > 3
        return Header("BMP", bitmap.width, bitmap.height, clear, lambda side: _finished(bmp.read(data, bitmap, side)))
    with identified(data, _formats(data)) as picture:
        clear = picture.has_transparency_data or picture.mode == "PA" or _offset(picture) is not None
        return Header(picture.format or "", *picture.size, clear, partial(_read, data))


def _deep_tiff(data: bytes) -> tiff.TiffLayout | None:
    try:
        return tiff.layout(data)
    except UNREADABLE:
        return None  # Pillow tries next


def _formats(data: bytes) -> tuple[str, ...]:
    if data[4:8] != b"ftyp":
        return FORMATS
    import pi_heif  # imported here because such files are rare

    pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return _BOXED


def _read(data: bytes, max_side: int | None) -> Opened:
    """Decode with Pillow. A truncated JPEG is read as far as possible, as browsers do."""
    try:
        return _opened(data, max_side)
    except OSError:
        if data[:2] != b"\xff\xd8" or len(data) < 4:
            raise
    whole = _opened(data + END_OF_JPEG, max_side)
    return Opened(whole.color, whole.alpha, cut_off=True)


def _opened(data: bytes, max_side: int | None) -> Opened:
    """Decode with Pillow, and complete what it leaves out."""
    with identified(data, _formats(data)) as picture:
        profile, curve = picture.info.get("icc_profile"), None
        if picture.format == "PNG":
            head = png.header(data, profile)
            if png.wants(head, max_side):
                return _finished(png.read(data, head, max_side))
            profile, curve = head.profile, head.curve
        white = _white(picture)
        frame = _plain(picture)
        if max_side is not None:  # for a JPEG this selects the draft mode: decoding at 1/2, 1/4 or 1/8
            frame = _thumbnail(frame, max_side)
        frame.load()
        orientation = _turn(picture)
        if white is not None:
            frame = _eight_bits(frame, white)
        if curve is not None:
            frame = _curved(frame, curve)
        return _finished(Raster(frame, orientation, profile))


def _thumbnail(picture: Pillow.Image, max_side: int) -> Pillow.Image:
    """Return the picture, its longer side at most `max_side`; a JPEG is decoded at a reduced size."""
    if picture.mode not in ("LA", "RGBA"):
        picture.thumbnail((max_side, max_side), Pillow.Resampling.LANCZOS, GAP)
        return picture
    longer = max(picture.size)
    size = (max(1, round(side * max_side / longer)) for side in picture.size)
    return shrunk(picture, (next(size), next(size))) if longer > max_side else picture


def _finished(raster: Raster) -> Opened:
    """Turn the picture upright, convert it to sRGB, and separate the opacity."""
    picture = raster.picture
    if (turn := _TURNS.get(raster.orientation)) is not None:  # Transpose.FLIP_LEFT_RIGHT is 0
        picture = picture.transpose(turn)
    if picture.mode == "La":  # premultiplied, from TIFF
        picture = picture.convert("LA")
    if picture.mode not in ("LA", "RGBA"):
        return Opened(_srgb(picture, raster.profile), None)
    alpha = picture.getchannel("A")
    color = _srgb(picture.convert(picture.mode[:-1]), raster.profile)
    return Opened(color, None if alpha.getextrema() == (255, 255) else alpha)


def _offset(picture: Pillow.Image) -> tuple[int, int, int, int] | None:
    """Return the position of a GIF's first frame on its canvas, (left, top, right, bottom), or None if it covers it."""
    if picture.format != "GIF" or not (tiles := getattr(picture, "tile", [])):
        return None
    extents = tuple(tiles[0].extents)
    return None if extents == (0, 0, *picture.size) else extents


def _plain(picture: Pillow.Image) -> Pillow.Image:
    """Convert palettes, single bits, key colours and offsets to full pixels, which can be resized correctly."""
    if picture.mode.startswith("I;16"):  # Pillow resizes 16 bits with wrong overshoots, and big-endian ones to noise
        return picture.convert("I")
    if (box := _offset(picture)) is not None:  # transparent around the frame, as in browsers, without the palette's background
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
    """Return the white of a grey picture of more than 8 bits that Pillow decodes, or None for all others.

    The range of 16 bits is known. That of 32 bits and floats is not, so white is the lowest usual value that no pixel exceeds.
    """
    if picture.mode.startswith("I;16"):
        return 65535
    if picture.mode not in ("I", "F"):
        return None
    highest = np.max(picture.getextrema())
    whites = (1, 255, 65535, 2**31 - 1) if picture.mode == "F" else (255, 65535, 2**31 - 1)
    return next((white for white in whites if highest <= white), 1)  # with NaN or infinity: 1, and the rest is clipped


def _eight_bits(picture: Pillow.Image, white: float) -> Pillow.Image:
    grey = np.clip(np.nan_to_num(np.asarray(picture, np.float32) / np.float32(white)), 0, 1)
    return Pillow.fromarray((grey * 255 + 0.5).astype(np.uint8))


def _curved(picture: Pillow.Image, curve: colorspaces.Curve) -> Pillow.Image:
    """Convert the colours of a picture of 8 bits from a transfer curve to sRGB; its opacity is unchanged."""
    if picture.mode not in ("L", "LA", "RGB", "RGBA"):
        return picture
    lookup = [round(255 * float(value)) for value in colorspaces.table(curve, 256)]
    clear = picture.mode in ("LA", "RGBA")
    colors = len(picture.getbands()) - clear
    return picture.point(lookup * colors + list(range(256)) * clear)


def _turn(picture: Pillow.Image) -> int:
    """Return EXIF's orientation, or 1 if it cannot be read."""
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except UNREADABLE:
        return 1


def _srgb(picture: Pillow.Image, profile: bytes | None) -> Pillow.Image:
    """Return an opaque picture in sRGB. A profile that is broken, or meant for other channels, is ignored."""
    if picture.mode not in ("L", "RGB", "CMYK", "LAB"):  # such as YCbCr
        picture = picture.convert("RGB")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
            return ImageCms.ImageCmsTransform(source, target, picture.mode, "RGB").apply(picture)
        except UNREADABLE:
            pass
    return picture.convert("RGB")
