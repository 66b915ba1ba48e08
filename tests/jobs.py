"""Work for the engine's tests: it runs in the worker, which imports it by name."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from nst_core.errors import BadRecipe, Diverged
from nst_core.recipes import Recipe
from nst_core.stylizer import Step


def count(total: int, seconds: float) -> Iterator[Step]:
    """A Step every so many seconds."""
    for iteration in range(1, total + 1):
        time.sleep(seconds)
        yield Step(iteration, total, {"left": float(total - iteration)}, None, iteration * seconds)


class Counter:
    """Counts like `count`, can say its state, and remembers in whose process each number was counted."""

    def __init__(self, total: int, seconds: float, recipe: Recipe, state: Mapping[str, np.ndarray] | None = None) -> None:
        self.total, self.seconds, self.recipe = total, seconds, recipe
        self.iteration = int(state["iteration"]) if state else 0

    def __iter__(self) -> "Counter":
        return self

    def __next__(self) -> Step:
        if self.iteration == self.total:
            raise StopIteration
        time.sleep(self.seconds)
        self.iteration += 1
        return Step(self.iteration, self.total, {"pid": os.getpid(), "size": self.recipe.size})

    def state(self) -> dict[str, np.ndarray]:
        return {"iteration": np.array(self.iteration)}


def diverge() -> Iterator[Step]:
    """Two good steps, a best picture, and then no more numbers."""
    yield Step(1, 9)
    yield Step(2, 9, image=np.full((40, 40, 3), 0.25, np.float32))
    raise Diverged("The loss is no number after 2 of 9 steps.")


def process_id() -> int:
    return os.getpid()


def who_has(modules: Sequence[str]) -> tuple[int, set[str]]:
    """The process, and which of the modules it has imported."""
    return os.getpid(), set(modules) & set(sys.modules)


_hoarded: list[np.ndarray] = []


def hoard(size: int) -> tuple[int, int]:
    """Load TensorFlow and keep so many bytes, as its graphs do."""
    from nst_core.features import tf

    _hoarded.append(np.ones(size, np.uint8))
    return os.getpid(), len(tf.__version__)


def refuse() -> None:
    raise BadRecipe("No salt in the soup.")


def stumble() -> None:
    raise ZeroDivisionError("one over nothing")


def mark(file: str) -> Iterator[Step]:
    """Write into a file that it runs, and that it was ended."""
    try:
        for iteration in range(1, 6000):
            time.sleep(0.1)
            yield Step(iteration, 6000)
    finally:
        Path(file).write_text("ended")


def die_once(file: str) -> str:
    """The first time with its process."""
    if Path(file).exists():
        return "alive"
    Path(file).touch()
    time.sleep(0.5)  # that it began is on its way
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def shout(size: int) -> int:
    """Print so many letters."""
    print("x" * size, flush=True)
    return size


def fill(size: int) -> None:
    """Take so many bytes, and hold them for a while."""
    hoarded = [np.ones(10_000_000, np.uint8) for _ in range(size // 10_000_000)]
    time.sleep(20)
    del hoarded
