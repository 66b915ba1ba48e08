"""What is known of a clip before it is painted, what may be asked of it, what it becomes. Knows no PyAV: pages share it."""

from dataclasses import dataclass

from nst_core.errors import BadClip
from nst_core.stylizer import Step

FILE_TYPES = ("mp4", "mov", "m4v", "webm", "mkv", "avi", "gif")
MIN_SIDE = 16  # pixels
MAX_PIXELS = 4096 * 2304  # of a frame: 4K, of whichever kind
MAX_ASPECT = 8  # longer side / shorter side
EACH, EACH_PIXEL = 0.04, 0.7e-6  # seconds of a frame, and of each of its pixels, on two cores that do other work too
FINE_PIXEL = 1.5e-5  # by the optimiser


@dataclass(frozen=True, slots=True)
class Facts:
    """What a person would say of a clip.

    width, height: of a frame, upright, its pixels square. frames: about how many. sound: whether there is any.
    """

    width: int
    height: int
    seconds: float
    frames: int
    sound: bool
    poster: bytes = b""  # a JPEG of the first frame

    def shape(self, size: int) -> tuple[int, int]:
        """(h, w) of the painted frames: the longer side `size`, both even, as H.264 in 4:2:0 wants them."""
        scale = size / max(self.width, self.height)
        height, width = (max(MIN_SIDE, 2 * round(side * scale / 2)) for side in (self.height, self.width))
        return height, width

    def promise(self, size: int, *, fine: bool = False) -> float:
        """Seconds that painting it will take, roughly. fine: by the optimiser."""
        height, width = self.shape(size)
        return self.frames * (EACH + (FINE_PIXEL if fine else EACH_PIXEL) * height * width)


@dataclass(frozen=True, slots=True, eq=False)
class Film(Step):
    """The last Step of a clip: the MP4, and a strip of frames before (above) and after (below), a JPEG."""

    mp4: bytes = b""
    shape: tuple[int, int] = (0, 0)  # of its frames, (h, w)
    strip: bytes = b""
    notice: str = ""  # a sentence about it that is no error


def check_frame(name: str, width: int, height: int) -> None:
    """Before anything is decoded.

    Raises: BadClip.
    """
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_ASPECT * min(width, height):
        raise BadClip(
            f"{name} is {width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed, one side at most {MAX_ASPECT} "
            "times the other."
        )
    if width * height > MAX_PIXELS:
        raise BadClip(f"{name} is {width}×{height} pixels; at most 4K (4096×2304) are read: scale it down first.")
