"""Draw pictures in processes, so that an accelerator need not wait for them. No TensorFlow, no JAX."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty
from typing import Protocol, TypeVar

import numpy as np

AHEAD = 8  # draws that may wait per process
PATIENCE = 300  # seconds for one draw

Item = TypeVar("Item")
Given = TypeVar("Given", covariant=True)


class Feed(Protocol[Given]):
    """Declare the queue from which a training takes pictures."""

    def get(self, block: bool = True, timeout: float | None = None) -> Given: ...


@contextmanager
def stream(draw: Callable[[np.random.Generator], Item], seed: int, processes: int) -> Iterator[Feed[Item]]:
    """Yield an endless queue of what the processes draw, in any order. They are forks: start before JAX is used."""
    context = multiprocessing.get_context("fork")
    queue = context.Queue(AHEAD * processes)
    tasks = [(queue, draw, seed, rank, processes) for rank in range(processes)]
    workers = [context.Process(target=_fill, args=task, daemon=True) for task in tasks]
    for worker in workers:
        worker.start()
    try:
        yield queue
    finally:
        for worker in workers:
            worker.terminate()


def _fill(
    queue: "multiprocessing.Queue[Item]",
    draw: Callable[[np.random.Generator], Item],
    seed: int,
    rank: int,
    processes: int,
) -> None:
    for number in range(rank, 1 << 40, processes):
        queue.put(draw(np.random.default_rng((seed, 3, number))))


def ready(queue: Feed[Item], most: int) -> Iterator[Item]:
    """Yield what is available."""
    for _ in range(most):
        try:
            yield queue.get(block=False)
        except Empty:
            return
