"""Many visitors for minutes, in real sessions: does anybody see an error, a lost picture, or another's?

python -m benchmarks.soak [--visitors 20] [--minutes 10]

Each visitor is a page of Chromium with an upload of its own, a plain colour that no other has, and does at random what visitors
do: choose a style, look at Masks, reload, start a slow run and cancel it or wait for it, rest. Beside every painted picture the
page shows its photograph: it must be the visitor's own. Times are of Instant: in the browser from the click on a style to the
picture, Chromium's own work included, on the same cores; and in the app's log, from the asking to the answer of a worker.
Writes benchmarks/out/soak.md.
"""

import argparse
import asyncio
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from playwright.async_api import Browser, Error, Page, async_playwright, expect

from benchmarks.crowd import ROOT, family, resident
from benchmarks.instant import machine
from nst_core import images
from tests import browser

OUT = Path(__file__).parent / "out"
REST = (2.0, 8.0)  # seconds between two things that a visitor does
ARRIVAL = 3.0  # seconds between two visitors
PATIENCE = 120_000  # milliseconds after which a picture counts as lost
STYLES = ("Woodcut waves", "Starlit oils", "Roman mosaic", "Kilim weave", "Ink bamboo", "Cubist guitar")
LINE = re.compile(r"job stylize \S+ waited ([\d.]+) s took ([\d.]+) s")


@dataclass
class Record:
    """What all visitors saw."""

    seconds: list[float] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # megabytes, every few seconds
    jobs: list[float] = field(default_factory=list)  # seconds of each Instant job, by the app's log


class Visitor:
    """One page, one colour."""

    def __init__(self, page: Page, address: str, number: int, record: Record) -> None:
        self.page, self.address, self.record = page, address, record
        self.random = random.Random(number)
        self.color = np.random.default_rng(number).integers(30, 226, 3)
        self.after = page.locator(".compare img.after")
        page.set_default_timeout(PATIENCE)

    async def live(self, until: float) -> None:
        ways = [self.choose_style] * 6 + [self.look_at_masks, self.reload, self.optimize]
        await self.try_to(self.arrive, until)
        while time.monotonic() < until:
            await self.try_to(self.random.choice(ways), until)
            await asyncio.sleep(self.random.uniform(*REST))

    async def try_to(self, way: Callable[[], Awaitable[None]], until: float) -> None:
        name = getattr(way, "__name__", "")
        try:
            await way()
            self.record.done[name] += 1
        except (Error, AssertionError) as error:
            if time.monotonic() < until:  # what is cut off at the end is no fault
                self.record.faults.append(f"{name}: {str(error)[:100].splitlines()[0]}")
            with suppress(Error, AssertionError):
                await self.arrive()
        if await self.page.locator('[data-testid="stException"]').count():
            self.record.faults.append(f"a traceback after {name}")

    async def arrive(self) -> None:
        await self.page.goto(self.address)
        await self.result()
        await self.upload()

    async def result(self, before: str = "") -> str:
        """The painted picture's data URI, another than before."""
        await expect(self.after).to_have_attribute("src", re.compile(r"^data:image/jpeg;base64,.{1000}"), timeout=PATIENCE)
        if before:
            await expect(self.after).not_to_have_attribute("src", before, timeout=PATIENCE)
        return await self.after.get_attribute("src") or ""

    async def upload(self) -> None:
        before = await self.result()
        picture = np.broadcast_to(np.float32(self.color / 255), (480, 640, 3)).copy()
        picture[::40], picture[:, ::40] = 0, 1  # something to paint
        await self.page.get_by_role("radiogroup", name="Photograph").get_by_text("Upload", exact=True).click()
        chooser = self.page.locator("[class*=-content-file] input[type=file]")
        await chooser.set_input_files({"name": "own.png", "mimeType": "image/png", "buffer": images.encode(picture)})
        await self.result(before)

    async def choose_style(self) -> None:
        name = self.random.choice(STYLES)
        button = self.page.locator(f'.gallery button[aria-pressed="false"][title="{name}"]')
        if not await button.count():
            return
        before, began = await self.result(), time.perf_counter()
        await button.first.click()
        await self.result(before)
        self.record.seconds.append(time.perf_counter() - began)
        shown = browser.pixels(await self.page.locator(".compare img.before").get_attribute("src") or "")
        if np.abs(np.median(shown, (0, 1)) - self.color).max() > 8:
            self.record.faults.append("another's photograph")

    async def look_at_masks(self) -> None:
        await self.page.get_by_role("link", name=re.compile("Masks")).first.click()
        await self.page.locator(".st-key-masks-canvas canvas.upper-canvas").first.wait_for()
        await self.go_back()

    async def go_back(self) -> None:
        await self.page.get_by_role("link", name=re.compile("Instant")).first.click()
        await self.result()

    async def reload(self) -> None:
        """A new session: the upload is gone, as on any page that is loaded anew."""
        await self.page.reload()
        await self.result()
        await self.upload()

    async def optimize(self) -> None:
        page = self.page
        await page.get_by_role("link", name=re.compile("Optimize")).first.click()
        start = page.get_by_role("button", name="Start", exact=True)
        await start.click()
        running = page.get_by_role("button", name="Pause", exact=True)
        await running.or_(page.get_by_text("try again later")).first.wait_for()
        if await running.count() and self.random.random() < 0.7:
            await asyncio.sleep(self.random.uniform(1, 15))
            with suppress(Error):  # it may have ended by itself
                await page.get_by_role("button", name="Cancel", exact=True).click(timeout=5000)
        await start.wait_for(timeout=10 * PATIENCE)
        await self.go_back()


async def visit(launched: Browser, address: str, number: int, until: float, record: Record) -> None:
    await asyncio.sleep(ARRIVAL * number)
    context = await launched.new_context(viewport={"width": 1000, "height": 800})
    await Visitor(await context.new_page(), address, number, record).live(until)
    await context.close()


async def soak(visitors: int, minutes: float) -> Record:
    record, port = Record(), browser.free_port()
    until = time.monotonic() + ARRIVAL * visitors + 60 * minutes
    with tempfile.TemporaryFile("w+") as log:
        command = ("-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true")
        server = await asyncio.create_subprocess_exec(sys.executable, *command, cwd=ROOT, stderr=log)
        while not await asyncio.to_thread(browser.healthy, f"http://localhost:{port}"):
            await asyncio.sleep(0.1)
        async with async_playwright() as playwright:
            launched = await playwright.chromium.launch(executable_path=browser.chromium_path(), args=browser.FLAGS)
            given = launched, f"http://localhost:{port}"
            visits = [asyncio.create_task(visit(*given, number, until, record)) for number in range(visitors)]
            while time.monotonic() < until:
                record.memory.append(resident(family(psutil.Process(server.pid))))
                await asyncio.sleep(5)
            await asyncio.gather(*visits)
        server.terminate()
        await server.wait()
        log.seek(0)
        record.jobs = [float(waited) + float(took) for waited, took in LINE.findall(log.read())]
    return record


def times(name: str, seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    return f"| {name} | {len(ordered)} | {middle:.1f} s | {late:.1f} s | {ordered[-1]:.1f} s |\n"


def report(record: Record, visitors: int, minutes: float) -> str:
    memory = record.memory[len(record.memory) // 10 :]  # without the arrivals
    third = len(memory) // 3
    middle, end = (statistics.mean(part) for part in (memory[third : 2 * third], memory[2 * third :]))
    did = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in record.done.most_common())
    faults = "\n".join(f"- {text} ({count})" for text, count in Counter(record.faults).most_common()) or "None."
    rows = times("in the browser, from the click to the picture", record.seconds) + times("in the engine", record.jobs)
    return f"""# {visitors} visitors for {minutes:g} minutes

What they did: {did}.

| Instant | pictures | median | 95th percentile | longest |
|---|---:|---:|---:|---:|
{rows}
Memory of all processes: {middle:.0f} MB on average in the middle third, {end:.0f} MB in the last ({end / middle - 1:+.0%}), \
at most {max(memory):.0f} MB.

Faults seen:

{faults}

*{machine()}, with a Chromium of {visitors} pages on the same cores*
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    record = asyncio.run(soak(arguments.visitors, arguments.minutes))
    print(json.dumps(vars(record)))
    text = report(record, arguments.visitors, arguments.minutes)
    (OUT / "soak.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
