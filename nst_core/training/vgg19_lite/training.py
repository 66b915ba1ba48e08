"""A training of `vgg19-lite`: its maps are to predict the teacher's linearly, by a 1×1 head a layer, used in training only.

- The target is the teacher's map before its ReLU, under a leaky one, each channel over its standard deviation: dense, well
  scaled, and no unit of ours has to die to match a zero.
- The maps must bear bfloat16, in which the optimiser computes. There a map goes wrong where large terms cancel, most of all in
  the dark, whose pixels all lie two deviations below the mean. So every kernel, every convolution's sum and every map is
  shaken by a random share of itself: what rests on cancellation costs.
- One crop in eight is made dark, one in sixteen flat, with faint grain; and besides the errors over the batch count those of
  each picture over how much its own maps vary, else what is faint would count for nothing.
- The logarithms of the errors are added, so that no layer is too small to be heard; the deepest two count `heavy` times.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nst_core.images import Image
from nst_core.training import jaxed
from nst_core.training.data import Bytes
from nst_core.training.jaxed import JaxArray, JaxNetwork, Ring
from nst_core.training.vgg19_lite import network
from nst_core.training.vgg19_lite.heads import seen, solve_heads, targets
from nst_core.training.vgg19_lite.network import NAMES, Weights, key
from nst_core.training.vgg19_lite.pictures import CHUNK, darkened

FAINT = 0.01  # variance of a picture's targets below which its own errors count less
HEAVY = ("block4_conv3", "block5_conv1")
FITTED = 60  # pictures of the sample that scales and first heads are taken from
CLIP = 50  # of the gradients' norm
TURNED = frozenset(f"{key(layer)}.kernel" for layer in NAMES)


@dataclass(frozen=True, slots=True)
class Vgg19LiteSettings:
    """Hold everything that determines the result besides pictures and teacher."""

    steps: int = 12_000
    minutes: float = 9
    first: float = 0  # where on the falling rate this run begins and ends, so that two runs can share one fall
    last: float = 1
    peak_rate: float = 4.5e-3
    batch: int = 64
    size: int = 128
    bank: int = 16_384  # crops on the device, at most
    sample: int = 240  # pictures that the last moments are taken from, and of them scales and first heads
    average: float = 0.998
    shake: float = 2**-8
    shake_kernels: float = 2**-8
    heavy: float = 2
    own: float = 0.3  # weight of the errors over each picture's own variance
    seed: int = 0

    def new_ring(self) -> Ring:
        """Return a ring buffer for blocks of CHUNK crops."""
        return Ring(max(1, self.bank // CHUNK))


@dataclass(slots=True)
class Vgg19LiteTraining:
    """A run: `step` makes the next one; its errors stay on the device until someone looks.

    sample: (n, size, size, 3) in [0, 1], `darkened` as the steps' crops are.
    """

    settings: Vgg19LiteSettings
    teacher: JaxNetwork
    start: Mapping[str, np.ndarray]
    sample: Image
    steps: int = 0
    state: dict[str, Any] = field(init=False)
    _scales: Weights = field(init=False)
    _graph: Any = field(init=False)
    _random: JaxArray = field(init=False)

    def __post_init__(self) -> None:
        want = seen(lambda x: targets(self.teacher, x), self.sample[:FITTED])
        self._scales = {layer: np.maximum(np.where(x > 0, x, 0.2 * x).std((0, 1, 2)), 1e-6) for layer, x in want.items()}
        self._random = jax.random.key(self.settings.seed, impl="rbg")
        self.state = jaxed.state_of(jaxed.on_device(self._first(want)))
        self._graph = jax.jit(self._step)

    def _first(self, want: Weights) -> Weights:
        """Return the initial variables under batch normalisation, and heads that fit them."""
        rng, x = np.random.default_rng((self.settings.seed, 2)), jnp.asarray(network.normalised(self.sample[:FITTED]))
        with jax.default_matmul_precision("highest"):
            arrays = network.revived(self.start, x, rng)
            have = jax.device_get(jax.jit(network.normed_maps)(arrays, x))
        heads = solve_heads(have, {layer: raw / self._scales[layer] for layer, raw in want.items()})
        for layer, (head, shift) in heads.items():
            arrays |= {f"head/{layer}": head, f"shift/{layer}": shift}
        return arrays

    def step(self, ring: Ring, rate: float) -> dict[str, JaxArray]:
        """Make a step on crops of the ring, chosen by seed and step number. The ring must not be empty."""
        random = jax.random.fold_in(self._random, self.steps)
        self.state, errors = self._graph(self.state, ring.arrays["crops"], ring.filled, rate, random)
        self.steps += 1
        return dict(errors)

    def _step(
        self, state: Any, crops: JaxArray, filled: int, rate: JaxArray, random: JaxArray
    ) -> tuple[Any, dict[str, JaxArray]]:
        picks, changes, shakes = jax.random.split(random, 3)
        chosen = jax.random.randint(picks, (self.settings.batch,), 0, filled * crops.shape[1])
        x = darkened(crops[chosen // crops.shape[1], chosen % crops.shape[1]].astype(jnp.float32) / 255, changes)
        gradients, errors = jax.grad(self._loss, has_aux=True)(state["variable"], x, shakes)
        rates = dict.fromkeys(gradients, rate)
        return jaxed.stepped(state, gradients, rates, turned=TURNED, average=self.settings.average, clip=CLIP), errors

    def _loss(self, variables: Any, x: JaxArray, random: JaxArray) -> tuple[JaxArray, dict[str, JaxArray]]:
        settings, loss, errors = self.settings, jnp.float32(0), dict[str, JaxArray]()
        want, rough = targets(self.teacher, x), network.normalised(x).astype(jnp.bfloat16)
        kernels = settings.shake_kernels
        have = network.normed_maps(variables, rough, shake=settings.shake, shake_kernels=kernels, random=random)
        for layer in have:
            head = variables[f"head/{layer}"].astype(jnp.bfloat16)
            guess = jnp.einsum("nhwc,cd->nhwd", have[layer], head, preferred_element_type=jnp.float32)
            true = leaky(want[layer] / self._scales[layer])
            wrong = leaky(guess + variables[f"shift/{layer}"]) - true
            own = (wrong.var((1, 2)).mean(-1) / (true.var((1, 2)).mean(-1) + FAINT)).mean()
            errors |= {layer: (wrong**2).mean(), f"own {layer}": own}
            weight = settings.heavy if layer in HEAVY else 1
            loss += weight * (jnp.log(errors[layer]) + settings.own * jnp.log(own))
        return loss, errors

    def network(self) -> Weights:
        """Return the published network: the moving average without the heads, folded and scaled."""
        return network.published(jax.device_get(self.state["average"]), self.sample)

    def save(self, file: Path) -> None:
        jaxed.write_state(file, self.state, self.steps)

    def restore(self, file: Path) -> None:
        """Read a state. Raises: BadNetwork if it belongs to another training."""
        self.state, self.steps = jaxed.read_state(file, self.state)


def leaky(x: JaxArray) -> JaxArray:
    return jax.nn.leaky_relu(x, 0.2)


def sampled(chunks: list[Bytes], count: int, seed: int) -> Image:
    """Return `count` of these crops, in the way `Vgg19LiteTraining` takes its sample."""
    crops = np.concatenate(chunks)[:count]
    return np.asarray(jax.jit(darkened)(jnp.asarray(crops, jnp.float32) / 255, jax.random.key(seed + 1)))
