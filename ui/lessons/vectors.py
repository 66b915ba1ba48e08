"""How Instant does it: a style as 100 numbers to walk along, a map of all styles, and what instance normalisation changes."""

from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from nst_core import explain, images
from nst_core.explain import Axes
from nst_core.images import Image
from nst_core.recipes import Source
from ui.components import CanvasPoint, Pin, morph, plane
from ui.lessons import figures
from ui.lessons.figures import PREFIX
from ui.pictures import identity, picture, thumbnails, title

AXES, STEPS = 5, (-2.5, -1.5, -0.75, 0.0, 0.75, 1.5, 2.5)
STOPS = 7  # pictures from one point of the map to the other
CONTRASTS = (1.0, 0.5, 0.25, 0.12, 0.06)
POINTS = f"{PREFIX}.points"


def show() -> None:
    show_axes()
    st.divider()
    show_map()
    st.divider()
    show_normalisation()


@st.cache_data(show_spinner=False)
def ours() -> Axes:
    return explain.style_axes(figures.arrays("styles")["vectors"], AXES)


def names() -> list[str]:
    return figures.arrays("styles")["names"].tolist()


def vector_of(source: Source) -> np.ndarray:
    """(100,): ours are kept; a visitor's is predicted."""
    if source.is_sample and source.name in names():
        return figures.arrays("styles")["vectors"][names().index(source.name)]
    return figures.at_once(
        "vector",
        identity(source),
        explain.style_vector,
        picture(source, figures.STYLE_SIDE),
        finish=lambda vector: ([], vector),
    ).told


def painted(key: str, signature: object, vectors: np.ndarray) -> list[str]:
    """The photograph in each of the styles, data URIs."""
    finish = lambda made: ([images.encode(images.from_uint8(each), "jpeg") for each in made], None)  # noqa: E731
    whole = (*figures.about("content"), signature)
    return figures.at_once(key, whole, explain.paint_all, figures.pixels("content"), vectors=vectors, finish=finish).pictures


# --- axes -------------------------------------------------------------------------------------------------------------


def show_axes() -> None:
    place, words = figures.stage()
    with words:
        figures.heading(
            "A style is 100 numbers",
            "A first network looks at the style and writes down **100 numbers**; a second one paints any photograph by them, "
            "in one pass. Drag along a direction in which our styles differ most: between the styles lie others that nobody "
            "has drawn.",
        )
        axes, source = ours(), figures.chosen("style")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            figures.pick_photograph()
            figures.pick_style()
            axis = st.segmented_control(
                "Direction", range(AXES), default=0, required=True, key=f"{PREFIX}.axis", persist_state="session",
                format_func=lambda k: f"{k + 1} · {axes.explained[k]:.0%}", help="And how much of the differences between "
                "styles it holds.",
            ) or 0  # fmt: skip
        start = vector_of(source)
        vectors = walk(axes, start, axis)
        pictures = painted("axes", (identity(source), axis), vectors)
        figures.formula(
            r"v = \bar v + \sum_k t_k\, \sigma_k\, e_k, \qquad y = \gamma(v)\,\frac{x - \mu(x)}{\sigma(x)} + \beta(v)",
            "e are the principal axes of our styles' vectors, σ their spread along them. In the painter, v sets only scale γ "
            "and shift β of every instance normalisation. Dumoulin et al. 2016, Ghiasi et al. 2017.",
        )
    with place:
        least, most = ends(axes, axis)
        lines = [f"{step:+.2g} deviations along direction {axis + 1}." for step in STEPS]
        lines[0] += f" At this end: {least}."
        lines[-1] += f" At this end: {most}."
        labels = [f"{step:+.2g}" if step else "mean" for step in STEPS]
        at = int(np.abs(np.array(STEPS) - (start - axes.mean) @ axes.directions[axis] / axes.deviations[axis]).argmin())
        lines[at] += f" {title(source)} is near here."
        about = f"{title(figures.chosen('content'))} in {title(source)}, along direction {axis + 1}"
        morph(figures.frames(pictures, labels, lines), title=about, width=680, key=f"{PREFIX}.axes.morph", at=at)
        figures.offer(pictures, f"direction-{axis + 1}", key="axes")


def walk(axes: Axes, start: np.ndarray, axis: int) -> np.ndarray:
    """(len(STEPS), 100): from a style along one axis; the other coordinates stay the style's own."""
    direction = axes.directions[axis]
    foot = start - ((start - axes.mean) @ direction) * direction
    return np.stack([foot + step * axes.deviations[axis] * direction for step in STEPS]).astype(np.float32)


def ends(axes: Axes, axis: int) -> tuple[str, str]:
    """The styles that lie farthest at either end."""
    order = axes.coordinates[:, axis].argsort()
    told = [" and ".join(title(Source(name=names()[i])) for i in chosen) for chosen in (order[:2], order[:-3:-1])]
    return told[0], told[1]


# --- the map ----------------------------------------------------------------------------------------------------------


class Atlas(NamedTuple):
    """The styles of the map, a visitor's own among them, their vectors (n, 100) and places (n, 2)."""

    sources: list[Source]
    vectors: np.ndarray
    places: np.ndarray

    def place(self, name: str) -> CanvasPoint:
        x, y = self.places[[source.name for source in self.sources].index(name)]
        return float(x), float(y)

    def mixture(self, first: CanvasPoint, second: CanvasPoint, share: float) -> str:
        """The styles that have the most of a point on the way from one to the other."""
        parts = (1 - share) * explain.shares_at(first, self.places) + share * explain.shares_at(second, self.places)
        order = [i for i in (-parts).argsort()[:2] if parts[i] > 0.05]
        return ", ".join(f"{parts[i]:.0%} {title(self.sources[i])}" for i in order) + "."


def atlas() -> Atlas:
    """Our styles, and the chosen one if it is the visitor's."""
    sources, vectors, own = (
        [Source(name=name) for name in names()],
        figures.arrays("styles")["vectors"],
        figures.chosen("style"),
    )
    if own not in sources:
        sources, vectors = [*sources, own], np.concatenate([vectors, vector_of(own)[None]])
    return Atlas(sources, vectors, explain.style_map(explain.style_axes(vectors, 2)))


def show_map() -> None:
    place = st.container()
    figures.heading(
        "A map of styles",
        "Our styles and yours, those that are alike near each other: every point between them is a style too. Drag **1** and "
        "**2** anywhere, and the row shows the way from one to the other.",
    )
    whole = atlas()
    first, second = st.session_state.setdefault(POINTS, (whole.place("woodcut-waves"), whole.place("rose-window")))
    vectors = explain.between(first, second, whole.places, whole.vectors, STOPS).astype(np.float32)
    with place:
        left, right = st.columns(2, gap="large")
        with left:
            shown = thumbnails(whole.sources)
            pins = [Pin(each.title, each.src, float(x), float(y)) for each, (x, y) in zip(shown, whole.places, strict=True)]
            plane(pins, (first, second), lambda points: st.session_state.update({POINTS: points}), key=f"{PREFIX}.map")
        with right:
            pictures = painted("map", (first, second, len(pins), identity(whole.sources[-1])), vectors)
            shares = np.linspace(0, 1, STOPS)
            lines = [f"{1 - share:.0%} of 1 and {share:.0%} of 2. {whole.mixture(first, second, share)}" for share in shares]
            labels = ["1", *(f"{share:.0%}" for share in shares[1:-1]), "2"]
            about = f"{title(figures.chosen('content'))} on the way from 1 to 2"
            morph(figures.frames(pictures, labels, lines), title=about, width=560, key=f"{PREFIX}.map.morph", at=STOPS // 2)
            figures.offer(pictures, "between-two-styles", key="map")
    figures.formula(
        r"v(p) = \sum_i w_i(p)\, v_i, \qquad w_i(p) \propto \lVert p - p_i \rVert^{-4}",
        "Each style counts by its nearness on the map, whose directions are the first two principal axes, moved apart where "
        "pictures would cover each other. On a style's own place it is that style alone.",
    )


# --- instance normalisation -------------------------------------------------------------------------------------------


def show_normalisation() -> None:
    place = st.container()
    figures.heading(
        "What instance normalisation changes",
        "Left the photograph, ever fainter; in the middle painted **with** instance normalisation, right **without**: its "
        "layers keep the means and deviations of the photograph at full contrast. With it, a picture's own contrast does not "
        "matter any more.",
    )
    photograph, source = figures.pixels("content"), figures.chosen("style")
    figure = figures.at_once(
        "norm", figures.about("content", "style"), explain.normalisation, photograph,
        vector=vector_of(source), contrasts=CONTRASTS, finish=lambda made: (triptychs(photograph, made), None),
    )  # fmt: skip
    with place:
        labels = [f"{contrast:.0%}" for contrast in CONTRASTS]
        lines = [f"{contrast:.0%} of the photograph's contrast: photograph, with, without." for contrast in CONTRASTS]
        frames = figures.frames(figure.pictures, labels, lines)
        morph(
            frames,
            title=f"{title(source)} with and without instance normalisation",
            width=980,
            key=f"{PREFIX}.norm.morph",
            at=2,
        )
        figures.offer(figure.pictures[2:3], "instance-normalisation", key="norm")
    figures.formula(
        r"\mathrm{IN}(x)_{c} = \gamma_c\, \frac{x_c - \mu_c(x)}{\sqrt{\sigma_c^2(x) + \epsilon}} + \beta_c",
        "Mean μ and variance σ² of each channel c are taken over this one picture (Ulyanov, Vedaldi & Lempitsky 2017). "
        "Without: over another.",
    )


def triptychs(photograph: Image, made: Any) -> list[bytes]:
    """For each contrast: the faded photograph, painted with, painted without, side by side."""
    with_own, without = images.from_uint8(made)
    return [
        images.encode(np.concatenate([explain.faded(photograph, contrast), one, other], 1), "jpeg")
        for contrast, one, other in zip(CONTRASTS, with_own, without, strict=True)
    ]
