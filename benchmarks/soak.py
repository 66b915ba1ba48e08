"""Many visitors for minutes, in real sessions: does anybody see an error, a lost picture, or another's?

python -m benchmarks.soak [--visitors 20] [--minutes 10] [--hostile 10]

Each visitor is a page of Chromium with an upload of its own, a plain colour that no other has, and does at random what visitors
do: choose a style, look at Masks, reload, start a slow run and cancel it or wait for it, rest. Beside every painted picture the
page shows its photograph: it must be the visitor's own. Times are of Instant: in the browser from the click on a style to the
picture, Chromium's own work included, on the same cores; and in the app's log, from the asking to the answer of a worker.
Writes benchmarks/out/soak.md, or with --hostile, so many of the visitors that send the worst files that we know
(`benchmarks/hostile.py`), soak_hostile.md; the others must notice nothing of them.
"""

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import psutil
from playwright.async_api import Browser, async_playwright

from benchmarks.crowd import ROOT, family, resident
from benchmarks.hostile import Stranger
from benchmarks.instant import machine
from benchmarks.visitors import Record, Visitor
from tests import browser

OUT = Path(__file__).parent / "out"
ARRIVAL = 3.0  # seconds between two visitors
LINE = re.compile(r"job instant \S+ waited ([\d.]+) s took ([\d.]+) s")


async def visit(launched: Browser, address: str, number: int, until: float, record: Record, kind: type[Visitor]) -> None:
    await asyncio.sleep(ARRIVAL * number)
    context = await launched.new_context(viewport={"width": 1000, "height": 800})
    await kind(await context.new_page(), address, number, record).live(until)
    await context.close()


async def watch(server: int, until: float, record: Record) -> None:
    """Record the memory of the page process every second, and that of all processes every five."""
    page = psutil.Process(server)
    for second in count():
        if time.monotonic() >= until:
            return
        record.page.append(resident([page]))
        if second % 5 == 0:
            record.memory.append(resident(family(page)))
        await asyncio.sleep(1)


async def soak(visitors: int, minutes: float, hostile: int = 0) -> Record:
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
            kinds = [Stranger if number % 2 and number // 2 < hostile else Visitor for number in range(visitors)]
            visits = [asyncio.create_task(visit(*given, number, until, record, kind)) for number, kind in enumerate(kinds)]
            await watch(server.pid, until, record)
            for under_way in visits:  # what is cut off at the end is no fault
                under_way.cancel()
            await asyncio.gather(*visits, return_exceptions=True)
        server.terminate()
        await server.wait()
        log.seek(0)
        record.jobs = [float(waited) + float(took) for waited, took in LINE.findall(log.read())]
    return record


def times(name: str, seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    if not ordered:
        return f"| {name} | 0 | - | - | - |\n"
    middle, late = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.95)]
    return f"| {name} | {len(ordered)} | {middle:.1f} s | {late:.1f} s | {ordered[-1]:.1f} s |\n"


def report(record: Record, visitors: int, minutes: float, hostile: int) -> str:
    memory = record.memory[len(record.memory) // 10 :]  # without the arrivals
    third = len(memory) // 3
    middle, end = (statistics.mean(part) for part in (memory[third : 2 * third], memory[2 * third :]))
    did = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in record.done.most_common())
    faults = "\n".join(f"- {text} ({count})" for text, count in Counter(record.faults).most_common()) or "None."
    rows = times("in the browser, from the click to the picture", record.seconds) + times("in the engine", record.jobs)
    ill = f", {hostile} of them hostile" if hostile else ""
    return f"""# {visitors} visitors for {minutes:g} minutes{ill}

What they did: {did}.

| Instant | pictures | median | 95th percentile | longest |
|---|---:|---:|---:|---:|
{rows}
Memory of all processes: {middle:.0f} MB on average in the middle third, {end:.0f} MB in the last ({end / middle - 1:+.0%}), \
at most {max(memory):.0f} MB. The process that serves the pages: at most {max(record.page):.0f} MB.

Faults seen:

{faults}

*{machine()}, with a Chromium of {visitors} pages on the same cores*
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--hostile", type=int, default=0, help="how many of the visitors are hostile, at most half of them")
    arguments = parser.parse_args()
    given = arguments.visitors, arguments.minutes, min(arguments.hostile, arguments.visitors // 2)
    record = asyncio.run(soak(*given))
    print(json.dumps(vars(record)))
    text = report(record, *given)
    (OUT / ("soak_hostile.md" if arguments.hostile else "soak.md")).write_text(text)
    print(text)


if __name__ == "__main__":
    main()
