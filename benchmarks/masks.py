"""Masks, measured. `python -m benchmarks.masks [--only halves | stroke] [--quick]`

- halves: the judge's pairs, each photograph's left half in its own style (A) and its right half in the next pair's (B), by
  both engines at 512 px. Each half is judged against both styles: the left one must be nearer to A, the right one to B.
- stroke: the Masks page at 512 px in Chromium, from the end of a brush stroke until the picture that follows it is shown.

Each part writes its section of `benchmarks/out/masks.md`; the pictures go to `masks.png` beside it, which git ignores: they
show what is not ours.
"""

import argparse
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import judge
from benchmarks.instant import machine, table
from nst_core import images, instant
from nst_core.images import Image, Mask
from nst_core.optimize import Optimization
from nst_core.recipes import PRESETS, InstantRecipe
from nst_core.stylizer import Style

OUT = Path(__file__).parent / "out"
SIZE = 512
SHEET_HEIGHT = 320  # pixels of a row


# --- halves -----------------------------------------------------------------------------------------------------------


def by_instant_lite(content: Image, styles: Sequence[Style]) -> Image:
    (step,) = instant.stylizer("instant-lite").stylize(content, styles, InstantRecipe(engine="instant-lite"))
    assert step.image is not None
    return step.image


def by_optimiser(content: Image, styles: Sequence[Style]) -> Image:
    *_, last = Optimization(content, styles, PRESETS["fast"])
    assert last.image is not None
    return last.image


ENGINES: Mapping[str, Callable[[Image, Sequence[Style]], Image]] = {
    "instant-lite": by_instant_lite,
    "optimise, fast": by_optimiser,
}


@dataclass(frozen=True, slots=True)
class Halves:
    """A photograph and two styles, what an engine made of its halves, and how far each is from both styles."""

    name: str
    picture: Image
    left: tuple[float, float]  # distance to A, to B
    right: tuple[float, float]

    @property
    def as_asked(self) -> bool:
        return self.left[0] < self.left[1] and self.right[1] < self.right[0]


def left_half(shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape[:2], np.float32)
    mask[:, : shape[1] // 2] = 1
    return mask


def paint(paint: Callable[[Image, Sequence[Style]], Image], content: Image, a: Image, b: Image, name: str) -> Halves:
    """Left in style A, right in style B, judged."""
    left = left_half(content.shape)
    picture = paint(content, [Style(a, mask=left), Style(b, mask=1 - left)])
    middle = content.shape[1] // 2
    halves = (np.ascontiguousarray(part) for part in (picture[:, :middle], picture[:, middle:]))
    of_left, of_right = ((judge.style_distance(part, a), judge.style_distance(part, b)) for part in halves)
    return Halves(name, picture, of_left, of_right)


def triples(count: int, size: int) -> Iterator[tuple[str, Image, Image, Image]]:
    """(name, content, its own style, the next pair's style)"""
    for index, pair in enumerate(judge.PAIRS[:count]):
        content, a = judge.pair(*pair, size)
        other = judge.PAIRS[(index + 1) % len(judge.PAIRS)]
        yield f"{pair[0]}: {pair[1]}, {other[1]}", content, a, judge.pair(*other, size)[1]


def halves(count: int) -> str:
    """The section, and the contact sheet: content, A, B, and what each engine made."""
    rows, lines = [], []
    for name, content, a, b in triples(count, SIZE):
        results = [paint(engine, content, a, b, f"{name}, {label}") for label, engine in ENGINES.items()]
        rows += [
            [r.name, *(f"{distance:.3f}" for distance in (*r.left, *r.right)), "yes" if r.as_asked else "NO"] for r in results
        ]
        lines.append([content, a, b, *(r.picture for r in results)])
        print(*(f"{r.name}: {r.left} {r.right}" for r in results), sep="\n", flush=True)
    save_sheet(lines)
    asked = sum(row[-1] == "yes" for row in rows)
    header = ["pair, engine", "left to A", "left to B", "right to A", "right to B", "as asked"]
    return HALVES.format(size=SIZE, table=table(header, rows), asked=asked, of=len(rows))


def save_sheet(lines: Sequence[Sequence[Image]]) -> None:
    cell = lambda x: images.resize(x, SHEET_HEIGHT, round(x.shape[1] * SHEET_HEIGHT / x.shape[0]))  # noqa: E731
    joined = [np.concatenate([cell(x) for x in line], 1) for line in lines]
    width = max(line.shape[1] for line in joined)
    padded = [np.pad(line, ((0, 4), (0, width - line.shape[1]), (0, 0)), constant_values=1) for line in joined]
    OUT.mkdir(exist_ok=True)
    (OUT / "masks.png").write_bytes(images.encode(np.concatenate(padded)))


HALVES = """Two half masks at {size} px. Judge's style distance of each half, smaller is nearer; the left half was asked
to be A, the right half B. As asked: {asked} of {of}.

{table}
"""


# --- stroke -----------------------------------------------------------------------------------------------------------


def stroke(count: int) -> str:
    """The section: seconds from the mouse button's release to the next picture, of four strokes for every pair."""
    from playwright.sync_api import sync_playwright

    from tests import browser

    seconds = []
    with sync_playwright() as playwright, browser.served() as address:
        page = browser.launch(playwright).new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{address}/masks")
        browser.result(page)
        page.get_by_text("Size, strength, colours").click()
        for left in range((768 - SIZE) // 64, 0, -1):
            page.get_by_role("slider", name="Longer side, pixels").press("ArrowLeft")
            page.get_by_text(f"{SIZE + 64 * (left - 1)} × ").first.wait_for()
        page.get_by_title("Coffee", exact=True).click()  # nothing is painted there
        page.get_by_text("Nothing is painted yet").wait_for()
        page.locator('canvas.upper-canvas[height="427"]').wait_for()  # of this photograph
        before = ""
        for number in range(4 * count + 1):
            y = 0.05 + 0.9 * number / (4 * count + 1)
            browser.stroke(page, (0.1, y), (0.9, y))
            start = time.perf_counter()
            before = browser.next_result(page, before)
            seconds.append(time.perf_counter() - start)
    rows = [[f"{np.median(seconds[1:]):.2f}", f"{np.percentile(seconds[1:], 90):.2f}", f"{seconds[0]:.2f}"]]
    return STROKE.format(size=SIZE, count=len(seconds) - 1, table=table(["median", "90 % within", "the first"], rows))


STROKE = """From the end of a stroke to the picture that follows it, seconds, at {size} px in Chromium; {count} strokes,
and a first one, which traces the graph with masks.

{table}
"""


# --- the parts --------------------------------------------------------------------------------------------------------

PARTS: Mapping[str, Callable[[int], str]] = {"halves": halves, "stroke": stroke}  # name -> its section, of so many pairs


def write(sections: Mapping[str, str], facts: str) -> None:
    """The report, sections of parts that did not run kept as they are."""
    file = OUT / "masks.md"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    kept = {name: body.strip() for name, body in re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.M | re.S)}
    kept |= {name: f"{facts}\n\n{body.strip()}" for name, body in sections.items()}
    body = "\n\n".join(f"## {name}\n\n{kept[name]}" for name in PARTS if name in kept)
    file.write_text(f"# Masks\n\n{body}\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.masks", description=__doc__.partition(".")[0])
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    parser.add_argument("--pairs", type=int, default=len(judge.PAIRS), help="content and style pairs")
    parser.add_argument("--quick", action="store_true", help="one pair: does it run?")
    options = parser.parse_args()
    facts = machine()
    chosen = [options.only] if options.only else list(PARTS)
    OUT.mkdir(exist_ok=True)
    write({name: PARTS[name](1 if options.quick else options.pairs) for name in chosen}, facts)
    print((OUT / "masks.md").read_text(encoding="utf-8"))
