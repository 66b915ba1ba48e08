"""Execution of a job inside a worker: call its function, publish its steps, obey signals, save its state."""

import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from nst_core import images
from nst_core.errors import Cancelled, Diverged
from nst_core.machine import arrays
from nst_core.service import checkpoints
from nst_core.service.packing import pack
from nst_core.service.transport import PAUSED, Call, Signal
from nst_core.stylizer import PREVIEW_SIDE, Step

CHECKPOINT_EVERY = 0.5  # seconds between two saved states, at least; a killed worker loses that much work
SAVING = 20  # times what saving a state takes is worked before the next


class Channel(Protocol):
    """Declare how a job talks to its client."""

    def say(self, message: Mapping[str, Any]) -> None:
        """Send the client a message."""
        ...

    def listen(self) -> set[Signal]:
        """Return the signals that the client has sent."""
        ...


@runtime_checkable
class Resumable(Protocol):
    """Declare an iterator of Steps that another one can continue: its function takes the `state` as a keyword."""

    def state(self) -> Mapping[str, np.ndarray]: ...


@runtime_checkable
class Stoppable(Protocol):
    """Declare an iterator of Steps that can be told to make the next one its last."""

    def stop(self) -> None: ...


def execute(call: Call, channel: Channel) -> Any:
    """Call the job's function. Publish the steps of an iterator and return the last one, packed, which carries the result.

    A function with the keyword `state` is given the state that an earlier worker saved. Returns PAUSED when it was paused.
    """
    if call.checkpoint and Signal.CANCEL in channel.listen():  # while it was being sent
        raise Cancelled("Cancelled before it began.")
    outcome = call.function(*call.args, **_saved(call.function, call.checkpoint))
    return _publish(outcome, call, channel) if isinstance(outcome, Iterator) else outcome


def _saved(function: Callable[..., Any], checkpoint: Path | None) -> dict[str, Any]:
    """Return what an earlier worker saved: the state, and the folder of what is too large for it."""
    saved: dict[str, Any] = {}
    if checkpoint and checkpoint.exists():
        saved["state"] = arrays.load(checkpoint)
    if checkpoint and "folder" in inspect.signature(function).parameters:
        saved["folder"] = checkpoints.parts(checkpoint)
    return saved


def _publish(outcome: Iterator[Step], call: Call, channel: Channel) -> Any:
    saved, step, every = time.monotonic(), None, CHECKPOINT_EVERY
    try:
        for step in outcome:
            channel.say({"progress": _progress(step)})
            if step.iteration == step.total:
                continue  # the iterator may raise an error after its last step
            signals = channel.listen()
            if Signal.CANCEL in signals:
                raise Cancelled(f"Cancelled after {step.iteration} of {step.total} steps.")
            late = call.limit is not None and step.seconds > call.limit
            if isinstance(outcome, Stoppable) and (late or Signal.STOP in signals):
                outcome.stop()
                if late:
                    minutes = step.seconds / 60
                    channel.say({"notice": f"Ended after {minutes:.1f} minutes, the most that a job may take here."})
            paused = Signal.PAUSE in signals
            if call.checkpoint and isinstance(outcome, Resumable) and (paused or time.monotonic() - saved > every):
                begun = time.monotonic()
                written = _save(call.checkpoint, outcome.state(), channel, paused)
                saved = time.monotonic()
                every = max(CHECKPOINT_EVERY, SAVING * (saved - begun))  # a print's state is 150 MB
                if paused and written:
                    return PAUSED
    except Diverged as error:
        error.best = pack(step) if step else None
        raise
    return pack(step)


def _save(checkpoint: Path, state: Mapping[str, np.ndarray], channel: Channel, paused: bool) -> bool:
    """Write the state and return whether that worked; a full disk prevents the pause, but does not end the job."""
    try:
        arrays.save(checkpoint, state)
        return True
    except OSError as error:
        if paused:
            reason = f"the machine has no room for its state ({error.strerror})"
            channel.say({"notice": f"This job cannot be paused: {reason}."})
        return False


def _progress(step: Step) -> dict[str, Any]:
    last = step.iteration == step.total  # its picture is the result, which is sent whole
    preview = None if last or step.image is None else images.thumbnail(step.image, PREVIEW_SIDE)
    return {
        "iteration": step.iteration,
        "total": step.total,
        "losses": dict(step.losses),
        "seconds": step.seconds,
        "preview": preview,
    }
