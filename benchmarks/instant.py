"""Instant models side by side: time, memory, and the judge's distances. `python -m benchmarks.instant [--quick]`

Contenders: our `instant-lite`; the published mobile Magenta (`magenta_mobile`, TensorFlow Lite, two threads); TF-Hub's
Magenta graph with random weights (`magenta_hub_graph`), whose pictures mean nothing and are not judged.

- Time: `transform` with the style vector known, the median of rounds in which every contender has its turn, so that noise
  hits all alike. Memory is kept as the app's workers keep it: ONNX Runtime takes and gives back its maps in every pass, which
  takes as long as the convolutions otherwise. Start it with GLIBC_TUNABLES=glibc.malloc.hugetlb=1, as the app starts them.
- Memory: the peak resident set of a process of its own that loads the contender and paints twice; interpreter and
  libraries are in it.
- Distances: see `judge`. Both were made with pictures of these folders in view, so they say who is closer, not how well
  either does on strangers' pictures.

The table goes to `benchmarks/out/instant.md`; pictures to `instant.png` beside it, which git ignores: they show what is
not ours.
"""

import argparse
import importlib
import importlib.metadata
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nst_core import images
from nst_core.images import Image
from nst_core.machine import allocator

# TensorFlow is imported where it is used: the mobile model's process must not pay for it.

OUT = Path(__file__).parent / "out"
SIZES = (512, 1024)
TIMED = (256, 512, 1024, 2048)
ALONE = 1024  # pixels beyond which only the first contender is timed: the others need 7 GB and more
STYLE_SIDE = 256


class Contender(Protocol):
    def predict(self, style: Image) -> np.ndarray: ...
    def transform(self, content: Image, vector: np.ndarray) -> Image: ...


class MobileMagenta:
    """The published TensorFlow Lite pair: style -> 100 numbers, (content, numbers) -> picture."""

    def __init__(self, folder: Path, threads: int = 2) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self._predictor = Interpreter(str(folder / "style_predict_quantized_256.tflite"), num_threads=threads)
        self._transformer = Interpreter(str(folder / "style_transfer_quantized_dynamic.tflite"), num_threads=threads)
        self._predictor.allocate_tensors()
        inputs = {detail["shape"][-1]: detail["index"] for detail in self._transformer.get_input_details()}
        self._content, self._style = inputs[3], inputs[100]
        self._shape: tuple[int, ...] = ()

    def predict(self, style: Image) -> np.ndarray:
        """The central square, as in its training."""
        (entry,) = self._predictor.get_input_details()
        self._predictor.set_tensor(entry["index"], central_square(style, STYLE_SIDE)[None])
        self._predictor.invoke()
        return self._predictor.get_tensor(self._predictor.get_output_details()[0]["index"]).ravel()

    def transform(self, content: Image, vector: np.ndarray) -> Image:
        h, w, _ = content.shape
        padded = np.pad(content, ((0, -h % 4), (0, -w % 4), (0, 0)), "reflect")[None]
        if padded.shape != self._shape:
            self._transformer.resize_tensor_input(self._content, padded.shape)
            self._transformer.allocate_tensors()
            self._shape = padded.shape
        self._transformer.set_tensor(self._content, padded)
        self._transformer.set_tensor(self._style, vector.reshape(1, 1, 1, 100))
        self._transformer.invoke()
        return self._transformer.get_tensor(self._transformer.get_output_details()[0]["index"])[0, :h, :w]


def _instant_lite(shared: Path, hub: Path) -> Contender:
    from nst_core.instant import InstantLite

    return InstantLite()


def _mobile(shared: Path, hub: Path) -> Contender:
    return MobileMagenta(shared / "models" / "magenta_mobile")


def _hub(shared: Path, hub: Path) -> Contender:
    from nst_core.instant.magenta import Magenta

    return Magenta(hub)


CONTENDERS: Mapping[str, Callable[[Path, Path], Contender]] = {
    "instant-lite": _instant_lite,
    "mobile Magenta": _mobile,
    "hub graph": _hub,
}
Peaks = Mapping[tuple[str, int], float]  # (name, size): megabytes
JUDGED = ("instant-lite", "mobile Magenta")


# --- pictures ---------------------------------------------------------------------------------------------------------


def shared_folder() -> Path:
    """NST_SHARED, by default `../shared` beside the repository."""
    return Path(os.environ.get("NST_SHARED") or Path(__file__).parents[2] / "shared")


def central_square(image: Image, side: int) -> Image:
    """(h, w, 3) to (side, side, 3)."""
    h, w, _ = image.shape
    s = min(h, w)
    top, left = (h - s) // 2, (w - s) // 2
    return images.resize(image[top : top + s, left : left + s], side, side)


def probe(shared: Path, size: int) -> tuple[Image, Image]:
    """The square content and the style that time and memory are taken with."""
    load = lambda name: images.decode((shared / "images" / name).read_bytes(), name=name)  # noqa: E731
    content = central_square(load("content/chicago.jpg"), size)
    return content, central_square(load("style/starry_night_crop.jpg"), STYLE_SIDE)


def pairs(shared: Path, count: int) -> list[tuple[str, str]]:
    """(content, style): the judge's own first, then every photograph in turn with styles from all over the folder."""
    from benchmarks.judge import PAIRS

    contents, styles = (sorted(file.stem for file in (shared / "images" / kind).glob("*.jpg")) for kind in ("content", "style"))
    more = ((contents[i % len(contents)], styles[i * 7 % len(styles)]) for i in range(count))
    return list(dict.fromkeys([*PAIRS, *more]))[:count]


# --- measurements -----------------------------------------------------------------------------------------------------


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def medians(runs: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """{name: median seconds}: one unmeasured round, then `repeats` rounds of all, one after the other."""
    rounds = [{name: seconds(run) for name, run in runs.items()} for _ in range(repeats + 1)][1:]
    return {name: statistics.median(times[name] for times in rounds) for name in runs}


def peak_megabytes(name: str, size: int, hub: Path) -> float:
    """Of a process of its own. Linux hands a parent's peak on to its child, so ask before this process grows."""
    command = [sys.executable, "-m", "benchmarks.instant", "--peak", name, str(size), str(hub)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def paint_and_report(name: str, size: int, hub: Path) -> None:
    """What the process of `peak_megabytes` does."""
    allocator.reuse()
    shared = shared_folder()
    contender = CONTENDERS[name](shared, hub)
    content, style = probe(shared, size)
    vector = contender.predict(style)
    for _ in range(2):
        contender.transform(content, vector)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(kilobytes / (1e3 if sys.platform == "linux" else 1e6))  # macOS counts bytes


def distances(contenders: Mapping[str, Contender], names: Sequence[tuple[str, str]], size: int) -> Iterator[dict[str, Any]]:
    """A pair after the other: content, style, {model: picture} and {model: verdict}, the photograph as it is among these."""
    from benchmarks import judge

    for content_name, style_name in names:
        content, style = judge.pair(content_name, style_name, size)
        pictures = {name: c.transform(content, c.predict(style)) for name, c in contenders.items()}
        verdicts = {name: judge.judge(x, content, style) for name, x in {"the photograph": content, **pictures}.items()}
        yield {"content": content, "style": style, "pictures": pictures, "verdicts": verdicts}


# --- what is shown ----------------------------------------------------------------------------------------------------


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor())
    libraries = [f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "ai-edge-litert", "numpy")]
    versions = ", ".join([f"Python {platform.python_version()}", *libraries])
    return f"{processor}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the start; {versions}."


def contact_sheet(rows: Sequence[Mapping[str, Any]], height: int = 256) -> Image:
    """A contact sheet: a row a pair, content, style and what each model made of them."""

    def cell(image: Image) -> Image:
        return images.resize(image, height, round(image.shape[1] * height / image.shape[0]))

    lines = [np.concatenate([cell(x) for x in (row["content"], row["style"], *row["pictures"].values())], 1) for row in rows]
    width = max(line.shape[1] for line in lines)
    return np.concatenate([np.pad(line, ((0, 4), (0, width - line.shape[1]), (0, 0)), constant_values=1) for line in lines])


def speed_table(contenders: Mapping[str, Contender], load: Mapping[str, float], peaks: Peaks, repeats: int) -> str:
    shared, first = shared_folder(), next(iter(contenders))
    style = probe(shared, SIZES[0])[1]
    predict = medians({name: partial(c.predict, style) for name, c in contenders.items()}, repeats)
    times = {}
    for size in TIMED:
        content = probe(shared, size)[0]
        timed = contenders if size <= ALONE else {first: contenders[first]}
        runs = {name: partial(c.transform, content, c.predict(style)) for name, c in timed.items()}
        times[size] = medians(runs, repeats)
    rows = []
    for name in contenders:
        of_first = [
            f"{times[size][name]:.3f} s ({times[size][name] / times[size][first]:.2f}×)" if name in times[size] else "–"
            for size in TIMED
        ]
        memory = [f"{peaks[name, size]:.0f} MB" for size in SIZES]
        rows.append([name, *of_first, f"{predict[name] * 1000:.0f} ms", f"{load[name]:.1f} s", *memory])
    of_times, squares = ([f"{size}×{size}" for size in sizes] for sizes in (TIMED, SIZES))
    return table(["model", *of_times, "predict", "load", *(f"peak at {square}" for square in squares)], rows)


def distance_table(contenders: Mapping[str, Contender], names: Sequence[tuple[str, str]]) -> tuple[str, Image]:
    """The table, and the contact sheet of the smaller size."""
    rows, sheet = [], np.empty(0, np.float32)
    for size in SIZES:
        of_pairs = list(distances(contenders, names, size))
        if size == SIZES[0]:
            sheet = contact_sheet(of_pairs)
        for name in of_pairs[0]["verdicts"]:
            verdicts = [astuple(pair["verdicts"][name]) for pair in of_pairs]
            means = [statistics.mean(column) for column in zip(*verdicts, strict=True)]
            rows.append([f"{name}, {size} px", *(f"{mean:.3f}" for mean in means)])
    return table(["mean over the pairs", "style", "style, check", "content"], rows), sheet


def main(count: int, repeats: int) -> None:
    allocator.reuse()
    shared, facts = shared_folder(), machine()
    with tempfile.TemporaryDirectory() as folder:
        hub = Path(folder)
        maker = shared / "models" / "magenta_hub_graph" / "make.py"
        subprocess.run([sys.executable, str(maker), folder], check=True, capture_output=True)
        peaks = {(name, size): peak_megabytes(name, size, hub) for size in SIZES for name in CONTENDERS}
        importlib.import_module("nst_core.instant")  # TensorFlow's own import is nobody's loading time
        contenders, load = {}, {}
        for name, make in CONTENDERS.items():
            start = time.perf_counter()
            contenders[name] = make(shared, hub)
            load[name] = time.perf_counter() - start
        speed = speed_table(contenders, load, peaks, repeats)
        names = pairs(shared, count)
        distance, sheet = distance_table({name: contenders[name] for name in JUDGED}, names)
    tunables = os.environ.get("GLIBC_TUNABLES", "not set")
    report = REPORT.format(facts=facts, tunables=tunables, repeats=repeats, speed=speed, count=len(names), distance=distance)
    print(report)
    OUT.mkdir(exist_ok=True)
    (OUT / "instant.md").write_text(report)
    (OUT / "instant.png").write_bytes(images.encode(sheet))


REPORT = """# Instant models side by side

{facts}

Time to paint a picture with the style vector known: median of {repeats} interleaved rounds, and how many times the first
row's. Peak: resident set of a process of its own, libraries included. GLIBC_TUNABLES: {tunables}.

{speed}

Judge's distances, smaller is better, over {count} pairs; the longer side as given. "the photograph" is the content as it is.

{distance}
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instant", description=__doc__.partition(".")[0])
    parser.add_argument("--pairs", type=int, default=12, help="content and style pairs to judge")
    parser.add_argument("--repeats", type=int, default=7, help="rounds to time")
    parser.add_argument("--quick", action="store_true", help="two pairs, three rounds: does it run?")
    parser.add_argument("--peak", nargs=3, metavar=("NAME", "SIZE", "HUB"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        paint_and_report(options.peak[0], int(options.peak[1]), Path(options.peak[2]))
    else:
        main(*((2, 3) if options.quick else (options.pairs, options.repeats)))
