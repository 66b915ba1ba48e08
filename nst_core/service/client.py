"""The service: sends jobs to workers through a transport, and follows them."""

import asyncio
import atexit
import math
import os
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future as ThreadFuture
from contextlib import suppress
from typing import Any, TypeVar

from nst_core import engines, images
from nst_core.engines import Inputs, Lane
from nst_core.errors import Failure, NSTError
from nst_core.images import Image, Mask
from nst_core.recipes import InstantRecipe
from nst_core.service import checkpoints, journal, limits, submissions, tasks
from nst_core.service.dask.transport import THREAD, DaskTransport
from nst_core.service.jobs import Job, JobState, Progress
from nst_core.service.limits import LIMITS
from nst_core.service.packing import pack_all
from nst_core.service.queue import Queue
from nst_core.service.session_files import SessionFile, SessionFiles
from nst_core.service.submissions import Submission
from nst_core.service.transport import Call, Lost, Message, Signal, Transport
from nst_core.stylizer import Style

T = TypeVar("T")

KEPT = 8  # finished slow jobs that nobody has collected yet and that can be found again by their id
KEPT_BYTES = 100_000_000  # of their pictures; a print of 4096 px has 75 million
PREVIEWS = {"each": 50_000_000, "total": 250_000_000}  # bytes of a job's previews, and of all jobs'
CONNECT_TIMEOUT = 30  # seconds
LEAVING = 5  # seconds that disconnecting may take
REST = 40.0  # seconds without a job after which a process with TensorFlow ends
TIDY_EVERY = 600.0  # seconds
CLOSED = "The app was closed. A slow job goes on when its page is loaded again."


class Service:
    """Send jobs to the workers of an embedded cluster, or of the one that NST_SCHEDULER names.

    The constructor returns at once; jobs submitted before the cluster is up are sent when it is. A cluster that is lost is
    started or joined again, and what was under way goes on. The transport runs on one thread, an event loop.
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
        self._queue = Queue()
        self._following: dict[str, ThreadFuture[None]] = {}
        self._findable: dict[str, Job] = {}
        self._recalling = threading.Lock()
        self._previews = SessionFiles(**PREVIEWS)
        self._preparing = False
        self._tidied = -math.inf
        self.closed = False
        self._transport: Transport = DaskTransport(
            scheduler or os.environ.get("NST_SCHEDULER") or None,
            memory_limit=memory_limit,
            timeout=timeout,
            rest=rest,
            receive=self._receive,
        )
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name=THREAD, daemon=True).start()
        self._soon(self._transport.keep())
        self._renewal = self._soon(self._renew())
        atexit.register(self.close)

    # What pages ask.

    @property
    def ready(self) -> bool:
        """Return whether the light lane has loaded its models. False again while a dead worker is being replaced."""
        return self._transport.ready

    def wait_until_ready(self, timeout: float) -> None:
        """Wait until the light lane is ready. Raises: Failure when that takes longer than the timeout (seconds)."""
        try:
            self._soon(self._transport.wait_until_ready()).result(timeout)
        except NSTError:
            raise
        except Exception as error:  # Dask raises here what the worker raised there, of any type
            raise Failure(f"The engine did not start within {timeout:.0f} seconds: {error or type(error).__name__}.") from error

    def at_once(self, lane: Lane) -> int:
        """Return how many jobs of the lane the cluster runs at the same time.

        Raises: Failure when it cannot be reached, or does none.
        """
        return int(self._soon(self._transport.units(lane)).result())

    @property
    def slow_memory(self) -> int:
        """Return the bytes that the running optimisation may take on this machine; 0 if its worker may be elsewhere."""
        if not self._transport.local:
            return 0
        slow = [job for job in self._queue if job.lane is Lane.SLOW and not job.gives_way]
        running = [job for job in slow if job.state is JobState.RUNNING and job.recipe]
        estimates = [
            engines.engine_for(job.recipe).estimate(job.recipe, job.shape[::-1]) for job in running if job.recipe and job.shape
        ]
        return int(max((estimate.memory for estimate in estimates), default=0))

    def seconds_of(self, recipe: Any, shape: tuple[int, int]) -> float:
        """Return the seconds that a run will roughly take, from its start; 0 if unknown. shape: (h, w) of the result."""
        return self._queue.seconds_of(recipe, shape)

    @property
    def idle(self) -> bool:
        """Return whether no job of any visitor runs or waits."""
        return self._queue.idle

    def prepare(self) -> None:
        """Have the slow lane load TensorFlow, since a job may follow soon. Returns at once."""
        self._soon(self._prepare())

    def run(
        self,
        recipe: Any,
        pictures: Mapping[str, Image] | None = None,
        styles: Sequence[Style] = (),
        files: Mapping[str, bytes] | None = None,
        *,
        expected: float = 0.0,
        visitor: str = "",
        gives_way: bool = False,
    ) -> Job:
        """Return a job that runs the recipe's engine; its result is the last Step.

        pictures, files: see `engines.Inputs`. expected: seconds that it will take; 0: as the engine estimates. gives_way: it is
        cancelled as soon as anybody asks for anything else, and a restarted server does not resume it.

        Raises: BadRecipe, when there is no such engine, or the recipe exceeds what visitors may ask for; Busy, if there is a
        visitor.
        """
        if visitor:
            limits.check(recipe)
        if isinstance(recipe, InstantRecipe):
            recipe = engines.resolved(recipe)
        submission = Submission.of(recipe, Inputs(pictures or {}, styles, files or {}), expected)
        return self.submit_recipe(submission, visitor=visitor, gives_way=gives_way)

    def vectors(self, styles: Sequence[Image], *, visitor: str = "") -> Job:
        """Return a job whose result is a list with the style vector of `instant-lite` for each style: 100 numbers."""
        return self.submit(tasks.vectors, [images.to_uint8(style) for style in styles], visitor=visitor)

    def assess(self, result: Image, content: Image, styles: Sequence[Style]) -> Job:
        """Return a job whose result is the `Quality` of the result."""
        return self.submit(tasks.assess, *map(images.to_uint8, (result, content)), pack_all(styles))

    def timelapse(self, frames: Sequence[bytes]) -> Job:
        """Return a job whose result is a run's previews as an MP4."""
        return self.submit(tasks.timelapse, list(frames))

    def previews(self, content: Image, styles: Sequence[Image], *, visitor: str = "") -> Job:
        """Return a job whose result is the small content painted in each style, JPEGs. All other pictures go first."""
        small = images.to_uint8(content), [images.to_uint8(style) for style in styles]
        return self.submit(tasks.previews, *small, visitor=visitor, patient=True)

    def snap(self, photograph: Image, scribble: Mask, taken: Mask, *, visitor: str = "") -> Job:
        """Return a job whose result is an 8-bit mask of the object that was scribbled on. taken: the mask of other objects."""
        return self.submit(tasks.snap, *map(images.to_uint8, (photograph, scribble, taken)), visitor=visitor)

    def subject(self, photograph: Image, *, visitor: str = "") -> Job:
        """Return a job whose result is an 8-bit mask of the main subject; it fails with BadMask if there is none."""
        return self.submit(tasks.subject, images.to_uint8(photograph), visitor=visitor)

    def click(self, photograph: Image, at: tuple[int, int], taken: Mask, *, visitor: str = "") -> Job:
        """Return a job whose result is an 8-bit mask of the object at a pixel (row, column). taken: that of other objects."""
        return self.submit(tasks.click, images.to_uint8(photograph), at, images.to_uint8(taken), visitor=visitor)

    def segment(self, data: bytes, shape: tuple[int, int], name: str, *, visitor: str = "") -> Job:
        """Return a job whose result is the colours of the `Segmentation` in a picture file, and its masks of that shape.

        name: begins the error message about the file.
        """
        return self.submit(tasks.segment, data, shape, name, visitor=visitor)

    def explain(
        self, function: Callable[..., Any], *pictures: Image, lane: Lane = Lane.LIGHT, visitor: str = "", **options: Any
    ) -> Job:
        """Return a job whose result is that of a function of `nst_core.explain` for the pictures; of Steps, the last."""
        return self.submit(tasks.explain, function, [*map(images.to_uint8, pictures)], options, lane=lane, visitor=visitor)

    def probe(self, clip: bytes, name: str, *, visitor: str = "") -> Job:
        """Return a job whose result is the `Facts` of a clip. name: begins the error message about it."""
        return self.submit(tasks.probe, clip, name, visitor=visitor)

    def network_facts(self, data: bytes, name: str, *, visitor: str = "") -> Job:
        """Return a job whose result is the `NetworkFacts` of a network's file, once it is checked. name: begins errors."""
        return self.submit(tasks.network_facts, data, name, visitor=visitor)

    def submit_recipe(self, submission: Submission, *, visitor: str = "", gives_way: bool = False) -> Job:
        """Return a job that runs a submission. A restarted server can resume a slow one. gives_way: see `run`."""
        lane = engines.engine_for(submission.recipe).lane_of(submission.recipe)
        self._queue.check(lane, visitor)
        return self._enter(self._submitted(submission, lane, visitor, gives_way=gives_way))

    def submit(
        self, function: Callable[..., Any], *args: Any, lane: Lane = Lane.LIGHT, visitor: str = "", patient: bool = False
    ) -> Job:
        """Return a job that calls the function in a worker. A generator's Steps are its progress, the last one its result.

        patient: other jobs of the lane go first.
        """
        self._queue.check(lane, visitor)
        return self._enter(Job(self, function, args, lane, visitor=visitor, patient=patient))

    def find(self, id: str, kind: type, *, visitor: str = "") -> Job | None:
        """Return a slow job by its id, for a page that was reloaded; resume one that a previous server left.

        kind: of its recipe; a job of another is not found.
        """
        with self._recalling:
            if id not in self._findable and not self.closed:
                submission = submissions.load(id)
                if submission and isinstance(submission.recipe, kind):
                    lane = engines.engine_for(submission.recipe).lane_of(submission.recipe)
                    self._enter(self._submitted(submission, lane, visitor, id))
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
        self._renewal.cancel()
        for job in self._queue:
            job.fail(Failure(CLOSED), recallable=True)
        with suppress(TimeoutError):
            self._soon(self._transport.close()).result(LEAVING)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._transport.end()

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
        if job.submission and job.lane.lasting and not job.gives_way:
            with suppress(OSError):  # a full disk costs what a restart could go on with, not the job
                submissions.save(job.id, job.submission)
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
            self._soon(self._transport.signal(job.id, signal, lambda: job.finished))

    # Inside; what is asynchronous runs on the loop's thread.

    def _submitted(self, submission: Submission, lane: Lane, visitor: str, id: str = "", *, gives_way: bool = False) -> Job:
        job = Job(self, tasks.run, (submission,), lane, visitor=visitor, submission=submission, id=id, gives_way=gives_way)
        job.expected = submission.expected
        return job

    def _enter(self, job: Job) -> Job:
        self._queue.enter(job)
        if job.lane.lasting and not job.gives_way:
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
            await self._transport.prepare()
        finally:
            self._preparing = False

    async def _follow(self, job: Job) -> None:
        """Send a job and wait for its end; called again after a pause or a worker's death."""
        try:
            self._queue.at_once[job.lane] = await self._transport.units(job.lane)
        except NSTError as error:
            job.fail(error, recallable=True)
            return
        if job.finished:
            return
        function, args = job.work
        checkpoint = checkpoints.path(job.id) if job.lane.lasting and not job.gives_way else None
        limit = 60 * LIMITS.max_minutes if job.visitor else None
        try:
            job.ended(await self._transport.submit(Call(job.id, function, args, job.lane, checkpoint, limit, job.priority)))
        except Lost:
            job.bereaved()
        except Exception as error:  # whatever the worker raised, of any type
            job.failed(error)

    def _receive(self, message: Message) -> None:
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

    def _kept(self, preview: bytes | None, job: Job) -> SessionFile | None:
        try:
            return self._previews.keep(preview, job.id) if preview else None
        except Failure:
            return None  # a full disk costs the preview, not the job
