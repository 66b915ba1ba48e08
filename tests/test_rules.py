"""Rules that import-linter has no contract for (see `make lint` and pyproject.toml): public names, heavy imports, sizes."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent

# what brings a heavy library with it, and who may therefore import it at the top: nobody that pages or the light lane import
HEAVY = {
    "features",
    "optimization",
    "videos.run",
    "videos.reading",
    "videos.pixels",
    "videos.painters",
    "videos.steady",
    "videos.writing",
    "models.graphs",
    "texture_networks.painting",
    "texture_networks.training",
    "instant.magenta",
}
MAX_LINES = 400
FILES = [ROOT / "app.py", *sorted(file for place in ("nst_core", "ui", "pages") for file in (ROOT / place).rglob("*.py"))]
EVERYTHING = [*FILES, *sorted((ROOT / "assets").glob("*.py")), *sorted((ROOT / "benchmarks").glob("*.py"))]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room(path: Path) -> str:
    """The folder that a file belongs to, or its own name where it stands alone."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "nst_core" and len(parts) > 1 else parts[0]


class Import(NamedTuple):
    """`from module import name`; deep: inside a function or for type checkers only."""

    module: tuple[str, ...]
    name: str | None
    deep: bool

    @property
    def room(self) -> str:
        """Of what is imported."""
        parts = (*self.module, *([self.name] if self.name else []))
        return parts[1] if parts[0] == "nst_core" and len(parts) > 1 else parts[0]


def imports(path: Path) -> Iterator[Import]:
    """Of our own."""
    tree = ast.parse(path.read_text())
    later = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    later += [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    deep = {child for node in later for child in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in ("nst_core", "ui", "pages"):
            for alias in node.names:
                yield Import(tuple(node.module.split(".")), alias.name, node in deep)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in ("nst_core", "ui", "pages"):
                    yield Import(tuple(alias.name.split(".")), None, node in deep)


def public(package: Path) -> set[str]:
    """What a package names in `__all__`."""
    for node in ast.parse((package / "__init__.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_nobody_imports_a_packages_insides(path: Path) -> None:
    """What lies in a package is imported as the package names it in `__all__`; a module named there is public itself."""
    for found in imports(path):
        if found.module[0] != "nst_core" or found.room == room(path):
            continue
        folder = ROOT / "nst_core"
        for part in (*found.module[1:], found.name):
            if part is None or not (folder / "__init__.py").exists():
                break
            if folder.name != "nst_core":
                assert part in public(folder), f"{'.'.join(found.module)} import {found.name}"
            folder /= part


def file_of(found: Import) -> Path:
    """Where an imported name stands, or the package that hands it on."""
    place = ROOT
    for part in (*found.module, found.name or ""):
        further = place / part
        if not (further.is_dir() or further.with_suffix(".py").is_file()):
            break
        place = further
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def at_once(path: Path) -> set[Path]:
    """The files that are imported as soon as this one is."""
    return {file_of(found) for found in imports(path) if not found.deep}


def reached(path: Path, seen: set[Path]) -> set[Path]:
    """What comes with a file, the packages above it included."""
    if path not in seen:
        seen.add(path)
        above = [folder / "__init__.py" for folder in path.parents if (folder / "__init__.py").is_file()]
        for other in (*above, *at_once(path)):
            reached(other, seen)
    return seen


@pytest.mark.parametrize("start", ["app.py", "ui/__init__.py", "pages/masks.py", "nst_core/service/dask/worker.py"])
def test_pages_and_workers_load_nothing_heavy_at_the_top(start: str) -> None:
    heavy = {ROOT.joinpath("nst_core", *name.split(".")) for name in HEAVY}
    for file in reached(ROOT / start, set()):
        assert not {file.with_suffix(""), *file.parents} & heavy


@pytest.mark.parametrize("path", EVERYTHING, ids=name_of)
def test_no_file_is_longer_than_a_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


def test_trainings_alone_know_jax_and_pytorch() -> None:
    """Requirements of development and training: where the app is installed they are not."""
    for path in EVERYTHING:
        tree = ast.walk(ast.parse(path.read_text()))
        names = [node.module for node in tree if isinstance(node, ast.ImportFrom) and node.module]
        tree = ast.walk(ast.parse(path.read_text()))
        names += [alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names]
        assert room(path) == "training" or not {name.split(".")[0] for name in names} & {"jax", "jaxlib", "torch"}, path


LIGHT = "engines, service, service.dask.worker, service.tasks, explain, models, pictures, texture_networks, videos"
LIGHT_LANE = "service.dask.recycling, instant, texture_networks.painting, videos.run"
LENT = "training.vgg19_lite.__main__, training.vgg19_lite.judge"
UNNEEDED = {"tensorflow", "keras", "onnxruntime", "onnx", "pydantic", "streamlit"}
WITHOUT_PYTORCH = "instant-lite's training needs PyTorch (requirements-train.txt), which is not installed"
NEEDS_PYTORCH = pytest.mark.skipif(not find_spec("torch"), reason=WITHOUT_PYTORCH)


@pytest.mark.parametrize(
    ("modules", "forbidden"),
    [
        (
            f"ui, ui.brushes, ui.lessons, ui.optimizing, ui.training, {LIGHT}",
            {"tensorflow", "keras", "onnxruntime", "cv2", "av", "pandas"},
        ),
        (f"{LIGHT}, {LIGHT_LANE}", {"tensorflow", "keras", "streamlit"}),
        (f"cli, {LIGHT}", {"tensorflow", "keras", "onnxruntime", "cv2", "av", "streamlit"}),
        (LENT, UNNEEDED),
        pytest.param("training.instant_lite", UNNEEDED, marks=NEEDS_PYTORCH),
    ],
    ids=["the page process", "the light lane", "the command line", "a training on a lent accelerator", "one by PyTorch"],
)
def test_what_a_process_must_not_load(modules: str, forbidden: set[str]) -> None:
    names = [name if name.startswith("ui") else f"nst_core.{name}" for name in modules.split(", ")]
    script = f"import sys, {', '.join(names)}; print(*{forbidden!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not done.stdout.strip()
