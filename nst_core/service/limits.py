"""Every limit of the service: what a visitor may ask for, and what the machine keeps. Environment in, numbers out.

`NST_MAX_SIZE=1024` sets `max_size`: in the environment, or at the top of Streamlit's `secrets.toml`, which is copied there.
Read once a process; workers inherit the page's. A test compares the table in DEPLOYING.md with this file.
"""

import dataclasses
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image as Pillow

from nst_core import images
from nst_core.errors import BadClip, BadRecipe
from nst_core.machine import variables
from nst_core.recipes import OptimizeRecipe, VideoRecipe

PREFIX = "NST_"


def _limit(default: float, least: float, most: float, about: str) -> Any:
    return dataclasses.field(default=default, metadata={"least": least, "most": most, "about": about})


@dataclass(frozen=True, slots=True)
class Limits:
    """Each with its default, the least and the most that it may be set to, and what it counts."""

    max_upload_mb: int = _limit(25, 1, 200, "MB of an uploaded file; for more, `STREAMLIT_SERVER_MAX_UPLOAD_SIZE` too")
    max_megapixels: int = _limit(50, 1, 200, "megapixels of an uploaded picture")
    max_size: int = _limit(2048, 768, 4096, "pixels of a result's longer side")
    max_print: int = _limit(4096, 768, 8192, "pixels of an optimised picture's longer side, where memory allows it")
    max_ripening: int = _limit(768, 0, 4096, "pixels of the longer side of a picture that Instant goes on refining; 0: none")
    max_iterations: int = _limit(10_000, 10, 100_000, "iterations of an optimisation")
    max_minutes: float = _limit(45.0, 0.1, 1440, "minutes that a slow job may run; it ends with what it has")
    max_pause_minutes: float = _limit(30.0, 0.1, 1440, "minutes that a paused job keeps its place")
    max_jobs: int = _limit(3, 1, 100, "slow jobs that a visitor may have under way or waiting")
    max_queue: int = _limit(24, 1, 1000, "slow jobs under way or waiting, of all visitors")
    max_pictures_queue: int = _limit(200, 2, 10_000, "one-pass pictures under way or waiting, of all visitors")
    max_batch: int = _limit(64, 1, 1000, "pictures of a batch on a page")
    max_batch_upload_mb: int = _limit(8, 1, 200, "MB of each uploaded file of a batch")
    max_clip_mb: int = _limit(25, 1, 500, "MB of an uploaded clip; for more, `STREAMLIT_SERVER_MAX_UPLOAD_SIZE` too")
    max_clip_seconds: int = _limit(60, 1, 3600, "seconds of an uploaded clip")
    max_clip_size: int = _limit(1024, 256, 2048, "pixels of a painted clip's longer side")
    grace_minutes: float = _limit(
        10.0, 0.1, 1440, "minutes that a slow job goes on without its page while nobody waits behind it"
    )
    kept_uploads: int = _limit(12, 2, 100, "uploads that a session keeps; the oldest are deleted")
    kept_results: int = _limit(16, 2, 100, "results that a session keeps on each page; the oldest are deleted")
    visitor_mb: int = _limit(150, 10, 100_000, "MB of files that a session keeps; the oldest are deleted")
    visitors_mb: int = _limit(1000, 100, 1_000_000, "MB of files that all sessions keep together")
    checkpoint_hours: float = _limit(24.0, 0.1, 1000, "hours that an interrupted job can be found again")
    checkpoints_mb: int = _limit(500, 50, 1_000_000, "MB of the states of interrupted jobs")


def variable(name: str) -> str:
    """`max_size` -> `NST_MAX_SIZE`."""
    return PREFIX + name.upper()


def read(environment: Mapping[str, str]) -> Limits:
    """What is not set, or cannot be, keeps its default; the latter with a line in the log."""
    found: dict[str, Any] = {}
    for limit in dataclasses.fields(Limits):
        if (text := environment.get(variable(limit.name))) is not None:
            default: Any = limit.default
            found[limit.name] = variables.number(
                variable(limit.name), text, default, limit.metadata["least"], limit.metadata["most"]
            )
    return Limits(**found)


LIMITS = read(os.environ)


def check(recipe: Any) -> None:
    """Check a visitor's recipe, or None, against the limits. Raises: BadRecipe, naming the limit."""
    most = LIMITS.max_size
    if isinstance(recipe, OptimizeRecipe):
        most = max(most, LIMITS.max_print)
        if recipe.iterations > LIMITS.max_iterations:
            raise BadRecipe(f"{recipe.iterations:,} iterations are more than the {LIMITS.max_iterations:,} of this server.")
    elif isinstance(recipe, VideoRecipe):
        most = LIMITS.max_clip_size
    longer = max(getattr(recipe, "shape", None) or (getattr(recipe, "size", 0),))
    if longer > most:
        raise BadRecipe(f"{longer} px are more than the {most} px of this server: choose a smaller size.")


def check_clip_file(name: str, data: bytes) -> None:
    """Check the size of an uploaded clip. name: begins the error message. Raises: BadClip."""
    if len(data) > LIMITS.max_clip_mb * 1024**2:
        raise BadClip(
            f"{name} is {len(data) / 1024**2:.1f} MB; at most {LIMITS.max_clip_mb} MB are taken here: "
            "cut it shorter, or scale it down."
        )


def check_clip_length(name: str, seconds: float) -> None:
    """Check the length of an uploaded clip. name: begins the error message. Raises: BadClip."""
    if seconds > LIMITS.max_clip_seconds + 0.5:
        raise BadClip(
            f"{name} lasts {seconds:.0f} s; at most {LIMITS.max_clip_seconds} s are painted here: cut it shorter. "
            "On your own machine, `python -m nst_core video` takes any length."
        )


def apply() -> None:
    """Bound what this process decodes by the limits of uploads; Pillow's own limit needs no warning beside them."""
    warnings.filterwarnings("ignore", category=Pillow.DecompressionBombWarning)
    images.restrict(LIMITS.max_upload_mb * 1024**2, LIMITS.max_megapixels * 1_000_000)
