"""Masks, measured. `python -m benchmarks.masks [--only halves | stroke | snapping | guides | many] [--quick]`

- halves: the judge's pairs, each photograph's left half in its own style (A) and its right half in the next pair's (B), by
  both engines at 512 px. Each half is judged against both styles: the left one must be nearer to A, the right one to B.
- stroke: the Masks page at 512 px in Chromium, from the end of a brush stroke until the picture that follows it is shown.
- snapping: one scribble on each thing of our rendered photographs, whose outlines are known, at the canvas' size; and a loop.
- guides: six regions of a photograph and of a style picture, six styles side by side, as segmentations in JPEG, paired by
  colour. Each region must be nearer to its own part of the style picture than to any other.
- many: time by the number of regions.

Each part writes its section of `benchmarks/out/masks.md`; the pictures go to `masks.png` beside it, which git ignores: they
show what is not ours.
"""

import argparse
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.measure import approximate_polygon, find_contours

from benchmarks import judge
from benchmarks.instant import machine, table
from nst_core import images, instant
from nst_core.images import Image, Mask
from nst_core.optimization import Optimization
from nst_core.pictures import drawings, masks, segmentation, snapping
from nst_core.recipes import PRESETS, InstantRecipe
from nst_core.stylizer import Style

OUT = Path(__file__).parent / "out"
ASSETS = Path(__file__).parents[1] / "assets"
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


# --- snapping ---------------------------------------------------------------------------------------------------------

# Rough scribbles, (x, y) in fractions of the photograph, by its name and the thing's
SCRIBBLES = {
    "mountain-lake": {
        "sky": ((0.04, 0.08), (0.95, 0.06), (0.06, 0.2), (0.93, 0.2), (0.4, 0.3), (0.24, 0.35)),
        "land": ((0.04, 0.33), (0.15, 0.5), (0.3, 0.52), (0.5, 0.38), (0.6, 0.36), (0.7, 0.48), (0.85, 0.38), (0.97, 0.5),
                 (0.05, 0.57)),
        "lake": ((0.05, 0.66), (0.95, 0.66), (0.1, 0.78), (0.9, 0.8), (0.05, 0.93), (0.95, 0.94)),
    },
    "city-lights": {
        "sky": ((0.08, 0.36), (0.3, 0.18), (0.05, 0.1), (0.95, 0.05), (0.65, 0.17), (0.95, 0.4)),
        "river": ((0.04, 0.7), (0.95, 0.7), (0.15, 0.82), (0.85, 0.84), (0.05, 0.95), (0.95, 0.95)),
        "moon": ((0.74, 0.16), (0.765, 0.18)),
        "town": ((0.03, 0.6), (0.25, 0.48), (0.42, 0.28), (0.48, 0.22), (0.5, 0.4), (0.57, 0.3), (0.72, 0.45), (0.96, 0.56),
                 (0.97, 0.62), (0.03, 0.63)),
    },
}  # fmt: skip
BRUSH = 40  # pixels, as the page begins with
WITHIN = 16  # pixels


def photograph(name: str) -> Image:
    """One of our own, at the canvas' size."""
    return images.fit(images.decode((ASSETS / "photographs" / f"{name}.jpg").read_bytes()), drawings.SIDE)


def outlines(name: str) -> dict[str, Mask]:
    """What it shows, as its drawing knows it, at the canvas' size."""
    sys.path.insert(0, str(ASSETS))
    from make_photographs import outlines

    shape = photograph(name).shape
    return {thing: np.round(masks.resize(part.astype(np.float32), shape[:2])) for thing, part in outlines(name).items()}


def scribbled(name: str, thing: str) -> Mask:
    """The middle of the stroke, as the page takes it."""
    content = photograph(name)
    h, w, _ = content.shape
    points = [["L", x * w, y * h] for x, y in SCRIBBLES[name][thing]]
    return drawings.scribble({"path": points, "strokeWidth": BRUSH}, content)


def looped(name: str, thing: str) -> Mask:
    """A loop along the inside of the thing's outline, WITHIN pixels from it or halfway to its middle, roughly drawn."""
    content, outline = photograph(name), np.pad(outlines(name)[thing] >= 0.5, 1)
    away = ndimage.distance_transform_edt(outline)
    parts, _ = ndimage.label(away >= min(WITHIN, away.max() / 2))
    largest = parts == 1 + np.argmax(np.bincount(parts.ravel())[1:])
    around = approximate_polygon(max(find_contours(largest.astype(float), 0.5), key=len), tolerance=6)
    points = [["L", x, y] for y, x in around - 1]
    return drawings.scribble({"path": points, "strokeWidth": BRUSH}, content)


def overlap(a: Mask, b: Mask) -> float:
    """Intersection over union."""
    return float(np.minimum(a, b).sum() / np.maximum(a, b).sum())


def snapping_(count: int) -> str:
    """The section: overlap and seconds of each thing, by a scribble and by a loop; of the town also with the river, its image
    upside down, taken."""
    rows = []
    for name, things in list(SCRIBBLES.items())[:count]:
        content, truth, found = photograph(name), outlines(name), dict[str, Mask]()
        for thing in things:
            stroke = scribbled(name, thing)
            tries: dict[str, tuple[Mask, Mask | None]] = {"": (stroke, None), ", by a loop": (looped(name, thing), None)}
            if thing == "town":
                tries[", the river painted before"] = stroke, found["river"]
            for note, (drawn, taken) in tries.items():
                start = time.process_time()
                mask = snapping.snap(content, drawn, taken)
                seconds = time.process_time() - start
                rows.append([f"{name}, {thing}{note}", f"{overlap(mask, truth[thing]):.3f}", f"{seconds:.2f}"])
                found.setdefault(thing, mask)
                print(*rows[-1], flush=True)
    return SNAPPING.format(side=drawings.SIDE, within=WITHIN, table=table(["thing", "overlap", "processor seconds"], rows))


SNAPPING = """One scribble a thing, at {side} px: overlap (intersection over union) of what was found with the outline that the
photograph was rendered with; and seconds of one core. A loop lies {within} px inside that outline.

{table}
"""


# --- guides -----------------------------------------------------------------------------------------------------------

FLATS = ((230, 30, 40), (40, 90, 220), (30, 170, 80), (250, 200, 30), (20, 20, 25), (240, 240, 245))
SIX = ("starlit-oils", "woodcut-waves", "molten-embers", "kilim-weave", "watercolour-blooms", "ink-bamboo")


def as_jpeg(owner: np.ndarray) -> bytes:
    """A segmentation file of the numbers of regions, (h, w)."""
    return images.encode(images.from_uint8(np.array(FLATS, np.uint8)[owner]), "jpeg", quality=60)


def six_regions(h: int, w: int) -> np.ndarray:
    """Bands and discs, (h, w): numbers of regions."""
    y, x = np.mgrid[0 : 1 : h * 1j, 0 : 1 : w * 1j]
    owner = np.select([y < 0.3, y < 0.62 + 0.05 * np.sin(9 * x)], [0, 1], 2)
    for number, (row, column) in enumerate(((0.3, 0.2), (0.55, 0.52), (0.7, 0.82)), 3):
        owner[np.hypot((y - row) * h / w, x - column) < 0.16] = number
    return owner


def six_styles(side: int) -> tuple[Image, np.ndarray]:
    """Six of our styles side by side, and their numbers, (2 side, 3 side)."""
    pictures = [images.resize(images.decode((ASSETS / "styles" / f"{name}.jpg").read_bytes()), side, side) for name in SIX]
    numbers = np.kron(np.arange(6).reshape(2, 3), np.ones((side, side), int))
    return np.concatenate([np.concatenate(pictures[:3], 1), np.concatenate(pictures[3:], 1)]), numbers


def guided(engine: Callable[[Image, Sequence[Style]], Image], size: int) -> tuple[Image, np.ndarray]:
    """What an engine makes of six guided regions; and how far each is from each part of the style picture, (6, 6)."""
    content = images.fit(photograph("mountain-lake"), size)
    style, numbers = six_styles(size // 3)
    where = segmentation.from_picture(as_jpeg(six_regions(*content.shape[:2])), content.shape[:2])
    of_style = segmentation.from_picture(as_jpeg(numbers), style.shape[:2])
    guides = [guide for _, guide in segmentation.paired(where.colors, [of_style])]
    picture = engine(content, [Style(style, mask=mask, guide=guide) for mask, guide in zip(where.masks, guides, strict=True)])
    return picture, judge.style_distances(picture, style, where.masks, guides)


def guides(count: int) -> str:
    """The section, of both engines."""
    rows = []
    for label, engine in list(ENGINES.items())[: 2 * count]:
        picture, distances = guided(engine, SIZE)
        (OUT / f"guides-{label.split()[0].strip(',')}.png").write_bytes(images.encode(picture))
        for number, row in enumerate(distances):
            others = np.delete(row, number)
            nearer = "yes" if row[number] < others.min() else "NO"
            rows.append([f"{label}, region {number + 1}", f"{row[number]:.3f}", f"{others.min():.3f}", nearer])
            print(*rows[-1], flush=True)
    return GUIDES.format(size=SIZE, table=table(["engine, region", "to its own part", "to the nearest other", "nearer"], rows))


GUIDES = """Six regions at {size} px, each with the part of one style picture that has its colour; both segmentations are
JPEG at quality 60. Judge's style distance of each region to its own part, and to the nearest of the five others.

{table}
"""


# --- many -------------------------------------------------------------------------------------------------------------


def many(count: int) -> str:
    """The section: seconds of the one-pass network by regions, at two sizes; and of ten iterations, tracing included."""
    rows = []
    for regions in (1, 2, 4, 8)[: 4 * count]:
        cells = [f"{regions}"]
        for size in (512, 2048):
            content, styles = _bands(size, regions)
            by_instant_lite(content, styles)
            start = time.perf_counter()
            by_instant_lite(content, styles)
            cells.append(f"{time.perf_counter() - start:.2f}")
        cells.append(f"{max(len(masks.to_text(style.mask)) for style in styles if style.mask is not None):,}")
        content, styles = _bands(SIZE, regions)
        start = time.perf_counter()
        deque(Optimization(content, styles, PRESETS["fast"].model_copy(update={"iterations": 10})), maxlen=1)
        cells.append(f"{time.perf_counter() - start:.1f}")
        rows.append(cells)
        print(*cells, flush=True)
    header = ["regions", "instant-lite, 512 px", "2048 px", "characters of a mask", f"10 iterations of fast, {SIZE} px"]
    return MANY.format(table=table(header, rows))


def _bands(size: int, count: int) -> tuple[Image, list[Style]]:
    content = images.resize(photograph("mountain-lake"), size * 3 // 4, size)
    h, w, _ = content.shape
    owner = np.arange(w) * count // w
    files = sorted((ASSETS / "styles").glob("*.jpg"))[:count]
    pictures = [images.fit(images.decode(file.read_bytes()), 512) for file in files]
    return content, [Style(p, mask=np.tile(np.float32(owner == i), (h, 1))) for i, p in enumerate(pictures)]


MANY = """Seconds by the number of regions, stripes of one width.

{table}
"""


# --- the parts --------------------------------------------------------------------------------------------------------

PARTS: Mapping[str, Callable[[int], str]] = {
    "halves": halves,
    "stroke": stroke,
    "snapping": snapping_,
    "guides": guides,
    "many": many,
}  # name -> its section, of so many pairs


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
