"""Describe a clip before it is painted, check its limits, and hold the result. Pages can use it: no PyAV."""

from dataclasses import dataclass

from nst_core.errors import BadClip
from nst_core.stylizer import Step

FILE_TYPES = ("mp4", "mov", "m4v", "webm", "mkv", "avi", "gif")
MIN_SIDE = 16  # pixels
MAX_PIXELS = 4096 * 2304  # of a frame: 4K, DCI or UHD
MAX_ASPECT = 8  # longer side / shorter side
EACH, EACH_PIXEL = 0.04, 0.7e-6  # seconds per frame and per pixel, on two partly busy cores
FINE_PIXEL = 1.5e-5  # seconds per pixel by the optimiser


@dataclass(frozen=True, slots=True)
class Facts:
    """Describe a clip.

    width, height: of an upright frame with square pixels. frames: approximate number. sound: whether there is any.
    """

    width: int
    height: int
    seconds: float
    frames: int
    sound: bool
    poster: bytes = b""  # a JPEG of the first frame

    def shape(self, size: int) -> tuple[int, int]:
        """Return (h, w) of the painted frames: the longer side is `size`, and both are even, as H.264 in 4:2:0 requires."""
        scale = size / max(self.width, self.height)
        height, width = (max(MIN_SIDE, 2 * round(side * scale / 2)) for side in (self.height, self.width))
        return height, width

    def promise(self, size: int, *, fine: bool = False) -> float:
        """Return the approximate seconds that painting will take. fine: by the optimiser."""
        height, width = self.shape(size)
        return self.frames * (EACH + (FINE_PIXEL if fine else EACH_PIXEL) * height * width)


@dataclass(frozen=True, slots=True, eq=False)
class Film(Step):
    """Hold the last Step of a clip: the MP4, and a JPEG strip of frames before (above) and after (below)."""

    mp4: bytes = b""
    shape: tuple[int, int] = (0, 0)  # of its frames, (h, w)
    strip: bytes = b""
    notice: str = ""  # a remark that is not an error


def check_frame(name: str, width: int, height: int) -> None:
    """Check the size of a frame before anything is decoded.

    Raises: BadClip.
    """
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_ASPECT * min(width, height):
        raise BadClip(
            f"{name} is {width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed, one side at most {MAX_ASPECT} "
            "times the other."
        )
    if width * height > MAX_PIXELS:
        raise BadClip(f"{name} is {width}×{height} pixels; the maximum is 4K (4096×2304): scale it down first.")
