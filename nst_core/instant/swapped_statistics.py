"""Run instant-lite with another picture's statistics instead of instance normalisation, to show what that changes."""

from functools import cache
from typing import NamedTuple

import numpy as np

from nst_core import images
from nst_core.images import Image
from nst_core.instant import graph
from nst_core.instant.lite import CoreInputs
from nst_core.instant.vectors import Vector
from nst_core.models import weights
from nst_core.models.graphs import Session


class Statistics(NamedTuple):
    """Hold mean and deviation of every normalised channel, all layers in a row."""

    means: np.ndarray
    deviations: np.ndarray


def statistics(content: Image, vector: Vector) -> Statistics:
    """Return the statistics that instance normalisation computes while (h, w, 3) is painted in a style."""
    found = _session().run("own_means", "own_deviations", **_scene(content).feeds(), vector=vector.astype(np.float32))
    return Statistics(*found)


def paint(content: Image, vector: Vector, borrowed: Statistics) -> Image:
    """Return the picture (h, w, 3) in a style, normalised by statistics that need not be its own."""
    feeds = _scene(content).feeds() | {"vector": vector.astype(np.float32)} | borrowed._asdict()
    return images.resize(_session().run("borrowed", **feeds)[0][0], *content.shape[:2])


def _scene(content: Image) -> CoreInputs:
    """Return what `InstantLite.transform` works on."""
    return CoreInputs.of(content, 1.0, 0)


@cache
def _session() -> Session:
    return Session(graph.borrowing(weights.load("instant-lite")))
