"""Who goes first: positions, priorities, how long, and how many are too many. No cluster."""

import asyncio
import dataclasses
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nst_core.engines.optimize import MORE, PACE, PREPARING
from nst_core.errors import Busy
from nst_core.machine import arrays
from nst_core.recipes import PRESETS, OptimizeRecipe, TrainingRecipe
from nst_core.service import JobState, Lane, Service, checkpoints
from nst_core.service.jobs import Job, Progress
from nst_core.service.limits import LIMITS
from nst_core.service.queue import GUESS, Queue
from nst_core.service.transport import PAUSED

ROOT = Path(__file__).parents[2]
PICTURE = np.zeros((100, 200, 3), np.uint8)
RECIPE = OptimizeRecipe(iterations=50, scales=1)


class Silent:
    """An engine that does nothing."""

    def __getattr__(self, name):
        return lambda *args: None


@pytest.fixture
def queue():
    return Queue()


def add(queue, visitor="", lane=Lane.SLOW, recipe=RECIPE, **manners):
    queue.check(lane, visitor)
    job = Job(Silent(), len, (PICTURE, recipe), lane, visitor=visitor, **manners)
    queue.enter(job)
    queue.place(job)
    return job


def served(queue, jobs):
    """In the order that Dask would serve them."""
    return sorted(jobs, key=lambda job: (-job.priority, job.turn))


def test_one_visitors_many_do_not_push_back_anothers_first(queue, monkeypatch):
    monkeypatch.setattr("nst_core.service.queue.LIMITS", dataclasses.replace(LIMITS, max_jobs=10, max_queue=99))
    greedy = [add(queue, "a") for _ in range(10)]
    modest = [add(queue, "b") for _ in range(2)]
    order = served(queue, greedy + modest)
    assert order == [greedy[0], modest[0], greedy[1], modest[1], *greedy[2:]]
    assert [len(queue.ahead_of(job)) for job in order] == list(range(12))


def test_nobodys_jobs_come_in_their_order(queue):
    jobs = [add(queue) for _ in range(5)]
    assert served(queue, jobs) == jobs


def test_who_was_interrupted_goes_first(queue, monkeypatch, tmp_path):
    monkeypatch.setenv("NST_CHECKPOINT_DIR", str(tmp_path))
    first, second = add(queue, "a"), add(queue, "b")
    arrays.save(checkpoints.path(second.id), {})  # it can go on
    second.began()
    second.bereaved()
    queue.place(second)
    assert queue.ahead_of(second) == []
    assert queue.ahead_of(first) == [second]


def test_patient_jobs_let_all_others_go_first(queue):
    patient = [add(queue, "a", Lane.LIGHT, patient=True) for _ in range(2)]
    others = [add(queue, visitor, Lane.LIGHT) for visitor in ("a", "b", "b", "")]
    assert set(served(queue, [*patient, *others])[-2:]) == set(patient)


@pytest.mark.parametrize("lane", [Lane.LIGHT, Lane.SLOW])
def test_a_job_that_gives_way_ends_when_anything_else_is_asked_for(queue, lane):
    yielding = add(queue, "a", gives_way=True)
    assert not queue.idle
    other = add(queue, "b", lane=lane)
    assert yielding.state is JobState.CANCELLED
    assert other.state is JobState.QUEUED


def test_a_job_that_gives_way_takes_no_place_of_its_visitor(queue, monkeypatch):
    monkeypatch.setattr("nst_core.service.queue.LIMITS", dataclasses.replace(LIMITS, max_jobs=1, max_queue=1))
    yielding = add(queue, "a", gives_way=True)
    yielding.began()  # it is cancelled at its next step, and until then it is still in the queue
    add(queue, "a")
    with pytest.raises(Busy):
        add(queue, "a")


def test_a_queue_of_paused_jobs_is_idle(queue):
    assert queue.idle
    paused = add(queue)
    assert not queue.idle
    paused.ended(PAUSED)
    assert queue.idle


def test_paused_and_other_lanes_jobs_are_not_ahead(queue):
    paused, light, mine = add(queue), add(queue, lane=Lane.LIGHT), add(queue)
    paused.ended(PAUSED)
    assert queue.ahead_of(mine) == []
    assert light.state is JobState.QUEUED


def test_a_visitor_has_so_many_at_once(queue):
    mine = [add(queue, "a") for _ in range(LIMITS.max_jobs)]
    with pytest.raises(Busy, match=rf"all places that a visitor has \({LIMITS.max_jobs}\)"):
        add(queue, "a")
    add(queue, "b")
    add(queue, "a", lane=Lane.LIGHT)  # quick ones are another matter
    queue.leave(mine[0])
    add(queue, "a")


def test_a_full_queue_says_how_long(queue):
    for number in range(LIMITS.max_queue):
        add(queue, str(number), recipe=TrainingRecipe(seconds=120))
    with pytest.raises(Busy, match=rf"taken \({LIMITS.max_queue}\), by about {2 * LIMITS.max_queue} min of work"):
        add(queue, "late")
    add(queue)  # nobody's, of a command line


def test_too_many_pictures_are_a_sentence(queue):
    for number in range(LIMITS.max_pictures_queue):
        add(queue, str(number), lane=Lane.LIGHT)
    with pytest.raises(Busy, match="try again in a moment"):
        add(queue, "late", lane=Lane.LIGHT)


def test_seconds_are_guessed_from_pixels_iterations_and_pace(queue):
    running, waiting = add(queue), add(queue)
    assert queue.left_of(waiting) == pytest.approx(PREPARING + 50 * 20_000 * PACE["vgg19-lite"])
    running.began()
    running.progress += [Progress(n, 50, {}, n / 2, None) for n in range(1, 11)]
    assert queue.wait_of(waiting) == pytest.approx(40 / 2)  # two iterations a second, forty to go


def test_two_workers_make_the_wait_half_as_long(queue):
    running, other, waiting = add(queue), add(queue), add(queue)
    for job in (running, other):
        job.began()
        job.progress += [Progress(n, 50, {}, n / 2, None) for n in range(1, 11)]
    assert queue.wait_of(waiting) == pytest.approx(40)
    queue.at_once[Lane.SLOW] = 2.0
    assert queue.wait_of(waiting) == pytest.approx(20)


class TwoSlowWorkers:
    """A transport to a cluster with two slow workers, which never finish a job."""

    local, ready = False, True

    def __init__(self, *args, **options):
        self.closed = asyncio.Event()

    async def keep(self):
        await self.closed.wait()

    async def units(self, lane):
        return 2.0

    async def submit(self, call):
        await self.closed.wait()

    async def signal(self, job, signal, ended): ...

    async def close(self):
        self.closed.set()

    def end(self): ...


def test_the_service_counts_the_workers_that_the_cluster_has(monkeypatch):
    monkeypatch.setattr("nst_core.service.client.DaskTransport", TwoSlowWorkers)
    service = Service()
    try:
        *ahead, last = [service.submit(len, (), lane=Lane.SLOW) for _ in range(5)]
        expected, deadline = len(ahead) * GUESS / 2, time.monotonic() + 20
        while last.wait_left != expected and time.monotonic() < deadline:  # it asks the cluster when it sends a job
            time.sleep(0.01)
        assert last.wait_left == expected
    finally:
        service.close()


def test_a_service_that_is_closed_leaves_no_task_about_which_python_complains():
    script = (
        "import gc, threading\nfrom nst_core.service import Service\nfrom nst_core.service import client\n"
        "from tests.service.test_queue import TwoSlowWorkers\nclient.DaskTransport = TwoSlowWorkers\n"
        "service = Service()\nservice.close()\ndel service\nfor thread in threading.enumerate():\n"
        "    if thread.daemon:\n        thread.join(20)\ngc.collect()"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not done.stderr


def test_a_film_is_not_charged_for_what_others_die_of(queue, monkeypatch, tmp_path):
    """What kills a worker does so at the same place again; a film that comes further is a victim."""
    monkeypatch.setenv("NST_CHECKPOINT_DIR", str(tmp_path))

    def deaths(job, reached):
        arrays.save(checkpoints.path(job.id), {})
        for iteration in reached:
            job.began()
            job.progress.append(Progress(iteration, 100, {}, 1.0, None))
            job.bereaved()
        return job.state

    assert deaths(add(queue, lane=Lane.FILM), [10, 20, 30, 40, 50]) is JobState.QUEUED
    assert deaths(add(queue, lane=Lane.FILM), [10, 10, 10]) is JobState.FAILED
    assert deaths(add(queue, lane=Lane.FILM), [10, 20, 20, 19]) is JobState.FAILED
    assert deaths(add(queue, lane=Lane.SLOW), [10, 20, 30]) is JobState.FAILED  # it was alone


def test_servers_that_share_a_folder_leave_each_others_states(monkeypatch, tmp_path):
    """One that is too small for both: what is under way elsewhere is renewed, what nobody wants goes."""
    monkeypatch.setenv("NST_CHECKPOINT_DIR", str(tmp_path))
    monkeypatch.setattr("nst_core.service.checkpoints.LIMITS", dataclasses.replace(LIMITS, checkpoints_mb=1))
    for name in ("ours", "theirs", "nobodys"):
        checkpoints.path(name).write_bytes(bytes(1_100_000))
        checkpoints.submission(name).write_bytes(bytes(1_100_000))
        checkpoints.parts(checkpoints.path(name)).mkdir()
        (checkpoints.parts(checkpoints.path(name)) / "frame").write_bytes(bytes(1_100_000))
        for file in (checkpoints.path(name), checkpoints.submission(name), checkpoints.parts(checkpoints.path(name))):
            os.utime(file, (0, time.time() - 2 * checkpoints.LEASE))
    checkpoints.renew({"theirs", "a job without files"})  # by the other server
    checkpoints.tidy({"ours"})
    assert {file.name.partition(".")[0] for file in tmp_path.iterdir()} == {"ours", "theirs"}
    assert len(list(tmp_path.iterdir())) == 6


def test_a_finished_run_teaches_the_pace(queue):
    job = add(queue)
    job.began()
    job.progress.append(Progress(50, 50, {}, PREPARING + 10.0, None))
    job.ended("done")
    queue.leave(job)
    guessed = PREPARING + 50 * 20_000 * PACE["vgg19-lite"]
    assert queue.left_of(add(queue)) == pytest.approx((guessed + PREPARING + 10) / 2)


def test_a_job_that_never_began_has_waited_and_taken_nothing(queue):
    job = add(queue)
    job._asked -= 5
    job.cancel()
    assert job.waited == pytest.approx(5, abs=1) and job.seconds == 0
    begun = add(queue)
    begun._asked -= 5
    begun.began()
    begun._began -= 2
    begun.ended("done")
    assert begun.waited == pytest.approx(3, abs=1) and begun.seconds == pytest.approx(2, abs=1)


def test_a_cancel_is_not_forgotten_by_a_pause(queue):
    job = add(queue)
    job.began()
    job.cancel()
    job.ended(PAUSED)
    assert job.state is JobState.CANCELLED


def test_a_paused_job_that_nobody_resumes_makes_room(queue, monkeypatch):
    monkeypatch.setattr("nst_core.service.jobs.LIMITS", dataclasses.replace(LIMITS, max_pause_minutes=0.001))
    job = add(queue)
    job.ended(PAUSED)
    assert job.wait(5) and job.state is JobState.CANCELLED


def test_the_time_grows_with_pixels_and_iterations_and_shrinks_with_scales():
    fast = PRESETS["fast"]
    at = lambda recipe, side: Queue().seconds_of(recipe, (side, side)) - PREPARING  # noqa: E731
    assert at(fast, 800) == pytest.approx(4 * at(fast, 400))
    assert at(fast.model_copy(update={"iterations": 900}), 400) == pytest.approx(3 * at(fast, 400))
    assert at(fast.model_copy(update={"scales": 1}), 400) > 3 * at(fast, 400)


def test_a_cancel_is_not_forgotten_by_a_death(queue):
    job = add(queue)
    job.began()
    job.cancel()
    job.bereaved()
    assert job.state is JobState.CANCELLED


def test_the_opening_of_optimize_takes_half_a_minute_until_runs_have_shown_otherwise():
    assert 20 < Queue().seconds_of(PRESETS["fast"], (576, 768)) < 30


def test_more_layers_take_more_time_and_teach_no_other_pace(queue):
    fast, finest = PRESETS["fast"], PRESETS["finest"]
    assert fast.more_layers == PRESETS["improved-2016"].more_layers == 0 and finest.more_layers == 6
    pace = lambda recipe: (queue.seconds_of(recipe, (20, 20)) - PREPARING) / recipe.full_size_iterations  # noqa: E731
    assert pace(finest) == pytest.approx((1 + 6 * MORE) * pace(fast))


def test_quick_takes_a_third_of_the_work_of_fast():
    quick, fast = (Queue().seconds_of(PRESETS[name], (512, 512)) - PREPARING for name in ("quick", "fast"))
    assert quick == pytest.approx(fast / 3, rel=0.05)


def test_finest_takes_minutes_at_most():
    assert Queue().seconds_of(PRESETS["finest"], (512, 512)) < 90
    assert Queue().seconds_of(PRESETS["finest"], (1024, 1024)) < 300
