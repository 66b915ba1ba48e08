"""A folder of pictures and clips, as the product reads them: what becomes of each, and how far that is from others' reading.

python -m benchmarks.corpus FOLDER [--size 1024] [--limit 120]

Prints a line a file, and two a GIF, which is read as a picture and as a clip: name, kind, outcome, seconds, megabytes above the
process's own, difference, note. The difference is the mean and the highest over all pixels, of 255, from Pillow's reading of a
picture (upright, over white, without its profile) or from the ffmpeg binary's of a clip's first frames. Each file is read in a
process of its own, which is ended after `--limit` seconds. Ends with 1 where a file led to anything but a result or one of our
sentences. Needs fork, as on Linux.
"""

import argparse
import multiprocessing
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageOps

from nst_core import images
from nst_core.errors import NSTError
from nst_core.videos import clips, reading

FRAMES = 24  # of a clip that are compared
CLIP_SIDE = 512  # pixels of their longer side at most
Pixels = npt.NDArray[np.uint8]  # (h, w, 3), or (frames, h, w, 3)


@dataclass(frozen=True)
class Report:
    """What became of a file. outcome: read, refused (by a sentence of ours), fault, crash or timeout. off: mean and highest."""

    outcome: str
    told: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0
    off: tuple[float, float] | None = None

    def line(self, name: str) -> str:
        """The columns, separated by tabs."""
        off = f"{self.off[0]:.2f}\t{self.off[1]:.0f}" if self.off else "-\t-"
        return f"{name}\t{self.outcome}\t{self.seconds:.2f}\t{self.megabytes:.0f}\t{off}\t{self.told}"


def files_in(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield every file, in folders within it too, that may be a picture or a clip, and whether to read it as a clip."""
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in images.SUFFIXES and file.is_file():
            yield file, False
        if file.suffix.lower().removeprefix(".") in clips.FILE_TYPES and file.is_file():
            yield file, True


def read(file: Path, clip: bool, size: int) -> Report:
    """Read a file as the product does, and compare."""
    data, before, began = file.read_bytes(), _peak(), time.perf_counter()
    notes: list[str] = []
    try:
        found = _clip(data) if clip else images.to_uint8(images.decode(data, max_side=size, warn=notes.append))
    except NSTError as error:
        return Report("refused", str(error), time.perf_counter() - began, _peak() - before)
    except Exception as error:
        return Report("fault", f"{type(error).__name__}: {error}", time.perf_counter() - began, _peak() - before)
    seconds, megabytes = time.perf_counter() - began, _peak() - before
    other = _by_ffmpeg if clip else _by_pillow
    try:
        off, note = _difference(found, other(file, found)), ""
    except Exception as error:  # of any type: it is not our reading that failed
        off, note = None, f"not read by others ({type(error).__name__})"
    return Report("read", " ".join([*notes, note]).strip(), seconds, megabytes, off)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _clip(data: bytes) -> Pixels:
    facts = reading.probe(data)
    shape = facts.shape(min(CLIP_SIDE, max(facts.width, facts.height)))
    frames = [frame.pixels for frame, _ in zip(reading.frames(data, shape), range(FRAMES), strict=False)]
    return np.stack(frames)


def _by_pillow(file: Path, ours: Pixels) -> Pixels:
    with Pillow.open(file) as picture:
        shown = ImageOps.exif_transpose(picture).convert("RGBA")
    below = Pillow.new("RGBA", shown.size, "white")
    below.alpha_composite(shown)
    return np.asarray(below.convert("RGB").resize(ours.shape[1::-1], Pillow.Resampling.LANCZOS, reducing_gap=3))


def _by_ffmpeg(file: Path, ours: Pixels) -> Pixels:
    _, height, width, _ = ours.shape
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(file), "-frames:v", str(len(ours))]
    command += ["-fps_mode", "passthrough", "-vf", f"scale={width}:{height}:flags=area"]
    command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    return np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)


def _difference(ours: Pixels, others: Pixels) -> tuple[float, float]:
    """Mean and highest.

    Raises: ValueError for another number of frames.
    """
    off = np.abs(np.subtract(ours, others, dtype=np.int16))
    return float(off.mean()), float(off.max())


def apart(work: Callable[[], Report], limit: float) -> Report:
    """Do the work in a process of its own."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(there, work))
    process.start()
    there.close()
    try:
        if not here.poll(limit):
            process.kill()
            return Report("timeout", seconds=limit)
        return here.recv()
    except EOFError:
        process.join()
        return Report("crash", f"exit code {process.exitcode}")
    finally:
        process.join()


def _send(there: Connection, work: Callable[[], Report]) -> None:
    there.send(work())


def main() -> int:
    """Read the folder that is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", type=int, default=1024, help="pixels of a picture's longer side")
    parser.add_argument("--limit", type=float, default=120, help="seconds that a file may take")
    arguments = parser.parse_args()
    reports: list[Report] = []
    print("file\tkind\toutcome\tseconds\tMB\tmean\thighest\tnote")
    for file, clip in files_in(arguments.folder):
        report = apart(partial(read, file, clip, arguments.size), arguments.limit)
        report = replace(report, told=" ".join(report.told.split()))
        print(report.line(f"{file.relative_to(arguments.folder)}\t{'clip' if clip else 'picture'}"), flush=True)
        reports.append(report)
    counts = Counter(report.outcome for report in reports)
    most = max((report.megabytes for report in reports), default=0)
    print(f"\n{len(reports)} files: {', '.join(f'{n} {kind}' for kind, n in counts.most_common())}; at most {most:.0f} MB")
    return int(any(kind not in ("read", "refused") for kind in counts))


if __name__ == "__main__":
    sys.exit(main())
