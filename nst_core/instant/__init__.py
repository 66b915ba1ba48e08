"""Load the one-pass stylizers by name: `instant-lite`, ours, and `magenta` of TF-Hub, which imports TensorFlow."""

import threading
from collections.abc import Callable, Mapping

import numpy as np

from nst_core.instant import graph, noise
from nst_core.instant.lite import InstantLite, core_shape
from nst_core.instant.vectors import STYLE_SIDE, VectorStylizer
from nst_core.models import weights
from nst_core.recipes import InstantRecipe
from nst_core.stylizer import Style


def _magenta() -> VectorStylizer:
    from nst_core.instant.magenta import Magenta

    return Magenta()


STYLIZERS: Mapping[str, Callable[[], VectorStylizer]] = {"instant-lite": InstantLite, "magenta": _magenta}
_lock = threading.Lock()
_loaded: dict[str, VectorStylizer] = {}


def stylizer(engine: str = "auto") -> VectorStylizer:
    """Return the stylizer with that name, loaded once per process; `auto` is magenta if it is cached, otherwise instant-lite.

    Raises: ModelUnavailable.
    """
    name = weights.best_instant() if engine == "auto" else engine
    with _lock:
        if name not in _loaded:
            _loaded[name] = STYLIZERS[name]()
        return _loaded[name]


def eyes() -> InstantLite:
    """Return instant-lite, whose feature network other modules use."""
    lite = stylizer("instant-lite")
    assert isinstance(lite, InstantLite)
    return lite


def warm_up() -> None:
    """Load instant-lite and paint once, so that the first picture comes without delay."""
    grey = np.full((64, 64, 3), 0.5, np.float32)
    for _ in stylizer("instant-lite").stylize(grey, [Style(grey)], InstantRecipe(engine="instant-lite")):
        pass


# `magenta` imports TensorFlow, `swapped_statistics` takes a moment, and `subject` needs what is above: they are imported
# where they are needed
__all__ = [
    "STYLE_SIDE",
    "STYLIZERS",
    "InstantLite",
    "VectorStylizer",
    "core_shape",
    "eyes",
    "graph",
    "magenta",
    "noise",
    "stylizer",
    "subject",
    "subject_graph",
    "swapped_statistics",
    "warm_up",
]
