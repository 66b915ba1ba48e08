"""Paint a clip: yield a Step per frame, some of them with a picture, and finally a `Film`.

It can be stopped early, keeping what is painted, and its state can be saved; another run continues from exactly that frame.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from nst_core import images
from nst_core.errors import BadClip
from nst_core.pictures.strokes import Paint
from nst_core.recipes import VideoRecipe
from nst_core.stylizer import Step, Style
from nst_core.videos import painters, reading
from nst_core.videos.clips import Film
from nst_core.videos.deflicker import Deflicker
from nst_core.videos.filmstrip import Filmstrip
from nst_core.videos.painters import FramePainter
from nst_core.videos.reading import TICKS, Frame
from nst_core.videos.segments import Segments

PICTURE_EVERY = 0.7  # seconds between Steps with a picture


class Filming:
    """Iterate over the Steps of a clip. parts: a folder that outlives it, for resuming; None: it cannot be resumed."""

    def __init__(
        self,
        clip: bytes,
        styles: Sequence[Style],
        recipe: VideoRecipe,
        *,
        parts: Path | None = None,
        state: Mapping[str, np.ndarray] | None = None,
        network: Paint | None = None,
        painter: FramePainter | None = None,
    ) -> None:
        """Prepare a run. network: paints with the network that the recipe names. painter: replaces the recipe's, for tests.

        Raises: BadClip, BadRecipe, BadNetwork.
        """
        self._clip, self._recipe, self._facts = clip, recipe, reading.probe(clip)
        self._reel = Segments(parts)
        if state is not None and not self._reel.has(int(state["done"])):
            state = None  # the files were deleted: begin again
        self._done = int(state["done"]) if state is not None else 0
        self._before = float(state["seconds"]) if state is not None else 0.0  # seconds of earlier runs
        self._steady = Deflicker(painter or painters.painter(styles, recipe, network), recipe.steadiness, state)
        self._strip = Filmstrip(self._facts.frames, state)
        self._frames = reading.frames(clip, self._facts.shape(recipe.size), start=max(0, self._done - 1))
        self._last: Frame | None = None
        self._shown = self._began = time.monotonic()
        self._stopped = self._finished = False

    def __iter__(self) -> "Filming":
        return self

    def __next__(self) -> Step:
        if self._finished:
            raise StopIteration
        frame = None if self._stopped and self._last else next(self._frames, None)
        if frame and frame.number < self._done:  # the last frame that an earlier run painted
            self._last, frame = frame, next(self._frames, None)
        return self._finish() if frame is None else self._paint(frame)

    def stop(self) -> None:
        """End the film with the next frame."""
        self._stopped = True

    def state(self) -> dict[str, np.ndarray]:
        """Return the state to resume from, after the first Step."""
        progress = {"done": np.array(self._done), "seconds": np.array(self._seconds)}
        return progress | self._steady.state() | self._strip.state()

    @property
    def _seconds(self) -> float:
        return self._before + time.monotonic() - self._began

    def _paint(self, frame: Frame) -> Step:
        painted = self._steady.paint(frame.pixels)
        self._reel.add(frame.number, frame.begins, painted)
        self._strip.add(frame.number, frame.pixels, painted)
        self._last, self._done = frame, frame.number + 1
        picture = None
        if self._done == 1 or time.monotonic() - self._shown > PICTURE_EVERY:
            self._shown, picture = time.monotonic(), images.from_uint8(painted)
        return Step(self._done, max(self._facts.frames, self._done + 1), {}, picture, self._seconds)

    def _finish(self) -> Film:
        """Write the film. Raises: BadClip if there was no frame."""
        if self._last is None:
            raise BadClip("No frame of the clip can be read: the file is incomplete or damaged.")
        self._finished = True
        ends = self._last.begins + (self._last.lasts or round(self._facts.seconds * TICKS / self._done))
        promised = self._facts.seconds * TICKS
        notice = ""
        if not self._stopped and ends < reading.WHOLE * promised:
            notice = f"The clip ends after {ends / TICKS:.1f} of {self._facts.seconds:.1f} s, because the file is incomplete."
        whole = not self._stopped and not notice
        mp4 = self._reel.finish(self._clip, self._done, ends=ends, whole=whole)
        size = self._facts.shape(self._recipe.size)
        return Film(self._done, self._done, seconds=self._seconds, mp4=mp4, strip=self._strip.jpeg(), shape=size, notice=notice)
