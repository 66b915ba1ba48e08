"""A job as its page sees it: where it stands, its progress, its result; cancel, pause, stop, resume."""

import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from nst_core.engines import Lane
from nst_core.errors import Abandoned, Cancelled, Diverged, Failure, NSTError, WorkerLost
from nst_core.recipes import Frozen
from nst_core.service import checkpoints
from nst_core.service.limits import LIMITS
from nst_core.service.packing import unpack
from nst_core.service.session_files import SessionFile
from nst_core.service.submissions import Submission
from nst_core.service.transport import PAUSED, Signal
from nst_core.service.watched import GRACE, Watched

DEATHS = 2  # workers that a job may lose before it is given up: it is probably what kills them


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Progress:
    """Hold a Step as the page gets it: the picture as a JPEG file of at most 512 px, and not at every step."""

    iteration: int
    total: int
    losses: Mapping[str, float]
    seconds: float
    preview: SessionFile | None


class Sender(Protocol):
    """Declare what a job needs of its engine."""

    def ahead_of(self, job: "Job") -> Sequence["Job"]: ...
    def wait_of(self, job: "Job") -> float: ...
    def send(self, job: "Job") -> None: ...
    def forget(self, job: "Job") -> None: ...
    def collected(self, job: "Job") -> None: ...
    def signal(self, job: "Job", signal: Signal) -> None: ...
    def delays(self, job: "Job") -> bool: ...


class Job(Watched):
    """Represent work that the engine does in another process. Reading its properties never blocks."""

    def __init__(
        self,
        engine: Sender,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        lane: Lane,
        *,
        visitor: str = "",
        submission: Submission | None = None,
        id: str = "",
        gives_way: bool = False,
        patient: bool = False,
    ) -> None:
        """Create a job. visitor: its owner, for limits and scheduling; "": nobody. submission: what a new server can resume.

        gives_way: it is cancelled as soon as anything else is asked for, and nothing of it is saved. patient: jobs of its lane
        that are not go first.
        """
        super().__init__()
        self.id = id or uuid.uuid4().hex
        self.lane, self.visitor, self.submission, self.gives_way = lane, visitor, submission, gives_way
        self.patient = patient
        self.kind = submission.recipe.kind if submission else function.__name__
        self.recipe = submission.recipe if submission else next((arg for arg in args if isinstance(arg, Frozen)), None)
        pictures = submission.pictures.values() if submission else args
        self.shape = next((arg.shape[1::-1] for arg in pictures if isinstance(arg, np.ndarray)), ())  # (w, h) of the first
        self.note: Any = None  # what the page wants to find again with the job
        self.notice = ""  # a sentence about it that is no error
        self.progress: list[Progress] = []
        self.error: NSTError | None = None
        self.priority = self.turn = self.peak = 0  # peak: bytes of its worker, the highest while it ran
        self.expected = 0.0  # seconds that it will take, where whoever asked for it could say
        self._engine, self._function, self._args = engine, function, args
        self._state, self._value = JobState.QUEUED, None
        self._finished, self._lock = threading.Event(), threading.RLock()
        self._deaths, self._died_at, self._cancelled = 0, 0, False
        self._abandoned: Abandoned | None = None  # why it was cancelled, if nobody asked for that
        self._asked, self._began, self._ended = time.monotonic(), 0.0, 0.0

    @property
    def state(self) -> JobState:
        return self._state

    @property
    def finished(self) -> bool:
        return self._finished.is_set()

    @property
    def position(self) -> int:
        """Return how many jobs of its lane go first; 0 when it is running or next."""
        return len(self._engine.ahead_of(self))

    @property
    def wait_left(self) -> float:
        """Return the estimated seconds until it may begin."""
        return self._engine.wait_of(self)

    @property
    def delays_others(self) -> bool:
        """Return whether another job waits for it."""
        return self._engine.delays(self)

    @property
    def interrupted(self) -> bool:
        """Return whether its worker died and it will resume."""
        return self._deaths > 0 and self.lane.lasting

    @property
    def shared(self) -> bool:
        """Return whether its worker runs other visitors' jobs at the same time, any of which can kill the worker."""
        return self.lane is Lane.FILM

    @property
    def pixels(self) -> int:
        return int(np.prod(self.shape)) if self.shape else 0

    @property
    def waited(self) -> float:
        """Return the seconds until a worker started it, or until it ended without being started."""
        return (self._began or self._ended or time.monotonic()) - self._asked

    @property
    def seconds(self) -> float:
        """Return its running time in seconds, pauses included; 0 until it has ended, or if it never began."""
        return max(0.0, self._ended - self._began) if self._began else 0.0

    @property
    def size(self) -> int:
        """Return the bytes of its result's picture; 0 if there is none."""
        image = getattr(self._value, "image", None)
        return 0 if image is None else image.nbytes

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the job is done, failed or cancelled; return False if the timeout (seconds) came first."""
        return self._finished.wait(timeout)

    def result(self, timeout: float | None = None) -> Any:
        """Return the job's result; for `Engine.stylize`, the last Step with its picture.

        Raises: its error (an NSTError), or TimeoutError.
        """
        if not self.wait(timeout):
            raise TimeoutError
        if self.error:
            raise self.error
        return unpack(self._value)

    def collected(self) -> None:
        """Tell the engine that the result has been collected and the job need not be found again."""
        self._engine.collected(self)

    def cancel(self) -> None:
        """Stop at the next step, or never begin."""
        with self._lock:
            if self.finished:
                return
            self._cancelled = True
            if self._state is not JobState.RUNNING:
                self._finish(JobState.CANCELLED, error=Cancelled("Cancelled."))
        self._engine.signal(self, Signal.CANCEL)

    def outstayed(self, seconds: float) -> bool:
        """Return whether it has run long enough without its page: longer if it can be found again and no other job waits."""
        if seconds > GRACE and (not self.lane.lasting or self.submission is None or self.delays_others):
            return True
        return seconds > 60 * LIMITS.grace_minutes

    def abandon(self) -> None:
        """End it with what it has, which can be found for a while; if it has nothing, with an error message."""
        minutes = (time.monotonic() - self.left) / 60
        why = f"its page had been closed for {minutes:.0f} minutes" if minutes >= 1.5 else "its page had been closed"
        why += ", and others were waiting" if self.delays_others else ""
        if self.submission and self.lane.lasting:
            self._abandoned = Abandoned(f"This job was given up, since {why}: start it again.")
        if not self._abandoned or not self.progress:
            self.cancel()
            return
        self.notice = f"Ended early, with what it had, since {why}."
        self.stop()
        last = threading.Timer(GRACE, lambda: None if self.watched else self.cancel())  # for what cannot be stopped
        last.daemon = True
        last.start()

    def pause(self) -> None:
        """Leave the worker to others at the next step; `resume` goes on from there."""
        self._engine.signal(self, Signal.PAUSE)

    def stop(self) -> None:
        """End a training at its next step, with the network as it is then; a paused one is resumed for that."""
        self._engine.signal(self, Signal.STOP)
        self.resume()

    def resume(self, recipe: Any = None) -> None:
        """Queue a paused job again, with other weights if a recipe is given."""
        with self._lock:
            if self._state is not JobState.PAUSED:
                return
            self._state = JobState.QUEUED
            if recipe:
                self.recipe, self.submission = recipe, self.submission and self.submission.changed(recipe)
                rest = tuple(recipe if isinstance(x, Frozen) else x for x in self._args)
                self._args = (self.submission,) if self.submission else rest
        self._engine.send(self)

    # Called by the engine, on its own thread.

    @property
    def work(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return the function and its arguments."""
        return self._function, self._args

    def began(self) -> None:
        """Note that a worker has started it."""
        with self._lock:
            if not self.finished:
                if not self.progress:
                    self._began = time.monotonic()
                self._state = JobState.RUNNING

    def ended(self, value: Any) -> None:
        with self._lock:
            if value is PAUSED and self._cancelled:  # it paused before it heard
                self._finish(JobState.CANCELLED, error=Cancelled("Cancelled."))
            elif value is PAUSED:
                self._state = JobState.PAUSED
                timer = threading.Timer(60 * LIMITS.max_pause_minutes, self._pause_is_over, [len(self.progress)])
                timer.daemon = True
                timer.start()
            elif not self.finished:
                self._finish(JobState.DONE, value=value)

    def _pause_is_over(self, steps: int) -> None:
        """Cancel a paused job that nobody has resumed. steps: the number that it had when it was paused."""
        if self._state is JobState.PAUSED and len(self.progress) == steps:
            self.cancel()

    def failed(self, error: Exception) -> None:
        """End it with the error that the worker raised."""
        if isinstance(error, Diverged):
            error.best = unpack(error.best)
        self.fail(error if isinstance(error, NSTError) else unforeseen(error))

    def fail(self, error: NSTError, *, recallable: bool = False) -> None:
        """End it with an error. recallable: keep its files, since a restarted server can resume it."""
        with self._lock:
            if not self.finished:
                self._finish(
                    JobState.CANCELLED if isinstance(error, Cancelled) else JobState.FAILED, error=error, keep=recallable
                )

    def bereaved(self) -> None:
        """Send the job again after its worker or the scheduler died, or end it if it probably killed the worker.

        A job that had not begun was another's victim, and so was one that has come further than where it died before: what
        kills a worker kills it at the same place. One with a state goes on from there; one pass is soon made again.
        """
        with self._lock:
            if self.finished:
                return
            if self._cancelled:  # it died before it heard
                self._finish(JobState.CANCELLED, error=Cancelled("Cancelled."))
                return
            begun = self._state is JobState.RUNNING
            if begun:
                reached = self.progress[-1].iteration if self.progress else 0
                self._deaths = self._deaths + 1 if reached <= self._died_at or not self.shared else 1
                self._died_at = max(reached, self._died_at)
            self._state = JobState.QUEUED
        short = self.lane is Lane.LIGHT
        if not begun or (self._deaths <= DEATHS and (short or checkpoints.path(self.id).exists())):
            self._engine.send(self)
        else:
            self.fail(
                WorkerLost(
                    "The worker died in the middle of this job, most likely for want of memory. It is being restarted: "
                    "run the job again, or choose a smaller size if it happens twice."
                )
            )

    def _finish(self, state: JobState, *, value: Any = None, error: NSTError | None = None, keep: bool = False) -> None:
        error = self._abandoned if isinstance(error, Cancelled) and self._abandoned else error
        self._state, self._value, self.error, self._ended = state, value, error, time.monotonic()
        self._args, self.submission = (), None  # what went in
        if self.lane.lasting and not keep:
            checkpoints.discard(self.id)
        self._finished.set()
        self._engine.forget(self)


def unforeseen(error: Exception) -> Failure:
    return Failure(f"Something went wrong that we did not foresee ({type(error).__name__}: {error}). Please report it.")
