"""What a slow job can go on from: arrays by name <-> files that only their owner can read.

A job's state is written by its worker, its submission by the page (`submissions`). `NST_CHECKPOINT_DIR` names the folder, which
must be a shared one where workers are other machines; by default it lies among the platform's state folders.
"""

import os
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from functools import cache
from pathlib import Path

import platformdirs

from nst_core.machine import Scratch
from nst_core.service.limits import LIMITS

LEASE = 1200.0  # seconds for which a job's files count as wanted once they were written or renewed


def folder() -> Path:
    """Return the folder of states, created if need be and readable by its owner only; a temporary one if that fails."""
    named = os.environ.get("NST_CHECKPOINT_DIR")
    place = Path(named) if named else platformdirs.user_state_path("nst", appauthor=False) / "checkpoints"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not named:
            place.chmod(0o700)
        if os.access(place, os.W_OK):
            return place
    except OSError:
        pass  # a home that is read-only, or none at all: pauses and deaths are served all the same, restarts are not
    return Path(_temporary().name)


@cache
def _temporary() -> Scratch:
    return Scratch()


def path(job: str) -> Path:
    """Return the path of the job's state."""
    return folder() / f"{job}.npz"


def submission(job: str) -> Path:
    """Return the path of the job's submission."""
    return folder() / f"{job}.order.npz"


def _leased() -> set[str]:
    """Return the ids of jobs with a file that was written or renewed within LEASE seconds."""
    leased = set[str]()
    for file in folder().glob("*.npz"):
        with suppress(OSError):
            if file.stat().st_mtime > time.time() - LEASE:
                leased.add(file.name.partition(".")[0])
    return leased


def parts(file: Path) -> Path:
    """Return the folder beside a state for results so far that are too large for the state."""
    return file.with_suffix(".parts")


def discard(job: str) -> None:
    for file in (path(job), submission(job)):
        for suffix in (".npz", ".partial"):
            file.with_suffix(suffix).unlink(missing_ok=True)
    shutil.rmtree(parts(path(job)), ignore_errors=True)


def renew(open: Collection[str]) -> None:
    """Mark the files of jobs that are under way as wanted, for LEASE seconds. open: their ids."""
    for file in (file for job in open for file in (path(job), submission(job))):
        with suppress(OSError):  # it has none, or ends while we look
            os.utime(file)


def tidy(open: Collection[str] = ()) -> None:
    """Delete files that are too old, and the oldest beyond the size limit. open: ids of jobs to keep.

    Servers may share the folder: what another one has under way is not older than LEASE.
    """
    room, young = LIMITS.checkpoints_mb * 1e6, time.time() - LIMITS.checkpoint_hours * 3600
    found: list[tuple[float, int, Path]] = []
    open = {*open, *_leased()}
    for file in (file for kind in ("npz", "partial", "parts") for file in folder().glob(f"*.{kind}")):
        if file.name.partition(".")[0] in open:
            continue
        with suppress(OSError):  # its job may end while we look
            inside = [part.stat().st_size for part in file.iterdir()] if file.is_dir() else [file.stat().st_size]
            found.append((file.stat().st_mtime, sum(inside), file))
    for written, size, file in sorted(found, reverse=True):
        room -= size
        if room < 0 or written < young:
            shutil.rmtree(file, ignore_errors=True) if file.is_dir() else file.unlink(missing_ok=True)
