"""ONNX Runtime for browsers, fetched once into a folder outside the repository, checked and served on this machine."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ui import runtime

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nst-tests" / f"onnxruntime-web-{runtime.VERSION}"
ADVICE = "Live's tests need them: let this machine reach jsDelivr or npm's registry, or put the package's dist/ there."


def fetch() -> None:
    """Fill CACHE with the files that the app knows.

    A test that needs them is skipped where nobody gives them, or fails where NST_SHARED_REQUIRED is 1.
    """
    try:
        runtime.fetch(folder=CACHE)
    except OSError as error:
        reason = f"{CACHE} is not complete ({' '.join(str(error).split())[:300]}). {ADVICE}"
        if os.environ.get("NST_SHARED_REQUIRED") == "1":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript", ".wasm": "application/wasm"}

    def end_headers(self) -> None:
        self.send_header("Access-Control-Allow-Origin", "*")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path = CACHE) -> Iterator[str]:
    """Serve a folder at an address of this machine."""
    folder.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("localhost", 0), partial(_Handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
