"""What visitors keep: bytes in, a file of a temporary folder, bytes out. No process holds in memory what nobody looks at.

Each owner has a budget, and all together have one. Where it is exceeded, the greediest owner makes room, and of what it has the
greediest kind, beginning with what was kept or read longest ago: so nobody pushes out the files of those who have less.
A file goes when nobody holds its `SessionFile` any more, and all of them with the process, or at the latest with the next one.
"""

import threading
import weakref
from collections import Counter
from collections.abc import Collection, Iterable
from itertools import count
from pathlib import Path
from typing import NamedTuple

from nst_core.errors import Failure, Gone
from nst_core.machine import Scratch


class SessionFile:
    """Hold the path of one of the files, and read it."""

    def __init__(self, all_files: "SessionFiles", file: Path, size: int) -> None:
        self.size = size
        self._all, self._file = all_files, file

    @property
    def there(self) -> bool:
        """Return whether the file is still there; False once it was deleted to make room."""
        return self._file.exists()

    def read(self) -> bytes:
        """Return the file's bytes. Raises: Gone."""
        self._all._read(self._file)
        try:
            return self._file.read_bytes()
        except OSError as error:
            raise Gone("This was let go to make room for newer pictures: make it again, or upload it again.") from error


class Stored(NamedTuple):
    """Describe a file. spare: it is deleted before the owner's other files."""

    owner: str
    size: int
    kind: str
    spare: bool


class SessionFiles:
    """Keep the files of many owners within a size limit."""

    def __init__(self, *, each: int, total: int) -> None:
        """Set the limits, in bytes. A file larger than a limit is kept alone until the next one comes."""
        self._each, self._total = each, total
        self._folder = Scratch()
        self._names, self._lock = count(), threading.RLock()  # a finalizer may come while this thread holds it
        self._files: dict[Path, Stored] = {}  # kept or read longest ago first

    def keep(self, data: bytes, owner: str, kind: str = "", *, spare: bool = False) -> SessionFile:
        """Store bytes in a file. kind: groups the owner's files when one must go. spare: delete this one first.

        Raises: Failure when the disk is full.
        """
        file = Path(self._folder.name) / str(next(self._names))
        try:
            file.write_bytes(data)
        except OSError as error:
            file.unlink(missing_ok=True)
            raise Failure(f"The machine has no room to keep this ({error.strerror}): try again in a while.") from error
        kept = SessionFile(self, file, len(data))
        weakref.finalize(kept, self._let_go, file)
        with self._lock:
            self._files[file] = Stored(owner, len(data), kind, spare)
            self._make_room(owner, file)
        return kept

    def taken(self, owner: str | None = None) -> int:
        """Return the bytes stored, by one owner or by all."""
        with self._lock:
            return sum(entry.size for entry in self._files.values() if owner in (None, entry.owner))

    def _make_room(self, owner: str, latest: Path) -> None:
        """Delete files until the limits are met, but never the latest one."""
        others = self._files.keys() - {latest}
        while self.taken(owner) > self._each and (file := self._next(owner, others)):
            self._let_go(file)
            others -= {file}
        while self.taken() > self._total and others:
            owners = {self._files[file].owner for file in others}
            greediest = _greediest((entry.owner, entry.size) for entry in self._files.values() if entry.owner in owners)
            if file := self._next(greediest, others):
                self._let_go(file)
                others -= {file}

    def _next(self, owner: str, files: Collection[Path]) -> Path | None:
        """Return which of an owner's files is deleted first."""
        mine = {file: entry for file, entry in self._files.items() if file in files and entry.owner == owner}
        spare = next((file for file, entry in mine.items() if entry.spare), None)
        if spare or not mine:
            return spare
        kind = _greediest((entry.kind, entry.size) for entry in mine.values())
        return next(file for file, entry in mine.items() if entry.kind == kind)

    def _let_go(self, file: Path) -> None:
        with self._lock:
            self._files.pop(file, None)
        file.unlink(missing_ok=True)

    def _read(self, file: Path) -> None:
        with self._lock:
            if file in self._files:
                self._files[file] = self._files.pop(file)


def _greediest(sizes: Iterable[tuple[str, int]]) -> str:
    """Return the owner with the most bytes, of pairs (owner, bytes)."""
    sums = Counter[str]()
    for who, size in sizes:
        sums[who] += size
    return sums.most_common(1)[0][0]
