"""Transport: how jobs reach the processes that run them. `dask` implements it; nothing else knows Dask.

A job is a `Call`: a function and its arguments. While it runs, its worker sends messages (`began`, `progress`, `notice`,
`peak`), and the client can send it signals. The value that `submit` returns is the job's result.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from nst_core.engines import Lane

Message = Mapping[str, Any]  # with the key `job`: the id of the job that it is about


class Signal(StrEnum):
    """Name what a client can tell a running job."""

    CANCEL = "cancel"
    PAUSE = "pause"
    STOP = "stop"


PAUSED = Signal.PAUSE  # what a job that was paused returns instead of a result


class Lost(Exception):
    """The worker that ran a job, the scheduler, or the connection to them ended before the job did."""


@dataclass(frozen=True, slots=True)
class Call:
    """Describe a job for a worker.

    checkpoint: the file of the state that it saves and resumes from; None: it cannot be resumed. limit: seconds after which
    it is stopped, if it can be; None: no limit. priority: higher ones go first.
    """

    job: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    lane: Lane
    checkpoint: Path | None = None
    limit: float | None = None
    priority: int = 0


class Transport(Protocol):
    """Declare what the service needs of a transport. Coroutines run on the service's event loop."""

    @property
    def local(self) -> bool:
        """Return whether the workers are processes of this machine that the transport itself has started."""
        ...

    @property
    def ready(self) -> bool:
        """Return whether the light lane has loaded its models."""
        ...

    async def keep(self) -> None:
        """Connect, and connect again when the connection is lost, until `close`."""
        ...

    async def wait_until_ready(self) -> None:
        """Wait until the light lane has loaded its models. Raises: Failure, or what the worker raised."""
        ...

    async def units(self, lane: Lane) -> float:
        """Return how many jobs of the lane run at once. Raises: Failure, when none can."""
        ...

    async def prepare(self) -> None:
        """Load the slow lane's models, since a job may follow soon."""
        ...

    async def submit(self, call: Call) -> Any:
        """Run a job and return its result. Raises: Lost, Failure (it cannot be sent), or what the function raised."""
        ...

    async def signal(self, job: str, signal: Signal, ended: Callable[[], bool]) -> None:
        """Send a signal to a job. ended: returns whether it has ended, so that the signal can be forgotten."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    def end(self) -> None:
        """End processes that the transport has started; blocks until they have ended."""
        ...
