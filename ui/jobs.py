"""Slow jobs on a page: the panel that starts, watches and ends one, and its previews."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import streamlit as st

from nst_core.errors import Gone
from nst_core.service import Job, JobState, Progress, Submission
from ui.charts import loss_chart, summed
from ui.files import visitor
from ui.messages import LOADING, plain, sentences, spoken
from ui.shared_engine import claim, collected, engine

POLL = 0.4  # seconds between looks at a running job
GLANCE = 0.1  # until it shows something


@dataclass(frozen=True)
class JobView:
    """How a panel shows a running job. before: a JPEG until there is a preview. beside: picture and chart in one row."""

    line: Callable[[Job], str]
    share: Callable[[Job], float]  # of the work that is done
    curve: Callable[[list[Progress]], list[Progress]] | None = summed  # what the chart draws; None: there is none
    before: bytes | None = None
    beside: bool = False


@dataclass(frozen=True)
class Panel:
    """One slow job of a page: start, pause, resume, stop, cancel, watch; found again when the page is reloaded.

    State: `{prefix}.job` holds it, `{prefix}.wanted` says that a visitor asked for one, `{prefix}.paused` that the buttons
    offer to resume it. The address names it.
    """

    prefix: str
    start: str = "Start"  # what the buttons say
    cancel: str = "Cancel"
    stop: str | None = None  # None: it cannot be stopped, only cancelled

    @property
    def job(self) -> Job | None:
        return st.session_state.get(f"{self.prefix}.job")

    def find(self, kind: type, note: Callable[[Submission], object]) -> Job | None:
        """The job in the address of a page that was reloaded, shown here from now on; also one of a server before this one.

        kind: of its recipe. note: makes what `begin` is given of what was asked for.
        """
        found = engine().find(st.query_params.get("job", ""), kind, visitor=visitor())
        if found is None or found is self.job:
            return None
        if found.note is None and (submission := found.submission):
            with sentences():
                found.note = note(submission)
        if found.note is None:
            return None
        claim(found)
        st.session_state[f"{self.prefix}.job"] = found
        return found

    def want(self) -> None:
        """The start button's callback: the job begins in the script, where its sentences have a place."""
        st.session_state[f"{self.prefix}.wanted"] = True

    def wanted(self) -> bool:
        """Whether a job is to begin now."""
        return st.session_state.pop(f"{self.prefix}.wanted", False) and self.job is None

    def begin(self, job: Job, note: object) -> None:
        """note: what the page wants to find again with the job; its `recipe` says what kind of job it is."""
        job.note = note
        claim(job)
        st.session_state[f"{self.prefix}.job"] = job
        st.query_params["job"] = job.id

    def buttons(self, resume: Callable[[Job], None] = Job.resume) -> None:
        """The same widgets all along: while a script runs, the browser keeps a button that has gone beside the new one."""
        job = self.job
        if job and st.query_params.get("job") != job.id:
            st.query_params["job"] = job.id  # another page has been here since
        label, icon, act = self.start, ":material/play_arrow:", self.want
        paused = job is not None and job.state is JobState.PAUSED
        st.session_state[f"{self.prefix}.paused"] = paused
        if job and paused:
            label, act = "Resume", partial(resume, job)
        elif job:
            label, icon, act = "Pause", ":material/pause:", job.pause
        with st.container(horizontal=True):
            st.button(label, icon=icon, type="primary", on_click=act, key=f"{self.prefix}.go")
            if self.stop:
                stop = job.stop if job else None
                st.button(self.stop, icon=":material/stop:", on_click=stop, disabled=job is None, key=f"{self.prefix}.stop")
            cancel = job.cancel if job else None
            st.button(self.cancel, icon=":material/close:", on_click=cancel, disabled=job is None, key=f"{self.prefix}.cancel")

    def watch(self, job: Job, look: JobView, collect: Callable[[Job], None]) -> None:
        """Show the job, below its buttons, until it ends or pauses; every look is a point where Streamlit drops this run for
        the next click.

        collect: takes what a finished job has made.
        """
        paused = st.session_state[f"{self.prefix}.paused"]  # as the buttons have it: the job may have paused since
        line, bar = st.empty(), st.empty()
        left, right = st.columns(2) if look.beside else (st.container(), st.container())
        picture, chart = left.empty(), right.empty()

        def draw() -> None:
            progress = list(job.progress)
            line.markdown(look.line(job) + (f" {plain(job.notice)}" if job.notice else ""))
            bar.progress(min(1.0, look.share(job)))
            if shown := preview(progress) or look.before:
                picture.image(shown, width="stretch")
            if progress and look.curve:
                with chart:
                    loss_chart(look.curve(progress))

        while not job.wait(POLL if job.progress else GLANCE) and job.state is not JobState.PAUSED:
            draw()
        draw()
        if job.finished:
            collected(job)
            collect(job)  # before anything at which Streamlit may drop this run
            del st.session_state[f"{self.prefix}.job"]
            st.query_params.pop("job", None)
            if job.notice:
                st.toast(plain(job.notice), icon=":material/info:")
        if job.finished or not paused:
            st.rerun()  # for other buttons, and the result


def done(job: Job) -> float:
    """The share of its iterations that a job has done."""
    latest = job.progress[-1] if job.progress else None
    return latest.iteration / latest.total if latest else 0.0


def describe(job: Job) -> str:
    """Where a job stands, in a line."""
    if job.state is JobState.PAUSED:
        return "**Paused.** Change the weights under “Everything else” if you like, then resume."
    if not engine().ready and not job.progress:
        return LOADING
    if job.position:
        return f"Waiting: {job.position} ahead of you, {spoken(job.wait_left)}."
    if not job.progress:
        return "Looking at photograph and style …"
    first, last = job.progress[0], job.progress[-1]
    rate = (last.iteration - first.iteration) / (last.seconds - first.seconds) if last.seconds > first.seconds else 0
    left = f" · {(last.total - last.iteration) / rate:.0f} s left" if rate else ""
    return f"Iteration **{last.iteration}** of {last.total} · {rate:.1f} a second{left}"


def preview(progress: list[Progress]) -> bytes | None:
    """The latest picture of a job that runs, a JPEG."""
    kept = next((p.preview for p in reversed(progress) if p.preview), None)
    try:
        return kept.read() if kept else None
    except Gone:
        return None
