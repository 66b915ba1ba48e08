"""The engine that all sessions share, and which jobs a session watches."""

import streamlit as st

from nst_core.engine import Engine, Job
from nst_core.machine import allocator


@st.cache_resource(show_spinner=False, validate=lambda engine: engine.alive or engine.closed)
def engine() -> Engine:
    """One for all sessions; a new one when the old one has died, not when the server is closing it."""
    _small()
    return Engine()


@st.cache_resource(show_spinner=False)
def _small() -> None:
    """Once a process."""
    allocator.stay_small()


def _release(jobs: list[Job]) -> None:
    for job in jobs:
        job.release()


@st.cache_resource(scope="session", show_spinner=False, on_release=_release)
def _claimed() -> list[Job]:
    return []


def claim(job: Job) -> None:
    """This session watches the job; when it ends, the job has a minute to be found by another."""
    job.claim()
    _claimed().append(job)


def collected(job: Job) -> None:
    """What the job made is on the page: nobody needs the job any more."""
    engine().collected(job)
    if job in _claimed():
        _claimed().remove(job)
