"""How much memory a run takes: the estimate covers what was measured, and a request too large meets the largest that fits."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from nst_core.machine import allocator, memory
from nst_core.recipes import MAX_SIZE, PRESETS, OptimizeRecipe, Source, StyleSource

ROOT = Path(__file__).parents[2]
MASKED = (StyleSource(source=Source(name="a"), mask="b"),)

# (recipe, side, peak GB) as measured on 2 cores with bfloat16
MEASURED = [
    (OptimizeRecipe(features="vgg19"), 256, 0.890),
    (OptimizeRecipe(features="vgg19"), 768, 1.366),
    (OptimizeRecipe(features="vgg19", form="mean"), 768, 1.525),
    (OptimizeRecipe(features="vgg19", form="mean"), 1024, 1.877),
    (OptimizeRecipe(features="vgg16"), 768, 1.322),
    (OptimizeRecipe(), 768, 1.110),
    (OptimizeRecipe(), 1024, 1.371),
    (PRESETS["finest"], 512, 0.941),
    (PRESETS["finest"], 768, 1.192),  # the mean of three, 1.150 to 1.244
    (PRESETS["finest"], 1024, 1.477),
    (OptimizeRecipe(form="mean"), 1024, 1.256),
    (OptimizeRecipe(features="vgg19", optimizer="lbfgs"), 768, 1.892),
    (PRESETS["improved-2016"], 768, 2.432),
    (PRESETS["stylenet-vgg16"], 768, 1.431),
    (OptimizeRecipe(features="vgg19", precision="float32"), 768, 1.856),
]


@pytest.mark.parametrize(("recipe", "side", "gigabytes"), MEASURED)
def test_the_estimate_covers_what_was_measured_and_not_much_more(recipe, side, gigabytes, monkeypatch):
    monkeypatch.setattr(memory, "has_bfloat16", lambda: True)
    assert gigabytes <= memory.estimate(recipe, side, side) / 1e9 <= 1.3 * gigabytes


def test_a_print_of_4096_px_fits_streamlit_community_cloud(monkeypatch):
    """Measured: 2.01 GB for 4096 × 3072 px."""
    monkeypatch.setattr(memory, "has_bfloat16", lambda: True)
    monkeypatch.setenv("NST_MEMORY_LIMIT", "2700000000")
    assert 2.01e9 < memory.estimate(OptimizeRecipe(), 3072, 4096) < memory.available()


@pytest.mark.parametrize("value", ["2700000000", "2.7e9", "2700000000.0"])
def test_the_memory_limit_is_any_number(value, monkeypatch):
    """TOML's floats, for example: they ended the embedded cluster, again and again."""
    monkeypatch.setenv("NST_MEMORY_LIMIT", value)
    assert memory.of_light_worker() == 1_620_000_000 and isinstance(memory.of_slow_worker(), int)


@pytest.mark.parametrize("value", ["lots", "-1", "0", "nan", "2.7", "1e99", ""])
def test_what_is_no_memory_limit_is_passed_over(value, monkeypatch):
    monkeypatch.delenv("NST_MEMORY_LIMIT", raising=False)
    there = memory.of_slow_worker()
    monkeypatch.setenv("NST_MEMORY_LIMIT", value)
    assert memory.of_slow_worker() == there


def test_vgg19_at_1024_fits_streamlit_community_cloud(monkeypatch):
    monkeypatch.setattr(memory, "has_bfloat16", lambda: True)
    assert memory.estimate(PRESETS["vgg19-rms"], 1024, 1024) < 2.7e9


def test_the_largest_size_fits_and_the_next_does_not():
    recipe, there = OptimizeRecipe(features="vgg19"), 2_000_000_000
    size = memory.largest_size(recipe, 4 / 3, there)
    assert memory.estimate(recipe, size, round(size * 3 / 4)) <= there
    assert memory.estimate(recipe, size + 64, round((size + 64) * 3 / 4)) > there
    assert memory.largest_size(OptimizeRecipe(), 1, 10**12) == MAX_SIZE


def test_without_a_c_library_the_allocator_does_nothing(monkeypatch):
    """As on Windows, where ctypes raises a TypeError."""
    asked = []

    def no_handle(name):
        asked.append(name)
        raise TypeError("LoadLibrary() argument 1 must be str, not None")

    monkeypatch.setattr(allocator.ctypes, "CDLL", no_handle)
    allocator._library.cache_clear()
    try:
        allocator.reuse()
        allocator.few_arenas()
        allocator.huge_pages(allowed=True)
        allocator.give_back()
    finally:
        allocator._library.cache_clear()
    assert asked == [None]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells")
def test_a_process_that_serves_has_no_huge_pages_and_its_workers_have():
    script = (
        "import subprocess, sys; from nst_core.machine import allocator\n"
        'told = \'print([l.split()[1] for l in open("/proc/self/status") if l.startswith("THP_enabled")][0], flush=True)\'\n'
        "again = 'from nst_core.machine import allocator; allocator.huge_pages(allowed=True); '\n"
        "exec(told); allocator.stay_small(); exec(told); subprocess.run([sys.executable, '-c', again + told])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == ["1", "0", "1"]


@pytest.mark.parametrize(
    ("changes", "there", "words"),
    [
        ({"precision": "float32"}, 807e6, "set the recipe's precision to auto"),
        ({"optimizer": "lbfgs"}, 830e6, "use the optimiser Adam"),
        (
            {"precision": "float32", "optimizer": "lbfgs"},
            807e6,
            "set the recipe's precision to auto and use the optimiser Adam",
        ),
        ({"styles": MASKED}, 840e6, "paint without masks"),
        ({"features": "vgg19"}, 840e6, "choose the preset fast"),
    ],
)
def test_the_way_out_names_a_setting_that_the_recipe_has(changes, there, words, monkeypatch):
    monkeypatch.setattr(memory, "has_bfloat16", lambda: True)
    said = memory.way_out(OptimizeRecipe(**changes), 4 / 3, int(there))
    assert said.startswith(words) and re.search(r"[1-9]\d* px at most$", said)
