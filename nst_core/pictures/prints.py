"""Write pictures for printing: TIFF with 16 bits per channel and dots per inch."""

import io

import numpy as np
from PIL import ImageCms

from nst_core import images
from nst_core.images import Image, Mask


def tiff(image: Image, *, dpi: float | None = None, description: str = "", alpha: Mask | None = None) -> bytes:
    """Write a picture (h, w, 3) in [0, 1], sRGB, as a TIFF with 16 bits per channel, compressed losslessly.

    description: ASCII text stored in the file. alpha: (h, w) in [0, 1], the opacity; None: opaque everywhere.
    """
    import tifffile  # imported here because few results are printed

    file = io.BytesIO()
    pixels = images.to_uint16(image if alpha is None else np.dstack([image, alpha]))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    tifffile.imwrite(
        file,
        pixels,
        photometric="rgb",
        extrasamples=None if alpha is None else ["unassalpha"],
        compression="zlib",
        predictor=True,
        resolution=(dpi, dpi) if dpi else None,
        resolutionunit="INCH",
        description=description,
        iccprofile=profile,
        metadata=None,
    )
    return file.getvalue()


def flattened(data: bytes) -> bytes:
    """Return a TIFF written here flattened onto white; one without alpha is returned unchanged."""
    import tifffile

    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        pixels, across, description = page.asarray(), page.get_resolution()[0], page.description
    if pixels.shape[-1] == 3:
        return data
    alpha = images.from_uint16(pixels[..., 3])
    return tiff(images.flatten(images.from_uint16(pixels[..., :3]), alpha), dpi=across, description=description)
