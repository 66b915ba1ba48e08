"""Paint the README's gallery: `make gallery`, or `PYTHONPATH=. python assets/make_gallery.py`.

Sample photographs and styles in, assets/gallery.jpg out: a row for each photograph, a column for each style, painted by
instant-lite as the Instant page paints them. The first row and column show what they are made of.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from nst_core import images, instant, recipes
from nst_core.images import Image
from nst_core.stylizer import Style
from ui import CONTENTS, STYLES

OUT = Path(__file__).parent / "gallery.jpg"
PHOTOGRAPHS = ("chelsea", "mountain-lake", "coffee")
PAINTED_IN = ("starlit-oils", "woodcut-waves", "watercolour-blooms", "rose-window")
HEIGHT, WIDTH, GAP = 200, 260, 6  # pixels of a picture, and between two
PAINTED = 768  # pixels of the longer side at which it is painted


def tile(picture: Image) -> Image:
    """Return the middle of a picture, filling a tile."""
    height, width, _ = picture.shape
    scale = max(HEIGHT / height, WIDTH / width)
    small = images.resize(picture, round(height * scale), round(width * scale))
    top, left = (small.shape[0] - HEIGHT) // 2, (small.shape[1] - WIDTH) // 2
    return small[top : top + HEIGHT, left : left + WIDTH]


def row(tiles: list[Image]) -> Image:
    """Return tiles side by side on white."""
    return np.concatenate([np.pad(x, ((0, GAP), (0, GAP), (0, 0)), constant_values=1) for x in tiles], 1)


def main() -> None:
    """Write the gallery."""
    styles = {name: images.fit(images.from_uint8(STYLES[name]()), 512) for name in PAINTED_IN}
    rows = [row([np.ones((HEIGHT, WIDTH, 3), np.float32), *map(tile, styles.values())])]
    for name in PHOTOGRAPHS:
        photograph = images.fit(images.from_uint8(CONTENTS[name]()), PAINTED)
        painted = []
        for style in styles.values():
            recipe = recipes.instant(engine="instant-lite", size=PAINTED)
            (step,) = instant.stylizer("instant-lite").stylize(photograph, [Style(style)], recipe)
            assert step.image is not None
            painted.append(tile(step.image))
        rows.append(row([tile(photograph), *painted]))
    Pillow.fromarray(images.to_uint8(np.concatenate(rows))).save(OUT, quality=88)


if __name__ == "__main__":
    main()
