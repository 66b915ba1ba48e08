"""Train `instant-lite`, predictor and transformer: `python -m nst_core.training.instant_lite --help`

Processes draw styles and contents (`painted`); each style is measured once and stored in a bank, where the newest replaces the
oldest. A step paints a few contents of one size, each in its own style, and adds up `instant_losses`. In a third of the steps
the core sees the contents at half their size, as with pictures of 2048 px. The weight of the teacher decreases over time. Runs
on a CPU or an accelerator; can be interrupted and resumed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import typer
from torch import Tensor
from torch.nn import functional

from nst_core.errors import BadNetwork
from nst_core.training import data, instant_losses, instant_network, painted, runs
from nst_core.training.feed import PATIENCE, Feed, ready, stream
from nst_core.training.instant_losses import FINE_LAYERS, LAYERS
from nst_core.training.instant_network import Convolutions, maps_of
from nst_core.training.microast import MicroAst, Taught, stacked
from nst_core.training.painted import Drawn, Plan
from nst_core.training.runs import Clock, Log

WARM_UP = 50  # steps
HEAD = ("lines", "guide", "refine", "out")  # layers that learn faster, because no later layer can compensate for them
PARTS = ("variable", "average", "mean", "square")  # of a state: variables, their average, moments of the gradients


WEIGHTS: Mapping[str, float] = {
    "statistics": 1.2, "gram": 0.4, "content": 0.6, "structure": 0.25, "coarse": 0.3, "teacher": 0.1, "palette": 0.6,
    "stray": 3.0, "fringe": 1.0, "lattice": 0.6, "shift": 1.0,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class InstantLiteSettings:
    """Hold everything that determines the result besides pictures and networks."""

    minutes: float = 90.0
    schedule: tuple[float, float] = (0.0, 1.0)  # the part of the schedules of rate and teacher that these minutes cover
    peak_rate: float = 8e-4
    head_rate: float = 1.5  # relative to the peak
    core_rate: float = 0.7
    predictor_rate: float = 0.03
    batch: int = 2
    bank: int = 800  # stored styles
    fresh: int = 4  # steps per new style
    shifted: float = 0.3  # fraction of the steps with the loss of a shifted photograph
    average: float = 0.998
    clip: float = 2.0
    seed: int = 0
    weights: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))


TEACHER_LEFT = 0.15  # of the teacher's weight in the second half
DEFAULTS = InstantLiteSettings()


class Networks(NamedTuple):
    """Hold the networks that do not change."""

    judge: "Judge"
    predictor: Convolutions
    teacher: MicroAst


class Judge:
    """Run the network of the losses: a replacement for VGG-19 up to conv4_1. Raises: ModelUnavailable, BadNetwork."""

    def __init__(self, file: Path, device: torch.device) -> None:
        convolutions, mix, shift = runs.stand_in(file)
        tensor = partial(torch.tensor, device=device)
        self._convolutions = {f"{name[5]}{name[-1]}": (_kernel(tensor(k)), tensor(b)) for name, (k, b) in convolutions.items()}
        self._mix, self._shift = _kernel(tensor(mix[None, None])), tensor(shift)

    def __call__(self, pictures: Tensor, last: str = LAYERS[-1]) -> dict[str, Tensor]:
        """Return the maps of pictures (n, 3, h, w) in [0, 1]."""
        return maps_of(self._convolutions, functional.conv2d(pictures, self._mix, self._shift), last)


def _kernel(x: Tensor) -> Tensor:
    return instant_network.kernel(x)


# --- styles -----------------------------------------------------------------------------------------------------------


class Measured(NamedTuple):
    """Hold a style with everything computed from it, and its contents."""

    statistics: Tensor  # (1, 5008)
    wanted: instant_losses.Summary
    taught: Taught
    colors: Tensor  # (1, 256, 3): a sample of its own
    contents: np.ndarray  # (crops, size, size, 3) uint8
    own: bool


@torch.no_grad()
def measured(networks: Networks, drawn: Drawn, device: torch.device) -> Measured:
    """Return the style with everything that depends on it alone."""
    full, seen = unit(drawn.style[None], device), unit(drawn.seen[None], device)
    wanted: instant_losses.Summary = {}
    if drawn.halved:
        wanted |= instant_losses.summary(networks.judge(full, FINE_LAYERS[-1]), FINE_LAYERS, "fine/")
        full = functional.avg_pool2d(full, 2)
    wanted |= instant_losses.summary(networks.judge(full))
    statistics = instant_network.style_statistics(networks.predictor, seen)
    return Measured(statistics, wanted, networks.teacher.style(full), instant_losses.colors(full), drawn.contents, drawn.own)


def unit(pictures: np.ndarray, device: torch.device) -> Tensor:
    """Return uint8 (n, h, w, 3) as (n, 3, h, w) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).to(device).permute(0, 3, 1, 2).float() / 255


class Bank:
    """Store the styles that steps choose from, by (halved, canvas)."""

    def __init__(self, limit: int) -> None:
        self._limit, self.count = limit, 0
        self._styles: dict[tuple[bool, int], list[Measured]] = {}

    def put(self, drawn: Drawn, style: Measured) -> None:
        """Store a style; beyond the limit, the oldest of its kind is removed."""
        kind = self._styles.setdefault((drawn.halved, drawn.canvas), [])
        kind.append(style)
        self.count += 1
        if sum(map(len, self._styles.values())) > self._limit:
            kind.pop(0)

    def pick(self, count: int, rng: np.random.Generator) -> tuple[bool, list[Measured], np.ndarray]:
        """Return whether they are halved, styles of one kind, and as many contents, uint8."""
        kinds = list(self._styles)
        sizes = np.array([len(self._styles[kind]) for kind in kinds])
        halved, _ = key = kinds[rng.choice(len(kinds), p=sizes / sizes.sum())]
        styles = self._styles[key]
        picked = [styles[i] for i in rng.integers(len(styles), size=count)]
        sources = [one if one.own else styles[rng.integers(len(styles))] for one in picked]
        return halved, picked, np.stack([source.contents[rng.integers(len(source.contents))] for source in sources])


# --- steps ------------------------------------------------------------------------------------------------------------


class InstantLiteTraining:
    """Run a training: `step` makes a step and returns its losses."""

    def __init__(self, settings: InstantLiteSettings, networks: Networks, bank: Bank, start: Mapping[str, np.ndarray]) -> None:
        self.settings, self.networks, self.bank = settings, networks, bank
        self._device = next(iter(networks.predictor.values()))[0].device
        self._fixed = instant_network.parameters_of({f"predictor/{i}": start[f"predictor/{i}"] for i in (0, 1)}, self._device)
        moving = {name: array for name, array in start.items() if name not in self._fixed}
        variables = instant_network.parameters_of(moving, self._device)
        zeros = lambda: {name: torch.zeros_like(x) for name, x in variables.items()}  # noqa: E731
        copies = {name: x.clone() for name, x in variables.items()}
        self._state = dict(zip(PARTS, (variables, copies, zeros(), zeros()), strict=True))
        self.steps = 0

    def step(self, over: float) -> dict[str, float]:
        """Make a step. over: the elapsed fraction of the training, for the rate. Choices depend on seed and step number."""
        rng = np.random.default_rng((self.settings.seed, self.steps))
        torch.manual_seed(int(rng.integers(2**31)))
        variables = self._state["variable"]
        for x in variables.values():
            x.requires_grad_()
        losses = self._losses({**self._fixed, **variables}, rng)
        weights = dict(self.settings.weights)
        weights["teacher"] *= max(TEACHER_LEFT, 1 - 2 * over)
        loss = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        gradients = torch.autograd.grad(loss, list(variables.values()))
        self._move(gradients, runs.rate(self.settings.peak_rate, self.steps, over, WARM_UP))
        self.steps += 1
        return {"loss": float(loss.detach()), **{name: float(value.detach()) for name, value in losses.items()}}

    def _losses(self, parameters: Mapping[str, Tensor], rng: np.random.Generator) -> dict[str, Tensor]:
        halved, styles, contents = self.bank.pick(self.settings.batch, rng)
        detail = unit(contents, self._device).contiguous(memory_format=torch.channels_last)
        vectors = instant_network.style_vector(parameters, torch.cat([style.statistics for style in styles]))
        smaller = (lambda x: functional.avg_pool2d(x, 2)) if halved else (lambda x: x)
        core = smaller(detail)
        noise = torch.randn(len(core), 1, *core.shape[2:], device=self._device)
        picture = instant_network.transform(parameters, core, noise, detail, vectors)
        losses = self._distances(picture, smaller(picture), core, detail, styles, halved=halved)
        if rng.random() < self.settings.shifted:
            places = [int(n) * core.shape[2] // 128 for n in rng.integers(1, 4, 2)]
            losses["shift"] = self._shift(parameters, places, picture, (core, noise, detail, vectors), halved=halved)
        return losses

    def _distances(
        self, picture: Tensor, small: Tensor, core: Tensor, detail: Tensor, styles: list[Measured], *, halved: bool
    ) -> dict[str, Tensor]:
        judge = self.networks.judge
        wanted = {name: torch.cat([style.wanted[name] for style in styles]) for name in styles[0].wanted}
        maps = judge(small)
        have = instant_losses.summary(maps)
        with torch.no_grad():
            contents, taught = judge(core), self.networks.teacher.paint(core, stacked([style.taught for style in styles]))
        statistics = instant_losses.statistics(have, wanted)
        if halved:
            fine = instant_losses.summary(judge(picture, FINE_LAYERS[-1]), FINE_LAYERS, "fine/")
            statistics = 0.7 * statistics + 0.3 * instant_losses.statistics(fine, wanted, FINE_LAYERS, "fine/")
        return {
            "statistics": statistics,
            "gram": instant_losses.grams(have, wanted),
            "content": instant_losses.content(maps, contents),
            "structure": instant_losses.structure(picture, detail),
            "coarse": instant_losses.coarse(picture, detail),
            "teacher": instant_losses.teacher(small, taught),
            "palette": instant_losses.palette(small, taught),
            "stray": instant_losses.stray(small, torch.cat([style.colors for style in styles])),
            "fringe": instant_losses.fringe(picture),
            "lattice": instant_losses.lattice(picture),
        }

    def _shift(
        self, parameters: Mapping[str, Tensor], places: list[int], picture: Tensor, inputs: tuple[Tensor, ...], *, halved: bool
    ) -> Tensor:
        """Return the difference of a shifted photograph’s painting to the shifted painting, away from the borders."""
        core, noise, detail, vectors = (x[:2] for x in inputs)
        large = [place * (2 if halved else 1) for place in places]
        core, noise, detail = (torch.roll(x, by, (2, 3)) for x, by in ((core, places), (noise, places), (detail, large)))
        again = instant_network.transform(parameters, core, noise, detail, vectors)
        again = torch.roll(again, [-place for place in large], (2, 3))
        inside = lambda x: functional.avg_pool2d(x[:2, :, 16:-16, 16:-16], 2)  # noqa: E731
        return instant_losses.teacher(inside(again), inside(picture))

    @torch.no_grad()
    def _move(self, gradients: tuple[Tensor, ...], rate: float) -> None:
        """Make a step of Adam without bias correction; a step with gradients that are not finite is skipped."""
        one = self.settings
        norm = float(torch.sqrt(sum((g.square().sum() for g in gradients), torch.zeros((), device=self._device))))
        if not np.isfinite(norm):
            return
        scale = min(1.0, one.clip / (norm + 1e-9))
        for name, gradient in zip(self._state["variable"], gradients, strict=True):
            variable, average, mean, square = (self._state[part][name] for part in PARTS)
            gradient = gradient * scale
            mean.mul_(0.9).add_(gradient, alpha=0.1)
            square.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
            variable.sub_(rate * self._share(name) * mean / (square.sqrt() + 1e-8))
            average.lerp_(variable, 1 - one.average)

    def _share(self, name: str) -> float:
        part, layer = name.split("/")[:2]
        if part == "predictor":
            return self.settings.predictor_rate
        return self.settings.head_rate if layer in HEAD else self.settings.core_rate

    # --- files

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the published weights: the moving average."""
        return instant_network.arrays_of({**self._fixed, **self._state["average"]})

    def save(self, file: Path) -> None:
        """Write the state that the next step depends on."""
        arrays = {
            f"{part}:{name}": x for part, group in self._state.items() for name, x in instant_network.arrays_of(group).items()
        }
        runs.write_arrays(file, {**arrays, "step": np.array(self.steps)})

    def restore(self, file: Path) -> None:
        """Read a state. Raises: BadNetwork if it belongs to another training."""
        try:
            with np.load(file, allow_pickle=False) as archive:
                groups = {part: {name: archive[f"{part}:{name}"] for name in self._state[part]} for part in PARTS}
                self.steps = int(archive["step"])
        except (KeyError, ValueError, OSError) as error:
            raise BadNetwork(f"{file} is no state of this training; start without --resume.") from error
        self._state = {part: instant_network.parameters_of(group, self._device) for part, group in groups.items()}


# --- the command ------------------------------------------------------------------------------------------------------


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write, .npz; state and manifest go beside.")],
    photographs: runs.Photographs,
    styles: runs.Styles,
    judge: runs.StandIn,
    teacher: Annotated[Path, typer.Option(help="MicroAST's weights, .npz: the painter that is copied at first.")],
    predictor: Annotated[Path, typer.Option(help="vgg19-lite, .npz: the network that the predictor looks through.")],
    start: Annotated[Path | None, typer.Option(help="Weights to start from, .npz; otherwise random ones.")] = None,
    minutes: runs.Minutes = DEFAULTS.minutes,
    rate: runs.Rate = DEFAULTS.peak_rate,
    schedule: Annotated[tuple[float, float], typer.Option(help="The part of the falling rate that these minutes are.")] = (
        0.0,
        1.0,
    ),
    batch: Annotated[int, typer.Option(help="Crops a step.")] = DEFAULTS.batch,
    first: Annotated[int, typer.Option(help="Styles to wait for before the first step.")] = 150,
    processes: runs.Processes = 1,
    seed: runs.Seed = 0,
    resume: runs.StateFile = None,
    log: runs.LogFile = None,
) -> None:
    """Train instant-lite."""
    settings = InstantLiteSettings(minutes, schedule, rate, batch=batch, seed=seed)
    pools, plan = painted.Pools(data.load(photographs, 384), data.load(styles, 512)), Plan()
    with stream(partial(pools.draw, plan), seed, processes) as queue:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        networks = Networks(
            Judge(judge, device), instant_network.predictor_network(predictor, device), MicroAst(teacher, device)
        )
        weights = runs.read_arrays(start) if start else instant_network.random_weights(np.random.default_rng(seed))
        _check(weights, start)
        training = InstantLiteTraining(settings, networks, Bank(settings.bank), weights)
        if resume:
            training.restore(resume)
        run(training, queue, first, out, Log(log, 25))


def _check(weights: Mapping[str, np.ndarray], file: Path | None) -> None:
    shapes = {name: array.shape for name, array in instant_network.random_weights(np.random.default_rng(0)).items()}
    if {name: array.shape for name, array in weights.items()} != shapes:
        raise BadNetwork(f"{file} holds no weights of instant-lite; name another file.")


def run(training: InstantLiteTraining, queue: Feed[Drawn], first: int, out: Path, notes: Log) -> None:
    """Train until the time is over; write weights and state every two minutes. first: number of styles to wait for."""
    device = next(iter(training.networks.predictor.values()))[0].device
    take = lambda drawn: training.bank.put(drawn, measured(training.networks, drawn, device))  # noqa: E731
    for _ in range(first):
        take(queue.get(timeout=PATIENCE))
    clock = Clock(training.settings.minutes, *training.settings.schedule)
    while (share := clock.share) < 1:
        notes.add(training.steps + 1, training.step(clock.over(share)))
        if training.steps % training.settings.fresh == 0:
            for drawn in ready(queue, 1):
                take(drawn)
        if clock.due(120):
            save(training, out)
    save(training, out)


def save(training: InstantLiteTraining, out: Path) -> None:
    """Write weights, manifest and state."""
    training.save(out.with_suffix(".state.npz"))
    machine = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{torch.get_num_threads()} threads"
    counts = {"steps": training.steps, "styles": training.bank.count, "machine": f"{machine}, PyTorch {torch.__version__}"}
    runs.publish(out, training.arrays(), {"model": "instant-lite", "settings": asdict(training.settings), **counts})


if __name__ == "__main__":
    runs.command(main)
