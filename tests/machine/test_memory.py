"""How much memory a run takes: the estimate covers what was measured, and a request too large meets the largest that fits."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from nst_core.errors import Busy, TooLarge
from nst_core.machine import allocator, memory
from nst_core.recipes import MAX_PRINT, MIN_SIZE, PRESETS, OptimizeRecipe

ROOT = Path(__file__).parents[2]

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
    assert memory.largest_size(OptimizeRecipe(), 1, 10**12) == MAX_PRINT


def test_too_large_a_request_is_told_what_fits(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2_000_000_000)
    recipe = PRESETS["improved-2016"]
    with pytest.raises(TooLarge, match=f"choose {memory.largest_size(recipe, 1, 2_000_000_000)} px at most"):
        memory.check(recipe, 2048, 2048)
    memory.check(recipe, 256, 256)


@pytest.mark.parametrize("engine", ["instant-lite", "magenta"])
def test_an_instant_pass_that_does_not_fit_is_told_what_does(engine, monkeypatch):
    monkeypatch.setenv("NST_MEMORY_LIMIT", "1e9" if engine == "instant-lite" else "2.2e9")
    with pytest.raises(TooLarge, match="in one pass") as error:
        memory.check_instant(engine, 4096, 4096)
    fits = int(re.search(r"choose (\d+) px at most", str(error.value))[1])
    memory.check_instant(engine, fits, fits)
    with pytest.raises(TooLarge):
        memory.check_instant(engine, fits + 32, fits + 32)


def test_passes_and_a_print_share_what_a_small_machine_has(monkeypatch):
    """Each alone may take more than the other leaves: 1.4 times the machine, together."""
    monkeypatch.setattr(memory, "has_bfloat16", lambda: True)
    monkeypatch.setenv("NST_MEMORY_LIMIT", "2700000000")
    beside = memory.estimate(OptimizeRecipe(), 3072, 4096)
    memory.check_instant("instant-lite", 4096, 4096)
    memory.check_instant("instant-lite", 384, 384, beside=beside)
    for check, side in ((partial(memory.check_instant, "instant-lite"), 4096), (memory.check_pass, 1024)):
        with pytest.raises(Busy, match="try again when it has ended"):
            check(side, side, beside=beside)
    memory.check_instant("magenta", 512, 512, beside=beside)  # it waits until the print is done


@pytest.mark.parametrize("bfloat16", [True, False])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_way_out_leads_out(preset, bfloat16, monkeypatch):
    """On machines of any memory, with and without bfloat16: what the message recommends fits."""
    monkeypatch.setattr(memory, "has_bfloat16", lambda: bfloat16)
    for there in range(500_000_000, 1_200_000_000, 20_000_000):
        monkeypatch.setattr(memory, "available", lambda there=there: there)
        with pytest.raises(TooLarge) as raised:
            memory.check(PRESETS[preset], 4096, 3072)
        words = str(raised.value)
        if "instant-lite" in words:
            assert memory.estimate(OptimizeRecipe(), MIN_SIZE, round(MIN_SIZE * 3 / 4)) > there
            continue
        size = int(re.search(r"(\d+) px at most", words).group(1))
        memory.check(OptimizeRecipe() if "preset fast" in words else PRESETS[preset], size, round(size * 3 / 4))


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
