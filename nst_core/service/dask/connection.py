"""The way to a Dask cluster: the embedded one, started and started again, or a borrowed one, joined and joined again.

An address, or none, in; a client that runs, and what a job of a lane asks a worker for, out. All on one event loop, except for
the constructor.
"""

import asyncio
import logging
import pkgutil
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from nst_core.engines import Lane
from nst_core.errors import Failure, NSTError
from nst_core.service.dask import cluster, lanes, worker

if TYPE_CHECKING:  # a third of a second to import: only the thread that connects pays it
    import distributed

GLANCE = 0.2  # seconds between looks at whether the connection is there
AGAIN = 3.0  # seconds between two tries
STARTS = 3  # of the embedded cluster that may fail, one after another
THREAD = "nst-engine"  # on which everything here runs
SURVEY = 5.0  # seconds between looks at the workers of a borrowed cluster
NEWCOMERS = 20.0  # seconds that a borrowed cluster has for a worker of the wanted kind to come
LEAVING = 4  # seconds for good-byes; Dask itself listens for two


class Connection:
    """Connect to a cluster, and connect again until it is closed. Dask tells those who await a job when it is lost."""

    def __init__(
        self,
        address: str | None,
        *,
        memory_limit: int | None,
        timeout: float,
        rest: float,
        topic: str,
        heard: Callable[..., None],
    ) -> None:
        """Start connecting. address: None for the embedded cluster, started at once. heard: gets what workers log."""
        self._address, self._memory_limit = address, memory_limit
        self._timeout, self._rest, self._topic, self._heard = timeout, rest, topic, heard
        self.process = None if address else cluster.start(memory_limit)
        self._client: distributed.Client | None = None
        self._failure: NSTError = Failure("The engine was closed.")  # why there is no client
        self._warm: distributed.Future | None = None
        self._units: dict[str, float] = {}  # of each lane, in the whole cluster
        self._up = asyncio.Event()  # connected, or failed to
        self._closed, self._starts = False, 0  # starts: of the embedded cluster that failed, one after another
        self._task: asyncio.Task[None] | None = None

    @property
    def warm(self) -> bool:
        """Return whether the light lane has loaded its models."""
        return self._warm is not None and self._warm.status == "finished"

    async def warmth(self) -> None:
        """Wait until the light lane has loaded its models. Raises: Failure, or whatever the worker raised."""
        await self.client()
        assert self._warm is not None
        await self._warm

    async def keep(self) -> None:
        """Connect, and connect again when the connection is lost, until it is closed."""
        self._task = asyncio.current_task()
        while not self._closed:
            try:
                self._client = await self._join()
                await self._warm_up(self._client)
                self._up.set()
                await self._until_lost(self._client)
            except Exception as error:  # Dask may raise anything, and whoever waits here must hear of it
                self._failure = error if isinstance(error, NSTError) else Failure(f"The engine cannot be reached: {error}.")
                if self._starts == STARTS:
                    self._failure = Failure(
                        f"The engine did not start, {STARTS} times in a row; standard error says why. Restart the app when "
                        "that is mended."
                    )
                    logging.getLogger("nst").error("%s", self._failure)
                    self._up.set()
                    return
                self._up.set()
                await asyncio.sleep(AGAIN)
            if not self._closed:
                self._up.clear()
                await self._drop()

    async def client(self) -> "distributed.Client":
        """Return the Dask client. Raises: Failure when there is none and the last attempt has failed."""
        while True:
            await self._up.wait()
            if self._client is None or self._closed:
                raise self._failure
            if self._client.status == "running":
                return self._client
            await asyncio.sleep(GLANCE)

    async def resources(self, lane: Lane) -> dict[str, int]:
        """Return the Dask resources that a job of the lane requests.

        Raises: Failure, when no worker does such jobs.
        """
        tries = max(1, round(NEWCOMERS / GLANCE))
        for _ in range(tries):
            if await self.units(lane):
                return {lane: 1}
            await asyncio.sleep(GLANCE)
        wanted = '"light=2 film=1"' if lane in (Lane.LIGHT, Lane.FILM) else '"slow=1 tensorflow=2"'
        raise Failure(
            f"No worker of the cluster at {self._address} does {lane} jobs: start one with `dask worker {self._address} "
            f"--nthreads 3 --resources {wanted}`, as DEPLOYING.md says."
        )

    async def units(self, lane: Lane) -> float:
        """Return how many jobs of the lane the cluster runs at once."""
        if self.process:
            return sum(resources.get(lane, 0) for resources in cluster.WORKERS.values())
        if not self._units.get(lane):
            await self._survey(await self.client())
        return self._units.get(lane, 0)

    async def close(self) -> None:
        """Leave the cluster; `end` ends an embedded one."""
        self._closed = True
        self._up.set()
        if self._client:
            with suppress(TimeoutError):
                await self._client.close(timeout=LEAVING)
        if self._task:
            await asyncio.wait([self._task], timeout=2 * GLANCE)
            self._task.cancel()

    def end(self) -> None:
        """End the embedded cluster's process; blocks until it has ended."""
        if not self.process or not self.process.stdin:
            return
        with suppress(OSError):
            self.process.stdin.close()  # its signal to end
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    # --- inside

    async def _join(self) -> "distributed.Client":
        embedded = None if self._address else await asyncio.to_thread(self._embedded)
        address = embedded.scheduler if embedded else self._address
        from distributed import Client

        from nst_core.service.dask.recycling import Recycling

        _keep_quiet()
        options = {"timeout": self._timeout, "set_as_default": False, "name": "nst"}
        if embedded:
            options["security"] = embedded.security
        client = await Client(address, asynchronous=True, **options)
        try:
            await client.run_on_scheduler(pkgutil.resolve_name, "nst_core.service.dask.worker:perform")
            client.subscribe_topic(self._topic, self._heard)
            await client.register_plugin(Recycling(self._rest))
        except ImportError as error:
            await client.close(timeout=LEAVING)
            raise Failure(
                f"The cluster at {address} does not know this program ({error}): start its scheduler and workers in a copy of "
                "this repository, with PYTHONPATH=. before the command, as DEPLOYING.md says."
            ) from error
        return client

    def _embedded(self) -> cluster.Address:
        """Return the address of the embedded scheduler, whose process is started again if it has ended.

        Raises: Failure, when that ends before it is up.
        """
        assert self.process
        if self.process.poll() is not None:
            self.process = cluster.start(self._memory_limit)
        if address := cluster.address(self.process):
            self._starts = 0
            return address
        self._starts += 1
        raise Failure("The engine's own process ended before it was up; standard error says why.")

    async def _warm_up(self, client: "distributed.Client") -> None:
        # holding this future is what warms a replacement worker too: Dask computes a lost result again
        self._units = {}
        light = {Lane.LIGHT: 1}
        self._warm = client.submit(worker.load_light, key=f"nst-light-{self._topic}", pure=False, resources=light)

    async def _until_lost(self, client: "distributed.Client") -> None:
        surveyed = time.monotonic()
        while client.status == "running" and not (self.process and self.process.poll() is not None):
            await asyncio.sleep(GLANCE)
            if not self.process and time.monotonic() - surveyed > SURVEY:
                await self._survey(client)
                surveyed = time.monotonic()

    async def _survey(self, client: "distributed.Client") -> None:
        """Find out which lanes the workers of a borrowed cluster serve, and assign lanes to those that have none.

        Where it cannot be asked just now, it is as it was: who waits asks again, and a lost connection is seen elsewhere.
        """
        try:
            workers = (await client.scheduler.identity(n_workers=-1))["workers"]  # type: ignore[union-attr]
            given = lanes.lent(workers)
            for address, units in given.items():
                await client.run(lanes.take, units, workers=[address], on_error="ignore")
            await client.run_on_scheduler(lanes.look_again)
        except Exception:  # whatever Dask raises where a scheduler or worker goes in the middle
            return
        self._units = lanes.served(
            {address: {**each, "resources": given.get(address, each.get("resources", {}))} for address, each in workers.items()}
        )

    async def _drop(self) -> None:
        """Close a client that has lost its scheduler, and end an embedded cluster that cannot be reached any more."""
        client, self._client, self._warm = self._client, None, None
        if client:
            with suppress(TimeoutError, OSError):
                await client.close(timeout=1)
        if self.process and self.process.poll() is None:
            await asyncio.to_thread(self.end)


def _keep_quiet() -> None:
    """Keep Dask from logging what it does for us, since jobs report what is wrong. Other users of Dask see all log lines."""
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] == "distributed":
            logging.getLogger(name).addFilter(_of_others)


def _of_others(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD
