"""Every limit of the service: what a visitor may ask for, and what the machine keeps. Environment in, numbers out.

`NST_MAX_SIZE=1024` sets `max_size`: in the environment, or at the top of Streamlit's `secrets.toml`, which is copied there.
Read once a process; workers inherit the page's. The README's table of limits is held to this file by a test.
"""

import logging
import os
from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = "NST_"


class Limits(BaseModel):
    """Each with its default, the range that it may be set to, and what it counts."""

    model_config = ConfigDict(frozen=True)

    max_upload_mb: int = Field(
        25, ge=1, le=200, description="MB of an uploaded file; for more, `STREAMLIT_SERVER_MAX_UPLOAD_SIZE` too"
    )
    max_megapixels: int = Field(50, ge=1, le=200, description="megapixels of an uploaded picture")
    max_size: int = Field(2048, ge=768, le=4096, description="pixels of a result's longer side")
    max_iterations: int = Field(10_000, ge=10, le=100_000, description="iterations of an optimisation")
    max_minutes: float = Field(45, gt=0, le=1440, description="minutes that a slow job may run; it ends with what it has")
    max_jobs: int = Field(3, ge=1, le=100, description="slow jobs that a visitor may have under way or waiting")
    max_queue: int = Field(24, ge=1, le=1000, description="slow jobs under way or waiting, of all visitors")
    max_pictures_queue: int = Field(200, ge=2, le=10_000, description="one-pass pictures under way or waiting, of all visitors")
    max_batch: int = Field(64, ge=1, le=1000, description="pictures of a batch on a page")
    max_batch_upload_mb: int = Field(8, ge=1, le=200, description="MB of each uploaded file of a batch")
    kept_uploads: int = Field(12, ge=2, le=100, description="uploads that a session keeps; the oldest are let go")
    kept_results: int = Field(16, ge=2, le=100, description="results that a session keeps on each page; the oldest are let go")
    visitor_mb: int = Field(150, ge=10, le=100_000, description="MB of files that a session keeps; the oldest are let go")
    visitors_mb: int = Field(1000, ge=100, le=1_000_000, description="MB of files that all sessions keep together")
    checkpoint_hours: float = Field(24, gt=0, le=1000, description="hours that an interrupted job can be found again")
    checkpoints_mb: int = Field(500, ge=50, le=1_000_000, description="MB of the states of interrupted jobs")


def variable(name: str) -> str:
    """`max_size` -> `NST_MAX_SIZE`."""
    return PREFIX + name.upper()


def read(environment: Mapping[str, str]) -> Limits:
    """What is not set, or cannot be, keeps its default; the latter with a line in the log."""
    found: dict[str, str] = {}
    for name in Limits.model_fields:
        if (value := environment.get(variable(name))) is None:
            continue
        try:
            Limits.model_validate({name: value})
            found[name] = value
        except ValidationError as error:
            why, default = error.errors()[0]["msg"], Limits.model_fields[name].default
            logging.getLogger("nst").warning("%s=%s cannot be: %s. It stays %s.", variable(name), value, why, default)
    return Limits.model_validate(found)


LIMITS = read(os.environ)
