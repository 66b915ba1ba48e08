"""Ask the light lane what strokes and clicks on the canvas mean: the thing under a scribble, or at a click."""

import numpy as np

import ui
from nst_core import images
from nst_core.errors import Failure, NSTError
from nst_core.images import Image, Mask
from nst_core.service import Job

WAITING = 20.0  # seconds that an outline may take, other people's pictures before it included


def snap(photograph: Image, taken: Mask, scribble: Mask) -> Mask:
    """Return the thing under a scribble; the scribble where that fails, with a sentence. taken: what other regions have."""
    job = ui.engine().snap(photograph, scribble, taken, visitor=ui.visitor())
    return _found(job, scribble, "only the stroke was painted")


def pick(photograph: Image, taken: Mask, at: tuple[int, int]) -> Mask:
    """Return the thing at (row, column); nothing where that fails, with a sentence. taken: what other regions have."""
    job = ui.engine().click(photograph, at, taken, visitor=ui.visitor())
    return _found(job, np.zeros_like(taken), "nothing was painted")


def _found(job: Job, otherwise: Mask, consequence: str) -> Mask:
    try:
        if not job.wait(WAITING):
            job.cancel()
            raise Failure(f"The outline is not found yet, since much else is under way: {consequence}. Try again.")
        return images.from_uint8(job.result())
    except NSTError as error:
        ui.say(error)
        return otherwise
