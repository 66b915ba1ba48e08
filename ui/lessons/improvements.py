"""The four improvements of 2016, each off and on: two pictures from the same noise in the same time, and their difference."""

from typing import Any

import numpy as np
import streamlit as st

from nst_core import explain, images
from nst_core.recipes import ACTIVATION_SHIFT, FIRST_LAYERS, LAYERS
from ui.components import Side, compare, drawing, matrix
from ui.lessons import figures, layers
from ui.lessons.figures import PREFIX
from ui.lessons.style import ordered, picture_of

LIVE_ITERATIONS = 40
WORDS = {
    "activation shift": "Subtract one from every map before it is correlated: channels that are both silent now count as "
    "agreeing, so that the matrix has fewer zeros to say nothing with.",
    "correlation chain": "Correlate each layer with the one **below** it instead of with itself: strokes must fit the "
    "shapes they form.",
    "all layers": "Let every convolution speak, not one in each block: eleven here instead of five.",
    "geometric weights": "Let the lower layers weigh most for the style, each twice as much as the next: fine strokes "
    "before big shapes.",
    "all four": "The four together, as in the paper.",
}
FORMULAS = {
    "activation shift": r"G^l = \frac{1}{M}(F^l - 1)^\top (F^l - 1)",
    "correlation chain": r"G^{l,l-1} = \frac{1}{M}\, {F^l}^\top\, \overline{F^{l-1}}",
    "all layers": r"L_\text{style} = \sum_{l=1}^{D} w_l E_l, \quad D = 16 \text{ in VGG-19, } 11 \text{ here}",
    "geometric weights": r"w^\text{style}_l \propto 2^{D - d(l)}, \qquad w^\text{content}_l \propto 2^{d(l)}",
    "all four": r"L_\text{style} = \sum_{l=2}^{D} 2^{D-d(l)}\,\frac{\lVert G^{l,l-1} - A^{l,l-1} \rVert^2}{\lVert A^{l,l-1} "
    r"\rVert^2}",
}


def show() -> None:
    name = st.session_state.get(f"{PREFIX}.improvement") or "all layers"
    place, words = figures.stage()
    with words:
        figures.heading(
            "Four improvements of 2016",
            f"{WORDS[name]} Left of the line **off**, right of it **on**: same noise to begin with, same processor time.",
        )
        name = st.segmented_control(
            "Improvement", list(WORDS), default="all layers", format_func=str.capitalize, required=True,
            key=f"{PREFIX}.improvement", persist_state="session", label_visibility="collapsed", wrap=True,
        ) or name  # fmt: skip
        with st.container(horizontal=True):
            figures.pick_photograph()
            figures.pick_style()
        about = figures.about("content", "style")
        counts = LIVE_ITERATIONS, in_the_same_time(name)
        recipes = [explain.improved(each, iterations=count) for each, count in zip(("none", name), counts, strict=True)]
        figure = figures.on_demand(
            "improved", (*about, name), "Off and on with these two, live",
            lambda: figures.slowly(explain.series, *figures.both(), recipes=recipes),
            figures.rows(2),
        )  # fmt: skip
        ready, number = figures.lesson("-".join(("improved", *about))), list(explain.IMPROVEMENTS).index(name)
        figures.formula(
            FORMULAS[name],
            "Novak & Nikulin 2016, 1605.04603; each is a switch of the Optimize page's recipe. A bar: averaged to the upper "
            "layer's grid.",
        )
    with place:
        if figure:
            show_pair(figure.pictures[0], figure.pictures[1], name, f"{counts[0]} steps without, {counts[1]} with")
        elif ready:
            show_pair(
                ready.pictures[0], ready.pictures[number], name,
                f"{ready.figures['seconds']:.0f} s of processor time each: {ready.figures['iterations'][0]} steps without, "
                f"{ready.figures['iterations'][number]} with",
            )  # fmt: skip
    st.divider()
    show_effect(name)


def in_the_same_time(name: str) -> int:
    """Steps with the improvement that take as long as LIVE_ITERATIONS without it, as was measured when the lesson was made."""
    ready = figures.lesson("-".join(("improved", *(source.name for source in figures.OPENING.values()))))
    counts = ready.figures["iterations"] if ready else [1] * len(explain.IMPROVEMENTS)
    return max(1, round(LIVE_ITERATIONS * counts[list(explain.IMPROVEMENTS).index(name)] / counts[0]))


def show_pair(off: str, on: str, name: str, told: str) -> None:
    compare(off, on, width=620, alt=f"Without and with {name}", key=f"{PREFIX}.improved.compare")
    first, second = figures.decoded(off), figures.decoded(on)
    difference = np.abs(second - images.resize(first, *second.shape[:2])).mean(-1)
    levels, uri = (
        f"{255 * difference.mean():.0f} of 255 levels on average",
        figures.jpeg_uri(figures.heat(np.clip(2 * difference, 0, 1))),
    )
    left, right = st.columns(2, vertical_alignment="center")
    left.image(uri, width="stretch", alt=f"Where {name} changes the picture: {levels}")
    with right:
        st.caption(f"**The difference** (bright): {levels}. {told}.")
        figures.offer([off, on, uri], name.replace(" ", "-"), key="improved")


# --- what they do to the matrix ---------------------------------------------------------------------------------------


def show_effect(name: str) -> None:
    """What the improvement changes in what is compared."""
    place, words = st.empty(), {
        "activation shift": "The same matrix, shifted: pairs that are silent together light up, pairs where one is loud "
        "alone turn blue.",
        "correlation chain": "Now rows are channels of block2_conv2 and columns those of block2_conv1, the layer below.",
        "all layers": "The style's Gram matrices: those of 2015 in the first row, all that are compared now below.",
        "geometric weights": "How much each layer weighs: evenly in 2015, halved from each to the next now.",
        "all four": "What is compared now: ten chains of neighbouring layers, shifted.",
    }  # fmt: skip
    with place.container():
        figures.heading("What it does to the Gram matrix", words[name])
        EFFECTS[name]()


def shift_effect() -> None:
    layer = "block2_conv1"
    figure = _of_style(explain.gram, layer=layer, shift=ACTIVATION_SHIFT)
    values, side = ordered(figure.told, layer)
    matrix(
        values, side, side, tile=layers.TILE, title=f"The shifted Gram matrix at {layer}", words="gram", key=f"{PREFIX}.shift"
    )


def chain_effect() -> None:
    lower, upper = "block2_conv1", "block2_conv2"
    figure = _of_style(explain.chain, lower=lower, upper=upper, shift=0.0)
    known = [layers.shown_of(layer) for layer in (upper, lower)]
    values = figure.told[np.ix_(*known)]
    orders = [np.argsort(-values.sum(axis), kind="stable") for axis in (1, 0)]
    sides = [
        Side([f"Channel {own[i]}" for i in order], order.tolist(), layers.sheet_uri(layer), explain.columns(len(own)))
        for layer, own, order in zip((upper, lower), known, orders, strict=True)
    ]
    chain = values[np.ix_(*orders)]
    matrix(chain, *sides, tile=layers.TILE, title=f"{upper} with {lower}", words="chain", key=f"{PREFIX}.chain")


def layers_effect() -> None:
    every = LAYERS[explain.EYES]
    figure = _of_style(explain.grams, layers=every)
    for chosen in (FIRST_LAYERS, tuple(layer for layer in every if layer not in FIRST_LAYERS)):
        _row({layer: _ordered(figure.told[layer], layer) for layer in chosen}, 6)


def all_effect() -> None:
    every = LAYERS[explain.EYES]
    figure = _of_style(explain.chains, layers=every)
    shown = {}
    for pair, values in figure.told.items():
        lower, upper = pair.split("+")
        shown[pair] = values[np.ix_(layers.shown_of(upper), layers.shown_of(lower))]
    _row(shown, 5)


def weights_effect() -> None:
    drawing(bars(list(LAYERS[explain.EYES])), f"{PREFIX}.weights")


EFFECTS = {
    "activation shift": shift_effect,
    "correlation chain": chain_effect,
    "all layers": layers_effect,
    "geometric weights": weights_effect,
    "all four": all_effect,
}


def _of_style(function: Any, **options: Any) -> figures.Figure:
    signature = (function.__name__, *figures.about("style"), *(str(value) for value in options.values()))
    return figures.at_once("effect", signature, function, figures.pixels("style"), finish=lambda made: ([], made), **options)


def _ordered(gram: np.ndarray, layer: str) -> np.ndarray:
    return ordered(gram, layer)[0]


def _row(matrices: dict[str, np.ndarray], count: int) -> None:
    """Small pictures of matrices, so many a row."""
    names = list(matrices)
    for at in range(0, len(names), count):
        for column, name in zip(st.columns(count), names[at : at + count], strict=False):
            column.image(figures.jpeg_uri(picture_of(matrices[name], 180)), width="stretch", alt=f"Matrix of {name}")
            column.caption(name.replace("_", " ").replace("+", " + "))


def bars(names: list[str]) -> str:
    """The weights of layers, even and geometric, as an SVG."""
    count, high, wide = len(names), 150, 60
    geometric = [2.0 ** (count - 1 - index) / (2.0**count - 1) for index in range(count)]
    parts = [
        f'<svg viewBox="0 0 {count * wide + 10} {high + 40}" role="img" aria-label="Weights of the layers, even and geometric">'
    ]
    for index, (name, weight) in enumerate(zip(names, geometric, strict=True)):
        x = 10 + index * wide
        for offset, share, kind in ((0, 1 / count, "noise"), (22, weight, "one")):
            tall = max(1.0, high * share / 0.55)
            box = f'x="{x + offset}" y="{high - tall:.1f}" width="20" height="{tall:.1f}"'
            parts.append(f'<rect class="{kind}" {box}><title>{share:.1%}</title></rect>')
        block, conv = name.split("_")
        parts.append(f'<text x="{x + 21}" y="{high + 16}" text-anchor="middle">{block}</text>')
        parts.append(f'<text x="{x + 21}" y="{high + 30}" text-anchor="middle" class="small">{conv}</text>')
    return "".join([*parts, "</svg>"])
