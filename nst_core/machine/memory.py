"""Memory: how much a run takes and how large a picture fits, asked by pages before it."""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from nst_core import limits
from nst_core.errors import Busy, TooLarge
from nst_core.recipes import MAX_PRINT, MIN_SIZE, ONE_LOOK, OptimizeRecipe


@lru_cache
def has_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 natively; False on systems other than Linux."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


# --- what a run takes -------------------------------------------------------------------------------------------------

OTHERS = 550e6  # bytes of the machine's memory, or the container's, that page, scheduler and the light worker at rest need
LIGHT_SHARE = 0.6  # of all memory that the light worker may take for a moment
LEAST_LIMIT, MOST_LIMIT = 500e6, 1e15  # bytes that NST_MEMORY_LIMIT may be
TERMINATE = 0.95  # of what a worker may have: there its nanny ends it

# Peak resident set of a process that optimises, measured from 256 to 1024 px (vgg19-lite to 1536) with bfloat16 where
# not said otherwise: a base, TensorFlow and the network in it, and bytes a pixel. Rounded up: a run refused too early is a
# nuisance, one that dies is worse.
_BASE = {"vgg19": 880e6, "vgg16": 860e6, "vgg19-lite": 760e6}
_PER_PIXEL = {"vgg19": 1100, "vgg16": 1050, "vgg19-lite": 600}
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
    if not recipe.in_tiles(height, width):
        return round(base + pixels * (maps + own))
    return round(base + _WINDOWS * ONE_LOOK**2 * maps + pixels * (_PRINT + _PRINT_REGION * regions))


def largest_size(recipe: OptimizeRecipe, aspect: float, available: int) -> int:
    """Return the longest side, in steps of 64 px up to MAX_PRINT, that fits into these bytes. aspect: longer / shorter side."""
    sizes = range(MAX_PRINT, MIN_SIZE - 1, -64)
    return next((size for size in sizes if estimate(recipe, size, round(size / aspect)) <= available), 0)


def of_slow_worker() -> int:
    """Return the bytes that the slow worker may use."""
    return int(max(_total() - OTHERS, _total() / 2))


def of_light_worker() -> int:
    """Return the bytes that the light worker may use."""
    return int(_total() * LIGHT_SHARE)


def _total() -> int:
    """Return NST_MEMORY_LIMIT, else the memory of the machine or its container."""
    from distributed.system import MEMORY_LIMIT

    return _limit(os.environ.get("NST_MEMORY_LIMIT", ""), MEMORY_LIMIT)


@lru_cache
def _limit(text: str, there: int) -> int:
    """Return the bytes that a text names, read like every other limit: once, with a log line if it is invalid."""
    return limits.number("NST_MEMORY_LIMIT", text, there, LEAST_LIMIT, MOST_LIMIT) if text else there


def available() -> int:
    """Return the bytes that an optimisation may take before it is ended."""
    return int(of_slow_worker() * TERMINATE)


def check(recipe: OptimizeRecipe, height: int, width: int) -> None:
    """Check that an optimisation fits. Raises: TooLarge, with the largest size that fits."""
    needed, there = estimate(recipe, height, width), available()
    if needed <= there:
        return
    way_out = _way_out(recipe, max(height, width) / min(height, width), there)
    raise TooLarge(
        f"{max(height, width)} px with {recipe.features} needs about {needed / 1e9:.1f} GB, and {there / 1e9:.1f} GB are "
        f"there: {way_out}."
    )


def _way_out(recipe: OptimizeRecipe, aspect: float, there: int) -> str:
    """Return what to do about a run that does not fit: a smaller size, else the preset fast, else what needs less memory."""
    if fits := largest_size(recipe, aspect, there):
        return f"choose {fits} px at most"
    if fits := largest_size(OptimizeRecipe(), aspect, there):
        return f"choose the preset fast, {fits} px at most"
    least = estimate(OptimizeRecipe(), MIN_SIZE, round(MIN_SIZE / aspect))
    return f"any optimisation needs {least / 1e9:.2f} GB at least; the model instant-lite (Instant) needs less"


# --- what one pass takes ----------------------------------------------------------------------------------------------

_AT_REST = 170e6  # bytes of the light worker in OTHERS
CORE = 1024**2  # pixels of the largest picture that instant-lite's core sees; the rest of a larger one is drawn in strips

Needed = Callable[[float], float]  # pixels of a picture to bytes of a pass, with the process that it runs in


def _of_network(pixels: float) -> float:
    """Measured from 512 to 2048 px: 48 channels of the picture's size, a few times."""
    return 250e6 + 720 * pixels


_OF_INSTANT: Mapping[str, Needed] = {
    "instant-lite": lambda pixels: (
        175e6 + 490 * min(pixels, CORE) + 25 * pixels
    ),  # 303, 687 and 738 MB at 512, 1024 and 2048 px
    "magenta": lambda pixels: 1060e6 + 700 * pixels,  # from 512 to 1024 px: `benchmarks/out/instant.md`
}


def check_pass(height: int, width: int, *, beside: int = 0) -> None:
    """Whether a texture network's pass fits. beside: bytes that a slow job may take at the same time, on the same machine.

    Raises: TooLarge, with the largest size that fits; Busy, where it will fit once the slow job has ended.
    """
    _check_pass(_of_network, height, width, of_light_worker(), beside)


def check_instant(engine: str, height: int, width: int, *, beside: int = 0) -> None:
    """The same of a pass through the engine of that name, over a picture that is so large on the way.

    Magenta runs in the slow worker, one job after another: nothing is beside it.
    """
    light = engine == "instant-lite"
    _check_pass(_OF_INSTANT[engine], height, width, *((of_light_worker(), beside) if light else (of_slow_worker(), 0)))


def _check_pass(needs: Needed, height: int, width: int, own: int, beside: int) -> None:
    """own: bytes that the worker may take. Raises: TooLarge, Busy."""
    needed, there, longer = needs(height * width), own * TERMINATE, max(height, width)
    room = _total() - OTHERS + _AT_REST - beside

    def fits(available: float) -> int:
        sides = range(MAX_PRINT, 0, -32)
        return next((side for side in sides if needs(side * side * min(height, width) / longer) <= available), 0)

    if needed > there:
        way_out = f"choose {fits(there)} px at most" if fits(there) >= MIN_SIZE else "a machine with more is needed"
        raise TooLarge(
            f"{longer} px need about {needed / 1e9:.1f} GB in one pass, and {there / 1e9:.1f} GB are there: {way_out}."
        )
    if beside and needed > room:
        smaller = f"choose {fits(room)} px at most, or " if fits(room) >= MIN_SIZE else ""
        raise Busy(
            f"{longer} px need about {needed / 1e9:.1f} GB, and a slow job takes most of the memory just now: {smaller}"
            "try again when it has ended."
        )
