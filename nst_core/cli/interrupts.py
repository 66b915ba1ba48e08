"""Handle Ctrl-C: the first one ends a command after the current step, the second one at once.

Python raises KeyboardInterrupt wherever the main thread is, and in some places it is lost: finalisers and callbacks from C++
print or drop it, and the command would continue. So Ctrl-C is recorded, and checked after every step.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from nst_core.stylizer import Step

S = TypeVar("S", bound=Step)
EXIT = 130  # the exit status of shells after Ctrl-C
PROMISE = b"\nStopping after this step; press Ctrl-C again to stop at once.\n"

_interrupted = _deferred = False


def listen() -> None:
    """Start to handle Ctrl-C. Call it in the main thread."""
    global _interrupted
    _interrupted = False
    signal.signal(signal.SIGINT, _handle)


def heeding(steps: Iterator[S]) -> Iterator[S]:
    """Yield the steps until Ctrl-C, including the step during which it came.

    Raises: KeyboardInterrupt.
    """
    for step in steps:
        yield step
        if _interrupted and step.iteration < step.total:
            raise KeyboardInterrupt


@contextmanager
def deferred(wanted: bool) -> Iterator[None]:
    """Defer Ctrl-C to the end of the step, so that the state is consistent. wanted: whether to do so."""
    global _deferred
    _deferred = wanted
    try:
        yield
    finally:
        _deferred = False


def _handle(number: int, frame: object) -> None:
    """Handle the signal."""
    global _interrupted
    if _interrupted:
        os._exit(EXIT)
    _interrupted = True
    if not _deferred:
        raise KeyboardInterrupt
    if os.isatty(2):
        os.write(2, PROMISE)  # print is not safe in a signal handler
