"""What `vgg19-lite` learns from: crops, drawn by processes beside the accelerator, some darkened on it.

An optimiser drives a picture off the manifold of photographs, so a third of the crops carry noise or are blends; without them
the network is blind to grain, and the optimised picture fills with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from nst_core import images
from nst_core.errors import BadRecipe
from nst_core.images import Image
from nst_core.training import data
from nst_core.training.data import Bytes
from nst_core.training.jaxed import JaxArray

CHUNK = 30  # crops that travel together


@dataclass(frozen=True, slots=True)
class PicturePools:
    """Hold the pictures to learn from: two thirds photographs, one third styles. Raises: BadRecipe if there are none."""

    photographs: Sequence[Bytes]
    styles: Sequence[Bytes]

    def __post_init__(self) -> None:
        if not self.photographs or not self.styles:
            raise BadRecipe("A training needs photographs and styles; name a folder of each.")

    def draw(self, count: int, size: int, rng: np.random.Generator) -> Image:
        """Return (count, size, size, 3), a third of them disturbed."""
        clean = []
        for i in range(count):
            x = data.crop(data.pick([self.styles if i % 3 == 0 else self.photographs], [1], rng), size, rng)
            clean.append(data.jitter(x, rng) if rng.random() < 0.25 else x)
        return np.stack([data.disturb(x, clean[rng.integers(count)], rng) for x in clean]).astype(np.float32)

    def chunk(self, size: int, rng: np.random.Generator) -> Bytes:
        """Return (CHUNK, size, size, 3), uint8."""
        return images.to_uint8(self.draw(CHUNK, size, rng))


def load(photographs: Sequence[Path], styles: Sequence[Path]) -> PicturePools:
    """Load the pictures of these folders. Raises: BadPicture if one has none."""
    return PicturePools(data.load(photographs, 256), data.load(styles, 288))


def darkened(x: JaxArray, random: JaxArray) -> JaxArray:
    """Darken some of (n, h, w, 3) to at most 15 %, flatten some, both with faint grain; mirror half of all."""
    n, h, w, _ = x.shape
    keys = jax.random.split(random, 7)
    kind, contrast, brightness, amount = (jax.random.uniform(k, (n, 1, 1, 1)) for k in keys[:4])
    x = jnp.where(jax.random.bernoulli(keys[4], 0.5, (n, 1, 1, 1)), x[:, :, ::-1], x)
    mean = x.mean((1, 2), keepdims=True)
    dark = (mean + (x - mean) * contrast) * 0.15 * brightness
    flat = mean + (x - mean) * 0.1 * contrast
    fine = jax.random.normal(keys[5], x.shape)
    coarse = jax.random.normal(keys[6], (n, h // 2, w // 2, 3)).repeat(2, 1).repeat(2, 2)
    grain = jnp.where(brightness * 8 % 1 < 0.6, fine, coarse) * 0.05 * amount**2
    changed = jnp.where(kind < 1 / 8, dark, flat) + grain
    return jnp.where(kind < 3 / 16, jnp.clip(changed, 0, 1), x)
