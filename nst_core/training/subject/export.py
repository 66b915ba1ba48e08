"""Publish a training's weights: `python -m nst_core.training.subject.export FILE.npz` writes `models/subject.onnx`.

The training's manifest is copied beside it.
"""

from pathlib import Path
from typing import Annotated

import typer

from nst_core.instant import subject_graph
from nst_core.models import weights
from nst_core.training import runs


def main(file: Annotated[Path, typer.Argument(help="Weights that the training wrote, .npz.")]) -> None:
    """Write the embedded model of these weights."""
    weights.SUBJECT.write_bytes(subject_graph.subject(runs.read_arrays(file)))
    weights.SUBJECT.with_suffix(".json").write_bytes(file.with_suffix(".json").read_bytes())
    print(f"{weights.SUBJECT}: {weights.SUBJECT.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    runs.command(main)
