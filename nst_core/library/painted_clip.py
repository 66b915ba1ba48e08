"""The result of a call that paints a clip."""

import base64
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from nst_core.errors import UserError
from nst_core.library.picture import write
from nst_core.recipes import VideoRecipe


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PaintedClip:
    """A clip that was painted here; a notebook plays it.

    mp4: the file, H.264 with the clip's sound. recipe: every setting that made it. shape: (h, w) of its frames. frames: their
    number. strip: a JPEG of frames before (above) and after (below). notice: a message, if the clip ended early. seconds: the
    time that it took.
    """

    mp4: bytes
    recipe: VideoRecipe
    shape: tuple[int, int]
    frames: int
    strip: bytes
    notice: str = ""
    seconds: float = 0.0

    def save(self, path: str | PathLike[str]) -> Path:
        """Write an .mp4 file and return its path. Raises: UserError for another suffix and where it cannot be written.

        >>> import nst_core as nst
        >>> from nst_core.recipes import VideoRecipe
        >>> nst.PaintedClip(b"", VideoRecipe(), (256, 256), 1, b"").save("painted.avi")
        Traceback (most recent call last):
        nst_core.errors.UserError: painted.avi: clips are written as .mp4; choose this suffix.
        """
        place = Path(path)
        if place.suffix.lower() != ".mp4":
            raise UserError(f"{place.name}: clips are written as .mp4; choose this suffix.")
        return write(place, self.mp4)

    def __repr__(self) -> str:
        height, width = self.shape
        return f"<PaintedClip {width}×{height}, {self.frames} frames, {self.seconds:.1f} s>"

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.mp4).decode()
        return f'<video controls loop style="max-width:100%" src="data:video/mp4;base64,{data}"></video>'
