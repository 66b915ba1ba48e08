"""Remove coloured grain from an optimised picture and keep contours and brightness. Uses NumPy and SciPy."""

import numpy as np
import numpy.typing as npt

from nst_core.images import Image

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
FLAT = 1e-3  # variance of the luminance below which an area counts as flat
ROWS = 256  # smoothed at a time, so that a print needs no planes of its full size

Plane = npt.NDArray[np.float32]  # (h, w)


def smooth_chroma(picture: Image, radius: int) -> Image:
    """Return the picture (h, w, 3) with its chroma smoothed along its luminance, over squares of 2 · radius + 1 px.

    This is a guided filter (He et al. 2010): within each square, R − Y and B − Y become linear functions of Y. The luminance
    changes only where a colour leaves [0, 1] and is clipped.
    """
    height, reach = len(picture), 2 * radius  # two box filters are applied in sequence
    smoothed = np.empty_like(picture)
    for top in range(0, height, ROWS):
        first, bottom = max(0, top - reach), min(height, top + ROWS)
        rows = _smoothed(picture[first : min(height, bottom + reach)], radius)
        smoothed[top:bottom] = rows[top - first : bottom - first]
    return smoothed


def _smoothed(picture: Image, radius: int) -> Image:
    """Smooth the chroma of some rows."""
    from scipy import ndimage  # only workers need it

    y = picture @ LUMINANCE
    mean = lambda x: ndimage.uniform_filter(x, 2 * radius + 1, mode="nearest")  # noqa: E731
    mean_y = mean(y)
    spread = mean(y * y) - mean_y**2 + np.float32(FLAT)

    def along(chroma: Plane) -> Plane:
        """Filter a chroma plane, guided by the luminance."""
        mean_chroma = mean(chroma)
        slope = (mean(y * chroma) - mean_y * mean_chroma) / spread
        return mean(slope) * y + mean(mean_chroma - slope * mean_y)

    red, blue = (y + along(picture[..., channel] - y) for channel in (0, 2))
    green = (y - LUMINANCE[0] * red - LUMINANCE[2] * blue) / LUMINANCE[1]
    return np.clip(np.stack([red, green, blue], -1), 0, 1)
