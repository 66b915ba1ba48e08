"""Make ahead what the Explain page shows at once: `make lessons`, or `PYTHONPATH=. python assets/make_lessons.py [name ...]`.

Our samples and our embedded models in; assets/lessons/ out, 2 MB at most:

channels.npz, channels-LAYER.webp   the channels of each layer that ever answer: the nine patches that excite each most (number of
                                    the picture, y, x, of samples SIDE pixels long), and what excites it, a tile each, in a grid
styles.npz                          the vectors of our styles
NAME.webp, lessons.json             a row of pictures side by side, and what was measured of each

What visitors make of their own pictures is smaller and takes fewer iterations; the recipes are the same.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace  # noqa: F401
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from nst_core import explain, images
from nst_core.images import Image
from nst_core.recipes import FIRST_LAYERS, LAYERS
from ui import CONTENTS, STYLES

LESSONS = Path(__file__).parent / "lessons"
SIDE = 256  # pixels of the long side of what is looked at
TILE, CHANNEL_ITERATIONS = 64, 90
QUALITY = {"channels": 62, "rows": 80}  # of WebP
GROUP = 16  # channels that share a picture


def sample(name: str, side: int = SIDE) -> Image:
    return images.fit(images.from_uint8((CONTENTS.get(name) or STYLES[name])()), side)


def webp(picture: Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(images.to_uint8(picture)).save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue()


# --- channels ---------------------------------------------------------------------------------------------------------


def channels() -> None:
    """Each layer's living channels: their patches, and their pictures."""
    names = [*CONTENTS, *STYLES]
    pictures, arrays = [sample(name) for name in names], {"pictures": np.array(names)}
    for layer in LAYERS[explain.EYES]:
        best = explain.best_patches(pictures, layer)
        living = [channel for channel, places in enumerate(best) if len(places) == 9]
        tiles = [tile for at in range(0, len(living), GROUP) for tile in excited(layer, living[at : at + GROUP])]
        arrays |= {
            f"{layer}/channels": np.array(living, np.uint8),
            f"{layer}/places": np.array([[place[:3] for place in best[channel]] for channel in living], np.uint16),
            f"{layer}/strengths": np.array([[place.strength for place in best[channel]] for channel in living], np.float16),
        }
        (LESSONS / f"channels-{layer}.webp").write_bytes(webp(grid(tiles), QUALITY["channels"]))
        print(layer, len(living), flush=True)
    np.savez_compressed(LESSONS / "channels.npz", **arrays)


def excited(layer: str, chosen: Sequence[int]) -> list[Image]:
    """A tile for each channel, made together."""
    *_, last = explain.exciting(layer, chosen, side=TILE, iterations=CHANNEL_ITERATIONS)
    assert last.image is not None
    wide = explain.columns(len(chosen))
    rows = [row for line in np.split(last.image, last.image.shape[0] // TILE) for row in np.split(line, wide, axis=1)]
    return rows[: len(chosen)]


def grid(tiles: Sequence[Image]) -> Image:
    """Tiles in rows of `explain.columns` many; what is left over is grey."""
    wide = explain.columns(len(tiles))
    padded = [*tiles, *[explain.blank(TILE)] * (-len(tiles) % wide)]
    return np.concatenate([np.concatenate(padded[at : at + wide], 1) for at in range(0, len(padded), wide)])


def styles() -> None:
    vectors = explain.style_vectors([sample(name, 512) for name in STYLES])
    np.savez_compressed(LESSONS / "styles.npz", names=np.array(list(STYLES)), vectors=vectors)


PARTS: dict[str, Callable[[], None]] = {"channels": channels, "styles": styles}

if __name__ == "__main__":
    LESSONS.mkdir(exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
