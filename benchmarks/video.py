"""Video: how steady, how near to the style, how sharp; how fast, and in how much memory.

python -m benchmarks.video [--only quality|speed] [--frames 60 480]

Scenes of known motion (`moving`), painted by `instant-lite` frame by frame and with a steady hand. Writes
benchmarks/out/video.md, and contact sheets, benchmarks/out/video-*.png, to be looked at. What one part found is remembered in
video.json beside them, so that the parts can be run apart.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from benchmarks.instant import machine
from benchmarks.moving import SCENES, Scene
from nst_core import images, recipes
from nst_core.images import Image
from nst_core.pictures.colors import luminance
from nst_core.recipes import STEADINESS
from nst_core.stylizer import Style
from nst_core.videos import flow, reading, run, writing
from nst_core.videos.deflicker import Deflicker
from nst_core.videos.painters import InstantPainter
from nst_core.videos.reading import TICKS
from tests.clips import encoded, told

ROOT = Path(__file__).parents[1]
OUT = Path(__file__).parent / "out"
STYLES = ("starlit-oils", "woodcut-waves", "cubist-guitar")
JUDGED = 6  # frames apart: what the judge looks at
Figures = dict[str, Any]
# the command line, and at its end its peak: what the system says of a child counts what its parent had when it forked
COMMAND = """
import atexit
from nst_core.cli import main
from nst_core.machine import allocator
atexit.register(lambda: print(allocator.peak()))
main()
"""


def style_of(name: str) -> Image:
    return images.decode((ROOT / "assets" / "styles" / f"{name}.jpg").read_bytes(), max_side=512)


# --- quality ----------------------------------------------------------------------------------------------------------


def painted(scene: Scene, style: Image) -> tuple[list[Image], list[Image]]:
    """Frame by frame, and with a steady hand."""
    painter = InstantPainter([Style(style)], recipes.video(size=512))
    painter.begin(scene.frames[0])
    alone, before = [], None
    for frame in scene.frames:
        now = flow.small(images.to_uint8(frame))
        if before is not None:
            painter.move(flow.motion(before, now))
        alone.append(painter.paint(frame))
        before = now
    hand = Deflicker(_Prepared(alone), STEADINESS)
    return alone, [images.from_uint8(hand.paint(images.to_uint8(frame))) for frame in scene.frames]


def sharpness(frames: Sequence[Image]) -> float:
    """Mean length of the gradient of luminance."""
    return float(np.mean([np.hypot(*np.gradient(luminance(frame))).mean() for frame in frames]))


def quality() -> list[Figures]:
    from benchmarks import judge

    rows = []
    for name, make in SCENES.items():
        scene = make()
        for style_name in STYLES:
            style = style_of(style_name)
            alone, steady = painted(scene, style)
            row: Figures = {"scene": name, "style": style_name, "own": scene.change(scene.frames)}
            for hand, frames in {"alone": alone, "steady": steady}.items():
                judged = frames[:: -min(JUDGED, len(frames) - 1)]
                row[hand] = {
                    "change": scene.change(frames),
                    "distance": float(np.mean([judge.style_distance(frame, style) for frame in judged[:4]])),
                    "sharpness": sharpness(frames[1:]),  # the first is the same
                }
            rows.append(row)
            print(json.dumps(row), flush=True)
            sheet(f"{name}-{style_name}".replace(" ", "-"), scene.frames, alone, steady)
    return rows


def sheet(name: str, *rows: Sequence[Image]) -> None:
    """The clip, frame by frame, steady: two frames that follow each other near the beginning, in the middle, at the end."""
    count = len(rows[0])
    shown = sorted({n for middle in (2, count // 2, count - 1) for n in (middle - 1, middle) if 0 <= n < count})
    picture = np.concatenate([np.concatenate([row[n] for n in shown], 1) for row in rows])
    OUT.mkdir(exist_ok=True)
    Pillow.fromarray(images.to_uint8(picture)).save(OUT / f"video-{name}.png")


# --- speed, memory, length --------------------------------------------------------------------------------------------


def clip_of(frames: int, height: int, width: int) -> bytes:
    """A pan over the lake with a hum, H.264 and AAC, as phones make it."""
    photograph = images.decode((ROOT / "assets" / "photographs" / "mountain-lake.jpg").read_bytes())
    wide = images.to_uint8(images.fit(photograph, round(width * 1.6)))
    room = wide.shape[1] - width, wide.shape[0] - height
    places = [(round(room[0] * n / max(1, frames)), room[1] // 2) for n in range(frames)]
    return encoded([np.ascontiguousarray(wide[y : y + height, x : x + width]) for x, y in places], sound="aac")


def commanded(clip: bytes, size: int) -> Figures:
    """By the command line, in a process of its own: seconds, its peak memory in MB, and the film."""
    with tempfile.TemporaryDirectory() as folder:
        source, film = Path(folder) / "clip.mp4", Path(folder) / "film.mp4"
        source.write_bytes(clip)
        style = str(ROOT / "assets" / "styles" / "starlit-oils.jpg")
        began = time.perf_counter()
        command = [sys.executable, "-c", COMMAND, "video", str(source), style, "-o", str(film), "--size", str(size)]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
        found, wanted = told(film.read_bytes()), told(clip)
        return {
            "seconds": time.perf_counter() - began,
            "memory": int(done.stdout) / 1e6,
            "megabits": film.stat().st_size * 8e-6 / float(str(found["seconds"])),
            "film": {name: found[name] for name in ("seconds", "sounds", "size")},
            "clip": {name: wanted[name] for name in ("seconds", "sounds")},
            "times": found["times"] == wanted["times"],
        }


def paces(size: int, clip: bytes) -> Figures:
    """Frames a second once it runs, all in all; and milliseconds a frame of its parts, each measured alone."""
    style = Style(style_of("starlit-oils"))
    steps = list(run.Filming(clip, [style], recipes.video(size=size)))
    settled, end = steps[5], steps[-2]
    found: Figures = {"all": (end.iteration - settled.iteration) / (end.seconds - settled.seconds)}
    shape = reading.probe(clip).shape(size)
    began = time.perf_counter()
    frames = [frame.pixels for frame in reading.frames(clip, shape)]
    found["reading"] = _each(began, frames)
    painter = InstantPainter([style], recipes.video(size=size))
    contents = [images.from_uint8(frame) for frame in frames]
    painter.begin(contents[0])
    began = time.perf_counter()
    alone = [painter.paint(content) for content in contents]
    found["painting"] = _each(began, frames)
    hand = Deflicker(_Prepared(alone), STEADINESS)
    began = time.perf_counter()
    shown = [hand.paint(frame) for frame in frames]
    found["flow and steadying"] = _each(began, frames)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        writing.segment(((n * TICKS // 25, frame) for n, frame in enumerate(shown)), Path(folder) / "s.mp4")
        found["writing"] = _each(began, frames)
    return found | {"size": shape}


class _Prepared:
    """A painter who is done already."""

    def __init__(self, pictures: Sequence[Image]) -> None:
        self._pictures = iter(pictures)

    def begin(self, content: Image) -> None: ...

    def paint(self, content: Image) -> Image:
        return next(self._pictures)

    def finish(self, content: Image, painted: Image) -> Image:
        return painted


def _each(began: float, frames: Sequence[object]) -> float:
    return 1000 * (time.perf_counter() - began) / len(frames)


def speed(short: int, long: int) -> Figures:
    return {
        "machine": machine(),
        "paces": [paces(512, clip_of(short, *shape)) for shape in ((720, 1280), (768, 1024))],
        "lengths": {
            f"{count} frames of 1280 × 720 at {size} px": commanded(clip_of(count, 720, 1280), size)
            for count, size in ((short, 512), (long, 512), (short // 2, 1024))
        },
    }


# --- report -----------------------------------------------------------------------------------------------------------


def report(figures: Figures) -> str:
    return "\n".join(["# Video", "", *_quality(figures.get("quality", [])), *_speed(figures.get("speed"))]) + "\n"


def _quality(rows: Sequence[Figures]) -> list[str]:
    ratio = lambda row, name: row["steady"][name] / row["alone"][name]  # noqa: E731
    lines = [
        "## Steadiness, style and sharpness",
        "",
        f"`instant-lite` at 512 px, steadiness {STEADINESS}, over painting each frame by itself.",
        "",
        "- change: mean square of what differs from the frame before, warped by the true motion, where it could be seen there;",
        "  aim: at most 0.50. In the last column that of the clip itself, times 10⁴;",
        "- style: the judge's distance; aim: within 10 %;",
        "- sharpness: mean gradient of luminance; aim: within 5 %.",
        "",
        "| scene | style | change, alone | steady | ratio | style, alone | steady | ratio | sharpness ratio | clip's own |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        alone, steady = row["alone"], row["steady"]
        lines.append(
            f"| {row['scene']} | {row['style']} | {alone['change']:.4f} | {steady['change']:.4f} | "
            f"**{ratio(row, 'change'):.2f}** | {alone['distance']:.3f} | {steady['distance']:.3f} | "
            f"{ratio(row, 'distance'):.2f} | {ratio(row, 'sharpness'):.2f} | {1e4 * row['own']:.2f} |"
        )
    if rows:
        all_of = {name: [ratio(row, name) for row in rows] for name in ("change", "distance", "sharpness")}
        lines += [
            "",
            f"Change: {np.mean(all_of['change']):.2f} in the mean, {max(all_of['change']):.2f} at worst. Style: "
            f"{min(all_of['distance']):.2f} to {max(all_of['distance']):.2f}. Sharpness: {min(all_of['sharpness']):.2f} to "
            f"{max(all_of['sharpness']):.2f}, {np.mean(all_of['sharpness']):.2f} in the mean.",
            "",
        ]
    return lines


def _speed(found: Figures | None) -> list[str]:
    if not found:
        return []
    parts = ("reading", "painting", "flow and steadying", "writing")
    lines = [
        "## Speed",
        "",
        f"| film | frames a second | {' | '.join(f'{part}, ms' for part in parts)} |",
        "|---|" + "---:|" * 5,
    ]
    lines += [
        f"| {pace['size'][1]} × {pace['size'][0]} | **{pace['all']:.1f}** | "
        + " | ".join(f"{pace[part]:.0f}" for part in parts)
        + " |"
        for pace in found["paces"]
    ]
    lines += [
        "",
        "## Memory, times and sound",
        "",
        "By `python -m nst_core video`, start and all. Durations in seconds, of pictures and sound.",
        "",
        "| clip | seconds | peak, MB | clip lasts | film lasts | every frame at its time | Mbit/s |",
        "|---|---:|---:|---|---|---|---:|",
    ]
    lines += [_length(name, it) for name, it in found["lengths"].items()]
    return [*lines, "", f"*{found['machine']}*"]


def _length(name: str, it: Mapping[str, Any]) -> str:
    lasts = lambda side: f"{side['seconds']:.3f} and {side['sounds'][0][1]:.3f}"  # noqa: E731
    return (
        f"| {name} | {it['seconds']:.0f} | **{it['memory']:.0f}** | {lasts(it['clip'])} | {lasts(it['film'])} | "
        f"{'yes' if it['times'] else 'no'} | {it['megabits']:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("quality", "speed"))
    parser.add_argument("--frames", type=int, nargs=2, default=(60, 480), help="Of the short and the long clip.")
    arguments = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    remembered = OUT / "video.json"
    figures = json.loads(remembered.read_text()) if remembered.exists() else {}
    if arguments.only != "quality":
        figures["speed"] = speed(*arguments.frames)
    if arguments.only != "speed":
        figures["quality"] = quality()
    remembered.write_text(json.dumps(figures))
    (OUT / "video.md").write_text(report(figures))
    print(report(figures))


if __name__ == "__main__":
    main()
