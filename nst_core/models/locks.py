"""One at a time, among the threads and processes of a machine: a name in, a block that nobody else is in."""

import hashlib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_threads: dict[str, threading.Lock] = {}


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Wait until nobody else on this machine is in a block of that name."""
    with _threads.setdefault(name, threading.Lock()), _file(name):
        yield


@contextmanager
def _file(name: str) -> Iterator[None]:
    """The lock among processes, a file of the temporary folder; where there is no such thing, there is none."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    path = Path(tempfile.gettempdir()) / f"nst-{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock"
    try:
        file = path.open("w")
    except OSError:  # another user's, or a disk that is read-only
        yield
        return
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)  # it ends with the file, or its process
        yield
