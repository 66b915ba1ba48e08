"""Open files with Pillow's plugins, without its limit on pixels: `images` checks its own on the header."""

import io
import struct
from collections.abc import Sequence

# Importing a plugin registers it. `preinit` imports those of JPEG, PNG, GIF and BMP.
from PIL import AvifImagePlugin, ImageFile, TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin  # noqa: F401
from PIL import Image as Pillow


def identified(data: bytes, kinds: Sequence[str]) -> ImageFile.ImageFile:
    """Open a file of one of these formats as `PIL.Image.open` does, without a warning or an error about its number of pixels.

    Only the header is read; the caller checks the size before it loads pixels. Raises: UnidentifiedImageError, and whatever
    a plugin raises for damage.
    """
    Pillow.preinit()
    for kind in kinds:
        factory, accepts = Pillow.OPEN[kind]
        answer = accepts is None or accepts(data[:16])
        if not answer or isinstance(answer, str):  # a string says what is missing to read it
            continue
        try:
            return factory(io.BytesIO(data), "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue
    raise UnidentifiedImageError("no plugin reads the file")
