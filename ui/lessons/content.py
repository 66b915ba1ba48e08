"""What a content layer keeps: the photograph rebuilt from each of five layers alone."""

from functools import partial
from typing import Any

import numpy as np

from nst_core import explain, images
from nst_core.images import Image
from nst_core.recipes import FIRST_LAYERS
from ui.components import morph
from ui.lessons import figures
from ui.pictures import title

WORDS = (
    "every pixel, nearly",
    "what you would not miss",
    "shapes, lines and colours; the finest grain drifts",
    "what is where; colours fade, and grain is made up",
    "only that there is something like eyes, and roughly where",
)


def show() -> None:
    place, words = figures.stage()
    with words:
        figures.heading(
            "What a content layer keeps",
            "Each picture was made from noise until **one** layer could not tell it from the photograph: what you see is what "
            "that layer remembers. Deeper layers remember *what is there*, not how it looks, which is why style transfer takes "
            "its content from them.",
        )
        figures.pick_photograph()
        recipes = [explain.reconstruction(layer, iterations=LIVE_ITERATIONS) for layer in FIRST_LAYERS]
        small = figures.pixels("content", figures.LIVE_SIDE)
        figure = figures.on_demand(
            "rebuilt", figures.about("content"), "Rebuild it now, live",
            lambda: figures.slowly(explain.series, small, small, recipes=recipes), partial(finish, small),
        )  # fmt: skip
        ready = figures.lesson(f"content-{figures.about('content')[0]}")
        photograph = figures.jpeg_uri(figures.pixels("content"))
        figures.formula(
            r"x^\star_l = \arg\min_x \; \operatorname{mean}\left(F^l(x) - F^l(p)\right)^2 + \lambda_l\, TV(x)",
            "p is the photograph, F the maps of layer l, TV a little smoothness that deep layers need more of. "
            "Coarse to fine; Mahendran & Vedaldi 2015.",
        )
    with place:
        rebuilt, errors = (
            (figure.pictures, figure.told) if figure else (ready.pictures, ready.figures["errors"]) if ready else ([], [])
        )
        lines = [
            f"Off by {100 * error:.0f} % of full brightness a pixel: {words}."
            for error, words in zip(errors, WORDS, strict=False)
        ]
        labels = [layer.split("_")[0].replace("block", "Block ") for layer in FIRST_LAYERS][: len(rebuilt)]
        opening = (
            "The photograph itself. Drag over the picture." if rebuilt else "Press “Rebuild it now” to see what layers keep."
        )
        frames = figures.frames([photograph, *rebuilt], ["Photo", *labels], [opening, *lines])
        about = title(figures.chosen("content"))
        morph(
            frames,
            title=f"{about}, rebuilt from each layer",
            width=680,
            key="explain.rebuilt.morph",
            at=0 if not rebuilt else 3,
        )
        figures.offer([photograph, *rebuilt], "rebuilt", key="rebuilt")


LIVE_ITERATIONS = 36


def finish(photograph: Image, step: Any) -> tuple[list[bytes], Any]:
    """The five pictures, and how far each is from the photograph: the root of the mean squared difference."""
    parts = explain.split(step.image, len(FIRST_LAYERS))
    errors = [float(np.sqrt(np.mean((part - photograph) ** 2))) for part in parts]
    return [images.encode(part, "jpeg") for part in parts], errors
