"""The state of a run that has not ended, in a file beside its result: the same command goes on from there."""

import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from nst_core.cli import files
from nst_core.machine import arrays
from nst_core.stylizer import Step

State = Mapping[str, np.ndarray]
EVERY = 60.0  # seconds of work that a killed process costs at most
STAMP = "recipe"  # the name, among the arrays of a state, of what was asked for


@runtime_checkable
class Resumable(Iterator[Step], Protocol):
    """A run that can be stopped with what it has, and gone on with."""

    def stop(self) -> None:
        """Make the next Step the last."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the rest of the run depends on."""
        ...


class Unfinished:
    """A state's file. One that cannot be written costs a sentence, not the run."""

    def __init__(self, out: Path, stamp: str) -> None:
        """stamp: what was asked for; a state of anything else is passed over. A result for standard output has no state."""
        self._file = None if out == files.STREAM else files.beside(out, "checkpoint.npz")
        self._stamp, self._silent = stamp, False

    def load(self) -> dict[str, np.ndarray] | None:
        """Return what an earlier run of the same command left, None where there is nothing."""
        try:
            state = arrays.load(self._file) if self._file else {}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        return state if str(state.pop(STAMP, "")) == self._stamp else None

    def save(self, state: State) -> bool:
        """Return whether the state was kept."""
        if self._file is None:
            return False
        try:
            arrays.save(self._file, {**state, STAMP: np.array(self._stamp)})
        except OSError as error:
            if not self._silent:
                print(
                    f"The run goes on, but its state cannot be kept ({error.strerror}): it cannot be resumed.", file=sys.stderr
                )
            self._silent = True
            return False
        return True

    def kept(self, steps: Iterator[Step], state: Callable[[], State], every: float = EVERY) -> Iterator[Step]:
        """The same Steps; every so many seconds the state is saved."""
        saved = time.monotonic()
        for step in steps:
            if time.monotonic() - saved > every and step.iteration < step.total:
                self.save(state())
                saved = time.monotonic()
            yield step

    def discard(self) -> None:
        """The run has ended."""
        if self._file:
            self._file.unlink(missing_ok=True)
