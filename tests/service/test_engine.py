"""The engine with its real cluster: jobs run, are watched, cancelled, queued; workers die and come back."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from nst_core import images
from nst_core.errors import BadMask, BadRecipe, Cancelled, Diverged, Failure, WorkerLost
from nst_core.instant import InstantLite
from nst_core.models import weights
from nst_core.recipes import Color, InstantRecipe, OptimizeRecipe, Source, StyleSource, TextureNetworkRecipe
from nst_core.service import JobState, Lane, Service, Submission, checkpoints, tasks
from nst_core.service.client import CLOSED
from nst_core.service.execution import CHECKPOINT_EVERY
from nst_core.service.packing import pack, unpack
from nst_core.stylizer import Step, Style
from tests import jobs

ROOT = Path(__file__).parents[2]
PATIENCE = 90  # seconds until a hang counts as a failure
RECIPE = InstantRecipe(engine="instant-lite")


@pytest.fixture(scope="module")
def engine():
    engine = Service()
    engine.wait_until_ready(PATIENCE)
    yield engine
    engine.close()


def until(condition, timeout=PATIENCE):
    """Wait for something that another process brings about."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def pictures(rng=None):
    rng = rng or np.random.default_rng(0)
    return rng.random((48, 64, 3), dtype=np.float32), rng.random((64, 64, 3), dtype=np.float32)


def test_previews_become_an_mp4_in_the_light_lane(engine):
    frames = [images.encode(np.full((32, 48, 3), shade, np.float32), "jpeg") for shade in (0.2, 0.8)]
    assert engine.timelapse(frames).result(PATIENCE)[4:8] == b"ftyp"


def test_a_picture_comes_back_in_the_contents_shape(engine):
    content, style = pictures()
    step = engine.run(RECIPE, {"content": content}, [Style(style)]).result(PATIENCE)
    assert step.image.shape == content.shape
    assert step.image.dtype == np.float32
    assert step.image.std() > 0.01


def test_vectors_are_what_the_stylizer_predicts(engine):
    styles = pictures()
    found = np.float32(engine.vectors(styles).result(PATIENCE))
    lite = InstantLite()
    assert found.shape == (2, 100)
    for vector, style in zip(found, styles, strict=True):
        assert np.allclose(vector, lite.predict(images.from_uint8(images.to_uint8(style))), atol=1e-4)


@pytest.mark.parametrize("recipe", [RECIPE, OptimizeRecipe(iterations=2)], ids=lambda recipe: recipe.kind)
def test_masks_travel_as_8_bits_and_act_in_the_worker(engine, recipe):
    content, picture = pictures()
    left = np.repeat(np.float32([[1] * 32 + [0] * 32]), 48, 0)
    style = Style(picture, mask=left, guide=np.ones(picture.shape[:2], np.float32), color=Color.LUMINANCE)
    packed = pack(style)
    assert packed.mask.dtype == packed.guide.dtype == np.uint8
    assert packed.color is Color.LUMINANCE and np.array_equal(unpack(packed).mask, left)
    image = engine.run(recipe, {"content": content}, [style]).result(PATIENCE).image
    assert np.array_equal(images.to_uint8(image)[:, 32:], images.to_uint8(content)[:, 32:])
    assert np.abs(image - content)[:, :28].mean() > 0.005


def test_what_was_optimised_travels_with_16_bits(engine):
    """More levels than 8 bits have: a printer's."""
    content, picture = pictures()
    image = engine.run(OptimizeRecipe(iterations=2), {"content": content}, [Style(picture)]).result(PATIENCE).image
    assert len(np.unique(image)) > 2000
    np.testing.assert_allclose(unpack(pack(Step(2, 2, image=picture))).image, picture, atol=0.51 / 65535)
    assert pack(Step(1, 1, image=picture)).image.dtype == np.uint8


def test_masks_that_cover_nothing_get_their_sentence_from_the_worker(engine):
    content, picture = pictures()
    with pytest.raises(BadMask, match="The masks cover nothing"):
        engine.run(RECIPE, {"content": content}, [Style(picture, mask=np.zeros((48, 64), np.float32))]).result(PATIENCE)


def test_steps_are_seen_while_the_job_runs(engine):
    job = engine.submit(jobs.count, 10, 0.1, lane=Lane.SLOW)
    until(lambda: len(job.progress) >= 3)
    assert job.state is JobState.RUNNING
    assert [p.iteration for p in job.progress[:3]] == [1, 2, 3]
    assert job.progress[0].losses == {"left": 9.0}
    assert job.result(PATIENCE).iteration == 10
    assert job.state is JobState.DONE


def test_cancel_stops_within_two_steps(engine):
    job = engine.submit(jobs.count, 200, 0.1, lane=Lane.SLOW)
    until(lambda: job.progress)
    job.cancel()
    seen = len(job.progress)
    assert job.wait(PATIENCE)
    assert job.state is JobState.CANCELLED
    assert isinstance(job.error, Cancelled)
    assert len(job.progress) <= seen + 2


def test_a_queued_job_knows_its_place_and_can_be_cancelled(engine):
    first = engine.submit(jobs.count, 100, 0.1, lane=Lane.SLOW)
    second = engine.submit(jobs.count, 3, 0.01, lane=Lane.SLOW)
    third = engine.submit(jobs.count, 3, 0.01, lane=Lane.SLOW)
    until(lambda: first.state is JobState.RUNNING)
    assert (first.position, second.position, third.position) == (0, 1, 2)
    second.cancel()
    assert second.state is JobState.CANCELLED
    assert third.position == 1
    first.cancel()
    assert third.result(PATIENCE).iteration == 3
    assert not second.progress


def test_an_optimisation_that_gives_way_saves_nothing_and_ends_for_another_job(engine, tmp_path, monkeypatch):
    monkeypatch.setenv("NST_CHECKPOINT_DIR", str(tmp_path))
    content, style = pictures()
    recipe = OptimizeRecipe(iterations=5_000, scales=1)
    yielding = engine.run(recipe, {"content": content}, [Style(style)], gives_way=True)
    until(lambda: len(yielding.progress) > 2)
    assert engine.slow_memory == 0  # what it takes, it gives back at once
    assert not [file for file in tmp_path.rglob("*") if yielding.id in file.name]
    assert engine.find(yielding.id, OptimizeRecipe) is None
    assert engine.run(RECIPE, {"content": content}, [Style(style)]).result(PATIENCE).image.shape == content.shape
    assert yielding.wait(PATIENCE)
    assert isinstance(yielding.error, Cancelled)


def test_two_jobs_run_at_once(engine):
    slow, quick = engine.submit(jobs.count, 100, 0.1, lane=Lane.SLOW), engine.submit(jobs.count, 100, 0.1)
    until(lambda: slow.progress and quick.progress)
    assert slow.state is quick.state is JobState.RUNNING
    slow.cancel()
    quick.cancel()
    assert slow.wait(PATIENCE)
    assert quick.wait(PATIENCE)


def test_a_slow_job_does_not_delay_an_instant_one(engine):
    slow = engine.submit(jobs.count, 600, 0.1, lane=Lane.SLOW)
    waiting = engine.submit(jobs.count, 1, 0.0, lane=Lane.SLOW)
    until(lambda: slow.state is JobState.RUNNING)
    content, style = pictures()
    assert engine.run(RECIPE, {"content": content}, [Style(style)]).result(PATIENCE).image.shape == content.shape
    assert slow.state is JobState.RUNNING
    assert waiting.state is JobState.QUEUED
    slow.cancel()
    assert waiting.result(PATIENCE).iteration == 1


def test_ten_waiting_slow_jobs_delay_no_instant_one(engine):
    """Without a resource of its own, Dask's scheduler would hold the picture back from the third on."""
    slow = [engine.submit(jobs.count, 600, 0.1, lane=Lane.SLOW) for _ in range(10)]
    until(lambda: slow[0].state is JobState.RUNNING)
    content, style = pictures()
    for _ in range(3):
        assert engine.run(RECIPE, {"content": content}, [Style(style)]).result(20).image.shape == content.shape
    assert [job.state for job in slow] == [JobState.RUNNING, *[JobState.QUEUED] * 9]
    for job in reversed(slow):
        job.cancel()
    until(lambda: all(job.finished for job in slow))


def test_waiting_instant_jobs_delay_no_slow_one(engine):
    light = [engine.submit(jobs.count, 300, 0.1) for _ in range(10)]
    until(lambda: light[1].state is JobState.RUNNING)
    assert engine.submit(jobs.count, 2, 0.01, lane=Lane.SLOW).result(20).iteration == 2
    assert engine.submit(jobs.count, 2, 0.01, lane=Lane.TENSORFLOW).result(20).iteration == 2
    for job in reversed(light):
        job.cancel()
    until(lambda: all(job.finished for job in light))


def test_the_light_lane_has_no_tensorflow_in_it(engine):
    content, style = pictures()
    engine.run(RECIPE, {"content": content}, [Style(style, mask=np.ones((48, 64), np.float32))]).result(PATIENCE)
    engine.assess(content, content, [Style(style)]).result(PATIENCE)
    network = next(iter(weights.NETWORKS.values())).read_bytes()
    engine.run(TextureNetworkRecipe(network=Source(name="x")), {"content": content}, files={"network": network}).result(
        PATIENCE
    )
    pid, modules = engine.submit(jobs.who_has, ("tensorflow", "keras")).result(PATIENCE)
    assert not modules
    engine.run(OptimizeRecipe(iterations=1), {"content": content}, [Style(style)]).result(PATIENCE)
    other, modules = engine.submit(jobs.who_has, ("tensorflow", "keras"), lane=Lane.SLOW).result(PATIENCE)
    assert modules == {"tensorflow"} and other != pid


def test_a_process_that_has_grown_hands_the_next_job_to_a_fresh_one(engine):
    worker, _ = engine.submit(jobs.hoard, 500_000_000, lane=Lane.SLOW).result(PATIENCE)
    queue = [engine.submit(jobs.process_id, lane=Lane.SLOW) for _ in range(3)]
    fresh = {job.result(PATIENCE) for job in queue}
    assert len(fresh) == 1 and worker not in fresh


def test_a_process_with_tensorflow_ends_when_nobody_wants_it():
    engine = Service(rest=2)
    try:
        worker, _ = engine.submit(jobs.hoard, 0, lane=Lane.SLOW).result(PATIENCE)
        _, gone = psutil.wait_procs([psutil.Process(worker)], timeout=20)
        assert not gone
        assert engine.submit(jobs.who_has, ("tensorflow",), lane=Lane.SLOW).result(PATIENCE)[1] == set()
    finally:
        engine.close()


def test_prepare_loads_tensorflow_before_it_is_wanted(engine):
    engine.prepare()
    until(lambda: "tensorflow" in engine.submit(jobs.who_has, ("tensorflow",), lane=Lane.TENSORFLOW).result(PATIENCE)[1])
    # what is still held would be computed again when its worker dies, beside the job that goes on there
    held = lambda dask_scheduler: [key for key in dask_scheduler.tasks if key.startswith("nst-prepare")]  # noqa: E731
    until(lambda: not engine._transport._connection._client.run_on_scheduler(held))


def test_the_scheduler_forgets_what_a_job_was_told(engine):
    job = engine.submit(jobs.count, 600, 0.1, lane=Lane.SLOW)
    until(lambda: job.progress)
    job.cancel()
    assert job.wait(PATIENCE)
    events = lambda dask_scheduler: list(dask_scheduler.extensions["events"]._events)  # noqa: E731
    until(lambda: not [name for name in engine._transport._connection._client.run_on_scheduler(events) if job.id in name])


def test_checkpoints_are_for_their_owner_only(engine, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert stat.S_IMODE(checkpoints.folder().stat().st_mode) == 0o700
    assert checkpoints.folder().is_relative_to(tmp_path)


def test_errors_arrive_as_sentences(engine):
    with pytest.raises(BadRecipe, match="No salt"):
        engine.submit(jobs.refuse).result(PATIENCE)
    with pytest.raises(Failure, match="ZeroDivisionError"):
        engine.submit(jobs.stumble).result(PATIENCE)


def test_a_killed_worker_costs_its_job_and_nothing_else(engine):
    worker = engine.submit(jobs.process_id, lane=Lane.TENSORFLOW).result(PATIENCE)
    running = engine.submit(jobs.count, 600, 0.1, lane=Lane.SLOW)
    queued = engine.submit(jobs.count, 3, 0.01, lane=Lane.SLOW)
    until(lambda: running.progress)

    os.kill(worker, signal.SIGKILL)
    assert running.wait(PATIENCE)
    assert running.state is JobState.FAILED
    with pytest.raises(WorkerLost, match="run the job again"):
        running.result()
    assert queued.result(PATIENCE).iteration == 3  # it had not begun: it is sent again by itself

    engine.wait_until_ready(PATIENCE)
    assert engine.submit(jobs.process_id, lane=Lane.TENSORFLOW).result(PATIENCE) != worker
    again = engine.submit(jobs.count, 3, 0.01, lane=Lane.SLOW)
    assert again.result(PATIENCE).iteration == 3


def test_a_paused_job_leaves_the_worker_and_goes_on_where_it_was(engine):
    job = engine.submit(jobs.Counter, 40, 0.05, RECIPE, lane=Lane.SLOW)
    until(lambda: len(job.progress) >= 5)
    job.pause()
    until(lambda: job.state is JobState.PAUSED)
    done = len(job.progress)
    assert engine.submit(jobs.count, 2, 0.01, lane=Lane.SLOW).result(PATIENCE).iteration == 2  # the slow lane is free
    assert len(job.progress) == done
    job.resume(RECIPE.model_copy(update={"size": 1024}))
    assert job.result(PATIENCE).iteration == 40
    assert [p.iteration for p in job.progress] == list(range(1, 41))  # none twice, none left out
    assert [p.losses["size"] for p in job.progress[done - 1 : done + 1]] == [512, 1024]
    assert not checkpoints.path(job.id).exists()


def test_a_killed_worker_costs_a_resumable_job_seconds(engine):
    job = engine.submit(jobs.Counter, 60, 0.1, RECIPE, lane=Lane.SLOW)
    until(lambda: len(job.progress) >= 25)
    worker = int(job.progress[0].losses["pid"])
    os.kill(worker, signal.SIGKILL)
    assert job.result(PATIENCE).iteration == 60
    again = [p.iteration for p in job.progress if p.losses["pid"] != worker]
    lost = sum(p.iteration >= again[0] for p in job.progress if p.losses["pid"] == worker)
    assert lost <= (CHECKPOINT_EVERY + 1) / 0.1
    engine.wait_until_ready(PATIENCE)


def test_the_light_lane_finds_the_regions_of_a_segmentation(engine):
    halves = np.zeros((64, 96, 3), np.float32)
    halves[:, :60, 0], halves[:, 60:, 2] = 1, 1
    colors, regions = engine.segment(images.encode(halves), (32, 48), "plan.png").result(PATIENCE)
    assert colors == pytest.approx(np.float32([[1, 0, 0], [0, 0, 1]]), abs=0.01)
    assert [region.dtype for region in regions] == [bool, bool]
    assert regions[0][:, :29].all() and regions[1][:, 31:].all() and np.array_equal(regions[0], ~regions[1])
    with pytest.raises(BadMask, match=r"^plan\.png has fewer than two colours"):
        engine.segment(images.encode(0 * halves), (32, 48), "plan.png").result(PATIENCE)


def test_a_job_that_diverges_keeps_its_best_picture(engine):
    job = engine.submit(jobs.diverge, lane=Lane.SLOW)
    with pytest.raises(Diverged, match="no number") as caught:
        job.result(PATIENCE)
    assert caught.value.best.image == pytest.approx(np.full((40, 40, 3), 0.25), abs=1 / 255)
    assert caught.value.best.iteration == 2


def test_a_job_outlives_its_page_for_a_while_only(engine, monkeypatch):
    monkeypatch.setattr("nst_core.service.jobs.GRACE", 0.5)
    job = engine.submit(jobs.count, 600, 0.1, lane=Lane.SLOW)
    job.claim()
    assert engine.find(job.id, object) is job
    job.release()
    job.claim()  # a reload: the new session is there before the old one's time is up
    assert not job.wait(2)
    job.release()
    assert job.wait(PATIENCE)
    assert job.state is JobState.CANCELLED


def test_who_asks_first_is_served_first_however_close_the_next_one_is():
    early = Service()  # all wait for the worker, and come to it at once
    try:
        waiting = [early.submit(jobs.count, 2, 0.1, lane=Lane.SLOW) for _ in range(6)]
        ended = []
        until(lambda: ended.extend(job for job in waiting if job.finished and job not in ended) or len(ended) == len(waiting))
        assert ended == waiting
    finally:
        early.close()


def test_jobs_sent_before_the_cluster_is_up_are_done_when_it_is():
    early = Service()
    try:
        assert not early.ready
        assert early.submit(jobs.process_id).result(PATIENCE) > 0
    finally:
        early.close()


def test_close_ends_every_process_and_every_open_job():
    engine = Service()
    engine.submit(jobs.process_id).result(PATIENCE)
    family = psutil.Process(engine._transport._connection.process.pid).children(recursive=True)
    open_job = engine.submit(jobs.count, 600, 0.1, lane=Lane.SLOW)
    engine.close()
    assert engine.closed
    assert open_job.state is JobState.FAILED
    _, living = psutil.wait_procs(family, timeout=20)
    assert not living


def test_closing_is_silent_whatever_is_open():
    script = (
        "import time\nfrom nst_core.service import Lane, Service\nfrom tests import jobs\nengine = Service()\n"
        "running = engine.submit(jobs.count, 600, 0.1, lane=Lane.SLOW)\n"
        "open = [engine.submit(jobs.count, 600, 0.1, lane=lane) for lane in Lane for _ in range(4)]\n"
        "while not running.progress: time.sleep(0.05)\nengine.prepare()\nengine.close()\nprint(running.error)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout.strip() == CLOSED
    assert not done.stderr


def test_the_cluster_ends_with_its_parent_however_that_dies():
    script = (
        "import time; from nst_core.service import Service; engine = Service()\n"
        "print(engine._transport._connection.process.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    cluster = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    _, living = psutil.wait_procs([cluster], timeout=PATIENCE)
    assert not living


def test_a_cluster_that_is_there_already_is_joined(monkeypatch):
    """One whose workers have never heard of our resource `slow`."""
    script = (
        "import sys; from distributed import LocalCluster\n"
        "with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address='127.0.0.1:0') as cluster:\n"
        "    print(cluster.scheduler_address, flush=True); sys.stdin.read()"
    )
    theirs = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    monkeypatch.setenv("NST_SCHEDULER", theirs.stdout.readline().decode().strip())
    engine = Service()
    try:
        content, style = pictures()
        assert engine.run(RECIPE, {"content": content}, [Style(style)]).result(PATIENCE).image.shape == content.shape
        assert engine.submit(jobs.count, 2, 0.01, lane=Lane.SLOW).result(PATIENCE).iteration == 2
    finally:
        engine.close()
        assert theirs.poll() is None  # we leave it as we found it
        theirs.communicate()


def test_a_cluster_that_cannot_be_reached_is_a_sentence():
    engine = Service("tcp://127.0.0.1:9", timeout=1)
    try:
        with pytest.raises(Failure, match="cannot be reached"):
            engine.submit(jobs.process_id).result(PATIENCE)
    finally:
        engine.close()


def test_a_resumed_run_takes_the_styles_weights_from_its_recipe():
    from nst_core.optimization import Optimization

    content, picture = (images.to_uint8(image) for image in pictures())
    sources = [StyleSource(source=Source(name=name), weight=weight) for name, weight in (("one", 0.25), ("two", 0.75))]
    recipe = OptimizeRecipe(iterations=1, scales=1, precision="float32", styles=tuple(sources))
    (resumed,) = tasks.run(Submission(recipe, {"content": content}, [Style(picture), Style(255 - picture)]))
    as_floats = [Style(images.from_uint8(image), weight) for image, weight in ((picture, 0.25), (255 - picture, 0.75))]
    (wanted,) = Optimization(images.from_uint8(content), as_floats, recipe)
    assert resumed.losses == pytest.approx(wanted.losses, rel=1e-4)
