"""Memory checks: what does not fit is refused with a size that does."""

import re

import pytest

from nst_core import engines
from nst_core.errors import Busy, TooLarge
from nst_core.machine import memory
from nst_core.recipes import MIN_SIZE, PRESETS, InstantRecipe, OptimizeRecipe, Source, TextureNetworkRecipe


def test_too_large_a_request_is_told_what_fits(monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 2_000_000_000)
    recipe = PRESETS["improved-2016"]
    with pytest.raises(TooLarge, match=f"choose {memory.largest_size(recipe, 1, 2_000_000_000)} px at most"):
        engines.check(recipe, (2048, 2048))
    engines.check(recipe, (256, 256))


@pytest.mark.parametrize("engine", ["instant-lite", "magenta"])
def test_an_instant_pass_that_does_not_fit_is_told_what_does(engine, monkeypatch):
    recipe = InstantRecipe(engine=engine)
    monkeypatch.setenv("NST_MEMORY_LIMIT", "1e9" if engine == "instant-lite" else "2.2e9")
    with pytest.raises(TooLarge, match=engine) as error:
        engines.check(recipe, (4096, 4096))
    fits = int(re.search(r"choose (\d+) px at most", str(error.value))[1])
    engines.check(recipe, (fits, fits))
    with pytest.raises(TooLarge):
        engines.check(recipe, (fits + 32, fits + 32))


def test_passes_and_a_print_share_what_a_small_machine_has(monkeypatch):
    """Each alone may take more than the other leaves: 1.4 times the machine, together."""
    monkeypatch.setattr(memory, "has_bfloat16", lambda: True)
    monkeypatch.setenv("NST_MEMORY_LIMIT", "2700000000")
    beside = memory.estimate(OptimizeRecipe(), 3072, 4096)
    lite, network = InstantRecipe(engine="instant-lite"), TextureNetworkRecipe(network=Source(name="cubist-guitar"))
    engines.check(lite, (4096, 4096))
    engines.check(lite, (384, 384), beside=beside)
    for recipe, side in ((lite, 4096), (network, 1024)):
        with pytest.raises(Busy, match="try again when it has ended"):
            engines.check(recipe, (side, side), beside=beside)
    engines.check(InstantRecipe(engine="magenta"), (512, 512), beside=beside)  # it waits until the print is done


@pytest.mark.parametrize("bfloat16", [True, False])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_way_out_leads_out(preset, bfloat16, monkeypatch):
    """On machines of any memory, with and without bfloat16: what the message recommends fits."""
    monkeypatch.setattr(memory, "has_bfloat16", lambda: bfloat16)
    for there in range(500_000_000, 1_200_000_000, 20_000_000):
        monkeypatch.setattr(memory, "available", lambda there=there: there)
        with pytest.raises(TooLarge) as raised:
            engines.check(PRESETS[preset], (4096, 3072))
        words = str(raised.value)
        if "instant-lite" in words:
            assert memory.estimate(OptimizeRecipe(), MIN_SIZE, round(MIN_SIZE * 3 / 4)) > there
            continue
        size = int(re.search(r"(\d+) px at most", words).group(1))
        recipe = OptimizeRecipe() if "preset fast" in words else PRESETS[preset]
        if "start from the photograph" in words:
            recipe = recipe.model_copy(update={"init": "content"})
        engines.check(recipe, (size, round(size * 3 / 4)))
