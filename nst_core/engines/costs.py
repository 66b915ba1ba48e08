"""Checks before a run: that the models of the recipe's engine are on this machine, and that its memory suffices."""

from typing import Any

from nst_core.engines.base import Lane
from nst_core.engines.registry import engine_for
from nst_core.errors import Busy, TooLarge
from nst_core.machine import memory
from nst_core.models import weights
from nst_core.recipes import MIN_SIZE


def check_models(recipe: Any) -> None:
    """Check that the models that a recipe needs are on this machine. Raises: ModelUnavailable, which says how to get them."""
    for name in engine_for(recipe).models_of(recipe):
        weights.path(name)


def check(recipe: Any, shape: tuple[int, int], *, beside: float = 0) -> None:
    """Check that a run fits into the memory of the worker that does it.

    shape: (h, w) of the result. beside: bytes that a slow job takes at the same time, on the same machine.

    Raises: TooLarge, with a size that fits; Busy, when it will fit once the slow job has ended.
    """
    engine = engine_for(recipe)
    light = engine.lane_of(recipe) in (Lane.LIGHT, Lane.FILM)
    room = memory.TERMINATE * memory.of_light_worker() if light else memory.available()
    needed = engine.estimate(recipe, shape).memory
    what = f"{max(shape)} px with {engine.pace(recipe)} needs about {needed / 1e9:.1f} GB"
    if needed > room:
        raise TooLarge(f"{what}, and {room / 1e9:.1f} GB are there: {engine.advice(recipe, shape, room)}.")
    free = memory.room_beside(beside)
    if light and beside and needed > free:
        fits = engine.largest(recipe, shape, free)
        smaller = f"choose {fits} px at most, or " if fits >= MIN_SIZE else ""
        raise Busy(f"{what}, and a slow job takes most of the memory just now: {smaller}try again when it has ended.")
