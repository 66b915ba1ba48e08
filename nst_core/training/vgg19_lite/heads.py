"""Define the targets of `vgg19-lite`'s layers: the teacher's maps, through a linear head per layer that only training uses."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from nst_core.images import Image
from nst_core.training.jaxed import JaxArray, JaxNetwork
from nst_core.training.vgg19_lite.network import NAMES, Weights

TEACHER = {"block3_conv3": "block3_conv4", "block4_conv3": "block4_conv4"}  # the others have the same name
RIDGE = 1e-3  # regularisation of the heads
SOME = 12  # pictures at a time

See = Callable[[JaxArray], Mapping[str, JaxArray]]


@jax.jit
def targets(teacher: JaxNetwork, x: JaxArray) -> dict[str, JaxArray]:
    """Return the target of each layer for (n, h, w, 3) in [0, 1]: the teacher's map before its ReLU."""
    raw = teacher.raw_maps(x, NAMES[-1])
    return {layer: raw[TEACHER.get(layer, layer)] for layer in NAMES if TEACHER.get(layer, layer) in raw}


def seen(see: See, pictures: Image) -> Weights:
    """Return the maps of (n, h, w, 3), computed a few pictures at a time, in full float32."""
    with jax.default_matmul_precision("highest"):
        parts = [jax.device_get(see(jnp.asarray(pictures[i : i + SOME]))) for i in range(0, len(pictures), SOME)]
    return {layer: np.concatenate([part[layer] for part in parts]) for layer in parts[0]}


def solve_heads(have: Mapping[str, np.ndarray], want: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the linear map (c, c') and shift (c',) of each layer that predict `want` best, by ridge regression."""
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
    """Return the mean correlation over the channels of maps (n, h, w, c)."""
    guess, true = (x.reshape(-1, x.shape[-1]) - x.mean((0, 1, 2)) for x in (guess, true))
    norms = np.linalg.norm(guess, axis=0) * np.linalg.norm(true, axis=0)
    return float(np.mean((guess * true).sum(0) / np.maximum(norms, 1e-9)))
