"""Temporary folders that end with their process, however it ends: what a killed one left is deleted by the next.

A process that is killed cannot tidy up, and a number of a process means another one after a while, or in another container. So
each folder has a file that its process holds a lock on: where nobody does, nobody will come back for it.
"""

import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and nothing swept
    fcntl = None  # type: ignore[assignment]

PREFIX = "nst-"
_LOCK = "lock"


class Scratch:
    """Create a temporary folder that only its owner can read. name: its path."""

    def __init__(self) -> None:
        """Create the folder, after deleting those of killed processes."""
        sweep()
        outside = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.name = str(outside / "files")
        Path(self.name).mkdir(mode=0o700)
        self._lock = _locked(outside)
        weakref.finalize(self, shutil.rmtree, outside, ignore_errors=True)


def sweep() -> None:
    """Delete the folders of processes that ended without doing so themselves."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{_LOCK}"):
        with suppress(OSError), lock.open("r+b") as file:  # it may be another user's, or held
            _hold(file)
            shutil.rmtree(lock.parent, ignore_errors=True)


def _locked(folder: Path) -> IO[bytes]:
    """Return the folder's lock. It gets its name once it is held, so that nobody sees one that is not."""
    made = folder / "lock.new"
    file = made.open("w+b")
    with suppress(OSError):  # then its folder is left alone
        _hold(file)
        made.rename(folder / _LOCK)
    return file


def _hold(file: IO[bytes]) -> None:
    """Lock the file. Raises: OSError if another process holds the lock, or if locking is not supported."""
    if fcntl is None:
        raise OSError("There are no locks here.")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
