"""Record the app for the README: `python -m tests.screenshot` writes a still picture and a moving one.

The moving picture shows a visitor who chooses styles, whose results appear, and drags the slider between photograph and result.
"""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, sync_playwright

from tests import browser

ASSETS = Path(__file__).parent.parent / "assets"
STILL, MOVING = ASSETS / "screenshot.jpg", ASSETS / "app.webp"
VIEW = {"width": 1280, "height": 860}
WIDTH = 960  # pixels of the moving picture
STYLES = ("Birch wood", "Cubist guitar", "Contour atlas")
STEP, CLICK, LOOK = 70, 300, 1400  # ms that a frame of a movement, a click and a result are shown
LIMIT = 3_000_000  # bytes
POINTER = """() => {
    const pointer = document.createElement("div");
    pointer.id = "pointer";
    pointer.style = "position: fixed; z-index: 1000000; width: 22px; height: 22px; margin: -11px; border-radius: 50%;" +
        "background: rgb(179 63 42 / 0.55); box-shadow: 0 0 0 2px white; pointer-events: none";
    document.body.append(pointer);
}"""
MOVE = """([x, y]) => Object.assign(document.getElementById("pointer").style, { left: `${x}px`, top: `${y}px` })"""

Frame = tuple[Image.Image, int]  # a picture, and how long it is shown in ms


class Visitor:
    """Move a visible pointer over a page, and take a picture after every step."""

    def __init__(self, page: Page) -> None:
        self.page, self._at = page, (640.0, 40.0)
        page.evaluate(POINTER)
        page.evaluate(MOVE, self._at)

    def shot(self, milliseconds: int) -> Frame:
        """Return the page as it is."""
        picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        height = round(WIDTH * VIEW["height"] / VIEW["width"])
        return picture.resize((WIDTH, height), Image.Resampling.LANCZOS), milliseconds

    def move(self, x: float, y: float, steps: int) -> Iterator[Frame]:
        """Move the pointer and the mouse in a straight line."""
        for share in np.linspace(0, 1, steps + 1)[1:]:
            place = [float(a + (b - a) * share) for a, b in zip(self._at, (x, y), strict=True)]
            self.page.mouse.move(*place)
            self.page.evaluate(MOVE, place)
            yield self.shot(STEP)
        self._at = x, y

    def go_to(self, target: Locator, steps: int = 7) -> Iterator[Frame]:
        """Move to the middle of an element."""
        box = target.bounding_box()
        assert box
        yield from self.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps)


def settle(page: Page) -> None:
    """Wait until the result is shown and nothing is running."""
    browser.result(page)
    browser.settled(page)
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")


def choose(visitor: Visitor, style: str) -> Iterator[Frame]:
    """Click a style and wait for its result."""
    target = visitor.page.get_by_role("button", name=style, exact=True)
    yield from visitor.go_to(target)
    before = browser.result(visitor.page)
    target.click()
    yield visitor.shot(CLICK)
    browser.next_result(visitor.page, before)
    settle(visitor.page)
    yield visitor.shot(LOOK)


def drag(visitor: Visitor) -> Iterator[Frame]:
    """Drag the slider over the result and back."""
    box = visitor.page.locator(".compare").bounding_box()
    assert box
    place = lambda share: (box["x"] + box["width"] * share, box["y"] + box["height"] / 2)  # noqa: E731
    yield from visitor.move(*place(0.22), steps=7)
    visitor.page.mouse.down()
    yield from visitor.move(*place(0.9), steps=12)
    yield from visitor.move(*place(0.05), steps=14)
    yield from visitor.move(*place(0.22), steps=4)
    visitor.page.mouse.up()
    yield visitor.shot(LOOK)


def record(page: Page) -> list[Frame]:
    """Return the frames of the moving picture."""
    visitor = Visitor(page)
    frames = [visitor.shot(LOOK)]
    for style in STYLES:
        frames += choose(visitor, style)
    return [*frames, *drag(visitor)]


def write(frames: list[Frame], target: Path) -> None:
    """Write an animated WebP; lower its quality until it is small enough."""
    for quality in range(80, 20, -10):
        file, (pictures, durations) = io.BytesIO(), zip(*frames, strict=True)
        pictures[0].save(
            file, "WEBP", save_all=True, append_images=pictures[1:], duration=list(durations), loop=0, quality=quality, method=6
        )
        if len(file.getvalue()) <= LIMIT:
            target.write_bytes(file.getvalue())
            return
    raise ValueError(f"{target.name} is larger than {LIMIT} bytes")


def main() -> None:
    with browser.served() as address, sync_playwright() as playwright:
        page = browser.launch(playwright).new_page(viewport=VIEW)
        page.set_default_timeout(browser.PATIENCE)
        page.goto(address)
        settle(page)
        Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(STILL, quality=85, optimize=True)
        write(record(page), MOVING)
    for file in (STILL, MOVING):
        print(file, file.stat().st_size)


if __name__ == "__main__":
    main()
