"""What instant-lite's finish is asked for, in JAX: pictures painted as a step's order says, and how far they are from it.

- style: relative distances of Gram matrices; a few styles are blends of two, and a few are the photograph's own;
- halves: the same of pictures painted by halves, each half in a style of its own, by `transform_by_region`, as masks do: a half
  may be an empty sky, whose statistics a whole picture never has;
- content: the relative distance of maps at block4_conv2;
- calm: total variation, and on plain walls no change of brightness beyond a stroke's: halos;
- vector: how far the predictor strays from where it began.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nst_core.training import instant_jaxed, jaxed
from nst_core.training.jaxed import Array, Eyes

STYLE = {f"block{n}_conv1": 1.0 for n in range(1, 6)} | {"block2_conv2": 0.5, "block3_conv4": 0.5}  # weights of its layers
CONTENT = "block4_conv2"
LAST = "block5_conv1"
LOW = 8  # pixels: brightness of areas this large shows halos, and no strokes
VARIANCE = 0.15  # of style vectors about their mean


class Order(NamedTuple):
    """What a step paints: n pictures whole, and then m by halves; the first five (n + m,)."""

    contents: np.ndarray  # numbers of the bank's crops
    mirrored: np.ndarray
    first: np.ndarray  # numbers of the bank's styles: of a whole picture, or of its upper half
    other: np.ndarray  # what is blended in, or the lower half's
    share: np.ndarray  # (n,) of the first in the blend
    turned: np.ndarray  # (m,) so that what were the left and the right half are painted


class Known(NamedTuple):
    """What no step moves."""

    eyes: Eyes
    predictor: Sequence[Array]  # as it was: mean and deviation of the statistics, kernel, bias


def losses(variables: Mapping[str, Array], known: Known, bank: Mapping[str, Array], order: Order) -> dict[str, Array]:
    """By name, each a mean over the pictures. bank: (blocks, styles, …): statistics, gram/LAYER, contents and walls."""
    n, grams = len(order.share), _grams(bank)
    x, walls = pictures(bank, order)
    statistics = _numbered(bank["statistics"])[jnp.concatenate([order.first, order.other])]
    vectors = instant_jaxed.style_vector([*known.predictor[:2], variables["predictor/2"], variables["predictor/3"]], statistics)
    before = instant_jaxed.style_vector(known.predictor, statistics)
    first, other = jnp.split(vectors, 2)

    parameters, rough = instant_jaxed.ordered(instant_jaxed.even(variables), "transformer"), x.astype(jnp.bfloat16)
    whole = instant_jaxed.transform(parameters, rough[:n], blended(first[:n], other[:n], order.share))
    halved = by_halves(parameters, rough[n:], first[n:], other[n:])
    blends = {layer: blended(gram[order.first[:n]], gram[order.other[:n]], order.share) for layer, gram in grams.items()}
    ends = {layer: gram[jnp.concatenate([order.first[n:], order.other[n:]])] for layer, gram in grams.items()}
    style, content = _distances(known.eyes, whole, x[:n], blends)
    style_of_halves, content_of_halves = _distances(known.eyes, halves(halved), halves(x[n:]), ends)
    return {
        "style": style,
        "halves": style_of_halves,
        "content": (n * content + len(order.turned) * content_of_halves) / len(x),
        "variation": variation(jnp.concatenate([whole, halved])),
        "wall": (unrest(whole, walls[:n]) + unrest(halves(halved), halves(walls[n:]))) / 2,
        "vector": ((vectors - before) ** 2).mean() / VARIANCE,
    }


# --- what is painted --------------------------------------------------------------------------------------------------


def pictures(bank: Mapping[str, Array], order: Order) -> tuple[Array, Array]:
    """The crops, (n + m, size, size, 3) in [0, 1], and where their walls are, (n + m, size, size, 1)."""
    found = []
    for name in ("contents", "walls"):
        x = _numbered(_numbered(bank[name]))[order.contents]  # (blocks, styles, crops, …) before
        x = x.reshape(*x.shape[:3], -1)
        x = jnp.where(_each(order.mirrored), x[:, :, ::-1], x)
        whole, halved = jnp.split(x, [len(order.share)])
        found.append(jnp.concatenate([whole, jnp.where(_each(order.turned), halved.swapaxes(1, 2), halved)]))
    return unit(found[0]), found[1].astype(jnp.float32)


def unit(x: Array) -> Array:
    """uint8 to [0, 1]."""
    return x.astype(jnp.float32) / 255


def _each(x: Any) -> Array:
    """A value a picture: (n,) -> (n, 1, 1, 1)."""
    return jnp.reshape(x, (-1, 1, 1, 1))


def _numbered(x: Array) -> Array:
    """(blocks, each, …) -> (blocks * each, …)"""
    return x.reshape(-1, *x.shape[2:])


def _grams(bank: Mapping[str, Array]) -> dict[str, Array]:
    """(styles, c, c) by layer of those that the eyes have."""
    return {layer: _numbered(bank[f"gram/{layer}"]) for layer in STYLE if f"gram/{layer}" in bank}


def blended(first: Array, other: Array, share: Any) -> Array:
    """(n, …) and (n, …), the first by its share, (n,)."""
    share = jnp.reshape(share, (-1, *[1] * (first.ndim - 1)))
    return share * first + (1 - share) * other


def by_halves(parameters: Sequence[Array], x: Array, upper: Array, lower: Array) -> Array:
    """(m, h, w, 3), its upper and its lower half each in its own style, (m, 100)."""
    m, h, w, _ = x.shape
    above = (jnp.arange(h) < h // 2).astype(jnp.float32)
    shares = jnp.broadcast_to(jnp.stack([above, 1 - above], -1)[None, :, None], (m, h, w, 2))
    return instant_jaxed.transform_by_region(parameters, x, jnp.stack([upper, lower], 1), shares)


def halves(x: Array) -> Array:
    """All upper halves, then all lower ones."""
    return jnp.concatenate(jnp.split(x, 2, 1))


# --- how far it is from what is asked ---------------------------------------------------------------------------------


def _distances(eyes: Eyes, y: Array, x: Array, grams: Mapping[str, Array]) -> tuple[Array, Array]:
    """Of painted pictures to styles' Gram matrices and to their contents."""
    have, content = eyes.raw_maps(y, LAST, jnp.bfloat16), eyes.raw_maps(x, CONTENT, jnp.bfloat16)[CONTENT]
    apart = {layer: jaxed.relative(jaxed.gram(jax.nn.relu(have[layer])), gram).mean() for layer, gram in grams.items()}
    style = sum(STYLE[layer] * distance for layer, distance in apart.items()) / sum(STYLE[layer] for layer in apart)
    return jnp.asarray(style), jaxed.relative(jax.nn.relu(have[CONTENT]), jax.nn.relu(content)).mean()


def variation(x: Array) -> Array:
    """Total variation (n, h, w, c), by the number."""
    down, right = jnp.abs(x[:, 1:] - x[:, :-1]), jnp.abs(x[:, :, 1:] - x[:, :, :-1])
    return (down.sum() + right.sum()) / x.size


def unrest(pictures: Array, walls: Array) -> Array:
    """Mean difference of neighbouring areas that both lie on a wall, (n, h, w, 1); zero where there is none."""
    x, inside = _areas(pictures), (_areas(walls) > 0.99).astype(jnp.float32)
    down = jnp.abs(x[:, 1:] - x[:, :-1]), inside[:, 1:] * inside[:, :-1]
    right = jnp.abs(x[:, :, 1:] - x[:, :, :-1]), inside[:, :, 1:] * inside[:, :, :-1]
    means = [(apart * both).sum() / (3 * both.sum() + 1) for apart, both in (down, right)]
    return (means[0] + means[1]) / 2


def _areas(x: Array) -> Array:
    """The mean of every LOW×LOW."""
    n, h, w, c = x.shape
    return x.reshape(n, h // LOW, LOW, w // LOW, LOW, c).mean((2, 4))
