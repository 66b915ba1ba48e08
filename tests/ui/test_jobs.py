"""The panel of a slow job."""

from streamlit.testing.v1 import AppTest

PATIENCE = 60  # seconds until a hang counts as a failure


def page():
    """A job that pauses while the page is drawn."""
    import streamlit as st

    import ui
    from nst_core.service import Job, JobState

    panel = ui.Panel("some")
    job = st.session_state.setdefault("some.job", Job(None, print, (), "slow"))
    panel.buttons()
    job._state = JobState.PAUSED
    panel.watch(job, ui.JobView(lambda job: job.state.title(), lambda job: 0.0), lambda job: None)


def test_a_job_that_pauses_while_the_page_is_drawn_can_be_resumed():
    app = AppTest.from_function(page, default_timeout=PATIENCE).run()
    assert app.markdown[0].value == "Paused"
    assert app.button[0].label == "Resume"
