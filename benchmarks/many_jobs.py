"""The engine under many jobs: parts of `benchmarks.service`."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.crowd import ROOT, Figures, amount, picture, resident
from nst_core import images
from nst_core.recipes import Color, InstantRecipe, OptimizeRecipe
from nst_core.service import Job, Lane, Service
from nst_core.stylizer import Style

INSTANT = InstantRecipe(engine="instant-lite")
LONG = OptimizeRecipe(iterations=10_000, scales=1)  # ends when it is cancelled


def any_picture(rng: np.random.Generator, longest: int) -> images.Image:
    height, width = (int(side) for side in rng.integers(256, longest + 1, 2))
    return picture(rng, height, width)


def any_styles(rng: np.random.Generator, shape: tuple[int, ...]) -> list[Style]:
    """One style, or two with a mask each."""
    if rng.random() < 0.6:
        return [Style(picture(rng, 384, 384))]
    left = np.zeros(shape[:2], np.float32)
    left[:, : shape[1] // 2] = 1
    return [Style(picture(rng, 384, 384), mask=mask) for mask in (left, 1 - left)]


def seconds_of(job: Job, start: float) -> float:
    job.result(120)
    return time.perf_counter() - start


def until(condition: Callable[[], object], timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError("it never came true")
        time.sleep(0.01)


@contextmanager
def engine(**options: Any) -> Iterator[Service]:
    made = Service(**options)
    try:
        made.wait_until_ready(60)
        yield made
    finally:
        made.close()


def of_engine() -> float:
    """Megabytes of the cluster's processes; this one stands for no page."""
    return resident(psutil.Process().children(recursive=True))


def lanes(scheduler: str | None = None) -> Figures:
    rng, found = np.random.default_rng(0), {}
    content, style = picture(rng, 384, 512), [Style(picture(rng, 384, 384))]
    slow: list[Job] = []
    with engine(scheduler=scheduler) as made:
        for beside in (0, 1, 3, 6, 10):
            slow += [made.run(LONG, {"content": content}, style) for _ in range(beside - len(slow))]
            if slow:
                until(lambda: bool(slow[0].progress))  # noqa: B023
            taken = []
            for _ in range(amount(20, 3)):
                start = time.perf_counter()
                taken.append(seconds_of(made.run(INSTANT, {"content": content}, style), start))
            found[str(beside)] = [statistics.median(taken), max(taken)]
        for job in reversed(slow):
            job.cancel()
        until(lambda: all(job.finished for job in slow))
    return found


def borrowed() -> Figures:
    dask = Path(sys.executable).with_name("dask")
    here = os.environ | {"PYTHONPATH": str(ROOT)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": ROOT, "env": here}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "scheduler.json"

        def started(*arguments: str) -> None:
            process = subprocess.Popen([str(dask), *arguments, "--scheduler-file", str(place)], **quiet)  # type: ignore[call-overload]
            stack.callback(process.wait)
            stack.callback(process.terminate)

        started("scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
        until(place.exists)
        started("worker", "--nthreads", "3", "--resources", "light=2 film=1", "--no-dashboard")
        started("worker", "--nthreads", "3", "--resources", "slow=1 tensorflow=2", "--no-dashboard")
        address = json.loads(place.read_text())["address"]
        return lanes(address)


def growth() -> Figures:
    rng = np.random.default_rng(0)
    runs, pictures = amount(100, 4), amount(200, 8)
    sizes, peak = [], 0.0
    with engine() as made:
        for number in range(1, runs + 1):
            for _ in range(pictures // runs):
                content = any_picture(rng, 768)
                color = Color.LUMINANCE if rng.random() < 0.2 else Color.STYLE
                made.run(
                    INSTANT.model_copy(update={"color": color}), {"content": content}, any_styles(rng, content.shape)
                ).result(120)
            content = any_picture(rng, 768)
            run = OptimizeRecipe(iterations=12, form="moments" if rng.random() < 0.5 else "mean")
            made.run(run, {"content": content}, any_styles(rng, content.shape)).result(120)
            peak = max(peak, of_engine())
            if number in (amount(10, 2), runs):
                time.sleep(5)  # a breath, as between visitors
                sizes.append(of_engine())
    return {"runs": runs, "pictures": pictures, "after ten": sizes[0], "at the end": sizes[-1], "peak": peak}


def death() -> Figures:
    rng = np.random.default_rng(0)
    content, style, recipe = picture(rng, 384, 512), [Style(picture(rng, 512, 512))], OptimizeRecipe(iterations=400)
    found: Figures = {"alone": [], "killed": [], "lost": []}
    for _ in range(amount(3, 1)):
        with engine() as made:
            made.prepare()
            time.sleep(5)
            for kind in ("alone", "killed"):
                job = made.run(recipe, {"content": content}, style)
                until(lambda job=job: job.progress and job.progress[-1].iteration >= 200)  # type: ignore[misc]
                start = time.perf_counter()
                if kind == "killed":
                    psutil.Process(made.submit(os.getpid, lane=Lane.TENSORFLOW).result(20)).kill()
                job.result(120)
                found[kind].append(time.perf_counter() - start)
                seen = [p.iteration for p in job.progress]
                if kind == "killed":
                    found["lost"].append(len(seen) - len(set(seen)))
    return found
