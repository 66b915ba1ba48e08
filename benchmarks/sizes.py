"""Pictures of any size, measured. `python -m benchmarks.sizes [--only strokes | print] [--quick]`

- strokes: six pairs painted by instant-lite at 2048 px, in strokes as at 512 px and in its own. Each is brought down to 512 px
  and held against its style, beside the picture painted at 512 px; sharpness and time at full size.
- print: one optimisation at 4096 px by `fast`, beside one at 1024 px: time a pixel, memory of all the engine's processes, and
  how much steeper the picture is across the borders of its last round's tiles than elsewhere.

Sharpness is the share of the finest detail: the root mean square of what is lost when a picture is halved and enlarged again,
over that of what is lost by the next halving. An enlargement has little. The contents of `strokes` are mosaics of a photograph
of 512 px, sixteen times, so that they are sharp at 2048 px. Needs NST_SHARED (see judge.py). Writes `out/sizes.md`, and
pictures that git ignores.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil

from benchmarks import judge, reports
from benchmarks.instant import machine, medians, table
from nst_core import images, instant
from nst_core.images import Image
from nst_core.optimization import tiles
from nst_core.recipes import InstantRecipe, OptimizeRecipe
from nst_core.service import Service
from nst_core.stylizer import Style

OUT = Path(__file__).parent / "out"
ASSETS = Path(__file__).parents[1] / "assets"
LARGE, SMALL = 2048, 512
PRINT, ORDINARY = 4096, 1024


# --- strokes ----------------------------------------------------------------------------------------------------------


def mosaic(name: str, side: int) -> Image:
    """A photograph sixteen times, each time shifted, turned or mirrored: sharp at four times its size."""
    piece, _ = judge.pair(name, judge.PAIRS[0][1], side // 4)
    h, w = piece.shape[:2]
    square = np.pad(piece, ((0, side // 4 - h), (0, side // 4 - w), (0, 0)), "reflect")
    turned = [np.roll(square, 37 * i, axis=i % 2)[:: 1 if i % 3 else -1, :: 1 if i % 4 < 2 else -1] for i in range(16)]
    return np.ascontiguousarray(np.concatenate([np.concatenate(turned[i : i + 4], 1) for i in range(0, 16, 4)], 0))


def sharpness(picture: Image) -> float:
    """See above; about 0.5 for a photograph at its own size."""
    fine, coarse = (_lost(images.fit(picture, max(picture.shape) // k)) for k in (1, 2))
    return fine / coarse


def _lost(picture: Image) -> float:
    h, w, _ = picture.shape
    return float(np.sqrt(np.mean((picture - images.resize(images.resize(picture, h // 2, w // 2), h, w)) ** 2)))


def strokes(quick: bool) -> str:
    lite, rows, times = instant.stylizer("instant-lite"), [], []
    for content_name, style_name in judge.PAIRS[: 2 if quick else 6]:
        content = mosaic(content_name, LARGE)
        _, style = judge.pair(content_name, style_name, SMALL)
        vector = lite.vector(style)

        def painted(stroke: float, content: Image = content, style: Image = style) -> Image:
            recipe = InstantRecipe(engine="instant-lite", stroke_size=stroke)
            (step,) = lite.stylize(content, [Style(style)], recipe)
            assert step.image is not None
            return step.image

        as_small, own = painted(1), painted(SMALL / LARGE)
        small = lite.transform(images.fit(content, SMALL), vector)
        distances = [judge.style_distance(images.fit(x, SMALL), style) for x in (small, as_small, own)]
        enlarged = images.resize(small, *content.shape[:2])
        rows.append((*distances, *map(sharpness, (content, as_small, enlarged))))
        seconds = medians({"as small": lambda: painted(1), "own": lambda: painted(SMALL / LARGE)}, 1 if quick else 3)
        times.append(seconds["as small"] / seconds["own"])
        print(f"{content_name} / {style_name}", " ".join(f"{x:.3f}" for x in rows[-1]), f"time × {times[-1]:.2f}", flush=True)
    mean = np.mean(rows, 0)
    head = ("", f"style distance at {SMALL} px", "over that at 512 px", "sharpness at full size")
    body = [
        (f"painted at {SMALL} px", f"{mean[0]:.3f}", "1", ""),
        (f"{LARGE} px, stroke size 1", f"{mean[1]:.3f}", f"{mean[1] / mean[0]:.2f}", f"{mean[4]:.2f}"),
        (f"{LARGE} px, the network's own strokes", f"{mean[2]:.3f}", f"{mean[2] / mean[0]:.2f}", ""),
        ("the content", "", "", f"{mean[3]:.2f}"),
        (f"the picture of {SMALL} px, enlarged", "", "", f"{mean[5]:.2f}"),
    ]
    worst, pace = max(row[1] / row[0] for row in rows), np.median(times)
    return (
        f"## Strokes at {LARGE} px, {len(rows)} pairs\n\n{table(head, body)}\n\n"
        f"Worst pair: {worst:.2f} times the style distance at {SMALL} px. "
        f"Time at {LARGE} px, stroke size 1 over the network's own: {pace:.2f} (median of the pairs).\n"
    )


# --- prints -----------------------------------------------------------------------------------------------------------


def printed(quick: bool) -> str:
    side, ordinary = (1536, 512) if quick else (PRINT, ORDINARY)
    names = "photographs/mountain-lake.jpg", "styles/starlit-oils.jpg"
    content, style = (images.decode((ASSETS / name).read_bytes()) for name in names)
    pace, peak, picture = dict[int, float](), 0.0, content
    for size in (ordinary, side):
        with closing(Service()) as engine:
            engine.wait_until_ready(120)
            recipe = OptimizeRecipe(size=size, iterations=30 if quick else OptimizeRecipe().iterations)
            job = engine.run(recipe, {"content": images.fit(content, size)}, [Style(style)])
            watched = _watch(lambda job=job: job.finished)  # type: ignore[misc]
            step = job.result()
            picture, peak = step.image, watched
            pace[size] = step.seconds / picture[..., 0].size * 1e6
            print(f"{size} px: {step.seconds:.0f} s, {peak / 1e6:.0f} MB", flush=True)
    (OUT / "print.png").write_bytes(images.encode(picture))
    shape = f"{picture.shape[1]} × {picture.shape[0]}"
    head = ("", f"{ordinary} px", f"{shape} px")
    body = [("seconds a megapixel", f"{pace[ordinary]:.1f}", f"{pace[side]:.1f} ({pace[side] / pace[ordinary]:.2f} times)")]
    steeper = seam(picture, OptimizeRecipe(size=side))
    return (
        f"## A print by `fast`\n\n{table(head, body)}\n\n"
        f"All of the engine's processes, at most: {peak / 1e6:.0f} MB. "
        f"Gradient across the borders of the last round's tiles over that elsewhere: {steeper:.3f}.\n"
    )


def _watch(done: Callable[[], bool]) -> float:
    """Bytes of the processes below this one, which holds the judge and its TensorFlow; the most while it lasts."""
    most = 0
    while not done():
        total = 0
        for process in psutil.Process().children(recursive=True):
            try:
                total += process.memory_info().rss
            except psutil.Error:
                continue
        most = max(most, total)
        time.sleep(0.2)
    return most


def seam(picture: Image, recipe: OptimizeRecipe) -> float:
    """How steep the picture is across the last round's borders, over how steep it is eight pixels beside them."""
    from nst_core.optimization import stages

    height, width = (length + -length % tiles.GRID for length in picture.shape[:2])
    rng = np.random.default_rng((recipe.seed, stages(recipe, *picture.shape[:2])[-1].iterations))
    rows, columns = (tiles.spans(length, tiles.side(length), rng) for length in (height, width))
    at, beside = list[float](), list[float]()
    for spans, axis in ((rows, 0), (columns, 1)):
        turned = np.moveaxis(picture, axis, 0)
        for span in spans[1:]:
            steep = [float(np.abs(turned[span.own + d] - turned[span.own + d - 1]).mean()) for d in (-8, 0, 8)]
            at.append(steep[1])
            beside.append((steep[0] + steep[2]) / 2)
    return float(np.mean(at) / np.mean(beside))


PARTS: Mapping[str, Callable[[bool], str]] = {"strokes": strokes, "print": printed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--quick", action="store_true", help="smaller, to see that it runs")
    options = parser.parse_args()
    file = OUT / "sizes.md"
    found = reports.sections(file)
    for name in options.only:
        before = machine()
        found[name] = f"{PARTS[name](options.quick)}\n*{before}*\n"
        print(found[name])
    if not options.quick:
        file.write_text(reports.text("Sizes", PARTS, found))


if __name__ == "__main__":
    main()
