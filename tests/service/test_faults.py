"""What the public's machines do: schedulers die, disks fill, servers are restarted in mid-job, workers are strangers."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from nst_core import images
from nst_core.errors import Failure
from nst_core.machine import arrays
from nst_core.recipes import Color, InstantRecipe, OptimizeRecipe, Source, StyleSource, TrainingRecipe
from nst_core.service import JobState, Lane, Service, Submission, checkpoints, submissions
from nst_core.service.dask import lanes
from nst_core.service.execution import execute
from nst_core.service.transport import Call, Signal
from nst_core.stylizer import Style
from tests import jobs
from tests.service.test_engine import PATIENCE, RECIPE, ROOT, pictures, until

LONG = OptimizeRecipe(iterations=4000, scales=1, precision="float32")


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_CHECKPOINT_DIR", str(tmp_path / "states"))


@contextmanager
def engine_of(*args, **options):
    engine = Service(*args, **options)
    try:
        yield engine
    finally:
        engine.close()


@contextmanager
def dask(*command, silent=False):
    """A process of Dask's own command line, started where the repository is."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    if silent:
        environment.pop("PYTHONPATH")
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *command], cwd=ROOT if not silent else "/", env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def scheduler(port, **options):
    return dask("scheduler", "--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0", **options)


def worker(port, *options, **more):
    return dask("worker", f"tcp://127.0.0.1:{port}", "--dashboard-address", "127.0.0.1:0", *options, **more)


# --- the embedded cluster, and the server -----------------------------------------------------------------------------


def test_a_cluster_that_dies_is_started_again_and_its_jobs_go_on():
    with engine_of() as engine:
        running = engine.submit(jobs.Counter, 60, 0.1, RECIPE, lane=Lane.SLOW)
        waiting = engine.submit(jobs.count, 3, 0.01, lane=Lane.SLOW)
        until(lambda: len(running.progress) >= 15)
        family = psutil.Process(engine._transport._connection.process.pid).children(recursive=True)
        os.kill(engine._transport._connection.process.pid, signal.SIGKILL)
        assert running.result(PATIENCE).iteration == 60
        counted = [p.iteration for p in running.progress]
        assert counted.count(1) == 1  # it went on, and did not begin again
        assert waiting.result(PATIENCE).iteration == 3
        content, style = pictures()
        assert engine.run(RECIPE, {"content": content}, [Style(style)]).result(PATIENCE).image.shape == content.shape
        _, living = psutil.wait_procs(family, timeout=30)
        assert not living


def test_what_workers_print_holds_nothing_up():
    """A pipe that nobody reads takes 64 kB."""
    with engine_of() as engine:
        assert engine.submit(jobs.shout, 300_000).result(PATIENCE) == 300_000


def test_others_on_the_machine_cannot_connect_to_the_embedded_cluster():
    from distributed import Client, Security

    with engine_of() as engine:
        engine.wait_until_ready(PATIENCE)
        address = engine._transport._connection._client.scheduler.address
        assert address.startswith("tls://127.0.0.1:")
        with pytest.raises(OSError):
            Client(address.replace("tls", "tcp"), timeout=5)
        with pytest.raises(OSError):
            Client(address, security=Security.temporary(), timeout=5)
        assert engine.submit(jobs.process_id).result(PATIENCE) > 0


def test_an_engine_leaves_the_callers_loggers_alone(caplog):
    """It silences what Dask says of its own work, which jobs say in sentences."""
    from distributed import Client

    logger = logging.getLogger("distributed.client")
    level, parent = logger.getEffectiveLevel(), logging.getLogger("distributed").level
    with engine_of() as engine:
        engine.wait_until_ready(PATIENCE)
        assert Client and (logger.getEffectiveLevel(), logging.getLogger("distributed").level) == (level, parent)
        logger.addHandler(caplog.handler)
        try:
            logger.warning("the caller's own")
        finally:
            logger.removeHandler(caplog.handler)
    assert "the caller's own" in caplog.text


def test_a_cluster_that_does_not_start_is_given_up_after_three_times(monkeypatch):
    started = []

    def start(memory_limit):
        started.append(subprocess.Popen([sys.executable, "-c", "pass"], stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return started[-1]

    monkeypatch.setattr("nst_core.service.dask.cluster.start", start)
    monkeypatch.setattr("nst_core.service.dask.connection.AGAIN", 0.1)
    with engine_of() as engine:
        with pytest.raises(Failure, match="before it was up"):
            engine.wait_until_ready(PATIENCE)
        until(lambda: len(started) == 3 and started[-1].poll() is not None)
        time.sleep(1)
        with pytest.raises(Failure, match=r"^The engine did not start, 3 times in a row; standard error says why\."):
            engine.submit(jobs.process_id).result(PATIENCE)
        assert len(started) == 3


SERVER = """
import sys, time
from nst_core.service import Service
from tests.service.test_engine import pictures
from tests.service.test_faults import LONG
from nst_core.stylizer import Style
content, style = pictures()
engine = Service()
job = engine.run(LONG, {"content": content}, [Style(style)])
while len(job.progress) < 30: time.sleep(0.05)
print(job.id, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_a_restarted_server_goes_on_with_what_was_under_way(end):
    script = SERVER if end is signal.SIGKILL else "import signal, sys\nsignal.signal(15, lambda *_: sys.exit())\n" + SERVER
    server = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    id = server.stdout.readline().decode().strip()
    until(checkpoints.path(id).exists)
    server.send_signal(end)
    server.wait(PATIENCE)
    with engine_of() as engine:
        assert engine.find(id, TrainingRecipe) is None  # not of another page's kind
        job = engine.find(id, OptimizeRecipe)
        assert job is engine.find(id, OptimizeRecipe)
        assert job.recipe == LONG
        assert np.array_equal(images.to_uint8(job.submission.picture("content")), images.to_uint8(pictures()[0]))
        until(lambda: job.progress)
        assert job.progress[0].iteration > 1
        job.cancel()
        assert job.wait(PATIENCE)
    assert not list(checkpoints.folder().iterdir())  # nothing stays behind


def test_an_order_comes_back_as_it_was():
    content, picture = (images.to_uint8(image) for image in pictures())
    mask = np.uint8(255) * (content[..., 0] > 99)
    recipe = OptimizeRecipe(content=Source(name="x"), styles=(StyleSource(source=Source(name="y"), weight=0.5),))
    kept = [Style(picture, 0.5, mask, None, Color.LUMINANCE)]
    given = {"content": content, "initial": content[::-1], "opacity": mask}
    submission = Submission(recipe, given, kept, {"clip": b"frames"}, 75.5)
    submissions.save("0" * 32, submission)
    back = submissions.load("0" * 32)
    assert (back.recipe, back.files, back.expected) == (recipe, {"clip": b"frames"}, 75.5)
    assert all(np.array_equal(back.pictures[name], submission.pictures[name]) for name in ("content", "initial"))
    assert np.array_equal(images.to_uint8(back.opacity), mask)
    assert Submission(recipe, {"content": content}).opacity is None
    (style,) = back.styles
    assert np.array_equal(style.image, picture) and np.array_equal(style.mask, mask)
    assert (style.weight, style.guide, style.color) == (0.5, None, Color.LUMINANCE)


@pytest.mark.parametrize("id", ["", "../../etc/passwd", "0" * 31, "1" * 32, "f" * 32, "e" * 32])
def test_an_address_of_a_strangers_making_finds_nothing(id):
    checkpoints.submission("f" * 32).write_bytes(b"PK\x03\x04 broken")
    checkpoints.submission("e" * 32).write_bytes(b"")
    assert submissions.load(id) is None


def test_what_nobody_comes_back_for_is_tidied_away():
    old, young = checkpoints.path("a"), checkpoints.path("b")
    for file in (old, young, old.with_suffix(".partial")):
        file.write_bytes(b"x")
    for file in (old, old.with_suffix(".partial")):
        os.utime(file, (0, 0))
    checkpoints.tidy()
    assert list(checkpoints.folder().iterdir()) == [young]


@pytest.mark.parametrize("lane", [Lane.LIGHT, Lane.SLOW])
def test_what_takes_too_much_memory_is_ended_with_a_sentence_and_nothing_else_is(lane):
    other = Lane.SLOW if lane is Lane.LIGHT else Lane.LIGHT
    with engine_of(memory_limit=500_000_000) as engine:
        bystander = engine.submit(jobs.count, 50, 0.1, lane=other)
        until(lambda: bystander.progress)
        with pytest.raises(Failure, match=r"most likely for want of memory.*choose a smaller size"):
            engine.submit(jobs.fill, 700_000_000, lane=lane).result(PATIENCE)
        assert bystander.result(PATIENCE).iteration == 50
        assert [p.iteration for p in bystander.progress] == list(range(1, 51))
        assert engine.submit(jobs.process_id, lane=lane).result(PATIENCE)


# --- disks ------------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_is_no_end(monkeypatch, tmp_path):
    (tmp_path / "a-file").write_text("not a folder")
    monkeypatch.setenv("NST_CHECKPOINT_DIR", str(tmp_path / "a-file" / "states"))
    assert checkpoints.folder().is_dir()
    with engine_of() as engine:
        job = engine.submit(jobs.Counter, 200, 0.05, RECIPE, lane=Lane.SLOW)
        until(lambda: len(job.progress) >= 3)
        job.pause()
        until(lambda: job.state is JobState.PAUSED)
        job.cancel()


def test_a_full_disk_costs_the_pause_and_not_the_job(monkeypatch):
    """/dev/full takes no byte: what is written there finds no space left on the device."""

    def full(file, state):
        with Path("/dev/full").open("wb") as disk:
            np.savez(disk, **state)

    monkeypatch.setattr(arrays, "save", full)
    said = []
    call = Call("job", jobs.Counter, (20, 0.0, RECIPE), Lane.SLOW, Path("unused"))
    assert execute(call, PauseAtOnce(said)).iteration == 20
    assert any("no room for its state (No space left on device)" in message.get("notice", "") for message in said)


def test_a_disk_that_fills_leaves_the_state_before_and_nothing_half_written():
    file = checkpoints.folder() / "full.npz"
    arrays.save(file, {"iteration": np.array(1)})
    file.with_suffix(".partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        arrays.save(file, {"iteration": np.array(2)})
    assert arrays.load(file)["iteration"] == 1
    assert list(checkpoints.folder().iterdir()) == [file]


class PauseAtOnce:
    """A channel whose client asks for a pause at every step."""

    def __init__(self, said):
        self.said = said

    def say(self, message):
        self.said.append(message)

    def listen(self):
        return {Signal.PAUSE}


# --- borrowed clusters ------------------------------------------------------------------------------------------------


def test_a_scheduler_that_goes_and_comes_back_costs_nothing_that_was_finished():
    port = free_port()
    lanes = ("--nthreads", "3", "--resources", "light=1 slow=1 tensorflow=1")
    with scheduler(port) as first, worker(port, *lanes), engine_of(f"tcp://127.0.0.1:{port}") as engine:
        engine.wait_until_ready(PATIENCE)
        job = engine.submit(jobs.Counter, 60, 0.1, RECIPE, lane=Lane.SLOW)
        until(lambda: len(job.progress) >= 15)
        first.kill()
        first.wait()
        with scheduler(port), worker(port, *lanes):
            assert job.result(PATIENCE).iteration == 60
            assert [p.iteration for p in job.progress].count(1) == 1


def test_workers_without_our_resources_are_used_and_no_lane_waits():
    """Two of one thread each: one takes the light jobs, the other the slow ones."""
    port = free_port()
    with (
        scheduler(port),
        worker(port, "--nthreads", "1"),
        worker(port, "--nthreads", "1"),
        engine_of(f"tcp://127.0.0.1:{port}") as engine,
    ):
        engine.wait_until_ready(PATIENCE)
        client = engine._transport._connection._client
        until(lambda: len(client.scheduler_info()["workers"]) == 2)  # on a busy machine one may be late
        slow = [engine.submit(jobs.count, 600, 0.1, lane=Lane.SLOW) for _ in range(3)]
        until(lambda: slow[0].progress)
        content, style = pictures()
        assert engine.run(RECIPE, {"content": content}, [Style(style)]).result(45).image.shape == content.shape
        for job in reversed(slow):
            job.cancel()
        until(lambda: all(job.finished for job in slow))


def test_strangers_are_given_what_is_lacking():
    plain, three = {"nthreads": 1, "resources": {}}, {"nthreads": 3, "resources": {}}
    light, slow = {"light": 1}, {"slow": 1, "tensorflow": 1, "film": 1}
    assert lanes.lent({"a": plain}) == {"a": light}
    assert lanes.lent({"a": plain, "b": plain, "c": plain}) == {"a": light, "b": slow, "c": light}
    assert lanes.lent({"a": {"nthreads": 1, "resources": light}, "b": plain}) == {"b": slow}
    assert lanes.lent({"a": {"nthreads": 1, "resources": slow}, "b": plain}) == {"b": light}
    assert lanes.lent({"a": three}) == {"a": {"light": 1} | slow}
    assert lanes.served({"a": {"nthreads": 1, "resources": slow}, "b": plain}) == {"light": 0} | slow


def test_a_lane_that_no_worker_serves_is_a_sentence(monkeypatch):
    monkeypatch.setattr("nst_core.service.dask.connection.NEWCOMERS", 2.0)
    port = free_port()
    with (
        scheduler(port),
        worker(port, "--nthreads", "1", "--resources", "light=1"),
        engine_of(f"tcp://127.0.0.1:{port}") as engine,
    ):
        engine.wait_until_ready(PATIENCE)
        with pytest.raises(Failure, match=re.escape('--resources "slow=1 tensorflow=2"')):
            engine.submit(jobs.count, 1, 0.1, lane=Lane.SLOW).result(PATIENCE)


def test_a_cluster_that_does_not_know_this_program_is_a_sentence():
    port = free_port()
    with scheduler(port, silent=True), engine_of(f"tcp://127.0.0.1:{port}") as engine:
        with pytest.raises(Failure, match=r"does not know this program .* PYTHONPATH=\.") as told:
            engine.submit(jobs.process_id).result(PATIENCE)
        assert "\n" not in str(told.value)


def test_work_whose_page_has_gone_ends(tmp_path):
    """A server that dies leaves no job on other machines' workers."""
    port = free_port()
    mark = tmp_path / "steps"
    script = (
        f"import time\nfrom nst_core.service import Service, Lane\nfrom tests import jobs\n"
        f"engine = Service('tcp://127.0.0.1:{port}')\n"
        f"job = engine.submit(jobs.mark, {str(mark)!r}, lane=Lane.SLOW)\n"
        "while not job.progress: time.sleep(0.05)\nprint('running', flush=True)\ntime.sleep(600)"
    )
    with scheduler(port), worker(port, "--nthreads", "3"):
        page = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
        page.stdout.readline()
        page.kill()
        page.wait()
        until(lambda: mark.exists() and "ended" in mark.read_text())


@pytest.mark.parametrize("lane", [Lane.LIGHT, Lane.SLOW])
def test_one_pass_is_made_again_when_its_worker_dies(lane, tmp_path):
    """A light job; a slow one without a state is not."""
    with engine_of() as engine:
        job = engine.submit(jobs.die_once, str(tmp_path / "died"), lane=lane)
        if lane is Lane.LIGHT:
            assert job.result(PATIENCE) == "alive"
        else:
            with pytest.raises(Failure, match="The worker died"):
                job.result(PATIENCE)


def test_a_recipe_for_one_pass_has_a_name_in_the_log(caplog):
    content, style = pictures()
    with engine_of() as engine, caplog.at_level("INFO", "nst"):
        engine.run(InstantRecipe(content=Source(name="secret.jpg")), {"content": content}, [Style(style)]).result(PATIENCE)
        until(lambda: caplog.messages)
    (line,) = caplog.messages
    assert re.fullmatch(r"job instant 64x48 waited \d+\.\d s took \d+\.\d s peak \d+ MB done", line)
