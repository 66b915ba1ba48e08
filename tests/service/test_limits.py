"""Limits are read from the environment, wrong ones are ignored, and DEPLOYING.md lists all of them."""

import dataclasses
import logging
import re
from pathlib import Path

import pytest

from nst_core.service import limits
from nst_core.service.limits import Limits

DEPLOYING = (Path(__file__).parents[2] / "DEPLOYING.md").read_text()


def test_the_environment_sets_them():
    assert limits.read({}) == Limits()
    read = limits.read({"NST_MAX_SIZE": "1024", "NST_MAX_MINUTES": "0.5", "MAX_JOBS": "9"})
    assert (read.max_size, read.max_minutes, read.max_jobs) == (1024, 0.5, Limits().max_jobs)


@pytest.mark.parametrize("value", ["1024", "1024.0", "1.024e3", " 1024 "])
def test_whole_numbers_may_be_written_as_any_number(value):
    """TOML's floats, for example."""
    read = limits.read({"NST_MAX_SIZE": value}).max_size
    assert read == 1024 and isinstance(read, int)


@pytest.mark.parametrize("value", ["many", "", "-1", "1e9", "1e999", "1024.5", "nan"])
def test_what_cannot_be_keeps_its_default_and_is_told(value, caplog):
    with caplog.at_level(logging.WARNING):
        assert limits.read({"NST_MAX_SIZE": value, "NST_MAX_JOBS": "5"}) == Limits(max_jobs=5)
    assert "NST_MAX_SIZE" in caplog.text and "stays 2048" in caplog.text


def test_deploying_lists_every_one_with_its_default_and_what_it_is():
    listed = re.findall(r"^\| `(NST_\w+)` \| ([\d.,]+) \| (.+) \|$", DEPLOYING, re.M)
    wanted = [(limits.variable(it.name), f"{it.default:,g}", it.metadata["about"]) for it in dataclasses.fields(Limits)]
    assert listed == wanted
