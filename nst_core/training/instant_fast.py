"""Finish `instant-lite` on an accelerator, in JAX: predictor and transformer, towards the styles.
`python -m nst_core.training.instant_fast --help`

As `instant_finish` does, with a hundred times as many pictures. What processes draw (`painted`) is kept on the device in blocks
of 16 styles of one canvas, each measured once: what the predictor sees of it, and its Gram matrices. The newest take the
places of the oldest. A step paints some crops whole, in one style or a blend of two, and some by halves, each half in a style
of its own, by `transform_by_region`, as masks do. The predictor moves a hundredth as fast, and stays near where it began.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import typer

from nst_core.training import data, instant_jaxed, jaxed, painted, runs
from nst_core.training.jaxed import Array
from nst_core.training.painted import Drawn, Plan, Pools
from nst_core.training.runs import Log

STYLE = {f"block{n}_conv1": 1.0 for n in range(1, 6)} | {"block2_conv2": 0.5, "block3_conv4": 0.5}  # weights of its layers
CONTENT = "block4_conv2"
LAST = "block5_conv1"
BLOCK = 16  # styles measured at once
LOW = 8  # pixels: brightness of areas this large shows halos, and no strokes
VARIANCE = 0.15  # of style vectors about their mean
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


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
    content_weight: float = 0.014
    variation_weight: float = 0.05
    wall_weight: float = 0.4
    vector_weight: float = 0.02
    blended: float = 0.1  # share of the whole ones that are painted in a blend of two
    average: float = 0.999


DEFAULTS = Settings()


# --- what is kept on the device ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Bank:
    """Measured styles and photographs, in blocks of one canvas each."""

    eyes: tuple[jaxed.Convolutions, np.ndarray, np.ndarray]
    predictors: jaxed.Convolutions
    plan: Plan
    blocks: int
    arrays: dict[str, Array] = field(default_factory=dict)
    canvases: np.ndarray = field(init=False)  # of the blocks
    own: np.ndarray = field(init=False)  # (blocks, BLOCK)
    count: int = 0  # blocks ever taken in
    _waiting: dict[int, list[Drawn]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.canvases, self.own = np.zeros(self.blocks, int), np.zeros((self.blocks, BLOCK), bool)

    def take(self, drawn: Drawn) -> None:
        """Sixteen of a canvas become a block."""
        waiting = self._waiting.setdefault(drawn.canvas, [])
        waiting.append(drawn)
        if len(waiting) < BLOCK:
            return
        parts = {name: np.stack([getattr(one, name) for one in waiting]) for name in ("style", "seen", "contents", "walls")}
        block = {"contents": parts["contents"], "walls": parts["walls"], **self._measured(parts["style"], parts["seen"])}
        if not self.arrays:
            self.arrays = {name: jnp.zeros((self.blocks, *a.shape), a.dtype) for name, a in block.items()}
        at = self.count % self.blocks
        self.arrays = _replaced(self.arrays, block, at)
        self.canvases[at], self.own[at] = drawn.canvas, [one.own for one in waiting]
        self.count += 1
        waiting.clear()

    @property
    def filled(self) -> int:
        return min(self.count, self.blocks)

    def choose(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Styles, other styles of the same canvas, photographs of that canvas: numbers among all, (count,)."""
        canvases = self.canvases[: self.filled]
        first = rng.integers(self.filled, size=count)
        second, third = np.empty_like(first), np.empty_like(first)
        for canvas in np.unique(canvases[first]):
            here, same = canvases[first] == canvas, np.flatnonzero(canvases == canvas)
            second[here], third[here] = rng.choice(same, (2, here.sum()))
        style, other, place = (rng.integers(BLOCK, size=count) for _ in range(3))
        own = self.own[first, style]
        photograph = np.where(own, first * BLOCK + style, third * BLOCK + place) * self.plan.crops
        return first * BLOCK + style, second * BLOCK + other, photograph + rng.integers(self.plan.crops, size=count)

    def _measured(self, styles: np.ndarray, seen: np.ndarray) -> dict[str, Array]:
        return _measured(*self.eyes, self.predictors, styles, seen)


@partial(jax.jit, donate_argnums=0)
def _replaced(arrays: dict[str, Array], block: dict[str, Array], at: Array) -> dict[str, Array]:
    return {name: a.at[at].set(block[name]) for name, a in arrays.items()}


@jax.jit
def _measured(
    eyes: jaxed.Convolutions, mix: Array, shift: Array, predictors: jaxed.Convolutions, styles: Array, seen: Array
) -> dict[str, Array]:
    """float32 throughout: it is done once."""
    maps = jaxed.raw_maps(eyes, unit(styles) @ mix + shift, LAST)
    grams = {f"gram/{layer}": jaxed.gram(jax.nn.relu(maps[layer])) for layer in STYLE if layer in maps}
    statistics = instant_jaxed.style_statistics(predictors, (unit(seen) - MEAN) / DEVIATION)
    return {**grams, "statistics": statistics}


def unit(x: Array) -> Array:
    return x.astype(jnp.float32) / 255


# --- steps ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Finish:
    """A run: `step` makes the next step and gives its losses, on the device."""

    settings: Settings
    bank: Bank
    start: Mapping[str, np.ndarray]
    state: dict[str, Any] = field(init=False)
    steps: int = 0
    _graph: Any = field(init=False)

    def __post_init__(self) -> None:
        self.state = jaxed.state_of({n: jnp.asarray(a, jnp.float32) for n, a in self.start.items() if n not in FIXED})
        fixed = {n: jnp.asarray(a, jnp.float32) for n, a in self.start.items() if n.startswith("predictor/")}
        mix = tuple(jnp.asarray(a, jnp.float32) for a in self.bank.eyes[1:])
        eyes = {layer: tuple(jnp.asarray(a, jnp.bfloat16) for a in pair) for layer, pair in self.bank.eyes[0].items()}
        self._graph = jax.jit(partial(_step, self.settings), donate_argnums=0)
        self._graph = partial(_called, self._graph, fixed, eyes, mix)

    def step(self, elapsed: float) -> dict[str, Array]:
        """elapsed: share of the time that is over, which decides the rate."""
        one, rng = self.settings, np.random.default_rng((self.settings.seed, self.steps))
        rate = (
            one.peak_rate * min(1.0, (self.steps + 1) / (2 * runs.WARM_UP)) * (0.01 + 0.99 * np.cos(np.pi / 2 * elapsed) ** 2)
        )
        styles, others, contents = self.bank.choose(one.whole + one.halved, rng)
        share = np.where(rng.random(one.whole) < one.blended, rng.random(one.whole), 1.0).astype(np.float32)
        own = self.bank.own.reshape(-1)[styles[: one.whole]]
        order = {
            "content": contents,
            "mirrored": rng.random(len(contents)) < 0.5,
            "turned": rng.random(one.halved) < 0.5,
            "first": styles,
            "other": others,
            "share": np.where(own, np.float32(1), share),
        }
        self.state, losses = self._graph(self.state, self.bank.arrays, order, np.float32(rate))
        self.steps += 1
        return losses

    def arrays(self) -> dict[str, np.ndarray]:
        """What gets published: the moving average, evened."""
        return {**self.start, **{name: np.asarray(a) for name, a in instant_jaxed.even(self.state["average"]).items()}}


FIXED = ("predictor/0", "predictor/1")


def _called(graph: Any, fixed: Any, eyes: Any, mix: Any, state: Any, bank: Any, order: Any, rate: Any) -> Any:
    return graph(state, fixed, eyes, mix, bank, order, rate)


def _step(
    settings: Settings, state: Any, fixed: Any, eyes: Any, mix: Any, bank: Any, order: Any, rate: Any
) -> tuple[Any, dict[str, Array]]:
    variables = state["variable"]
    (_, losses), gradients = jax.value_and_grad(_loss, has_aux=True)(variables, settings, fixed, eyes, mix, bank, order)
    rates = {n: rate * settings.predictor_rate if n.startswith("predictor/") else rate for n in variables}
    return jaxed.stepped(state, gradients, rates, average=settings.average), losses


def _loss(variables: Any, settings: Settings, fixed: Any, eyes: Any, mix: Any, bank: Any, order: Any) -> Any:
    whole = settings.whole
    flat = {name: a.reshape(-1, *a.shape[2:]) for name, a in bank.items()}
    crops, walls = (flat[name].reshape(-1, *flat[name].shape[2:]) for name in ("contents", "walls"))
    x, wall = unit(crops[order["content"]]), walls[order["content"]][..., None].astype(jnp.float32)
    x, wall = (jnp.where(order["mirrored"][:, None, None, None], a[:, :, ::-1], a) for a in (x, wall))
    turn = (
        lambda a: a.at[whole:].set(  # noqa: E731
            jnp.where(order["turned"][:, None, None, None], jnp.swapaxes(a[whole:], 1, 2), a[whole:])
        )
    )
    x, wall = turn(x), turn(wall)

    predictor = [*(fixed[name] for name in FIXED), variables["predictor/2"], variables["predictor/3"]]
    both = jnp.concatenate([order["first"], order["other"]])
    statistics = flat["statistics"][both]
    vectors, before = (
        instant_jaxed.style_vector(p, statistics) for p in (predictor, instant_jaxed.ordered(fixed, "predictor"))
    )
    first, other = jnp.split(vectors, 2)
    share = order["share"][:, None]
    blends = share * first[:whole] + (1 - share) * other[:whole]

    parameters = instant_jaxed.ordered(instant_jaxed.even(variables), "transformer")
    rough = x.astype(jnp.bfloat16)
    size = x.shape[1]
    y = instant_jaxed.transform(parameters, rough[:whole], blends)
    top = (jnp.arange(size) < size // 2).astype(jnp.float32)
    shares = jnp.broadcast_to(jnp.stack([top, 1 - top], -1)[None, :, None], (settings.halved, size, size, 2))
    z = instant_jaxed.transform_by_region(parameters, rough[whole:], jnp.stack([first[whole:], other[whole:]], 1), shares)

    def gram_of(index: Array, name: str) -> Array:
        return flat[f"gram/{name}"][index]

    halves = lambda a: jnp.concatenate(jnp.split(a, 2, 1))  # noqa: E731
    layers = [name for name in STYLE if f"gram/{name}" in flat]
    scale = share[..., None]
    wanted = {n: scale * gram_of(order["first"][:whole], n) + (1 - scale) * gram_of(order["other"][:whole], n) for n in layers}
    ends = jnp.concatenate([order["first"][whole:], order["other"][whole:]])
    parts = [
        _distances(eyes, mix, y, x[:whole], wanted),
        _distances(eyes, mix, halves(z), halves(x[whole:]), {n: gram_of(ends, n) for n in layers}),
    ]
    counts = np.array([whole, settings.halved], np.float32)
    weight = counts / counts.sum()
    style, content = (sum(w * part[i] for w, part in zip(weight, parts, strict=True)) for i in (0, 1))
    everything, everywhere = jnp.concatenate([y, z]), wall
    variation = _variation(everything)
    unrest = _unrest(y, everywhere[:whole]) + _unrest(halves(z), halves(everywhere[whole:]))
    vector = ((vectors - before) ** 2).mean() / VARIANCE
    loss = style + settings.content_weight * content + settings.variation_weight * variation
    loss = loss + settings.wall_weight * unrest / 2 + settings.vector_weight * vector
    told = {"loss": loss, "style": parts[0][0], "halves": parts[1][0], "content": content}
    return loss, {**told, "variation": variation, "wall": unrest / 2, "vector": vector}


def _distances(eyes: Any, mix: Any, y: Array, x: Array, wanted: Mapping[str, Array]) -> tuple[Array, Array]:
    """Style and content distance, means over the pictures."""
    see = lambda a, last: jaxed.raw_maps(eyes, (a @ mix[0] + mix[1]).astype(jnp.bfloat16), last)  # noqa: E731
    have, content = see(y, LAST), jax.nn.relu(see(x, CONTENT)[CONTENT])
    apart = {n: jaxed.relative(jaxed.gram(jax.nn.relu(have[n])), gram).mean() for n, gram in wanted.items()}
    style = sum(STYLE[n] * d for n, d in apart.items()) / sum(STYLE[n] for n in apart)
    return style, jaxed.relative(jax.nn.relu(have[CONTENT]), content).mean()


def _variation(x: Array) -> Array:
    down, right = jnp.abs(x[:, 1:] - x[:, :-1]), jnp.abs(x[:, :, 1:] - x[:, :, :-1])
    return (down.sum() + right.sum()) / x.size


def _unrest(pictures: Array, walls: Array) -> Array:
    """Mean difference of neighbouring areas that both lie on a wall; zero where there is none."""

    def low(x: Array) -> Array:
        n, h, w, c = x.shape
        return x.reshape(n, h // LOW, LOW, w // LOW, LOW, c).mean((2, 4))

    x, inside = low(pictures), (low(walls) > 0.99).astype(jnp.float32)
    down = jnp.abs(x[:, 1:] - x[:, :-1]), inside[:, 1:] * inside[:, :-1]
    right = jnp.abs(x[:, :, 1:] - x[:, :, :-1]), inside[:, :, 1:] * inside[:, :, :-1]
    return sum((apart * both).sum() / (3 * both.sum() + 1) for apart, both in (down, right)) / 2


# --- the command ------------------------------------------------------------------------------------------------------


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write, .npz; checkpoint and manifest go beside.")],
    photographs: runs.Photographs,
    styles: runs.Styles,
    eyes: Annotated[Path, typer.Option(help="A stand-in for VGG-19, .npz: what judges.")],
    predictors_eyes: Annotated[Path, typer.Option(help="vgg19-lite, .npz: what the predictor sees through.")],
    start: Annotated[Path, typer.Option(help="Weights to start from, .npz.")],
    minutes: Annotated[float, typer.Option(help="From the first step; the rate falls towards the end.")] = DEFAULTS.minutes,
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
    processes: Annotated[int, typer.Option(help="That draw pictures.")] = 15,
    seed: runs.Seed = 0,
    resume: Annotated[Path | None, typer.Option(help="A state to go on from.")] = None,
    log: runs.LogFile = None,
) -> None:
    """Train instant-lite on, on an accelerator."""
    settings = Settings(
        minutes, tuple(map(float, schedule.split(","))), rate, seed=seed, whole=whole, halved=halved, blocks=blocks,
        content_weight=content_weight, wall_weight=wall_weight, vector_weight=vector_weight,
    )  # fmt: skip
    plan, notes = Plan(size=size), Log(log)
    pools = Pools(data.load(photographs, max(352, size)), data.load(styles, 512))
    with painted.stream(pools, plan, seed, processes) as queue:
        network, mix, shift = jaxed.stand_in(eyes)
        bank = Bank((network, mix, shift), lite(runs.read_arrays(predictors_eyes)), plan, blocks)
        finish = Finish(settings, bank, runs.read_arrays(start))
        if resume:
            finish.state, finish.steps = restored(resume)
        run(finish, queue, first, out, notes)


def lite(arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """vgg19-lite's convolutions by layer."""
    keys = sorted({name.split(".")[0] for name in arrays})
    return {f"block{key[4]}_conv{key[5]}": (arrays[f"{key}.weight"], arrays[f"{key}.bias"]) for key in keys}


def run(finish: Finish, queue: Any, first: int, out: Path, notes: Log) -> None:
    """Until time is over; weights and state every minute."""
    bank, settings = finish.bank, finish.settings
    while bank.count < first:
        bank.take(queue.get())
    notes.note({"measured": bank.count * BLOCK})
    began = saved = time.time()
    told: list[dict[str, Array]] = []
    begin, end = settings.schedule
    while (share := (time.time() - began) / (60 * settings.minutes)) < 1:
        told.append(finish.step(begin + share * (end - begin)))
        if len(told) == 1 and began == saved:
            jax.block_until_ready(told[0])
            began += time.time() - began  # compiling is no training
        for _ in range(4):
            if not queue.empty():
                bank.take(queue.get())
        if finish.steps % 100 == 0:
            means = {n: float(np.mean([float(t[n]) for t in told])) for n in told[0]}
            notes.note({"step": finish.steps, "seconds": round(time.time() - began, 1), "blocks": bank.count, **means})
            told.clear()
        if time.time() - saved > 60:
            save(finish, out)
            saved = time.time()
    save(finish, out)
    notes.note({"end": finish.steps, "styles": bank.count * BLOCK})


def save(finish: Finish, out: Path) -> None:
    arrays = {f"{part}:{n}": np.asarray(a) for part, group in finish.state.items() for n, a in group.items()}
    runs.write_arrays(out.with_suffix(".state.npz"), {**arrays, "step": np.int64(finish.steps)})
    about = {"model": "instant-lite", "settings": asdict(finish.settings), "plan": asdict(finish.bank.plan)}
    machine = f"{jax.devices()[0].device_kind}, JAX {jax.__version__}"
    styles = finish.bank.count * BLOCK
    runs.publish(out, finish.arrays(), {**about, "steps": finish.steps, "styles": styles, "machine": machine})


def restored(file: Path) -> tuple[dict[str, Any], int]:
    with np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    steps = int(arrays.pop("step"))
    state: dict[str, Any] = {}
    for name, a in arrays.items():
        part, _, variable = name.partition(":")
        state.setdefault(part, {})[variable] = jnp.asarray(a)
    return state, steps


if __name__ == "__main__":
    runs.command(main)
