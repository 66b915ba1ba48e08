"""What visitors keep: bytes in, a file of a temporary folder, bytes out. No process holds in memory what nobody looks at.

Each owner has a budget, and all together have one; what was kept or read longest ago makes room. A file goes when nobody holds
its `Kept` any more, and all of them with the process.
"""

import tempfile
import threading
import weakref
from itertools import count
from pathlib import Path

from nst_core.errors import Failure, Gone


class Kept:
    """Bytes in a file."""

    def __init__(self, shelf: "Shelf", file: Path, size: int) -> None:
        self.size = size
        self._shelf, self._file = shelf, file

    @property
    def there(self) -> bool:
        """False once the file has made room for others."""
        return self._file.exists()

    def read(self) -> bytes:
        """Raises: Gone."""
        self._shelf._read(self._file)
        try:
            return self._file.read_bytes()
        except OSError as error:
            raise Gone("This was let go to make room for newer pictures: make it again, or upload it again.") from error


class Shelf:
    """Files of many owners."""

    def __init__(self, *, each: int, total: int) -> None:
        """Budgets in bytes. What is larger than one is kept alone until the next comes."""
        self._each, self._total = each, total
        self._folder = tempfile.TemporaryDirectory(prefix="nst-", ignore_cleanup_errors=True)
        self._names, self._lock = count(), threading.RLock()  # a finalizer may come while this thread holds it
        self._files: dict[Path, tuple[str, int]] = {}  # owner and bytes; kept or read longest ago first

    def keep(self, data: bytes, owner: str) -> Kept:
        """Raises: Failure when the disk is full."""
        file = Path(self._folder.name) / str(next(self._names))
        try:
            file.write_bytes(data)
        except OSError as error:
            file.unlink(missing_ok=True)
            raise Failure(f"The machine has no room to keep this ({error.strerror}): try again in a while.") from error
        kept = Kept(self, file, len(data))
        weakref.finalize(kept, self._let_go, file)
        with self._lock:
            self._files[file] = owner, len(data)
            self._make_room(self._each, owner)
            self._make_room(self._total)
        return kept

    def taken(self, owner: str | None = None) -> int:
        """Bytes, of one owner or of all."""
        with self._lock:
            return sum(size for whose, size in self._files.values() if owner in (None, whose))

    def _make_room(self, budget: int, owner: str | None = None) -> None:
        """All but the latest may go."""
        for file in [file for file, (whose, _) in self._files.items() if owner in (None, whose)][:-1]:
            if self.taken(owner) <= budget:
                return
            self._let_go(file)

    def _let_go(self, file: Path) -> None:
        with self._lock:
            self._files.pop(file, None)
        file.unlink(missing_ok=True)

    def _read(self, file: Path) -> None:
        with self._lock:
            if file in self._files:
                self._files[file] = self._files.pop(file)
