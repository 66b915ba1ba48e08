"""Make a strip of frames of a film, before (above) and after (below), as one picture."""

from collections.abc import Mapping

import cv2
import numpy as np

from nst_core import images
from nst_core.videos.reading import Pixels

COUNT = 6  # frames
HEIGHT = 150  # pixels of each
GAP = 4
QUALITY = 1600  # maximum pixels of the strip's longer side


class Filmstrip:
    """Collect frames spread evenly over a clip of about `total`."""

    def __init__(self, total: int, state: Mapping[str, np.ndarray] | None = None) -> None:
        self._wanted = {round(place) for place in np.linspace(0, max(0, total - 1), COUNT)}
        self._pairs: list[Pixels] = list(state["strip"]) if state else []

    def add(self, number: int, before: Pixels, after: Pixels) -> None:
        """Add a frame if it is one of those."""
        if number in self._wanted:
            h, w = before.shape[:2]
            size = max(1, round(w * HEIGHT / h)), HEIGHT
            gap = np.full((GAP, size[0], 3), 255, np.uint8)
            shrunk = [cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in (before, after)]
            self._pairs.append(np.concatenate([shrunk[0], gap, shrunk[1]]))

    def state(self) -> dict[str, np.ndarray]:
        return {"strip": np.array(self._pairs, np.uint8)}

    def jpeg(self) -> bytes:
        gap = np.full((self._pairs[0].shape[0], GAP, 3), 255, np.uint8)
        parts = [part for pair in self._pairs for part in (pair, gap)][:-1]
        return images.thumbnail(images.from_uint8(np.concatenate(parts, 1)), QUALITY)
