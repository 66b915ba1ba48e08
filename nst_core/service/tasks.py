"""The functions that jobs call, inside workers.

Importing this file brings neither TensorFlow nor ONNX Runtime: each function imports what it needs.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nst_core import engines, images
from nst_core.engines import Lane, NetworkFacts
from nst_core.service import limits
from nst_core.service.packing import unpack
from nst_core.service.submissions import Submission
from nst_core.stylizer import Step, Style

if TYPE_CHECKING:
    from nst_core.pictures.masks import MaskShape
    from nst_core.pictures.quality import Quality
    from nst_core.videos import Facts


def run(submission: Submission, state: Mapping[str, np.ndarray] | None = None, folder: Path | None = None) -> Iterator[Step]:
    """Return the Steps of the engine that the recipe of the submission names, or the rest of them."""
    return engines.engine_for(submission.recipe).run(submission.recipe, submission.inputs(), state=state, folder=folder)


def vectors(styles: Sequence[np.ndarray]) -> list[list[float]]:
    """Return the style vectors that `instant-lite` predicts for 8-bit styles."""
    from nst_core import instant

    lite = instant.stylizer("instant-lite")
    return [lite.vector(images.from_uint8(style)).tolist() for style in styles]


def previews(content: np.ndarray, styles: Sequence[np.ndarray]) -> list[bytes]:
    """Return an 8-bit content as `instant-lite` paints it in each of the 8-bit styles, JPEGs."""
    from nst_core import instant

    lite, picture = instant.eyes(), images.from_uint8(content)
    painted = (lite.transform(picture, lite.vector(images.from_uint8(style))) for style in styles)
    return [images.encode(image, "jpeg", quality=85) for image in painted]


def assess(result: np.ndarray, content: np.ndarray, styles: Sequence[Style]) -> "Quality":
    """Return the quality of a result, for 8-bit pictures."""
    from nst_core import instant
    from nst_core.pictures import quality

    unpacked = [unpack(style) for style in styles]
    return quality.assess(instant.eyes(), images.from_uint8(result), images.from_uint8(content), unpacked)


def timelapse(frames: Sequence[bytes]) -> bytes:
    """Return a run's previews, JPEGs, as an MP4."""
    from nst_core.pictures import timelapse

    return timelapse.mp4(frames)


def snap(photograph: np.ndarray, scribble: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Return the mask of the object that was scribbled on, from a photograph, scribble and mask of other objects, all 8-bit."""
    from nst_core.pictures import snapping

    return images.to_uint8(snapping.snap(*map(images.from_uint8, (photograph, scribble, taken))))


def subject(photograph: np.ndarray) -> np.ndarray:
    """Return the mask of an 8-bit photograph's main subject, 8-bit too."""
    from nst_core.instant import subject

    return images.to_uint8(subject.find(images.from_uint8(photograph)))


def click(photograph: np.ndarray, at: tuple[int, int], taken: np.ndarray) -> np.ndarray:
    """Return the mask of the object that was clicked at (row, column), from an 8-bit photograph and mask of other objects."""
    from nst_core.instant import subject

    return images.to_uint8(subject.at(images.from_uint8(photograph), at, images.from_uint8(taken)))


def segment(data: bytes, shape: "MaskShape", name: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the colours of a segmentation file's regions, and their boolean masks stretched to a shape."""
    from nst_core.pictures import segmentation

    limits.apply()
    found = segmentation.from_picture(data, shape, name=name)
    return found.colors, [mask > 0 for mask in found.masks]


def explain(function: Callable[..., Any], pictures: Sequence[np.ndarray], options: Mapping[str, Any]) -> Any:
    """Return the result of a function of `nst_core.explain` for 8-bit pictures: Steps, or anything else."""
    return function(*map(images.from_uint8, pictures), **options)


def probe(clip: bytes, name: str) -> "Facts":
    """Return the facts about a clip's file."""
    from nst_core.videos import reading

    return reading.probe(clip, name)


def network_facts(data: bytes, name: str) -> NetworkFacts:
    """Return the facts about a network's file, which is checked."""
    return engines.network_engine(name).facts(data, name)


def load_light() -> bool:
    """Load the models of the light lane's engines, and the code that finds outlines."""
    import cv2  # noqa: F401

    for engine in engines.engines():
        if engine.lane is Lane.LIGHT:
            engine.warm_up()
    return True


@cache
def load_slow() -> bool:
    """Load the models of the slow lane's engines, once a process."""
    for engine in engines.engines():
        if engine.lane is Lane.SLOW:
            engine.warm_up()
    return True
