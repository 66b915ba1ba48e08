"""What `vgg19_lite` is, for its trainings in TensorFlow and in JAX: layers, pictures to learn from, heads. NumPy only."""

import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nst_core import images
from nst_core.images import Image
from nst_core.training import data
from nst_core.training.data import Bytes

WIDTHS = {"block1": 16, "block2": 32, "block3": 64, "block4": 128, "block5": 128}
DEPTHS = {"block1": 2, "block2": 2, "block3": 3, "block4": 3, "block5": 1}
NAMES: tuple[str, ...] = tuple(f"{block}_conv{i + 1}" for block, depth in DEPTHS.items() for i in range(depth))
TEACHER = {"block3_conv3": "block3_conv4", "block4_conv3": "block4_conv4"}  # the others bear their own name
MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)
RIDGE = 1e-3  # of the heads that are solved for

Arrays = dict[str, np.ndarray]


def key(layer: str) -> str:
    """block3_conv2 is conv32 in the archive."""
    return f"conv{layer[5]}{layer[-1]}"


def begins_block(layer: str) -> bool:
    """Whether a pooling comes before."""
    return layer.endswith("conv1") and layer != NAMES[0]


# --- pictures ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pools:
    """Pictures to learn from: two thirds photographs, one third styles."""

    photographs: Sequence[Bytes]
    styles: Sequence[Bytes]

    def draw(self, count: int, size: int, rng: np.random.Generator) -> Image:
        """(count, size, size, 3), a third of them disturbed."""
        clean = []
        for i in range(count):
            x = data.crop(data.pick([self.styles if i % 3 == 0 else self.photographs], [1], rng), size, rng)
            clean.append(data.jitter(x, rng) if rng.random() < 0.25 else x)
        return np.stack([data.disturb(x, clean[rng.integers(count)], rng) for x in clean]).astype(np.float32)


def load(photographs: Sequence[Path], styles: Sequence[Path]) -> Pools:
    return Pools(data.load(photographs, 256), data.load(styles, 288))


class Feed:
    """Crops drawn by processes of their own, uint8, in whatever order they come. Close it, or they stay."""

    CHUNK = 30  # crops

    def __init__(self, photographs: Sequence[Path], styles: Sequence[Path], size: int, seed: int, workers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._queue: Any = context.Queue(maxsize=4 * workers)
        tasks = [(self._queue, photographs, styles, size, (seed, 5, i)) for i in range(workers)]
        self._workers = [context.Process(target=_fill, args=task, daemon=True) for task in tasks]
        for worker in self._workers:
            worker.start()

    def wait(self) -> Bytes:
        """(CHUNK, size, size, 3)"""
        chunk: Bytes = self._queue.get(timeout=300)
        return chunk

    def ready(self, most: int) -> Iterator[Bytes]:
        """What is there already."""
        for _ in range(most):
            if self._queue.empty():
                return
            yield self.wait()

    def close(self) -> None:
        for worker in self._workers:
            worker.terminate()


def _fill(queue: Any, photographs: Sequence[Path], styles: Sequence[Path], size: int, seed: tuple[int, ...]) -> None:
    pools, rng = load(photographs, styles), np.random.default_rng(seed)
    while True:
        queue.put(images.to_uint8(pools.draw(Feed.CHUNK, size, rng)))


# --- heads ------------------------------------------------------------------------------------------------------------


def solve_heads(have: Mapping[str, np.ndarray], want: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The linear map (c, c') and shift (c',) of each layer that predicts `want` best, by ridge regression."""
    heads = {}
    for layer in have:
        x, y = (maps[layer].reshape(-1, maps[layer].shape[-1]).astype(np.float64) for maps in (have, want))
        x_mean, y_mean = x.mean(0), y.mean(0)
        x, y = x - x_mean, y - y_mean
        covariance = x.T @ x / len(x)
        covariance += RIDGE * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        head = np.linalg.solve(covariance, x.T @ y / len(x))
        heads[layer] = head.astype(np.float32), (y_mean - x_mean @ head).astype(np.float32)
    return heads


def correlation(guess: np.ndarray, true: np.ndarray) -> float:
    """Mean over the channels of maps (n, h, w, c)."""
    guess, true = (x.reshape(-1, x.shape[-1]) - x.mean((0, 1, 2)) for x in (guess, true))
    norms = np.linalg.norm(guess, axis=0) * np.linalg.norm(true, axis=0)
    return float(np.mean((guess * true).sum(0) / np.maximum(norms, 1e-9)))
