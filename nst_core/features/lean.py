"""`from nst_core.features import tf`: TensorFlow without Keras, which it would import for nothing: half a second and 80 MB.

And without JAX, where that is installed, for trainings: 140 MB. TensorFlow itself passes over what cannot be imported. Whoever
needs it afterwards imports it as always.
"""

import gc
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from nst_core.errors import Failure


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing on standard error, not even from C++: what TensorFlow says while it is imported, no level keeps back."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nearly every new object stays: looking for garbage takes a sixth of the import's time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Have imports of these modules fail, unless they are here already: that is what None in their place does."""
    hidden = set(names) - set(sys.modules)
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


@contextmanager
def _explained() -> Iterator[None]:
    """Turn whatever the import raises into one sentence. Raises: Failure; ModuleNotFoundError where it is not installed."""
    try:
        yield
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "tensorflow":
            raise  # `extras` names what installs it
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(".")
        raise Failure(
            f"TensorFlow is installed but cannot be imported ({reason}). Install it again: pip install --force-reinstall "
            "tensorflow. What needs no optimisation and no training works without it."
        ) from error


# By default TensorFlow takes oneDNN only where a processor has AVX-512 for neural networks. With AVX2 alone an iteration of the
# preset `fast` at 512 px took 0.57 s of one core's time with it, and 0.88 s without.
if platform.machine().lower() in ("x86_64", "amd64"):
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
_unwanted = () if "tensorflow" in sys.modules else ("keras", "jax")
with _explained(), _without(*_unwanted), _silence(), _no_collection():
    import tensorflow as tf

__all__ = ["tf"]
