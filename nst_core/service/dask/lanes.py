"""Which workers of a borrowed cluster do what: those started without our resources are given lanes, so that no lane waits.

A worker of two or three threads does everything too: there a film and a slow job together hold pictures up.

What the scheduler knows of its workers in, by address; units of each lane, by address, out.
"""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nst_core.engines import Lane

if TYPE_CHECKING:
    from distributed import Scheduler, Worker

Units = dict[str, int]
SLOW: Units = {str(Lane.SLOW): 1, str(Lane.TENSORFLOW): 1, str(Lane.FILM): 1}  # what takes minutes


def served(workers: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the units of each lane in the whole cluster."""
    return {str(lane): sum(each.get("resources", {}).get(lane, 0) for each in workers.values()) for lane in Lane}


def lent(workers: Mapping[str, Mapping[str, Any]]) -> dict[str, Units]:
    """Return lanes for workers that have none: all of them with threads to spare, else those that the cluster lacks most."""
    counts, given = served(workers), dict[str, Units]()
    for address in sorted(address for address, each in workers.items() if not set(Lane) & set(each.get("resources", {}))):
        if (threads := workers[address]["nthreads"]) > 1:
            given[address] = {str(Lane.LIGHT): max(1, threads - 3)} | SLOW
        else:
            given[address] = SLOW if counts[Lane.SLOW] < counts[Lane.LIGHT] else {str(Lane.LIGHT): 1}
        for lane, units in given[address].items():
            counts[lane] += units
    return given


async def take(lanes: Units, dask_worker: "Worker") -> None:
    """Set the lanes of this worker. Runs in the worker."""
    await dask_worker.set_resources(**lanes)


def look_again(dask_scheduler: "Scheduler") -> None:
    """Offer jobs that found no worker of their lane again. Runs in the scheduler.

    By itself Dask does that only when a worker joins, not when one is given a lane.
    """
    for worker in list(dask_scheduler.running):
        found = dask_scheduler.bulk_schedule_unrunnable_after_adding_worker(worker)
        dask_scheduler.transitions(found, stimulus_id=f"nst-lent-{time.time()}")
