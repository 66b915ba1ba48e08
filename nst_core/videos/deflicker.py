"""Blend a painted frame with the previous one, moved along, to remove flicker.

The mean of two paintings with different strokes is blurred, and repeated means are blurred more. So after blending, each band
of a Laplacian pyramid (Burt & Adelson 1983) gets the local contrast that it has in the new painting. The result shows the old
strokes at the sharpness of the new painting; new strokes appear gradually.
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
from nst_core.videos.painters import FramePainter, GoesOn, Moves

Floats = npt.NDArray[np.float32]  # (h, w, 3), 0 … 255

BANDS = 2  # of the pyramid whose contrast is restored: details of one to four pixels
LIFT = 1.02  # relative to the new painting, because halving and enlarging softens slightly
AROUND = 16  # pixels: the range of local contrast
LEAST, MOST = 0.7, 2.0  # limits of the factor in one frame, so that noise is not amplified
_NONE = 0.5  # of 255, squared: lower contrast counts as none


def deflickered(painted: Pixels, last: Pixels, motion: Motion, steadiness: float = STEADINESS) -> Pixels:
    """Blend `painted` with `last`, the previous result. Where the motion does not hold, `painted` is unchanged."""
    trust, new = motion.trust_at(painted.shape[:2])[..., None], painted.astype(np.float32)
    mean = new + steadiness * trust * (motion.carry(last) - new)
    return np.clip(mean + trust * _lacking(mean, new) + 0.5, 0, 255).astype(np.uint8)


def _lacking(soft: Floats, sharp: Floats) -> Floats:
    """Return what must be added to the first picture to give it the contrast of the second, band by band."""
    result = np.zeros_like(soft)
    for number, (band, wanted) in enumerate(zip(_bands(soft), _bands(sharp), strict=True)):
        add = band * (_gain(band, wanted, AROUND >> number) - 1)[..., None]
        result += _enlarged(add, soft.shape, number)
    return result


def _bands(picture: Floats) -> list[Floats]:
    """Return what each halving loses, finest first, each at half the size of the one before."""
    halved = [picture]
    for _ in range(BANDS):
        halved.append(cv2.pyrDown(halved[-1]))
    return [fine - cv2.pyrUp(coarse, dstsize=fine.shape[1::-1]) for fine, coarse in pairwise(halved)]


def _gain(band: Floats, wanted: Floats, around: int) -> npt.NDArray[np.float32]:
    """Return the factor for the band's contrast, (h, w)."""
    has, wants = (_energy(one, around) for one in (band, wanted))
    gain = np.clip(LIFT * np.sqrt((wants + _NONE) / (has + _NONE)), LEAST, MOST)
    return cv2.resize(gain, band.shape[1::-1], interpolation=cv2.INTER_LINEAR)


def _energy(band: Floats, around: int) -> npt.NDArray[np.float32]:
    """Return the mean square around each position, at a reduced size."""
    h, w = (max(1, -(-side // around)) for side in band.shape[:2])
    squares = cv2.resize((band * band).mean(-1), (w, h), interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(squares, (0, 0), 1)


def _enlarged(band: Floats, shape: tuple[int, ...], times: int) -> Floats:
    """Enlarge a band through the sizes of `_bands`."""
    sizes = [shape[1::-1]]
    for _ in range(times):
        sizes.append(tuple(-(-side // 2) for side in sizes[-1]))
    for size in reversed(sizes[:-1]):
        band = cv2.pyrUp(band, dstsize=size)
    return band


class Deflicker:
    """Paint frames in order without flicker, and keep the state for the next frame."""

    def __init__(self, painter: FramePainter, steadiness: float, state: Mapping[str, np.ndarray] | None = None) -> None:
        """Prepare painting. state: of another instance after the previous frame."""
        self._painter, self._steadiness = painter, steadiness
        self._seen: Pixels | None = None  # the previous frame, small
        if state:
            self._opening, self._seen, self._shown = (state[name] for name in ("opening", "seen", "shown"))
            self._painter.begin(images.from_uint8(self._opening))
            if isinstance(self._painter, Moves):
                self._painter.restore(state)

    def paint(self, frame: Pixels) -> Pixels:
        """Return the painted frame."""
        content, small = images.from_uint8(frame), flow.small(frame)
        moved = None if self._seen is None else flow.motion(self._seen, small)
        if self._seen is None or moved is None or shots.is_cut(self._seen, small, moved):
            self._opening, moved = frame, None
            self._painter.begin(content)
        if moved and isinstance(self._painter, Moves):
            self._painter.move(moved)
        if moved and isinstance(self._painter, GoesOn):
            self._shown = images.to_uint8(self._painter.go_on(content, images.from_uint8(self._carried(frame, moved))))
        else:
            painted = images.to_uint8(self._painter.paint(content))
            self._shown = deflickered(painted, self._shown, moved, self._steadiness) if moved and self._steadiness else painted
        self._seen = small
        return images.to_uint8(self._painter.finish(content, images.from_uint8(self._shown)))

    def _carried(self, frame: Pixels, moved: Motion) -> Pixels:
        """Return the previous result, moved along; the frame itself where the motion cannot be followed."""
        trust = moved.trust_at(frame.shape[:2])[..., None]
        return (frame + trust * (moved.carry(self._shown).astype(np.float32) - frame) + 0.5).astype(np.uint8)

    def state(self) -> dict[str, np.ndarray]:
        """Return the state after the latest frame."""
        assert self._seen is not None
        kept = self._painter.state() if isinstance(self._painter, Moves) else {}
        return kept | {"opening": self._opening, "seen": self._seen, "shown": self._shown}
