"""Nothing leaves the machine: no file of telemetry, no name looked up, no request of the visitor's browser to others."""

import ipaddress
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.browser import ROOT, result, served

OWN = {"localhost", "None", ""}

# imported by every Python process at its start: writes down which names are looked up
WATCHER = """
import os, socket
look_up = socket.getaddrinfo
def getaddrinfo(host, *args, **kwargs):
    with open(os.environ["LOOKED_UP"], "a") as log:
        print(host.decode() if isinstance(host, bytes) else host, file=log)
    return look_up(host, *args, **kwargs)
socket.getaddrinfo = getaddrinfo
"""
PAINT = "from nst_core.models import weights; from nst_core.models.graphs import Session; Session(weights.LITE)"


def outside(names):
    """Return the names that are neither addresses nor this machine's."""
    found = set()
    for name in names:
        try:
            ipaddress.ip_address(name)
        except ValueError:
            found.add(name)
    return found - OWN


def home(folder: Path, **more: str) -> dict[str, str]:
    """Return the environment of somebody whose home directory is this empty folder."""
    return {"HOME": str(folder), "PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": "", "PYTHONPATH": str(ROOT), **more}


def traces(folder: Path) -> list[str]:
    """Return the files of ONNX Runtime's telemetry below a home directory."""
    return [
        str(file) for file in folder.rglob("*") if "onnxruntime" in str(file.relative_to(folder)) or file.name == "deviceid"
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="where ONNX Runtime's telemetry leaves its files elsewhere is not known")
@pytest.mark.parametrize("telemetry", [False, True], ids=["as we have it", "had we not turned it off"])
def test_onnx_runtime_leaves_no_files_in_an_empty_home(tmp_path: Path, telemetry: bool) -> None:
    """With telemetry left on it does: if that ends one day, the first case proves nothing, and the second fails."""
    environment = home(tmp_path, **({"ORT_DISABLE_TELEMETRY": "0"} if telemetry else {}))
    subprocess.run([sys.executable, "-c", PAINT], env=environment, cwd=ROOT, check=True, timeout=300)
    assert bool(traces(tmp_path)) == telemetry


def test_nobody_but_the_package_imports_onnx_runtime() -> None:
    """`nst_core/__init__.py` turns its telemetry off, and who imports a module of the package runs that before."""
    files = (file for place in ("app.py", "nst_core", "ui", "pages", "benchmarks", "assets") for file in walk(ROOT / place))
    statement = re.compile(r"^\s*(import|from) onnxruntime\b", re.MULTILINE)
    importers = [file.relative_to(ROOT) for file in files if statement.search(file.read_text())]
    assert Path("nst_core/models/graphs.py") in importers
    assert {file.parts[0] for file in importers} == {"nst_core"}


def walk(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


def test_the_app_asks_nobody(tmp_path, chromium, runtime):
    """The first picture, by a server and workers in an empty home: only names of this machine are looked up."""
    (tmp_path / "sitecustomize.py").write_text(WATCHER)
    (folder := tmp_path / "home").mkdir()
    log, requested = tmp_path / "names.txt", list[str]()
    variables = {name: str(folder / name.lower()) for name in ("NST_MODEL_DIR", "KERAS_HOME", "TFHUB_CACHE_DIR")}
    variables |= {"HOME": str(folder), "XDG_CACHE_HOME": "", "LOOKED_UP": str(log), "NST_RUNTIME_URL": runtime}
    with served(PYTHONPATH=str(tmp_path), **variables) as address:
        page = chromium.new_page()
        page.on("request", lambda request: requested.append(request.url))
        page.goto(address)
        result(page)
        page.close()
    looked_up = log.read_text().split()
    assert looked_up and requested  # both were watched
    assert not outside(looked_up)
    assert not outside(urlsplit(url).hostname or "" for url in requested)
    assert not traces(folder)
