"""Pictures for a printer: 16 bits a channel and dots per inch. A picture in [0, 1] in, the bytes of a TIFF out."""

import io

from PIL import ImageCms

from nst_core import images
from nst_core.images import Image


def tiff(image: Image, *, dpi: float | None = None, description: str = "") -> bytes:
    """(h, w, 3) in [0, 1], sRGB, at 16 bits a channel, packed without loss. description: ASCII text kept in the file."""
    import tifffile  # few print

    file = io.BytesIO()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tifffile.imwrite(
        file,
        images.to_uint16(image),
        photometric="rgb",
        compression="zlib",
        predictor=True,
        resolution=(dpi, dpi) if dpi else None,
        resolutionunit="INCH",
        description=description,
        iccprofile=profile,
        metadata=None,
    )
    return file.getvalue()
