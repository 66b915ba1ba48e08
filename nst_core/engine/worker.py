"""What runs in the workers: `perform` is every job's task; the rest are the functions that jobs name.

Importing this file brings neither TensorFlow nor ONNX Runtime: each function imports what it needs, in its own lane.
"""

import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from nst_core import images
from nst_core.engine import checkpoints
from nst_core.engine.jobs import ANY, PAUSED, Signal, pack, unpack
from nst_core.errors import Cancelled, Diverged
from nst_core.machine import allocator
from nst_core.recipes import InstantRecipe, OptimizeRecipe, TextureNetworkRecipe, TrainingRecipe, VideoRecipe
from nst_core.stylizer import Step, Style

if TYPE_CHECKING:
    from nst_core.pictures.masks import Shape
    from nst_core.pictures.quality import Quality
    from nst_core.video import Facts

CHECKPOINT_EVERY = 0.5  # seconds between the states that a worker leaves behind, at least; a killed one costs that
SAVING = 20  # times what leaving a state takes is worked before the next
LISTEN_EVERY = 0.05  # seconds between questions to the scheduler whether the page has said something
PREVIEW_SIDE = 512  # pixels; previews travel as JPEG


Say = Callable[[Mapping[str, Any]], None]  # tells the page something about the job


def perform(
    topic: str,
    job: str,
    function: Callable[..., Any],
    args: tuple[Any, ...],
    checkpoint: Path | None = None,
    limit: float | None = None,
) -> Any:
    """Run a job's function; publish the steps of an iterator and return the last, which carries the result.

    What can say its `state` is given the one that an earlier worker left, leaves its own every few seconds, and can be
    paused: then PAUSED is returned. limit: seconds after which what can be stopped is.
    """
    from distributed import get_worker

    from nst_core.engine import upkeep

    worker = get_worker()
    upkeep.begin(worker)
    allocator.reset_peak()
    say = lambda message: worker.log_event(topic, {"job": job} | message)  # noqa: E731
    say({"began": True})
    try:
        with Ear(job) as ear:
            if checkpoint and Signal.CANCEL in ear.listen():  # while it was being sent
                raise Cancelled("Cancelled before it began.")
            outcome = function(*args, **_left(function, checkpoint))
            return _steps(outcome, ear, say, checkpoint, limit) if isinstance(outcome, Iterator) else outcome
    finally:
        say({"peak": allocator.peak()})


def _left(function: Callable[..., Any], checkpoint: Path | None) -> dict[str, Any]:
    """Return what an earlier worker left to resume from: its state, and the folder of what is too large for it."""
    left: dict[str, Any] = {}
    if checkpoint and checkpoint.exists():
        left["state"] = checkpoints.load(checkpoint)
    if checkpoint and "parts" in inspect.signature(function).parameters:
        left["parts"] = checkpoints.parts(checkpoint)
    return left


def _steps(outcome: Iterator[Step], ear: "Ear", say: Say, checkpoint: Path | None, limit: float | None) -> Any:
    """Publish the steps and return the last one, packed, or PAUSED."""
    saved, step, every = time.monotonic(), None, CHECKPOINT_EVERY
    try:
        for step in outcome:
            say({"progress": _progress(step)})
            if step.iteration == step.total:
                continue  # once more to the iterator: it may have a complaint
            heard = ear.listen()
            if Signal.CANCEL in heard:
                raise Cancelled(f"Cancelled after {step.iteration} of {step.total} steps.")
            late = limit is not None and step.seconds > limit
            if isinstance(outcome, Stoppable) and (late or Signal.STOP in heard):
                outcome.stop()
                if late:
                    say({"notice": f"Ended after {step.seconds / 60:.1f} minutes, the most that a job may take here."})
            paused = Signal.PAUSE in heard
            if checkpoint and isinstance(outcome, Resumable) and (paused or time.monotonic() - saved > every):
                begun = time.monotonic()
                left = _leave(checkpoint, outcome.state(), say, paused)
                saved = time.monotonic()
                every = max(CHECKPOINT_EVERY, SAVING * (saved - begun))  # a print's state is 150 MB
                if paused and left:
                    return PAUSED
    except Diverged as error:
        error.best = pack(step) if step else None
        raise
    return pack(step)


def _leave(checkpoint: Path, state: Mapping[str, np.ndarray], say: Say, paused: bool) -> bool:
    """Write the state and return whether that worked; a full disk prevents the pause, but does not end the job."""
    try:
        checkpoints.save(checkpoint, state)
        return True
    except OSError as error:
        if paused:
            say({"notice": f"This job cannot be paused: the machine has no room for its state ({error.strerror})."})
        return False


class Ear:
    """Ask the scheduler now and then what the page has told the job; each request takes a millisecond."""

    def __init__(self, job: str) -> None:
        from distributed import Event, get_worker

        self._worker, self._task = get_worker(), get_worker().get_current_task()
        self._any, self._events = Event(f"{ANY}-{job}"), {signal: Event(f"{signal}-{job}") for signal in Signal}
        self._asked, self._heard = 0.0, set[Signal]()

    def __enter__(self) -> "Ear":
        return self

    def __exit__(self, *error: object) -> None:
        """Clear the events, which the scheduler would remember for ever."""
        for signal in self._heard:
            self._events[signal].clear()
        if self._heard and not self._said():
            self._any.clear()

    def listen(self) -> set[Signal]:
        """Return the current signals; none if the scheduler was asked just now."""
        if time.monotonic() - self._asked < LISTEN_EVERY:
            return set()
        self._asked = time.monotonic()
        if not self._wanted():
            return {Signal.CANCEL}
        self._heard = self._said() if self._any.is_set() else set()
        return self._heard

    def _wanted(self) -> bool:
        """Return whether the result is still wanted: the process of the page may have died."""
        task = self._worker.state.tasks.get(self._task)
        return task is not None and task.state in ("executing", "long-running")

    def _said(self) -> set[Signal]:
        return {signal for signal, event in self._events.items() if event.is_set()}


@runtime_checkable
class Resumable(Protocol):
    """Declare an iterator of Steps that another one can continue: its function takes the `state` as a keyword."""

    def state(self) -> Mapping[str, np.ndarray]: ...


@runtime_checkable
class Stoppable(Protocol):
    """Declare an iterator of Steps that can be told to make the next one its last."""

    def stop(self) -> None: ...


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


# --- what jobs call ---------------------------------------------------------------------------------------------------


def stylize(content: np.ndarray, styles: Sequence[Style], recipe: InstantRecipe) -> Iterator[Step]:
    """Return the Steps of the stylizer that the recipe names, for 8-bit content and styles."""
    from nst_core import instant

    stylizer = instant.stylizer(recipe.engine)
    yield from stylizer.stylize(images.from_uint8(content), [unpack(style) for style in styles], recipe)


def vectors(styles: Sequence[np.ndarray]) -> list[list[float]]:
    """Return the style vectors that `instant-lite` predicts for 8-bit styles."""
    from nst_core import instant

    lite = instant.stylizer("instant-lite")
    return [lite.vector(images.from_uint8(style)).tolist() for style in styles]


def optimize(
    content: np.ndarray,
    styles: Sequence[Style],
    recipe: OptimizeRecipe,
    initial: np.ndarray | None,
    state: Mapping[str, np.ndarray] | None = None,
) -> Iterator[Step]:
    """Return the run that the recipe describes, or the rest of one, for 8-bit pictures."""
    from nst_core.optimize import Optimization

    unpacked = [unpack(style) for style in styles]
    if len(recipe.styles) == len(styles):  # its weights may have changed while the run was paused
        unpacked = [replace(style, weight=source.weight) for style, source in zip(unpacked, recipe.styles, strict=True)]
    first = None if initial is None else images.from_uint8(initial)
    return Optimization(images.from_uint8(content), unpacked, recipe, initial=first, state=state)


def assess(result: np.ndarray, content: np.ndarray, styles: Sequence[Style]) -> "Quality":
    """Return the quality of a result, for 8-bit pictures."""
    from nst_core import instant
    from nst_core.pictures import quality

    unpacked = [unpack(style) for style in styles]
    return quality.assess(instant.eyes(), images.from_uint8(result), images.from_uint8(content), unpacked)


def timelapse(frames: Sequence[bytes]) -> bytes:
    """Return a run's previews, JPEGs, as an MP4."""
    from nst_core.pictures import timelapse

    return timelapse.mp4(frames)


def snap(photograph: np.ndarray, scribble: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Return the mask of the object that was scribbled on, from a photograph, scribble and mask of other objects, all 8-bit."""
    from nst_core.pictures import snapping

    return images.to_uint8(snapping.snap(*map(images.from_uint8, (photograph, scribble, taken))))


def segment(data: bytes, shape: "Shape", name: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the colours of a segmentation file's regions, and their boolean masks stretched to a shape."""
    from nst_core.pictures import segmentation

    found = segmentation.from_picture(data, shape, name=name)
    return found.colors, [mask > 0 for mask in found.masks]


def paint(network: bytes, content: np.ndarray | None, recipe: TextureNetworkRecipe) -> Iterator[Step]:
    """Return one Step of a texture network's file, for an 8-bit content or none."""
    from nst_core.texture_networks import painting

    yield from painting.paint(network, None if content is None else images.from_uint8(content), recipe)


def train(
    style: np.ndarray, shown: np.ndarray, recipe: TrainingRecipe, state: Mapping[str, np.ndarray] | None = None
) -> Iterator[Step]:
    """Return the training that the recipe describes, or the rest of one, for 8-bit pictures."""
    from nst_core.texture_networks import training

    return training.train(images.from_uint8(style), recipe, images.from_uint8(shown), state=state)


def explain(function: Callable[..., Any], pictures: Sequence[np.ndarray], options: Mapping[str, Any]) -> Any:
    """Return the result of a function of `nst_core.explain` for 8-bit pictures: Steps, or anything else."""
    return function(*map(images.from_uint8, pictures), **options)


def probe(clip: bytes, name: str) -> "Facts":
    """Return the facts about a clip's file."""
    from nst_core.video import reading

    return reading.probe(clip, name)


def film(
    clip: bytes,
    styles: Sequence[Style],
    recipe: VideoRecipe,
    network: bytes | None = None,
    parts: Path | None = None,
    state: Mapping[str, np.ndarray] | None = None,
) -> Iterator[Step]:
    """Return the Steps of a film, or the rest of one, for the files of a clip and perhaps of a texture network."""
    from nst_core.video import run

    return run.Filming(clip, [unpack(style) for style in styles], recipe, network=network, parts=parts, state=state)


def load_light() -> bool:
    """Load the light lane's models and the code that finds outlines."""
    import cv2  # noqa: F401

    from nst_core import instant

    instant.warm_up()
    return True


def load_slow() -> bool:
    """Load TensorFlow and the feature network that most runs use."""
    from distributed import get_worker

    from nst_core.engine import upkeep

    upkeep.begin(get_worker())
    _warm_up()
    return True


@cache
def _warm_up() -> None:
    from nst_core import optimize

    optimize.warm_up()
