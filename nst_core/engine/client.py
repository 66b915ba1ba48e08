"""The way to the workers: an `Engine` starts the embedded cluster or joins another, sends jobs and follows them."""

import asyncio
import atexit
import logging
import os
import subprocess
import threading
import uuid
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future as ThreadFuture
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from nst_core import images
from nst_core.engine import checkpoints, cluster, worker
from nst_core.engine.jobs import ANY, Job, Lane, Progress, Signal, State, pack
from nst_core.errors import Failure, NSTError
from nst_core.images import Image
from nst_core.machine import Kept, Shelf
from nst_core.models import weights
from nst_core.recipes import AnyRecipe, InstantRecipe, OptimizeRecipe, TextureNetworkRecipe, TrainingRecipe
from nst_core.stylizer import Style

if TYPE_CHECKING:  # a third of a second to import: only the thread that connects pays it
    import distributed

T = TypeVar("T")

KEPT = 8  # finished slow jobs that nobody has collected yet and that can be found again by their id
PREVIEWS = {"each": 50_000_000, "total": 250_000_000}  # bytes of a job's previews, and of all jobs'
CONNECT_TIMEOUT = 30  # seconds
REST = 40.0  # seconds without a job after which a process with TensorFlow ends
LEAVING = 4  # seconds for good-byes; Dask itself listens for two
FORGOTTEN = 60.0  # seconds after which nobody listens to what a job that has ended was told
CLOSED = "The engine was closed."


class Engine:
    """The way to the workers: starts an embedded cluster, or joins the one that NST_SCHEDULER names.

    The constructor returns at once; jobs submitted before the cluster is up are sent when it is. Everything that talks to Dask
    runs on one thread, an event loop.
    """

    def __init__(
        self,
        scheduler: str | None = None,
        *,
        memory_limit: int | None = None,
        timeout: float = CONNECT_TIMEOUT,
        rest: float = REST,
    ) -> None:
        """scheduler: an address, default NST_SCHEDULER, default embedded. memory_limit: each embedded worker's, bytes.

        timeout: for the connection, seconds. rest: seconds without a job after which a process with TensorFlow ends.
        """
        self._timeout, self._rest = timeout, rest
        self._address = scheduler or os.environ.get("NST_SCHEDULER") or None
        self._process = None if self._address else cluster.start(memory_limit)
        self._topic = f"nst-{uuid.uuid4().hex}"  # one for all jobs: the scheduler keeps each topic's last messages for ever
        self._client: distributed.Client | None = None
        self._failure: NSTError = Failure(CLOSED)  # why there is no client
        self._warm: distributed.Future | None = None
        self._preparing = False
        self._lanes = set(Lane) if self._process else set[str]()  # that the cluster's workers know
        self._open: dict[str, Job] = {}
        self._following: dict[str, ThreadFuture[None]] = {}
        self._findable: dict[str, Job] = {}
        self._previews = Shelf(**PREVIEWS)
        self.closed = False
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="nst-engine", daemon=True).start()
        self._up = asyncio.Event()  # connected, or failed to
        self._connecting = self._soon(self._connect())
        atexit.register(self.close)

    # What pages ask.

    @property
    def ready(self) -> bool:
        """Whether the light lane has its models loaded. False again while a dead worker is being replaced."""
        return self._warm is not None and self._warm.status == "finished"

    @property
    def alive(self) -> bool:
        """False when the cluster is gone for good and a new Engine is needed."""
        if self.closed or (self._process and self._process.poll() is not None):
            return False
        return not self._up.is_set() or (self._client is not None and self._client.status == "running")

    def wait_until_ready(self, timeout: float) -> None:
        """Raises: Failure when the light lane is not ready in time (seconds)."""
        try:
            self._soon(self._warmth()).result(timeout)
        except Exception as error:  # Dask raises here what the worker raised there, of any type
            raise Failure(f"The engine did not start within {timeout:.0f} seconds: {error or type(error).__name__}.") from error

    def prepare(self) -> None:
        """Somebody may want the slow lane soon: have TensorFlow loaded there. Returns at once."""
        self._soon(self._prepare())

    def stylize(self, content: Image, styles: Sequence[Style], recipe: AnyRecipe, *, initial: Image | None = None) -> Job:
        """A job whose result is the last Step, with a picture of the content's shape. initial: where to optimize from."""
        packed = images.to_uint8(content), [pack(style) for style in styles]
        if isinstance(recipe, OptimizeRecipe):
            first = None if initial is None else images.to_uint8(initial)
            return self.submit(worker.optimize, *packed, recipe, first, lane=Lane.SLOW)
        assert isinstance(recipe, InstantRecipe)
        engine = weights.best_instant() if recipe.engine == "auto" else recipe.engine
        lane = Lane.LIGHT if engine == "instant-lite" else Lane.TENSORFLOW
        return self.submit(worker.stylize, *packed, recipe.model_copy(update={"engine": engine}), lane=lane)

    def assess(self, result: Image, content: Image, styles: Sequence[Style]) -> Job:
        """A job whose result is the `Quality` of the result."""
        return self.submit(worker.assess, *map(images.to_uint8, (result, content)), [pack(style) for style in styles])

    def paint(self, network: bytes, content: Image | None, recipe: TextureNetworkRecipe) -> Job:
        """A job whose result is a Step: the content painted by a texture network's file, or without one a texture."""
        return self.submit(worker.paint, network, None if content is None else images.to_uint8(content), recipe)

    def train(self, style: Image, shown: Image, recipe: TrainingRecipe) -> Job:
        """A job that trains a texture network; its Steps show what it makes of `shown`, its result is `Trained`."""
        return self.submit(worker.train, images.to_uint8(style), images.to_uint8(shown), recipe, lane=Lane.SLOW)

    def submit(self, function: Callable[..., Any], *args: Any, lane: Lane = Lane.LIGHT) -> Job:
        """A job that calls the function in a worker. A generator's Steps become the job's progress, the last its result."""
        job = Job(self, function, args, lane)
        self._open[job.id] = job
        if lane is Lane.SLOW:
            self._findable[job.id] = job
            finished = [id for id, other in self._findable.items() if other.finished]
            for id in finished[: len(self._findable) - KEPT]:
                del self._findable[id]
        self.send(job)
        return job

    def find(self, id: str) -> Job | None:
        """A slow job by its id, for the page that was reloaded."""
        return self._findable.get(id)

    def collected(self, job: Job) -> None:
        """Its page has what the job made: nobody needs to find it any more."""
        self._findable.pop(job.id, None)

    def close(self) -> None:
        """End the embedded cluster, or leave the one we joined; open jobs fail."""
        if self.closed:
            return
        self.closed = True
        atexit.unregister(self.close)
        for job in list(self._open.values()):
            job.fail(Failure(CLOSED))
        with suppress(TimeoutError):
            self._soon(self._leave()).result(LEAVING + 1)
        self._loop.call_soon_threadsafe(self._loop.stop)
        if self._process and self._process.stdin:
            self._process.stdin.close()  # its signal to end
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()

    # What jobs ask.

    def ahead_of(self, job: Job) -> int:
        if job.state is not State.QUEUED:
            return 0
        same = [other.id for other in list(self._open.values()) if other.lane is job.lane]
        return same.index(job.id) if job.id in same else 0

    def send(self, job: Job) -> None:
        """Send it, in the order of asking, as soon as the cluster is up."""
        if self.closed:
            job.fail(Failure(CLOSED))
        else:
            self._following[job.id] = self._soon(self._follow(job))

    def forget(self, job: Job) -> None:
        """It has come to its end: what of it lies in the cluster is let go."""
        self._open.pop(job.id, None)
        if following := self._following.pop(job.id, None):
            following.cancel()

    def signal(self, job: Job, signal: Signal) -> None:
        """Set the events that the worker asks for at its steps."""
        if not self.closed:
            self._soon(self._tell(job, signal))

    # On the loop's thread.

    def _soon(self, work: Coroutine[Any, Any, T]) -> ThreadFuture[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _connect(self) -> None:
        try:
            self._client = await self._join()
        except (NSTError, OSError) as error:
            self._failure = error if isinstance(error, NSTError) else Failure(f"The engine cannot be reached: {error}.")
            raise self._failure from error
        finally:
            self._up.set()
        # holding this future is what warms a replacement worker too: Dask computes a lost result again
        resources = await self._resources(Lane.LIGHT)
        self._warm = self._client.submit(worker.load_light, key="nst-light", pure=False, resources=resources)

    async def _join(self) -> "distributed.Client":
        address = self._address
        if self._process:
            assert self._process.stdout is not None
            address = (await asyncio.to_thread(self._process.stdout.readline)).decode().strip()
            if not address:
                raise Failure("The engine's own process ended before it was up; its last words are on standard error.")
        from distributed import Client

        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(cluster.SILENT)
        from nst_core.engine.upkeep import Upkeep

        options = {"timeout": self._timeout, "set_as_default": False, "name": "nst"}
        client = await Client(address, asynchronous=True, **options)
        client.subscribe_topic(self._topic, self._heard)
        await client.register_plugin(Upkeep(self._rest))
        return client

    async def _connected(self) -> "distributed.Client":
        """Raises: Failure."""
        await self._up.wait()
        if self._client is None:
            raise self._failure
        return self._client

    async def _leave(self) -> None:
        if self._client:
            with suppress(TimeoutError):
                await self._client.close(timeout=LEAVING)

    async def _warmth(self) -> None:
        await asyncio.wrap_future(self._connecting)
        assert self._warm is not None
        await self._warm

    async def _resources(self, lane: Lane) -> dict[str, int]:
        """What a job asks a worker for; nothing, where no worker of a borrowed cluster has ever known of lanes."""
        assert self._client is not None
        if lane not in self._lanes:
            known = await self._client.scheduler.identity(n_workers=-1)  # type: ignore[union-attr]
            self._lanes |= {name for worker in known["workers"].values() for name in worker.get("resources", {})}
        return {lane: 1} if self._lanes & set(Lane) else {}

    async def _prepare(self) -> None:
        client, resources = await self._connected(), await self._resources(Lane.TENSORFLOW)
        if self._preparing:
            return
        self._preparing = True
        try:
            # nobody holds the future afterwards: Dask would compute a lost result again, beside the job that goes on
            await client.submit(worker.load_slow, key=f"nst-prepare-{uuid.uuid4().hex}", pure=False, resources=resources)
        finally:
            self._preparing = False

    async def _follow(self, job: Job) -> None:
        """Send a job and wait for what becomes of it; called again after a pause or a worker's death."""
        try:
            client, resources = await self._connected(), await self._resources(job.lane)
        except NSTError as error:
            job.fail(error)
            return
        if job.finished:
            return
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        checkpoint = checkpoints.path(job.id) if job.lane is Lane.SLOW else None
        work, key = (self._topic, job.id, *job.work, checkpoint), f"{job.id}-{uuid.uuid4().hex}"
        # by default Dask takes what comes within 100 ms for one computation, in any order
        future = client.submit(worker.perform, *work, key=key, pure=False, resources=resources, fifo_timeout=0)
        try:
            job.ended(await future)
        except (KilledWorker, FutureCancelledError):
            job.bereaved()
        except Exception as error:  # whatever the worker raised, of any type
            job.failed(error)

    async def _tell(self, job: Job, signal: Signal) -> None:
        from distributed import Event

        await self._connected()
        # that there is any comes last: who hears of it finds the signal there
        events = [Event(f"{name}-{job.id}", client=self._client) for name in (signal, ANY)]
        for event in events:
            await event.set()
        await asyncio.sleep(FORGOTTEN)
        if job.finished:  # a job that never began has heard nothing, and the scheduler would remember it for ever
            for event in events:
                await event.clear()

    def _heard(self, event: tuple[float, Any]) -> None:
        message = event[1]
        job = self._open.get(message["job"])
        if job is None:
            return
        if "began" in message:
            job.began()
        else:
            step = message["progress"]
            job.progress.append(Progress(**step | {"preview": self._kept(step["preview"], job)}))

    def _kept(self, preview: bytes | None, job: Job) -> Kept | None:
        try:
            return self._previews.keep(preview, job.id) if preview else None
        except Failure:
            return None  # a full disk costs the preview, not the job
