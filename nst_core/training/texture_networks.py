"""How the ready texture networks were made: `python -m nst_core.training.texture_networks PHOTOGRAPHS [NAME…]`.

PHOTOGRAPHS: a folder. NAME: of `READY`, or `_photograph`, the network that every other begins as; without one, those that are
not there yet. Each takes 10 to 20 minutes on two cores; a killed run goes on where it was when it is started again.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nst_core import commands, images, recipes, texture_networks, weights
from nst_core.generators import Trained
from nst_core.recipes import Source
from nst_core.texture_networks import Likeness, Training

STYLES = Path(__file__).parents[2] / "assets" / "styles"
FOLDER = weights.NETWORK_START.parent

# name -> (style, settings beside the defaults)
READY: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "marbled-paper": ("marbled-paper", {}),
    "starlit-oils": ("starlit-oils", {}),
    "mended-glazes": ("mended-glazes", {}),
    "birch-wood": ("birch-wood", {}),
    "rose-window": ("rose-window", {}),
    "molten-embers-texture": ("molten-embers", {"purpose": "synthesize", "learning_rate": 0.008}),
    "watercolour-blooms-texture": ("watercolour-blooms", {"purpose": "synthesize", "learning_rate": 0.008}),
}
STEPS = {"stylize": 1600, "synthesize": 1200}
START_STEPS, START_RATE = 700, 0.01


def make(name: str, photographs: Path) -> None:
    """Train one, and leave it among the embedded models."""
    out = FOLDER / f"{name.replace('-', '_')}.npz"
    if name == "_photograph":
        out.write_bytes(_start(photographs))
        return
    style, settings = READY[name]
    purpose = settings.get("purpose", "stylize")
    recipe = recipes.training(**{"style": Source(name=style), "steps": STEPS[purpose], **settings})
    commands.train_network(STYLES / f"{style}.jpg", recipe, out, folder=photographs)


def _start(photographs: Path) -> bytes:
    """A network that paints the photograph as it is."""
    recipe = recipes.training(steps=START_STEPS, learning_rate=START_RATE, crop=256)
    shown = images.fit(texture_networks.first_photograph(), commands.SHOWN_SIDE)
    *_, last = Training(Likeness(), recipe, texture_networks.photographs_in(photographs), shown)
    assert isinstance(last, Trained)
    return last.network


def main() -> None:
    folder, *names = sys.argv[1:]
    there = {file.stem.replace("_", "-") for file in FOLDER.glob("[a-z]*.npz")}
    for name in names or [name for name in READY if name not in there]:
        make(name, Path(folder))


if __name__ == "__main__":
    main()
