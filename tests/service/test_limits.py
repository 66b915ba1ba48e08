"""Limits are read from the environment, wrong ones are ignored, and DEPLOYING.md lists all of them."""

import dataclasses
import logging
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nst_core import images
from nst_core.errors import BadClip, BadPicture, BadRecipe
from nst_core.recipes import InstantRecipe, OptimizeRecipe, Source, TextureNetworkRecipe, TrainingRecipe, VideoRecipe
from nst_core.service import limits
from nst_core.service.limits import Limits

ROOT = Path(__file__).parents[2]
DEPLOYING = (ROOT / "DEPLOYING.md").read_text()


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


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        (InstantRecipe(size=2112), "2112 px are more than the 2048 px of this server"),
        (OptimizeRecipe(size=4160), "4160 px are more than the 4096 px"),
        (OptimizeRecipe(iterations=10_001), "10,001 iterations are more than the 10,000"),
        (VideoRecipe(size=1088), "1088 px are more than the 1024 px"),
        (TextureNetworkRecipe(network=Source(name="x"), shape=(64, 2049)), "2049 px are more than the 2048 px"),
    ],
)
def test_a_visitors_recipe_is_bound_by_the_limits(recipe, reason):
    with pytest.raises(BadRecipe, match=reason):
        limits.check(recipe)


def test_what_the_limits_allow_passes():
    for recipe in (None, InstantRecipe(size=2048), OptimizeRecipe(size=4096), VideoRecipe(size=1024), TrainingRecipe()):
        limits.check(recipe)


def test_the_limits_of_clips_are_sentences():
    with pytest.raises(BadClip, match="lasts 75 s; at most 60 s"):
        limits.check_clip_length("It", 75.0)
    with pytest.raises(BadClip, match="at most 25 MB"):
        limits.check_clip_file("It", bytes(26 * 1024**2))


def test_the_limits_of_uploads_bind_a_process_that_says_so(monkeypatch):
    monkeypatch.setattr(images, "MAX_BYTES", images.MAX_BYTES)
    monkeypatch.setattr(images, "MAX_PIXELS", images.MAX_PIXELS)
    monkeypatch.setattr(limits, "LIMITS", dataclasses.replace(limits.LIMITS, max_megapixels=1))
    data = images.encode(np.zeros((1001, 1000, 3), np.float32))
    assert images.decode(data).shape == (1001, 1000, 3)
    limits.apply()
    with pytest.raises(BadPicture, match="at most 1 megapixels"):
        images.decode(data)


def test_a_process_that_serves_says_nothing_about_the_frames_of_a_gif():
    """Pillow warns itself where a frame is larger than its canvas, before anybody can look at the header."""
    gif = b"GIF89a" + struct.pack("<HHBBB", 100, 90, 0, 0, 0) + b"," + struct.pack("<HHHHBB", 0, 0, 10_000, 9_500, 0, 8)
    script = (
        "import sys\nfrom nst_core import images\nfrom nst_core.errors import BadPicture\nfrom nst_core.service import limits\n"
        "limits.apply()\ntry:\n    images.decode(sys.stdin.buffer.read())\nexcept BadPicture as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], input=gif, cwd=ROOT, capture_output=True, check=True)
    assert b"10000\xc3\x979500 pixels" in done.stdout
    assert not done.stderr
