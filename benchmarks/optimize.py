"""What an optimisation costs, and how good it gets for it.

python -m benchmarks.optimize [--quick] [--only cost fast growth sheet]

cost    an iteration of ours on VGG-19 beside the plain textbook loop, random weights: time and peak memory
fast    the preset `fast` beside the plain loop on the judge's network, both judged over six pairs
growth  time and memory from 256² to 1024²
sheet   benchmarks/out/optimize.png: six pairs, every preset. VGG's weights are a download; where they are missing,
        a stand-in is used: vgg19-lite with its layers scaled to VGG's mean activations, and the sheet says so

Needs NST_SHARED (see judge.py). Writes benchmarks/out/optimize.md, from the figures kept in optimize.json beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from nst_core import images
from nst_core.images import Image
from nst_core.recipes import PRESETS, OptimizeRecipe

OUT = Path(__file__).parent / "out"
ROUNDS = 3  # of interleaved measurements: the machine's mood changes by the minute
PLAIN_ITERATIONS = 500
LOOK_EVERY = 20  # of its iterations: where the plain loop is judged on its way


# --- one measurement, in a process of its own -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a loop at one size: seconds of the fastest iteration, and the most memory that its process ever held."""

    seconds: float
    megabytes: float


def cost(kind: str, size: int, iterations: int) -> Cost:
    """Measured in a fresh process, so that peaks do not add up."""
    command = [sys.executable, "-m", "benchmarks.optimize", "--measure", kind, str(size), str(iterations)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    return Cost(**json.loads(told.stdout.splitlines()[-1]))


def measure(kind: str, size: int, iterations: int) -> None:
    rng = np.random.default_rng(0)
    content, style = (rng.random((size, size, 3), np.float32) for _ in range(2))
    steps = LOOPS[kind](content, style)
    next(steps)  # tracing
    seconds = []
    for _ in range(iterations):
        start = time.perf_counter()
        next(steps)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": min(seconds), "megabytes": peak_memory() / 2**20}))


def peak_memory() -> int:
    """Bytes. Linux's `ru_maxrss` begins with that of the process which started this one, so it is the last resort."""
    import resource

    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def textbook(content: Image, style: Image) -> Iterator[None]:
    """What people run: one tape over Keras' VGG-19, five style layers and one content layer, Adam."""
    import tensorflow as tf

    vgg = tf.keras.applications.VGG19(include_top=False, weights=None)
    layers = [*PRESETS["gatys-2015"].style_layers, "block4_conv2"]
    model = tf.keras.Model(vgg.input, [vgg.get_layer(name).output for name in layers])

    def targets(picture: Image) -> list[Any]:
        *maps, content_map = model(tf.keras.applications.vgg19.preprocess_input(picture[None] * 255.0))
        return [*map(gram, maps), content_map]

    def gram(F: Any) -> Any:
        return tf.einsum("bijc,bijd->bcd", F, F) / tf.cast(tf.shape(F)[1] * tf.shape(F)[2], tf.float32)

    grams, wanted = targets(style)[:-1], targets(content)[-1]
    picture, optimizer = tf.Variable(content[None]), tf.keras.optimizers.Adam(0.02)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            *maps, content_map = model(tf.keras.applications.vgg19.preprocess_input(picture * 255.0))
            loss = tf.add_n([tf.reduce_mean((gram(F) - A) ** 2) for F, A in zip(maps, grams, strict=True)])
            loss += 1e4 * tf.reduce_mean((content_map - wanted) ** 2)
        optimizer.apply_gradients([(tape.gradient(loss, picture), picture)])
        picture.assign(tf.clip_by_value(picture, 0.0, 1.0))

    while True:
        yield step()


def ours(features_name: str, precision: str = "auto") -> Callable[[Image, Image], Iterator[Any]]:
    def loop(content: Image, style: Image) -> Iterator[Any]:
        from nst_core import features, optimization
        from nst_core.stylizer import Style

        network = features.network("vgg19-lite") if features_name == "vgg19-lite" else features.vgg("vgg19", seed=0)
        settings = {"features": features_name, "precision": precision, "form": "mean", "scales": 1, "iterations": 1000}
        return optimization.Optimization(content, [Style(style)], OptimizeRecipe(**settings), network=network)  # type: ignore[arg-type]

    return loop


LOOPS: dict[str, Callable[[Image, Image], Iterator[Any]]] = {
    "textbook": textbook,
    "ours": ours("vgg19"),
    "ours, float32": ours("vgg19", "float32"),
    "vgg19-lite": ours("vgg19-lite"),
}


def report_cost(size: int, iterations: int) -> dict[str, Any]:
    """(a): ratios of medians over interleaved rounds."""
    kinds = ("textbook", "ours", "ours, float32")
    rounds = [{kind: cost(kind, size, iterations) for kind in kinds} for _ in range(ROUNDS)]
    median = {
        kind: Cost(*(float(np.median([getattr(r[kind], field) for r in rounds])) for field in ("seconds", "megabytes")))
        for kind in kinds
    }
    print(f"\n(a) VGG-19, random weights, {size}×{size}, five style layers; median of {ROUNDS} processes each")
    plain = median["textbook"]
    for kind, c in median.items():
        ratios = f"time × {c.seconds / plain.seconds:.2f}, memory × {c.megabytes / plain.megabytes:.2f}"
        print(f"    {kind:14s} {c.seconds:6.2f} s an iteration, {c.megabytes:5.0f} MB   {ratios}")
    return {kind: {"seconds": c.seconds, "megabytes": c.megabytes} for kind, c in median.items()}


def report_growth(sizes: list[int], iterations: int) -> dict[str, Any]:
    """(c)"""
    print("\n(c) growth: seconds an iteration, peak MB")
    table: dict[str, Any] = {}
    for kind in ("ours", "vgg19-lite"):
        for size in sizes:
            c = cost(kind, size, iterations)
            table[f"{kind} {size}"] = {"seconds": c.seconds, "megabytes": c.megabytes}
            print(f"    {kind:12s} {size:4d}²  {c.seconds:7.3f} s  {c.megabytes:5.0f} MB", flush=True)
    return table


# --- quality for time -------------------------------------------------------------------------------------------------


def plain_on_judge(content: Image, style: Image, iterations: int) -> Iterator[Image]:
    """The textbook loop with the judge's own network as its features, picture by picture."""
    import tensorflow as tf

    from benchmarks import judge

    network = judge.small()

    def grams(maps: dict[str, Any]) -> list[Any]:
        flat = [tf.reshape(maps[layer], [-1, maps[layer].shape[-1]]) for layer in judge.STYLE_LAYERS]
        return [tf.matmul(F, F, transpose_a=True) / tf.cast(tf.shape(F)[0], tf.float32) for F in flat]

    style = images.fit(style, max(content.shape[:2]))
    targets = grams(network(tf.constant(style[None])))
    wanted = network(tf.constant(content[None]))[judge.CONTENT_LAYER]
    picture, optimizer = tf.Variable(content[None]), tf.keras.optimizers.Adam(0.02)

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            maps = network(picture)
            loss = tf.add_n([tf.reduce_mean((G - A) ** 2) for G, A in zip(grams(maps), targets, strict=True)])
            loss += PLAIN_CONTENT_WEIGHT * tf.reduce_mean((maps[judge.CONTENT_LAYER] - wanted) ** 2)
        optimizer.apply_gradients([(tape.gradient(loss, picture), picture)])
        picture.assign(tf.clip_by_value(picture, 0.0, 1.0))

    for _ in range(iterations):
        step()
        yield picture.numpy()[0]


PLAIN_CONTENT_WEIGHT = 0.1  # the plain loop's balance, chosen by eye: content readable, style plain


def report_fast(size: int, plain_iterations: int, vgg_seconds: float | None) -> dict[str, Any]:
    """(b): when `fast` reaches the plain loop's style distance at no worse content, per pair.

    The plain loop is judged by the network it optimises, which is to its favour.
    """
    from benchmarks import judge
    from nst_core import optimization
    from nst_core.stylizer import Style

    print(f"\n(b) `fast` at {size} px beside {plain_iterations} plain Adam iterations; judge's style / check / content")
    rows = []
    for names in judge.PAIRS:
        content, style = judge.pair(*names, size)
        start, looks = time.perf_counter(), []
        for iteration, picture in enumerate(plain_on_judge(content, style, plain_iterations), 1):
            if iteration % LOOK_EVERY == 0 or iteration == plain_iterations:
                looks.append((iteration, picture))
        plain_seconds = time.perf_counter() - start
        plain_verdicts = [(iteration, judge.judge(picture, content, style)) for iteration, picture in looks]
        plain = plain_verdicts[-1][1]
        steps = list(optimization.Optimization(content, [Style(style)], PRESETS["fast"]))  # judged when the clock has stopped
        shown = [(step, step.image) for step in steps if step.image is not None and step.image.shape == content.shape]
        verdicts = [(step, judge.judge(image, content, style)) for step, image in shown]
        good = [step.seconds for step, v in verdicts if v.style <= plain.style and v.content <= plain.content]
        (step, last), reached = verdicts[-1], min(good, default=None)
        an_iteration = vgg_seconds or plain_seconds / plain_iterations
        price = plain_iterations * an_iteration
        overtaken = next((i for i, v in plain_verdicts if v.style <= last.style and v.content <= last.content), None)
        as_good = next((i for i, v in plain_verdicts if v.style_check <= last.style_check), None)
        row = {
            "pair": "/".join(names), "plain": _as_list(plain), "plain seconds": plain_seconds,
            "price of VGG-19": price, "fast": _as_list(last), "fast seconds": step.seconds, "reached at": reached,
            "plain overtakes at": overtaken, "plain is as good by the check at": as_good,
        }  # fmt: skip
        rows.append(row)
        when = f"reached at {reached:.1f} s, {price / reached:.0f}× sooner" if reached else "not reached"
        print(
            f"    {row['pair']:45s} plain {_told(plain)} in {plain_seconds:.0f} s ({price:.0f} s at VGG-19's price)   "
            f"fast {_told(last)} in {step.seconds:.1f} s   {when}; the plain loop is as good in style and content "
            f"{_after(overtaken, an_iteration)}, in the check {_after(as_good, an_iteration)}",
            flush=True,
        )
    return {"rows": rows}


def _after(iteration: int | None, seconds: float) -> str:
    return f"after {iteration} iterations, {iteration * seconds:.0f} s" if iteration else "never"


def _as_list(verdict: Any) -> list[float]:
    return [verdict.style, verdict.style_check, verdict.content]


def _told(verdict: Any) -> str:
    return f"{verdict.style:.3f} / {verdict.style_check:.3f} / {verdict.content:.3f}"


# --- the report -------------------------------------------------------------------------------------------------------


def as_markdown(found: dict[str, Any]) -> str:
    """What was measured last, each part when it ran."""
    from benchmarks.instant import machine

    parts = {"cost": _cost_table, "fast": _fast_table, "growth": _growth_table}
    sections = [write(found) for name, write in parts.items() if name in found]
    return "\n\n".join(["# Optimize", machine(), *sections]) + "\n"


def _cost_table(found: dict[str, Any]) -> str:
    from benchmarks.instant import table

    plain = found["cost"]["textbook"]
    rows = [
        [kind, f"{c['seconds']:.2f}", f"{c['megabytes']:.0f}"]
        + [f"{c[field] / plain[field]:.2f}" for field in ("seconds", "megabytes")]
        for kind, c in found["cost"].items()
    ]
    title = "## An iteration on VGG-19 at 512×512, random weights, five style layers"
    return f"{title}\n\n{table(['loop', 'seconds', 'peak MB', 'time ×', 'memory ×'], rows)}"


def _fast_table(found: dict[str, Any]) -> str:
    from benchmarks.instant import table

    price = found["cost"]["textbook"]["seconds"] if "cost" in found else None

    def sooner(row: dict[str, Any], key: str) -> str:
        if not row[key]:
            return f"not in {PLAIN_ITERATIONS}"
        seconds = f", {row[key] * price / row['fast seconds']:.0f} × as long" if price else ""
        return f"{row[key]}{seconds}"

    rows = [
        [
            row["pair"],
            _three(row["plain"]),
            _three(row["fast"]),
            f"{row['fast seconds']:.1f}",
            str(row["reached at"] or "never"),
        ]
        + [sooner(row, key) for key in ("plain overtakes at", "plain is as good by the check at")]
        for row in found["fast"]["rows"]
    ]
    header = ["pair", "plain", "`fast`", "its seconds", "reaches plain"]
    header += ["plain is as good after iteration", "by the check after"]
    return f"{FAST}\n\n{table(header, rows)}"


FAST = f"""## `fast` beside {PLAIN_ITERATIONS} plain Adam iterations at 512 px

Style, check and content distance by the judge; smaller is better. The plain loop optimises the judge's own network, so it is
judged by what it optimises; neither optimises the check's. “As good”: style and content distance no larger than those of
`fast` at its end (by the check: its style distance). “As long”: at VGG-19's price an iteration, as above."""


def _growth_table(found: dict[str, Any]) -> str:
    from benchmarks.instant import table

    rows = [[kind, f"{c['seconds']:.3f}", f"{c['megabytes']:.0f}"] for kind, c in found["growth"].items()]
    return f"## Growth\n\n{table(['features, side', 'seconds an iteration', 'peak MB of the process'], rows)}"


def _three(distances: Sequence[float]) -> str:
    return " / ".join(f"{distance:.3f}" for distance in distances)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small pictures and few iterations: whether it runs")
    parser.add_argument("--only", nargs="+", choices=("cost", "fast", "growth", "sheet"))
    parser.add_argument("--measure", nargs=3, metavar=("LOOP", "SIZE", "ITERATIONS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        kind, size, iterations = arguments.measure
        measure(kind, int(size), int(iterations))
    else:
        report(arguments.only or ("cost", "fast", "growth", "sheet"), quick=arguments.quick)


def report(parts: Sequence[str], *, quick: bool) -> None:
    from benchmarks import judge

    judge.shared()  # fails now rather than in a quarter of an hour
    report_file = OUT / "optimize.json"
    found: dict[str, Any] = json.loads(report_file.read_text()) if report_file.exists() and not quick else {}
    if "cost" in parts:
        found["cost"] = report_cost(128 if quick else 512, 2 if quick else 5)
    if "fast" in parts:
        price = found["cost"]["textbook"]["seconds"] if "cost" in found and not quick else None
        found["fast"] = report_fast(128 if quick else 512, 20 if quick else PLAIN_ITERATIONS, price)
    if "growth" in parts:
        found["growth"] = report_growth([64, 128] if quick else [256, 512, 768, 1024], 2 if quick else 3)
    if not quick:
        OUT.mkdir(exist_ok=True)
        report_file.write_text(json.dumps(found, indent=1))
        (OUT / "optimize.md").write_text(as_markdown(found), encoding="utf-8")
    if "sheet" in parts:
        from benchmarks.sheet import report_sheet

        report_sheet(96 if quick else 384, 5 if quick else None)  # a cell shows 320 px


if __name__ == "__main__":
    main()
