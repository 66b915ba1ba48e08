"""Finish `instant-lite`: predictor and transformer, towards the styles. `python -m nst_core.training.instant_finish --help`

What `instant_lite.py` leaves is trained on as its pictures are looked at: 256 px crops out of photographs of 320 to 512 px, so
that a stroke has the size in pixels that it will have, in a style that is met as the whole picture that it is. What processes
draw (`painted`) is kept on the device in blocks of 16 styles of one canvas, each measured once: what the predictor sees of it,
and its Gram matrices. The newest take the places of the oldest. A step paints some crops whole, in one style or a blend of two,
and some by halves; `instant_losses` says what is asked. The predictor moves a fiftieth as fast, and stays near where it began.

The lattice of two pixels is no matter of training: `instant_jaxed.even` makes the last layer unable to draw it on flat ground.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer

from nst_core.errors import BadNetwork, BadRecipe
from nst_core.training import data, instant_jaxed, instant_losses, jaxed, painted, runs
from nst_core.training.feed import PATIENCE, Queue, ready, stream
from nst_core.training.instant_losses import LAST, STYLE, Known, Order, unit
from nst_core.training.jaxed import Array, Convolutions, Eyes, Ring
from nst_core.training.painted import Drawn, Plan
from nst_core.training.runs import Clock, Log
from nst_core.training.vgg19_lite import network

BLOCK = 16  # styles measured at once
WARM_UP = 200  # steps


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides the numbers, besides pictures and eyes."""

    minutes: float = 8.0
    schedule: tuple[float, float] = (0.0, 1.0)  # the part of the falling rate that these minutes are
    peak_rate: float = 1.5e-3
    predictor_rate: float = 0.02  # times the transformer's
    seed: int = 0
    whole: int = 32  # crops a step that are painted whole
    halved: int = 16  # and by halves
    blocks: int = 480  # kept
    content_weight: float = 0.25
    variation_weight: float = 0.05
    wall_weight: float = 0.4
    vector_weight: float = 0.02
    blended: float = 0.1  # share of the whole ones that are painted in a blend of two
    average: float = 0.999


DEFAULTS = Settings()


# --- what is kept on the device ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Bank:
    """Measured styles and photographs, in blocks of one canvas each; predictors: what the predictor sees through."""

    eyes: Eyes
    predictors: Convolutions
    plan: Plan
    blocks: int
    ring: Ring = field(init=False)
    canvases: np.ndarray = field(init=False)  # of the blocks
    own: np.ndarray = field(init=False)  # (blocks, BLOCK), that the style is the photograph of its crops
    _waiting: dict[int, list[Drawn]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ring = Ring(self.blocks)
        self.canvases, self.own = np.zeros(self.blocks, int), np.zeros((self.blocks, BLOCK), bool)

    def take(self, drawn: Drawn) -> None:
        """Sixteen of a canvas become a block."""
        waiting = self._waiting.setdefault(drawn.canvas, [])
        waiting.append(drawn)
        if len(waiting) < BLOCK:
            return
        style, seen, contents, walls = (np.stack([one[i] for one in waiting]) for i in range(2, len(drawn)))
        known = measured(self.eyes, self.predictors, style, seen)
        at = self.ring.put({"contents": contents, "walls": walls, **known})
        self.canvases[at], self.own[at] = drawn.canvas, [one.own for one in waiting]
        waiting.clear()

    def choose(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Styles, other styles of the same canvas, photographs of that canvas: numbers among all, (count,)."""
        canvases = self.canvases[: self.ring.filled]
        first = rng.integers(self.ring.filled, size=count)
        second, third = np.empty_like(first), np.empty_like(first)
        for canvas in np.unique(canvases[first]):
            here, same = canvases[first] == canvas, np.flatnonzero(canvases == canvas)
            second[here], third[here] = rng.choice(same, (2, here.sum()))
        style, other, place = (rng.integers(BLOCK, size=count) for _ in range(3))
        own = self.own[first, style]
        photograph = np.where(own, first * BLOCK + style, third * BLOCK + place) * self.plan.crops
        return first * BLOCK + style, second * BLOCK + other, photograph + rng.integers(self.plan.crops, size=count)


@jax.jit
def measured(eyes: Eyes, predictors: Convolutions, styles: Array, seen: Array) -> dict[str, Array]:
    """uint8 (n, h, w, 3) and (n, h', w', 3) to gram/LAYER, (n, c, c), and statistics; in float32, since it is done once."""
    maps = eyes.raw_maps(unit(styles), LAST)
    grams = {f"gram/{layer}": jaxed.gram(jax.nn.relu(maps[layer])) for layer in STYLE if layer in maps}
    return {**grams, "statistics": instant_jaxed.style_statistics(predictors, network.normalised(unit(seen)))}


# --- steps ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Finish:
    """A run: `step` makes the next step and gives its losses, on the device. start: as `InstantLite` reads them."""

    settings: Settings
    bank: Bank
    start: Mapping[str, np.ndarray]
    state: dict[str, Any] = field(init=False)
    steps: int = 0
    _known: Known = field(init=False)
    _graph: Any = field(init=False)

    def __post_init__(self) -> None:
        arrays = jaxed.on_device(self.start)
        self.state = jaxed.state_of({name: a for name, a in arrays.items() if name not in ("predictor/0", "predictor/1")})
        self._known = Known(_rough(self.bank.eyes), instant_jaxed.ordered(arrays, "predictor"))
        self._graph = jax.jit(partial(_step, self.settings), donate_argnums=0)

    def step(self, over: float) -> dict[str, Array]:
        """over: how much of the training is, for the rate. What is picked follows from the seed and the step's number."""
        rate = runs.rate(self.settings.peak_rate, self.steps, over, WARM_UP)
        order = self.ordered(np.random.default_rng((self.settings.seed, self.steps)))
        self.state, losses = self._graph(self.state, self._known, self.bank.ring.arrays, order, np.float32(rate))
        self.steps += 1
        return dict(losses)

    def ordered(self, rng: np.random.Generator) -> Order:
        """A photograph in its own style is never a blend."""
        one, whole = self.settings, self.settings.whole
        first, other, contents = self.bank.choose(whole + one.halved, rng)
        share = np.where(rng.random(whole) < one.blended, rng.random(whole), 1.0).astype(np.float32)
        own = self.bank.own.reshape(-1)[first[:whole]]
        mirrored, turned = rng.random(len(contents)) < 0.5, rng.random(one.halved) < 0.5
        return Order(contents, mirrored, first, other, np.where(own, np.float32(1), share), turned)

    def arrays(self) -> dict[str, np.ndarray]:
        """What gets published: the moving average, evened."""
        return {**self.start, **{name: np.asarray(a) for name, a in instant_jaxed.even(self.state["average"]).items()}}

    def save(self, file: Path) -> None:
        jaxed.write_state(file, self.state, self.steps)

    def restore(self, file: Path) -> None:
        """Raises: BadNetwork when the state is another training's."""
        self.state, self.steps = jaxed.read_state(file, self.state)


def _rough(eyes: Eyes) -> Eyes:
    """The same in bfloat16, but for what makes its input."""
    kernels = {layer: tuple(jnp.asarray(a, jnp.bfloat16) for a in pair) for layer, pair in eyes.convolutions.items()}
    return Eyes({layer: (kernel, bias) for layer, (kernel, bias) in kernels.items()}, *map(jnp.asarray, eyes[1:]))


def _step(
    settings: Settings, state: Any, known: Known, bank: Mapping[str, Array], order: Order, rate: Array
) -> tuple[dict[str, Any], dict[str, Array]]:
    variables = state["variable"]
    gradients, losses = jax.grad(_loss, has_aux=True)(variables, settings, known, bank, order)
    rates = {name: rate * settings.predictor_rate if name.startswith("predictor/") else rate for name in variables}
    return jaxed.stepped(state, gradients, rates, average=settings.average), losses


def _loss(
    variables: Mapping[str, Array], settings: Settings, known: Known, bank: Mapping[str, Array], order: Order
) -> tuple[Array, dict[str, Array]]:
    """What is lowered, and all its parts by name."""
    found = instant_losses.losses(variables, known, bank, order)
    count = settings.whole + settings.halved
    loss = (settings.whole * found["style"] + settings.halved * found["halves"]) / count
    for name in ("content", "variation", "wall", "vector"):
        loss += getattr(settings, f"{name}_weight") * found[name]
    return loss, {"loss": loss, **found}


# --- the command ------------------------------------------------------------------------------------------------------


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write, .npz; state and manifest go beside.")],
    photographs: runs.Photographs,
    styles: runs.Styles,
    eyes: runs.StandIn,
    predictors_eyes: Annotated[Path, typer.Option(help="vgg19-lite, .npz: what the predictor sees through.")],
    start: Annotated[Path, typer.Option(help="Weights to start from, .npz.")],
    minutes: runs.Minutes = DEFAULTS.minutes,
    rate: runs.Rate = DEFAULTS.peak_rate,
    schedule: Annotated[str, typer.Option(help="The part of the falling rate that these minutes are.")] = "0,1",
    content_weight: Annotated[float, typer.Option(help="Of the content; the style's is 1.")] = DEFAULTS.content_weight,
    wall_weight: Annotated[float, typer.Option(help="Of the calm on walls.")] = DEFAULTS.wall_weight,
    vector_weight: Annotated[float, typer.Option(help="Of the predictor's staying near.")] = DEFAULTS.vector_weight,
    size: Annotated[int, typer.Option(help="Of the crops, in pixels.")] = 256,
    whole: Annotated[int, typer.Option(help="Crops a step that are painted whole.")] = DEFAULTS.whole,
    halved: Annotated[int, typer.Option(help="Crops a step that are painted by halves.")] = DEFAULTS.halved,
    blocks: Annotated[int, typer.Option(help="Of sixteen styles, kept on the device.")] = DEFAULTS.blocks,
    first: Annotated[int, typer.Option(help="Blocks to wait for before the first step.")] = 60,
    processes: runs.Processes = 15,
    seed: runs.Seed = 0,
    resume: runs.State = None,
    log: runs.LogFile = None,
) -> None:
    """Train instant-lite on."""
    settings = Settings(
        minutes, _part(schedule), rate, seed=seed, whole=whole, halved=halved, blocks=blocks,
        content_weight=content_weight, wall_weight=wall_weight, vector_weight=vector_weight,
    )  # fmt: skip
    arrays, seeing, plan = _starting(start), jaxed.stand_in(eyes), Plan(size=size)
    predictors = network.convolutions(network.read(predictors_eyes))
    pools = painted.Pools(data.load(photographs, max(352, size)), data.load(styles, 512))
    with stream(partial(pools.draw, plan), seed, processes) as queue:
        finish = Finish(settings, Bank(seeing, predictors, plan, blocks), arrays)
        if resume:
            finish.restore(resume)
        run(finish, queue, first, out, Log(log))


def _part(schedule: str) -> tuple[float, float]:
    try:
        first, last = map(float, schedule.split(","))
    except ValueError:
        raise BadRecipe(f"A schedule is two numbers such as 0,0.5, not {schedule}.") from None
    return first, last


def _starting(file: Path) -> dict[str, np.ndarray]:
    arrays = runs.read_arrays(file)
    if not {*(f"predictor/{i}" for i in range(4)), "transformer/0"} <= set(arrays):
        raise BadNetwork(f"{file} holds no weights of instant-lite; name another file.")
    return arrays


def run(finish: Finish, queue: Queue[Drawn], first: int, out: Path, notes: Log) -> None:
    """Until time is over; weights and state every minute. first: blocks to wait for."""
    bank, told = finish.bank, list[dict[str, Array]]()
    while bank.ring.count < first:
        bank.take(queue.get(timeout=PATIENCE))
    notes.note({"measured": bank.ring.count * BLOCK})
    clock = Clock(finish.settings.minutes, *finish.settings.schedule)
    compiled = False
    while (share := clock.share) < 1:
        told.append(finish.step(clock.over(share)))
        if not compiled:
            jax.block_until_ready(told)
            clock.restart()
            compiled = True
        for drawn in ready(queue, 4):
            bank.take(drawn)
        if finish.steps % 100 == 0:
            means = {name: float(np.mean([float(one[name]) for one in told])) for name in told[0]}
            notes.note({"step": finish.steps, "seconds": round(clock.seconds, 1), "blocks": bank.ring.count, **means})
            told.clear()
        if clock.due():
            save(finish, out)
    save(finish, out)
    notes.note({"end": finish.steps, "styles": bank.ring.count * BLOCK})


def save(finish: Finish, out: Path) -> None:
    """Weights, manifest and what the next step depends on."""
    finish.save(out.with_suffix(".state.npz"))
    about = {"model": "instant-lite", "settings": asdict(finish.settings), "plan": asdict(finish.bank.plan)}
    counts = {"steps": finish.steps, "styles": finish.bank.ring.count * BLOCK}
    runs.publish(out, finish.arrays(), {**about, **counts, "machine": jaxed.machine()})


if __name__ == "__main__":
    runs.command(main)
