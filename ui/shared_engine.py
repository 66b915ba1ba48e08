"""The engine that all sessions share, and which jobs a session watches."""

import streamlit as st

from nst_core.machine import allocator
from nst_core.service import Batch, Job, Service, journal


@st.cache_resource(show_spinner=False)
def engine() -> Service:
    """One for all sessions; it mends itself."""
    _small()
    journal.listen()
    return Service()


@st.cache_resource(show_spinner=False)
def _small() -> None:
    """Once a process."""
    allocator.stay_small()


def _release(jobs: list[Job | Batch]) -> None:
    for job in jobs:
        job.release()


@st.cache_resource(scope="session", show_spinner=False, on_release=_release)
def _claimed() -> list[Job | Batch]:
    return []


def claim(job: Job | Batch) -> None:
    """This session watches the job; when it ends, the job has some minutes to be found by another."""
    job.claim()
    _claimed().append(job)


def collected(job: Job | Batch) -> None:
    """What the job made is on the page: nobody needs the job any more."""
    if isinstance(job, Job):
        job.collected()
    if job in _claimed():
        _claimed().remove(job)
