"""Jobs on Dask: submit, watch, pause, resume, cancel. Pages and the command line stay light; TensorFlow lives in the worker.

    page process                      cluster process (this file, run)         worker process
    Engine, Job  --- tcp, Client ---  scheduler + nanny  --- spawns, restarts ---  perform() -> stylizers

The cluster gets a process of its own because multiprocessing's spawn would import the page's script again; it ends when its
standard input closes, that is, with its parent, however that dies. `NST_SCHEDULER=tcp://host:8786` uses a cluster that is
already there instead. Pictures travel as 8 bits, which is what files hold: a quarter of float32's bytes.

Slow jobs ask for the worker's one unit of the resource `slow`, instant ones for nothing, so that with two threads an instant
result never waits behind a long run. A slow job that can say its state leaves it in a file every few seconds: a pause is a
job that ends there and is sent again later, and so is a worker's death. `NST_CHECKPOINT_DIR` (default: in the temporary
directory) must be a shared folder where the workers are other machines.
"""

import atexit
import os
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future as ThreadFuture
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from nst_core import images, memory
from nst_core.errors import Cancelled, Diverged, Failure, NSTError, WorkerLost
from nst_core.images import Image
from nst_core.recipes import AnyRecipe, InstantRecipe, OptimizeRecipe, Recipe, TextureNetworkRecipe, TrainingRecipe
from nst_core.stylizer import Step, Style

if TYPE_CHECKING:  # half a second to import: only the thread that connects pays it
    import distributed

CHECKPOINT_EVERY = 2.0  # seconds between the states that a worker leaves behind; a killed one costs at most that
DEATHS = 2  # workers that a job may lose before it is given up: it is probably what kills them
GRACE = 60.0  # seconds that a job outlives its page: a reload or a dropped connection comes back, a closed tab does not
KEPT = 8  # slow jobs that can be found again by their id
PREVIEW_SIDE = 512  # pixels; previews travel as JPEG
CONNECT_TIMEOUT = 30  # seconds
_ROOT = Path(__file__).parent.parent


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Progress:
    """A Step as it reaches the page: the picture as a JPEG of at most 512 px, and not at every step."""

    iteration: int
    total: int
    losses: Mapping[str, float]
    seconds: float
    preview: bytes | None


# --- in the page process --------------------------------------------------------------------------------------------


class Job:
    """A piece of work that the engine does elsewhere. Reading its properties never blocks."""

    def __init__(self, engine: "Engine", function: Callable[..., Any], args: tuple[Any, ...], *, slow: bool) -> None:
        self.id = uuid.uuid4().hex
        self.slow = slow
        self.note: Any = None  # what the page wants to find again with the job
        self.progress: list[Progress] = []
        self.error: NSTError | None = None
        self._engine, self._function, self._args = engine, function, args
        self._state, self._value = State.QUEUED, None
        self._finished, self._lock = threading.Event(), threading.RLock()
        self._deaths = self._claims = 0
        self._client: distributed.Client | None = None
        self._future: distributed.Future | None = None

    @property
    def state(self) -> State:
        return self._state

    @property
    def finished(self) -> bool:
        return self._finished.is_set()

    @property
    def position(self) -> int:
        """How many jobs of its kind go first; 0 when it is running or next."""
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
        return _unpack(self._value)

    def cancel(self) -> None:
        """Stop at the next step, or never begin."""
        with self._lock:
            if self.finished:
                return
            if self._state is not State.RUNNING:
                self._finish(State.CANCELLED, error=Cancelled("Cancelled."))
        self._engine.signal(self, "cancel")

    def pause(self) -> None:
        """Leave the worker to others at the next step; `resume` goes on from there."""
        self._engine.signal(self, "pause")

    def stop(self) -> None:
        """End a training at its next step, with the network as it is then; a paused one is resumed for that."""
        self._engine.signal(self, "stop")
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

    # Called by the engine, from its own threads.

    def send(self, client: "distributed.Client", *, resources: dict[str, int]) -> None:
        """Hand the work to the cluster; called again after a pause or a worker's death."""
        if self.finished:
            return
        self._client = client
        client.subscribe_topic(self.id, self._heard)
        key = f"{self.id}-{uuid.uuid4().hex}"
        checkpoint = self._checkpoint if self.slow else None
        self._future = client.submit(
            perform, self.id, self._function, self._args, checkpoint, key=key, pure=False, resources=resources
        )
        self._future.add_done_callback(self._settled)

    def fail(self, error: NSTError) -> None:
        with self._lock:
            if not self.finished:
                self._finish(State.FAILED, error=error)

    @property
    def _checkpoint(self) -> Path:
        folder = os.environ.get("NST_CHECKPOINT_DIR") or Path(tempfile.gettempdir()) / "nst-checkpoints"
        return Path(folder) / f"{self.id}.npz"

    def _heard(self, event: tuple[float, Any]) -> None:
        message = event[1]
        if message == "started":
            with self._lock:
                if not self.finished:
                    self._state = State.RUNNING
        else:  # beside the progress Dask lays the worker's address
            self.progress.append(Progress(**message["progress"]))

    def _settled(self, future: "distributed.Future") -> None:
        if self.finished or future is not self._future:
            return
        if future.status == "finished":
            self._ended(future.result())
        elif self._worker_died(future):
            self._bereaved()
        else:
            error = future.exception()
            if isinstance(error, Diverged):
                error.best = _unpack(error.best)
            with self._lock:
                state = State.CANCELLED if isinstance(error, Cancelled) else State.FAILED
                self._finish(state, error=error if isinstance(error, NSTError) else _unforeseen(error))

    def _ended(self, value: Any) -> None:
        with self._lock:
            if value is PAUSED:
                self._state, self._future = State.PAUSED, None
            else:
                self._finish(State.DONE, value=value)

    def _bereaved(self) -> None:
        """Its worker has died. A job that had not begun was another's victim; one with a state goes on from there."""
        with self._lock:
            begun, self._deaths = self._state is State.RUNNING, self._deaths + 1
            self._state = State.QUEUED
        if not begun or (self._checkpoint.exists() and self._deaths <= DEATHS):
            self._engine.send(self)
        else:
            self.fail(
                WorkerLost(
                    "The worker died in the middle of this job, most likely for want of memory. It is being restarted: "
                    "run the job again, or choose a smaller size if it happens twice."
                )
            )

    @staticmethod
    def _worker_died(future: "distributed.Future") -> bool:
        from distributed import KilledWorker

        return future.status in ("lost", "cancelled") or isinstance(future.exception(), KilledWorker)

    def _finish(self, state: State, *, value: Any = None, error: NSTError | None = None) -> None:
        self._state, self._value, self.error = state, value, error
        if self._client:
            self._client.unsubscribe_topic(self.id)
        self._args, self._future = (), None  # what went in, and the copy of the result in the worker
        self._checkpoint.unlink(missing_ok=True)
        self._finished.set()
        self._engine.forget(self)


class Engine:
    """The way to the workers: starts an embedded cluster, or joins the one that NST_SCHEDULER names.

    The constructor returns at once; jobs submitted before the cluster is up are sent when it is.
    """

    def __init__(
        self, scheduler: str | None = None, *, memory_limit: int | None = None, timeout: float = CONNECT_TIMEOUT
    ) -> None:
        """scheduler: an address, default NST_SCHEDULER, default embedded. memory_limit: the embedded worker's, bytes.

        timeout: for the connection, seconds.
        """
        self._timeout = timeout
        self._address = scheduler or os.environ.get("NST_SCHEDULER") or None
        self._process = None if self._address else _start_cluster(memory_limit)
        self._client: distributed.Client | None = None
        self._warm: distributed.Future | None = None
        self._open: list[Job] = []
        self._findable: dict[str, Job] = {}
        self.closed = False
        # one thread: connecting comes first, then everything is sent in the order of asking
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="nst-engine")
        self._connected = self._sender.submit(self._connect)
        atexit.register(self.close)

    # What pages ask.

    @property
    def ready(self) -> bool:
        """Whether a worker has its models loaded. False again while a dead worker is being replaced."""
        return self._warm is not None and self._warm.status == "finished"

    @property
    def alive(self) -> bool:
        """False when the cluster is gone for good and a new Engine is needed."""
        if self.closed or (self._process and self._process.poll() is not None):
            return False
        if not self._connected.done():
            return True
        return self._connected.exception() is None and self._client is not None and self._client.status == "running"

    def wait_until_ready(self, timeout: float) -> None:
        """Raises: Failure when no worker is ready in time (seconds)."""
        try:
            self._connected.result(timeout)
            assert self._warm is not None
            self._warm.result(timeout)
        except Exception as error:  # Dask raises here what the worker raised there, of any type
            raise Failure(f"The engine did not start within {timeout:.0f} seconds: {error or type(error).__name__}.") from error

    def stylize(self, content: Image, styles: Sequence[Style], recipe: AnyRecipe, *, initial: Image | None = None) -> Job:
        """A job whose result is the last Step, with a picture of the content's shape. initial: where to optimize from."""
        packed = images.to_uint8(content), [_pack(style) for style in styles], recipe
        if isinstance(recipe, OptimizeRecipe):
            return self.submit(optimize, *packed, None if initial is None else images.to_uint8(initial), slow=True)
        return self.submit(stylize, *packed)

    def paint(self, network: bytes, content: Image | None, recipe: TextureNetworkRecipe) -> Job:
        """A job whose result is a Step: the content painted by a texture network's file, or without one a texture."""
        return self.submit(paint, network, None if content is None else images.to_uint8(content), recipe)

    def train(self, style: Image, shown: Image, recipe: TrainingRecipe) -> Job:
        """A job that trains a texture network; its Steps show what it makes of `shown`, its result is `Trained`."""
        return self.submit(train, images.to_uint8(style), images.to_uint8(shown), recipe, slow=True)

    def submit(self, function: Callable[..., Any], *args: Any, slow: bool = False) -> Job:
        """A job that calls the function in the worker. A generator's Steps become the job's progress, the last its result."""
        job = Job(self, function, args, slow=slow)
        self._open.append(job)
        if slow:
            self._findable[job.id] = job
            finished = [id for id, other in self._findable.items() if other.finished]
            for id in finished[: len(self._findable) - KEPT]:
                del self._findable[id]
        self.send(job)
        return job

    def find(self, id: str) -> Job | None:
        """A slow job by its id, for the page that was reloaded."""
        return self._findable.get(id)

    def close(self) -> None:
        """End the embedded cluster, or leave the one we joined; open jobs fail."""
        if self.closed:
            return
        self.closed = True
        self._sender.shutdown(wait=False, cancel_futures=True)
        for job in list(self._open):
            job.fail(Failure("The engine was closed."))
        if self._client:
            self._client.close(timeout=2)
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
        same = [other for other in list(self._open) if other.slow == job.slow]
        return same.index(job) if job in same else 0

    def forget(self, job: Job) -> None:
        self._open.remove(job)

    def send(self, job: Job) -> None:
        """Send it, in the order of asking, as soon as the cluster is up."""
        sending: ThreadFuture[None] = self._sender.submit(self._send, job)
        sending.add_done_callback(lambda done: _report(done, job))

    def signal(self, job: Job, name: str) -> None:
        """Set the Event that the worker reads at every step."""
        if self._client:
            from distributed import Event

            Event(f"{name}-{job.id}", client=self._client).set()

    # On the sender's thread.

    def _send(self, job: Job) -> None:
        self._connected.result()
        assert self._client is not None
        job.send(self._client, resources={"slow": 1} if job.slow and self._has_slow_lane() else {})

    def _has_slow_lane(self) -> bool:
        """Whether the workers know our resource; those of a borrowed cluster may not, and would never take the job."""
        assert self._client is not None
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return self._process is not None or any("slow" in worker.get("resources", {}) for worker in workers)

    def _connect(self) -> None:
        address = self._address
        if self._process:
            assert self._process.stdout is not None
            address = self._process.stdout.readline().decode().strip()
            if not address:
                raise Failure("The engine's own process ended before it was up; its last words are on standard error.")
        from distributed import Client

        self._client = Client(address, timeout=self._timeout, set_as_default=False, name="nst")
        # holding this future is what warms a replacement worker too: Dask computes a lost result again
        self._warm = self._client.submit(warm_up, key="nst-warm-up", pure=False)


def _report(sending: "ThreadFuture[None]", job: Job) -> None:
    error = None if sending.cancelled() else sending.exception()
    if error:
        job.fail(error if isinstance(error, NSTError) else Failure(f"The engine cannot be reached: {error}."))


def _unforeseen(error: BaseException | None) -> Failure:
    return Failure(f"Something went wrong that we did not foresee ({type(error).__name__}: {error}). Please report it.")


def _start_cluster(memory_limit: int | None) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")])),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "nst_core.engine", *([str(memory_limit)] if memory_limit else [])]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # Ctrl-C is for the server; the cluster ends in order afterwards
    )


def _pack(carrier: Any) -> Any:
    """A Style or Step with its picture, mask and guide as 8 bits, for the journey."""
    return _recast(carrier, images.to_uint8)


def _unpack(value: Any) -> Any:
    """The reverse of `_pack`; anything else as it is."""
    return _recast(value, images.from_uint8) if isinstance(value, Style | Step) else value


def _recast(carrier: Any, convert: Callable[[Any], np.ndarray]) -> Any:
    arrays = {name: getattr(carrier, name, None) for name in ("image", "mask", "guide")}
    return replace(carrier, **{name: convert(array) for name, array in arrays.items() if array is not None})


# --- in the worker --------------------------------------------------------------------------------------------------


def perform(job_id: str, function: Callable[..., Any], args: tuple[Any, ...], checkpoint: Path | None = None) -> Any:
    """Run a job's function; publish the steps of an iterator and return the last, which carries the result.

    What can say its `state` is given the one that an earlier worker left, leaves its own every few seconds, and can be
    paused: then PAUSED is returned.
    """
    from distributed import Event, get_worker

    worker = get_worker()
    worker.log_event(job_id, "started")
    outcome = function(*args, state=load_state(checkpoint)) if checkpoint and checkpoint.exists() else function(*args)
    if not isinstance(outcome, Iterator):
        return outcome
    cancel, pause, stop = (Event(f"{name}-{job_id}") for name in ("cancel", "pause", "stop"))
    saved, step = time.monotonic(), None
    try:
        for step in outcome:
            worker.log_event(job_id, {"progress": _progress(step)})
            if step.iteration == step.total:
                continue  # once more to the iterator: it may have a complaint
            if cancel.is_set():
                raise Cancelled(f"Cancelled after {step.iteration} of {step.total} steps.")
            if isinstance(outcome, Stoppable) and stop.is_set():
                outcome.stop()
            paused = pause.is_set()
            if checkpoint and isinstance(outcome, Resumable) and (paused or time.monotonic() - saved > CHECKPOINT_EVERY):
                save_state(checkpoint, outcome.state())
                saved = time.monotonic()
                if paused:
                    pause.clear()
                    return PAUSED
    except Diverged as error:
        error.best = _pack(step) if step else None
        raise
    return _pack(step)


PAUSED = State.PAUSED  # what `perform` returns instead of a result


@runtime_checkable
class Resumable(Protocol):
    """An iterator of Steps that another can continue: its function takes the `state` as a keyword."""

    def state(self) -> Mapping[str, np.ndarray]: ...


@runtime_checkable
class Stoppable(Protocol):
    """An iterator of Steps that can be told to make the next one its last."""

    def stop(self) -> None: ...


def save_state(path: Path, state: Mapping[str, np.ndarray]) -> None:
    """Beside its place first: a worker killed while writing leaves the state before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with (partial := path.with_suffix(".partial")).open("wb") as file:
        np.savez(file, **state)  # type: ignore[arg-type]  # any name but allow_pickle may follow
    partial.replace(path)


def load_state(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def _progress(step: Step) -> dict[str, Any]:
    last = step.iteration == step.total  # its picture is the result, which travels whole
    preview = None if last or step.image is None else images.thumbnail(step.image, PREVIEW_SIDE)
    return {
        "iteration": step.iteration,
        "total": step.total,
        "losses": dict(step.losses),
        "seconds": step.seconds,
        "preview": preview,
    }


def stylize(content: np.ndarray, styles: Sequence[Style], recipe: InstantRecipe) -> Iterator[Step]:
    """8-bit content and styles to the Steps of the stylizer that the recipe names."""
    from nst_core import instant

    stylizer = instant.stylizer(recipe.engine)
    yield from stylizer.stylize(images.from_uint8(content), [_unpack(style) for style in styles], recipe)


def optimize(
    content: np.ndarray,
    styles: Sequence[Style],
    recipe: OptimizeRecipe,
    initial: np.ndarray | None,
    state: Mapping[str, np.ndarray] | None = None,
) -> Iterator[Step]:
    """8-bit pictures to the run that the recipe describes, or to the rest of one."""
    from nst_core.optimize import Optimization

    unpacked = [_unpack(style) for style in styles]
    if len(recipe.styles) == len(styles):  # its weights may have changed while the run was paused
        unpacked = [replace(style, weight=source.weight) for style, source in zip(unpacked, recipe.styles, strict=True)]
    first = None if initial is None else images.from_uint8(initial)
    return Optimization(images.from_uint8(content), unpacked, recipe, initial=first, state=state)


def paint(network: bytes, content: np.ndarray | None, recipe: TextureNetworkRecipe) -> Iterator[Step]:
    """A texture network's file and an 8-bit content, or none, to one Step."""
    from nst_core import texture_networks

    yield from texture_networks.paint(network, None if content is None else images.from_uint8(content), recipe)


def train(
    style: np.ndarray, shown: np.ndarray, recipe: TrainingRecipe, state: Mapping[str, np.ndarray] | None = None
) -> Iterator[Step]:
    """8-bit pictures to the training that the recipe describes, or to the rest of one."""
    from nst_core import texture_networks

    return texture_networks.train(images.from_uint8(style), recipe, images.from_uint8(shown), state=state)


def warm_up() -> bool:
    from nst_core import instant

    instant.warm_up()
    return True


# --- the cluster process --------------------------------------------------------------------------------------------


def serve(memory_limit: int | None = None) -> None:
    """Run scheduler, nanny and one worker until standard input closes. Prints the scheduler's address."""
    import dask
    from distributed import LocalCluster

    settings = {
        "distributed.scheduler.allowed-failures": 0,  # a job that kills its worker shall not kill the next one too
        "distributed.worker.memory.target": False,  # pictures are not worth spilling, and a paused worker
        "distributed.worker.memory.spill": False,  # looks dead: from here to the nanny's end there is nothing
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.terminate": memory.TERMINATE,
        "distributed.admin.low-level-log-length": 100,  # previews pass through the scheduler's log
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=1,
            threads_per_worker=2,
            resources={"slow": 1},
            memory_limit=memory_limit or memory.of_worker(),
            dashboard_address="127.0.0.1:0",  # any free port: two apps on one machine shall not meet
            host="127.0.0.1",
        ) as cluster,
    ):
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    serve(*map(int, sys.argv[1:]))
