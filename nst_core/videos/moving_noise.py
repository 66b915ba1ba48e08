"""Move the noise that strokes follow along with the picture, so that strokes stay where things are.

Noise that stands still makes things slide under their strokes; new noise in every frame flickers. Here each pixel keeps the
position in the noise that it had at the start of the shot, moved along the flow. Positions are rounded, because a mean of noise
is no noise.
"""

import cv2
import numpy as np
import numpy.typing as npt

from nst_core.instant import noise
from nst_core.videos.flow import Motion

HELD = 0.5  # trust below which a pixel starts anew
LEAST, MOST = 0.4, 2.5  # of the area that a pixel has come from; beyond them grains would be seen as blocks, or be lost


class MovingNoise:
    """Hold the noise of a shot. shape: (h, w)."""

    def __init__(self, shape: tuple[int, int], places: npt.NDArray[np.float32] | None = None) -> None:
        """Begin a shot, or go on with the `places` of another instance."""
        self._shape = shape
        self.places = _grid(shape) if places is None else places  # (h, w, 2): x and y in the noise

    def move(self, motion: Motion) -> None:
        """Move the noise to the next frame. motion: from the previous frame to it."""
        h, w = self._shape
        small_h, small_w = motion.trust.shape
        scale = np.array([w / small_w, h / small_h], np.float32)
        came_from = cv2.resize(motion.back, (w, h), interpolation=cv2.INTER_LINEAR) * scale + _grid(self._shape)
        moved = cv2.remap(self.places, came_from, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        area = np.abs(_determinant(moved))
        holds = (motion.trust_at(self._shape) >= HELD) & (area > LEAST) & (area < MOST)
        self.places = np.where(holds[..., None], moved, _grid(self._shape))

    def white(self) -> npt.NDArray[np.float32]:
        """Return the noise of the current frame, (h, w, 1)."""
        h, w = self._shape
        x, y = np.moveaxis(np.floor(self.places + 0.5).astype(np.int64), -1, 0)
        return noise.white(h, w, 0)[y % h, x % w]


def _grid(shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    h, w = shape
    return np.dstack(np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)))


def _determinant(places: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    (xy, xx), (yy, yx) = (np.gradient(places[..., axis]) for axis in (0, 1))
    return np.asarray(xx * yy - xy * yx, np.float32)
