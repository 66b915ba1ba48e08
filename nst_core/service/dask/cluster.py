"""The embedded cluster, a process of its own: scheduler, and a nanny for each of the two workers.

Whoever reaches a Dask scheduler runs any code on it. So this one speaks TLS, with a certificate that is made anew at every
start and never leaves our processes: others on the machine cannot connect.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from nst_core.engines import Lane
from nst_core.machine import allocator, memory

if TYPE_CHECKING:
    from distributed import Security

ROOT = Path(__file__).parents[3]

# units of each worker's resources; as many threads as units
WORKERS = {"light": {Lane.LIGHT: 2, Lane.FILM: 1}, "slow": {Lane.SLOW: 1, Lane.TENSORFLOW: 2}}

SILENT = logging.CRITICAL + 1  # what is wrong, jobs say in sentences

SETTINGS = {
    "distributed.scheduler.allowed-failures": 0,  # a job that kills its worker shall not kill the next one too
    "distributed.worker.memory.target": False,  # pictures are not worth spilling, and a paused worker
    "distributed.worker.memory.spill": False,  # looks dead: from here to the nanny's end there is nothing
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": memory.TERMINATE,
    "distributed.admin.low-level-log-length": 100,  # previews pass through the scheduler's log
    "distributed.diagnostics.nvml": False,
    # nobody looks at Dask's own pages: what feeds them took a tenth of a core from an app at rest
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    # huge pages: ONNX Runtime takes and gives back its maps in every pass, and four kilobytes at a time that takes as long as
    # the convolutions
    "distributed.nanny.pre-spawn-environ.GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "distributed.nanny.pre-spawn-environ.TF_CPP_MIN_LOG_LEVEL": "3",
}


class Address(NamedTuple):
    """Hold the scheduler's address and the certificate and key needed to connect."""

    scheduler: str
    certificate: str  # PEM, and so is the key
    key: str

    @property
    def security(self) -> "Security":
        from distributed import Security

        pair = {"tls_client_cert": self.certificate, "tls_client_key": self.key}
        return Security(require_encryption=True, tls_ca_file=self.certificate, **pair)


def address(process: subprocess.Popen[bytes]) -> Address | None:
    """Wait for the cluster to say where it is; None when its process has ended without."""
    assert process.stdout
    if line := process.stdout.readline():
        return Address(*json.loads(line))
    process.wait()
    return None


def start(memory_limit: int | None) -> subprocess.Popen[bytes]:
    """Start the cluster's process; `address` reads the only line that it prints. memory_limit: of each worker, bytes."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-c", f"from nst_core.service.dask.cluster import serve; serve({memory_limit})"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path},
        start_new_session=True,  # Ctrl-C is for the server; the cluster ends in order afterwards
    )


def serve(memory_limit: int | None = None) -> None:
    """Run until standard input closes; print the `Address`. memory_limit: of each worker, bytes."""
    import dask

    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed: nobody would read it, and a full pipe would hold everything up
    allocator.huge_pages(allowed=True)  # whatever the page process wants for itself
    with dask.config.set(SETTINGS):
        asyncio.run(_serve(memory_limit, told))


async def _serve(memory_limit: int | None, told: IO[str]) -> None:
    from distributed import Nanny, Scheduler, Security

    logging.getLogger("distributed").setLevel(SILENT)
    limits = {"light": memory.of_light_worker, "slow": memory.of_slow_worker}
    security = Security.temporary()
    # any free port for its pages: two apps on one machine shall not meet
    free: dict[str, Any] = {"host": "127.0.0.1", "protocol": "tls", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    async with Scheduler(security=security, **free) as scheduler:
        with told:
            print(json.dumps([scheduler.address, security.tls_client_cert, security.tls_client_key]), file=told)
        nannies = []
        for name, resources in WORKERS.items():  # one after the other: the first picture waits for the light one only
            nanny = Nanny(
                scheduler.address,
                name=name,
                nthreads=sum(resources.values()),
                resources={str(lane): units for lane, units in resources.items()},
                memory_limit=memory_limit or limits[name](),
                host="127.0.0.1",
                security=security,
                dashboard=False,
                silence_logs=SILENT,
            )
            nannies.append(await nanny)
        await asyncio.to_thread(sys.stdin.read)
        await asyncio.gather(*(nanny.close() for nanny in nannies))
