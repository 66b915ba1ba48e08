"""Hostile visitors of the soak: they send the worst files, links and strokes that we know.

What they send must lead to one of our messages or to a picture: a traceback, or a request to another host, is a fault.
"""

import base64
import io
import json
import re
import struct
import urllib.parse
import zlib
from collections.abc import Awaitable, Callable, Sequence
from functools import cache

import numpy as np
from PIL import Image as Pillow
from playwright.async_api import FilePayload, Page, Request

from benchmarks.visitors import Record, Visitor
from nst_core import images
from nst_core.recipes import PNG_KEY

EVIL = "evil.example"
MARKDOWN = f"![x](http://{EVIL}/x.png) [Log in](http://{EVIL}/) :smile: $x$ <img src=http://{EVIL}/y.png>"
PAUSE = 1500  # milliseconds that a page has to take in what was sent


def blank_png(side: int) -> bytes:
    """Return a black PNG of side × side pixels with one bit each: few bytes that become many."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(9), bytes(1 + (side + 7) // 8)
    rows = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _png(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    Pillow.fromarray(array).save(file, "PNG")
    return file.getvalue()


def patchwork_png() -> bytes:
    """Return a segmentation of 343 colours, where eight are allowed."""
    levels = np.linspace(0, 255, 7).astype(np.uint8)
    colors = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    grid = np.resize(colors, (20, 20, 3))
    return _png(np.kron(grid, np.ones((60, 60, 1), np.uint8)))


def narrow_png() -> bytes:
    """Return a style picture almost as narrow as is allowed, 8 : 1."""
    return _png(np.random.default_rng(0).integers(0, 256, (210, 1600, 3), np.uint8))


def crafted_png() -> bytes:
    """Return a picture whose recipe has Markdown for names and numbers out of all bounds."""
    source = {"name": MARKDOWN, "digest": "0" * 16}
    recipe = {"kind": "instant", "content": source, "styles": [{"source": source, "weight": 1e308}], "size": 10**9}
    return images.encode(np.full((64, 64, 3), 0.5, np.float32), text={PNG_KEY: json.dumps(recipe)})


def noise_png(seed: int) -> bytes:
    """Return a picture of 4 MB."""
    return _png(np.random.default_rng(seed).integers(0, 256, (1000, 1300, 3), np.uint8))


@cache
def made(kind: str) -> bytes:
    """Return one of the files, made once for all visitors."""
    makers: dict[str, Callable[[], bytes]] = {
        "oversized": lambda: blank_png(20_000),
        "largest": lambda: blank_png(7_000),
        "out of bounds": lambda: blank_png(13_000),
        "patchwork": patchwork_png,
        "narrow": narrow_png,
        "crafted": crafted_png,
    }
    return makers[kind]()


class Stranger(Visitor):
    """A visitor who means harm."""

    def __init__(self, page: Page, address: str, number: int, record: Record) -> None:
        super().__init__(page, address, number, record)
        page.on("request", self.look)

    def look(self, request: Request) -> None:
        if urllib.parse.urlsplit(request.url).hostname == EVIL:
            self.record.faults.append(f"a request to another host: {request.url}")

    def ways(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return [
            self.send_oversized, self.send_largest, self.send_patchwork, self.send_stroke, self.follow_link, self.send_recipe,
            self.send_narrow_style, self.hoard,
        ]  # fmt: skip

    async def send(self, data: bytes, name: str = "x.png") -> None:
        """Upload a photograph on the page Instant, and let the page take it in."""
        await self.page.goto(self.address)
        await self.result()
        await self.page.get_by_role("radiogroup", name="Photograph").get_by_text("Upload", exact=True).click()
        await self.put("[class*=-content-file] input[type=file]", data, name)

    async def put(self, selector: str, data: bytes, name: str = "x.png") -> None:
        file = FilePayload(name=name, mimeType="image/png", buffer=data)
        await self.page.locator(selector).first.set_input_files(file)
        await self.page.wait_for_timeout(PAUSE)

    async def send_oversized(self) -> None:
        await self.send(made("oversized"))
        await self.page.get_by_test_id("stAlert").first.wait_for()

    async def send_largest(self) -> None:
        """Send as many pixels as are allowed."""
        await self.send(made("largest"), MARKDOWN.replace("/", "_") + ".png")

    async def send_recipe(self) -> None:
        await self.send(made("crafted"))

    async def hoard(self) -> None:
        """Upload many pictures and use none."""
        await self.send(noise_png(0))
        for _ in range(8):
            await self.put("[class*=-content-file] input[type=file]", noise_png(self.random.randrange(1000)))

    async def send_narrow_style(self) -> None:
        await self.page.goto(self.address)
        before = await self.result()
        await self.page.get_by_role("button", name="Add your own style").first.click()
        await self.put("[class*=-styles-file] input[type=file]", made("narrow"))
        await self.result(before)
        await self.page.keyboard.press("Escape")
        await self.page.get_by_role("button", name="Refine this").first.click()
        await self.run_optimizer()

    async def open_masks(self) -> None:
        await self.page.goto(f"{self.address}/masks")
        await self.result()

    async def send_patchwork(self) -> None:
        await self.open_masks()
        await self.page.get_by_role("button", name="Regions from colours", exact=True).first.click()
        await self.put(".st-key-masks-segmentation_file input[type=file]", made("patchwork"))
        await self.page.get_by_test_id("stAlert").first.wait_for()

    async def send_stroke(self) -> None:
        """Have the canvas send another picture than its own, 169 megapixels large."""
        await self.open_masks()
        url = "data:image/png;base64," + base64.b64encode(made("out of bounds")).decode()
        await self.page.evaluate("url => { HTMLCanvasElement.prototype.toDataURL = () => url }", url)
        canvas = self.page.locator(".st-key-masks-canvas canvas.upper-canvas").first
        await canvas.evaluate("canvas => canvas.scrollIntoView({block: 'center'})")
        box = await canvas.bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
        await self.page.mouse.move(x, y)
        await self.page.mouse.down()
        await self.page.mouse.move(x + 60, y, steps=5)
        await self.page.mouse.up()
        await self.page.get_by_text("arrived incomplete").first.wait_for()

    async def follow_link(self) -> None:
        await self.page.goto(f"{self.address}/?content={urllib.parse.quote(MARKDOWN)}&size=1000000000")
        await self.page.get_by_role("heading").first.wait_for()
        await self.page.wait_for_timeout(PAUSE)
        if await self.page.get_by_role("link", name=re.compile("Log in")).count():
            self.record.faults.append("a link of a stranger's making is on the page")
