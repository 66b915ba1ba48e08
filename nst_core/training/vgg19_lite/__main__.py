"""Train `vgg19-lite`: `python -m nst_core.training.vgg19_lite --help`

Processes draw crops into a ring buffer on the device, from which every step picks at random; runs therefore differ slightly.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer

from nst_core.training import jaxed, runs
from nst_core.training.data import Bytes
from nst_core.training.feed import PATIENCE, Feed, ready, stream
from nst_core.training.jaxed import JaxArray
from nst_core.training.runs import Clock, Log
from nst_core.training.vgg19_lite import judge, network, pictures
from nst_core.training.vgg19_lite.network import NAMES
from nst_core.training.vgg19_lite.pictures import CHUNK
from nst_core.training.vgg19_lite.training import Vgg19LiteSettings, Vgg19LiteTraining, sampled

DEFAULTS = Vgg19LiteSettings()


def main(
    out: Annotated[Path, typer.Argument(help="Weights to write, .npz; state and manifest go beside.")],
    photographs: runs.Photographs,
    styles: runs.Styles,
    teacher: runs.StandIn,
    start: runs.Start = "embedded",
    resume: runs.StateFile = None,
    sets: Annotated[Path | None, typer.Option(help="Pictures, .npz, to judge with at the end: see the judge's help.")] = None,
    workers: runs.Processes = 15,
    every: Annotated[int, typer.Option(help="Steps between lines.")] = 200,
    steps: Annotated[
        int, typer.Option(help="At most; the learning rate falls towards them or the last minute.")
    ] = DEFAULTS.steps,
    minutes: runs.Minutes = DEFAULTS.minutes,
    first: Annotated[float, typer.Option(help="Where on the falling rate these minutes begin, in [0, 1].")] = DEFAULTS.first,
    last: Annotated[float, typer.Option(help="And where they end.")] = DEFAULTS.last,
    peak_rate: runs.Rate = DEFAULTS.peak_rate,
    batch: Annotated[int, typer.Option(help="Crops a step.")] = DEFAULTS.batch,
    bank: Annotated[int, typer.Option(help="Crops kept on the device.")] = DEFAULTS.bank,
    sample: Annotated[int, typer.Option(help="Crops that scales and moments are taken from.")] = DEFAULTS.sample,
    average: Annotated[float, typer.Option(help="What a step leaves of the moving average.")] = DEFAULTS.average,
    shake: Annotated[float, typer.Option(help="Of sums and maps, as a share of each number.")] = DEFAULTS.shake,
    shake_kernels: Annotated[float, typer.Option(help="Of kernels.")] = DEFAULTS.shake_kernels,
    heavy: Annotated[float, typer.Option(help="Weight of the two deepest layers; the others' is 1.")] = DEFAULTS.heavy,
    own: Annotated[float, typer.Option(help="Weight of each picture's own errors.")] = DEFAULTS.own,
    seed: runs.Seed = 0,
    log: runs.LogFile = None,
) -> None:
    """Train vgg19-lite."""
    settings = Vgg19LiteSettings(
        steps, minutes, first, last, peak_rate, batch, bank=bank, sample=sample, average=average, shake=shake,
        shake_kernels=shake_kernels, heavy=heavy, own=own, seed=seed,
    )  # fmt: skip
    arrays = runs.starting(start, "vgg19-lite", lambda: network.random_weights(np.random.default_rng(seed)))
    eyes, judged = jaxed.stand_in(teacher), judge.read_sets(sets) if sets else None
    pools = pictures.load(photographs, styles)
    with stream(lambda rng: pools.chunk(settings.size, rng), seed, workers) as queue:
        chunks = [queue.get(timeout=PATIENCE) for _ in range(-(-sample // CHUNK))]
        training = Vgg19LiteTraining(settings, eyes, arrays, sampled(chunks, sample, seed))
        if resume:
            training.restore(resume)
        about = {
            "model": "vgg19-lite",
            "pictures": {"photographs": len(pools.photographs), "styles": len(pools.styles)},
            "teachers": [teacher.name],
            "start": Path(start).name,
            "settings": asdict(settings),
            "machine": jaxed.machine(),
        }
        run(training, queue, out, Log(log), about, every)
    if judged:
        result = judge.report(training.network(), eyes, judged)
        judge.tell(out.name, result)
        save(training, out, {**about, "result": result})


def run(training: Vgg19LiteTraining, queue: Feed[Bytes], out: Path, notes: Log, about: Mapping[str, Any], every: int) -> None:
    """Train to the last step or minute; print a line at intervals, and write weights and state every minute."""
    settings, ring, errors = training.settings, training.settings.new_ring(), list[dict[str, JaxArray]]()
    while ring.count < min(ring.blocks, max(1, 16 * settings.batch // CHUNK)):
        ring.put({"crops": queue.get(timeout=PATIENCE)})
    clock = Clock(settings.minutes, settings.first, settings.last)
    for step in range(settings.steps):
        share = max(step / settings.steps, clock.share)
        if share >= 1:
            break
        for chunk in ready(queue, 4):
            ring.put({"crops": chunk})
        errors.append(training.step(ring, runs.rate(settings.peak_rate, training.steps, clock.over(share))))
        if step == 0:
            jax.block_until_ready(errors)
            clock.restart()
        if step in (0, 20) or step % every == every - 1:
            notes.note({"step": step + 1, "seconds": round(clock.seconds), "crops": ring.count * CHUNK, **_means(errors)})
            errors.clear()
        elif step % 10 == 9:  # limits how far this runs ahead of the device
            jax.block_until_ready(errors[-1])
        if clock.due():
            save(training, out, about)
    save(training, out, about)


def _means(errors: Sequence[Mapping[str, JaxArray]]) -> dict[str, float]:
    """Return the mean of each layer, and the mean over all layers."""
    found = jax.device_get(errors)
    layers = [layer for layer in NAMES if layer in found[0]]
    own = float(np.mean([one[f"own {layer}"] for one in found for layer in layers]))
    return {layer: float(np.mean([one[layer] for one in found])) for layer in layers} | {"own": own}


def save(training: Vgg19LiteTraining, out: Path, about: Mapping[str, Any]) -> None:
    """Write weights, manifest and state."""
    training.save(out.with_suffix(".state.npz"))
    runs.publish(out, training.network(), {**about, "steps": training.steps})


if __name__ == "__main__":
    runs.command(main)
