"""Lock a name among the threads and processes of a machine."""

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_threads: dict[str, threading.Lock] = {}


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Wait until nobody else on this machine is in a block with that name."""
    with _threads.setdefault(name, threading.Lock()), _file(name):
        yield


@contextmanager
def _file(name: str) -> Iterator[None]:
    """Lock a file in the temporary folder, among processes; without file locking, do nothing."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    path = Path(tempfile.gettempdir()) / f"nst-{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock"
    try:
        file = path.open("w")
    except OSError:  # another user's file, or a read-only disk
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed or the process ends
        yield
