"""Scenes whose motion is known: frames, and where each pixel was in the one before, and whether it could be seen there.

Rendered from sample photographs: pans, zooms, a thing that moves before a moving ground. And one that nobody rendered: the
stereo pair of scikit-image (Middlebury 2014), whose second camera is taken for one that has moved; how far, is measured.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from skimage import data

from nst_core import images
from nst_core.images import Image, Mask

H, W, COUNT = 384, 512, 12
MARGIN = 4  # pixels at the border of a frame that no interpolation is asked about
PHOTOGRAPHS = Path(__file__).parents[1] / "assets" / "photographs"
Field = npt.NDArray[np.float32]  # (h, w, 2): x and y in the frame before
View = npt.NDArray[np.float64]  # (2, 3): a pixel of the frame to a place in the photograph


@dataclass(frozen=True)
class Scene:
    frames: list[Image]
    places: list[Field]  # of frame n + 1 in frame n
    seen: list[npt.NDArray[np.bool_]]  # (h, w): whether it could be seen there

    @property
    def shape(self) -> tuple[int, int]:
        h, w, _ = self.frames[0].shape
        return h, w

    def change(self, shown: list[Image]) -> float:
        """Warping error: mean square of what differs from the frame before, warped by the true motion, where it was seen."""
        errors = []
        for before, now, places, seen in zip(shown, shown[1:], self.places, self.seen, strict=False):
            warped = cv2.remap(before, places, None, cv2.INTER_CUBIC)
            errors.append(((now - warped) ** 2).mean(-1)[seen].mean())
        return float(np.mean(errors))


def pan(name: str, x: float, y: float) -> Scene:
    """x, y: pixels a frame."""
    photograph = _photograph(name, 900)
    h, w, _ = photograph.shape
    middle = w / 2 - x * COUNT / 2, h / 2 - y * COUNT / 2
    return _glide(photograph, [_view(middle[0] + x * n, middle[1] + y * n, 1) for n in range(COUNT)])


def zoom(name: str, rate: float) -> Scene:
    """rate: of what is seen, from frame to frame; a quarter turn in a hundred frames comes with it."""
    photograph = _photograph(name, 900)
    h, w, _ = photograph.shape
    start = 1.25 if rate < 1 else 0.85
    return _glide(photograph, [_view(w / 2, h / 2, start * rate**n, np.pi / 200 * n) for n in range(COUNT)])


def crossing(name: str, thing: str) -> Scene:
    """An oval of one photograph crosses another, which glides."""
    ground = pan(name, 1.2, 0.3)
    oval, shape = _oval(thing)
    frames, places, seen, before = [], [], [], None
    for n, frame in enumerate(ground.frames):
        at = np.array([60 + 5.3 * n, 120 + 16 * np.sin(n / 4)])
        move = np.array([[1, 0, at[0]], [0, 1, at[1]]])
        drawn = cv2.warpAffine(oval, move, (W, H), flags=cv2.INTER_CUBIC)
        cover = np.clip(cv2.warpAffine(shape, move, (W, H)), 0, 1)
        frames.append(np.clip(drawn * cover[..., None] + frame * (1 - cover[..., None]), 0, 1).astype(np.float32))
        if before is not None:
            inside = cover > 0.5
            where = np.where(inside[..., None], _grid() + before[1] - at, ground.places[n - 1]).astype(np.float32)
            then = cv2.remap(before[0], where, None, cv2.INTER_LINEAR)
            edge = cv2.dilate(((cover > 0.02) & (cover < 0.98)).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
            places.append(where)
            seen.append(_inside(where, (H, W)) & ~edge & np.where(inside, then > 0.98, then < 0.02))
        before = cover, at
    return Scene(frames, places, seen)


def stereo() -> Scene:
    """Right camera, then left."""
    left, right, disparity = data.stereo_motorcycle()
    scale = W / left.shape[1]
    h = 2 * round(left.shape[0] * scale / 2)
    now, before = (images.resize(images.from_uint8(picture), h, W) for picture in (left, right))
    known = np.isfinite(disparity)
    far = cv2.resize(np.where(known, disparity, 0).astype(np.float32), (W, h), interpolation=cv2.INTER_NEAREST) * scale
    places = _grid(h) - np.dstack([far, 0 * far])
    alike = np.abs(cv2.remap(before, places, None, cv2.INTER_LINEAR) - now).max(-1) < 0.08  # else it was hidden
    measured = cv2.resize(known.astype(np.uint8), (W, h), interpolation=cv2.INTER_NEAREST) > 0
    return Scene([before, now], [places], [_inside(places, (h, W)) & alike & measured])


SCENES: Mapping[str, Callable[[], Scene]] = {
    "pan over the lake": partial(pan, "mountain-lake", 1.7, 0.6),
    "quick pan over a cat": partial(pan, "chelsea", 7.3, -1.1),
    "zoom into an astronaut": partial(zoom, "astronaut", 0.985),
    "zoom out of the city": partial(zoom, "city-lights", 1.015),
    "a cup crosses the rocket": partial(crossing, "rocket", "coffee"),
    "a face crosses the lake": partial(crossing, "mountain-lake", "astronaut"),
    "stereo pair": stereo,
}


def _photograph(name: str, width: int) -> Image:
    file = PHOTOGRAPHS / f"{name}.jpg"
    picture = images.decode(file.read_bytes()) if file.exists() else images.from_uint8(getattr(data, name)())
    h, w, _ = picture.shape
    return images.resize(picture, round(width * h / w), width)


def _view(x: float, y: float, scale: float, turn: float = 0.0) -> View:
    """x, y: what is in the middle."""
    c, s = scale * np.cos(turn), scale * np.sin(turn)
    return np.array([[c, -s, x - c * W / 2 + s * H / 2], [s, c, y - s * W / 2 - c * H / 2]])


def _glide(photograph: Image, views: list[View]) -> Scene:
    scene = Scene([_seen(photograph, view) for view in views], [], [])
    for before, now in pairwise(views):
        back = cv2.invertAffineTransform(before)
        source = _apply(now, _grid())
        places = _apply(back, source).astype(np.float32)
        scene.places.append(places)
        scene.seen.append(_inside(places, (H, W)))
    return scene


def _seen(photograph: Image, view: View) -> Image:
    scale = float(np.hypot(*view[:, 0]))
    soft = cv2.GaussianBlur(photograph, (0, 0), 0.5 * scale) if scale > 1.05 else photograph
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return np.clip(cv2.warpAffine(soft, view, (W, H), flags=flags, borderMode=cv2.BORDER_REFLECT), 0, 1)


def _apply(view: View, places: np.ndarray) -> npt.NDArray[np.float64]:
    return places @ view[:, :2].T + view[:, 2]


def _oval(name: str) -> tuple[Image, Mask]:
    h, w = 140, 200
    picture = images.resize(_photograph(name, w), h, w)
    y, x = np.mgrid[0:h, 0:w]
    inside = np.clip((1 - np.hypot((x - w / 2) / (0.46 * w), (y - h / 2) / (0.45 * h))) * 50, 0, 1)
    return picture, inside.astype(np.float32)


def _grid(h: int = H, w: int = W) -> Field:
    return np.dstack(np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)))


def _inside(places: Field, shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    h, w = shape
    x, y = places[..., 0], places[..., 1]
    return (x >= MARGIN) & (x <= w - 1 - MARGIN) & (y >= MARGIN) & (y <= h - 1 - MARGIN)
