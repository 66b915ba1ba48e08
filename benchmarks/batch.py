"""A folder of pictures through the engine: with a worker killed in the middle, and with two workers against one.

python -m benchmarks.batch [--pictures 64] [--size 512]

Clusters are of Dask's own command line, as DEPLOYING.md says, each worker of one light unit. Every result is compared with the
picture that the network makes of it alone. Writes benchmarks/out/batch.md.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from benchmarks.crowd import ROOT, Figures, picture
from benchmarks.instant import machine
from benchmarks.many_jobs import INSTANT, until
from nst_core import images, instant
from nst_core.images import Image
from nst_core.service import Batch, Lane, Service
from nst_core.stylizer import Step, Style
from tests.browser import free_port

OUT = Path(__file__).parent / "out"
STYLE = ROOT / "assets" / "styles" / "starlit-oils.jpg"


@contextmanager
def dask(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *command, "--dashboard-address", "127.0.0.1:0"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def cluster(workers: int, threads: int = 1) -> Iterator[Service]:
    """An engine on a scheduler and so many light workers."""
    port = free_port()
    lanes = ("--nthreads", str(threads), "--resources", f"light={threads}")
    with ExitStack() as stack:
        stack.enter_context(dask("scheduler", "--host", "127.0.0.1", "--port", str(port)))
        for _ in range(workers):
            stack.enter_context(dask("worker", f"tcp://127.0.0.1:{port}", *lanes))
        engine = Service(f"tcp://127.0.0.1:{port}")
        stack.callback(engine.close)
        engine.wait_until_ready(60)
        until(lambda: engine.at_once(Lane.LIGHT) == workers * threads)
        yield engine


def paint(engine: Service, contents: Sequence[Image], style: Style) -> Batch[np.ndarray]:
    def take(number: int, step: Step) -> np.ndarray:
        assert step.image is not None
        return images.to_uint8(step.image)

    send = lambda number: engine.run(INSTANT, {"content": contents[number]}, [style])  # noqa: E731
    return Batch([str(n) for n in range(len(contents))], send, take, at_once=engine.at_once(Lane.LIGHT) + 1)


def seconds_of(engine: Service, contents: Sequence[Image], style: Style) -> float:
    paint(engine, contents[:8], style).wait(600)  # every worker has loaded its models
    began = time.perf_counter()
    paint(engine, contents, style).wait(600)
    return time.perf_counter() - began


def right(made: Sequence[np.ndarray | None], contents: Sequence[Image], style: Style) -> int:
    """How many are what the network makes of their content in this process."""
    stylizer = instant.stylizer("instant-lite")
    wanted = (next(iter(stylizer.stylize(content, [style], INSTANT))).image for content in contents)
    pairs = zip(made, wanted, strict=True)
    return sum(
        one is not None and np.abs(one - images.to_uint8(other).astype(int)).max() <= 1
        for one, other in pairs
        if other is not None
    )


def measure(count: int, size: int) -> Figures:
    rng = np.random.default_rng(0)
    contents = [images.from_uint8(images.to_uint8(picture(rng, size * 3 // 4, size))) for _ in range(count)]
    style = Style(images.from_uint8(images.to_uint8(images.decode(STYLE.read_bytes(), max_side=512))))
    found: Figures = {"pictures": count, "size": size, "cores": os.cpu_count()}
    engine = Service()
    try:
        engine.wait_until_ready(60)
        worker = engine.submit(os.getpid).result(20)
        batch = paint(engine, contents, style)
        until(lambda: batch.done >= count // 2)
        os.kill(worker, signal.SIGKILL)
        batch.wait(600)
    finally:
        engine.close()
    made = [entry.value for entry in batch.entries]
    found |= {
        "failed": len(batch.failed),
        "there": sum(one is not None for one in made),
        "right": int(right(made, contents, style)),
    }
    for name, workers in {"one": 1, "two": 2}.items():
        with cluster(workers) as engine:
            found[name] = statistics.median(seconds_of(engine, contents, style) for _ in range(3))
    stylizer = instant.stylizer("instant-lite")
    began = time.perf_counter()
    for content in contents:
        for _ in stylizer.stylize(content, [style], INSTANT):
            pass
    found["alone"] = time.perf_counter() - began
    return found


def report(f: Figures) -> str:
    each = 1000 / f["pictures"]
    return f"""# A folder of {f["pictures"]} pictures of {f["size"]} px

The light worker killed when half were painted: {f["there"]} results, {f["right"]} of them what the network makes of \
the picture alone, {f["failed"]} failed.

| | seconds | milliseconds a picture |
|---|---:|---:|
| in one process, without the engine | {f["alone"]:.1f} | {f["alone"] * each:.0f} |
| one Dask worker of one thread | {f["one"]:.1f} | {f["one"] * each:.0f} |
| two Dask workers of one thread | {f["two"]:.1f} | {f["two"] * each:.0f} |

Two against one: {f["one"] / f["two"]:.2f} times as fast, on {f["cores"]} cores. A pass itself uses every core that is free.

*{machine()}*
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--size", type=int, default=512)
    arguments = parser.parse_args()
    figures = measure(arguments.pictures, arguments.size)
    print(json.dumps(figures))
    (OUT / "batch.md").write_text(report(figures))
    print(report(figures))


if __name__ == "__main__":
    main()
