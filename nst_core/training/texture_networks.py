"""Train the ready-made texture networks: `python -m nst_core.training.texture_networks PHOTOGRAPHS [NAME…] | --samples`.

PHOTOGRAPHS: a folder. NAME: of `READY`, or `_photograph`, the network that all others start from; by default those that do not
exist yet. Each takes about 8 minutes on two cores, a texture network one. A killed run resumes when it is started again, except
`_photograph`, which begins again. --samples: draw what each makes of our own photographs, as a sheet beside the files, and
print their logs as a table.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nst_core import images, recipes
from nst_core.cli import train_network
from nst_core.models import weights
from nst_core.recipes import Source
from nst_core.texture_networks import Trained, generators, training
from nst_core.texture_networks.painting import NetworkPainter
from nst_core.texture_networks.training import Likeness, Training

ASSETS = Path(__file__).parents[2] / "assets"
STYLES, PHOTOGRAPHS = ASSETS / "styles", ASSETS / "photographs"
SHOWN_SIDE = 384  # pixels of the preview of the first training
FOLDER = weights.NETWORK_START.parent

# name -> (style, settings that differ from the defaults)
TEXTURE = {"purpose": "synthesize", "learning_rate": 0.008}
READY: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "birch-wood": ("birch-wood", {"style_weight": 2}),
    "cubist-guitar": ("cubist-guitar", {"style_weight": 2}),
    "kilim-weave-texture": ("kilim-weave", TEXTURE),
    "marbled-paper-texture": ("marbled-paper", TEXTURE),
    "mended-glazes-texture": ("mended-glazes", TEXTURE),
    "molten-embers-texture": ("molten-embers", TEXTURE),
    "pastel-poppies-texture": ("pastel-poppies", TEXTURE),
    "roman-mosaic-texture": ("roman-mosaic", TEXTURE),
    "starlit-oils": ("starlit-oils", {}),
    "woodcut-waves": ("woodcut-waves", {}),
}
THOROUGH: Mapping[str, Mapping[str, Any]] = {"stylize": {"steps": 8000, "content_weight": 0.75}, "synthesize": {"steps": 1000}}
START_STEPS, START_RATE = 700, 0.01


def make(name: str, photographs: Path) -> None:
    """Train a network and store it among the embedded models."""
    out = FOLDER / f"{name.replace('-', '_')}.npz"
    if name == "_photograph":
        out.write_bytes(_start(photographs))
        return
    style, settings = READY[name]
    purpose = settings.get("purpose", "stylize")
    recipe = recipes.training(**{"style": Source(name=style), **THOROUGH[purpose], **settings})
    train_network(STYLES / f"{style}.jpg", recipe, out, folder=photographs)


def _start(photographs: Path) -> bytes:
    """Return a network that copies the photograph."""
    recipe = recipes.training(steps=START_STEPS, learning_rate=START_RATE, crop=256, start="random")
    shown = images.fit(training.first_photograph(), SHOWN_SIDE)
    *_, last = Training(Likeness(), recipe, training.photographs_in(photographs), shown)
    assert isinstance(last, Trained)
    return last.network


def write_samples() -> None:
    """Draw a row per network: its style and two photographs, or a texture as 2 × 2 tiles."""
    rows = []
    print("| network | style | steps | minutes | style loss, first to last | content loss, last |\n|---|---|---|---|---|---|")
    for name, file in weights.NETWORKS.items():
        network = generators.read(file.read_bytes())
        painter, style = NetworkPainter(network), network.recipe.style
        assert style
        row = [images.fit(images.decode((STYLES / f"{style.name}.jpg").read_bytes()), CELL)]
        if network.plan.picture:
            contents = [images.decode(path.read_bytes()) for path in sorted(PHOTOGRAPHS.glob("*.jpg"))]
            row += [_square(painter.stylize(images.fit(content, 768))) for content in contents]
        else:
            texture = painter.synthesize(256, 256)
            row += [images.fit(np.tile(texture, (2, 2, 1)), CELL), images.fit(painter.synthesize(512, 512, 1), CELL)]
        rows.append(np.concatenate(row, 1))
        first, last = network.log[:5].mean(0), network.log[-10:].mean(0)
        steps, minutes = network.log[-1][0], network.log[-1][1] / 60
        content = f"{last[2]:.2f}" if network.plan.picture else "—"
        print(f"| `{name}` | {style.name} | {steps:,.0f} | {minutes:.0f} | {first[3]:.2f} → {last[3]:.2f} | {content} |")
    (FOLDER / "samples.jpg").write_bytes(images.encode(np.concatenate(rows), "jpeg", quality=72))


CELL = 256


def _square(picture: images.Image) -> images.Image:
    side = min(picture.shape[:2])
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return images.fit(picture[top : top + side, left : left + side], CELL)


def main() -> None:
    if sys.argv[1:] == ["--samples"]:
        write_samples()
        return
    folder, *names = sys.argv[1:] or [""]
    if not Path(folder).is_dir() or not {*names} <= {*READY, "_photograph"}:
        sys.exit(f"Name a folder of photographs, then any of {', '.join(READY)}, _photograph.")
    there = {file.stem.replace("_", "-") for file in FOLDER.glob("[a-z]*.npz")}
    for name in names or [name for name in READY if name not in there]:
        make(name, Path(folder))


if __name__ == "__main__":
    main()
