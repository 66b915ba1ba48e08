"""Batches: each picture at its own fate, whatever befalls the others or the workers."""

import os
import signal
import threading

import numpy as np

from nst_core import images
from nst_core.errors import BadPicture, Busy, Cancelled, Diverged, Failure
from nst_core.recipes import InstantRecipe
from nst_core.service import Batch, Lane, Service
from nst_core.service import batch as module
from nst_core.service.jobs import Job
from nst_core.stylizer import Step, Style
from tests import jobs
from tests.service.test_engine import PATIENCE, until
from tests.service.test_queue import Silent

RECIPE = InstantRecipe(engine="instant-lite")


def done(value):
    job = Job(Silent(), len, (), Lane.LIGHT)
    job.ended(value)
    return job


def failing(error):
    job = Job(Silent(), len, (), Lane.LIGHT)
    job.failed(error)
    return job


def test_each_picture_has_a_fate_of_its_own():
    best = Diverged("No numbers.")
    best.best = Step(2, 9, image=np.zeros((2, 2, 3), np.float32))

    def send(number):
        if number == 1:
            raise BadPicture("No picture.")
        if number == 2:
            raise ZeroDivisionError("one over nothing")
        return {3: failing(Failure("Alas.")), 4: failing(best)}.get(number) or done(Step(1, 1))

    batch = Batch(list("abcdef"), send, lambda number, step: (number, step.iteration), at_once=2)
    assert batch.wait(5)
    assert [entry.value for entry in batch.entries] == [(0, 1), None, None, None, (4, 2), (5, 1)]
    assert [type(entry.error) for entry in batch.failed] == [BadPicture, Failure, Failure, Diverged]
    assert "ZeroDivisionError" in str(batch.entries[2].error)
    assert batch.done == 6 and all(entry.job is None for entry in batch.entries)


def test_so_many_at_once_and_no_more():
    now, most, lock = [0], [0], threading.Lock()

    def send(number):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        return done(Step(1, 1))

    def take(number, step):
        with lock:
            now[0] -= 1

    assert Batch(list(map(str, range(50))), send, take, at_once=3).wait(5)
    assert 1 <= most[0] <= 3


def test_a_full_engine_is_asked_again(monkeypatch):
    monkeypatch.setattr(module, "AGAIN", 0.01)
    refusals = iter([Busy("Full."), Busy("Full.")])

    def send(number):
        if (refusal := next(refusals, None)) is not None:
            raise refusal
        return done(Step(1, 1))

    batch = Batch(["a"], send, lambda number, step: "made", at_once=1)
    assert batch.wait(5) and batch.entries[0].value == "made"


def test_cancel_keeps_what_is_done():
    open_job = Job(Silent(), len, (), Lane.LIGHT)
    batch = Batch(list("abc"), lambda number: done(Step(1, 1)) if number == 0 else open_job, lambda *_: "made", at_once=1)
    until(lambda: batch.entries[1].job)
    batch.cancel()
    assert batch.wait(5)
    assert batch.entries[0].value == "made"
    assert all(isinstance(entry.error, Cancelled) for entry in batch.entries[1:])


def test_a_worker_killed_in_the_middle_costs_no_picture():
    """And each result is its own picture's."""
    engine, count = Service(), 64
    try:
        engine.wait_until_ready(PATIENCE)
        contents = np.random.default_rng(0).random((count, 48, 64, 3), np.float32)
        style = Style(np.random.default_rng(1).random((64, 64, 3), np.float32))
        alone = [engine.run(RECIPE, {"content": content}, [style]).result(PATIENCE).image for content in contents[:4]]
        worker = engine.submit(jobs.process_id).result(PATIENCE)
        send = lambda number: engine.run(RECIPE, {"content": contents[number]}, [style])  # noqa: E731
        take = lambda number, step: images.to_uint8(step.image)  # noqa: E731
        batch = Batch(list(map(str, range(count))), send, take, at_once=engine.at_once(Lane.LIGHT) + 1)
        until(lambda: batch.done > count // 3)
        os.kill(worker, signal.SIGKILL)
        assert batch.wait(PATIENCE)
        assert not batch.failed
        made = [entry.value for entry in batch.entries]
        assert all(np.array_equal(one, images.to_uint8(other)) for one, other in zip(made, alone, strict=False))
        again = engine.run(RECIPE, {"content": contents[-1]}, [style]).result(PATIENCE).image
        assert np.array_equal(made[-1], images.to_uint8(again))
        assert len({picture.tobytes() for picture in made}) == count
        assert engine.submit(jobs.process_id).result(PATIENCE) != worker
    finally:
        engine.close()


def test_what_cannot_be_kept_of_a_diverged_run_holds_nothing_up():
    best = Diverged("No numbers.")
    best.best = Step(2, 9, image=np.zeros((2, 2, 3), np.float32))

    def take(number, step):
        raise Failure("No room.")

    batch = Batch(["a", "b"], lambda number: failing(best), take, at_once=1)
    assert batch.wait(5)
    assert all(isinstance(entry.error, Failure) for entry in batch.entries)
