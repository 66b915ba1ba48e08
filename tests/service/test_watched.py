"""Jobs whose page was closed: how long they go on, how they end, and what is found of them. No cluster."""

import dataclasses
import time

import numpy as np
import pytest

from nst_core.errors import Abandoned, Cancelled
from nst_core.recipes import OptimizeRecipe
from nst_core.service import JobState, Submission
from nst_core.service.jobs import Job, Lane, Progress, Signal
from nst_core.service.limits import LIMITS
from nst_core.service.queue import Queue
from nst_core.stylizer import Step

PICTURE = np.zeros((100, 200, 3), np.uint8)
SUBMISSION = Submission(OptimizeRecipe(), {"content": PICTURE})


class Desk:
    """An engine that queues jobs, and remembers what they were told."""

    def __init__(self):
        self.queue, self.told = Queue(), []

    def signal(self, job, signal):
        self.told.append(signal)

    def delays(self, job):
        return bool(self.queue.behind(job))

    def send(self, job):
        self.queue.place(job)

    def forget(self, job):
        self.queue.leave(job)


@pytest.fixture
def desk(monkeypatch, tmp_path):
    """Whose jobs outlive their pages by half a second, and by two where nobody waits."""
    monkeypatch.setenv("NST_CHECKPOINT_DIR", str(tmp_path))
    monkeypatch.setattr("nst_core.service.jobs.GRACE", 0.5)
    monkeypatch.setattr("nst_core.service.jobs.LIMITS", dataclasses.replace(LIMITS, grace_minutes=2 / 60))
    return Desk()


@pytest.fixture
def patient(monkeypatch):
    """An engine whose jobs outlive their pages by an hour where nobody waits."""
    monkeypatch.setattr("nst_core.service.jobs.LIMITS", dataclasses.replace(LIMITS, grace_minutes=60))


def add(desk, *, submission=SUBMISSION, begun=True):
    job = Job(desk, len, (PICTURE, SUBMISSION.recipe), Lane.SLOW, visitor="a", submission=submission)
    desk.queue.enter(job)
    desk.send(job)
    if begun:
        job.began()
        job.progress.append(Progress(1, 9, {}, 1.0, None))
    return job


def leave(job):
    """Its only watcher goes."""
    job.claim()
    job.release()


def until(done):
    deadline = time.monotonic() + 60
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_job_goes_on_while_nobody_waits_and_then_ends_with_what_it_has(desk):
    job = add(desk)
    leave(job)
    assert not job.wait(1.2) and desk.told == []
    until(lambda: desk.told)
    assert desk.told[0] is Signal.STOP
    job.ended(Step(2, 2, image=PICTURE))
    assert job.state is JobState.DONE and job.result().image is not None
    assert job.notice.startswith("Ended early, with what it had, since its page had been closed")


def test_a_job_that_others_wait_for_ends_sooner_and_says_so(desk, patient):
    job = add(desk)
    add(desk, begun=False)
    leave(job)
    until(lambda: desk.told)
    assert desk.told[0] is Signal.STOP
    assert job.notice.endswith("and others were waiting.")


def test_who_left_too_is_no_reason_to_end(desk, patient):
    job, other = add(desk), add(desk, begun=False)
    leave(job)
    leave(other)
    assert not job.wait(1.2)
    assert desk.told == [] and not other.finished


def test_who_comes_back_finds_the_job_going_on(desk):
    job = add(desk)
    leave(job)
    job.claim()
    assert not job.wait(3)
    assert desk.told == []


def test_a_job_that_had_not_begun_is_given_up_with_the_reason(desk):
    job = add(desk, begun=False)
    leave(job)
    assert job.wait(30)
    with pytest.raises(Abandoned, match=r"^This job was given up, since its page had been closed: start it again\.$"):
        job.result()


def test_a_job_that_cannot_be_stopped_is_cancelled_with_the_reason(desk):
    job = add(desk)
    leave(job)
    until(lambda: len(desk.told) == 2)
    assert desk.told == [Signal.STOP, Signal.CANCEL]
    job.failed(Cancelled("Cancelled after 7 of 9 steps."))
    assert isinstance(job.error, Abandoned)


def test_what_no_address_finds_again_ends_after_a_minute(desk, patient):
    job = add(desk, submission=None)
    leave(job)
    until(lambda: desk.told)
    assert desk.told == [Signal.CANCEL]
