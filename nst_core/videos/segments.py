"""Store the parts of a film as files: painted frames in, the finished MP4 out.

A frame is kept as a file until its segment is complete, and the frames of one segment until the next is complete. So a run
whose process dies at any moment can resume from any state less than a segment old. Nothing of this is kept in memory.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nst_core.errors import Failure
from nst_core.machine import Scratch
from nst_core.videos import writing
from nst_core.videos.reading import Pixels

SEGMENT = 24  # frames; each segment begins with a key frame, to which players can seek


class Segments:
    """Store frames by number, without gaps."""

    def __init__(self, folder: Path | None) -> None:
        """Use a folder, or a temporary one of its own for None."""
        self._own = Scratch() if folder is None else None
        self._folder = Path(self._own.name) if self._own else folder or Path()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def has(self, count: int) -> bool:
        """Return whether the first `count` frames are stored."""
        whole, waiting = divmod(count, SEGMENT)
        return all(map(self._segment, range(whole))) and all(map(self._frame, range(count - waiting, count)))

    def add(self, number: int, begins: int, pixels: Pixels) -> None:
        """Store a frame. begins: in ticks. Raises: Failure if the disk is full."""
        with _disk():
            partial = self._folder / "frame.partial"
            with partial.open("wb") as file:
                np.save(file, pixels)
            partial.replace(self._folder / f"frame-{number:06}-{begins}.npy")
        if (number + 1) % SEGMENT == 0:
            self._close(number // SEGMENT)

    def finish(self, clip: bytes, count: int, *, ends: int, whole: bool) -> bytes:
        """Return the MP4 of the first `count` frames; see `writing.join`."""
        if count % SEGMENT:
            self._close(count // SEGMENT)
        film = self._folder / "film.mp4"
        segments = [segment for number in range(-(-count // SEGMENT)) if (segment := self._segment(number))]
        with _disk():
            writing.join([(_ticks(file), file) for file in segments], clip, film, ends=ends, whole=whole)
            return film.read_bytes()

    def _close(self, number: int) -> None:
        """Encode a segment of the stored frames, and delete the frames of the segment before."""
        waiting = [file for n in range(number * SEGMENT, (number + 1) * SEGMENT) if (file := self._frame(n))]
        frames: Iterator[tuple[int, Pixels]] = ((_ticks(file), np.load(file)) for file in waiting)
        with _disk():
            writing.segment(frames, self._folder / f"segment-{number:06}-{_ticks(waiting[0])}.mp4")
        for n in range((number - 1) * SEGMENT, number * SEGMENT):
            if file := self._frame(n):
                file.unlink()

    def _frame(self, number: int) -> Path | None:
        return next(self._folder.glob(f"frame-{number:06}-*.npy"), None) if number >= 0 else None

    def _segment(self, number: int) -> Path | None:
        return next(self._folder.glob(f"segment-{number:06}-*.mp4"), None)


def _ticks(file: Path) -> int:
    """Return when a frame or a segment begins, from the end of its name."""
    return int(file.stem.rpartition("-")[2])


class _disk:  # noqa: N801 - reads as `with _disk():`
    """Turn errors of the disk into a Failure."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError):
            raise Failure(f"The film cannot be stored: the disk of this machine is full ({error.strerror}).") from error
