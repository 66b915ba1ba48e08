"""Make white noise that is the same here and in a browser (`assets/components/live/worker.js`). NumPy only.

Numbers come from mulberry32 (Ettinger 2017), whose state is a counter, so that all are computed at once, and become normal by
Box and Muller.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

STEP = 0x6D2B79F5  # of the counter


@lru_cache(maxsize=4)
def white(height: int, width: int, seed: int) -> npt.NDArray[np.float32]:
    """Return noise (height, width, 1) of mean 0 and variance 1, not to be changed in place. seed: below 2³²."""
    first, second = _uniform(2 * height * width, seed).reshape(-1, 2).T
    normal = np.sqrt(-2 * np.log1p(-first)) * np.cos(2 * np.pi * second)
    found = normal.astype(np.float32).reshape(height, width, 1)
    found.flags.writeable = False
    return found


def _uniform(count: int, seed: int) -> npt.NDArray[np.float64]:
    """Return numbers in [0, 1), (count,). Products and sums wrap around at 2³²."""
    state = np.arange(1, count + 1, dtype=np.uint32) * np.uint32(STEP) + np.uint32(seed)
    bits = (state ^ (state >> 15)) * (state | 1)
    bits ^= bits + (bits ^ (bits >> 7)) * (bits | 61)
    return (bits ^ (bits >> 14)) / 2.0**32
