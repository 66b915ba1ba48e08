"""Films through the engine: beside pictures, gone on with where a dead worker was, paused; nothing is left behind."""

import os
import signal

import numpy as np
import pytest

from nst_core import recipes
from nst_core.errors import BadClip
from nst_core.recipes import VideoRecipe
from nst_core.service import JobState, Lane, Service, checkpoints
from nst_core.stylizer import Style
from tests import jobs
from tests.clips import encoded, pan, told
from tests.service.test_engine import PATIENCE, pictures, until

COUNT = 72
RECIPE = recipes.video(size=256)


@pytest.fixture(scope="module")
def clip():
    return encoded(pan(COUNT), sound="aac")


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    os.environ["NST_CHECKPOINT_DIR"] = str(tmp_path_factory.mktemp("states"))
    running = Service()
    running.wait_until_ready(PATIENCE)
    yield running
    running.close()
    del os.environ["NST_CHECKPOINT_DIR"]


def test_a_film_survives_its_worker_and_a_pause(engine, clip):
    facts = engine.probe(clip, "pan.mp4").result(PATIENCE)
    assert (facts.width, facts.height, facts.frames, facts.sound) == (128, 96, COUNT, True)
    _, style = pictures()
    more = {"expected": facts.promise(256), "visitor": "somebody"}
    film = lambda: engine.run(RECIPE, styles=[Style(style)], files={"clip": clip}, **more)  # noqa: E731
    whole = film().result(PATIENCE)
    worker = engine.submit(jobs.process_id, lane=Lane.LIGHT).result(PATIENCE)
    job = film()
    assert job.expected == job.submission.expected == facts.promise(256)
    until(checkpoints.path(job.id).exists)
    os.kill(worker, signal.SIGKILL)  # at once: on a busy machine whatever comes between may take as long as the film
    assert checkpoints.parts(checkpoints.path(job.id)).is_dir()
    left = len(job.progress)
    until(lambda: len(job.progress) >= left + 2 and job.state is JobState.RUNNING)
    job.pause()
    until(lambda: job.state in (JobState.PAUSED, JobState.DONE))
    assert engine.find(job.id, VideoRecipe) is job
    job.resume()
    picture, style = pictures()
    beside = engine.run(recipes.instant(engine="instant-lite"), {"content": picture}, [Style(style)])
    assert beside.result(PATIENCE).image is not None  # it waits for no film
    again = job.result(PATIENCE)
    assert again.mp4 == whole.mp4
    assert told(again.mp4)["seconds"] == pytest.approx(COUNT / 25, abs=0.002)
    iterations = [step.iteration for step in job.progress]
    assert iterations[-1] == COUNT
    assert np.diff(iterations).min() > -12  # what its death cost: half a second's frames, not the beginning
    assert not list(checkpoints.folder().glob(f"{job.id}*"))


def test_what_is_no_clip_is_a_sentence_from_the_worker(engine):
    with pytest.raises(BadClip, match=r"letter.txt cannot be read"):
        engine.probe(b"Dear Sir or Madam", "letter.txt").result(PATIENCE)


def test_parts_of_films_that_nobody_came_back_for_are_tidied(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_CHECKPOINT_DIR", str(tmp_path))
    for name in ("old", "new", "open"):
        (tmp_path / f"{name}.parts").mkdir()
        (tmp_path / f"{name}.parts" / "frame").write_bytes(bytes(1000))
    for name in ("old", "open"):
        os.utime(tmp_path / f"{name}.parts", (0, 0))
    checkpoints.tidy({"open"})
    assert {path.name for path in tmp_path.iterdir()} == {"new.parts", "open.parts"}
    checkpoints.discard("new")
    assert {path.name for path in tmp_path.iterdir()} == {"open.parts"}
