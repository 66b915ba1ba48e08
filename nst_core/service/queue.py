"""Who goes first, how many wait, and for how long: open jobs in, positions, priorities and seconds out.

A job stands, from when it is sent, behind those of others that have as few open as its visitor had then: of ten sent at once,
the second stands behind everybody's first. Dask serves the higher priority first, and among equals who asked first.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

from nst_core import engines
from nst_core.errors import Busy
from nst_core.service.jobs import Job, JobState, Lane
from nst_core.service.limits import LIMITS

PATIENT = -1_000_000  # the priority of a job that lets all others of its lane go first
INTERRUPTED = 1  # the priority of a job whose worker died: it was being served
GUESS = 20.0  # seconds of a slow job of which nothing is known
LEARNED = 0.5  # weight of the latest run in the pace


class Queue:
    """Hold the open jobs of all visitors."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._turns = count()
        self._paces: dict[str, float] = {}  # by `Engine.pace`: what runs took, over their estimates
        self.at_once: dict[Lane, float] = {}  # how many jobs of a lane the cluster does at the same time, where that is known

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def get(self, id: str) -> Job | None:
        return self._jobs.get(id)

    def check(self, lane: Lane, visitor: str) -> None:
        """Raise Busy if the visitor, or all visitors together, have too many jobs. Jobs without a visitor are never refused."""
        if not visitor:
            return
        if not lane.lasting:
            if len(self._of(lane)) >= LIMITS.max_pictures_queue:
                raise Busy("Very many pictures are being painted right now: try again in a moment.")
            return
        # the paused ones too: they come back
        waiting = [other for other in self if other.lane.lasting and not other.gives_way]
        if sum(other.visitor == visitor for other in waiting) >= LIMITS.max_jobs:
            raise Busy(f"Slow jobs of yours take all places that a visitor has ({LIMITS.max_jobs}): wait, or cancel one.")
        if len(waiting) >= LIMITS.max_queue:
            minutes = max(1, sum(map(self.left_of, waiting)) / self._workers(lane) / 60)
            raise Busy(
                f"All places for slow jobs are taken ({LIMITS.max_queue}), by about {minutes:.0f} min of work: "
                "try again later. Instant paints at once."
            )

    def enter(self, job: Job) -> None:
        """Add a job, for which those that give way are cancelled."""
        self._jobs[job.id] = job
        for other in self:
            if other.gives_way and other is not job:
                other.cancel()

    @property
    def idle(self) -> bool:
        """Return whether no job runs or waits; paused ones do neither."""
        return all(job.state is JobState.PAUSED for job in self)

    def leave(self, job: Job) -> None:
        self._jobs.pop(job.id, None)
        last = job.progress[-1] if job.progress else None
        if (
            last
            and last.iteration == last.total
            and job.shape
            and job.recipe
            and (estimate := _estimate(job.recipe, job.shape))
        ):
            pace = self._paces.setdefault(_key(job.recipe), 1.0)
            self._paces[_key(job.recipe)] += LEARNED * (last.seconds / estimate - pace)

    def place(self, job: Job) -> int:
        """Set the job's priority, each time it is sent. Among equal priorities, jobs sent earlier go first."""
        job.turn = next(self._turns)
        if job.interrupted:
            job.priority = INTERRUPTED
        elif job.patient:
            job.priority = PATIENT
        elif job.visitor:
            job.priority = -sum(other.visitor == job.visitor and other is not job for other in self._of(job.lane))
        return job.priority

    def ahead_of(self, job: Job) -> list[Job]:
        """Return the jobs that are served before a waiting job."""
        if job.state is not JobState.QUEUED:
            return []
        mine = self._rank(job)
        return [other for other in self._of(job.lane) if other is not job and self._rank(other) < mine]

    def behind(self, job: Job) -> list[Job]:
        """Return the jobs that wait for this one and are watched, or were not claimed yet."""
        if job.state is JobState.PAUSED:
            return []
        mine = self._rank(job)
        waiting = [other for other in self._of(job.lane) if other is not job and other.state is JobState.QUEUED]
        return [other for other in waiting if other.watched and mine < self._rank(other)]

    def wait_of(self, job: Job) -> float:
        """Return the seconds until a waiting slow job may begin, given the number of workers."""
        return sum(self.left_of(other) for other in self.ahead_of(job)) / self._workers(job.lane)

    def _workers(self, lane: Lane) -> float:
        return max(1.0, self.at_once.get(lane, 1.0))

    def left_of(self, job: Job) -> float:
        """Return the seconds that a slow job may still take."""
        if len(job.progress) > 1 and (pace := _iterations_a_second(job)):
            return (job.progress[-1].total - job.progress[-1].iteration) / pace
        if job.expected or not job.recipe or not job.shape:
            return job.expected or GUESS
        return self.seconds_of(job.recipe, job.shape[::-1]) or GUESS

    def seconds_of(self, recipe: Any, shape: tuple[int, ...]) -> float:
        """Return the seconds that a run will roughly take from its start, at the pace of those before it; 0: unknown.

        shape: (h, w) of the result.
        """
        return self._paces.get(_key(recipe), 1.0) * _estimate(recipe, shape[::-1])

    def _of(self, lane: Lane) -> list[Job]:
        return [job for job in self if job.lane is lane and job.state is not JobState.PAUSED]

    @staticmethod
    def _rank(job: Job) -> tuple[bool, int, int]:
        return job.state is not JobState.RUNNING, -job.priority, job.turn


def _iterations_a_second(job: Job) -> float:
    first, last = job.progress[0], job.progress[-1]
    return (last.iteration - first.iteration) / (last.seconds - first.seconds) if last.seconds > first.seconds else 0.0


def _key(recipe: Any) -> str:
    return engines.engine_for(recipe).pace(recipe)


def _estimate(recipe: Any, shape: tuple[int, ...]) -> float:
    """Return the seconds that the recipe's engine estimates. shape: (w, h)."""
    width, height = shape
    return engines.engine_for(recipe).estimate(recipe, (height, width)).seconds
