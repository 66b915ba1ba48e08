"""A frame's painting drawn towards the last one, moved along: two paintings and the motion in, one that does not flicker out.

A mean of two paintings whose strokes differ is a blurred one, and a mean of means is blurred more. So after the mean each band
of a Laplacian pyramid (Burt & Adelson 1983) is given back, place by place, the contrast that the new painting has there. What
the eye sees is the old strokes at the new painting's sharpness; the new ones come in by and by.
"""

from collections.abc import Mapping
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from nst_core import images
from nst_core.recipes import STEADINESS
from nst_core.videos import flow, shots
from nst_core.videos.flow import Motion, Pixels
from nst_core.videos.painters import GoesOn, Painter

Picture = npt.NDArray[np.float32]  # (h, w, 3), 0 … 255

BANDS = 2  # of the pyramid that get their contrast back: details of one to four pixels
LIFT = 1.02  # times the new painting's: what is halved and enlarged again comes back a little softer
AROUND = 16  # pixels: what “place by place” means
LEAST, MOST = 0.7, 2.0  # times the contrast, in one frame: noise is not to be blown up
_NONE = 0.5  # of 255, squared: contrast below that is none


def steadied(painted: Pixels, last: Pixels, motion: Motion, steadiness: float = STEADINESS) -> Pixels:
    """painted: of this frame; last: what was shown of the one before. Where the motion does not hold, `painted` as it is."""
    trust, new = motion.trust_at(painted.shape[:2])[..., None], painted.astype(np.float32)
    mean = new + steadiness * trust * (motion.carry(last) - new)
    return np.clip(mean + trust * _lacking(mean, new) + 0.5, 0, 255).astype(np.uint8)


def _lacking(soft: Picture, sharp: Picture) -> Picture:
    """What gives the first, band by band, the contrast of the second."""
    result = np.zeros_like(soft)
    for number, (band, wanted) in enumerate(zip(_bands(soft), _bands(sharp), strict=True)):
        add = band * (_gain(band, wanted, AROUND >> number) - 1)[..., None]
        result += _enlarged(add, soft.shape, number)
    return result


def _bands(picture: Picture) -> list[Picture]:
    """What each halving loses, finest first, each at half the size of the one before."""
    halved = [picture]
    for _ in range(BANDS):
        halved.append(cv2.pyrDown(halved[-1]))
    return [fine - cv2.pyrUp(coarse, dstsize=fine.shape[1::-1]) for fine, coarse in pairwise(halved)]


def _gain(band: Picture, wanted: Picture, around: int) -> npt.NDArray[np.float32]:
    """(h, w): what the band's contrast is to be multiplied by."""
    has, wants = (_energy(one, around) for one in (band, wanted))
    gain = np.clip(LIFT * np.sqrt((wants + _NONE) / (has + _NONE)), LEAST, MOST)
    return cv2.resize(gain, band.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _energy(band: Picture, around: int) -> npt.NDArray[np.float32]:
    """Mean square around each place, at a fraction of the size."""
    h, w = (max(1, -(-side // around)) for side in band.shape[:2])
    squares = cv2.resize((band * band).mean(-1), (w, h), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(squares, (0, 0), 1)


def _enlarged(band: Picture, shape: tuple[int, ...], times: int) -> Picture:
    """Through the sizes that `_bands` went down."""
    sizes = [shape[1::-1]]
    for _ in range(times):
        sizes.append(tuple(-(-side // 2) for side in sizes[-1]))
    for size in reversed(sizes[:-1]):
        band = cv2.pyrUp(band, dstsize=size)
    return band


class Steady:
    """A painter with a steady hand: frames in their order in, painted ones out, and what the next frame needs to be told."""

    def __init__(self, painter: Painter, steadiness: float, state: Mapping[str, np.ndarray] | None = None) -> None:
        """state: of another, after the frame before."""
        self._painter, self._steadiness = painter, steadiness
        self._seen: Pixels | None = None  # the frame before, small
        if state:
            self._opening, self._seen, self._shown = (state[name] for name in ("opening", "seen", "shown"))
            self._painter.begin(images.from_uint8(self._opening))

    def paint(self, frame: Pixels) -> Pixels:
        content, small = images.from_uint8(frame), flow.small(frame)
        moved = None if self._seen is None else flow.motion(self._seen, small)
        if self._seen is None or moved is None or shots.is_cut(self._seen, small, moved):
            self._opening, moved = frame, None
            self._painter.begin(content)
        if moved and isinstance(self._painter, GoesOn):
            self._shown = images.to_uint8(self._painter.go_on(content, images.from_uint8(self._carried(frame, moved))))
        else:
            painted = images.to_uint8(self._painter.paint(content))
            self._shown = steadied(painted, self._shown, moved, self._steadiness) if moved and self._steadiness else painted
        self._seen = small
        return images.to_uint8(self._painter.finish(content, images.from_uint8(self._shown)))

    def _carried(self, frame: Pixels, moved: Motion) -> Pixels:
        """What was shown last, where things are now; the frame itself where they cannot be followed."""
        trust = moved.trust_at(frame.shape[:2])[..., None]
        return (frame + trust * (moved.carry(self._shown).astype(np.float32) - frame) + 0.5).astype(np.uint8)

    def state(self) -> dict[str, np.ndarray]:
        """After the first frame."""
        assert self._seen is not None
        return {"opening": self._opening, "seen": self._seen, "shown": self._shown}
