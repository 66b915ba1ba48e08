"""Memory: how much a run takes and how large a picture fits, asked by pages before it."""

import os
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import psutil

from nst_core.machine import variables
from nst_core.recipes import MAX_SIZE, MIN_SIZE, ONE_LOOK, OptimizeRecipe


@lru_cache
def has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 natively; False on systems other than Linux."""
    return "avx512_bf16" in _processor() or "amx_bf16" in _processor()


@lru_cache
def has_avx512() -> bool:
    """Return whether the processor has AVX-512; False on systems other than Linux."""
    return "avx512f" in _processor()


def _processor() -> str:
    """Return what Linux tells about the processor."""
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""


# --- what a run takes -------------------------------------------------------------------------------------------------

OTHERS = 550e6  # bytes of the machine's memory, or the container's, that page, scheduler and the light worker at rest need
LIGHT_SHARE = 0.6  # of all memory that the light worker may take for a moment
LEAST_LIMIT, MOST_LIMIT = 500e6, 1e15  # bytes that NST_MEMORY_LIMIT may be
_AT_REST = 170e6  # bytes of the light worker in OTHERS
TERMINATE = 0.95  # of what a worker may have: there its nanny ends it

# Peak resident set of a process that optimises, measured from 256 to 1024 px (vgg19-lite to 1536) with bfloat16 where
# not said otherwise: a base, TensorFlow and the network in it, and bytes a pixel. Rounded up: a run refused too early is a
# nuisance, one that dies is worse.
_BASE = {"vgg19": 880e6, "vgg16": 860e6, "vgg19-lite": 760e6}
_PER_PIXEL = {"vgg19": 1100, "vgg16": 1050, "vgg19-lite": 600}
_INSTANT = 175e6  # bytes: the model of Instant, for runs that start from its picture
_LAYER, _LAYER_PER_PIXEL = 10e6, 15  # bytes, and bytes a pixel: what each style layer beyond the usual ones takes
_FLOAT32 = 1.75  # times the maps' bytes, where the processor has no bfloat16
_MASK = 0.2  # times the maps' bytes: each masked style looks at its own copy of some
_REGION = 60e6  # bytes: what TensorFlow traces for one at four sizes; eight took 0.48 GB more than none at 512 px
_LBFGS = 900  # bytes a pixel: ten pairs of pictures and gradients in float64
_WINDOWS = 0.83  # times what ONE_LOOK takes, where a picture is painted in tiles, which are smaller
_PRINT = 60  # bytes a pixel where a picture is painted in tiles: content, picture, and Adam's two beside them
_PRINT_REGION = 12  # bytes a pixel: its share of each, and that averaged
_CHAIN = 1100  # bytes a pixel, on a VGG: a correlation chain holds the maps of two layers at once


def estimate(recipe: OptimizeRecipe, height: int, width: int) -> int:
    """Return the bytes that the worker will need at its peak for a picture of this size."""
    maps: float = _PER_PIXEL[recipe.features] + _LAYER_PER_PIXEL * recipe.more_layers
    if recipe.correlation_chain and recipe.features != "vgg19-lite":
        maps += _CHAIN
    if recipe.precision == "float32" or not has_bfloat16():
        maps *= _FLOAT32
    regions = sum(style.mask is not None for style in recipe.styles)
    maps *= 1 + _MASK * regions
    own = _LBFGS if recipe.optimizer == "lbfgs" else 0
    base, pixels = _BASE[recipe.features] + _LAYER * recipe.more_layers + _REGION * regions, height * width
    base += _INSTANT if recipe.init == "instant" else 0
    if not recipe.in_tiles(height, width):
        return round(base + pixels * (maps + own))
    return round(base + _WINDOWS * ONE_LOOK**2 * maps + pixels * (_PRINT + _PRINT_REGION * regions))


def largest_size(recipe: OptimizeRecipe, aspect: float, available: int) -> int:
    """Return the longest side, in steps of 64 px up to MAX_SIZE, that fits into these bytes. aspect: longer / shorter side."""
    sizes = range(MAX_SIZE, MIN_SIZE - 1, -64)
    return next((size for size in sizes if estimate(recipe, size, round(size / aspect)) <= available), 0)


def of_slow_worker() -> int:
    """Return the bytes that the slow worker may use."""
    return int(max(_total() - OTHERS, _total() / 2))


def of_light_worker() -> int:
    """Return the bytes that the light worker may use."""
    return int(_total() * LIGHT_SHARE)


def _total() -> int:
    """Return NST_MEMORY_LIMIT, else the memory of the machine or its container."""
    return _limit(os.environ.get("NST_MEMORY_LIMIT", ""), _physical())


@lru_cache
def _limit(text: str, there: int) -> int:
    """Return the bytes that a text names, read like every other variable: once, with a log line if it is invalid."""
    return variables.number("NST_MEMORY_LIMIT", text, there, LEAST_LIMIT, MOST_LIMIT) if text else there


@lru_cache
def _physical() -> int:
    """Return the memory of the machine, or less where a control group or resource limit of Linux says so."""
    bounds = [psutil.virtual_memory().total]
    for file in (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        with suppress(OSError, ValueError):  # there is none, or it says "max"
            bounds.append(int(file.read_text()))
    return min(bounds)


def room_beside(slow: float) -> float:
    """Return the bytes that the light worker may take while a slow job takes so many."""
    return _total() - OTHERS + _AT_REST - slow


def available() -> int:
    """Return the bytes that an optimisation may take before it is ended."""
    return int(of_slow_worker() * TERMINATE)


# What makes a recipe with the layers of `fast` take more memory, and what to do about it.
_COSTLY: Mapping[str, Mapping[str, object]] = {
    "set the recipe's precision to auto": {"precision": "auto"},
    "use the optimiser Adam": {"optimizer": "adam"},
    "start from the photograph": {"init": "content"},
    "paint without masks": {"styles": ()},
}


def way_out(recipe: OptimizeRecipe, aspect: float, there: int) -> str:
    """Return what to do about a run that does not fit: a smaller size, else the preset fast, else what needs less memory.

    A recipe that is `fast` but for settings that cost memory is told which of them to give up, not to choose what it has.
    """
    if fits := largest_size(recipe, aspect, there):
        return f"choose {fits} px at most"
    if not _is_light(recipe) and (fits := largest_size(OptimizeRecipe(), aspect, there)):
        return f"choose the preset fast, {fits} px at most"
    words: list[str] = []
    lighter, needed = recipe, estimate(recipe, MIN_SIZE, MIN_SIZE)
    for said, changes in _COSTLY.items():
        lighter = lighter.model_copy(update=changes)
        if (less := estimate(lighter, MIN_SIZE, MIN_SIZE)) < needed:
            needed, words = less, [*words, said]
            if fits := largest_size(lighter, aspect, there):
                return f"{' and '.join(words)}, and choose {fits} px at most"
    least = estimate(OptimizeRecipe(), MIN_SIZE, round(MIN_SIZE / aspect))
    return f"any optimisation needs {least / 1e9:.2f} GB at least; the model instant-lite (Instant) needs less"


def _is_light(recipe: OptimizeRecipe) -> bool:
    """Return whether a recipe reads the same layers as the preset fast, in no other way."""
    fast = OptimizeRecipe()
    return (recipe.features, recipe.more_layers, recipe.correlation_chain) == (fast.features, 0, False)
