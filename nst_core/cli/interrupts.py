"""Ctrl-C on the command line: it ends a command at its next step wherever it falls, and a second one at once.

Python raises a KeyboardInterrupt wherever the main thread happens to be, and not every place lets it through: a finaliser, or a
callback from C++, prints it or drops it, and the command would run on. So it is remembered, and every step asks.
"""

import os
import signal
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")
EXIT = 130  # what shells give a command that Ctrl-C ended

_heard = False


def listen() -> None:
    """From now on. For the main thread."""
    signal.signal(signal.SIGINT, _hear)


def heeding(steps: Iterator[T]) -> Iterator[T]:
    """The same steps, until there was a Ctrl-C.

    Raises: KeyboardInterrupt.
    """
    for step in steps:
        if _heard:
            raise KeyboardInterrupt
        yield step


def _hear(number: int, frame: object) -> None:
    global _heard
    if _heard:
        os._exit(EXIT)
    _heard = True
    raise KeyboardInterrupt
