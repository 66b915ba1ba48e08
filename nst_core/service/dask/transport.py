"""The transport by Dask: jobs are tasks, messages are logged events, signals are Dask's `Event`s."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

from nst_core.engines import Lane
from nst_core.service.dask import worker
from nst_core.service.dask.connection import THREAD, Connection
from nst_core.service.dask.worker import ANY
from nst_core.service.transport import Call, Lost, Message, Signal

FORGOTTEN = 60.0  # seconds after which nobody listens any more to signals for a job that has ended

__all__ = ["THREAD", "DaskTransport"]


class DaskTransport:
    """Send jobs to a Dask cluster. See `service.transport.Transport`."""

    def __init__(
        self,
        address: str | None,
        *,
        memory_limit: int | None,
        timeout: float,
        rest: float,
        receive: Callable[[Message], None],
    ) -> None:
        """Start connecting. address: None for the embedded cluster. receive: is called with the workers' messages.

        memory_limit: of each worker, bytes. timeout: for the connection, seconds. rest: seconds without a job after which a
        process with TensorFlow ends.
        """
        self._topic = f"nst-{uuid.uuid4().hex}"  # one for all jobs: the scheduler keeps each topic's last messages for ever
        self._connection = Connection(
            address,
            memory_limit=memory_limit,
            timeout=timeout,
            rest=rest,
            topic=self._topic,
            heard=lambda event: receive(event[1]),
        )

    @property
    def local(self) -> bool:
        return self._connection.process is not None

    @property
    def ready(self) -> bool:
        return self._connection.warm

    async def keep(self) -> None:
        await self._connection.keep()

    async def wait_until_ready(self) -> None:
        await self._connection.warmth()

    async def units(self, lane: Lane) -> float:
        await self._connection.resources(lane)
        return await self._connection.units(lane)

    async def prepare(self) -> None:
        client, resources = await self._connection.client(), await self._connection.resources(Lane.TENSORFLOW)
        # nobody holds the future afterwards: Dask would compute a lost result again, beside the job that goes on
        await client.submit(worker.load_slow, key=f"nst-prepare-{uuid.uuid4().hex}", pure=False, resources=resources)

    async def submit(self, call: Call) -> Any:
        client, resources = await self._connection.client(), await self._connection.resources(call.lane)
        from distributed import KilledWorker
        from distributed.client import ClosedClientError, FutureCancelledError
        from distributed.comm import CommClosedError

        key = f"{call.job}-{uuid.uuid4().hex}"
        # by default Dask takes what comes within 100 ms for one computation, in any order
        options = {"pure": False, "resources": resources, "priority": call.priority, "fifo_timeout": 0}
        try:
            return await client.submit(worker.perform, self._topic, call, key=key, **options)
        except (KilledWorker, FutureCancelledError, ClosedClientError, CommClosedError) as error:
            raise Lost from error

    async def signal(self, job: str, signal: Signal, ended: Callable[[], bool]) -> None:
        from distributed import Event

        client = await self._connection.client()
        # ANY comes last: a worker that sees it finds the signal
        events = [Event(f"{name}-{job}", client=client) for name in (signal, ANY)]
        for event in events:
            await event.set()
        await asyncio.sleep(FORGOTTEN)
        if ended():  # a job that never began has cleared nothing, and the scheduler would keep the events for ever
            for event in events:
                await event.clear()

    async def close(self) -> None:
        await self._connection.close()

    def end(self) -> None:
        self._connection.end()
