"""Render the sample clips of the Video page: `PYTHONPATH=. python assets/make_clips.py [name ...]`.

Sample photographs in, assets/clips/<name>.mp4 out, and a poster beside each: a camera that glides over a photograph, and a
drive past a motorcycle whose depth is known.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from skimage import data

from nst_core import images
from nst_core.images import Image
from nst_core.videos import reading, writing

ASSETS = Path(__file__).parent
HEIGHT, WIDTH, RATE, SECONDS = 288, 512, 20, 3.2
View = tuple[float, float, float]  # middle of what is seen and its width, as shares of the photograph's width


def glide(photograph: Image, start: View, end: View) -> Iterator[Image]:
    """A camera that sets off and arrives softly."""
    w, count = photograph.shape[1], round(RATE * SECONDS)
    for place in np.linspace(0, 1, count):
        share = place * place * (3 - 2 * place)
        x, y, width = (1 - share) * np.array(start) * w + share * np.array(end) * w
        scale = width / WIDTH
        blurred = cv2.GaussianBlur(photograph, (0, 0), max(0.3, 0.4 * scale))  # else small things sparkle
        seen = np.array([[scale, 0, x - scale * WIDTH / 2], [0, scale, y - scale * HEIGHT / 2]], np.float32)
        yield np.clip(
            cv2.warpAffine(
                blurred, seen, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REFLECT
            ),
            0,
            1,
        )


def photograph(name: str) -> Image:
    file = ASSETS / "photographs" / f"{name}.jpg"
    return images.decode(file.read_bytes()) if file.exists() else images.from_uint8(getattr(data, name)())


def drive_past() -> Iterator[Image]:
    """The motorcycle of Middlebury's stereo pair that scikit-image ships, seen from places beside the first camera's."""
    left, _, disparity = data.stereo_motorcycle()
    known = np.where(np.isfinite(disparity), disparity, 0).astype(np.float32)
    near = cv2.medianBlur(cv2.dilate(known, np.ones((9, 9), np.uint8)), 5)
    picture = images.from_uint8(left)
    h, w, _ = picture.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    for place in np.linspace(-1, 1, round(RATE * SECONDS)):
        moved = cv2.remap(
            picture, x + np.float32(place * 0.55) * (near - 40), y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        seen = moved[40 : 40 + round((w - 80) * HEIGHT / WIDTH), 40 : w - 40]
        yield images.resize(np.clip(seen, 0, 1), HEIGHT, WIDTH)


CLIPS: dict[str, Callable[[], Iterator[Image]]] = {
    "mountain-lake": lambda: glide(photograph("mountain-lake"), (0.36, 0.34, 0.55), (0.62, 0.42, 0.72)),
    "chelsea": lambda: glide(photograph("chelsea"), (0.5, 0.34, 0.95), (0.42, 0.25, 0.5)),
    "motorcycle": drive_past,
}

if __name__ == "__main__":
    for name in sys.argv[1:] or CLIPS:
        frames = [images.to_uint8(frame) for frame in CLIPS[name]()]
        out = ASSETS / "clips" / f"{name}.mp4"
        out.parent.mkdir(exist_ok=True)
        writing.segment(((n * reading.TICKS // RATE, frame) for n, frame in enumerate(frames)), out, sharp=25)
        out.with_suffix(".jpg").write_bytes(images.thumbnail(images.from_uint8(frames[0]), 280))
        print(name, out.stat().st_size)
