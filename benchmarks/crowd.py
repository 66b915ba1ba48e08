"""The app as visitors meet it, in Chromium: parts of `benchmarks.service`."""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from nst_core import images
from nst_core.recipes import LAYERS, PRESETS, OptimizeRecipe
from tests import browser

ROOT = Path(__file__).parent.parent
QUICK = False
Figures = dict[str, Any]


def amount(full: int, quick: int) -> int:
    return quick if QUICK else full


def picture(rng: np.random.Generator, height: int, width: int) -> images.Image:
    return images.resize(rng.random((height // 16, width // 16, 3), np.float32), height, width)


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


def processor(processes: Sequence[psutil.Process]) -> float:
    """Seconds that they have had, all together."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


@contextmanager
def served(**environment: str) -> Iterator[tuple[str, psutil.Process]]:
    """The app, and its page process."""
    with browser.served(0, **environment) as address:
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
            browser.settled(page)
            page.get_by_text("Everything else", exact=True).click()
            page.get_by_text("For specialists", exact=True).click()
            vgg = PRESETS["vgg19-rms"].model_copy(update={"size": 1024, "iterations": amount(12, 4)})
            for label, recipe in (("fast", PRESETS["fast"]), ("VGG-19", vgg)):
                set_controls(page, recipe)
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


def set_controls(page: Page, recipe: OptimizeRecipe) -> None:
    """By a recipe file, which sets every control."""
    chooser = page.locator(".st-key-optimize-recipe input[type=file]")
    chooser.set_input_files(
        FilePayload(name="recipe.json", mimeType="application/json", buffer=recipe.model_dump_json().encode())
    )
    expect(page.get_by_label("Iterations", exact=True)).to_have_value(str(recipe.iterations))
    expect(page.get_by_role("slider", name="Longer side, pixels")).to_have_value(str(recipe.size))
    browser.settled(page)


def random_vgg19(folder: Path) -> None:
    """A file as Keras' applications have it, with random weights."""
    import h5py

    from nst_core.features import vgg

    convolutions = vgg("vgg19", seed=0).convolutions
    file = folder / "models" / "vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    file.parent.mkdir()
    with h5py.File(file, "w") as archive:
        for layer in LAYERS["vgg19"]:
            group = archive.create_group(layer)
            group.attrs["weight_names"] = [f"{layer}/kernel", f"{layer}/bias"]
            for name, array in zip(group.attrs["weight_names"], convolutions[layer], strict=True):
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
    browser.upload(page, f"{number}.jpg", photograph, "image/jpeg")
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
                    found["processor"].append(processor([psutil.Process(server.pid)]))
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
        for name, whose in (
            ("a minute", [server]),
            ("a minute with 20,000 files", [server]),
            ("all processes, a minute", family(server)),
        ):
            before, began = processor(whose), time.monotonic()
            if "files" in name:
                for number in range(amount(20_000, 200)):
                    file = folder / f"{number % 100}" / f"{number}.py"
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.touch()
                shutil.rmtree(folder)
            time.sleep(max(0.0, amount(60, 5) - (time.monotonic() - began)))
            found[name] = (processor(whose) - before) / (time.monotonic() - began)
    return found


PICTURE = """() => document.querySelector('[data-testid="stImage"] img')?.src ?? ''"""
SHOWN = f"before => ![before, ''].includes(({PICTURE})())"


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
            before = page.evaluate(PICTURE)  # the photograph, until there is a preview
            began = time.perf_counter()
            page.get_by_role("button", name="Start", exact=True).click()
            page.wait_for_function(SHOWN, arg=before)
            found["preview"].append(time.perf_counter() - began)
            page.locator(".compare img.after").first.wait_for(timeout=120_000)
            found["done"].append(time.perf_counter() - began)
    return found
