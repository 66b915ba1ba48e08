"""Train the network that selects a subject: `python -m nst_core.training.subject --help`

Scenes are drawn and put through vgg19-lite, whose maps are kept in a bank, the newest in the place of the oldest; each step
picks a batch of them. So the costly network, which does not change, is asked once a scene. Can be interrupted and resumed.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import torch
import typer
from torch import Tensor
from torch.nn import functional

from nst_core.errors import BadNetwork
from nst_core.images import Image, Mask
from nst_core.training import instant_network, runs
from nst_core.training.runs import Clock, Log
from nst_core.training.subject import network, scenes
from nst_core.training.subject.network import LAYERS, SIDE, Decoder
from nst_core.training.subject.scenes import Labelled, ScenePlan, Scenes

DEEP = (0.2, 0.4, 1.0)  # weights of the losses at 12 × 12, 24 × 24 and 48 × 48
MOMENTS = ("exp_avg", "exp_avg_sq", "step")  # what Adam remembers of a parameter


@dataclass(frozen=True, slots=True)
class SubjectSettings:
    """What decides the numbers, besides photographs and networks."""

    steps: int = 2000  # all in all
    peak_rate: float = 2e-3
    decay: float = 0.05
    batch: int = 16
    bank: int = 2500  # scenes kept, 0.5 MB each
    first: int = 320  # scenes before the first step
    fresh: int = 3  # new scenes a step
    average: float = 0.995
    seed: int = 0


DEFAULTS = SubjectSettings()


class Example(NamedTuple):
    """A scene as a step needs it."""

    maps: tuple[Tensor, ...]  # of LAYERS, float16 (1, c, h, w)
    mask: Tensor  # (1, 1, 48, 48)


class SubjectFeatures:
    """vgg19-lite, which looks at the scenes."""

    def __init__(self, file: Path) -> None:
        self._convolutions = instant_network.predictor_network(file, torch.device("cpu"))

    @torch.no_grad()
    def example(self, picture: Image, mask: Mask) -> Example:
        x = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        mean, deviation = (x.new_tensor(v)[:, None, None] for v in (instant_network.MEAN, instant_network.DEVIATION))
        maps = instant_network.maps_of(self._convolutions, (x - mean) / deviation)
        wanted = functional.avg_pool2d(torch.from_numpy(mask)[None, None], 4)
        return Example(tuple(maps[f"{layer[5]}{layer[-1]}"].half() for layer in LAYERS), wanted)


def stacked(examples: list[Example]) -> tuple[list[Tensor], Tensor]:
    """Return the maps, channels last, which a processor trains with one and a half times as fast, and the masks."""
    maps = [torch.cat([one.maps[i] for one in examples]).float() for i in range(len(LAYERS))]
    return [x.contiguous(memory_format=torch.channels_last) for x in maps], torch.cat([one.mask for one in examples])


def loss_of(logits: list[Tensor], wanted: Tensor) -> Tensor:
    """Cross entropy, and one minus the soft intersection over union, at each of the sizes."""
    total = wanted.new_zeros(())
    for weight, x in zip(DEEP, logits, strict=True):
        mask = functional.adaptive_avg_pool2d(wanted, x.shape[-1])
        share = x.sigmoid()
        both, either = (share * mask).sum((1, 2, 3)), (share + mask - share * mask).sum((1, 2, 3))
        total = total + weight * (functional.binary_cross_entropy_with_logits(x, mask) + (1 - (both + 4) / (either + 4)).mean())
    return total


class SubjectTraining:
    """A run: `step` makes the next step and returns its loss."""

    def __init__(self, settings: SubjectSettings, eyes: SubjectFeatures, drawn: Scenes) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self._eyes, self._scenes = settings, eyes, drawn
        self.decoder, self.averaged = network.channels_last(Decoder()), network.channels_last(Decoder())
        self.averaged.load_state_dict(self.decoder.state_dict())
        self._optimizer = torch.optim.AdamW(self.decoder.parameters(), settings.peak_rate, weight_decay=settings.decay)
        self._bank: list[Example] = []
        self.steps = self.drawn = 0

    def fill(self, count: int) -> None:
        """Draw so many new scenes; beyond the bank's limit they replace the oldest."""
        for _ in range(count):
            example = self._eyes.example(*self._scenes.draw(np.random.default_rng((self.settings.seed, 1, self.drawn))))
            if len(self._bank) < self.settings.bank:
                self._bank.append(example)
            else:
                self._bank[self.drawn % self.settings.bank] = example
            self.drawn += 1

    def step(self) -> float:
        """Make a step, at the rate of its place in the whole training."""
        rng = np.random.default_rng((self.settings.seed, 2, self.steps))
        self.fill(self.settings.fresh)
        maps, wanted = stacked([self._bank[i] for i in rng.choice(len(self._bank), self.settings.batch, replace=False)])
        for group in self._optimizer.param_groups:
            group["lr"] = runs.rate(self.settings.peak_rate, self.steps, self.steps / self.settings.steps)
        loss = loss_of(self.decoder.train()(*maps), wanted)
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        self._optimizer.step()
        self._average()
        self.steps += 1
        return float(loss.detach())

    @torch.no_grad()
    def _average(self) -> None:
        share = min(self.settings.average, 1 - 10 / (self.steps + 20))
        for old, new in zip(self.averaged.state_dict().values(), self.decoder.state_dict().values(), strict=True):
            old.copy_(old * share + new * (1 - share) if old.is_floating_point() else new)

    # --- files

    def save(self, file: Path) -> None:
        """Write what the next step depends on, but for the bank."""
        arrays = {f"{part}:{key}": x.numpy() for part, key, x in self._tensors()}
        runs.write_arrays(file, {**arrays, "counts": np.array([self.steps, self.drawn])})

    @torch.no_grad()
    def restore(self, file: Path) -> None:
        """Raises: BadNetwork when the state is another training's."""
        for parameter in self.decoder.parameters():
            state = {key: torch.zeros_like(parameter) for key in MOMENTS[:2]}
            self._optimizer.state[parameter] = {**state, "step": torch.zeros(())}
        try:
            with np.load(file, allow_pickle=False) as archive:
                for part, key, x in self._tensors():
                    x.copy_(torch.from_numpy(archive[f"{part}:{key}"]))
                self.steps, self.drawn = map(int, archive["counts"])
        except (KeyError, ValueError, OSError, RuntimeError) as error:
            raise BadNetwork(f"{file} is no state of this training; start without --resume.") from error

    def _tensors(self) -> list[tuple[str, str, Tensor]]:
        found = [("variable", key, x) for key, x in self.decoder.state_dict().items()]
        found += [("average", key, x) for key, x in self.averaged.state_dict().items()]
        for key, parameter in self.decoder.named_parameters():
            found += [(moment, key, self._optimizer.state[parameter][moment]) for moment in MOMENTS]
        return found


@torch.no_grad()
def agreement(decoder: Decoder, examples: list[Example]) -> float:
    """Return the mean intersection over union of masks at 48 × 48, from ½ on, with the teacher's."""
    found = [torch.ones(0)]
    for start in range(0, len(examples), 16):
        maps, wanted = stacked(examples[start : start + 16])
        have, want = decoder.eval()(*maps)[-1] > 0, wanted > 0.5
        either = (have | want).sum((1, 2, 3)).float()
        found.append(torch.where(either > 0, (have & want).sum((1, 2, 3)) / either.clamp(min=1), 1.0))
    return float(torch.cat(found).mean())


# --- the command ------------------------------------------------------------------------------------------------------


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write, .npz; state and manifest go beside.")],
    photographs: runs.Photographs,
    masks: Annotated[Path, typer.Option(help="The teacher's masks, .npz, as `labels` writes them.")],
    eyes: Annotated[Path, typer.Option(help="vgg19-lite, .npz: the network whose maps are read.")],
    steps: runs.Steps = DEFAULTS.steps,
    rate: runs.Rate = DEFAULTS.peak_rate,
    batch: Annotated[int, typer.Option(help="Scenes a step.")] = DEFAULTS.batch,
    first: Annotated[int, typer.Option(help="Scenes before the first step.")] = DEFAULTS.first,
    fresh: Annotated[int, typer.Option(help="New scenes a step.")] = DEFAULTS.fresh,
    threads: runs.Threads = 1,
    seed: runs.Seed = 0,
    resume: runs.StateFile = None,
    log: runs.LogFile = None,
) -> None:
    """Train the network that selects a subject."""
    torch.set_num_threads(threads)
    settings = SubjectSettings(steps, rate, batch=batch, first=first, fresh=fresh, seed=seed)
    files = [file for folder in photographs for file in sorted(folder.glob("*"))]
    seen = scenes.labelled(masks, [file for file in files if not scenes.is_unseen(file)])
    unseen = scenes.labelled(masks, [file for file in files if scenes.is_unseen(file)])
    training = SubjectTraining(settings, look := SubjectFeatures(eyes), Scenes(seen, ScenePlan(SIDE)))
    if resume:
        training.restore(resume)
    tests = [look.example(*whole(one)) for one in unseen.values()]
    about = {
        "model": "subject",
        "photographs": {"seen": len(seen), "unseen": len(unseen)},
        "teacher": "u2netp.onnx",
        "eyes": eyes.name,
        "settings": asdict(settings),
        "machine": f"{threads} thread, PyTorch {torch.__version__}",
    }
    run(training, tests, out, Log(log), about)


def whole(one: Labelled) -> tuple[Image, Mask]:
    """Return a photograph as it is, and its mask."""
    return scenes.cut(one.picture, scenes.WHOLE, SIDE), scenes.cut(one.mask, scenes.WHOLE, SIDE)


def run(training: SubjectTraining, tests: list[Example], out: Path, notes: Log, about: Mapping[str, object]) -> None:
    """Train to the last step; weights and state every two minutes."""
    training.fill(training.settings.first)
    clock = Clock(1)
    while training.steps < training.settings.steps:
        notes.add(training.steps + 1, {"loss": training.step()})
        if clock.due(120):
            save(training, tests, out, notes, about)
    save(training, tests, out, notes, about)


def save(training: SubjectTraining, tests: list[Example], out: Path, notes: Log, about: Mapping[str, object]) -> None:
    """Write state, weights and manifest, and say how far the masks of unseen photographs agree with the teacher's."""
    result = {"steps": training.steps, "scenes": training.drawn, "unseen IoU": agreement(training.averaged, tests)}
    notes.note(result)
    training.save(out.with_suffix(".state.npz"))
    runs.publish(out, network.arrays_of(training.averaged.state_dict()), {**about, **result})


if __name__ == "__main__":
    runs.command(main)
