"""What a job's numbers look like: its losses as curves, its measures as a sentence and figures."""

import dataclasses
import json
from collections.abc import Callable

import streamlit as st

from nst_core.pictures.quality import Quality
from nst_core.service import Progress

TERMS = {"content": "Content", "style": "Style", "tv": "Smoothness"}
POINTS = 200  # of a curve: more cannot be told apart


def titled(name: str) -> str:
    """`style` reads as "Style", `style/block1_conv1` as "Style, block1_conv1"."""
    term, _, layer = name.partition("/")
    return ", ".join(part for part in (TERMS.get(term, term), layer) if part)


def summed(progress: list[Progress]) -> list[Progress]:
    """Every term once, the sum over its layers: `style/block1_conv1` and its like as `style`."""
    return [dataclasses.replace(p, losses=_by_term(p)) for p in progress]


def _by_term(progress: Progress) -> dict[str, float]:
    sums: dict[str, float] = {}
    for name, value in progress.losses.items():
        term = name.partition("/")[0]
        sums[term] = sums.get(term, 0.0) + value
    return sums


def pick_curve(key: str) -> Callable[[list[Progress]], list[Progress]]:
    """What the chart is to draw of a job's progress: each term's sum, or on demand every layer."""
    every = st.toggle(
        "Show every layer",
        key=key,
        persist_state="session",
        help="The network looks at a picture in layers: the first see grain and edges, the last whole shapes. Where curves "
        "jump, the picture was enlarged.",
    )
    return list if every else summed


def loss_chart(progress: list[Progress]) -> None:
    """Every term over the iterations, on a logarithmic scale."""
    thinned = progress[:: max(1, len(progress) // POINTS)]
    last = {name: value for name, value in progress[-1].losses.items() if value > 0}
    chart = {
        "animation": False,
        "grid": {"left": 56, "right": 12, "top": 32, "bottom": 64},
        "legend": {"type": "scroll", "bottom": 0},
        "tooltip": {"trigger": "axis", "valueFormatter": "scientific"},
        "xAxis": {"type": "value", "max": progress[-1].total},
        "yAxis": {
            "type": "log",
            "name": "Still to go (loss): lower is nearer",
            "nameTextStyle": {"align": "left"},
            "min": min(last.values(), default=1) / 3,  # content begins near 0, which would press all else together
            "axisLabel": {"showMinLabel": False},
        },
        "series": [_series(name, thinned) for name in last],
    }
    st.echarts_chart(json.dumps(chart), height=260, alt="How far the picture still is from its aims, by iteration")


def _series(name: str, progress: list[Progress]) -> dict[str, object]:
    points = [[p.iteration, p.losses[name]] for p in progress if p.losses.get(name, 0) > 0]
    return {"name": titled(name), "type": "line", "showSymbol": False, "data": points}


def show_quality(quality: Quality) -> None:
    """Distances to style and content and SSIM, beside the photograph's own."""
    result, before = quality.result, quality.unstylised
    st.markdown(in_words(before.mean_style, result.mean_style))
    st.progress(share_of_the_way(before.mean_style, result.mean_style))
    with st.container(horizontal=True):
        gain = f"{result.mean_style - before.mean_style:+.2f} from the photograph"
        st.metric(
            "Style distance, lower is better", f"{result.mean_style:.2f}", gain, delta_color="inverse",
            help="How far colours and strokes are from the style's. 0 is the style itself.",
        )  # fmt: skip
        st.metric(
            "Content distance, lower is better", f"{result.content:.2f}",
            help="How much what the picture shows has changed. 0 is the photograph itself.",
        )  # fmt: skip
        st.metric(
            "Likeness (SSIM), higher is better", f"{result.ssim:.2f}",
            help="How alike light and dark are to the photograph's. 1 is the photograph itself.",
        )  # fmt: skip
    with st.expander("Layer by layer"):
        rows = "".join(f"| {name} | {result.style[name]:.3f} | {before.style[name]:.3f} |\n" for name in result.style)
        st.markdown(f"| style distance at | result | photograph |\n|---|---|---|\n{rows}")
        st.caption(
            "Measured on vgg19-lite at 512 px: ‖G − A‖ / ‖A‖ by layer, ‖F − P‖ / ‖P‖ at block4_conv2. Smaller is better."
        )


def share_of_the_way(before: float, after: float) -> float:
    """Return how far the result came from the photograph (0) to the style (1)."""
    return min(max(1 - after / before, 0.0), 1.0) if before else 0.0


def in_words(before: float, after: float) -> str:
    """What the style distances of photograph and result mean."""
    told = (
        f"In colours and strokes the photograph was {before:.2f} away from the style, the result is {after:.2f}; "
        "0 would be the style itself"
    )
    return f"{told}. **It came {1 - after / before:.0%} of the way.**" if after < before else f"{told}. It came no nearer."
