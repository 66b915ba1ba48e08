"""Find the picture that excites a channel most, by gradient ascent.

Erhan et al. 2009, “Visualizing higher-layer features”; Mahendran & Vedaldi 2015, 1412.0035, for the smoothness. Several
channels share one picture, a tile each: many take little longer than one. TensorFlow is imported when needed.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nst_core import images
from nst_core.errors import BadRecipe
from nst_core.explain.feature_maps import EYES, channels_of
from nst_core.images import Image
from nst_core.stylizer import Step

if TYPE_CHECKING:
    from nst_core.features import tf

SCALES = (0.4, 0.65, 1.0)  # of the side: shapes form at small sizes and get their detail at large ones
RATE = 0.06  # of Adam, for a picture in [0, 1]
SMOOTHNESS = 12.0  # weight of total variation relative to an excitement
LIFT = 1e4  # added to lift every activation above the ReLU; the root mean square of activations is 1.5


def excite(layer: str, channel: int, *, side: int = 128, iterations: int = 60, seed: int = 0) -> Image:
    """Return the picture (side, side, 3) that excites a channel of vgg19-lite most, starting from noise.

    Raises: BadRecipe for an unknown layer or channel.
    """
    *_, last = exciting(layer, [channel], side=side, iterations=iterations, seed=seed)
    assert last.image is not None
    return last.image


def exciting(layer: str, channels: Sequence[int], *, side: int = 128, iterations: int = 60, seed: int = 0) -> Iterator[Step]:
    """Yield Steps that do the same for several channels, tiled in a roughly square grid; losses are the excitements.

    iterations: in total over all sizes, coarse to fine.
    """
    if wrong := [channel for channel in channels if not 0 <= channel < channels_of(layer)]:
        raise BadRecipe(f"{layer} has no channel {wrong[0]}; it has {channels_of(layer)}, counted from 0.")
    return _ascend(layer, channels, side, iterations, seed)


def columns(count: int) -> int:
    """Return the number of columns of the grid for so many tiles."""
    return math.ceil(math.sqrt(count))


def _ascend(layer: str, channels: Sequence[int], side: int, iterations: int, seed: int) -> Iterator[Step]:
    from nst_core.optimization import Adam

    start, done = time.perf_counter(), 0
    wide = columns(len(channels))
    grid = -(-len(channels) // wide), wide
    picture = _noise(grid, round(SCALES[0] * side / 16) * 16, seed)
    for scale in SCALES:
        tile = round(scale * side / 16) * 16  # block 5 comes after four halvings
        picture = images.resize(picture, grid[0] * tile, grid[1] * tile)
        adam, count = Adam(excitement(layer, channels, grid), picture), max(1, round(iterations / len(SCALES)))
        for step, evaluation in enumerate(adam.steps(_weights(count), count), 1):
            done += 1
            excited = -float(evaluation.terms[0]) / len(channels)
            last = scale == SCALES[-1] and step == count
            total = count * len(SCALES)
            yield Step(
                done,
                total,
                {"excitement": excited},
                adam.picture if last or step % 5 == 0 else None,
                time.perf_counter() - start,
            )
        picture = adam.picture


def _noise(grid: tuple[int, int], tile: int, seed: int) -> Image:
    rng = np.random.default_rng(seed)
    return np.clip(0.5 + 0.1 * rng.standard_normal((grid[0] * tile, grid[1] * tile, 3)), 0, 1).astype(np.float32)


def _weights(count: int) -> Callable[[], tuple[np.ndarray, float]]:
    """Return constant weights and a learning rate that decreases along half a cosine."""
    rates = iter(RATE * (0.1 + 0.9 * (0.5 + 0.5 * np.cos(np.pi * np.arange(count) / count))))
    return lambda: (np.array([1, SMOOTHNESS], np.float32), float(next(rates)))


def excitement(layer: str, channels: Sequence[int], grid: tuple[int, int]) -> "Callable[[tf.Tensor], tf.Tensor]":
    """Return a function from (1, h, w, 3) to (2,): −Σ (mean of each channel in its tile before the ReLU), and mean total
    variation.

    It uses values before the ReLU, because a silent channel has no gradient after it.
    """
    from nst_core.features import Extractor, losses, network, tf

    eyes = network(EYES)
    kernel, bias = eyes.convolutions[layer]
    lifted = {**eyes.convolutions, layer: (kernel, bias + LIFT)}
    extract = Extractor(replace(eyes, convolutions=lifted), [layer])
    chosen = tf.constant(list(channels))
    tiles = tf.constant([divmod(index, grid[1]) for index in range(len(channels))])

    def terms(picture: tf.Tensor) -> tf.Tensor:
        maps = extract(picture)[layer][0] - LIFT  # (h, w, c)
        h, w = maps.shape[0] // grid[0], maps.shape[1] // grid[1]
        means = tf.reduce_mean(tf.reshape(maps, [grid[0], h, grid[1], w, -1]), [1, 3])  # (rows, columns, c)
        own = tf.gather_nd(means, tf.concat([tiles, chosen[:, None]], 1))
        variation = losses.total_variation(picture, form="squared") / np.prod(picture.shape[1:])
        return tf.stack([-tf.reduce_sum(own), len(channels) * variation])

    return terms
