"""How good texture networks are, and how fast, beside optimisation.

python -m benchmarks.texture_networks [--only ready training optimisation] [--minutes 10] [--style NAME] [--quick]

ready         every ready network on photographs that no training saw: style distance over the photograph's own, content, time
training      a training of so many minutes from the default photographs, judged in the same way
optimisation  a ready network beside the Optimize page's preset `fast` and five times its iterations: same pictures, same judge

Needs NST_SHARED (see judge.py). Writes benchmarks/out/texture_networks.md and the contact sheet texture_networks.png.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

from benchmarks import judge
from nst_core import images, optimization, recipes
from nst_core.images import Image
from nst_core.models import weights
from nst_core.recipes import PRESETS
from nst_core.stylizer import Style
from nst_core.texture_networks import generators, training
from nst_core.texture_networks.generators import Trained
from nst_core.texture_networks.painting import NetworkPainter

OUT = Path(__file__).parent / "out"
STYLES = Path(__file__).parents[1] / "assets" / "styles"
HELD_OUT = ("chicago", "cornell", "hummingbird", "stata", "sailboat", "eiffel_tower")
PARTS = ("ready", "training", "optimisation")
ROUNDS = 5  # of a pass, of which the fastest counts


@dataclass(slots=True)
class Report:
    """What is written at the end: paragraphs and tables, and the rows of the contact sheet."""

    lines: list[str] = field(default_factory=list)
    sheet: list[tuple[str, list[Image]]] = field(default_factory=list)

    def say(self, *lines: str) -> None:
        print(*lines, sep="\n", flush=True)
        self.lines += lines


def style_picture(name: str, size: int) -> Image:
    return images.fit(images.decode((STYLES / f"{name}.jpg").read_bytes()), size)


def photographs(size: int, count: int) -> Iterator[tuple[str, Image]]:
    for name in HELD_OUT[:count]:
        file = judge.shared() / "images" / "content" / f"{name}.jpg"
        yield name, images.fit(images.decode(file.read_bytes()), size)


def seconds_of_a_pass(painter: NetworkPainter, content: Image) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        painter.stylize(content)
        taken.append(time.perf_counter() - start)
    return min(taken)


def judged(painter: NetworkPainter, style: Image, size: int, count: int) -> tuple[list[float], list[float], list[Image]]:
    """(style distance over the photograph's own, content distance, picture) of each photograph."""
    ratios, contents, made = [], [], [style]
    for _, content in photographs(size, count):
        picture = painter.stylize(content)
        ratios.append(judge.style_distance(picture, style) / judge.style_distance(content, style))
        contents.append(judge.content_distance(picture, content))
        made.append(picture)
    return ratios, contents, made


HEAD = (
    "| network | style distance / the photograph's own: mean (worst) | content distance | a pass | steps |",
    "|---|---|---|---|---|",
)


def row(report: Report, title: str, data: bytes, size: int, count: int) -> None:
    network = generators.read(data, name=title)
    painter = NetworkPainter(network)
    assert network.recipe.style
    style = style_picture(network.recipe.style.name, size)
    ratios, contents, made = judged(painter, style, size, count)
    seconds = seconds_of_a_pass(painter, next(photographs(size, 1))[1])
    report.say(
        f"| {title} | **{np.mean(ratios):.2f}** ({max(ratios):.2f}) | {np.mean(contents):.2f} | {seconds:.2f} s "
        f"| {network.log[-1][0]:,.0f} |"
    )
    report.sheet.append((title, made))


def report_ready(report: Report, size: int, count: int) -> None:
    report.say("", f"## Ready networks, {count} held-out photographs at {size} px", "", *HEAD)
    for name, file in weights.NETWORKS.items():
        if generators.read(file.read_bytes()).plan.picture:
            row(report, name, file.read_bytes(), size, count)


def report_training(report: Report, size: int, count: int, minutes: float, style: str) -> None:
    recipe = recipes.training(style=recipes.Source(name=style), seconds=60 * minutes)
    shown = images.fit(training.first_photograph(), 384)
    start, last = time.perf_counter(), None
    for last in training.train(style_picture(style, 768), recipe, shown):
        if last.iteration % 100 == 0:
            print(f"    {last.iteration}/{last.total}", flush=True)
    assert isinstance(last, Trained)
    taken = time.perf_counter() - start
    load = f"load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores"
    report.say("", f"## A training of {minutes:g} minutes ({taken / 60:.1f} taken, {load}), default photographs", "", *HEAD)
    row(report, f"{style}, {minutes:g} minutes", last.network, size, count)


def report_optimisation(report: Report, size: int, factor: int) -> None:
    """One pair, one judge, one run."""
    name, file = next((n, f) for n, f in weights.NETWORKS.items() if generators.read(f.read_bytes()).plan.picture)
    network = generators.read(file.read_bytes())
    assert network.recipe.style
    style = style_picture(network.recipe.style.name, size)
    title, content = next(photographs(size, 1))
    painter, fast = NetworkPainter(network), PRESETS["fast"]
    painter.stylize(content)
    made = [("one pass of the network", painter.stylize(content), seconds_of_a_pass(painter, content))]
    for recipe in (fast, fast.model_copy(update={"iterations": fast.iterations * factor})):
        *_, last = optimization.Optimization(content, [Style(style)], recipe)
        assert last.image is not None
        made.append((f"optimisation, `fast`, {recipe.iterations} iterations", last.image, last.seconds))
    quickest = made[0][2]
    report.say(
        "",
        f"## Feed-forward beside optimisation, {title} in {name}, {size} px",
        "",
        "| | style distance | check | content distance | seconds | times the pass |",
        "|---|---|---|---|---|---|",
    )
    for what, picture, seconds in (("the photograph itself", content, 0.0), *made):
        v = judge.judge(picture, content, style)
        times = f"{seconds / quickest:.0f}" if seconds else ""
        report.say(f"| {what} | {v.style:.3f} | {v.style_check:.3f} | {v.content:.3f} | {seconds:.2f} | {times} |")
    report.sheet.append(
        (f"style, photograph, pass, {fast.iterations}, {fast.iterations * factor} iterations", [style, content])
    )
    report.sheet[-1][1].extend(picture for _, picture, _ in made)


def draw(rows: Sequence[tuple[str, Sequence[Image]]], cell: int = 300) -> Pillow.Image:
    width = max(len(pictures) for _, pictures in rows)
    sheet = Pillow.new("RGB", (cell * width, (cell + 18) * len(rows)), "white")
    pen = ImageDraw.Draw(sheet)
    for y, (title, pictures) in enumerate(rows):
        pen.text((4, y * (cell + 18) + 3), title, "black")
        for x, picture in enumerate(pictures):
            tile = Pillow.fromarray(images.to_uint8(images.fit(picture, cell - 4)))
            sheet.paste(tile, (x * cell, y * (cell + 18) + 18))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--style", default="pastel-poppies", help="of the training")
    parser.add_argument("--quick", action="store_true", help="small and short: whether it runs")
    arguments = parser.parse_args()
    judge.shared()  # fails now rather than in a quarter of an hour
    size, count = (128, 2) if arguments.quick else (512, len(HELD_OUT))
    report = Report()
    report.say(
        "# Texture networks",
        "",
        "`python -m benchmarks.texture_networks`, on the machine's own cores; the judge is in `benchmarks/judge.py`. Smaller "
        "is better; in the first two tables the photograph's own style distance is 1. The contact sheet lies beside this file "
        "after a run.",
    )
    if "ready" in arguments.only:
        report_ready(report, size, count)
    if "training" in arguments.only:
        report_training(report, size, count, 0.2 if arguments.quick else arguments.minutes, arguments.style)
    if "optimisation" in arguments.only:
        report_optimisation(report, size, 2 if arguments.quick else 5)
    if arguments.quick:
        return
    OUT.mkdir(exist_ok=True)
    (OUT / "texture_networks.md").write_text("\n".join(report.lines) + "\n")
    draw(report.sheet).save(OUT / "texture_networks.png")


if __name__ == "__main__":
    main()
