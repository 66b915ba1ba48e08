"""pyproject.toml against requirements.txt and the repository; the wheel, built and used from an empty folder."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from nst_core.extras import DISTRIBUTION, EXTRA_OF

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
PACKAGE_OF = {"cv2": "opencv-python-headless", "h5py": "tensorflow"}  # import name -> distribution that brings it


def pins(file):
    """{distribution: its versions}, one for each range of Pythons that has one of its own."""
    versions = {}
    for name, version in re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / file).read_text(), re.MULTILINE):
        versions.setdefault(canonicalize_name(name), set()).add(version)
    return versions


def ranges():
    """{distribution: its requirement}, of all extras; references to our own extras aside."""
    every = [*PROJECT["project"]["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
    found = [Requirement(line) for line in every]
    return {canonicalize_name(one.name): one for one in found if canonicalize_name(one.name) != DISTRIBUTION}


def test_requirements_lie_within_the_ranges():
    asked, pinned = ranges(), pins("requirements.txt")
    assert set(pinned) <= set(asked), "requirements.txt installs what pyproject.toml does not name"
    known = pins("requirements.lock") | pinned
    assert set(asked) <= set(known), "pyproject.toml names what requirements.txt does not install"
    outside = {name: str(one) for name, one in asked.items() if not all(one.specifier.contains(v) for v in known[name])}
    assert not outside


def test_every_range_has_a_lower_bound():
    for name, one in ranges().items():
        assert name == "setuptools" or any(part.operator == ">=" for part in one.specifier), name


def test_messages_name_the_extra_that_installs_the_package():
    for module, extra in EXTRA_OF.items():
        names = {canonicalize_name(Requirement(line).name) for line in EXTRAS[extra]}
        assert canonicalize_name(PACKAGE_OF.get(module, module)) in names, module


def test_every_package_is_listed():
    core = {".".join(file.parent.relative_to(ROOT).parts) for file in (ROOT / "nst_core").rglob("*.py")}
    app = {".".join(file.parent.relative_to(ROOT).parts) for place in ("ui", "pages") for file in (ROOT / place).rglob("*.py")}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == core | {"nst_app"} | {f"nst_app.{name}" for name in app}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy: building writes beside the sources."""
    folder, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("copy") / "source"
    others = shutil.ignore_patterns(
        ".git", ".venv*", "tests", "benchmarks", "build", ".*_cache", "__pycache__", "onnxruntime-web"
    )
    shutil.copytree(ROOT, source, ignore=others)
    build = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-q", "-w", str(folder)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_has_the_models_and_the_app(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    files = [file for place in ("nst_core", "ui", "pages") for file in (ROOT / place).rglob("*")]
    inside = [str(file.relative_to(ROOT)) for file in files if file.suffix in (".py", ".npz", ".onnx")]
    models = [name for name in inside if name.startswith("nst_core/models/") and not name.endswith(".py")]
    app = ["nst_app/app.py", *(f"nst_app/{name}" for name in inside if not name.startswith("nst_core"))]
    assert len(models) > 5
    assert {*models, *app, "nst_core/py.typed", "nst_app/.streamlit/config.toml", "nst_app/assets/page.css"} <= names
    assert "nst_app/assets/styles/starlit-oils.jpg" in names and "nst_app/assets/components/live/live.html" in names
    stray = [name for name in names if name.split("/")[0] not in ("nst_core", "nst_app", "nst_core-0.1.0.dist-info")]
    assert not stray and not any(name.startswith(("nst_app/tests", "nst_app/nst_core", "nst_app/build")) for name in names)
    assert wheel.stat().st_size < 20e6


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """A virtual environment with the wheel; its dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)], check=True
    )  # fmt: skip
    site = next(folder.glob("lib/*/site-packages"))
    (site / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    return folder / "bin"


@pytest.mark.slow
def test_the_library_and_the_command_work_from_an_empty_folder(installed, tmp_path):
    lines = (
        "import nst_core as nst; s = nst.samples(); assert 'site-packages/nst_core' in nst.__file__\n"
        "nst.stylize(s['mountain-lake'], s['starlit-oils'], size=256).save('out.png')\n"
        "nst.load_network('birch-wood').stylize('out.png', size=256).save('again.jpg')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run([installed / "python", "-c", lines], cwd=tmp_path, check=True, env=environment)
    line = [installed / "nst", "instant", "out.png", "again.jpg", "-o", "third.png", "--size", "256"]
    subprocess.run(line, cwd=tmp_path, check=True, env=environment)
    assert {path.name for path in tmp_path.iterdir()} == {"out.png", "again.jpg", "third.png"}


@pytest.mark.slow
def test_the_command_starts_the_app(installed, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.Popen(
        [installed / "nst", "app", "--port", str(port), "--server.headless", "true"],
        cwd=tmp_path, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        answered, until = 0, time.monotonic() + 120
        while not answered and time.monotonic() < until and process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    answered = answer.status
            except OSError:
                time.sleep(0.3)
        assert answered == 200
    finally:
        process.terminate()
        process.wait(30)
