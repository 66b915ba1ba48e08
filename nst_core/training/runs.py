"""Share what every training command needs: options, rates, files, logs, manifests. No TensorFlow."""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from nst_core.errors import BadNetwork, ModelUnavailable, UserError

WARM_UP = 100  # steps

# options of every training command
Photographs = Annotated[list[Path], typer.Option(help="A folder of photographs; may be repeated.")]
Styles = Annotated[list[Path], typer.Option(help="A folder of style pictures; may be repeated.")]
Start = Annotated[str, typer.Option(help="Weights to start from: embedded, random, or an .npz file.")]
Steps = Annotated[int, typer.Option(help="All in all; the learning rate falls towards them.")]
Rate = Annotated[float, typer.Option(help="The learning rate at its highest.")]
Seed = Annotated[int, typer.Option(help="Of weights and pictures.")]
StateFile = Annotated[Path | None, typer.Option(help="A state to go on from, .state.npz.")]
StandIn = Annotated[Path, typer.Option(help="A stand-in for VGG-19, .npz: what teaches, or judges.")]
Minutes = Annotated[float, typer.Option(help="From the first step; the learning rate falls towards the last.")]
Processes = Annotated[int, typer.Option(help="Processes that draw pictures.")]
LogFile = Annotated[Path | None, typer.Option(help="Losses as JSON lines.")]
Threads = Annotated[int, typer.Option(help="Processor threads.")]


def rate(peak: float, step: int, over: float, warm_up: int = WARM_UP) -> float:
    """Return the learning rate of a step: a warm-up, then a cosine to a hundredth. over: elapsed fraction of the training."""
    falling = 0.01 + 0.99 * np.cos(np.pi / 2 * min(1.0, over)) ** 2
    return float(peak * min(1.0, (step + 1) / warm_up) * falling)


@dataclass(slots=True)
class Clock:
    """Measure the elapsed fraction of a training by minutes, from `first` to `last`, so that runs can share a schedule."""

    minutes: float
    first: float = 0.0
    last: float = 1.0
    _began: float = field(default_factory=time.monotonic)
    _marked: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    @property
    def share(self) -> float:
        """Return the elapsed fraction of the minutes, 1 at the end."""
        return min(1.0, self.seconds / 60 / self.minutes)

    def over(self, share: float) -> float:
        """Return the argument of `rate` at this fraction of the minutes."""
        return self.first + share * (self.last - self.first)

    def restart(self) -> None:
        """Restart after compiling, which does not count."""
        self._began = time.monotonic()

    def due(self, seconds: float = 60) -> bool:
        """Return whether so many seconds have passed since the last save."""
        late = time.monotonic() - self._marked > seconds
        self._marked = time.monotonic() if late else self._marked
        return late


# --- files ------------------------------------------------------------------------------------------------------------


def starting(name: str, model: str, new: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return weights to start from, float32: `embedded` those of the model, `random` new ones, otherwise a file.

    Raises: ModelUnavailable, BadNetwork.
    """
    if name == "random":
        return new()
    from nst_core.models import weights  # imports libraries that a borrowed machine may lack

    arrays = weights.load(model) if name == "embedded" else read_arrays(Path(name))
    if {key: a.shape for key, a in arrays.items()} != {key: a.shape for key, a in new().items()}:
        raise BadNetwork(f"{name} holds no weights of {model}; start from `embedded` or `random`.")
    return arrays


def read_arrays(file: Path) -> dict[str, np.ndarray]:
    if not file.is_file():
        raise ModelUnavailable(f"There is no {file} to start from; say `embedded`, `random`, or name an .npz file.")
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {key: archive[key].astype(np.float32) for key in archive.files}
    except (ValueError, OSError) as error:
        raise BadNetwork(f"{file} is no .npz archive of arrays; name another file.") from error


def stand_in(file: Path) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], np.ndarray, np.ndarray]:
    """Read a VGG-like network: convolutions by Keras name, and matrix (3, 3) and shift (3,) that convert RGB in [0, 1] to its
    input.

    The file is an `.npz` archive of `conv11.weight`, `conv11.bias` … and a 1×1 `conv0`. Raises: ModelUnavailable, BadNetwork.
    """
    if not file.is_file():
        raise ModelUnavailable(f"There is no network {file}: name an .npz file of convolutions conv0, conv11, conv12 ….")
    try:
        with np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key].astype(np.float32) for key in archive.files if "_aux" not in key}
        mix, shift = arrays.pop("conv0.weight")[0, 0], arrays.pop("conv0.bias")
        names = sorted({key.split(".")[0] for key in arrays})  # conv11 … conv51, in order
        convolutions = {f"block{n[4]}_conv{n[5]}": (arrays[f"{n}.weight"], arrays[f"{n}.bias"]) for n in names}
    except (KeyError, IndexError, ValueError, OSError) as error:
        raise BadNetwork(f"{file.name} is no network of convolutions conv0, conv11, conv12 …; name another file.") from error
    return convolutions, mix, shift


def write_arrays(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an `.npz` archive, completely or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.part")
    with beside.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    beside.rename(file)


def publish(file: Path, arrays: Mapping[str, np.ndarray], manifest: Mapping[str, Any]) -> None:
    """Write float16 weights, and beside them the manifest as JSON: how, on what and for how long they were trained."""
    write_arrays(file, {name: array.astype(np.float16) for name, array in arrays.items()})
    file.with_suffix(".json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


# --- on the terminal --------------------------------------------------------------------------------------------------


class Log:
    """Write losses as JSON lines to a file, if one is given, and their means at intervals as a line on the terminal."""

    def __init__(self, file: Path | None, every: int = 50) -> None:
        self._file, self._every, self._sums, self._start = file, every, dict[str, list[float]](), time.time()

    def add(self, step: int, losses: Mapping[str, float]) -> None:
        for name, value in losses.items():
            self._sums.setdefault(name, []).append(float(value))
        if step % self._every == 0:
            means = {name: float(np.mean(values)) for name, values in self._sums.items()}
            self.note({"step": step, "seconds": round(time.time() - self._start, 1), **means})
            self._sums.clear()

    def note(self, entry: Mapping[str, Any]) -> None:
        rounded = {key: round(value, 4) if isinstance(value, float) else value for key, value in entry.items()}
        print("  ".join(f"{key} {value}" for key, value in rounded.items()), flush=True)
        if self._file:
            with self._file.open("a") as stream:
                stream.write(json.dumps(rounded) + "\n")


def command(main: Callable[..., None]) -> None:
    """Run the command line of a training: one line for a user's mistake, exit status 2."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
