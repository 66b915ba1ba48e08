"""Pictures: bytes <-> float32 (h, w, 3) in [0, 1], sRGB. The only door for untrusted files.

`decode` takes JPEG, PNG, WebP, GIF, BMP and TIFF (of several frames the first) and gives what a person sees: upright,
in sRGB, transparency over white. Everything else in the package trusts what came through here.
"""

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt

# Importing a plugin registers it: without these two Image.open would import all fifty for the first TIFF or WebP.
from PIL import Image as Pillow
from PIL import ImageCms, PngImagePlugin, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin  # noqa: F401

from nst_core.errors import BadPicture
from nst_core.limits import LIMITS

Image = npt.NDArray[np.float32]  # (h, w, 3) in [0, 1], sRGB
Mask = npt.NDArray[np.float32]  # (h, w) in [0, 1], 1 = the style applies here

Whole = TypeVar("Whole", np.uint8, np.uint16)

Format = Literal["png", "jpeg", "webp"]  # what `encode` writes

MAX_BYTES = LIMITS.max_upload_mb * 1024**2
MAX_PIXELS = LIMITS.max_megapixels * 1_000_000  # width × height, as the header says
MIN_SIDE = 32  # pixels; five poolings leave one
MAX_ASPECT = 8  # longer side / shorter side
_ROWS = 256  # that are made whole numbers at once
DESCRIPTION = "ImageDescription"  # what `text_chunks` calls a TIFF's
_DESCRIPTION_TAG = 270
MAX_SCANS = 100  # of a JPEG; progressive ones have a dozen. Each costs a pass over all pixels, 75 bytes order one

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")

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

_REDUCING_GAP = 3.0  # box-reduce first, but leave Lanczos a factor of three: fast, and no difference to be seen


def decode(
    data: bytes,
    *,
    name: str = "The picture",
    max_side: int | None = None,
    min_side: int = MIN_SIDE,
    over: Literal["white", "black"] = "white",
) -> Image:
    """Read an untrusted file into a picture, float32 (h, w, 3) in [0, 1].

    Limits are checked on the header, before a pixel is decoded. `max_side` (pixels) shrinks a larger picture while it
    has 8 bits (a JPEG while it is decoded), so that 50 megapixels never become 600 MB of floats. `name` begins the
    sentence of the error. `min_side` and `over`, the ground under transparency, are for masks. Raises BadPicture, and
    nothing else.
    """
    name = _printable(name)
    if not data:
        raise BadPicture(f"{name} is empty; choose another file.")
    if len(data) > MAX_BYTES:
        megabytes = f"{len(data) / 1024**2:.1f} MB; at most {MAX_BYTES // 1024**2} MB"
        raise BadPicture(f"{name} is {megabytes} are accepted, so shrink it or save it as JPEG.")
    with _sentences(name), Pillow.open(io.BytesIO(data), formats=FORMATS) as picture:
        _check_size(name, *picture.size, min_side)
        if picture.format in ("JPEG", "MPO") and data.count(b"\xff\xda") > MAX_SCANS:
            raise BadPicture(f"{name} is a JPEG of too many scans; save it again in a picture editor.")
        return from_uint8(np.asarray(_upright_rgb(picture, max_side, over)))


def rgba(data: bytes, shape: tuple[int, int], *, name: str = "The picture") -> npt.NDArray[np.uint8]:
    """Return the pixels of an untrusted PNG that must have a shape (h, w), opacity included: (h, w, 4) of 0…255.

    The shape is checked on the header, before a pixel is decoded. Raises: BadPicture.
    """
    with _sentences(name), Pillow.open(io.BytesIO(data), formats=("PNG",)) as picture:
        if picture.size != shape[::-1]:
            width, height = picture.size
            raise BadPicture(f"{name} is {width}×{height} pixels; {shape[1]}×{shape[0]} were expected.")
        return np.asarray(picture.convert("RGBA"))


def encode(
    image: Image,
    format: Format = "png",
    *,
    text: Mapping[str, str] | None = None,
    quality: int = 92,
    dpi: float | None = None,
) -> bytes:
    """Write a picture at 8 bits a channel.

    `text` becomes iTXt chunks, keyword -> text; only PNG carries them, other formats drop them. `quality`, 1 to 100, is
    for JPEG and WebP; `dpi`, dots per inch for a printer, for PNG and JPEG. What `decode` reads back from a PNG differs by
    rounding alone.
    """
    return _written(Pillow.fromarray(to_uint8(image)), format, text or {}, quality, dpi)


def convert(png: bytes, format: Format, *, quality: int = 92) -> bytes:
    """Write a PNG that `encode` made in another format; no limit of uploads holds for it. A JPEG is opaque, over white."""
    with Pillow.open(io.BytesIO(png), formats=("PNG",)) as picture:
        if format == "jpeg" and picture.mode == "RGBA":
            below = Pillow.new("RGB", picture.size, "white")
            below.paste(picture, mask=picture.getchannel("A"))
            return _written(below, format, {}, quality, None)
        return _written(picture, format, {}, quality, None)


def reopen(png: bytes, *, max_side: int | None = None) -> Image:
    """Read a PNG that `encode` made, like `decode`; no limit of uploads holds for it."""
    with Pillow.open(io.BytesIO(png), formats=("PNG",)) as picture:
        if max_side is not None:
            picture.thumbnail((max_side, max_side), Pillow.Resampling.LANCZOS, _REDUCING_GAP)
        return from_uint8(np.asarray(picture.convert("RGB")))


def text_chunks(data: bytes) -> dict[str, str]:
    """The texts, keyword -> text, that stand before a PNG's pixels, as ours do; of a TIFF, its description.

    {} for whatever is no sound PNG or TIFF. The limit of uploads does not hold: no pixel is read.
    """
    try:
        with Pillow.open(io.BytesIO(data), formats=("PNG", "TIFF")) as picture:
            said = picture.info
            if isinstance(picture, TiffImagePlugin.TiffImageFile):
                said = {DESCRIPTION: picture.tag_v2.get(_DESCRIPTION_TAG)}
            return {str(key): str(value) for key, value in said.items() if isinstance(value, str)}
    except UNREADABLE:
        return {}


def fit(image: Image, size: int) -> Image:
    """Resize, up or down, so that the longer side is exactly `size` pixels; the other keeps the aspect, at least 1."""
    height, width = image.shape[:2]
    longer = max(height, width)
    return resize(image, max(1, round(height * size / longer)), max(1, round(width * size / longer)))


def resize(image: Image, height: int, width: int) -> Image:
    """Resize to (height, width) with Lanczos, antialiased; contiguous, in [0, 1]. The same size gives the same array.

    Channel by channel in floats: a third slower than in 8 bits, but smooth skies stay free of steps.
    """
    if image.shape[:2] == (height, width):
        return np.ascontiguousarray(image)
    resized = np.empty((height, width, 3), np.float32)
    for channel in range(3):
        plane = Pillow.fromarray(np.ascontiguousarray(image[..., channel]))  # mode F
        plane = plane.resize((width, height), Pillow.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
        resized[..., channel] = np.asarray(plane)
    return np.clip(resized, 0, 1, out=resized)  # Lanczos overshoots at edges


def thumbnail(image: Image, size: int) -> bytes:
    """A small JPEG, its longer side at most `size` pixels."""
    return encode(fit(image, min(size, max(image.shape[:2]))), "jpeg", quality=85)


def shrink(jpeg: bytes, size: int) -> bytes:
    """`thumbnail` of a JPEG file of our own, five times as fast: its decoder leaves out what will not be seen."""
    file = io.BytesIO()
    with Pillow.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
        picture.thumbnail((size, size))
        picture.save(file, "JPEG", quality=85)
    return file.getvalue()


def digest(image: Image) -> str:
    """A name for the content, 32 hexadecimal digits: equal pictures share it, others do not. Good as a cache key."""
    content = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    content.update(np.ascontiguousarray(image).data)
    return content.hexdigest()


def to_uint8(image: Image) -> npt.NDArray[np.uint8]:
    """[0, 1] -> 0…255, half rounded up, what lies outside clipped."""
    return _to_whole(image, np.uint8)


def to_uint16(image: Image) -> npt.NDArray[np.uint16]:
    """[0, 1] -> 0…65535, half rounded up, what lies outside clipped."""
    return _to_whole(image, np.uint16)


def from_uint8(array: npt.NDArray[np.uint8]) -> Image:
    """0…255 -> [0, 1], float32."""
    return np.divide(array, 255, dtype=np.float32)


def from_uint16(array: npt.NDArray[np.uint16]) -> Image:
    """0…65535 -> [0, 1], float32."""
    return np.divide(array, 65535, dtype=np.float32)


# --- behind the door ------------------------------------------------------------------------------------------------


def _to_whole(image: Image, dtype: type[Whole]) -> npt.NDArray[Whole]:
    """Some rows at a time: a print in floats once more would be 150 MB."""
    whole = np.empty(np.shape(image), dtype)
    for start in range(0, len(image), _ROWS):
        scaled = np.multiply(image[start : start + _ROWS], np.iinfo(dtype).max, dtype=np.float32)
        scaled += 0.5
        whole[start : start + _ROWS] = np.clip(scaled, 0, np.iinfo(dtype).max, out=scaled)  # the cast drops the fraction
    return whole


@contextmanager
def _sentences(name: str) -> Iterator[None]:
    """Turn whatever Pillow raises into a BadPicture."""
    try:
        yield
    except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning, MemoryError):
        most = f"at most {MAX_PIXELS // 10**6} megapixels are accepted"
        raise BadPicture(f"{name} is too large; {most}, so shrink it first.") from None
    except UnidentifiedImageError:
        readable = "JPEG, PNG, WebP, GIF, BMP or TIFF with 8 or 16 bits"
        raise BadPicture(f"{name} is not a picture that can be read here; save it as {readable}.") from None
    except UNREADABLE as error:
        raise BadPicture(f"{name} is damaged; open it in a picture editor and save it again as PNG or JPEG.") from error


def _printable(name: str) -> str:
    """A file name fit to begin a sentence: no control characters, no more than a line."""
    name = "".join(character for character in name if character.isprintable()).strip() or "The picture"
    return name if len(name) <= 80 else f"{name[:50]}…{name[-25:]}"


def _check_size(name: str, width: int, height: int, min_side: int) -> None:
    shorter, longer = sorted((width, height))
    this = f"{name} is {width}×{height} pixels"
    if shorter < min_side:
        raise BadPicture(f"{this}; at least {min_side}×{min_side} are needed.")
    if width * height > MAX_PIXELS:
        raise BadPicture(f"{this}; at most {MAX_PIXELS // 10**6} megapixels are accepted, so shrink it first.")
    if longer > MAX_ASPECT * shorter:
        raise BadPicture(f"{this}; the longer side may be {MAX_ASPECT} times the shorter at most, so crop it first.")


def _upright_rgb(picture: Pillow.Image, max_side: int | None, over: str) -> Pillow.Image:
    """The first frame as a person sees it: upright, sRGB, over a ground, 8 bits; its longer side at most `max_side`."""
    profile = picture.info.get("icc_profile")
    white = _white(picture)
    picture = _plain(picture)
    if max_side is not None:  # also JPEG's draft mode: decoded at 1/2, 1/4 or 1/8
        picture.thumbnail((max_side, max_side), Pillow.Resampling.LANCZOS, _REDUCING_GAP)
    picture.load()
    if (turn := _turn(picture)) is not None:  # one of them is 0
        picture = picture.transpose(turn)
    if white is not None:
        picture = _eight_bits(picture, white)
    return _over(over, picture, profile)


def _plain(picture: Pillow.Image) -> Pillow.Image:
    """No palette, no single bits, no key colour: nothing that a resize would blur into something else."""
    if picture.mode.startswith("I;16"):  # Pillow resizes 16 bits with wrong overshoots, and big-endian ones to noise
        return picture.convert("I")
    if picture.mode in ("P", "PA"):
        return picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    if picture.mode in ("1", "L", "RGB") and "transparency" in picture.info:
        return picture.convert("RGBA" if picture.mode == "RGB" else "LA")
    return picture.convert("L") if picture.mode == "1" else picture


def _white(picture: Pillow.Image) -> float | None:
    """The white of a grey picture of more than 8 bits; None for all others.

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
    grey = np.asarray(picture, np.float32) / np.float32(white)
    return Pillow.fromarray(to_uint8(np.clip(np.nan_to_num(grey), 0, 1)))


def _turn(picture: Pillow.Image) -> Pillow.Transpose | None:
    """What EXIF says to do; None where it cannot be read: a picture is worth more than its EXIF."""
    try:
        return _TURNS.get(picture.getexif().get(_ORIENTATION))
    except UNREADABLE:
        return None


def _over(ground: str, picture: Pillow.Image, profile: bytes | None) -> Pillow.Image:
    if picture.mode == "La":  # premultiplied, from TIFF
        picture = picture.convert("LA")
    if picture.mode not in ("LA", "RGBA"):
        return _srgb(picture, profile)
    alpha = picture.getchannel("A")
    below = Pillow.new("RGB", picture.size, ground)
    below.paste(_srgb(picture.convert(picture.mode[:-1]), profile), mask=alpha)
    return below


def _srgb(picture: Pillow.Image, profile: bytes | None) -> Pillow.Image:
    """An opaque picture in sRGB. A profile that is broken, or meant for other channels, is ignored."""
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


def _written(picture: Pillow.Image, format: Format, text: Mapping[str, str], quality: int, dpi: float | None) -> bytes:
    file, dots = io.BytesIO(), {"dpi": (dpi, dpi)} if dpi else {}
    match format:
        case "png":  # level 1: level 6 takes four times as long for a tenth less
            picture.save(file, "PNG", compress_level=1, pnginfo=_chunks(text), **dots)
        case "jpeg":  # 4:4:4, because style pictures have saturated edges
            picture.save(file, "JPEG", quality=quality, subsampling=0, **dots)
        case "webp":
            picture.save(file, "WEBP", quality=quality)
    return file.getvalue()


def _chunks(text: Mapping[str, str]) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    for keyword, value in text.items():
        chunks.add_itxt(keyword, value)
    return chunks
