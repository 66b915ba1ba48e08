"""Make ahead what the Explain page shows at once: `make lessons`, or `PYTHONPATH=. python assets/make_lessons.py [name ...]`.

Our samples and our embedded models in; assets/lessons/ out, 2 MB at most:

channels.npz, channels-LAYER.webp   MOST channels of each layer at most: the nine patches that excite each most (which picture,
                                    y, x, of samples SIDE pixels long), and what excites it, a tile each, in a grid
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
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from nst_core import explain, images
from nst_core.images import Image
from nst_core.recipes import FIRST_LAYERS, LAYERS, OptimizeRecipe
from ui import CONTENTS, STYLES
from ui.lessons import figures

LESSONS = Path(__file__).parent / "lessons"
SIDE = 256  # pixels of the long side of what is looked at
TILE, CHANNEL_ITERATIONS = 64, 90
MARGIN = 16  # pixels around a tile that its neighbours have a part in
QUALITY = {"channels": 62, "rows": 84}  # of WebP
GROUP = 16  # channels that share a picture
MOST = 48  # channels of a layer: a Gram matrix that can still be pointed at, cell by cell, and a sheet that loads at once
TOLD = LESSONS / "lessons.json"
TEXTURE = 192  # pixels of a texture
SECONDS = 12.0  # of processor time for each improvement
REBUILT, WOVEN = ("chelsea", "mountain-lake"), ("starlit-oils", "roman-mosaic", "ink-bamboo")
PAIRS = (("chelsea", "starlit-oils"),)


def sample(name: str, side: int = SIDE) -> Image:
    return images.fit(images.from_uint8((CONTENTS.get(name) or STYLES[name])()), side)


def webp(picture: Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(images.to_uint8(picture)).save(buffer, "WEBP", quality=quality, method=6)
    return buffer.getvalue()


# --- channels ---------------------------------------------------------------------------------------------------------


def channels() -> None:
    """Of each layer the channels that answer most strongly: their patches, and their pictures."""
    names = [*CONTENTS, *STYLES]
    pictures, arrays = [sample(name) for name in names], {"pictures": np.array(names)}
    for layer in LAYERS[explain.EYES]:
        best = explain.best_patches(pictures, layer)
        chosen = loudest(best)
        tiles = [tile for at in range(0, len(chosen), GROUP) for tile in excited(layer, chosen[at : at + GROUP])]
        arrays |= {
            f"{layer}/channels": np.array(chosen, np.uint8),
            f"{layer}/places": np.array([[place[:3] for place in best[channel]] for channel in chosen], np.uint16),
            f"{layer}/strengths": np.array([[place.strength for place in best[channel]] for channel in chosen], np.float16),
        }
        (LESSONS / f"channels-{layer}.webp").write_bytes(webp(grid(tiles), QUALITY["channels"]))
        print(layer, len(chosen), flush=True)
    np.savez_compressed(LESSONS / "channels.npz", **arrays)  # type: ignore[arg-type]


def loudest(best: Sequence[Sequence[explain.Place]]) -> list[int]:
    """MOST of the channels that answer in nine samples at least, by their mean answer at those places; in their own order."""
    answers = {channel: sum(place.strength for place in places) for channel, places in enumerate(best) if len(places) == 9}
    return sorted(sorted(answers, key=answers.__getitem__, reverse=True)[:MOST])


def excited(layer: str, chosen: Sequence[int]) -> list[Image]:
    """A tile for each channel, made together."""
    side = TILE + 2 * MARGIN
    *_, last = explain.exciting(layer, chosen, side=side, iterations=CHANNEL_ITERATIONS)
    assert last.image is not None
    wide = explain.columns(len(chosen))
    tiles = [tile for line in np.split(last.image, last.image.shape[0] // side) for tile in np.split(line, wide, axis=1)]
    return [tile[MARGIN:-MARGIN, MARGIN:-MARGIN] for tile in tiles[: len(chosen)]]


def grid(tiles: Sequence[Image]) -> Image:
    """Tiles in rows of `explain.columns` many; what is left over is grey."""
    wide = explain.columns(len(tiles))
    padded = [*tiles, *[explain.blank(TILE)] * (-len(tiles) % wide)]
    return np.concatenate([np.concatenate(padded[at : at + wide], 1) for at in range(0, len(padded), wide)])


def styles() -> None:
    vectors = explain.style_vectors([sample(name, 512) for name in STYLES])
    np.savez_compressed(LESSONS / "styles.npz", names=np.array(list(STYLES)), vectors=vectors)


# --- rows of pictures -------------------------------------------------------------------------------------------------


def tell(name: str, pictures: Sequence[Image], **figures: Any) -> None:
    """Write a row of pictures, and what was measured of them."""
    (LESSONS / f"{name}.webp").write_bytes(webp(np.concatenate(pictures, 1), QUALITY["rows"]))
    told = json.loads(TOLD.read_text()) if TOLD.is_file() else {}
    told[name] = {"count": len(pictures)} | figures
    TOLD.write_text(json.dumps(told, indent=1, sort_keys=True) + "\n")
    print(name, figures, flush=True)


def run(content: Image, style: Image, recipes: Sequence[OptimizeRecipe]) -> tuple[list[Image], list[tuple[float, float]]]:
    """The pictures, and each run's losses at its start and its end."""
    *_, last = explain.series(content, style, recipes)
    assert last.image is not None
    count = len(recipes)
    losses = [(last.losses[f"{number}/start"], last.losses[f"{number}/end"]) for number in range(1, count + 1)]
    return explain.split(last.image, count), losses


def content() -> None:
    """Photographs rebuilt from each block."""
    for name in REBUILT:
        photograph = sample(name)
        made, _ = run(photograph, photograph, [explain.reconstruction(layer, iterations=200) for layer in FIRST_LAYERS])
        errors = [round(float(np.sqrt(np.mean((picture - photograph) ** 2))), 4) for picture in made]
        tell(f"content-{name}", made, errors=errors)


def textures() -> None:
    """Styles woven from more and more layers, and by moments."""
    for name in WOVEN:
        style, blank = sample(name, TEXTURE), explain.blank(TEXTURE)
        depths = [FIRST_LAYERS[:depth] for depth in range(1, 6)]
        made, losses = run(blank, style, [explain.texturing(layers, iterations=250) for layers in depths])
        tell(f"textures-{name}", made, distances=[[round(x, 4) for x in each] for each in losses])
        made, _ = run(blank, style, [explain.texturing(FIRST_LAYERS, form=form, iterations=250) for form in ("rms", "moments")])
        tell(f"moments-{name}", made)


def war() -> None:
    """Content against style, and where they pull at the photograph and at each of the results."""
    for photograph, style in PAIRS:
        pictures = sample(photograph), sample(style)
        made, _ = run(*pictures, [explain.struggle(weight, iterations=150) for weight in explain.WEIGHTS])
        tell(f"war-{photograph}-{style}", made)
        stops = zip([pictures[0], *made], [explain.WEIGHTS[0], *explain.WEIGHTS], strict=True)
        pulled = [explain.pulls(x, *pictures, style_weight=weight) for x, weight in stops]
        maps = [figures.heat(np.sqrt(pull)) for each in pulled for pull in (each.content, each.style)]
        tell(f"pulls-{photograph}-{style}", maps)


def improvements() -> None:
    """Each improvement from the same noise, in the same processor time as the run without."""
    for photograph, style in PAIRS:
        pictures, made, counts = (sample(photograph), sample(style)), [], []
        for name in explain.IMPROVEMENTS:
            run(*pictures, [explain.improved(name, iterations=6)])  # TensorFlow's first times
            start = time.process_time()
            run(*pictures, [explain.improved(name, iterations=60)])
            counts.append(max(30, round(60 * SECONDS / (time.process_time() - start))))
            made += run(*pictures, [explain.improved(name, iterations=counts[-1])])[0]
            print(name, counts[-1], flush=True)
        tell(f"improved-{photograph}-{style}", made, iterations=counts, seconds=SECONDS)


PARTS: dict[str, Callable[[], None]] = {
    part.__name__: part for part in (channels, styles, content, textures, war, improvements)
}

if __name__ == "__main__":
    LESSONS.mkdir(exist_ok=True)
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
