"""The log: a line for every job that has come to its end. What it was and how it went; no picture, name or address.

    2026-11-26 12:00:31 job optimize 768x512 waited 3.1 s took 15.2 s peak 1204 MB done

To standard error, where every host collects it and bounds it.
"""

import logging
import sys

from nst_core.service.jobs import Job

LOG = logging.getLogger("nst")


def listen() -> None:
    """Show the log lines, in a server; the command line shows none."""
    if not LOG.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        LOG.addHandler(handler)
        LOG.setLevel(logging.INFO)
        LOG.propagate = False


def write(job: Job) -> None:
    size = "x".join(map(str, job.shape)) if job.shape else "-"
    peak = f"{job.peak / 1e6:.0f} MB" if job.peak else "-"
    error = f" {type(job.error).__name__}" if job.error else ""
    LOG.info(
        "job %s %s waited %.1f s took %.1f s peak %s %s%s", job.kind, size, job.waited, job.seconds, peak, job.state, error
    )
