"""Registry: all engines, and the one that runs a recipe."""

import logging
import pkgutil
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from nst_core.engines.base import AUTO, Engine, NetworkEngine
from nst_core.errors import BadNetwork, BadRecipe
from nst_core.recipes import Frozen, InstantRecipe

GROUP = "nst.engines"


@cache
def engines() -> tuple[Engine, ...]:
    """Return all engines: ours, then those of other distributions. One that cannot be imported costs a line in the log."""
    found: list[Engine] = []
    for module in sorted(info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)])):
        found += getattr(import_module(f"{__package__}.{module}"), "ENGINES", ())
    for entry in entry_points(group=GROUP):
        try:
            value = entry.load()
            for engine in value if isinstance(value, tuple) else (value,):
                if not isinstance(engine, Engine) or engine.name in {other.name for other in found}:
                    raise TypeError(f"{engine!r} is no Engine with a name of its own")
                found.append(engine)
        except Exception as error:  # of any type: it is another's code
            logging.getLogger("nst").warning("The engine %s cannot be used: %s", entry.name, error)
    return tuple(found)


def engine_for(recipe: Any) -> Engine:
    """Return the engine that runs a recipe. Raises: BadRecipe when there is none."""
    serving = [engine for engine in engines() if engine.serves(recipe)]
    if not serving:
        named = getattr(recipe, "engine", None) or getattr(getattr(recipe, "network", None), "name", "this")
        known = ", ".join(engine.name for engine in engines() if isinstance(recipe, engine.recipe))
        raise BadRecipe(f"There is no engine for {named} on this machine; there is {known}.")
    return max(serving, key=lambda engine: (engine.available(), engine.preference))


def resolved(recipe: InstantRecipe) -> InstantRecipe:
    """Return the recipe with the name of the engine that runs it, where it says `auto`."""
    return recipe if recipe.engine != AUTO else recipe.model_copy(update={"engine": engine_for(recipe).name})


def named(name: str) -> Engine:
    """Return an engine by its name. Raises: BadRecipe when there is none."""
    for engine in engines():
        if engine.name == name:
            return engine
    raise BadRecipe(f"There is no engine {name} on this machine.")


def names(kind: type[Frozen]) -> list[str]:
    """Return the names of the engines for a class of recipes."""
    return [engine.name for engine in engines() if engine.recipe is kind]


def for_regions(kind: type[Frozen]) -> Engine:
    """Return the engine for a class of recipes that paints masked regions in one pass. Raises: BadRecipe when there is none."""
    for engine in engines():
        if engine.recipe is kind and engine.regions:
            return engine
    raise BadRecipe("No engine on this machine paints masked regions in one pass.")


def recipe_type(kind: str) -> type[Frozen]:
    """Return the class of the recipes of a kind. Raises: LookupError."""
    for engine in engines():
        if engine.recipe.model_fields["kind"].default == kind:
            return engine.recipe
    raise LookupError(f"There are no recipes of the kind {kind}.")


def network_engines() -> list[NetworkEngine]:
    """Return the engines for files with a trained network."""
    return [engine for engine in engines() if isinstance(engine, NetworkEngine)]


def network_engine(name: str) -> NetworkEngine:
    """Return the engine for a network's file, by the file's name. Raises: BadNetwork."""
    suffix = (Path(name).suffix or ".npz").lower()
    for engine in network_engines():
        if engine.suffix == suffix:
            return engine
    known = ", ".join(engine.suffix for engine in network_engines())
    raise BadNetwork(f"{name} is no network that can be used here: choose a file of the type {known}.")
