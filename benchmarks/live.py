"""The Live page in Chromium, on WebAssembly: frames a second by size, time to the first frame, memory over many frames.

python -m benchmarks.live [--only sizes memory] [--frames 2000]

sizes   seconds from opening the page to the first painted frame, with the runtime's files from this machine, then as kept by
        the browser; frames a second and milliseconds a frame by size, and what the page settles on by itself
memory  what Chromium's page processes have for themselves over so many frames of its fake camera at 128 px, a snapshot in the
        middle

Writes benchmarks/out/live.md, from the figures kept in live.json beside it.
"""

import argparse
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Locator, Page, sync_playwright

from benchmarks.instant import machine
from tests import browser, npm

OUT = Path(__file__).parent / "out"
SIDES = (96, 128, 192, 256, 320, 384, 512, 640)
SECONDS = 5  # that each size is watched
FIXED = 128  # pixels of the frames whose memory is watched
Figures = dict[str, Any]

WATCH = """async (root, [side, seconds]) => {
    const { studio } = root, sleep = (time) => new Promise((on) => setTimeout(on, time)), taken = [];
    studio.pace.fixed = side ?? undefined;
    const until = studio.frames + 4;
    while (studio.frames < until) await sleep(20);
    const note = studio.pace.note, first = studio.frames, start = performance.now();
    studio.pace.note = (took) => { taken.push(took); note.call(studio.pace, took); };
    await sleep(1000 * seconds);
    studio.pace.note = note;
    const rate = ((studio.frames - first) * 1000) / (performance.now() - start);
    taken.sort((a, b) => a - b);
    return [rate, taken[taken.length >> 1], taken[Math.floor(taken.length / 10)], studio.painted.width, studio.painted.height];
}"""


@contextmanager
def opened() -> Iterator[tuple[Page, str]]:
    """A page, and Live's address."""
    npm.fetch()
    with npm.served() as runtime, browser.served(NST_RUNTIME_URL=runtime) as address, sync_playwright() as playwright:
        chromium = browser.launch(playwright)
        with chromium.new_page() as page:
            page.goto(address)
            browser.result(page)  # the engine is up
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(browser.PATIENCE)
        yield page, f"{address}/live"


def first_frame(page: Page, address: str) -> tuple[Locator, float]:
    """The studio, and seconds until it painted."""
    start = time.perf_counter()
    page.goto(address)
    studio = page.locator(".live")
    studio.evaluate("async (root) => { while (!root.studio?.frames) await new Promise((on) => setTimeout(on, 10)); }")
    return studio, time.perf_counter() - start


def sizes() -> Figures:
    with opened() as (page, address):
        (_, fetched), (studio, kept) = first_frame(page, address), first_frame(page, address)
        rows = [studio.evaluate(WATCH, [side, SECONDS]) for side in SIDES]
        studio.evaluate("(root) => { root.studio.pace.fixed = undefined; }")
        time.sleep(15)
        return {"fetched": fetched, "kept": kept, "rows": rows, "settled": studio.evaluate(WATCH, [None, SECONDS])}


def held() -> float:
    """Megabytes that Chromium's page processes share with none."""
    children = psutil.Process().children(recursive=True)
    return sum(child.memory_full_info().uss for child in children if "--type=renderer" in child.cmdline()) / 1e6


def memory(frames: int) -> Figures:
    with opened() as (page, address):
        studio, _ = first_frame(page, f"{address}?side={FIXED}")
        studio.get_by_role("button", name="Use my camera").click()
        rows = []
        for count in (0.05, 0.25, 0.5, 0.75, 1):
            if count == 0.75:
                studio.get_by_role("button", name="Snapshot", exact=True).click()
            studio.evaluate(
                "async (root, count) => { while (root.studio.frames < count) await new Promise((on) => setTimeout(on, 50)); }",
                round(count * frames),
            )
            rows.append([round(count * frames), held()])
        return {"rows": rows}


def report(kept: dict[str, Figures]) -> str:
    parts = ["# The Live page in Chromium, on WebAssembly\n"]
    if found := kept.get("sizes"):
        parts.append(
            f"First painted frame {found['fetched']:.1f} s after opening the page, with the runtime's files (14 MB) and the\n"
            f"model (3 MB) from this machine; {found['kept']:.1f} s once the browser keeps them.\n\n"
            "| frame | milliseconds, median | quickest tenth | frames a second |\n|---|---:|---:|---:|"
        )
        parts += [f"| {w} × {h} | {usual:.0f} | {best:.0f} | {rate:.1f} |" for rate, usual, best, w, h in found["rows"]]
        rate, *_, width, height = found["settled"]
        parts.append(
            f"\nLeft to itself the page settles on {width} × {height} px, {rate:.1f} frames a second.\n\n*{found['machine']}*\n"
        )
    if found := kept.get("memory"):
        about = f"Memory of the page's processes at {FIXED} px, fake camera, a snapshot of 768 px after half:"
        parts.append(f"{about}\n\n| frames | MB |\n|---:|---:|")
        parts += [f"| {count:,} | {megabytes:.0f} |" for count, megabytes in found["rows"]]
        parts.append(f"\n*{found['machine']}*\n")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=("sizes", "memory"), default=("sizes", "memory"))
    parser.add_argument("--frames", type=int, default=2000)
    asked = parser.parse_args()
    file = OUT / "live.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    for part in asked.only:
        where = machine()
        kept[part] = (sizes() if part == "sizes" else memory(asked.frames)) | {"machine": where}
        file.write_text(json.dumps(kept))
    (OUT / "live.md").write_text(report(kept))
    print(report(kept))


if __name__ == "__main__":
    main()
