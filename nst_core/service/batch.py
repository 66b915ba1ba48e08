"""Many pictures, painted in one way: a few at a time, each with a fate of its own. Names and functions in, entries out."""

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from nst_core.errors import Busy, Cancelled, Diverged, NSTError
from nst_core.service.jobs import Job, unforeseen
from nst_core.service.limits import LIMITS
from nst_core.service.watched import GRACE, Watched
from nst_core.stylizer import Step

T = TypeVar("T")
AGAIN, LATEST = 1.0, 15.0  # seconds until a job is sent again that the engine had no room for: twice as many each time


@dataclass(eq=False)
class BatchEntry(Generic[T]):
    """Hold a picture of the batch: its job while it runs, then its result or its error, or both if the run diverged."""

    name: str
    job: Job | None = None
    value: T | None = None
    error: NSTError | None = None
    done: bool = False


class Batch(Watched, Generic[T]):
    """Run the jobs of several pictures. A picture that fails does not stop the others. Properties never block."""

    def __init__(
        self, names: Sequence[str], send: Callable[[int], Job], take: Callable[[int, Step], T], *, at_once: int
    ) -> None:
        """send: reads a picture, by its number, and sends its job. take: keeps what came of it. Both may raise NSTErrors and
        are called from threads. at_once: jobs that are under way at the same time."""
        super().__init__()
        self.id = uuid.uuid4().hex
        self.entries = [BatchEntry[T](name) for name in names]
        self._send, self._take = send, take
        self._numbers, self._lock = iter(range(len(names))), threading.Lock()
        self._cancelled, self._finished = threading.Event(), threading.Event()
        self.began = time.monotonic()
        for _ in range(max(1, min(at_once, len(names)))):  # daemons: a server that ends does not wait for them
            threading.Thread(target=self._work, name="nst-batch", daemon=True).start()

    @property
    def finished(self) -> bool:
        return self._finished.is_set()

    @property
    def done(self) -> int:
        """Return the number of pictures that are finished, have failed or were cancelled."""
        return sum(entry.done for entry in self.entries)

    @property
    def failed(self) -> list[BatchEntry[T]]:
        return [entry for entry in self.entries if entry.error]

    @property
    def seconds_left(self) -> float:
        """Return the estimated seconds left at the pace so far; 0 until one picture is done."""
        left = len(self.entries) - self.done
        return (time.monotonic() - self.began) / self.done * left if self.done else 0.0

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every picture is done; return False if the timeout came first."""
        return self._finished.wait(timeout)

    def outstayed(self, seconds: float) -> bool:
        """Return whether it has run long enough without its page: longer than other jobs, unless another job waits."""
        delays = any(job.delays_others for entry in self.entries if (job := entry.job))
        return (seconds > GRACE and delays) or seconds > 60 * LIMITS.grace_minutes

    def cancel(self) -> None:
        """Stop the batch; pictures that are done are kept."""
        self._cancelled.set()
        for entry in self.entries:
            if job := entry.job:
                job.cancel()

    def _work(self) -> None:
        while (number := self._next()) is not None:
            entry = self.entries[number]
            try:
                self._paint(number, entry)
            except NSTError as error:
                entry.error = error
            except Exception as error:  # of any type: the rest of the batch must not suffer
                entry.error = unforeseen(error)
            finally:
                entry.job, entry.done = None, True
        with self._lock:
            if self.done == len(self.entries) and not self.finished:
                del self._send, self._take  # and what they hold: a finished batch may be looked at for long
                self._finished.set()

    def _next(self) -> int | None:
        with self._lock:
            return next(self._numbers, None)

    def _paint(self, number: int, entry: BatchEntry[T]) -> None:
        for patience in (min(AGAIN * 2**tries, LATEST) for tries in count()):
            if self._cancelled.is_set():
                break
            try:
                entry.job = self._send(number)
                break
            except Busy:
                self._cancelled.wait(patience)
        if entry.job is None:
            raise Cancelled("Cancelled before its turn.")
        if self._cancelled.is_set():  # between the two
            entry.job.cancel()
        try:
            step = entry.job.result()
        except Diverged as error:
            entry.error, step = error, error.best
        finally:
            entry.job.collected()
        if step is not None:
            entry.value = self._take(number, step)
