"""From server start to first page and first picture, beside a one-line Streamlit page: `python -m benchmarks.startup`.

Each round starts both servers in turn with a fresh Chromium page ready, so that noise hits both alike. Also prints the memory
of the page's process and whether it has imported TensorFlow.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from tests import browser

ROOT = Path(__file__).parent.parent


def measure(launched: Browser, script: Path, port: int, *looks: Callable[[Page], object]) -> tuple[list[float], psutil.Process]:
    """Seconds from the server's start until each look succeeds, and the server."""
    page = launched.new_page(viewport={"width": 1280, "height": 900})
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port), "--server.headless", "true"]
    start = time.perf_counter()
    server = psutil.Process(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).pid)
    while not browser.healthy(f"http://localhost:{port}"):
        time.sleep(0.02)
    page.goto(f"http://localhost:{port}")
    seconds = []
    for look in looks:
        look(page)
        seconds.append(time.perf_counter() - start)
    page.close()
    return seconds, server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    one_line = Path(tempfile.mkdtemp()) / "one_line.py"
    one_line.write_text("import streamlit as st; st.title('Hello')\n")
    heading = lambda page: page.get_by_role("heading").first.wait_for()  # noqa: E731
    base, first_page, first_picture = [], [], []
    with sync_playwright() as playwright:
        launched = browser.launch(playwright)
        for number in range(rounds):
            (hello,), server = measure(launched, one_line, 8700 + 2 * number, heading)
            server.terminate()
            server.wait()
            (shown, painted), server = measure(launched, ROOT / "app.py", 8701 + 2 * number, heading, browser.result)
            memory = server.memory_info().rss / 1e6
            tensorflow = any("tensorflow" in entry.path for entry in server.memory_maps())
            server.terminate()
            server.wait()
            base.append(hello)
            first_page.append(shown)
            first_picture.append(painted)
    print("| from server start, median of", rounds, "| seconds |\n|---|---:|")
    for name, values in {"one-line page": base, "our first page": first_page, "our first picture": first_picture}.items():
        print(f"| {name} | {statistics.median(values):.1f} |")
    print(f"\nPage process after the first picture: {memory:.0f} MB, TensorFlow {'loaded' if tensorflow else 'not loaded'}.")


if __name__ == "__main__":
    main()
