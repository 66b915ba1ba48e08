"""Estimate motion between frames, and move pictures along it. OpenCV's DIS (Kroeger et al. 2016, 1603.03590).

Flow is estimated on small grey frames in both directions. It is trusted where following it forth and back returns to the start
and the colours on the way agree. Elsewhere something was uncovered or changed.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]  # (h, w, 3)
FlowField = npt.NDArray[np.float32]  # (h, w, 2), x and y
Trust = npt.NDArray[np.float32]  # (h, w) in [0, 1]

SIDE = 512  # pixels of the longer side for estimating flow; half of it takes a quarter of the time at twice the error
# tolerance of the round trip: pixels², and a fraction of the squared lengths of both flows (Sundaram et al. 2010)
ROUND_TRIP, ROUND_TRIP_SHARE = 0.5, 0.01
AGREE = 14.0  # of 255: smaller differences of colours count as agreement, twice as large ones as none


@dataclass(frozen=True, eq=False)
class Motion:
    """Map each pixel of a frame to its position in the previous one, at the size at which flow was estimated.

    trust: 1 where the motion holds, 0 where it does not, with soft transitions.
    """

    back: FlowField
    trust: Trust

    def trust_at(self, shape: tuple[int, int]) -> Trust:
        """Return the trust, resized to a shape."""
        return cv2.resize(self.trust, shape[::-1], interpolation=cv2.INTER_LINEAR)

    def carry(self, picture: Pixels) -> Pixels:
        """Move a picture of the previous frame, of any size, to the current positions. Lanczos, as softer filters accumulate
        blur.
        """
        h, w = picture.shape[:2]
        small_h, small_w = self.trust.shape
        places = cv2.resize(self.back, (w, h), interpolation=cv2.INTER_LINEAR) * np.array(
            [w / small_w, h / small_h], np.float32
        )
        places += _grid(h, w)
        return cv2.remap(picture, places, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def small(frame: Pixels) -> Pixels:
    """Return a frame at the size at which flow is estimated."""
    h, w = frame.shape[:2]
    scale = min(1.0, SIDE / max(h, w))
    return cv2.resize(frame, (max(16, round(w * scale)), max(16, round(h * scale))), interpolation=cv2.INTER_AREA)


def motion(before: Pixels, now: Pixels) -> Motion:
    """Estimate the motion between two small frames."""
    old, new = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, now))
    back, forth = _dis().calc(new, old, None), _dis().calc(old, new, None)
    places = _grid(*new.shape) + back
    trip = back + cv2.remap(forth, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    holds = _squared(trip) < ROUND_TRIP + ROUND_TRIP_SHARE * (_squared(back) + _squared(trip - back))
    holds &= _inside(places)
    trust = cv2.GaussianBlur(cv2.erode(holds.astype(np.float32), np.ones((3, 3), np.uint8)), (0, 0), 1)
    return Motion(back, trust * _agreement(before, now, places))


def _agreement(before: Pixels, now: Pixels, places: FlowField) -> Trust:
    """Return where the colours of a frame agree with the position they came from, after blurring noise away."""
    came = cv2.remap(before, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    off = cv2.GaussianBlur(now.astype(np.float32) - came, (0, 0), 1)
    return np.clip(2 - np.abs(off).max(-1) / AGREE, 0, 1)


def _squared(field: FlowField) -> npt.NDArray[np.float32]:
    """Return the squared lengths of vectors."""
    return field[..., 0] ** 2 + field[..., 1] ** 2


def _inside(places: FlowField) -> npt.NDArray[np.bool_]:
    """Return which positions lie inside the frame."""
    h, w = places.shape[:2]
    return (places[..., 0] >= 0) & (places[..., 0] <= w - 1) & (places[..., 1] >= 0) & (places[..., 1] <= h - 1)


@lru_cache(maxsize=2)  # for one clip: the sizes for flow and for painting
def _grid(h: int, w: int) -> FlowField:
    """Return the position of each pixel."""
    return np.dstack(np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)))


@cache
def _dis() -> cv2.DISOpticalFlow:
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
