"""ONNX Runtime for browsers, fetched once with npm into a folder outside the repository, checked and served on this machine."""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ui.runtime import FILES, VERSION, File

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nst-tests" / f"onnxruntime-web-{VERSION}"
ADVICE = "Live's tests need it: install npm and let it reach its registry, or put the package's dist/ there."


def fetch() -> None:
    """Fill CACHE with the files that the app knows, or fail with a sentence; nothing is skipped."""
    wrong = [file.name for file in FILES if not sound(CACHE / file.name, file)]
    if not wrong:
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            packed = ["npm", "pack", f"onnxruntime-web@{VERSION}", "--silent", "--pack-destination", folder]
            subprocess.run(packed, check=True, capture_output=True, text=True, timeout=240, cwd=folder)
            unpack(next(Path(folder).glob("*.tgz")))
        except (OSError, StopIteration, subprocess.SubprocessError, tarfile.TarError, KeyError) as error:
            said = getattr(error, "stderr", "") or error
            pytest.fail(f"{CACHE} lacks {', '.join(wrong)}, and npm did not bring them ({said}). {ADVICE}", pytrace=False)
    for file in FILES:
        assert sound(CACHE / file.name, file), (
            f"{file.name} of onnxruntime-web {VERSION} is not the file that ui/runtime.py names"
        )


def unpack(package: Path) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with tarfile.open(package) as archive:
        for file in FILES:
            member = archive.extractfile(f"package/dist/{file.name}")
            assert member
            with tempfile.NamedTemporaryFile(dir=CACHE, delete=False) as beside:
                shutil.copyfileobj(member, beside)
            Path(beside.name).rename(CACHE / file.name)


def sound(path: Path, file: File) -> bool:
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode() == file.sha256


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript", ".wasm": "application/wasm"}

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def served() -> Iterator[str]:
    """CACHE at an address of this machine."""
    CACHE.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("localhost", 0), partial(_Handler, directory=str(CACHE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
