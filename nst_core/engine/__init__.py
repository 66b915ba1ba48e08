"""Jobs on Dask: submit, watch, pause, resume, cancel. Pages and the command line stay light; the work is done elsewhere.

    page process              cluster process              worker processes
    Engine, Job  --- tcp ---  scheduler and two nannies ─┬─ light: ONNX Runtime; one-pass pictures, two at once,
    (client, queue, jobs,     (cluster)                  │  and beside them clips, one at a time
     connection, journal)                                └─ slow: TensorFlow, loaded when wanted; one optimisation or
                                                            training at a time, and whatever else needs TensorFlow
                                                            (worker, upkeep)

The cluster gets a process of its own because multiprocessing's spawn would import the page's script again; it ends when its
standard input closes, that is, with its parent, however that dies. `NST_SCHEDULER=tcp://host:8786` uses a cluster that is
already there instead. Either is started or joined again when it is lost (`connection`). Pictures travel as 8 bits, which is
what files hold: a quarter of float32's bytes; what was optimised comes back as 16, which a print is made of.

Every job asks for a unit of its lane's resource. So none of one lane waits for another's: without a resource, Dask's scheduler
holds a job back as soon as a few others queue (`worker-saturation`), whatever they wait for.

What TensorFlow once traced stays in its process for ever, 70 MB and more an optimisation. So the slow worker's process ends
between jobs when it has grown, and when nobody has wanted it for a while; its nanny starts a fresh one.

A slow job that can say its state leaves it in a file every few seconds: a pause is a job that ends there and is sent again
later, and so is a worker's death. What it was asked for lies beside it (`orders`): a restarted server goes on with it as soon
as its page is loaded again.
"""

from nst_core.engine import checkpoints, journal
from nst_core.engine.batch import Batch, Entry
from nst_core.engine.client import Engine, lane_of
from nst_core.engine.jobs import Job, Lane, Progress, State
from nst_core.engine.orders import Order
from nst_core.engine.worker import PREVIEW_SIDE

__all__ = [
    "PREVIEW_SIDE",
    "Batch",
    "Engine",
    "Entry",
    "Job",
    "Lane",
    "Order",
    "Progress",
    "State",
    "checkpoints",
    "journal",
    "lane_of",
]
