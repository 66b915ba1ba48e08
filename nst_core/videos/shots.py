"""Where a new shot begins: two small frames and the motion between them in, yes or no out.

Within a shot most of a frame can be found in the one before. Where little can, it may be a quick pan, or somebody before the
camera, and the colours decide; where nothing can, there is nothing to hold on to, cut or not.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nst_core.videos.flow import Motion, Pixels

BINS = 6  # of each colour channel
LOST = 0.35  # share of a frame that the motion still explains: with less it may be a cut
FOUND = 0.1  # with even less it is one
STRANGE = 0.45  # how far apart the distributions of colours then are: 0 the same, 1 nothing in common


def is_cut(before: Pixels, now: Pixels, motion: Motion) -> bool:
    """Small frames of one shape."""
    explained = float(motion.trust.mean())
    return explained < FOUND or (explained < LOST and strangeness(before, now) > STRANGE)


def strangeness(before: Pixels, now: Pixels) -> float:
    """Hellinger distance of the distributions of colours, in [0, 1]."""
    one, other = (np.sqrt(_distribution(frame)) for frame in (before, now))
    return float(np.sqrt(max(0.0, 1 - float((one * other).sum()))))


def _distribution(frame: Pixels) -> npt.NDArray[np.float32]:
    """(BINS³,), sums to 1. Blurred over the bins: a slightly lighter wall is still the wall."""
    counts = cv2.calcHist([frame], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3)
    for axis in range(3):
        counts = np.apply_along_axis(lambda row: np.convolve(row, [0.25, 0.5, 0.25], "same"), axis, counts)
    return counts.ravel() / counts.sum()
