"""The app in a real Chromium: a server of its own for the tests, and the words for what a visitor does."""

import base64
import io
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Download, FilePayload, Page, Playwright, TimeoutError, expect

ROOT = Path(__file__).parent.parent
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
]  # fmt: skip
_JPEG = re.compile(r"^data:image/jpeg;base64,.{1000}")
PATIENCE = 120_000  # milliseconds until something that should appear counts as missing; a busy machine is no fault
expect.set_options(timeout=PATIENCE)


@contextmanager
def served(on: int = 0, root: str = str(ROOT), **environment: str) -> Iterator[str]:
    """Serve the app in folder `root` on a port, by default a free one; yield its address. Its processes end with the block."""
    port = on or free_port()
    held = shlex.split(os.environ.get("NST_SERVE_WITH", ""))  # such as a command that limits memory
    app = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.headless", "true"]
    server = subprocess.Popen([*held, *app], cwd=root, env=os.environ | environment)
    path = environment.get("STREAMLIT_SERVER_BASE_URL_PATH")
    address = f"http://localhost:{port}" + (f"/{path}" if path else "")
    try:
        deadline = time.monotonic() + PATIENCE / 1000
        while not healthy(address):
            assert server.poll() is None and time.monotonic() < deadline, "the server did not come up"
            time.sleep(0.05)
        yield address
    finally:
        server.terminate()
        server.wait(30)


class Line:
    """A connection to a server on this machine that can be cut and mended."""

    def __init__(self, address: str) -> None:
        self._port, self._ends, self._whole = int(address.rsplit(":", 1)[1]), list[socket.socket](), True
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://localhost:{self._door.getsockname()[1]}"
        threading.Thread(target=self._listen, daemon=True).start()

    def cut(self) -> None:
        self._whole = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def mend(self) -> None:
        self._whole = True

    def _listen(self) -> None:
        while True:
            here, _ = self._door.accept()
            if not self._whole:
                here.close()
                continue
            there = socket.create_connection(("localhost", self._port))
            self._ends += [here, there]
            for ends in ((here, there), (there, here)):
                threading.Thread(target=self._carry, args=ends, daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def healthy(address: str) -> bool:
    try:
        return urllib.request.urlopen(f"{address}/_stcore/health", timeout=1).status == 200
    except OSError:
        return False


def launch(playwright: Playwright) -> Browser:
    """The system's Chromium, or Playwright's own where it could be installed."""
    return playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)


def profile(playwright: Playwright, folder: Path) -> BrowserContext:
    """Chromium with a profile on disk, where what it has compiled of the page's scripts serves every later page."""
    return playwright.chromium.launch_persistent_context(
        folder, executable_path=chromium_path(), args=FLAGS, viewport={"width": 1280, "height": 900}
    )


def chromium_path() -> str | None:
    return next(filter(None, map(shutil.which, CHROMIUMS)), None)


def result(page: Page) -> str:
    """The result's data URI, once there is one and nothing is under way."""
    expect(page.locator(".compare img.after")).to_have_attribute("src", _JPEG, timeout=PATIENCE)
    return page.locator(".compare img.after").get_attribute("src") or ""


def next_result(page: Page, before: str) -> str:
    """The result that follows another."""
    expect(page.locator(".compare img.after")).not_to_have_attribute("src", before, timeout=PATIENCE)
    return result(page)


def caption(page: Page) -> str:
    """The line under the result; it comes a moment after the picture."""
    settled(page)
    return page.get_by_test_id("stCaptionContainer").filter(has_text=" px · ").inner_text()


def pixels(uri: str) -> np.ndarray:
    """A data URI's picture, (h, w, 3), 0 … 255."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"), float)


def upload(page: Page, name: str, data: bytes, mime: str) -> None:
    """A photograph of the visitor's own."""
    page.get_by_role("radiogroup", name="Photograph").get_by_text("Upload", exact=True).click()
    file = FilePayload(name=name, mimeType=mime, buffer=data)
    page.locator("[class*=-content-file] input[type=file]").set_input_files(file)


def saved(page: Page, label: str) -> Download:
    """What a download button gives, with its name."""
    for _ in range(3):
        settled(page)  # a click while the script runs makes no file; nor does one in the moment before it runs again
        with suppress(TimeoutError):
            with page.expect_download(timeout=PATIENCE / 3) as promise:
                page.get_by_role("button", name=label, exact=True).press("Enter")  # it may still move, in what has just opened
            if not promise.value.failure():  # Streamlit lets go of the file where the script runs again meanwhile
                return promise.value
    raise AssertionError(f"{label} gives no file.")


def download(page: Page, label: str) -> bytes:
    """Its bytes."""
    return saved(page, label).path().read_bytes()


def settled(page: Page) -> None:
    """Once the script has run to its end: what was clicked before has arrived everywhere on the page."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def stroke(page: Page, *points: tuple[float, float]) -> None:
    """Draw on the canvas of the Masks page with the mouse; points are (x, y) in fractions of it."""
    canvas = page.locator(".st-key-masks-canvas canvas.upper-canvas")
    settled(page)
    expect(canvas).to_have_count(1)  # the browser keeps the one before beside it until a script ends
    canvas.evaluate("canvas => canvas.scrollIntoView({block: 'center'})")  # not under the page's header
    box = canvas.bounding_box()
    assert box
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()
