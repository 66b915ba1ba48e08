"""The app as the public meets it: many at once, for hours, on two cores.

python -m benchmarks.service [--quick] [--only lanes borrowed growth weight visitors start idle preview death]

lanes     an Instant picture beside 0 … 10 optimisations that run or wait
borrowed  the same through NST_SCHEDULER, with two workers started by Dask's own command
growth    memory of all processes over 100 optimisations and 200 Instant pictures of any size, masks among them
weight    memory of all processes: idle, during `fast` at 512 px, during VGG-19 at 1024 px, and a minute after
visitors  memory of the page process over 100 visitors in a row, and after two minutes of rest
start     from server start to first page and first painted picture, beside a one-line page; processor time until then
idle      processor time of the page process in a minute of rest, and while 20,000 files come and go under .venv
preview   from a click on Start to the first preview of `fast`, in Chromium
death     a worker killed at half time: iterations lost, and seconds until the run is done

Memory is the sum of the resident sets of the app's processes: what several share counts several times. VGG-19 has random
weights here. Writes benchmarks/out/service.md, from the figures kept in service.json beside it.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from benchmarks.instant import machine
from nst_core import images
from nst_core.engine import Engine, Job, Lane
from nst_core.recipes import LAYERS, PRESETS, Color, InstantRecipe, OptimizeRecipe
from nst_core.stylizer import Style
from tests import browser

ROOT = Path(__file__).parent.parent
OUT = Path(__file__).parent / "out"
INSTANT = InstantRecipe(engine="instant-lite")
LONG = OptimizeRecipe(iterations=10_000, scales=1)  # ends when it is cancelled
QUICK = False
Figures = dict[str, Any]


def amount(full: int, quick: int) -> int:
    return quick if QUICK else full


# --- work -------------------------------------------------------------------------------------------------------------


def picture(rng: np.random.Generator, height: int, width: int) -> images.Image:
    return images.resize(rng.random((height // 16, width // 16, 3), np.float32), height, width)


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
def engine(**options: Any) -> Iterator[Engine]:
    made = Engine(**options)
    try:
        made.wait_until_ready(60)
        yield made
    finally:
        made.close()


def family(process: psutil.Process) -> list[psutil.Process]:
    """The app's processes: not Chromium's, and not the ones that only look on."""
    return [process, *process.children(recursive=True)]


def resident(processes: Sequence[psutil.Process]) -> float:
    """Megabytes, all together."""
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total / 1e6


def of_engine() -> float:
    """Megabytes of the cluster's processes; this one stands for no page."""
    return resident(psutil.Process().children(recursive=True))


# --- the engine -------------------------------------------------------------------------------------------------------


def lanes(scheduler: str | None = None) -> Figures:
    rng, found = np.random.default_rng(0), {}
    content, style = picture(rng, 384, 512), [Style(picture(rng, 384, 384))]
    slow: list[Job] = []
    with engine(scheduler=scheduler) as made:
        for beside in (0, 1, 3, 6, 10):
            slow += [made.stylize(content, style, LONG) for _ in range(beside - len(slow))]
            if slow:
                until(lambda: bool(slow[0].progress))  # noqa: B023
            taken = []
            for _ in range(amount(20, 3)):
                start = time.perf_counter()
                taken.append(seconds_of(made.stylize(content, style, INSTANT), start))
            found[str(beside)] = [statistics.median(taken), max(taken)]
        for job in reversed(slow):
            job.cancel()
        until(lambda: all(job.finished for job in slow))
    return found


def borrowed() -> Figures:
    dask = Path(sys.executable).with_name("dask")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": ROOT}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "scheduler.json"

        def started(*arguments: str) -> None:
            process = subprocess.Popen([str(dask), *arguments, "--scheduler-file", str(place)], **quiet)  # type: ignore[call-overload]
            stack.callback(process.wait)
            stack.callback(process.terminate)

        started("scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--dashboard-address", "127.0.0.1:0")
        until(place.exists)
        started("worker", "--nthreads", "2", "--resources", "light=2", "--no-dashboard")
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
                made.stylize(content, any_styles(rng, content.shape), INSTANT.model_copy(update={"color": color})).result(120)
            content = any_picture(rng, 768)
            run = OptimizeRecipe(iterations=12, form="moments" if rng.random() < 0.5 else "mean")
            made.stylize(content, any_styles(rng, content.shape), run).result(120)
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
                job = made.stylize(content, style, recipe)
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


# --- the app ----------------------------------------------------------------------------------------------------------


@contextmanager
def served(**environment: str) -> Iterator[tuple[str, psutil.Process]]:
    """The app, and its page process."""
    with browser.served(**environment) as address:
        (server,) = [p for p in psutil.Process().children() if "streamlit" in " ".join(p.cmdline())]
        yield address, server


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield browser.launch(playwright)


def weight() -> Figures:
    found: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        random_vgg19(Path(folder))
        with served(KERAS_HOME=folder) as (address, server), chromium() as launched:
            page = launched.new_page(viewport={"width": 1280, "height": 900})
            page.goto(address)
            browser.result(page)
            time.sleep(20)
            found["idle"] = resident(family(server))
            page.goto(f"{address}/optimize")
            found["fast"] = most_during(page, server)
            for label, preset, size in (("VGG-19", "vgg19-rms", 1024),):
                choose_preset(page, preset, size)
                found[label] = most_during(page, server)
            page.close()
            time.sleep(60)
            found["a minute after"] = resident(family(server))
            found["page"] = resident([server])
    return found


def most_during(page: Page, server: psutil.Process) -> float:
    """Start, and look until the picture is there."""
    browser.settled(page)
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name="Pause", exact=True).wait_for()
    most, deadline = 0.0, time.monotonic() + amount(1200, 30)
    while page.get_by_role("button", name="Pause", exact=True).count() and time.monotonic() < deadline:
        most = max(most, resident(family(server)))
        time.sleep(0.1)
    if page.get_by_role("button", name="Pause", exact=True).count():
        page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Start", exact=True).wait_for()
    return most


def choose_preset(page: Page, preset: str, size: int) -> None:
    """By a recipe file, which sets every control."""
    recipe = PRESETS[preset].model_copy(update={"size": size, "iterations": amount(12, 4)})
    page.get_by_text("Everything else").click()
    chooser = page.get_by_test_id("stFileUploaderDropzoneInput").first
    chooser.set_input_files(
        FilePayload(name="recipe.json", mimeType="application/json", buffer=recipe.model_dump_json().encode())
    )
    expect(page.get_by_label("Iterations")).to_have_value(str(recipe.iterations))
    browser.settled(page)


def random_vgg19(folder: Path) -> None:
    """A file as Keras' applications have it, with random weights."""
    import h5py

    from nst_core.features import _random

    file = folder / "models" / "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    file.parent.mkdir()
    with h5py.File(file, "w") as archive:
        for layer in LAYERS["vgg19"]:
            group = archive.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/kernel", f"{layer}/bias"]
            for name, array in zip(group.attrs["weight_names"], _random(0, layer), strict=True):
                group[name] = array


def visitors() -> Figures:
    rng, sizes = np.random.default_rng(0), {}
    with served() as (address, server), chromium() as launched:
        total = amount(100, 3)
        for number in range(1, total + 1):
            visit(launched, address, images.encode(picture(rng, 1200, 1600), "jpeg"), number)
            if number in (1, amount(10, 2), 50, total):
                sizes[str(number)] = resident([server])
        time.sleep(amount(120, 5))
        sizes["after two minutes"] = resident([server])
    return sizes


def visit(launched: Browser, address: str, photograph: bytes, number: int) -> None:
    """One upload painted at 768 px, one look at Masks."""
    context = launched.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address)
    first = browser.result(page)
    page.get_by_text("Upload", exact=True).click()
    file = FilePayload(name=f"{number}.jpg", mimeType="image/jpeg", buffer=photograph)
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(file)
    browser.next_result(page, first)
    page.get_by_role("link", name=re.compile("Masks")).first.click()
    page.locator(".st-key-masks-canvas canvas.upper-canvas").first.wait_for()
    browser.result(page)
    context.close()


def start() -> Figures:
    one_line = Path(tempfile.mkdtemp()) / "one_line.py"
    one_line.write_text("import streamlit as st; st.title('Hello')\n")
    found: Figures = {name: [] for name in ("one-line page", "first page", "first picture", "processor")}
    with chromium() as launched:
        for _ in range(amount(5, 1)):
            for script in (one_line, ROOT / "app.py"):
                page = launched.new_page(viewport={"width": 1280, "height": 900})
                port, began = browser.free_port(), time.perf_counter()
                command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
                server = subprocess.Popen(
                    [*command, "--server.headless", "true"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                while not browser.healthy(f"http://localhost:{port}"):
                    time.sleep(0.02)
                page.goto(f"http://localhost:{port}")
                page.get_by_role("heading").first.wait_for()
                found["first page" if script.name == "app.py" else "one-line page"].append(time.perf_counter() - began)
                if script.name == "app.py":
                    browser.result(page)
                    found["first picture"].append(time.perf_counter() - began)
                    found["processor"].append(sum(psutil.Process(server.pid).cpu_times()[:2]))
                page.close()
                server.terminate()
                server.wait()
    return found


def idle() -> Figures:
    found: Figures = {}
    folder = ROOT / ".venv" / "nst-benchmark"
    with served() as (address, server), chromium() as launched:
        page = launched.new_page()
        page.goto(address)
        browser.result(page)
        time.sleep(10)
        for name in ("a minute", "a minute with 20,000 files"):
            before, began = sum(server.cpu_times()[:2]), time.monotonic()
            if name != "a minute":
                for number in range(amount(20_000, 200)):
                    file = folder / f"{number % 100}" / f"{number}.py"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.touch()
                shutil.rmtree(folder)
            time.sleep(max(0.0, amount(60, 5) - (time.monotonic() - began)))
            found[name] = (sum(server.cpu_times()[:2]) - before) / (time.monotonic() - began)
    return found


def preview() -> Figures:
    found: Figures = {"preview": [], "done": []}
    with served() as (address, _), chromium() as launched:
        page = launched.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        browser.result(page)
        for _ in range(amount(7, 1)):
            page.goto(f"{address}/optimize")
            page.get_by_role("button", name="Start", exact=True).wait_for()
            browser.settled(page)
            time.sleep(4)  # a look at the page
            began = time.perf_counter()
            page.get_by_role("button", name="Start", exact=True).click()
            page.get_by_test_id("stImage").locator("img").first.wait_for()
            found["preview"].append(time.perf_counter() - began)
            page.locator(".compare img.after").first.wait_for(timeout=120_000)
            found["done"].append(time.perf_counter() - began)
    return found


# --- the report -------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[], Figures]] = {
    "lanes": lanes,
    "borrowed": borrowed,
    "growth": growth,
    "weight": weight,
    "visitors": visitors,
    "start": start,
    "idle": idle,
    "preview": preview,
    "death": death,
}


def report(kept: dict[str, Figures]) -> str:
    tell: dict[str, Callable[[Figures], str]] = {
        "lanes": partial_lanes("Instant beside optimisations, one running, the others waiting"),
        "borrowed": partial_lanes("The same through `NST_SCHEDULER`, two workers of Dask's own command"),
        "growth": lambda f: (
            f"## Memory over {f['runs']} optimisations and {f['pictures']} Instant pictures, without the page\n\n"
            f"After the tenth {f['after ten']:.0f} MB, at the end {f['at the end']:.0f} MB "
            f"({f['at the end'] / f['after ten'] - 1:+.0%}); at most {f['peak']:.0f} MB.\n"
        ),
        "weight": lambda f: table("Memory of all processes, MB", f, "{:.0f}"),
        "visitors": lambda f: table("Memory of the page process after so many visitors, MB", f, "{:.0f}"),
        "start": lambda f: table(
            "From server start, seconds (median); processor time of the page process until the first picture", f, "{:.2f}"
        ),
        "idle": lambda f: table("Share of a core that the page process takes at rest", f, "{:.2%}"),
        "preview": lambda f: table("From the click on Start, seconds (median)", f, "{:.2f}"),
        "death": lambda f: (
            "## A worker killed at 200 of 400 iterations\n\n"
            f"Iterations done twice: {', '.join(map(str, f['lost']))}. From there to the end "
            f"{statistics.median(f['killed']):.1f} s, undisturbed {statistics.median(f['alone']):.1f} s.\n"
        ),
    }
    sections = [f"{tell[part](kept[part])}\n*{kept[part]['machine']}*\n" for part in PARTS if part in kept]
    return "\n".join(["# The app as the public meets it\n", *sections])


def partial_lanes(title: str) -> Callable[[Figures], str]:
    def tell(figures: Figures) -> str:
        alone = figures["0"][0]
        rows = {
            f"{beside} beside": f"{figures[beside][0]:.3f} s | {figures[beside][0] / alone:.1f} | {figures[beside][1]:.3f} s"
            for beside in figures
            if beside.isdigit()
        }
        head = f"## {title}\n\n| | median | times alone | longest |\n|---|---:|---:|---:|\n"
        return head + "".join(f"| {name} | {row} |\n" for name, row in rows.items())

    return tell


def table(title: str, figures: Figures, form: str) -> str:
    """One row; of several measurements the median."""
    of = lambda value: statistics.median(value) if isinstance(value, list) else value  # noqa: E731
    kept = {name: form.format(of(value)) for name, value in figures.items() if name != "machine"}
    return f"## {title}\n\n| {' | '.join(kept)} |\n|{'---:|' * len(kept)}\n| {' | '.join(kept.values())} |\n"


def main() -> None:
    global QUICK
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little of everything: whether it runs; nothing is kept")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    QUICK = arguments.quick
    file = OUT / "service.json"
    kept = json.loads(file.read_text()) if file.exists() and not QUICK else {}
    for part in arguments.only:
        figures = PARTS[part]()
        print(part, json.dumps(figures), flush=True)
        kept[part] = figures | {"machine": machine()}
        if not QUICK:
            file.write_text(json.dumps(kept, indent=1))
            (OUT / "service.md").write_text(report(kept))
    print(report(kept))


if __name__ == "__main__":
    main()
