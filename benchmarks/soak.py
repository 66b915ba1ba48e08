"""Many visitors for minutes, in real sessions: does anybody see an error, a lost picture, or another's?

python -m benchmarks.soak [--visitors 20] [--minutes 10]

Each visitor is a Chromium page with an upload of its own, a plain colour that no other has, and does at random what visitors
do: choose a style, look at Masks, reload, start a slow run and cancel it or wait for it, rest. Beside every painted picture the
page shows its photograph: it must be the visitor's own. Times are of Instant, from the click on a style to the picture;
Chromium's own work is in them, on the same cores. Writes benchmarks/out/soak.md.
"""

import argparse
import json
import random
import re
import statistics
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from playwright.sync_api import Error, Page, expect, sync_playwright

from benchmarks.crowd import family, resident, served
from benchmarks.instant import machine
from nst_core import images
from tests import browser

OUT = Path(__file__).parent / "out"
REST = (2.0, 8.0)  # seconds between two things that a visitor does
ARRIVAL = 3.0  # seconds between two visitors
PATIENCE = 120_000  # milliseconds after which a picture counts as lost
STYLES = ("Woodcut waves", "Starlit oils", "Roman mosaic", "Kilim weave", "Ink bamboo", "Cubist guitar")


@dataclass
class Record:
    """What all visitors saw."""

    seconds: list[float] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # megabytes, every few seconds


class Visitor:
    """One page, one colour."""

    def __init__(self, page: Page, address: str, number: int, record: Record) -> None:
        self.page, self.address, self.record = page, address, record
        self.random = random.Random(number)
        self.color = np.random.default_rng(number).integers(30, 226, 3)
        page.set_default_timeout(PATIENCE)

    def arrive(self) -> None:
        self.page.goto(self.address)
        browser.result(self.page)
        self.upload()

    def upload(self) -> None:
        before = browser.result(self.page)
        picture = np.broadcast_to(np.float32(self.color / 255), (480, 640, 3)).copy()
        picture[::40], picture[:, ::40] = 0, 1  # something to paint
        browser.upload(self.page, "own.png", images.encode(picture), "image/png")
        browser.next_result(self.page, before)

    def choose_style(self) -> None:
        before = browser.result(self.page)
        name = self.random.choice(STYLES)
        button = self.page.locator(f'.gallery button[aria-pressed="false"][title="{name}"]')
        if not button.count():
            return
        began = time.perf_counter()
        button.first.click()
        browser.next_result(self.page, before)
        self.record.seconds.append(time.perf_counter() - began)
        self.check()

    def check(self) -> None:
        """The photograph beside the result is the visitor's own."""
        shown = browser.pixels(self.page.locator(".compare img.before").get_attribute("src") or "")
        if np.abs(np.median(shown, (0, 1)) - self.color).max() > 8:
            self.record.faults.append("another's photograph")

    def look_at_masks(self) -> None:
        self.page.get_by_role("link", name=re.compile("Masks")).first.click()
        self.page.locator(".st-key-masks-canvas canvas.upper-canvas").first.wait_for()
        browser.settled(self.page)
        self.go_back()

    def go_back(self) -> None:
        self.page.get_by_role("link", name=re.compile("Instant")).first.click()
        browser.result(self.page)

    def reload(self) -> None:
        """A new session: the upload is gone, as on any page that is loaded anew."""
        self.page.reload()
        browser.result(self.page)
        self.upload()

    def optimize(self) -> None:
        page = self.page
        page.get_by_role("link", name=re.compile("Optimize")).first.click()
        page.get_by_role("button", name="Start", exact=True).click()
        cancelled = self.random.random() < 0.7
        running = page.get_by_role("button", name="Pause", exact=True)
        running.or_(page.get_by_text("try again then")).first.wait_for()
        if running.count() and cancelled:
            time.sleep(self.random.uniform(1, 15))
            with suppress(Error):  # it may have ended by itself
                page.get_by_role("button", name="Cancel", exact=True).click(timeout=5000)
        page.get_by_role("button", name="Start", exact=True).wait_for(timeout=10 * PATIENCE)
        self.go_back()

    def live(self, until: float) -> None:
        ways = [self.choose_style] * 6 + [self.look_at_masks, self.reload, self.optimize]
        while time.monotonic() < until:
            way = self.random.choice(ways)
            try:
                way()
                self.record.done[way.__name__] += 1
            except (Error, AssertionError) as error:
                if time.monotonic() < until:  # what is cut off at the end is no fault
                    self.record.faults.append(f"{way.__name__}: {str(error).splitlines()[0]}")
                with suppress(Error, AssertionError):
                    self.arrive()
            if self.page.locator('[data-testid="stException"]').count():
                self.record.faults.append(f"a traceback after {way.__name__}")
            time.sleep(self.random.uniform(*REST))


def visit(address: str, number: int, until: float, record: Record) -> None:
    """A visitor's thread, with a Chromium of its own."""
    with sync_playwright() as playwright:
        launched = browser.launch(playwright)
        visitor = Visitor(launched.new_page(viewport={"width": 1000, "height": 800}), address, number, record)
        try:
            visitor.arrive()
        except (Error, AssertionError) as error:
            record.faults.append(f"arriving: {str(error).splitlines()[0]}")
            return
        visitor.live(until)
        launched.close()


def soak(visitors: int, minutes: float) -> Record:
    record = Record()
    expect.set_options(timeout=PATIENCE)
    with served() as (address, server):
        until = time.monotonic() + ARRIVAL * visitors + 60 * minutes
        threads = [threading.Thread(target=visit, args=(address, number, until, record)) for number in range(visitors)]
        for thread in threads:
            thread.start()
            time.sleep(ARRIVAL)
        while any(thread.is_alive() for thread in threads):
            record.memory.append(resident(family(server)))
            time.sleep(5)
    return record


def report(record: Record, visitors: int, minutes: float) -> str:
    taken = sorted(record.seconds)
    third = len(record.memory) // 3
    middle, end = (statistics.median(part) for part in (record.memory[third : 2 * third], record.memory[2 * third :]))
    did = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in record.done.most_common())
    faults = "\n".join(f"- {text} ({count})" for text, count in Counter(record.faults).most_common()) or "None."
    return f"""# {visitors} visitors for {minutes:g} minutes

What they did: {did}.

| Instant, from click to picture | median | 95th percentile | longest |
|---|---:|---:|---:|
| {len(taken)} pictures | {taken[len(taken) // 2]:.1f} s | {taken[int(len(taken) * 0.95)]:.1f} s | {taken[-1]:.1f} s |

Memory of all processes: {middle:.0f} MB in the middle third, {end:.0f} MB in the last ({end / middle - 1:+.0%}), at most \
{max(record.memory):.0f} MB.

Faults seen:

{faults}

*{machine()}, with {visitors} Chromiums on the same cores*
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    arguments = parser.parse_args()
    record = soak(arguments.visitors, arguments.minutes)
    print(json.dumps(record.__dict__))
    text = report(record, arguments.visitors, arguments.minutes)
    (OUT / "soak.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
