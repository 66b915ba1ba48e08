"""The tug of war: content against style weight, and where each of the two losses pulls."""

from typing import Any

import numpy as np
import streamlit as st

from nst_core import explain, images
from ui.components import morph
from ui.lessons import desk
from ui.lessons.desk import PREFIX
from ui.pictures import title

LIVE_WEIGHTS = (0.5, 5.0, 50.0)
LIVE_ITERATIONS = 16


def show() -> None:
    place, words = desk.stage()
    with words:
        desk.heading(
            "The tug of war",
            "One loss wants the photograph's shapes, the other the style's Gram matrices; the **weight** decides how hard the "
            "second one pulls. Drag, and watch the photograph give way.",
        )
        with st.container(horizontal=True):
            desk.pick_photograph()
            desk.pick_style()
        about = desk.about("content", "style")
        recipes = [explain.struggle(weight, iterations=LIVE_ITERATIONS) for weight in LIVE_WEIGHTS]
        figure = desk.on_demand(
            "war", about, "Fight it out with these two, live",
            lambda: desk.slowly(explain.series, *desk.both(), recipes=recipes),
            desk.rows(len(recipes)),
        )  # fmt: skip
        ready = desk.lesson("-".join(("war", *about)))
        pictures, weights = (
            (figure.pictures, LIVE_WEIGHTS) if figure else (ready.pictures, explain.WEIGHTS) if ready else ([], ())
        )
        photograph = desk.jpeg_uri(desk.pixels("content"))
        desk.formula(
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
        frames = desk.frames([photograph, *pictures], labels, lines)
        name = f"{title(desk.chosen('content'))} in {title(desk.chosen('style'))}"
        morph(frames, title=name, width=680, key=f"{PREFIX}.war.morph", at=(len(frames) + 1) // 2)
        desk.offer([photograph, *pictures], "tug-of-war", key="war")
    if pictures:
        st.divider()
        show_pulls(pictures, weights)


def show_pulls(pictures: list[str], weights: tuple[float, ...]) -> None:
    """At the photograph or one of the pictures, the gradients of the two losses."""
    place = st.container()
    desk.heading(
        "Where each of them pulls",
        "Bright is where a loss would like to change the picture. At the photograph only the style pulls, most where the "
        "picture is least like it; where a run ends, both pull at the same places, against each other.",
    )
    stops = ["photograph", *(f"{weight:g}" for weight in weights)]
    at = st.select_slider(
        "At the picture with the weight", stops, value=stops[len(stops) // 2], key=f"{PREFIX}.pull.{len(stops)}"
    )
    number, about = stops.index(at), desk.about("content", "style")
    content = desk.pixels("content")
    here = pictures[number - 1] if number else desk.jpeg_uri(content)
    picture, weight = desk.decoded(here) if number else content, weights[max(0, number - 1)]
    small = images.resize(content, *picture.shape[:2])
    figure = desk.on_demand(
        "pulls", (*about, at, len(stops)), "Measure the pulls here, live",
        lambda: desk.slowly(explain.pulls, picture, small, desk.pixels("style"), style_weight=weight), finish,
    )  # fmt: skip
    ready = desk.lesson("-".join(("pulls", *about))) if len(weights) == len(explain.WEIGHTS) else None
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
            desk.offer([here, *shown], "pulls", key="pulls")


def finish(pulls: explain.Pulls) -> tuple[list[bytes], Any]:
    return [images.encode(desk.heat(np.sqrt(pull)), "jpeg") for pull in (pulls.content, pulls.style)], None
