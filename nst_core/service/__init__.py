"""The service: runs engines for many people. Submit, watch, pause, resume and cancel jobs; queue, limits, session files.

    page process                       cluster process              worker processes
    Service, Job  ─── transport ─────  scheduler and two nannies ─┬─ light: ONNX Runtime; one-pass pictures, two at once,
    (client, jobs, queue,  (dask)      (dask/cluster)             │  and beside them clips, one at a time
     limits, session_files)                                       └─ slow: TensorFlow, loaded when needed; one optimisation or
                                                                     training at a time
                                                                     (dask/worker, execution, tasks)

The library, `nst_core` without this package, knows no limits, queues or sessions. `transport` is the interface to the processes
that do the work; `dask` implements it, and no other package imports Dask. The cluster has a process of its own because
multiprocessing's spawn would import the page's script again; it ends when its standard input closes, that is, with its parent,
however that ends. `NST_SCHEDULER=tcp://host:8786` uses an existing cluster instead. Either is started or joined again when it
is lost. Pictures are sent as 8 bits a channel, as files have them, and what was optimised as 16, for prints.

Every job requests a unit of its lane's resource, so that no lane waits for another: without one, Dask's scheduler holds a job
back as soon as a few others queue (`worker-saturation`), whatever they wait for.

What TensorFlow traced stays in its process until that ends. So the slow worker's process ends between jobs when it has grown,
and when it has been idle for a while; its nanny starts a new one.

A slow job with a state saves it to a file every few seconds: a pause is a job that ends there and is sent again later; so is a
worker's death. Its submission lies beside it (`submissions`): a restarted server resumes it as soon as its page is loaded
again.
"""

from nst_core.engines import Lane
from nst_core.service import checkpoints, journal, limits
from nst_core.service.batch import Batch, BatchEntry
from nst_core.service.client import Service
from nst_core.service.jobs import Job, JobState, Progress
from nst_core.service.limits import LIMITS
from nst_core.service.session_files import SessionFile, SessionFiles
from nst_core.service.submissions import Submission

__all__ = [
    "LIMITS",
    "Batch",
    "BatchEntry",
    "Job",
    "JobState",
    "Lane",
    "Progress",
    "Service",
    "SessionFile",
    "SessionFiles",
    "Submission",
    "checkpoints",
    "journal",
    "limits",
]
