"""Ctrl-C on the command line: it ends a command at its next step wherever it falls, and a second one at once.

Python raises a KeyboardInterrupt wherever the main thread happens to be, and not every place lets it through: a finaliser, or a
callback from C++, prints it or drops it, and the command would run on. So it is remembered, and every step asks.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from nst_core.stylizer import Step

S = TypeVar("S", bound=Step)
EXIT = 130  # what shells give a command that Ctrl-C ended
PROMISE = b"\nStopping after this step; press Ctrl-C again to stop at once.\n"

_heard = _deferred = False


def listen() -> None:
    """From now on. For the main thread."""
    global _heard
    _heard = False
    signal.signal(signal.SIGINT, _hear)


def heeding(steps: Iterator[S]) -> Iterator[S]:
    """The same steps, until there was a Ctrl-C; the step during which it came is still handed on.

    Raises: KeyboardInterrupt.
    """
    for step in steps:
        yield step
        if _heard and step.iteration < step.total:
            raise KeyboardInterrupt


@contextmanager
def deferred(wanted: bool) -> Iterator[None]:
    """Let a Ctrl-C wait for the end of the step, so that the work is in order when it ends. wanted: whether to do so."""
    global _deferred
    _deferred = wanted
    try:
        yield
    finally:
        _deferred = False


def _hear(number: int, frame: object) -> None:
    global _heard
    if _heard:
        os._exit(EXIT)
    _heard = True
    if not _deferred:
        raise KeyboardInterrupt
    if os.isatty(2):
        os.write(2, PROMISE)  # a handler may not print
