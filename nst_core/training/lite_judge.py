"""How good vgg19-lite's eyes are, in JAX: what they tell of the teacher's maps, and what is left of them in bfloat16.

`python -m nst_core.training.lite_judge WEIGHTS.npz … --teacher FILE.npz --sets sets.npz`. Sets are pictures (n, h, w, 3) in
[0, 1]: `a` to solve the heads over, `b` held out, `c` noise.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer
from jax import lax

from nst_core.images import Image, resize
from nst_core.training import jaxed, lite
from nst_core.training.jaxed import Array
from nst_core.training.lite import NAMES, Arrays, key

SOME = 12  # pictures that are seen at once

See = Callable[[Array], Mapping[str, Array]]


def maps(arrays: Mapping[str, Any], x: Array, stored: Callable[[Array], Array] = lambda x: x) -> dict[str, Array]:
    """(n, h, w, 3) in [0, 1] to every layer's map after ReLU, float32; `stored`: what rounding does to each number kept."""
    found: dict[str, Array] = {}
    x = stored((jnp.asarray(x) - lite.MEAN) / lite.STD)
    for layer in NAMES:
        kernel, bias = (stored(jnp.asarray(arrays[f"{key(layer)}.{part}"], jnp.float32)) for part in ("weight", "bias"))
        z = stored(jaxed.convolve(jaxed.pooled(x) if lite.begins_block(layer) else x, kernel))
        x = found[layer] = jax.nn.relu(stored(z + bias))
    return found


def as_bfloat16(x: Array) -> Array:
    """Rounded, and kept so: a compiler may leave out a cast there and back."""
    return lax.reduce_precision(x, exponent_bits=8, mantissa_bits=7)


def targets(teacher: tuple[jaxed.Convolutions, np.ndarray, np.ndarray], x: Array) -> dict[str, Array]:
    """What each layer is to predict: the teacher's map before its ReLU; `jaxed.stand_in` gives the teacher."""
    convolutions, mix, shift = teacher
    raw = jaxed.raw_maps(convolutions, jnp.einsum("nhwc,cd->nhwd", x, mix) + shift, NAMES[-1])
    return {layer: raw[lite.TEACHER.get(layer, layer)] for layer in NAMES}


def read_weights(file: Path) -> Arrays:
    with np.load(file, allow_pickle=False) as archive:
        return {name: archive[name].astype(np.float32) for name in archive.files}


def seen(see: See, pictures: Image) -> Arrays:
    """A batch's maps, made a few pictures at a time, in full float32."""
    with jax.default_matmul_precision("highest"):
        parts = [jax.device_get(see(jnp.asarray(pictures[i : i + SOME]))) for i in range(0, len(pictures), SOME)]
    return {layer: np.concatenate([part[layer] for part in parts]) for layer in parts[0]}


# --- judging ----------------------------------------------------------------------------------------------------------


def correlations(arrays: Arrays, teacher: Any, fitted: Image, *tested: Image) -> list[dict[str, float]]:
    """{layer: correlation of predicted and true maps} of each of `tested`, the heads solved over `fitted`."""
    ours, theirs = jax.jit(lambda x: maps(arrays, x)), jax.jit(lambda x: targets(teacher, x))
    heads, found = lite.solve_heads(seen(ours, fitted), seen(theirs, fitted)), []
    for pictures in tested:
        have, want = seen(ours, pictures), seen(theirs, pictures)
        guess = {layer: have[layer] @ head + shift for layer, (head, shift) in heads.items()}
        found.append({layer: lite.correlation(guess[layer], want[layer]) for layer in NAMES})
    return found


def rounding(arrays: Arrays, pictures: Image) -> dict[str, float]:
    """How wrong bfloat16 makes each layer's map, as a share of how the map varies over the picture; mean of the pictures.

    Varies: each channel's mean over a picture is taken off first, since an optimiser moves what differs between places.
    """
    exact = seen(jax.jit(lambda x: maps(arrays, x)), pictures)
    rough = seen(jax.jit(lambda x: maps(arrays, x, as_bfloat16)), pictures)
    return {layer: float(np.mean(_unlike(rough[layer], exact[layer]))) for layer in NAMES}


def _unlike(rough: np.ndarray, exact: np.ndarray) -> np.ndarray:
    rough, exact = (x - x.mean((1, 2), keepdims=True) for x in (rough, exact))
    squared = ((rough - exact) ** 2).sum((1, 2, 3)) / np.maximum((exact**2).sum((1, 2, 3)), 1e-12)
    return np.sqrt(squared)


def black_skies(count: int = 12, size: int = 128) -> Image:
    """Night: nearly black, a faint cloud, grain of amplitude 0.02 to 0.05, a few stars."""
    rng, skies = np.random.default_rng(0), []
    for _ in range(count):
        cloud = resize(rng.random((6, 6, 3), np.float32), size, size) * np.float32(0.04)
        grain = rng.standard_normal((size, size, 3), np.float32) * np.float32(rng.uniform(0.02, 0.05))
        stars = (rng.random((size, size, 1)) < 0.002) * rng.uniform(0.1, 0.9, (size, size, 1))
        skies.append(np.clip(np.float32(0.02) + cloud + grain + stars, 0, 1))
    return np.stack(skies).astype(np.float32)


def living(arrays: Arrays, pictures: Image) -> dict[str, float]:
    """The share of each layer's channels that answer at more than a thousandth of the places."""
    found = seen(jax.jit(lambda x: maps(arrays, x)), pictures)
    return {layer: float(((x > 0).mean((0, 1, 2)) > 1e-3).mean()) for layer, x in found.items()}


def report(arrays: Arrays, teacher: Any, sets: Path) -> dict[str, list[float]]:
    """Each measure, its figures from block1_conv1 up."""
    with np.load(sets, allow_pickle=False) as archive:
        fitted, held, noise = (archive[name] for name in "abc")
    on_held, on_noise = correlations(arrays, teacher, fitted, held, noise)
    found = {
        "correlation, held out": on_held,
        "correlation, noise": on_noise,
        "bfloat16 error, photographs": rounding(arrays, held),
        "bfloat16 error, black skies": rounding(arrays, black_skies()),
        "living channels": living(arrays, fitted),
    }
    return {name: [round(figures[layer], 4) for layer in NAMES] for name, figures in found.items()}


def main(
    files: Annotated[list[Path], typer.Argument(help="Weights, .npz.")],
    teacher: Annotated[Path, typer.Option(help="A stand-in's .npz file.")],
    sets: Annotated[Path, typer.Option(help="Pictures, .npz: a to fit, b held out, c noise.")],
) -> None:
    """Judge vgg19-lite's weights."""
    eyes = jaxed.stand_in(teacher)
    for file in files:
        for name, figures in report(read_weights(file), eyes, sets).items():
            print(f"{file.name}  {name:28}", *(f"{x:.3f}" for x in figures), flush=True)


if __name__ == "__main__":
    typer.run(main)
