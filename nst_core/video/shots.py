"""Where a new shot begins: two small frames and the motion between them in, yes or no out.

Within a shot most of a frame can be found in the one before, or at least its colours can; at a cut neither. Both are asked,
since a quick pan loses the flow and a lamp that goes on changes the colours.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nst_core.video.flow import Motion, Pixels

BINS = 6  # of each colour channel
LOST = 0.35  # share of a frame that the motion still explains: with less it may be a cut
STRANGE = 0.45  # of the colours' distributions, 0 the same, 1 nothing in common
FOUND = 0.12  # with even less explained, colours need be only half as strange


def is_cut(before: Pixels, now: Pixels, motion: Motion) -> bool:
    """Small frames of one shape."""
    explained = float(motion.trust.mean())
    if explained > LOST:
        return False
    return strangeness(before, now) > (STRANGE if explained > FOUND else STRANGE / 2)


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
