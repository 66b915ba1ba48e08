"""The app as the public meets it: many at once, for hours, on two cores.

python -m benchmarks.service [--quick] [--only lanes borrowed growth weight visitors start idle preview death]

lanes     an Instant picture beside 0 … 10 optimisations that run or wait
borrowed  the same through NST_SCHEDULER, with two workers started by Dask's own command
growth    memory of all processes over 100 optimisations and 200 Instant pictures of any size, masks among them
weight    memory of all processes: idle, during `fast` at 512 px, during VGG-19 at 1024 px, and a minute after
visitors  memory of the page process over 100 visitors in a row, and after two minutes of rest
start     from server start to first page and first painted picture, beside a one-line page; processor time until then
idle      processor time of the page process in a minute of rest, and while 20,000 files come and go under .venv; of all
          processes in a minute of rest
preview   from a click on Start to the first preview of `fast`, in Chromium
death     a worker killed at half time: iterations lost, and seconds until the run is done

Memory is the sum of the resident sets of the app's processes: what several share counts several times. VGG-19 has random
weights here. Writes benchmarks/out/service.md; parts that are not measured stay in it as they were.
"""

import argparse
import json
import statistics
from collections.abc import Callable
from pathlib import Path

from benchmarks import crowd, reports
from benchmarks.crowd import Figures
from benchmarks.instant import machine
from benchmarks.many_jobs import borrowed, death, growth, lanes

OUT = Path(__file__).parent / "out"
TITLE = "The app as the public meets it"


# --- the report -------------------------------------------------------------------------------------------------------

PARTS: dict[str, Callable[[], Figures]] = {
    "lanes": lanes,
    "borrowed": borrowed,
    "growth": growth,
    "weight": crowd.weight,
    "visitors": crowd.visitors,
    "start": crowd.start,
    "idle": crowd.idle,
    "preview": crowd.preview,
    "death": death,
}


def section(part: str, figures: Figures) -> str:
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
        "idle": lambda f: table("Share of a core that the page process takes at rest, and all processes", f, "{:.2%}"),
        "preview": lambda f: table("From the click on Start, seconds (median)", f, "{:.2f}"),
        "death": lambda f: (
            "## A worker killed at 200 of 400 iterations\n\n"
            f"Iterations done twice: {', '.join(map(str, f['lost']))}. From there to the end "
            f"{statistics.median(f['killed']):.1f} s, undisturbed {statistics.median(f['alone']):.1f} s.\n"
        ),
    }
    return f"{tell[part](figures)}\n*{machine()}*\n"


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
    kept = {name: form.format(of(value)) for name, value in figures.items()}
    return f"## {title}\n\n| {' | '.join(kept)} |\n|{'---:|' * len(kept)}\n| {' | '.join(kept.values())} |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="little of everything: whether it runs; nothing is kept")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    arguments = parser.parse_args()
    crowd.QUICK = arguments.quick
    file = OUT / "service.md"
    found = {} if arguments.quick else reports.sections(file)
    for part in arguments.only:
        figures = PARTS[part]()
        print(part, json.dumps(figures), flush=True)
        found[part] = section(part, figures)
        if not arguments.quick:
            file.write_text(reports.text(TITLE, PARTS, found))
    print(reports.text(TITLE, PARTS, found))


if __name__ == "__main__":
    main()
