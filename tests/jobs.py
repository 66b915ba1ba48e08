"""Work for the engine's tests: it runs in the worker, which imports it by name."""

import os
import time
from collections.abc import Iterator

from nst_core.errors import BadRecipe
from nst_core.stylizer import Step


def count(total: int, seconds: float) -> Iterator[Step]:
    """A Step every so many seconds."""
    for iteration in range(1, total + 1):
        time.sleep(seconds)
        yield Step(iteration, total, {"left": float(total - iteration)}, None, iteration * seconds)


def process_id() -> int:
    return os.getpid()


def refuse() -> None:
    raise BadRecipe("No salt in the soup.")


def stumble() -> None:
    raise ZeroDivisionError("one over nothing")
