"""The tug of war: content against style weight, and where each of the two losses pulls."""

from typing import Any

import numpy as np
import streamlit as st

from nst_core import explain, images
from ui.components import morph
from ui.lessons import figures
from ui.lessons.figures import PREFIX
from ui.pictures import title

LIVE_WEIGHTS = (0.5, 5.0, 50.0)
LIVE_ITERATIONS = 16


def show() -> None:
    place, words = figures.stage()
    with words:
        figures.heading(
            "The tug of war",
            "One loss wants the photograph's shapes, the other the style's Gram matrices; the **weight** decides how hard the "
            "second one pulls. Drag, and watch the photograph give way.",
        )
        with st.container(horizontal=True):
            figures.pick_photograph()
            figures.pick_style()
        about = figures.about("content", "style")
        recipes = [explain.struggle(weight, iterations=LIVE_ITERATIONS) for weight in LIVE_WEIGHTS]
        figure = figures.on_demand(
            "war", about, "Fight it out with these two, live",
            lambda: figures.slowly(explain.series, *figures.both(), recipes=recipes),
            figures.rows(len(recipes)),
        )  # fmt: skip
        ready = figures.lesson("-".join(("war", *about)))
        pictures, weights = (
            (figure.pictures, LIVE_WEIGHTS) if figure else (ready.pictures, explain.WEIGHTS) if ready else ([], ())
        )
        photograph = figures.jpeg_uri(figures.pixels("content"))
        figures.formula(
            r"L(x) = \alpha\, L_\text{content}(x, p) + \beta\, L_\text{style}(x, a)",
            "Only the ratio β/α matters to where it ends. The numbers under the pictures are that ratio, for our means of "
            "losses.",
        )
    with place:
        labels = ["Photo", *(f"{weight:g}" for weight in weights)]
        lines = [
            "The photograph, before anybody pulls.",
            *(f"Style weighs {weight:g} times the content." for weight in weights),
        ]
        frames = figures.frames([photograph, *pictures], labels, lines)
        name = f"{title(figures.chosen('content'))} in {title(figures.chosen('style'))}"
        morph(frames, title=name, width=680, key=f"{PREFIX}.war.morph", at=(len(frames) + 1) // 2)
        figures.offer([photograph, *pictures], "tug-of-war", key="war")
    if pictures:
        st.divider()
        show_pulls(pictures, weights)


def show_pulls(pictures: list[str], weights: tuple[float, ...]) -> None:
    """At the photograph or one of the pictures, the gradients of the two losses."""
    place = st.container()
    figures.heading(
        "Where each of them pulls",
        "Bright is where a loss would like to change the picture. At the photograph only the style pulls, most where the "
        "picture is least like it; where a run ends, both pull at the same places, against each other.",
    )
    stops = ["photograph", *(f"{weight:g}" for weight in weights)]
    at = st.select_slider(
        "At the picture with the weight", stops, value=stops[len(stops) // 2], key=f"{PREFIX}.pull.{len(stops)}"
    )
    number, about = stops.index(at), figures.about("content", "style")
    content = figures.pixels("content")
    here = pictures[number - 1] if number else figures.jpeg_uri(content)
    picture, weight = figures.decoded(here) if number else content, weights[max(0, number - 1)]
    small = images.resize(content, *picture.shape[:2])
    figure = figures.on_demand(
        "pulls", (*about, at, len(stops)), "Measure the pulls here, live",
        lambda: figures.slowly(explain.pulls, picture, small, figures.pixels("style"), style_weight=weight), finish,
    )  # fmt: skip
    ready = figures.lesson("-".join(("pulls", *about))) if len(weights) == len(explain.WEIGHTS) else None
    shown = figure.pictures if figure else ready.pictures[2 * number :][:2] if ready else []
    with place:
        words = (
            f"The picture: {at if not number else f'style weighs {at}'}",
            "Where the **content** pulls",
            "Where the **style** pulls",
        )
        for column, uri, line in zip(st.columns(3), [here, *shown], words, strict=False):
            column.image(uri, width="stretch", alt=line.replace("*", ""))
            column.caption(line)
        if shown:
            figures.offer([here, *shown], "pulls", key="pulls")


def finish(pulls: explain.Pulls) -> tuple[list[bytes], Any]:
    return [images.encode(figures.heat(np.sqrt(pull)), "jpeg") for pull in (pulls.content, pulls.style)], None
