"""A job as its page sees it: where it stands, its progress, its result; cancel, pause, stop, resume."""

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol

import numpy as np

from nst_core import images
from nst_core.engine import checkpoints
from nst_core.errors import Cancelled, Diverged, Failure, NSTError, WorkerLost
from nst_core.machine import Kept
from nst_core.recipes import Recipe
from nst_core.stylizer import Step, Style

DEATHS = 2  # workers that a job may lose before it is given up: it is probably what kills them
GRACE = 60.0  # seconds that a job outlives its page: a reload or a dropped connection comes back, a closed tab does not


class Lane(StrEnum):
    """Which workers do a job; also the name of the resource that it asks them for."""

    LIGHT = "light"  # one pass, without TensorFlow
    TENSORFLOW = "tensorflow"  # one pass with it, and downloads
    SLOW = "slow"  # minutes: one at a time, with checkpoints


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


PAUSED = State.PAUSED  # what a worker returns instead of a result


class Signal(StrEnum):
    """What a page can tell a job that runs."""

    CANCEL = "cancel"
    PAUSE = "pause"
    STOP = "stop"


ANY = "any"  # of the signals


@dataclass(frozen=True, slots=True)
class Progress:
    """A Step as it reaches the page: the picture as a JPEG of at most 512 px, in a file, and not at every step."""

    iteration: int
    total: int
    losses: Mapping[str, float]
    seconds: float
    preview: Kept | None


class Sender(Protocol):
    """What a job asks of its engine."""

    def ahead_of(self, job: "Job") -> int: ...
    def send(self, job: "Job") -> None: ...
    def forget(self, job: "Job") -> None: ...
    def signal(self, job: "Job", signal: Signal) -> None: ...


class Job:
    """A piece of work that the engine does elsewhere. Reading its properties never blocks."""

    def __init__(self, engine: Sender, function: Callable[..., Any], args: tuple[Any, ...], lane: Lane) -> None:
        self.id = uuid.uuid4().hex
        self.lane = lane
        self.note: Any = None  # what the page wants to find again with the job
        self.progress: list[Progress] = []
        self.error: NSTError | None = None
        self._engine, self._function, self._args = engine, function, args
        self._state, self._value = State.QUEUED, None
        self._finished, self._lock = threading.Event(), threading.RLock()
        self._deaths = self._claims = 0

    @property
    def state(self) -> State:
        return self._state

    @property
    def finished(self) -> bool:
        return self._finished.is_set()

    @property
    def position(self) -> int:
        """How many jobs of its lane go first; 0 when it is running or next."""
        return self._engine.ahead_of(self)

    def wait(self, timeout: float | None = None) -> bool:
        """True once the job is done, failed or cancelled; False when the timeout (seconds) came first."""
        return self._finished.wait(timeout)

    def result(self, timeout: float | None = None) -> Any:
        """What the job made; of `Engine.stylize`, the last Step with its picture.

        Raises: its error (an NSTError), or TimeoutError.
        """
        if not self.wait(timeout):
            raise TimeoutError
        if self.error:
            raise self.error
        return unpack(self._value)

    def cancel(self) -> None:
        """Stop at the next step, or never begin."""
        with self._lock:
            if self.finished:
                return
            if self._state is not State.RUNNING:
                self._finish(State.CANCELLED, error=Cancelled("Cancelled."))
        self._engine.signal(self, Signal.CANCEL)

    def pause(self) -> None:
        """Leave the worker to others at the next step; `resume` goes on from there."""
        self._engine.signal(self, Signal.PAUSE)

    def stop(self) -> None:
        """End a training at its next step, with the network as it is then; a paused one is resumed for that."""
        self._engine.signal(self, Signal.STOP)
        self.resume()

    def resume(self, recipe: Recipe | None = None) -> None:
        """Queue a paused job again, with other weights if a recipe is given."""
        with self._lock:
            if self._state is not State.PAUSED:
                return
            self._state = State.QUEUED
            if recipe:
                self._args = tuple(recipe if isinstance(arg, Recipe) else arg for arg in self._args)
        self._engine.send(self)

    def claim(self) -> None:
        """A session watches this job."""
        self._claims += 1

    def release(self) -> None:
        """It does no longer; without another the job is cancelled after GRACE."""
        self._claims -= 1
        timer = threading.Timer(GRACE, lambda: self.cancel() if self._claims <= 0 else None)
        timer.daemon = True
        timer.start()

    # Called by the engine, on its own thread.

    @property
    def work(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The function, and what it is given."""
        return self._function, self._args

    def began(self) -> None:
        """A worker has taken it up."""
        with self._lock:
            if not self.finished:
                self._state = State.RUNNING

    def ended(self, value: Any) -> None:
        with self._lock:
            if value is PAUSED:
                self._state = State.PAUSED
            elif not self.finished:
                self._finish(State.DONE, value=value)

    def failed(self, error: Exception) -> None:
        """With what the worker raised."""
        if isinstance(error, Diverged):
            error.best = unpack(error.best)
        self.fail(error if isinstance(error, NSTError) else _unforeseen(error))

    def fail(self, error: NSTError) -> None:
        with self._lock:
            if not self.finished:
                self._finish(State.CANCELLED if isinstance(error, Cancelled) else State.FAILED, error=error)

    def bereaved(self) -> None:
        """Its worker has died. A job that had not begun was another's victim; one with a state goes on from there."""
        with self._lock:
            if self.finished:
                return
            begun, self._deaths = self._state is State.RUNNING, self._deaths + 1
            self._state = State.QUEUED
        if not begun or (checkpoints.path(self.id).exists() and self._deaths <= DEATHS):
            self._engine.send(self)
        else:
            self.fail(
                WorkerLost(
                    "The worker died in the middle of this job, most likely for want of memory. It is being restarted: "
                    "run the job again, or choose a smaller size if it happens twice."
                )
            )

    def _finish(self, state: State, *, value: Any = None, error: NSTError | None = None) -> None:
        self._state, self._value, self.error = state, value, error
        self._args = ()  # what went in
        if self.lane is Lane.SLOW:
            checkpoints.discard(self.id)
        self._finished.set()
        self._engine.forget(self)


def _unforeseen(error: Exception) -> Failure:
    return Failure(f"Something went wrong that we did not foresee ({type(error).__name__}: {error}). Please report it.")


# --- pictures on their way --------------------------------------------------------------------------------------------


def pack(carrier: Any) -> Any:
    """A Style or Step with its picture, mask and guide as 8 bits, for the journey."""
    return _recast(carrier, images.to_uint8)


def unpack(value: Any) -> Any:
    """The reverse of `pack`; anything else as it is."""
    return _recast(value, images.from_uint8) if isinstance(value, Style | Step) else value


def _recast(carrier: Any, convert: Callable[[Any], np.ndarray]) -> Any:
    arrays = {name: getattr(carrier, name, None) for name in ("image", "mask", "guide")}
    return replace(carrier, **{name: convert(array) for name, array in arrays.items() if array is not None})
