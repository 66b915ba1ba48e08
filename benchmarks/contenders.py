"""Contenders of the blind test: the pairs of photograph and painting that are set aside, and whoever paints them.

A contender is a painter, (content, style) -> picture of the content's shape, float32 (h, w, 3) in [0, 1] all; or a folder of
ready pictures, `ID.png` or `SIZE/ID.png`. `make` knows some by name:

- `microast`, `magenta`: MicroAST and the published mobile Magenta, from NST_SHARED;
- `here`, `here:quick`, `here:fast`, `here:finest`: Instant, or a preset of Optimize, as the working tree has it;
- `COMMIT`, `COMMIT:fast`, …: the same as of a commit, run by that commit's own code and weights in a process of its own.
"""

import atexit
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.instant import MobileMagenta, shared_folder
from nst_core import images
from nst_core.images import Image
from nst_core.training import data

ROOT = Path(__file__).parents[1]
ENGINES = ("instant", "quick", "fast", "finest")

Painter = Callable[[Image, Image], Image]
Contender = Painter | Path


@dataclass(frozen=True, slots=True)
class Pair:
    """A photograph and a painting, paths relative to NST_SHARED's `images`; `id` is two digits, from 01."""

    id: str
    photograph: str
    painting: str

    def load(self, size: int) -> tuple[Image, Image]:
        """Return content and style, the longer side of each `size` pixels; small photographs are enlarged."""
        folder = shared_folder() / "images"
        files = folder / self.photograph, folder / self.painting
        content, style = (images.fit(images.decode(file.read_bytes(), name=file.name), size) for file in files)
        return content, style


def pairs(count: int | None = None, shift: int = 0) -> list[Pair]:
    """Return the first `count` pairs of the held-out list, all of them by default.

    shift: how many places further the painting of each photograph stands in the list: other numbers make other pairs.
    """
    listed = json.loads(data.HELD_OUT.read_text())
    paintings = listed["paintings"][shift:] + listed["paintings"][:shift]
    both = zip(listed["photographs"], paintings, strict=True)
    return [Pair(f"{i:02d}" + f"+{shift}" * bool(shift), *names) for i, names in enumerate(both, 1)][:count]


# --- painters ---------------------------------------------------------------------------------------------------------


def magenta() -> Painter:
    """Return mobile Magenta; the style vector is predicted anew for each picture."""
    model = MobileMagenta(shared_folder() / "models" / "magenta_mobile")
    return lambda content, style: np.clip(model.transform(content, model.predict(style)), 0, 1)


def microast() -> Painter:
    """Return MicroAST. It imports TensorFlow."""
    from benchmarks.microast import MicroAST

    return MicroAST(shared_folder() / "models" / "microast.npz")


class Release:
    """A painter that runs an engine of another version of `nst_core` in a process of its own.

    source: the folder that its `nst_core` lies in; None takes the working tree as it is.
    engine: one of `ENGINES`. Optimize's presets leave memory behind, so their process is started anew for every picture.
    """

    def __init__(self, source: Path | None = None, engine: str = "instant") -> None:
        self._source, self._engine = source or ROOT, engine
        self._folder = tempfile.TemporaryDirectory(prefix="nst-contender-")
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, content: Image, style: Image) -> Image:
        exchange = Path(self._folder.name)
        np.save(exchange / "content.npy", content)
        np.save(exchange / "style.npy", style)
        process = self._process or self._started()
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{exchange}\n")
        process.stdin.flush()
        if process.stdout.readline().strip() != "painted":
            raise RuntimeError(f"{self._engine} of {self._source} did not paint; its error stands above.")
        if self._engine != "instant":
            self.close()
        return np.load(exchange / "picture.npy")

    def close(self) -> None:
        """End the process, if there is one; the next picture starts another."""
        if self._process:
            self._process.communicate()
        self._process = None

    def _started(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PAINTING, self._engine]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=self._source, stdin=pipe, stdout=pipe, text=True)
        return self._process


# What the process of `Release` runs, in the folder that holds its `nst_core`. Only names that every version has.
PAINTING = """
import os, sys
import numpy as np
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
answers, sys.stdout = sys.stdout, sys.stderr
from nst_core.recipes import PRESETS, InstantRecipe
from nst_core.stylizer import Style

def steps(engine, content, style):
    if engine == "instant":
        from nst_core import instant
        recipe = InstantRecipe(engine="instant-lite")
        return instant.stylizer("instant-lite").stylize(content, [Style(style)], recipe)
    recipe = PRESETS[engine]
    if recipe.init == "instant":
        from nst_core import engines
        return engines.engine_for(recipe).run(recipe, engines.Inputs({"content": content}, [Style(style)]))
    from nst_core import optimization
    return optimization.Optimization(content, [Style(style)], recipe)

for line in sys.stdin:
    folder = line.strip()
    content, style = (np.load(os.path.join(folder, name)) for name in ("content.npy", "style.npy"))
    *_, last = steps(sys.argv[1], content, style)
    np.save(os.path.join(folder, "picture.npy"), last.image)
    print("painted", file=answers, flush=True)
"""


def unpacked(commit: str) -> Path:
    """Unpack `nst_core` as of a commit, and return the temporary folder, which goes when this process ends.

    Raises: ValueError when the repository has no such commit.
    """
    found = subprocess.run(["git", "archive", commit, "nst_core"], cwd=ROOT, capture_output=True, check=False)
    if found.returncode:
        reason = found.stderr.decode().strip()
        raise ValueError(f"{commit} is neither a contender's name nor a commit with nst_core: {reason}")
    target = Path(tempfile.mkdtemp(prefix="nst-commit-"))
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    subprocess.run(["tar", "-x", "-C", str(target)], input=found.stdout, check=True)
    return target


def make(what: str) -> Contender:
    """Return the contender of that description: a name, a folder that exists, or a commit.

    Raises: ValueError, saying what there is to choose from.
    """
    if what in BY_NAME:
        return BY_NAME[what]()
    if Path(what).is_dir():
        return Path(what)
    source, _, engine = what.partition(":")
    if engine and engine not in ENGINES:
        raise ValueError(f"{what}: the engine is one of {', '.join(ENGINES)}, not {engine}.")
    return Release(None if source == "here" else unpacked(source), engine or "instant")


BY_NAME: dict[str, Callable[[], Painter]] = {"microast": microast, "magenta": magenta}


# --- pictures ---------------------------------------------------------------------------------------------------------


def paint(contender: Contender, chosen: Sequence[Pair], size: int, into: Path, *, anew: bool = False) -> Iterator[Path]:
    """Paint pairs into `into/SIZE/ID.png`, and yield each file. A file that is there is kept, unless `anew`.

    What a folder holds is copied, so that all contenders' pictures are read in one way.
    """
    (into / str(size)).mkdir(parents=True, exist_ok=True)
    for pair in chosen:
        file = into / str(size) / f"{pair.id}.png"
        if anew or not file.exists():
            content, style = pair.load(size)
            picture = ready(contender, pair, size) if isinstance(contender, Path) else contender(content, style)
            check_shape(picture, content, f"{into.name}'s picture of pair {pair.id} at {size} px")
            partial = file.with_suffix(".partial")
            partial.write_bytes(images.encode(picture))
            partial.replace(file)
        yield file


def ready(folder: Path, pair: Pair, size: int) -> Image:
    """Read a picture of a folder: `SIZE/ID.png`, else `ID.png`.

    Raises: ValueError when it is not there.
    """
    file = next((f for f in (folder / str(size) / f"{pair.id}.png", folder / f"{pair.id}.png") if f.exists()), None)
    if file is None:
        raise ValueError(f"{folder} has no {size}/{pair.id}.png and no {pair.id}.png: paint pair {pair.id} first.")
    return images.decode(file.read_bytes(), name=file.name)


def check_shape(picture: Image, content: Image, name: str) -> None:
    """Raise ValueError where a picture is not of its photograph's shape: another size would tell judges whose it is."""
    if picture.shape != content.shape:
        (h, w), (height, width) = picture.shape[:2], content.shape[:2]
        raise ValueError(f"{name} is {w}×{h} pixels; the photograph is {width}×{height}.")
