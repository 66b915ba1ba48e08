"""The preset `finest` beside `fast`: how much nearer to the style, at which content, for how much more time.

python -m benchmarks.finest [--quick]

Eight pairs at 512 px, photographs and styles of `benchmarks.models`, which no training has seen: the judge's distances and its
check's, and stray colours: the share of pixels whose hue the style has nowhere. Time is the processor's: other work on the same
machine lengthens it less. Rows are kept in `out/finest.json`, until all are there, so that a run that was cut off goes on.

Needs NST_SHARED (see judge.py). Writes `out/finest.md`, and pictures and a sheet of them, `out/finest*.png`, which git ignores.
"""

import argparse
import json
import os
import time
from dataclasses import astuple
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import judge, models
from benchmarks.instant import OUT, contact_sheet, machine, table
from nst_core import images
from nst_core.images import Image
from nst_core.recipes import PRESETS, OptimizeRecipe
from nst_core.stylizer import Style

NAMES = ("fast", "finest")
MEASURES = ("style", "style, check", "content", "stray colours", "processor seconds")
AIM = 0.7  # times the style distance of `fast`, by judge and check
# Red against green, and yellow against blue: what is left of a colour without its light.
OPPONENTS = np.array([[0.71, -0.71, 0], [0.41, 0.41, -0.82]], np.float32)
EDGE = 0.05  # beyond the style's own colours: what an eye notices


def stray_colours(picture: Image, style: Image) -> float:
    """The share of pixels whose red-green or yellow-blue lies beyond all but 1 % of the style's."""
    made, own = (x.reshape(-1, 3) @ OPPONENTS.T for x in (picture, style))
    low, high = np.percentile(own, (0.5, 99.5), axis=0)
    return float(np.mean(np.any((made < low - EDGE) | (made > high + EDGE), axis=1)))


def painted(content: Image, style: Image, recipe: OptimizeRecipe) -> tuple[Image, list[float]]:
    """The picture, and its `MEASURES`."""
    from nst_core import optimization

    start = time.process_time()
    *_, last = optimization.Optimization(content, [Style(style)], recipe)
    seconds = time.process_time() - start
    assert last.image is not None
    return last.image, [*astuple(judge.judge(last.image, content, style)), stray_colours(last.image, style), seconds]


def measure(count: int, size: int, iterations: int | None, place: Path) -> list[dict[str, Any]]:
    """Pair by pair: name, and the measures of each preset. Rows of the same recipes that lie at `place` are not made again."""
    file, recipes = place.with_suffix(".json"), {name: PRESETS[name].model_dump_json() for name in NAMES}
    kept = json.loads(file.read_text()) if file.exists() else {}
    rows: list[dict[str, Any]] = kept["rows"] if kept.get("recipes") == recipes else []
    for name, content, style in list(models.pairs(count, size))[len(rows) :]:
        row: dict[str, Any] = {"pair": name}
        for preset in NAMES:
            recipe = PRESETS[preset]
            recipe = recipe.model_copy(update={"iterations": iterations or recipe.iterations})
            picture, row[preset] = painted(content, style, recipe)
            place.with_name(f"{place.name}-{len(rows)}-{preset}.png").write_bytes(images.encode(picture))
        rows.append(row)
        file.write_text(json.dumps({"recipes": recipes, "rows": rows}, indent=1))
        print(name, *(f"{preset} {_three(row[preset])}" for preset in NAMES), sep="   ", flush=True)
    file.unlink(missing_ok=True)  # the code that these came from may change before the next run
    return rows


def ratios(rows: list[dict[str, Any]]) -> np.ndarray:
    """(pairs, measures): of `finest`, over those of `fast`."""
    fast, finest = (np.array([row[name] for row in rows]) for name in NAMES)
    return np.asarray(finest / np.maximum(fast, 1e-6))


def as_markdown(rows: list[dict[str, Any]], size: int) -> str:
    fast, finest = (np.mean([row[name] for row in rows], 0) for name in NAMES)
    lines = [
        [name, *(f"{x:.3f}" for x in means[:4]), f"{means[4]:.0f}"] for name, means in zip(NAMES, (fast, finest), strict=True)
    ]
    lines.append(["ratio of the means", *(f"{x:.2f}" for x in finest / fast)])
    by_pair = [
        [row["pair"], *(_three(row[name]) for name in NAMES), *(f"{x:.2f}" for x in ratio[:3])]
        for row, ratio in zip(rows, ratios(rows), strict=True)
    ]
    header = ["pair", *(f"`{name}`" for name in NAMES), "style ×", "check ×", "content ×"]
    return (
        f"# `finest` beside `fast`, {len(rows)} pairs at {size} px\n\n{machine()}\n\nMeans over the pairs; smaller is better. "
        f"The aim was {AIM} times the style distance, by judge and check, at content no worse. Stray colours: the share of "
        f"pixels whose hue the style has nowhere.\n\n{table(['', *MEASURES], lines)}\n\n"
        f"Style / check / content of every pair:\n\n{table(header, by_pair)}\n"
    )


def _three(measures: list[float]) -> str:
    return " / ".join(f"{x:.3f}" for x in measures[:3])


def sheet(count: int, size: int, place: Path) -> Image:
    """Content, style, and what both presets make of them, a pair a row."""

    def row(number: int, content: Image, style: Image) -> dict[str, Any]:
        files = {name: place.with_name(f"{place.name}-{number}-{name}.png") for name in NAMES}
        made = {name: images.decode(file.read_bytes()) for name, file in files.items()}
        return {"content": content, "style": style, "pictures": made}

    return contact_sheet([row(i, *pair[1:]) for i, pair in enumerate(models.pairs(count, size))], size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small pair and few iterations: whether it runs")
    quick = parser.parse_args().quick
    judge.shared()  # fails now rather than in half an hour
    count, size, iterations = (1, 96, 6) if quick else (8, 512, None)
    place = OUT / ("finest-quick" if quick else "finest")
    text = as_markdown(measure(count, size, iterations, place), size)
    place.with_suffix(".png").write_bytes(images.encode(sheet(count, size, place)))
    if not quick:
        (OUT / "finest.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
