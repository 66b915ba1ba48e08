"""Detect scene cuts from two small frames and the motion between them.

Within a shot, most of a frame is found in the previous one. If little is, it may be a fast pan or somebody passing the camera,
and colours decide. If nothing is, there is nothing to continue from, whether it is a cut or not.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nst_core.videos.flow import Motion, Pixels

BINS = 6  # per colour channel
LOST = 0.35  # fraction of a frame that the motion explains; below this it may be a cut
FOUND = 0.1  # below this it is a cut
STRANGE = 0.45  # minimum distance of the colour distributions of a cut; 0: equal, 1: disjoint


def is_cut(before: Pixels, now: Pixels, motion: Motion) -> bool:
    """Return whether a new shot begins between two small frames of one shape."""
    explained = float(motion.trust.mean())
    return explained < FOUND or (explained < LOST and strangeness(before, now) > STRANGE)


def strangeness(before: Pixels, now: Pixels) -> float:
    """Return the Hellinger distance of the colour distributions, in [0, 1]."""
    one, other = (np.sqrt(_distribution(frame)) for frame in (before, now))
    return float(np.sqrt(max(0.0, 1 - float((one * other).sum()))))


def _distribution(frame: Pixels) -> npt.NDArray[np.float32]:
    """Return the colour histogram (BINS³,), sum 1, blurred over the bins so that slight changes of light do not matter."""
    counts = cv2.calcHist([frame], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3)
    for axis in range(3):
        counts = np.apply_along_axis(lambda row: np.convolve(row, [0.25, 0.5, 0.25], "same"), axis, counts)
    return counts.ravel() / counts.sum()
