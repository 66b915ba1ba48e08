"""What a slow job can go on from: arrays by name <-> a file that only its owner can read.

`NST_CHECKPOINT_DIR` names the folder, which must be a shared one where workers are other machines; by default it lies among the
platform's state folders.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import platformdirs


def folder() -> Path:
    """Made when it is asked for, and nobody else's to look into."""
    named = os.environ.get("NST_CHECKPOINT_DIR")
    place = Path(named) if named else platformdirs.user_state_path("nst", appauthor=False) / "checkpoints"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not named:
        place.chmod(0o700)
    return place


def path(job: str) -> Path:
    return folder() / f"{job}.npz"


def save(file: Path, state: Mapping[str, np.ndarray]) -> None:
    """Beside its place first: a worker killed while writing leaves the state before."""
    with (partial := file.with_suffix(".partial")).open("wb") as unfinished:
        np.savez(unfinished, **state)  # type: ignore[arg-type]  # any name but allow_pickle may follow
    partial.replace(file)


def discard(job: str) -> None:
    for suffix in (".npz", ".partial"):
        path(job).with_suffix(suffix).unlink(missing_ok=True)


def load(file: Path) -> dict[str, np.ndarray]:
    with np.load(file, allow_pickle=False) as archive:
        return dict(archive)
