"""The allocator: how a process keeps little, and gives back what is free."""

import ctypes
import gc
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's mallopt
_PR_SET_THP_DISABLE = 41  # of Linux' prctl
GIVE_BACK_EVERY = 15.0  # seconds
WORK = 0.5  # seconds of processor time that leave something to give back
_REUSED = 32 * 1024**2  # bytes; larger blocks go back to the system at once, smaller ones when `give_back` is called
_RETURNED = 256 * 1024  # bytes; likewise


def reuse() -> None:
    """Set the allocator up for a computing process: few arenas, and blocks of up to 32 MB are kept for the next pass.

    ONNX Runtime takes its maps in every pass; asking the system for pages each time takes as long as the convolutions. To be
    called before threads begin. Elsewhere than on glibc nothing.
    """
    _tune({_M_ARENA_MAX: 1, _M_MMAP_THRESHOLD: _REUSED, _M_TRIM_THRESHOLD: 8 * _REUSED})


def stay_small() -> None:
    """Set the allocator up for a serving process: pictures' memory is returned at once, other free memory now and then.

    Huge pages are off: the kernel would fill them again around a few bytes that are still needed.
    """
    _tune({_M_ARENA_MAX: 2, _M_MMAP_THRESHOLD: _RETURNED, _M_TRIM_THRESHOLD: _RETURNED})
    huge_pages(allowed=False)
    threading.Thread(target=_give_back_now_and_then, name="nst-memory", daemon=True).start()


def few_arenas() -> None:
    """Limit the arenas of a process with TensorFlow, which has its own allocator."""
    _tune({_M_ARENA_MAX: 2})


def huge_pages(*, allowed: bool) -> None:
    """Allow or forbid huge pages for this process and those that it will start; only on Linux."""
    if (library := _library()) and hasattr(library, "prctl"):
        library.prctl(_PR_SET_THP_DISABLE, int(not allowed), 0, 0, 0)


def _tune(settings: Mapping[int, int]) -> None:
    if glibc := _glibc():
        for parameter, value in settings.items():
            glibc.mallopt(parameter, value)


def give_back() -> None:
    """Return free memory to the system."""
    gc.collect()
    if glibc := _glibc():
        glibc.malloc_trim(0)


def _give_back_now_and_then() -> None:
    worked = 0.0
    while True:
        time.sleep(GIVE_BACK_EVERY)
        if time.process_time() - worked > WORK:
            give_back()
            worked = time.process_time()


def reset_peak() -> None:
    """Reset the peak that `peak` returns; only on Linux."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """Return the most bytes of this process in memory since `reset_peak`; where that is unknown, the current bytes."""
    with suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    return resident()


def resident() -> int:
    """Return the bytes of this process in memory."""
    import psutil

    return psutil.Process().memory_info().rss


@lru_cache
def _library() -> ctypes.CDLL | None:
    """Return the C library that this process runs with; None on Windows, where it has no handle."""
    with suppress(TypeError, OSError):
        return ctypes.CDLL(None)
    return None


def _glibc() -> ctypes.CDLL | None:
    library = _library()
    return library if library and hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
