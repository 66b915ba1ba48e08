"""The way to the workers: an `Engine` sends jobs to the cluster that its connection keeps up, and follows them."""

import asyncio
import atexit
import math
import os
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future as ThreadFuture
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np

from nst_core import images
from nst_core.engine import checkpoints, journal, orders, worker
from nst_core.engine.connection import LEAVING, THREAD, Connection
from nst_core.engine.jobs import ANY, Job, Lane, Progress, Signal, State, pack_all
from nst_core.engine.orders import Order
from nst_core.engine.queue import Queue
from nst_core.errors import Failure, NSTError
from nst_core.images import Image, Mask
from nst_core.limits import LIMITS
from nst_core.machine import Kept, Shelf, memory
from nst_core.models import weights
from nst_core.recipes import AnyRecipe, InstantRecipe, OptimizeRecipe, TextureNetworkRecipe, TrainingRecipe, VideoRecipe
from nst_core.stylizer import Style
from nst_core.video import Facts

T = TypeVar("T")

KEPT = 8  # finished slow jobs that nobody has collected yet and that can be found again by their id
KEPT_BYTES = 100_000_000  # of their pictures; a print of 4096 px has 75 million
PREVIEWS = {"each": 50_000_000, "total": 250_000_000}  # bytes of a job's previews, and of all jobs'
CONNECT_TIMEOUT = 30  # seconds
REST = 40.0  # seconds without a job after which a process with TensorFlow ends
TIDY_EVERY = 600.0  # seconds
FORGOTTEN = 60.0  # seconds after which nobody listens to what a job that has ended was told
CLOSED = "The app was closed. A slow job goes on when its page is loaded again."


class Engine:
    """Send jobs to the workers of an embedded cluster, or of the one that NST_SCHEDULER names.

    The constructor returns at once; jobs submitted before the cluster is up are sent when it is. A cluster that is lost is
    started or joined again, and what was under way goes on. Everything that talks to Dask runs on one thread, an event loop.
    """

    def __init__(
        self,
        scheduler: str | None = None,
        *,
        memory_limit: int | None = None,
        timeout: float = CONNECT_TIMEOUT,
        rest: float = REST,
    ) -> None:
        """Start or join a cluster. scheduler: default NST_SCHEDULER, else embedded. memory_limit: of each worker, bytes.

        timeout: for the connection, seconds. rest: seconds without a job after which a process with TensorFlow ends.
        """
        self._topic = f"nst-{uuid.uuid4().hex}"  # one for all jobs: the scheduler keeps each topic's last messages for ever
        self._queue = Queue()
        self._following: dict[str, ThreadFuture[None]] = {}
        self._findable: dict[str, Job] = {}
        self._recalling = threading.Lock()
        self._previews = Shelf(**PREVIEWS)
        self._preparing = False
        self._tidied = -math.inf
        self.closed = False
        self._connection = Connection(
            scheduler or os.environ.get("NST_SCHEDULER") or None,
            memory_limit=memory_limit,
            timeout=timeout,
            rest=rest,
            topic=self._topic,
            heard=self._heard,
        )
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name=THREAD, daemon=True).start()
        self._soon(self._connection.keep())
        self._soon(self._renew())
        atexit.register(self.close)

    # What pages ask.

    @property
    def ready(self) -> bool:
        """Return whether the light lane has loaded its models. False again while a dead worker is being replaced."""
        return self._connection.warm

    def wait_until_ready(self, timeout: float) -> None:
        """Wait until the light lane is ready. Raises: Failure when that takes longer than the timeout (seconds)."""
        try:
            self._soon(self._connection.warmth()).result(timeout)
        except NSTError:
            raise
        except Exception as error:  # Dask raises here what the worker raised there, of any type
            raise Failure(f"The engine did not start within {timeout:.0f} seconds: {error or type(error).__name__}.") from error

    def at_once(self, lane: Lane) -> int:
        """Return how many jobs of the lane the cluster runs at the same time.

        Raises: Failure when it cannot be reached, or does none.
        """
        self._soon(self._connection.resources(lane)).result()
        return int(self._soon(self._connection.units(lane)).result())

    @property
    def slow_memory(self) -> int:
        """Return the bytes that the running optimisation may take on this machine; 0 if its worker may be elsewhere."""
        if self._connection.process is None:
            return 0
        running = [job for job in self._queue if job.lane is Lane.SLOW and job.state is State.RUNNING]
        sizes = [memory.estimate(job.recipe, *job.shape[::-1]) for job in running if isinstance(job.recipe, OptimizeRecipe)]
        return max(sizes, default=0)

    def seconds_of(self, recipe: OptimizeRecipe, pixels: int) -> float:
        """Return the seconds that an optimisation will roughly take, from its start."""
        return self._queue.seconds_of(recipe, pixels)

    def prepare(self) -> None:
        """Have the slow lane load TensorFlow, since a job may follow soon. Returns at once."""
        self._soon(self._prepare())

    def stylize(
        self,
        content: Image,
        styles: Sequence[Style],
        recipe: AnyRecipe,
        *,
        initial: Image | None = None,
        opacity: Mask | None = None,
        visitor: str = "",
    ) -> Job:
        """Return a job whose result is the last Step, with a picture of the content's shape. initial: where to start.

        opacity: of the content, kept with the order of an optimisation for who finds the job again; nothing is painted by it.
        Raises: Busy, if there is a visitor; so do the others that take one.
        """
        picture, packed = images.to_uint8(content), pack_all(styles)
        if isinstance(recipe, OptimizeRecipe):
            more = {"initial": initial, "opacity": opacity}
            pictures = {"content": picture} | {k: images.to_uint8(array) for k, array in more.items() if array is not None}
            return self.order(Order(recipe, pictures, packed), visitor=visitor)
        assert isinstance(recipe, InstantRecipe)
        engine = weights.best_instant() if recipe.engine == "auto" else recipe.engine
        lane, recipe = lane_of(engine), recipe.model_copy(update={"engine": engine})
        return self.submit(worker.stylize, picture, packed, recipe, lane=lane, visitor=visitor)

    def vectors(self, styles: Sequence[Image], *, visitor: str = "") -> Job:
        """Return a job whose result is a list with the style vector of `instant-lite` for each style: 100 numbers."""
        return self.submit(worker.vectors, [images.to_uint8(style) for style in styles], visitor=visitor)

    def assess(self, result: Image, content: Image, styles: Sequence[Style]) -> Job:
        """Return a job whose result is the `Quality` of the result."""
        return self.submit(worker.assess, *map(images.to_uint8, (result, content)), pack_all(styles))

    def timelapse(self, frames: Sequence[bytes]) -> Job:
        """Return a job whose result is a run's previews as an MP4."""
        return self.submit(worker.timelapse, list(frames))

    def snap(self, photograph: Image, scribble: Mask, taken: Mask, *, visitor: str = "") -> Job:
        """Return a job whose result is an 8-bit mask of the object that was scribbled on. taken: the mask of other objects."""
        return self.submit(worker.snap, *map(images.to_uint8, (photograph, scribble, taken)), visitor=visitor)

    def segment(self, data: bytes, shape: tuple[int, int], name: str, *, visitor: str = "") -> Job:
        """Return a job whose result is the colours of the `Segmentation` in a picture file, and its masks of that shape.

        name: begins the error message about the file.
        """
        return self.submit(worker.segment, data, shape, name, visitor=visitor)

    def paint(self, network: bytes, content: Image | None, recipe: TextureNetworkRecipe, *, visitor: str = "") -> Job:
        """Return a job whose result is a Step: the content painted by a texture network's file, or without one a texture."""
        picture = None if content is None else images.to_uint8(content)
        return self.submit(worker.paint, network, picture, recipe, visitor=visitor)

    def train(self, style: Image, shown: Image, recipe: TrainingRecipe, *, visitor: str = "") -> Job:
        """Return a job that trains a texture network; its Steps show `shown` as painted so far, its result is `Trained`."""
        return self.order(Order(recipe, {"style": images.to_uint8(style), "shown": images.to_uint8(shown)}), visitor=visitor)

    def explain(
        self, function: Callable[..., Any], *pictures: Image, lane: Lane = Lane.LIGHT, visitor: str = "", **options: Any
    ) -> Job:
        """Return a job whose result is that of a function of `nst_core.explain` for the pictures; of Steps, the last."""
        return self.submit(worker.explain, function, [*map(images.to_uint8, pictures)], options, lane=lane, visitor=visitor)

    def probe(self, clip: bytes, name: str, *, visitor: str = "") -> Job:
        """Return a job whose result is the `Facts` of a clip. name: begins the error message about it."""
        return self.submit(worker.probe, clip, name, visitor=visitor)

    def film(
        self,
        clip: bytes,
        facts: Facts,
        styles: Sequence[Style],
        recipe: VideoRecipe,
        *,
        network: bytes | None = None,
        visitor: str = "",
    ) -> Job:
        """Return a job that paints a clip, one Step per frame; its result is a `Film`.

        facts: of `probe`. network: the file of the texture network that the recipe names.
        """
        files = {"clip": clip} if network is None else {"clip": clip, "network": network}
        pictures = {name: np.frombuffer(data, np.uint8) for name, data in files.items()}
        expected = facts.promise(recipe.size, fine=recipe.fine)
        return self.order(Order(recipe, pictures, pack_all(styles), expected=expected), visitor=visitor)

    def order(self, order: Order, *, visitor: str = "") -> Job:
        """Return a slow job that a restarted server can resume."""
        self._queue.check(order.lane, visitor)
        return self._enter(self._ordered(order, visitor))

    def submit(self, function: Callable[..., Any], *args: Any, lane: Lane = Lane.LIGHT, visitor: str = "") -> Job:
        """Return a job that calls the function in a worker. A generator's Steps are its progress, the last one its result."""
        self._queue.check(lane, visitor)
        return self._enter(Job(self, function, args, lane, visitor=visitor))

    def find(self, id: str, kind: type, *, visitor: str = "") -> Job | None:
        """Return a slow job by its id, for a page that was reloaded; resume one that a previous server left.

        kind: of its recipe; a job of another is not found.
        """
        with self._recalling:
            if id not in self._findable and not self.closed:
                order = orders.load(id)
                if order and isinstance(order.recipe, kind):
                    self._enter(self._ordered(order, visitor, id))
            found = self._findable.get(id)
            return found if found and isinstance(found.recipe, kind) else None

    def collected(self, job: Job) -> None:
        """Forget a job whose page has its result: it need not be found again."""
        self._findable.pop(job.id, None)

    def close(self) -> None:
        """End the embedded cluster, or leave the one we joined; open jobs fail, and can be found again by another Engine."""
        if self.closed:
            return
        self.closed = True
        atexit.unregister(self.close)
        for job in self._queue:
            job.fail(Failure(CLOSED), recallable=True)
        with suppress(TimeoutError):
            self._soon(self._connection.close()).result(LEAVING + 1)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._connection.end()

    # What jobs ask.

    def ahead_of(self, job: Job) -> Sequence[Job]:
        return self._queue.ahead_of(job)

    def delays(self, job: Job) -> bool:
        return bool(self._queue.behind(job))

    def wait_of(self, job: Job) -> float:
        return self._queue.wait_of(job)

    def send(self, job: Job) -> None:
        """Send the job as soon as the cluster is up; jobs are sent in the order of these calls."""
        if self.closed:
            job.fail(Failure(CLOSED), recallable=True)
            return
        if job.order:
            with suppress(OSError):  # a full disk costs what a restart could go on with, not the job
                orders.save(job.id, job.order)
        self._queue.place(job)
        self._following[job.id] = self._soon(self._follow(job))

    def forget(self, job: Job) -> None:
        """Release what the cluster holds of a job that has ended."""
        self._queue.leave(job)
        journal.write(job)
        self._let_go()
        if following := self._following.pop(job.id, None):
            following.cancel()

    def signal(self, job: Job, signal: Signal) -> None:
        """Set the events that the worker asks for at its steps."""
        if not self.closed:
            self._soon(self._tell(job, signal))

    # Inside; what is asynchronous runs on the loop's thread.

    def _ordered(self, order: Order, visitor: str, id: str = "") -> Job:
        function, args = order.work
        job = Job(self, function, args, order.lane, visitor=visitor, order=order, id=id)
        job.expected = order.expected
        return job

    def _enter(self, job: Job) -> Job:
        self._queue.enter(job)
        if job.lane.lasting:
            self._findable[job.id] = job
            self._let_go()
            self._tidy()
        self.send(job)
        return job

    def _let_go(self) -> None:
        """Drop the oldest finished jobs that nobody has collected, where they are too many or too large."""
        size = 0
        for number, job in enumerate([job for job in reversed(list(self._findable.values())) if job.finished]):
            size += job.size
            if number and (number >= KEPT or size > KEPT_BYTES):
                self._findable.pop(job.id, None)

    def _tidy(self) -> None:
        """Delete files of abandoned jobs, in servers only and not more often than every TIDY_EVERY seconds."""
        if time.monotonic() - self._tidied > TIDY_EVERY and any(job.visitor for job in self._queue):
            self._tidied = time.monotonic()
            checkpoints.tidy({job.id for job in self._queue})

    async def _renew(self) -> None:
        """Renew the files of our jobs regularly, so that other servers that share the folder do not delete them."""
        while not self.closed:
            await asyncio.sleep(checkpoints.LEASE / 3)
            checkpoints.renew({job.id for job in self._queue})

    def _soon(self, work: Coroutine[Any, Any, T]) -> ThreadFuture[T]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _prepare(self) -> None:
        if self._preparing:
            return
        self._preparing = True
        try:
            client, resources = await self._connection.client(), await self._connection.resources(Lane.TENSORFLOW)
            # nobody holds the future afterwards: Dask would compute a lost result again, beside the job that goes on
            await client.submit(worker.load_slow, key=f"nst-prepare-{uuid.uuid4().hex}", pure=False, resources=resources)
        finally:
            self._preparing = False

    async def _follow(self, job: Job) -> None:
        """Send a job and wait for what becomes of it; called again after a pause or a worker's death."""
        try:
            client, resources = await self._connection.client(), await self._connection.resources(job.lane)
            self._queue.at_once[job.lane] = await self._connection.units(job.lane)
        except NSTError as error:
            job.fail(error, recallable=True)
            return
        if job.finished:
            return
        from distributed import KilledWorker
        from distributed.client import ClosedClientError, FutureCancelledError
        from distributed.comm import CommClosedError

        checkpoint = checkpoints.path(job.id) if job.lane.lasting else None
        limit = 60 * LIMITS.max_minutes if job.visitor else None
        work, key = (self._topic, job.id, *job.work, checkpoint, limit), f"{job.id}-{uuid.uuid4().hex}"
        # by default Dask takes what comes within 100 ms for one computation, in any order
        options = {"pure": False, "resources": resources, "priority": job.priority, "fifo_timeout": 0}
        try:
            job.ended(await client.submit(worker.perform, *work, key=key, **options))
        except (KilledWorker, FutureCancelledError, ClosedClientError, CommClosedError):
            job.bereaved()
        except Exception as error:  # whatever the worker raised, of any type
            job.failed(error)

    async def _tell(self, job: Job, signal: Signal) -> None:
        from distributed import Event

        client = await self._connection.client()
        # that there is any comes last: who hears of it finds the signal there
        events = [Event(f"{name}-{job.id}", client=client) for name in (signal, ANY)]
        for event in events:
            await event.set()
        await asyncio.sleep(FORGOTTEN)
        if job.finished:  # a job that never began has heard nothing, and the scheduler would remember it for ever
            for event in events:
                await event.clear()

    def _heard(self, event: tuple[float, Any]) -> None:
        message = event[1]
        job = self._queue.get(message["job"])
        if job is None:
            return
        if "began" in message:
            job.began()
        elif step := message.get("progress"):
            job.progress.append(Progress(**step | {"preview": self._kept(step["preview"], job)}))
        else:
            job.peak = max(job.peak, message.get("peak", 0))
            job.notice = message.get("notice", job.notice)

    def _kept(self, preview: bytes | None, job: Job) -> Kept | None:
        try:
            return self._previews.keep(preview, job.id) if preview else None
        except Failure:
            return None  # a full disk costs the preview, not the job


def lane_of(engine: str) -> Lane:
    """Return the lane whose workers run the stylizer of that name."""
    return Lane.LIGHT if engine == "instant-lite" else Lane.TENSORFLOW
