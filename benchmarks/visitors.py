"""The visitors of the soak: real pages of Chromium, each with a colour of its own, and what they saw."""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from playwright.async_api import Error, Page, expect

from nst_core import images
from tests import browser

REST = (2.0, 8.0)  # seconds between two things that a visitor does
PATIENCE = 120_000  # milliseconds after which a picture counts as lost
STYLES = ("Woodcut waves", "Starlit oils", "Roman mosaic", "Kilim weave", "Ink bamboo", "Cubist guitar")


@dataclass
class Record:
    """What all visitors saw."""

    seconds: list[float] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)  # megabytes of all processes, every few seconds
    page: list[float] = field(default_factory=list)  # megabytes of the process that serves the pages, every second
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
        ways = self.ways()
        await self.try_to(self.arrive, until)
        while time.monotonic() < until:
            await self.try_to(self.random.choice(ways), until)
            await asyncio.sleep(self.random.uniform(*REST))

    def ways(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Return what the visitor may do next; what is there several times is the more likely."""
        return [self.choose_style] * 6 + [self.look_at_masks, self.reload, self.optimize]

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
        await self.page.get_by_role("link", name=re.compile("Optimize")).first.click()
        await self.run_optimizer()
        await self.go_back()

    async def run_optimizer(self) -> None:
        """Start a run, and cancel it or wait for its end."""
        page = self.page
        start = page.get_by_role("button", name="Start", exact=True)
        await start.click()
        running = page.get_by_role("button", name="Pause", exact=True)
        await running.or_(page.get_by_text("try again later")).first.wait_for()
        if await running.count() and self.random.random() < 0.7:
            await asyncio.sleep(self.random.uniform(1, 15))
            with suppress(Error):  # it may have ended by itself
                await page.get_by_role("button", name="Cancel", exact=True).click(timeout=5000)
        await start.wait_for(timeout=10 * PATIENCE)
