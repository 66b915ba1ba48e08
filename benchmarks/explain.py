"""How long each live figure of the Explain page takes, through the engine as the page asks for it.

python -m benchmarks.explain [--rounds 3] [--only WORD]

Each figure is asked for of another picture every round, so that nothing is remembered, of workers that have their libraries
loaded. `first` is the time to the first preview, `whole` to the result, `processor` what all processes of the engine took: on
two idle cores the whole lies between it and its half; it is no number where a process was replaced meanwhile. Writes
benchmarks/out/explain.md, where the figures of other runs stay.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from nst_core import explain, images
from nst_core.images import Image
from nst_core.recipes import FIRST_LAYERS, OptimizeRecipe
from nst_core.service import Job, Lane, Service
from ui.lessons import balance, content, figures, improvements, style, vectors
from ui.pictures import CONTENTS, STYLES

OUT = Path(__file__).parent / "out" / "explain.md"
Ask = Callable[[Service, Image, Image], Job]  # the engine, a photograph and a style of figures.SIDE pixels


def once(function: Callable[..., object], **options: Any) -> Ask:
    """Of the photograph, in the light lane."""
    return lambda engine, photograph, _: engine.explain(function, photograph, **options)


def series(recipes: list[OptimizeRecipe], *, blank: bool = False) -> Ask:
    """Runs one after another, at the size of live ones."""

    def ask(engine: Service, photograph: Image, picture: Image) -> Job:
        if blank:
            woven = images.fit(picture, style.LIVE_SIDE)
            return engine.explain(explain.series, explain.blank(style.LIVE_SIDE), woven, lane=Lane.TENSORFLOW, recipes=recipes)
        small = [images.fit(each, figures.LIVE_SIDE) for each in (photograph, picture)]
        return engine.explain(explain.series, *small, lane=Lane.TENSORFLOW, recipes=recipes)

    return ask


def excite(engine: Service, photograph: Image, _: Image) -> Job:
    channel = 7 + int(photograph[0, 0, 0] > 0.5) * 9  # two that answer
    return engine.explain(
        explain.exciting, lane=Lane.TENSORFLOW, layer="block3_conv1", channels=[channel], side=figures.LIVE_SIDE
    )


def pulls(engine: Service, photograph: Image, picture: Image) -> Job:
    return engine.explain(explain.pulls, 1 - photograph, photograph, picture, lane=Lane.TENSORFLOW)


def normalisation(engine: Service, photograph: Image, _: Image) -> Job:
    vector = figures.arrays("styles")["vectors"][0]
    return engine.explain(explain.normalisation, photograph, vector=vector, contrasts=vectors.CONTRASTS)


WARM: tuple[Ask, ...] = (excite, normalisation)
ROW = figures.arrays("styles")["vectors"][: vectors.STOPS]
FIGURES: dict[str, Ask] = {
    "1 a layer's maps": once(explain.seen, layer="block3_conv1", count=64),
    "1 what excites a channel": excite,
    "2 rebuilt from five layers": series([explain.reconstruction(x, iterations=content.LIVE_ITERATIONS) for x in FIRST_LAYERS]),
    "3 a Gram matrix": once(explain.gram, layer="block2_conv1"),
    "3 textures of five depths": series(
        [explain.texturing(x, iterations=style.LIVE_ITERATIONS) for x in style.DEPTHS], blank=True
    ),
    "3 Gram matrices against moments": series(
        [explain.texturing(FIRST_LAYERS, form=form, iterations=style.LIVE_ITERATIONS) for form in ("rms", "moments")],
        blank=True,
    ),
    "4 the tug of war": series([explain.struggle(w, iterations=balance.LIVE_ITERATIONS) for w in balance.LIVE_WEIGHTS]),
    "4 where the losses pull": pulls,
    "5 an improvement, off and on": series(
        [explain.improved(name, iterations=improvements.LIVE_ITERATIONS) for name in ("none", "all layers")]
    ),
    "6 a walk along an axis or the map": once(explain.paint_all, vectors=ROW),
    "6 instance normalisation": normalisation,
}


def pairs(rounds: int) -> Iterator[tuple[Image, Image]]:
    for number in range(rounds):
        both = ([*CONTENTS.values()][number % len(CONTENTS)], [*STYLES.values()][number % len(STYLES)])
        photograph, picture = (images.fit(images.from_uint8(load()), figures.SIDE) for load in both)
        yield photograph, picture


def processor() -> float:
    """Seconds that the engine's processes have taken so far."""
    return sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children(recursive=True))


def timed(job: Job) -> tuple[float, float, float]:
    """Seconds to the first preview, to the result, and of the processor."""
    start, before, first = time.perf_counter(), processor(), np.nan
    while not job.wait(0.02):
        if np.isnan(first) and any(p.preview for p in list(job.progress)):
            first = time.perf_counter() - start
    job.result()
    whole = time.perf_counter() - start
    taken = processor() - before
    return (whole if np.isnan(first) else first), whole, taken if taken > 0 else np.nan


def write(rows: dict[str, str]) -> None:
    head = ["# Explain: the time of each live figure, seconds", "", "| figure | first picture | whole | processor | load |"]
    said = f"{figures.SIDE} px in one pass, {figures.LIVE_SIDE} and {style.LIVE_SIDE} px optimised; two cores, `load` programs."
    OUT.write_text(
        "\n".join([*head, "|---|---:|---:|---:|---:|", *(rows[name] for name in FIGURES if name in rows), "", said]) + "\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="a word of the names of the figures")
    asked = parser.parse_args()
    kept = OUT.read_text().splitlines() if OUT.is_file() else []
    rows = {name: line for name in FIGURES for line in kept if line.startswith(f"| {name} |")}
    engine = Service()
    engine.wait_until_ready(120)
    try:
        for warm in WARM:  # TensorFlow, and what is built once
            warm(engine, *next(pairs(1))).result()
        for name, ask in FIGURES.items():
            if asked.only in name:
                times = zip(*(timed(ask(engine, *both)) for both in pairs(asked.rounds)), strict=True)
                told = " | ".join(f"{statistics.median(each):.1f}" for each in times)
                rows[name] = f"| {name} | {told} | {os.getloadavg()[0]:.0f} |"
                print(rows[name], flush=True)
                write(rows)
    finally:
        engine.close()


if __name__ == "__main__":
    main()
