"""The interface of an engine, and what it takes and gives."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nst_core.errors import BadNetwork
from nst_core.images import Image
from nst_core.models import weights
from nst_core.recipes import MAX_SIZE, MIN_SIZE, Frozen, Source, TextureNetworkRecipe
from nst_core.stylizer import Step, Style

AUTO = "auto"  # instead of an engine's name in a recipe: the preferred one that is available


class Lane(StrEnum):
    """Name the kind of process that runs a job."""

    LIGHT = "light"  # one pass, without TensorFlow
    FILM = "film"  # minutes without TensorFlow: clips, one at a time, beside the passes of the light lane
    TENSORFLOW = "tensorflow"  # one pass with it, and downloads
    SLOW = "slow"  # minutes: one at a time

    @property
    def lasting(self) -> bool:
        """Return whether its jobs take minutes: they save states to resume from, and can be found again."""
        return self in (Lane.FILM, Lane.SLOW)


class Estimate(NamedTuple):
    """What a run takes. memory: bytes of the process at its peak. seconds: 0 if unknown."""

    memory: float
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """What an engine gets beside the recipe.

    pictures: (h, w, 3) in [0, 1] by name: `content`; `initial`, where an optimisation starts; a training's `style` and `shown`.
    `opacity`, (h, w), is kept for whoever finds an optimisation's job again.
    files: bytes by name: `network`, `clip`.
    """

    pictures: Mapping[str, Image] = field(default_factory=dict)
    styles: Sequence[Style] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)


class Engine(ABC):
    """An engine. Subclasses set the attributes and implement `estimate` and `run`.

    name: in recipes and on the command line. title: on pages. recipe: the class of its recipes. lane: of its jobs. models: the
    names in `models.weights.MODELS` that it needs. extra: of the distribution, with the libraries that it needs. preference: of
    the available engines of a recipe that names none, the highest is taken. seeded: another seed gives another picture.
    regions: it paints all masked regions in one pass.
    """

    name: str
    title: str
    recipe: type[Frozen]
    lane: Lane
    models: tuple[str, ...] = ()
    extra: str = ""
    preference: int = 0
    seeded: bool = False
    regions: bool = False

    def serves(self, recipe: Frozen) -> bool:
        """Return whether this engine runs the recipe."""
        named = getattr(recipe, "engine", self.name)
        return isinstance(recipe, self.recipe) and named in (self.name, AUTO)

    def available(self) -> bool:
        """Return whether its models are on this machine."""
        return all(weights.MODELS[name].find() is not None for name in self.models)

    def models_of(self, recipe: Any) -> tuple[str, ...]:
        """Return the names of the models that a recipe needs."""
        return self.models

    def lane_of(self, recipe: Any) -> Lane:
        """Return the lane of a recipe's job."""
        return self.lane

    def pace(self, recipe: Any) -> str:
        """Return a key: runs with the same one take times in proportion to their estimates."""
        return self.name

    def advice(self, recipe: Any, shape: tuple[int, int], room: float) -> str:
        """Return what to do about a run that needs more memory than there is. room: bytes that there are."""
        fits = self.largest(recipe, shape, room)
        return f"choose {fits} px at most" if fits >= MIN_SIZE else "a machine with more is needed"

    def largest(self, recipe: Any, shape: tuple[int, int], room: float) -> int:
        """Return the longest side, in steps of 32 px, of a picture of this aspect whose run fits into `room` bytes; 0: none."""
        aspect = min(shape) / max(shape)
        sides = range(MAX_SIZE, 0, -32)
        return next((side for side in sides if self.estimate(recipe, (side, round(side * aspect))).memory <= room), 0)

    @abstractmethod
    def estimate(self, recipe: Any, shape: tuple[int, int]) -> Estimate:
        """Return what a run takes. shape: (h, w) of the result."""

    @abstractmethod
    def run(
        self,
        recipe: Any,
        inputs: Inputs,
        *,
        state: Mapping[str, np.ndarray] | None = None,
        folder: Path | None = None,
    ) -> Iterator[Step]:
        """Return an iterator of Steps; the last one has the result.

        An iterator with `state()` can be resumed, one with `stop()` ended early. state: what `state()` of an earlier run
        returned. folder: for what is too large for a state.
        """

    def warm_up(self) -> None:  # noqa: B027  # most engines have nothing to load
        """Load what the first run would wait for."""


class NetworkFacts(NamedTuple):
    """What a network's file says about itself.

    texture: it makes textures from nothing; else it paints photographs. style: the picture whose style it learned.
    """

    texture: bool = False
    style: Source | None = None


class NetworkEngine(Engine):
    """An engine whose recipes name a file with a trained network of one style.

    suffix: of such files, with the dot. max_bytes: of such a file.
    """

    recipe = TextureNetworkRecipe
    lane = Lane.LIGHT
    suffix: str
    max_bytes: int

    def serves(self, recipe: Frozen) -> bool:
        """Return whether the recipe's network is a file of this engine's kind; ready networks have names without a suffix."""
        return isinstance(recipe, TextureNetworkRecipe) and self.suffix == (Path(recipe.network.name).suffix or ".npz").lower()

    @abstractmethod
    def facts(self, data: bytes, name: str) -> NetworkFacts:
        """Check an untrusted file. name: begins the error message. Raises: BadNetwork."""

    def export(self, data: bytes, name: str) -> bytes:
        """Return a network's file as an ONNX model for other programs. name: begins errors. Raises: BadNetwork."""
        raise BadNetwork(f"{name} cannot be exported: networks that were trained here can.")

    @abstractmethod
    def paint(self, data: bytes, content: Image, seed: int = 0) -> Image:
        """Return the content (h, w, 3) painted by the network in a file, at its own shape. Raises: BadNetwork, BadRecipe."""
