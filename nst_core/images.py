"""Validate and decode picture files, and encode results: bytes <-> float32 (h, w, 3) in [0, 1], sRGB.

`decode` reads JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP and TIFF (the first frame of an animation) and returns the picture as a
viewer shows it: upright, in sRGB, transparent areas on white; `opacity` returns its alpha channel. All untrusted picture files
pass through this module; the rest of the package relies on its checks.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import PngImagePlugin, TiffImagePlugin, UnidentifiedImageError

from nst_core import formats
from nst_core.errors import BadPicture

Image = npt.NDArray[np.float32]  # (h, w, 3) in [0, 1], sRGB
Mask = npt.NDArray[np.float32]  # (h, w) in [0, 1], 1 = the style applies here

Whole = TypeVar("Whole", np.uint8, np.uint16)

Format = Literal["png", "jpeg", "webp"]  # what `encode` writes
Ground = Literal["white", "black", "nearest"]  # what `decode` puts behind transparent pixels

# suffixes of picture files, lower case, for uploads and for searching folders
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp", ".mpo", ".png", ".apng", ".webp", ".avif", ".heic", ".heif", ".hif",
    ".gif", ".bmp", ".dib", ".tif", ".tiff",
)  # fmt: skip

MAX_BYTES = 200 * 1024**2  # of a file; a server sets lower bounds with `restrict`
MAX_PIXELS = 200_000_000  # width × height according to the header
MIN_SIDE = 32  # pixels; one is left after five poolings
MAX_ASPECT = 8  # longer side / shorter side
_ROWS = 256  # converted to integers at a time
DESCRIPTION = "ImageDescription"  # the keyword of a TIFF's description in `text_chunks`
_DESCRIPTION_TAG = 270
MAX_SCANS = 100  # of a JPEG; progressive files have a dozen. Each takes 75 bytes and costs a pass over all pixels

_SEEN = 32  # of 255: the colour of less opaque pixels is undefined, and after resizing inaccurate
_REDUCING_GAP = 3.0  # box-reduce first and leave a factor of three to Lanczos: faster, with no visible difference


def restrict(max_bytes: int, max_pixels: int) -> None:
    """Lower the bounds of what this process decodes."""
    global MAX_BYTES, MAX_PIXELS
    MAX_BYTES, MAX_PIXELS = max_bytes, max_pixels


def decode(
    data: bytes,
    *,
    name: str = "The picture",
    max_side: int | None = None,
    min_side: int = MIN_SIDE,
    over: Ground = "white",
    warn: Callable[[str], object] | None = None,
) -> Image:
    """Read an untrusted file into a picture, float32 (h, w, 3) in [0, 1].

    The limits are checked on the header, before any pixel is decoded. `max_side` (pixels) shrinks a larger picture while it
    still has 8 bits (a JPEG while it is decoded, a large PNG band by band), so that 50 megapixels never become 600 MB of
    floats. `name` begins the error message, and the warning that `warn` is called with if the file is truncated. `over` is the
    background behind transparent pixels: white, black (for masks), or `nearest`, the colours of the nearest opaque pixels, for
    pictures that are painted and then become transparent again. Raises BadPicture and no other exception.
    """
    name = _printable(name)
    with _sentences(name):
        picture = _look(data, name, min_side).read(max_side)
    if picture.cut_off and warn:
        warn(f"{name} is incomplete: its lower part is missing. Upload it again to get all of it.")
    if picture.alpha is None:
        return from_uint8(np.asarray(picture.color))
    if over == "nearest":
        return from_uint8(_painted_under(np.asarray(picture.color), np.asarray(picture.alpha)))
    below = Pillow.new("RGB", picture.color.size, over)
    below.paste(picture.color, mask=picture.alpha)
    return from_uint8(np.asarray(below))


def opacity(data: bytes, *, name: str = "The picture", max_side: int | None = None, min_side: int = MIN_SIDE) -> Mask | None:
    """Return the opacity of each pixel of an untrusted file, (h, w) in [0, 1], or None if all are opaque. See `decode`."""
    name = _printable(name)
    with _sentences(name):
        file = _look(data, name, min_side)
        alpha = file.read(max_side).alpha if file.clear else None
    return None if alpha is None else from_uint8(np.asarray(alpha))


def flatten(image: Image, alpha: Mask | None) -> Image:
    """Return the picture composited over white."""
    return image if alpha is None else image * alpha[..., None] + (1 - alpha[..., None])


def rgba(data: bytes, shape: tuple[int, int], *, name: str = "The picture") -> npt.NDArray[np.uint8]:
    """Return the pixels of an untrusted PNG as RGBA, (h, w, 4) in 0…255. It must have the given shape (h, w).

    The shape is checked on the header, before any pixel is decoded. Raises: BadPicture.
    """
    with _sentences(name), formats.identified(data, ["PNG"]) as picture:
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
    alpha: Mask | None = None,
) -> bytes:
    """Write a picture with 8 bits per channel.

    `alpha`, (h, w) in [0, 1], makes a PNG or WebP transparent; a JPEG is flattened onto white instead. `text` is stored in iTXt
    chunks, keyword -> text, by PNG only; other formats drop it. `quality`, 1 to 100, applies to JPEG and WebP, and `dpi`, dots
    per inch for printing, to PNG and JPEG. `decode` reads a PNG back with no difference but rounding.
    """
    picture = Pillow.fromarray(to_uint8(flatten(image, alpha) if format == "jpeg" else image))
    if alpha is not None and format != "jpeg":
        picture.putalpha(Pillow.fromarray(to_uint8(alpha)))
    return _written(picture, format, text or {}, quality, dpi)


def convert(png: bytes, format: Format, *, quality: int = 92, flat: bool = False) -> bytes:
    """Convert a PNG written by `encode` to another format. The upload limits do not apply.

    flat: flatten it onto white, as a JPEG always is. A PNG keeps its texts.
    """
    with formats.identified(png, ["PNG"]) as picture:
        shown = _over_white(picture) if flat or format == "jpeg" else picture
        return _written(shown, format, _texts(picture.info), quality, None)


def reopen(png: bytes, *, max_side: int | None = None) -> Image:
    """Read a PNG written by `encode`, as `decode` does. The upload limits do not apply."""
    with formats.identified(png, ["PNG"]) as picture:
        shown = _over_white(picture)
        if max_side is not None:
            shown.thumbnail((max_side, max_side), Pillow.Resampling.LANCZOS, _REDUCING_GAP)
        return from_uint8(np.asarray(shown.convert("RGB")))


def has_alpha(png: bytes) -> bool:
    """Return whether a PNG written by `encode` has an alpha channel. Only the header is read; upload limits do not apply."""
    with formats.identified(png, ["PNG"]) as picture:
        return picture.mode == "RGBA"


def text_chunks(data: bytes) -> dict[str, str]:
    """Return the texts before a PNG's pixels (where `encode` puts them), keyword -> text, or the description of a TIFF.

    Returns {} for anything that is not a valid PNG or TIFF. Upload limits do not apply, because no pixel is read.
    """
    try:
        with formats.identified(data, ["PNG", "TIFF"]) as picture:
            if isinstance(picture, TiffImagePlugin.TiffImageFile):
                return _texts({DESCRIPTION: picture.tag_v2.get(_DESCRIPTION_TAG)})
            return _texts(picture.info)
    except formats.UNREADABLE:
        return {}


def fit(image: Image, size: int) -> Image:
    """Resize, up or down, so that the longer side is exactly `size` pixels. The aspect ratio stays; no side falls below 1."""
    height, width = image.shape[:2]
    longer = max(height, width)
    return resize(image, max(1, round(height * size / longer)), max(1, round(width * size / longer)))


def resize(image: Image, height: int, width: int) -> Image:
    """Resize to (height, width) with antialiased Lanczos; contiguous, in [0, 1]. A picture of that size is returned unchanged.

    Each channel is resized in floating point: a third slower than in 8 bits, but without banding in smooth skies.
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
    """Return a small JPEG whose longer side has at most `size` pixels."""
    return encode(fit(image, min(size, max(image.shape[:2]))), "jpeg", quality=85)


def shrink(jpeg: bytes, size: int) -> bytes:
    """Return the `thumbnail` of a JPEG written here, five times as fast: the decoder skips detail that will not be seen."""
    file = io.BytesIO()
    with formats.identified(jpeg, ["JPEG"]) as picture:
        picture.thumbnail((size, size))
        picture.save(file, "JPEG", quality=85)
    return file.getvalue()


def digest(image: Image) -> str:
    """Return a hash of the pixels, 32 hexadecimal digits, to be used as a cache key."""
    content = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    content.update(np.ascontiguousarray(image).data)
    return content.hexdigest()


def to_uint8(image: Image) -> npt.NDArray[np.uint8]:
    """Convert [0, 1] to 0…255, rounding half up and clipping."""
    return _to_whole(image, np.uint8)


def to_uint16(image: Image) -> npt.NDArray[np.uint16]:
    """Convert [0, 1] to 0…65535, rounding half up and clipping."""
    return _to_whole(image, np.uint16)


def from_uint8(array: npt.NDArray[np.uint8]) -> Image:
    """Convert 0…255 to [0, 1], float32."""
    return np.divide(array, 255, dtype=np.float32)


def from_uint16(array: npt.NDArray[np.uint16]) -> Image:
    """Convert 0…65535 to [0, 1], float32."""
    return np.divide(array, 65535, dtype=np.float32)


# --- internals ------------------------------------------------------------------------------------------------------


def _to_whole(image: Image, dtype: type[Whole]) -> npt.NDArray[Whole]:
    """Convert some rows at a time: a second copy of a print in floating point would take 150 MB."""
    whole = np.empty(np.shape(image), dtype)
    for start in range(0, len(image), _ROWS):
        scaled = np.multiply(image[start : start + _ROWS], np.iinfo(dtype).max, dtype=np.float32)
        scaled += 0.5
        whole[start : start + _ROWS] = np.clip(scaled, 0, np.iinfo(dtype).max, out=scaled)  # the cast truncates
    return whole


@contextmanager
def _sentences(name: str) -> Iterator[None]:
    """Turn any exception of Pillow into a BadPicture."""
    try:
        yield
    except (Pillow.DecompressionBombError, MemoryError):
        most = f"at most {MAX_PIXELS // 10**6} megapixels are accepted"
        raise BadPicture(f"{name} is too large; {most}, so shrink it first.") from None
    except UnidentifiedImageError:
        readable = "JPEG, PNG, WebP, GIF, BMP or TIFF with 8 or 16 bits"
        raise BadPicture(f"{name} is not a picture in a supported format; save it as {readable}.") from None
    except formats.UNREADABLE as error:
        raise BadPicture(f"{name} is damaged; open it in an image editor and save it again as PNG or JPEG.") from error


def _printable(name: str) -> str:
    """Return a file name fit for an error message: one line without control characters."""
    name = "".join(character for character in name if character.isprintable()).strip() or "The picture"
    return name if len(name) <= 80 else f"{name[:50]}…{name[-25:]}"


def _look(data: bytes, name: str, min_side: int) -> formats.Header:
    """Read the header and check the limits.

    Raises: BadPicture, and whatever Pillow raises.
    """
    if not data:
        raise BadPicture(f"{name} is empty; choose another file.")
    if len(data) > MAX_BYTES:
        megabytes = f"{len(data) / 1024**2:.1f} MB; at most {MAX_BYTES // 1024**2} MB"
        raise BadPicture(f"{name} is {megabytes} are accepted, so shrink it or save it as JPEG.")
    file = formats.look(data)
    _check_size(name, file.width, file.height, min_side)
    if file.format in formats.JPEGS and data.count(b"\xff\xda") > MAX_SCANS:
        raise BadPicture(f"{name} is a JPEG with too many scans; save it again in an image editor.")
    return file


def _check_size(name: str, width: int, height: int, min_side: int) -> None:
    shorter, longer = sorted((width, height))
    this = f"{name} is {width}×{height} pixels"
    if shorter < min_side:
        raise BadPicture(f"{this}; at least {min_side}×{min_side} are needed.")
    if width * height > MAX_PIXELS:
        raise BadPicture(f"{this}; at most {MAX_PIXELS // 10**6} megapixels are accepted, so shrink it first.")
    if longer > MAX_ASPECT * shorter:
        raise BadPicture(f"{this}; the longer side may be {MAX_ASPECT} times the shorter at most, so crop it first.")


def _painted_under(color: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Fill nearly transparent pixels of (h, w, 3) with the colour of the nearest pixel that is more opaque."""
    from scipy.ndimage import distance_transform_edt

    clear = alpha < _SEEN
    if not clear.any() or clear.all():
        return color
    rows, columns = distance_transform_edt(clear, return_distances=False, return_indices=True)
    return color[rows, columns]


def _over_white(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode != "RGBA":
        return picture
    below = Pillow.new("RGB", picture.size, "white")
    below.paste(picture, mask=picture.getchannel("A"))
    return below


def _texts(metadata: Mapping[Any, object]) -> dict[str, str]:
    return {str(key): str(value) for key, value in metadata.items() if isinstance(value, str)}


def _written(picture: Pillow.Image, format: Format, text: Mapping[str, str], quality: int, dpi: float | None) -> bytes:
    file, dots = io.BytesIO(), {"dpi": (dpi, dpi)} if dpi else {}
    match format:
        case "png":  # level 1: level 6 takes four times as long and saves a tenth
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
