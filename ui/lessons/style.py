"""What a style is: its Gram matrix to point at, textures from more and more layers, moments against Gram matrices."""

from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from nst_core import explain, images
from nst_core.images import Image
from nst_core.recipes import FIRST_LAYERS
from ui.components import Side, compare, matrix, morph
from ui.lessons import figures, layers
from ui.lessons.figures import PREFIX
from ui.pictures import identity, thumbnails, title

LIVE_ITERATIONS, LIVE_SIDE = 30, 128
DEPTHS = [FIRST_LAYERS[:depth] for depth in range(1, 6)]
WORDS = (
    "colours and grain",
    "the finest strokes",
    "strokes and their bends",
    "strokes that form shapes",
    "shapes as large as petals",
)


def show() -> None:
    place = st.container()
    figures.heading(
        "What a style is",
        "A style is *which channels answer together*, wherever they do: the **Gram matrix**, one bright cell for each pair "
        "that goes together. Point at a cell, or move with the arrow keys: on the right, what the two channels look for.",
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        figures.pick_style()
        layer = st.segmented_control(
            "Layer",
            FIRST_LAYERS,
            default="block2_conv1",
            required=True,
            key=f"{PREFIX}.gram.layer",
            persist_state="session",
            wrap=True,
        )
    with place:
        left, right = st.columns([2, 9])
        left.image(thumbnails([figures.chosen("style")])[0].src, width=170, alt=f"The style: {title(figures.chosen('style'))}")
        with right:
            show_gram(layer or "block2_conv1")
    figures.formula(
        r"G^l_{ij} = \frac{1}{M}\sum_k F^l_{ik} F^l_{jk}, \qquad "
        r"L_\text{style} = \sum_l w_l\,\frac{1}{4N_l^2}\sum_{ij}\left(G^l_{ij} - A^l_{ij}\right)^2",
        "F holds N channels at M places. Summing over the places k forgets where things were: that is why a style can be "
        "carried from one picture to another. Gatys, Ecker & Bethge 2015.",
    )
    st.divider()
    show_textures()
    st.divider()
    show_moments()


def show_gram(layer: str) -> None:
    """Of the channels that the layer's sheet shows, the strongest first."""
    figure = figures.at_once(
        "gram",
        (*figures.about("style"), layer),
        explain.gram,
        figures.pixels("style"),
        layer=layer,
        finish=lambda gram: ([], gram),
    )
    values, side = ordered(figure.told, layer)
    style = title(figures.chosen("style"))
    matrix(
        values, side, side, tile=layers.TILE, title=f"The Gram matrix of {style} at {layer}", words="gram", key=f"{PREFIX}.gram"
    )
    figures.offer([figures.jpeg_uri(picture_of(values))], f"gram-{layer}", key="gram")


def ordered(gram: np.ndarray, layer: str) -> tuple[np.ndarray, Side]:
    """The rows and columns of the channels that are shown, the strongest first, and what they look for."""
    shown = layers.shown_of(layer)
    own = gram[np.ix_(shown, shown)]
    order = np.argsort(-np.diag(own), kind="stable")
    names = [f"Channel {shown[index]}" for index in order]
    return own[np.ix_(order, order)], Side(names, order.tolist(), layers.sheet_uri(layer), explain.columns(len(shown)))


def picture_of(values: np.ndarray, side: int = 320) -> Image:
    """A matrix as a picture about so many pixels wide, a cell a square."""
    root = np.sqrt(np.abs(values) / max(float(np.abs(values).max()), 1e-9))
    return figures.heat(np.kron(root, np.ones((max(1, side // len(values)),) * 2)))


# --- textures ---------------------------------------------------------------------------------------------------------


def show_textures() -> None:
    place, words = figures.stage()
    with words:
        figures.heading(
            "From the matrix back to a picture",
            "Start from noise and change it until its Gram matrices are the style's, and you have more of the same stuff: a "
            "**texture**. Drag to let more layers have their say.",
        )
        recipes = [explain.texturing(depth, iterations=LIVE_ITERATIONS) for depth in DEPTHS]
        figure = made("textures", recipes, "Weave them from this style, live")
        ready = figures.lesson(f"textures-{identity(figures.chosen('style'))}")
    with place:
        if pictures := figure.pictures if figure else ready.pictures if ready else []:
            labels = ["Block 1", *(f"1 to {depth}" for depth in range(2, 6))]
            told = figure.told if figure else ready.figures["distances"] if ready else []
            lines = [f"{words.capitalize()}. {nearness(*each)}" for words, each in zip(WORDS, told, strict=True)]
            frames = figures.frames(pictures, labels, lines)
            morph(
                frames, title=f"{title(figures.chosen('style'))} as a texture", width=440, key=f"{PREFIX}.textures.morph", at=2
            )
            figures.offer(pictures, "textures", key="textures")


def nearness(start: float, end: float) -> str:
    return f"Its Gram matrices are {start / end:.0f} times nearer to the style's than the noise's were."


def made(key: str, recipes: list[Any], button: str) -> figures.Figure | None:
    style, blank = figures.pixels("style", LIVE_SIDE), explain.blank(LIVE_SIDE)
    send = lambda: figures.slowly(explain.series, blank, style, recipes=recipes)  # noqa: E731
    return figures.on_demand(key, (key, *figures.about("style")), button, send, partial(finish, len(recipes)))


def finish(count: int, step: Any) -> tuple[list[bytes], Any]:
    """Each texture, and its losses before and after: of Gram matrices they are distances."""
    told = [(step.losses[f"{number}/start"], step.losses[f"{number}/end"]) for number in range(1, count + 1)]
    return [images.encode(part, "jpeg") for part in explain.split(step.image, count)], told


# --- moments ----------------------------------------------------------------------------------------------------------


def show_moments() -> None:
    place, words = figures.stage()
    with words:
        figures.heading(
            "Moments against Gram matrices",
            "A Gram matrix mixes how *much* a channel answers with how it *varies*; mean and covariance, the **moments**, keep "
            "them apart. Left of the line the texture by Gram matrices, right of it the one by moments, with the same start "
            "and steps.",
        )
        recipes = [explain.texturing(FIRST_LAYERS, form=form, iterations=LIVE_ITERATIONS) for form in ("rms", "moments")]
        figure = made("moments", recipes, "Compare them on this style, live")
        ready = figures.lesson(f"moments-{identity(figures.chosen('style'))}")
        figures.formula(
            r"W_2^2 = \lVert \mu - \nu \rVert^2 + \operatorname{tr}\!\left(C + D - 2\,(D^{1/2} C\, D^{1/2})^{1/2}\right)",
            "How far apart two Gaussians are (2-Wasserstein): μ, C are the mean and covariance of the picture's maps, ν, D the "
            "style's. The Optimize page's preset “fast” uses it.",
        )
    with place:
        if shown := figure or ready:
            about = "A texture by Gram matrices, and the same by moments"
            compare(*shown.pictures[:2], width=440, alt=about, key=f"{PREFIX}.moments.compare")
            figures.offer(shown.pictures, "gram-and-moments", key="moments")
