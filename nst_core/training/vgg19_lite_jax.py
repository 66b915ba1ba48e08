"""Train `vgg19-lite` on an accelerator, in JAX. `python -m nst_core.training.vgg19_lite_jax --help`

What `vgg19_lite` does, at a hundred times its crops, and three things more:

- Its maps must bear bfloat16, in which the optimiser computes. There a map goes wrong where large terms cancel, most of all in
  the dark, whose pixels all lie two deviations below the mean. So in training every kernel, every convolution's sum and every
  map is shaken by a random share of itself: what rests on cancellation costs.
- One crop in eight is made dark, one in sixteen flat, with faint grain; and besides the errors over the batch count those of
  each picture over how much its own maps vary, else what is faint would count for nothing.
- The logarithms of the errors are added, so that no layer is too small to be heard; the deepest two count `heavy` times.

Crops come from processes of their own into a ring on the device, from which every step picks at random: runs differ a little.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer

from nst_core.images import Image
from nst_core.training import jaxed, lite, lite_judge
from nst_core.training.jaxed import Array
from nst_core.training.lite import NAMES, Arrays, Feed
from nst_core.training.lite_normed import KEYS, normed_maps, published, revived

FAINT = 0.01  # variance of a picture's targets below which its own errors count less
HEAVY = ("block4_conv3", "block5_conv1")


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the numbers, besides pictures and teacher."""

    steps: int = 12_000
    minutes: float = 9
    first: float = 0  # where on the falling rate this run begins and ends, so that two runs can share one fall
    last: float = 1
    peak_rate: float = 4.5e-3
    batch: int = 64
    size: int = 128
    bank: int = 16_384  # crops on the device
    sample: int = 240  # pictures that scales, first heads and the last moments are taken from
    average: float = 0.998
    shake: float = 2**-8
    shake_kernels: float = 2**-8
    heavy: float = 2
    own: float = 0.3  # weight of the errors over each picture's own variance
    seed: int = 0


# --- pictures on the device -------------------------------------------------------------------------------------------


def darkened(x: Array, random: Array) -> Array:
    """(n, h, w, 3): some of them at up to 15 % brightness, some nearly flat, both under faint grain; half of all mirrored."""
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


@partial(jax.jit, donate_argnums=0)
def _put(bank: Array, chunk: Array, at: int) -> Array:
    return jax.lax.dynamic_update_slice(bank, chunk, (at, 0, 0, 0))


@dataclass(slots=True)
class Bank:
    """A ring of crops on the device, uint8; the newest take the oldest ones' places."""

    crops: Array
    filled: int = 0
    drawn: int = 0

    def add(self, chunk: np.ndarray) -> None:
        at = self.drawn % (len(self.crops) // len(chunk) * len(chunk))
        self.crops = _put(self.crops, chunk, at)
        self.drawn += len(chunk)
        self.filled = max(self.filled, at + len(chunk))


# --- training ---------------------------------------------------------------------------------------------------------


def leaky(x: Array) -> Array:
    return jax.nn.leaky_relu(x, 0.2)


@dataclass(slots=True)
class Training:
    """A run: `step` makes the next one; its errors stay on the device until someone looks."""

    settings: Settings
    teacher: Any
    start: Arrays
    sample: Image
    state: dict[str, Any] = field(init=False)
    _scales: dict[str, np.ndarray] = field(init=False)
    _graph: Any = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng((self.settings.seed, 2))
        want = lite_judge.seen(jax.jit(lambda x: lite_judge.targets(self.teacher, x)), self.sample[:60])
        self._scales = {layer: np.maximum(np.where(x > 0, x, 0.2 * x).std((0, 1, 2)), 1e-6) for layer, x in want.items()}
        self.state = jaxed.state_of(jaxed.on_device(self._first(want, rng)))
        self._graph = jax.jit(self._step)

    def _first(self, want: Arrays, rng: np.random.Generator) -> Arrays:
        x = jnp.asarray((self.sample[:60] - lite.MEAN) / lite.STD)
        with jax.default_matmul_precision("highest"):
            arrays = revived(self.start, x, rng)
            have = jax.device_get(jax.jit(lambda x: normed_maps(arrays, x))(x))
        heads = lite.solve_heads(have, {layer: raw / self._scales[layer] for layer, raw in want.items()})
        for layer, (head, shift) in heads.items():
            arrays |= {f"head/{layer}": head, f"shift/{layer}": shift}
        return arrays

    def step(self, bank: Bank, rate: float, random: Array) -> dict[str, Array]:
        self.state, errors = self._graph(self.state, bank.crops, bank.filled, rate, random)
        return dict(errors)

    def _step(self, state: Any, crops: Array, filled: int, rate: Array, random: Array) -> tuple[Any, dict[str, Array]]:
        picks, changes, shakes = jax.random.split(random, 3)
        x = crops[jax.random.randint(picks, (self.settings.batch,), 0, filled)].astype(jnp.float32) / 255
        x = darkened(x, changes)
        gradients, errors = jax.grad(self._loss, has_aux=True)(state["variable"], x, shakes)
        turned = {f"{name}.kernel" for name in KEYS}
        rates = dict.fromkeys(gradients, rate)
        return jaxed.stepped(state, gradients, rates, turned=turned, average=self.settings.average, clip=50), errors

    def _loss(self, variables: Any, x: Array, random: Array) -> tuple[Array, dict[str, Array]]:
        want = lite_judge.targets(self.teacher, x)
        seen = ((x - lite.MEAN) / lite.STD).astype(jnp.bfloat16)
        shakes = {"shake": self.settings.shake, "shake_kernels": self.settings.shake_kernels}
        have, loss, errors = normed_maps(variables, seen, random=random, **shakes), jnp.float32(0), {}
        for layer in NAMES:
            head = variables[f"head/{layer}"].astype(jnp.bfloat16)
            guess = jnp.einsum("nhwc,cd->nhwd", have[layer], head, preferred_element_type=jnp.float32)
            true = leaky(want[layer] / self._scales[layer])
            wrong = leaky(guess + variables[f"shift/{layer}"]) - true
            errors[layer], own = (wrong**2).mean(), (wrong.var((1, 2)).mean(-1) / (true.var((1, 2)).mean(-1) + FAINT)).mean()
            errors[f"own {layer}"] = own
            weight = self.settings.heavy if layer in HEAVY else 1
            loss += weight * (jnp.log(errors[layer]) + self.settings.own * jnp.log(own))
        return loss, errors

    def network(self) -> Arrays:
        """What gets published: the moving average without the heads, folded and normalised."""
        return published(jax.device_get(self.state["average"]), self.sample)

    def save(self, out: Path) -> None:
        """The weights, float16, and beside them what the next step depends on."""
        _write(out, {name: array.astype(np.float16) for name, array in self.network().items()})
        state = jax.device_get(self.state)
        kept = {f"{part}:{name}": a for part, group in state.items() for name, a in group.items()}
        silent = {f"square:{name}.kernel" for name in KEYS}
        _write(out.with_suffix(".state.npz"), {name: a for name, a in kept.items() if name not in silent})

    def restore(self, file: Path) -> None:
        with np.load(file, allow_pickle=False) as archive:
            for part, group in self.state.items():
                group |= {name: jnp.asarray(archive[f"{part}:{name}"]) for name in group if f"{part}:{name}" in archive.files}


def _write(file: Path, arrays: Arrays) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.part")
    with beside.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    beside.rename(file)


def run(training: Training, bank: Bank, feed: Feed, out: Path, every: int) -> None:
    """To the last step or minute, with a line every so often and the weights written every minute."""
    s, errors = training.settings, list[dict[str, Array]]()
    randoms = jax.random.split(jax.random.key(s.seed + int(1e6 * s.first), impl="rbg"), s.steps)
    began = saved = time.monotonic()
    for step in range(s.steps):
        share = max(step / s.steps, (time.monotonic() - began) / 60 / s.minutes)
        if share >= 1:
            break
        share = s.first + (s.last - s.first) * share
        rate = s.peak_rate * min(1.0, (step + 1) / 100) * (0.01 + 0.99 * np.cos(np.pi / 2 * share) ** 2)
        for chunk in feed.ready(4):
            bank.add(chunk)
        errors.append(training.step(bank, rate, randoms[step]))
        if step in (0, 20) or step % every == every - 1:
            _tell(step + 1, time.monotonic() - began, bank, rate, jax.device_get(errors))
            errors.clear()
            began += time.monotonic() - began if step == 0 else 0  # compiling is no training
        elif step % 10 == 9:  # no further ahead of the device than this
            jax.block_until_ready(errors[-1])
        if time.monotonic() - saved > 60:
            training.save(out)
            saved = time.monotonic()
    training.save(out)


def _tell(step: int, seconds: float, bank: Bank, rate: float, errors: Sequence[Mapping[str, Any]]) -> None:
    means = {name: float(np.mean([one[name] for one in errors])) for name in errors[0]}
    plain, own = (" ".join(f"{means[before + layer]:.3f}" for layer in NAMES) for before in ("", "own "))
    print(f"{step}  {seconds:.0f} s  {bank.drawn} crops  rate {rate:.5f}  errors {plain}  own {own}", flush=True)


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write, .npz; the state goes beside.")],
    photographs: Annotated[list[Path], typer.Option(help="A folder of photographs; may be repeated.")],
    styles: Annotated[list[Path], typer.Option(help="A folder of style pictures; may be repeated.")],
    teacher: Annotated[Path, typer.Option(help="A stand-in's .npz file.")],
    start: Annotated[Path, typer.Option(help="Weights to start from, .npz.")],
    resume: Annotated[Path | None, typer.Option(help="A state to go on from.")] = None,
    sets: Annotated[Path | None, typer.Option(help="Pictures to judge with at the end; see lite_judge.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that draw crops.")] = 15,
    every: Annotated[int, typer.Option(help="Steps between lines.")] = 200,
    steps: int = 12_000,
    minutes: float = 9,
    first: float = 0,
    last: float = 1,
    peak_rate: float = 4.5e-3,
    batch: int = 64,
    bank: int = 16_384,
    sample: int = 240,
    average: float = 0.998,
    shake: float = 2**-8,
    shake_kernels: float = 2**-8,
    heavy: float = 2,
    own: float = 0.3,
    seed: int = 0,
) -> None:
    """Train vgg19-lite on an accelerator."""
    settings = Settings(
        steps, minutes, first, last, peak_rate, batch, 128, bank, sample, average, shake, shake_kernels, heavy, own, seed
    )
    print(jax.devices(), asdict(settings), flush=True)
    feed = Feed(photographs, styles, settings.size, seed, workers)
    try:
        eyes, ring = jaxed.stand_in(teacher), Bank(jnp.zeros((bank, settings.size, settings.size, 3), jnp.uint8))
        pictures = np.concatenate([feed.wait() for _ in range(-(-sample // Feed.CHUNK))])[:sample]
        changed = darkened(jnp.asarray(pictures, jnp.float32) / 255, jax.random.key(seed + 1))
        training = Training(settings, eyes, lite_judge.read_weights(start), np.asarray(changed))
        if resume:
            training.restore(resume)
        while ring.filled < min(bank, 16 * batch):
            ring.add(feed.wait())
        run(training, ring, feed, out, every)
    finally:
        feed.close()
    if sets:
        for name, figures in lite_judge.report(lite_judge.read_weights(out), eyes, sets).items():
            print(f"{name:28}", *(f"{x:.3f}" for x in figures), flush=True)


if __name__ == "__main__":
    typer.run(main)
