"""Measure vgg19-lite: how well it predicts the teacher's maps, and how much of them remains in bfloat16.

`python -m nst_core.training.vgg19_lite.judge WEIGHTS.npz … --teacher FILE.npz --sets sets.npz`. Sets are pictures (n, h, w, 3)
in [0, 1]: `a` for fitting the heads, `b` held out, `c` noise.
"""

from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import typer
from jax import lax

from nst_core.errors import BadNetwork
from nst_core.images import Image, resize
from nst_core.training import jaxed, runs
from nst_core.training.jaxed import JaxArray, JaxNetwork
from nst_core.training.vgg19_lite.heads import See, correlation, seen, solve_heads, targets
from nst_core.training.vgg19_lite.network import NAMES, Weights, maps, read

LIVING = 1e-3  # of the positions: a channel that responds at more of them counts as alive


def correlations(arrays: Weights, teacher: JaxNetwork, fitted: Image, *tested: Image) -> list[dict[str, float]]:
    """Return {layer: mean correlation of predicted and true maps} for each of `tested`; heads are fitted on `fitted`."""
    return _correlations(lambda x: maps(arrays, x), teacher, fitted, *tested)


def own_correlations(teacher: JaxNetwork, fitted: Image, *tested: Image) -> list[dict[str, float]]:
    """Return the same for the teacher's own maps after their ReLU: what a perfect copy would reach."""
    rectified: See = lambda x: {layer: jax.nn.relu(raw) for layer, raw in targets(teacher, x).items()}  # noqa: E731
    return _correlations(rectified, teacher, fitted, *tested)


def _correlations(see: See, teacher: JaxNetwork, fitted: Image, *tested: Image) -> list[dict[str, float]]:
    truth: See = lambda x: targets(teacher, x)  # noqa: E731
    heads, found = solve_heads(seen(see, fitted), seen(truth, fitted)), []
    for pictures in tested:
        have, want = seen(see, pictures), seen(truth, pictures)
        guess = {layer: have[layer] @ head + shift for layer, (head, shift) in heads.items()}
        found.append({layer: correlation(guess[layer], want[layer]) for layer in guess})
    return found


def rounding(arrays: Weights, pictures: Image) -> dict[str, float]:
    """Return the error of each layer's map in bfloat16, relative to the variation of the map, averaged over pictures.

    The mean of each channel over a picture is subtracted first, because an optimiser acts on differences between places.
    """
    exact, rough = seen(lambda x: maps(arrays, x), pictures), seen(lambda x: maps(arrays, x, as_bfloat16), pictures)
    return {layer: float(np.mean(_unlike(rough[layer], exact[layer]))) for layer in NAMES}


def as_bfloat16(x: JaxArray) -> JaxArray:
    """Round to bfloat16 in a way that a compiler does not remove."""
    return lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)


def _unlike(rough: np.ndarray, exact: np.ndarray) -> np.ndarray:
    rough, exact = (x - x.mean((1, 2), keepdims=True) for x in (rough, exact))
    squared = ((rough - exact) ** 2).sum((1, 2, 3)) / np.maximum((exact**2).sum((1, 2, 3)), 1e-12)
    return np.sqrt(squared)


def black_skies(count: int = 12, size: int = 128) -> Image:
    """Return night pictures: nearly black, a faint cloud, grain of amplitude 0.02 to 0.05, a few stars."""
    rng, skies = np.random.default_rng(0), []
    for _ in range(count):
        cloud = resize(rng.random((6, 6, 3), np.float32), size, size) * np.float32(0.04)
        grain = rng.standard_normal((size, size, 3), np.float32) * np.float32(rng.uniform(0.02, 0.05))
        stars = (rng.random((size, size, 1)) < 0.002) * rng.uniform(0.1, 0.9, (size, size, 1))
        skies.append(np.clip(np.float32(0.02) + cloud + grain + stars, 0, 1))
    return np.stack(skies).astype(np.float32)


def living(arrays: Weights, pictures: Image) -> dict[str, float]:
    """Return the fraction of each layer's channels that respond."""
    found = seen(lambda x: maps(arrays, x), pictures)
    return {layer: float(((x > 0).mean((0, 1, 2)) > LIVING).mean()) for layer, x in found.items()}


# --- the command ------------------------------------------------------------------------------------------------------

Sets = tuple[Image, Image, Image]  # for fitting the heads, held out, noise


def read_sets(file: Path) -> Sets:
    """Read the sets. Raises: ModelUnavailable, BadNetwork."""
    arrays = runs.read_arrays(file)
    if not {"a", "b", "c"} <= set(arrays):
        raise BadNetwork(f"{file} holds no pictures `a`, `b` and `c` to judge with; name another file.")
    return arrays["a"], arrays["b"], arrays["c"]


def report(arrays: Weights, teacher: JaxNetwork, sets: Sets) -> dict[str, list[float]]:
    """Return each measure, with values from block1_conv1 up."""
    fitted, held, noise = sets
    on_held, on_noise = correlations(arrays, teacher, fitted, held, noise)
    found = {
        "correlation, held out": on_held,
        "correlation, noise": on_noise,
        "bfloat16 error, photographs": rounding(arrays, held),
        "bfloat16 error, black skies": rounding(arrays, black_skies()),
        "living channels": living(arrays, fitted),
    }
    return {name: [round(figures[layer], 4) for layer in NAMES] for name, figures in found.items()}


def tell(name: str, found: dict[str, list[float]]) -> None:
    for measure, figures in found.items():
        print(f"{name}  {measure:28}", *(f"{x:.3f}" for x in figures), flush=True)


def main(
    files: Annotated[list[Path], typer.Argument(help="Weights, .npz.")],
    teacher: runs.StandIn,
    sets: Annotated[Path, typer.Option(help="Pictures, .npz: a to fit, b held out, c noise.")],
) -> None:
    """Judge vgg19-lite's weights."""
    eyes, pictures = jaxed.stand_in(teacher), read_sets(sets)
    for file in files:
        tell(file.name, report(read(file), eyes, pictures))


if __name__ == "__main__":
    runs.command(main)
