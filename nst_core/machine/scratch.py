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
    """A folder of its own among the temporary ones, readable by its owner only. name: where it is."""

    def __init__(self) -> None:
        """Deletes, first, the folders of processes that were killed."""
        sweep()
        outside = Path(tempfile.mkdtemp(prefix=PREFIX))
        self.name = str(outside / "files")
        Path(self.name).mkdir(mode=0o700)
        self._lock = _locked(outside)
        weakref.finalize(self, shutil.rmtree, outside, ignore_errors=True)


def sweep() -> None:
    """Delete the folders whose process has ended without doing so itself."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{_LOCK}"):
        with suppress(OSError), lock.open("r+b") as file:  # it may be another user's, or held
            _hold(file)
            shutil.rmtree(lock.parent, ignore_errors=True)


def _locked(folder: Path) -> IO[bytes]:
    """The folder's lock. It gets its name once it is held: nobody ever sees one that is not."""
    made = folder / "lock.new"
    file = made.open("w+b")
    with suppress(OSError):  # then its folder is left alone
        _hold(file)
        made.rename(folder / _LOCK)
    return file


def _hold(file: IO[bytes]) -> None:
    """Raises: OSError where another holds it, or where nothing can be held."""
    if fcntl is None:
        raise OSError("There are no locks here.")
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
