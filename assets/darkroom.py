"""From a picture in floats to a file: the seed a name stands for, and JPEG within a budget."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.random import Generator
from PIL import Image

LIMIT = 150_000  # bytes a picture: twenty of them still open quickly as a gallery

Drawing = Callable[[Generator], np.ndarray]


def seeded(name: str) -> Generator:
    """The generator a picture is drawn with: its name is its seed, so another picture added changes none."""
    return np.random.default_rng(list(name.encode()))


def jpeg(picture: np.ndarray, *, limit: int = LIMIT) -> bytes:
    """Encode a picture (h, w, 3), clipped to [0, 1], at the best quality that stays within so many bytes."""
    image = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    for quality in range(92, 20, -2):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality, optimize=True, progressive=True)
        if buffer.tell() <= limit:
            break
    return buffer.getvalue()


def render(drawings: dict[str, Drawing], names: list[str], folder: Path, *, limit: int = LIMIT) -> None:
    """Draw the named pictures, or all of them, into <folder>/<name>.jpg of so many bytes; an unknown name ends the program."""
    if unknown := sorted(set(names) - set(drawings)):
        raise SystemExit(f"No such picture: {', '.join(unknown)}. There are: {', '.join(drawings)}.")
    folder.mkdir(exist_ok=True)
    for name in names or drawings:
        path = folder / f"{name}.jpg"
        path.write_bytes(jpeg(drawings[name](seeded(name)), limit=limit))
        print(f"{path.name:24} {path.stat().st_size / 1000:4.0f} kB")
