"""What keeps the workers small: a plugin that Dask attaches to each of them.

Memory that is free goes back to the machine as soon as a worker rests. A process with TensorFlow in it makes room for a fresh
one when it has grown and a job is about to begin, and once nobody has wanted it for a while: what TensorFlow traced stays until
the process ends. The worker is retired first, as Dask does it with a worker whose lifetime is over, so nothing is lost and
nothing counts as a death.
"""

import asyncio
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from distributed import Reschedule, WorkerPlugin
from distributed.core import Status
from tornado.ioloop import PeriodicCallback

from nst_core.engines import Lane
from nst_core.machine import allocator

if TYPE_CHECKING:
    from distributed import Worker

LOOK_EVERY = 0.5  # seconds
TRIM_AFTER = 1.0  # seconds of rest; within a burst of jobs the memory is wanted again
GROWN = 850e6  # bytes at rest; a fresh process with TensorFlow has 560 MB, after a run of 512 px 790, after two 860
PATIENCE = 10.0  # seconds that a retirement may take


class Recycling(WorkerPlugin):
    name = "nst-recycling"

    def __init__(self, rest: float) -> None:
        """Set up the worker. rest: seconds without a job after which a process with TensorFlow ends."""
        self._rest = rest

    def setup(self, worker: "Worker") -> None:
        self.worker = worker
        sys.unraisablehook = sys.__unraisablehook__
        self._busy, self._trimmed = time.monotonic(), True
        allocator.few_arenas() if Lane.SLOW in worker.state.total_resources else allocator.reuse()
        self._callback = PeriodicCallback(self.look, LOOK_EVERY * 1000)
        self._callback.start()

    def teardown(self, worker: "Worker") -> None:
        self._callback.stop()
        sys.unraisablehook = lambda complaint: None  # a job cut off leaves a client whose finaliser finds no loop

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        self._busy, self._trimmed = time.monotonic(), False

    def look(self) -> None:
        """Return free memory, and end a process that has grown or rested. Called regularly on the worker's event loop."""
        if self.worker.state.executing or self.worker.status is not Status.running:
            self._busy = time.monotonic()
            return
        rest = time.monotonic() - self._busy
        if not self._trimmed and rest > TRIM_AFTER:
            allocator.give_back()
            self._trimmed = True
            if Lane.SLOW in self.worker.state.total_resources and has_grown():
                self.worker.loop.add_callback(retire, self.worker, "grown")
        if rest > self._rest and _has_tensorflow() and self.worker.nanny:
            self.worker.loop.add_callback(retire, self.worker, "rested")


async def retire(worker: "Worker", reason: str) -> None:
    """End this process, so that its nanny starts another.

    First the scheduler takes back what it had in hand or was to do, so that nothing is lost and nothing counts as a death.
    """
    if worker.status is not Status.running:
        return
    # a worker that the scheduler has let go of closes, and would take its nanny along if it came to that before its end
    nanny, worker.nanny = worker.nanny, None
    retired = await worker.scheduler.retire_workers(workers=[worker.address], stimulus_id=f"nst-{reason}-{time.time()}")
    if worker.address in retired:
        os._exit(0)  # closing in order would take two seconds more, for TensorFlow's threads
    worker.nanny = nanny  # it holds what no other worker can take


def begin(worker: "Worker") -> None:
    """Hand a job that starts over to a fresh process if this one has grown, unless it runs another job as well.

    Raises: Reschedule.
    """
    alone = len(worker.state.executing) <= 1
    if not (alone and worker.nanny and Lane.SLOW in worker.state.total_resources and has_grown()):
        return
    asyncio.run_coroutine_threadsafe(retire(worker, "grown"), worker.loop.asyncio_loop)  # type: ignore[attr-defined]
    deadline = time.monotonic() + PATIENCE
    while worker.status is Status.running:
        if time.monotonic() > deadline:
            return  # then this one does it
        time.sleep(0.01)
    raise Reschedule


def has_grown() -> bool:
    if not _has_tensorflow() or allocator.resident() < GROWN:
        return False
    allocator.give_back()
    return allocator.resident() > GROWN


def _has_tensorflow() -> bool:
    return "tensorflow" in sys.modules
