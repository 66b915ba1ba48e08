"""Arrays by name in files: how states are kept."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np


def save(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a temporary file and rename it, so that a process killed while writing leaves the previous file.

    Raises: OSError when the disk is full.
    """
    partial = file.with_suffix(".partial")
    try:
        with partial.open("wb") as unfinished:
            np.savez(unfinished, **arrays)  # type: ignore[arg-type]  # any name but allow_pickle may follow
        partial.replace(file)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def load(file: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file. Raises: OSError, ValueError, EOFError or zipfile.BadZipFile when it cannot be read."""
    with np.load(file, allow_pickle=False) as archive:
        return dict(archive)
