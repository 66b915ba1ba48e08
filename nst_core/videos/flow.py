"""What moved where: two frames in, a motion out; a picture that moves along. OpenCV's DIS (Kroeger et al. 2016, 1603.03590).

Flow is found on small grey frames, both ways: where following it forward and back again leads home, and the colours on the way
agree, it holds. Elsewhere something was uncovered, or changed, and it is not to be trusted.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]  # (h, w, 3)
Field = npt.NDArray[np.float32]  # (h, w, 2), x and y
Trust = npt.NDArray[np.float32]  # (h, w) in [0, 1]

SIDE = 512  # pixels of the frames that flow is found on: half of it would take a quarter of the time, and miss by twice as much
HOME, HOME_SHARE = (
    0.5,
    0.01,
)  # how far from home the way back may end: pixels², and of the two ways' lengths² (Sundaram et al. 2010)
AGREE = 14.0  # of 255: colours that differ by less agree; by twice as much, not at all


@dataclass(frozen=True, eq=False)
class Motion:
    """From each pixel of a frame back to where it was in the one before; both at the size that flow was found on.

    trust: 1 where it holds, 0 where not, soft between.
    """

    back: Field
    trust: Trust

    def trust_at(self, shape: tuple[int, int]) -> Trust:
        return cv2.resize(self.trust, shape[::-1], interpolation=cv2.INTER_LINEAR)

    def carry(self, picture: Pixels) -> Pixels:
        """A picture of the frame before, of any size, to where things are now. Lanczos: repeated, softer ways blur."""
        h, w = picture.shape[:2]
        small_h, small_w = self.trust.shape
        places = cv2.resize(self.back, (w, h), interpolation=cv2.INTER_LINEAR) * np.array(
            [w / small_w, h / small_h], np.float32
        )
        places += _grid(h, w)
        return cv2.remap(picture, places, None, cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT)


def small(frame: Pixels) -> Pixels:
    """A frame at the size that flow is found on."""
    h, w = frame.shape[:2]
    scale = min(1.0, SIDE / max(h, w))
    return cv2.resize(frame, (max(16, round(w * scale)), max(16, round(h * scale))), interpolation=cv2.INTER_AREA)


def motion(before: Pixels, now: Pixels) -> Motion:
    """Between two small frames."""
    old, new = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, now))
    back, forth = _dis().calc(new, old, None), _dis().calc(old, new, None)
    places = _grid(*new.shape) + back
    home = back + cv2.remap(forth, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    holds = _squared(home) < HOME + HOME_SHARE * (_squared(back) + _squared(home - back))
    holds &= _inside(places)
    trust = cv2.GaussianBlur(cv2.erode(holds.astype(np.float32), np.ones((3, 3), np.uint8)), (0, 0), 1)
    return Motion(back, trust * _agreement(before, now, places))


def _agreement(before: Pixels, now: Pixels, places: Field) -> Trust:
    """Where a frame's colours are those of the place that they came from; noise is blurred away first."""
    came = cv2.remap(before, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    off = cv2.GaussianBlur(now.astype(np.float32) - came, (0, 0), 1)
    return np.clip(2 - np.abs(off).max(-1) / AGREE, 0, 1)


def _squared(field: Field) -> npt.NDArray[np.float32]:
    return field[..., 0] ** 2 + field[..., 1] ** 2


def _inside(places: Field) -> npt.NDArray[np.bool_]:
    h, w = places.shape[:2]
    return (places[..., 0] >= 0) & (places[..., 0] <= w - 1) & (places[..., 1] >= 0) & (places[..., 1] <= h - 1)


@lru_cache(maxsize=2)  # of one clip: what flow is found on, and what is painted
def _grid(h: int, w: int) -> Field:
    """Each pixel's own place."""
    return np.dstack(np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)))


@cache
def _dis() -> cv2.DISOpticalFlow:
    return cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
