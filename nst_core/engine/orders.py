"""What a slow job was asked for, as a file: so that a restarted server goes on with it. Order <-> npz, and no pickle.

It lies beside the job's state (`checkpoints`) until the job ends. Pictures and masks are in it as 8 bits.
"""

import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nst_core import images
from nst_core.engine import checkpoints, worker
from nst_core.engine.jobs import Lane, unpack
from nst_core.errors import BadRecipe
from nst_core.images import Image, Mask
from nst_core.recipes import Color, OptimizeRecipe, TrainingRecipe, VideoRecipe, parse
from nst_core.stylizer import Style

_ID = re.compile(r"[0-9a-f]{32}")
_OF_STYLE = ("image", "mask", "guide")
SlowRecipe = OptimizeRecipe | TrainingRecipe | VideoRecipe


@dataclass(frozen=True)
class Order:
    """Hold what a slow job was asked for, so that it can be resumed.

    pictures: 8 bits, by name: of an optimisation `content`, perhaps `initial`, and `opacity` (h, w) where parts of the content
    are transparent; of a training `style` and `shown`; of a film `clip` and perhaps `network`, the bytes of their files.
    expected: seconds that it will take; 0 if unknown.
    """

    recipe: SlowRecipe
    pictures: Mapping[str, np.ndarray]
    styles: Sequence[Style] = field(default=())  # packed
    expected: float = 0.0

    @property
    def work(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Return the worker's function and its arguments."""
        if isinstance(self.recipe, VideoRecipe):
            network = self.pictures["network"].tobytes() if "network" in self.pictures else None
            return worker.film, (self.pictures["clip"].tobytes(), list(self.styles), self.recipe, network)
        if isinstance(self.recipe, OptimizeRecipe):
            return worker.optimize, (self.pictures["content"], list(self.styles), self.recipe, self.pictures.get("initial"))
        return worker.train, (self.pictures["style"], self.pictures["shown"], self.recipe)

    @property
    def lane(self) -> Lane:
        return Lane.FILM if isinstance(self.recipe, VideoRecipe) and not self.recipe.fine else Lane.SLOW

    def picture(self, name: str) -> Image:
        return images.from_uint8(self.pictures[name])

    @property
    def opacity(self) -> Mask | None:
        """Return how opaque the content of an optimisation is; None where all of it is."""
        return images.from_uint8(self.pictures["opacity"]) if "opacity" in self.pictures else None

    def unpacked(self) -> list[Style]:
        """Return the styles with pictures and masks in [0, 1]."""
        return [unpack(style) for style in self.styles]

    def changed(self, recipe: Any) -> "Order":
        """Return the same order with another recipe."""
        return replace(self, recipe=recipe)


def save(job: str, order: Order) -> None:
    """Write the order beside the job's state. Raises: OSError."""
    arrays = dict(order.pictures)
    for number, style in enumerate(order.styles):
        arrays |= {f"{name}.{number}": array for name in _OF_STYLE if (array := getattr(style, name)) is not None}
    said = {
        "recipe": order.recipe.model_dump(mode="json"),
        "styles": [{"weight": style.weight, "color": style.color} for style in order.styles],
        "expected": order.expected,
    }
    arrays["order"] = np.frombuffer(json.dumps(said).encode(), np.uint8)
    checkpoints.save(checkpoints.order(job), arrays)


def load(job: str) -> Order | None:
    """Return a job's order; None if there is none or it cannot be read, since ids come from URLs that anybody can write."""
    if not _ID.fullmatch(job) or not (file := checkpoints.order(job)).is_file():
        return None
    try:
        return _order(checkpoints.load(file))
    except (OSError, EOFError, zipfile.BadZipFile, ValueError, LookupError, BadRecipe):
        return None


def _order(arrays: dict[str, np.ndarray]) -> Order:
    said = json.loads(arrays.pop("order").tobytes())
    styles = []
    for number, of_style in enumerate(said["styles"]):
        parts: dict[str, Any] = {name: arrays.pop(f"{name}.{number}", None) for name in _OF_STYLE}
        color = Color(of_style["color"]) if of_style["color"] else None
        styles.append(Style(**parts, weight=of_style["weight"], color=color))
    expected = float(said.get("expected", 0))
    if said["recipe"]["kind"] == "training":
        return Order(TrainingRecipe.model_validate(said["recipe"]), arrays, expected=expected)
    if said["recipe"]["kind"] == "video":
        return Order(VideoRecipe.model_validate(said["recipe"]), arrays, styles, expected)
    recipe = parse(json.dumps(said["recipe"]))
    assert isinstance(recipe, OptimizeRecipe)
    return Order(recipe, arrays, styles, expected)
