"""What a layer sees: its strongest maps, what excites a channel, and where our samples excite it most."""

from typing import Any

import numpy as np
import streamlit as st

from nst_core import explain, images
from nst_core.images import Image
from nst_core.recipes import LAYERS, Source
from ui.components import Thumbnail, compare, gallery
from ui.lessons import figures
from ui.lessons.figures import PREFIX
from ui.pictures import data_uri, picture, title

LAYER, CHANNEL = f"{PREFIX}.layer", f"{PREFIX}.channel"
COUNT = 12  # maps that are shown
PATCH, TILE = 96, 64  # pixels of a shown patch, and of a channel's picture on its sheet
LEAST = 20  # pixels of a patch, where a layer looks at fewer


def show() -> None:
    left, right = st.columns([6, 6], gap="large")
    with right:
        figures.heading(
            "What a layer sees",
            "Every layer is a stack of small detectors, its *channels*: each answers (bright) where it finds what it looks "
            "for. Go deeper, and edges and colours become stripes, scales, eyes.",
        )
        figures.pick_photograph()
        layer = st.select_slider(
            "Layer, from the first to the last", LAYERS[explain.EYES], value="block3_conv1", key=LAYER, persist_state="session"
        )
    with left:
        channel = show_maps(layer)
    shown, count = shown_of(layer), explain.channels_of(layer)
    with right:
        show_channel(layer, channel, shown.index(channel))
        st.caption(
            f"Painted are all {count} channels of this layer."
            if len(shown) == count
            else f"Painted are the {len(shown)} of this layer's {count} channels that answer most strongly to our samples."
        )
        figures.formula(
            r"F^l = \max\!\left(0,\; W^l * F^{l-1} + b^l\right)",
            "A map is a convolution of the maps below it, and whatever is negative becomes zero (ReLU). A channel's picture is "
            "found by going up the gradient of its mean answer, from grey noise.",
        )


def show_maps(layer: str) -> int:
    """Its strongest maps, and where the chosen one answers, which is returned."""
    photograph, count = figures.pixels("content"), explain.channels_of(layer)
    figure = figures.at_once(
        "maps", (*figures.about("content"), layer), explain.seen, photograph, layer=layer, count=count, finish=finish
    )
    known, uris = shown_of(layer), dict(zip(figure.told, figure.pictures, strict=True))
    shown = [channel for channel in figure.told if channel in known][:COUNT]
    picked: int | None = st.session_state.get(CHANNEL)
    channel = picked if picked is not None and picked in shown else shown[0]
    items = [Thumbnail(str(each), f"Channel {each}", uris[each]) for each in shown]
    before = figures.jpeg_uri(photograph)
    compare(before, uris[channel], width=560, alt=f"Where channel {channel} of {layer} answers", key=f"{PREFIX}.where")
    gallery(items, [str(channel)], lambda id: st.session_state.update({CHANNEL: int(id)}), key=f"{CHANNEL}.gallery")
    side = explain.receptive_field(layer)
    st.caption(
        f"Where channel {channel} answers in the photograph, and the {len(shown)} painted channels of {layer} that answer "
        f"most: click one. Each number of a map depends on a square of {side} × {side} pixels."
    )
    figures.offer([before, *(uris[each] for each in shown)], f"maps-{layer}", key="maps")
    return channel


def finish(seen: explain.Seen) -> tuple[list[bytes], Any]:
    return [images.encode(figures.heat(images.from_uint8(each)), "jpeg") for each in seen.maps], seen.channels


def shown_of(layer: str) -> list[int]:
    """The channels that have a tile on the layer's sheet, in its order."""
    return figures.arrays("channels")[f"{layer}/channels"].tolist()


@st.cache_data(show_spinner=False, max_entries=6)
def sheet_uri(layer: str) -> str:
    """The sheet of the channels' pictures, a data URI."""
    return data_uri((figures.LESSONS / f"channels-{layer}.webp").read_bytes()).replace("image/jpeg", "image/webp", 1)


@st.cache_data(show_spinner=False, max_entries=2)
def sheet(layer: str) -> np.ndarray:
    return images.to_uint8(figures.row_of(figures.LESSONS / f"channels-{layer}.webp"))


def tile(layer: str, index: int) -> Image:
    """What excites the channel of that place among those shown, (TILE, TILE, 3)."""
    whole = sheet(layer)
    row, column = divmod(index, whole.shape[1] // TILE)
    return images.from_uint8(whole[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE])


def show_channel(layer: str, channel: int, index: int) -> None:
    """What excites it: its picture, and the nine patches of our samples."""
    pictures = st.container()
    larger = figures.on_demand(
        "excite", (layer, channel), "Paint it larger, live",
        lambda: figures.slowly(explain.exciting, layer=layer, channels=[channel], side=figures.LIVE_SIDE), figures.rows(1),
    )  # fmt: skip
    made = larger.pictures[0] if larger else figures.jpeg_uri(images.resize(tile(layer, index), 288, 288))
    nine, names = patches(layer, index)
    with pictures:
        left, right = st.columns(2)
        left.image(
            made, width="stretch", alt=f"The picture that excites channel {channel} of {layer} most, made by gradient ascent"
        )
        left.caption(f"**What excites channel {channel}**: a picture made for it alone.")
        told = f"The nine patches of our samples that excite channel {channel} most, from {', '.join(names)}"
        right.image(figures.jpeg_uri(nine), width="stretch", alt=told)
        right.caption(f"**In our samples**: the nine patches that excite it most, from *{names[0]}*, *{names[1]}* …")
        figures.offer([made, figures.jpeg_uri(nine)], f"{layer}-channel-{channel}", key="channel")


def patches(layer: str, index: int) -> tuple[Image, list[str]]:
    """The nine, as a square of three by three, the strongest first; and the titles of the pictures that they are from."""
    stored = figures.arrays("channels")
    names = [str(stored["pictures"][number]) for number, _, _ in stored[f"{layer}/places"][index]]
    side = max(LEAST, explain.receptive_field(layer))
    cut = [
        images.resize(explain.patch(picture(Source(name=name), figures.SIDE), int(y), int(x), side), PATCH, PATCH)
        for name, (_, y, x) in zip(names, stored[f"{layer}/places"][index], strict=True)
    ]
    return np.concatenate([np.concatenate(cut[at : at + 3], 1) for at in (0, 3, 6)]), [
        title(Source(name=name)) for name in names
    ]
