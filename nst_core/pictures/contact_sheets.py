"""Contact sheets: one photograph in many styles, on one picture."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from nst_core import images
from nst_core.errors import TooLarge
from nst_core.images import Image

MOST_PIXELS = 60_000_000  # of a sheet
GAP = 0.06  # between cells, over a cell's width
FOOT = 0.24  # height of the style's picture and name below a cell, over its width
GROUND, INK = (250, 249, 245), (30, 30, 30)


class Entry(NamedTuple):
    """A cell. title: written below it. picture: (h, w, 3). style: its small picture, (h, w, 3); None: there is none."""

    title: str
    picture: Image
    style: Image | None = None


def shape(count: int, cell: tuple[int, int], columns: int) -> tuple[int, int]:
    """Return (h, w) of a sheet. cell: (h, w) of its pictures. Raises: TooLarge, when it exceeds MOST_PIXELS."""
    (height, width), gap, foot = cell, *_sides(cell[1])
    rows = -(-count // columns)
    h, w = gap + rows * (height + foot + gap), gap + min(columns, count) * (width + gap)
    if h * w > MOST_PIXELS:
        raise TooLarge(f"A sheet of {count} pictures of {width} × {height} px is too large: choose a smaller size.")
    return h, w


def compose(entries: Sequence[Entry], columns: int) -> Image:
    """Return the sheet, (h, w, 3). The pictures have one shape. Raises: TooLarge."""
    height, width, _ = entries[0].picture.shape
    gap, foot = _sides(width)
    h, w = shape(len(entries), (height, width), columns)
    sheet = Pillow.new("RGB", (w, h), GROUND)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(max(9, foot // 3))
    for number, entry in enumerate(entries):
        left = gap + number % columns * (width + gap)
        top = gap + number // columns * (height + foot + gap)
        sheet.paste(_pillow(entry.picture), (left, top))
        start, side = left, foot - gap // 2
        if entry.style is not None:
            sheet.paste(_pillow(images.resize(_square(entry.style), side, side)), (left, top + height + gap // 2))
            start += side + gap // 2
        middle = top + height + gap // 2 + side / 2
        pen.text((start, middle), _cut(entry.title, font, left + width - start), INK, font, anchor="lm")
    return images.from_uint8(np.asarray(sheet))


def _sides(width: int) -> tuple[int, int]:
    """Return the gap and the foot of cells of this width, in pixels."""
    return max(4, round(GAP * width)), max(16, round(FOOT * width))


def _pillow(image: Image) -> Pillow.Image:
    return Pillow.fromarray(images.to_uint8(image))


def _square(image: Image) -> Image:
    """Return the middle of (h, w, 3) as a square."""
    h, w, _ = image.shape
    side = min(h, w)
    top, left = (h - side) // 2, (w - side) // 2
    return image[top : top + side, left : left + side]


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: float) -> str:
    """Return as much of a line as fits, with an ellipsis where it is cut."""
    line = " ".join(text.split())
    if font.getlength(line) <= width:
        return line
    while line and font.getlength(f"{line}…") > width:
        line = line[:-1]
    return f"{line}…"
