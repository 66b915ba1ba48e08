"""Store the state of an unfinished run in a file beside its result, so that the same command resumes."""

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

UnfinishedState = Mapping[str, np.ndarray]
EVERY = 60.0  # seconds of work that a killed process loses at most
STAMP = "recipe"  # the name of the stamp among the arrays of a state


@runtime_checkable
class UnfinishedWork(Iterator[Step], Protocol):
    """Declare a run that can be stopped early and resumed."""

    def stop(self) -> None:
        """Make the next Step the last."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that the rest of the run depends on."""
        ...


class Unfinished:
    """Manage the file of a state. If it cannot be written, a warning is printed and the run continues."""

    def __init__(self, out: Path, stamp: str) -> None:
        """Set the file. stamp: identifies the command; other states are ignored. Results on standard output have no state."""
        self._file = None if out == files.STREAM else files.beside(out, "checkpoint.npz")
        self._stamp, self._silent = stamp, False

    def load(self) -> dict[str, np.ndarray] | None:
        """Return the state of an earlier run of the same command, or None."""
        try:
            state = arrays.load(self._file) if self._file else {}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        return state if str(state.pop(STAMP, "")) == self._stamp else None

    def save(self, state: UnfinishedState) -> bool:
        """Save the state and return whether that succeeded."""
        if self._file is None:
            return False
        try:
            arrays.save(self._file, {**state, STAMP: np.array(self._stamp)})
        except OSError as error:
            if not self._silent:
                print(
                    f"The run continues, but its state cannot be saved ({error.strerror}): it cannot be resumed.",
                    file=sys.stderr,
                )
            self._silent = True
            return False
        return True

    def kept(self, steps: Iterator[Step], state: Callable[[], UnfinishedState], every: float = EVERY) -> Iterator[Step]:
        """Yield the Steps and save the state at intervals."""
        saved = time.monotonic()
        for step in steps:
            if time.monotonic() - saved > every and step.iteration < step.total:
                self.save(state())
                saved = time.monotonic()
            yield step

    def discard(self) -> None:
        """Delete the state."""
        if self._file:
            self._file.unlink(missing_ok=True)
