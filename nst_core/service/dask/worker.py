"""What runs in a Dask worker: `perform` is every job's task."""

import time
from collections.abc import Mapping
from typing import Any

from nst_core.machine import allocator
from nst_core.service.execution import execute
from nst_core.service.transport import Call, Signal

LISTEN_EVERY = 0.05  # seconds between two requests to the scheduler for a job's signals
ANY = "any"  # of the signals


def perform(topic: str, call: Call) -> Any:
    """Run a job and return its result. topic: where its messages are published."""
    from distributed import get_worker

    from nst_core.service.dask import recycling

    worker = get_worker()
    recycling.begin(worker)
    allocator.reset_peak()
    with WorkerChannel(topic, call.job) as channel:
        channel.say({"began": True})
        try:
            return execute(call, channel)
        finally:
            channel.say({"peak": allocator.peak()})


class WorkerChannel:
    """Publish messages through the scheduler, and ask it now and then for signals; each request takes a millisecond."""

    def __init__(self, topic: str, job: str) -> None:
        from distributed import Event, get_worker

        self._topic, self._job = topic, job
        self._worker, self._task = get_worker(), get_worker().get_current_task()
        self._any, self._events = Event(f"{ANY}-{job}"), {signal: Event(f"{signal}-{job}") for signal in Signal}
        self._asked, self._received = 0.0, set[Signal]()

    def __enter__(self) -> "WorkerChannel":
        return self

    def __exit__(self, *error: object) -> None:
        """Clear the events, which the scheduler would keep for ever."""
        for signal in self._received:
            self._events[signal].clear()
        if self._received and not self._signals():
            self._any.clear()

    def say(self, message: Mapping[str, Any]) -> None:
        """Send the client a message."""
        self._worker.log_event(self._topic, {"job": self._job, **message})

    def listen(self) -> set[Signal]:
        """Return the current signals; none if the scheduler was asked just now."""
        if time.monotonic() - self._asked < LISTEN_EVERY:
            return set()
        self._asked = time.monotonic()
        if not self._wanted():
            return {Signal.CANCEL}
        self._received = self._signals() if self._any.is_set() else set()
        return self._received

    def _wanted(self) -> bool:
        """Return whether the result is still wanted: the client's process may have died."""
        task = self._worker.state.tasks.get(self._task)
        return task is not None and task.state in ("executing", "long-running")

    def _signals(self) -> set[Signal]:
        return {signal for signal, event in self._events.items() if event.is_set()}


def load_light() -> bool:
    """Load the light lane's models."""
    from nst_core.service import tasks

    return tasks.load_light()


def load_slow() -> bool:
    """Load the slow lane's models, in a fresh process if this one has grown."""
    from distributed import get_worker

    from nst_core.service import tasks
    from nst_core.service.dask import recycling

    recycling.begin(get_worker())
    return tasks.load_slow()
