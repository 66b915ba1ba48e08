"""Save and load submissions: a recipe with the pictures and files that it needs.

A restarted server resumes a slow job from its submission's file. The file lies beside the job's state (`checkpoints`) until the
job ends. It is an npz without pickles; pictures and masks are in it as 8 bits.
"""

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from pydantic import ValidationError

from nst_core import engines, images
from nst_core.engines import Inputs
from nst_core.errors import BadRecipe
from nst_core.images import Image, Mask
from nst_core.machine import arrays
from nst_core.recipes import Color
from nst_core.service import checkpoints
from nst_core.service.packing import pack_all, unpack
from nst_core.stylizer import Style

_ID = re.compile(r"[0-9a-f]{32}")
_OF_STYLE = ("image", "mask", "guide")


@dataclass(frozen=True)
class Submission:
    """Hold a recipe and what its engine needs, packed for transport.

    pictures: 8 bits, by the names of `engines.Inputs`. files: their bytes, likewise. styles: packed. expected: seconds that it
    will take; 0 if unknown.
    """

    recipe: Any
    pictures: Mapping[str, np.ndarray] = field(default_factory=dict)
    styles: Sequence[Style] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
    expected: float = 0.0

    @classmethod
    def of(cls, recipe: Any, inputs: Inputs, expected: float = 0.0) -> "Submission":
        """Return the submission with its pictures packed."""
        pictures = {name: images.to_uint8(picture) for name, picture in inputs.pictures.items()}
        return cls(recipe, pictures, pack_all(inputs.styles), dict(inputs.files), expected)

    def inputs(self) -> Inputs:
        """Return the pictures in [0, 1].

        A style takes the weight that the recipe gives it, which may have changed while the job was paused.
        """
        styles, sources = self.unpacked(), getattr(self.recipe, "styles", ())
        if len(sources) == len(styles):
            styles = [replace(style, weight=source.weight) for style, source in zip(styles, sources, strict=True)]
        return Inputs({name: images.from_uint8(picture) for name, picture in self.pictures.items()}, styles, self.files)

    def picture(self, name: str) -> Image:
        return images.from_uint8(self.pictures[name])

    @property
    def opacity(self) -> Mask | None:
        """Return how opaque the content of an optimisation is, (h, w); None where all of it is."""
        return images.from_uint8(self.pictures["opacity"]) if "opacity" in self.pictures else None

    def unpacked(self) -> list[Style]:
        """Return the styles with pictures and masks in [0, 1]."""
        return [unpack(style) for style in self.styles]

    def changed(self, recipe: Any) -> "Submission":
        """Return the same submission with another recipe."""
        return replace(self, recipe=recipe)


def save(job: str, submission: Submission) -> None:
    """Write the submission beside the job's state. Raises: OSError."""
    packed = dict(submission.pictures) | {name: np.frombuffer(data, np.uint8) for name, data in submission.files.items()}
    for number, style in enumerate(submission.styles):
        packed |= {f"{name}.{number}": array for name in _OF_STYLE if (array := getattr(style, name)) is not None}
    header = {
        "recipe": submission.recipe.model_dump(mode="json"),
        "styles": [{"weight": style.weight, "color": style.color} for style in submission.styles],
        "expected": submission.expected,
    }
    packed["order"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    arrays.save(checkpoints.submission(job), packed)


def load(job: str) -> Submission | None:
    """Return a job's submission; None if there is none or it cannot be read: ids come from URLs that anybody can write."""
    if not _ID.fullmatch(job) or not (file := checkpoints.submission(job)).is_file():
        return None
    try:
        return _order(arrays.load(file))
    except (OSError, EOFError, zipfile.BadZipFile, ValueError, LookupError, BadRecipe, ValidationError):
        return None


def _order(packed: dict[str, np.ndarray]) -> Submission:
    header = json.loads(packed.pop("order").tobytes())
    styles = []
    for number, of_style in enumerate(header["styles"]):
        parts: dict[str, Any] = {name: packed.pop(f"{name}.{number}", None) for name in _OF_STYLE}
        color = Color(of_style["color"]) if of_style["color"] else None
        styles.append(Style(**parts, weight=of_style["weight"], color=color))
    recipe = engines.recipe_type(header["recipe"]["kind"]).model_validate_json(json.dumps(header["recipe"]))
    files = {name: array.tobytes() for name, array in packed.items() if array.ndim == 1}
    pictures = {name: array for name, array in packed.items() if name not in files}
    return Submission(recipe, pictures, styles, files, float(header.get("expected", 0)))
