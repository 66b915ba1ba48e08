"""Follow work on the command line: pass Steps on while writing a log, frames of a time-lapse, or a progress line."""

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

GLANCE = 0.5  # seconds between looks at a job
PACE = 10  # recent steps for the estimate of the remaining time


class LogFile:
    """Write a run's losses to a file, a JSON object per step; - is standard output."""

    def __init__(self, file: Path, *, more: bool = False) -> None:
        """Open the file. more: append to the lines of an earlier run. Raises: UserError."""
        self._file = file
        self.complaint: UserError | None = None  # why it is incomplete
        try:
            self._log = sys.stdout if file == files.STREAM else file.open("a" if more else "w", encoding="utf-8")
        except OSError as error:
            raise files.unwritable(file, error) from error

    def follow(self, steps: Iterator[Step]) -> Iterator[Step]:
        """Yield the steps and write each at once. A full disk ends the log, not the run."""
        try:
            for step in steps:
                self._add(step)
                yield step
        finally:
            if self._log is not sys.stdout:
                with suppress(OSError):
                    self._log.close()

    def _add(self, step: Step) -> None:
        """Write a step; losses that are not finite become null."""
        if self.complaint:
            return
        losses = {name: value if math.isfinite(value) else None for name, value in step.losses.items()}
        line = {"iteration": step.iteration, "total": step.total, "seconds": round(step.seconds, 3)} | losses
        try:
            print(json.dumps(line), file=self._log, flush=True)
        except OSError as error:
            self.complaint = UserError(f"{files.unwritable(self._file, error)} It ends before step {step.iteration}.")


def filmed(steps: Iterator[Step], frames: list[bytes]) -> Iterator[Step]:
    """Yield the steps and add each picture to the frames, as a JPEG."""
    for step in steps:
        if step.image is not None:
            frames.append(images.thumbnail(step.image, PREVIEW_SIDE))
        yield step


def shown(steps: Iterator[Step]) -> Iterator[Step]:
    """Yield the steps and show the progress if standard error is a terminal."""
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
    """Wait until a batch has ended, and show its progress on a terminal. before: pictures that existed already."""
    while not batch.wait(GLANCE):
        under_way = next((entry for entry in batch.entries if entry.job), None)
        steps = under_way.job.progress[-1:] if under_way and under_way.job else []
        step = f" {steps[0].iteration}/{steps[0].total}" if steps and steps[0].total > 1 else ""
        remaining = f", {batch.seconds_left:.0f} s left" if batch.seconds_left else ""
        _show(f"{before + batch.done}/{before + len(batch.entries)}{remaining}  {under_way.name if under_way else ''}{step}")
    _show(f"{before + batch.done}/{before + len(batch.entries)}", end="\n")


def _time_left(recent: Sequence[tuple[int, float]], total: int) -> str:
    """Estimate the remaining time at the recent pace: coarse-to-fine runs get slower with every size."""
    (first, began), (last, now) = recent[0], recent[-1]
    return f", {(now - began) / (last - first) * (total - last):.0f} s left" if last > first else ""


def _show(text: str, *, end: str = "") -> None:
    """Show a line on the terminal."""
    if sys.stderr.isatty():
        print(f"\r{text:<78.78}" if text else "", end=end, file=sys.stderr, flush=True)
