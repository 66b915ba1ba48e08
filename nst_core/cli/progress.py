"""Watching work: Steps in, the same Steps out; a log, a film's frames, a line on the terminal."""

import json
import math
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from nst_core import images
from nst_core.cli import files, interrupts
from nst_core.errors import UserError
from nst_core.service import Batch
from nst_core.stylizer import PREVIEW_SIDE, Step

GLANCE = 0.5  # seconds between two looks at a job
PACE = 10  # steps that the time left is guessed from


class Log:
    """A run's losses in a file, a JSON object a step; - is standard output."""

    def __init__(self, file: Path, *, more: bool = False) -> None:
        """more: it goes on after the lines that an earlier run wrote. Raises: UserError."""
        self._file = file
        self.complaint: UserError | None = None  # why it is not whole
        try:
            self._log = sys.stdout if file == files.STREAM else file.open("a" if more else "w", encoding="utf-8")
        except OSError as error:
            raise files.unwritable(file, error) from error

    def follow(self, steps: Iterator[Step]) -> Iterator[Step]:
        """The same steps, each written at once. A disk that is full ends the log, not the run."""
        try:
            for step in steps:
                self._add(step)
                yield step
        finally:
            if self._log is not sys.stdout:
                with suppress(OSError):
                    self._log.close()

    def _add(self, step: Step) -> None:
        """A loss that is no number is null."""
        if self.complaint:
            return
        losses = {name: value if math.isfinite(value) else None for name, value in step.losses.items()}
        line = {"iteration": step.iteration, "total": step.total, "seconds": round(step.seconds, 3)} | losses
        try:
            print(json.dumps(line), file=self._log, flush=True)
        except OSError as error:
            self.complaint = UserError(f"{files.unwritable(self._file, error)} It ends before step {step.iteration}.")


def filmed(steps: Iterator[Step], frames: list[bytes]) -> Iterator[Step]:
    """Each picture is added to the frames, as a JPEG."""
    for step in steps:
        if step.image is not None:
            frames.append(images.thumbnail(step.image, PREVIEW_SIDE))
        yield step


def shown(steps: Iterator[Step]) -> Iterator[Step]:
    """On a terminal, where the run stands."""
    recent: deque[tuple[int, float]] = deque(maxlen=PACE)
    try:
        for step in interrupts.heeding(steps):
            recent.append((step.iteration, step.seconds))
            if step.total > 1:
                _show(f"{step.iteration}/{step.total}{_time_left(recent, step.total)}")
            yield step
    finally:
        if recent and step.total > 1:
            _show("", end="\n")


def watched(batch: Batch[None], before: int) -> None:
    """Until it has ended; meanwhile, on a terminal, where it stands. before: pictures that were there already."""
    while not batch.wait(GLANCE):
        under_way = next((entry for entry in batch.entries if entry.job), None)
        steps = under_way.job.progress[-1:] if under_way and under_way.job else []
        of_it = f" {steps[0].iteration}/{steps[0].total}" if steps and steps[0].total > 1 else ""
        left = f", {batch.seconds_left:.0f} s left" if batch.seconds_left else ""
        _show(f"{before + batch.done}/{before + len(batch.entries)}{left}  {under_way.name if under_way else ''}{of_it}")
    _show(f"{before + batch.done}/{before + len(batch.entries)}", end="\n")


def _time_left(recent: Sequence[tuple[int, float]], total: int) -> str:
    """At the pace of late: coarse to fine gets slower with every size."""
    (first, began), (last, now) = recent[0], recent[-1]
    return f", {(now - began) / (last - first) * (total - last):.0f} s left" if last > first else ""


def _show(text: str, *, end: str = "") -> None:
    if sys.stderr.isatty():
        print(f"\r{text:<78.78}" if text else "", end=end, file=sys.stderr, flush=True)
