"""Engines: everything that turns a recipe and pictures into Steps. One file each; `registry` finds them.

An engine says which recipes it serves, what it needs and costs, and runs. Command line, pages, queue and memory checks ask the
registry; none of them names an engine. A file of this folder adds one by its tuple `ENGINES`, another distribution by the entry
point group `nst.engines`, whose objects are an `Engine` or a tuple of them.

Importing these files is cheap, since pages do it: heavy libraries are imported by `run` and `warm_up`.
"""

from nst_core.engines.base import AUTO, Engine, Estimate, Inputs, Lane, NetworkEngine, NetworkFacts
from nst_core.engines.costs import check, check_models
from nst_core.engines.registry import (
    engine_for,
    engines,
    for_regions,
    named,
    names,
    network_engine,
    network_engines,
    recipe_type,
    resolved,
)

__all__ = [
    "AUTO",
    "Engine",
    "Estimate",
    "Inputs",
    "Lane",
    "NetworkEngine",
    "NetworkFacts",
    "check",
    "check_models",
    "engine_for",
    "engines",
    "for_regions",
    "named",
    "names",
    "network_engine",
    "network_engines",
    "recipe_type",
    "resolved",
]
