"""Texture networks on the page: ready ones and the session's own, chosen, shown, saved."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import streamlit as st

import ui
from nst_core import engines, images
from nst_core.engines import NetworkFacts
from nst_core.errors import BadRecipe, Busy
from nst_core.models import weights
from nst_core.recipes import Source, StyleSource, TextureNetworkRecipe
from nst_core.service import Job, Progress, Service, SessionFile
from nst_core.texture_networks import TextureNetwork, drawing, generators

PREFIX = "networks"
PATIENCE = 30.0  # seconds that the check of an uploaded file may take
KEPT = 6  # networks of a session's own


class Own(NamedTuple):
    """A network that was trained or uploaded in this session."""

    source: Source
    file: SessionFile
    title: str
    picture: str  # data URI of its thumbnail
    facts: NetworkFacts

    @property
    def there(self) -> bool:
        return self.file.there


def owned() -> dict[str, Own]:
    """Of this session, those that have not made room for others."""
    kept: dict[str, Own] = st.session_state.setdefault(f"{PREFIX}.own", {})
    for id in [id for id, own in kept.items() if not own.there]:
        del kept[id]
    return kept


def keep(own: Own) -> None:
    kept = owned()
    kept[ui.identity(own.source)] = own
    ui.keep_latest(kept, KEPT)


@st.cache_data(show_spinner=False, max_entries=32)
def ready(name: str) -> bytes:
    return weights.NETWORKS[name].read_bytes()


@st.cache_resource(show_spinner=False, max_entries=32)
def described(data: bytes) -> TextureNetwork:
    """Return a network that was made here. Raises: BadNetwork."""
    return generators.read(data)


def facts_of(id: str) -> NetworkFacts:
    if id in owned():
        return owned()[id].facts
    recipe = described(ready(id)).recipe
    return NetworkFacts(recipe.purpose == "synthesize", recipe.style)


def bytes_of(id: str) -> bytes:
    return owned()[id].file.read() if id in owned() else ready(id)


def source_of(id: str) -> Source:
    return owned()[id].source if id in owned() else Source(name=id)


def offered(purpose: Literal["stylize", "synthesize"]) -> list[ui.Thumbnail]:
    """The session's own networks of that purpose, the latest first, and the ready ones."""
    mine = [ui.Thumbnail(id, own.title, own.picture) for id, own in reversed(owned().items())]
    made_here = [ui.Thumbnail(name, ui.title(Source(name=name)), thumbnail_of(name)) for name in weights.NETWORKS]
    return [item for item in (*mine, *made_here) if facts_of(item.id).texture is (purpose == "synthesize")]


def thumbnail_of(name: str) -> str:
    """Of the style that the ready network learned."""
    return ui.thumbnails([facts_of(name).style or Source(name=name)])[0].src


def take_network() -> None:
    """Callback of the uploader: check the file, keep it, choose it."""
    if (file := ui.taken(f"{PREFIX}.file")) is None:
        return
    name, data = file
    with ui.sentences():
        facts = _checked(data, name)
        style = facts.style
        picture = ui.thumbnails([style])[0].src if style and style.is_sample and style.name in ui.STYLES else NO_PICTURE
        own = Own(Source.of_upload(name, data), ui.keep(data), Path(name).stem, picture, facts)
        keep(own)
        choose(ui.identity(own.source), "synthesize" if facts.texture else "stylize")


def _checked(data: bytes, name: str) -> NetworkFacts:
    """Have a worker check a file. Raises: BadNetwork, Busy."""
    job = ui.engine().network_facts(data, name, visitor=ui.visitor())
    try:
        facts: NetworkFacts = job.result(PATIENCE)
    except TimeoutError as error:
        job.cancel()
        raise Busy(f"{name} could not be checked within {PATIENCE:.0f} seconds: try again in a moment.") from error
    return facts


def choose(id: str, purpose: str) -> None:
    mode = "paint" if purpose == "stylize" else "texture"
    st.session_state[f"{PREFIX}.{mode}.network"] = id
    st.session_state[f"{PREFIX}.mode"] = mode


NO_PICTURE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E"
    "%3Crect width='8' height='8' fill='%23888'/%3E%3Cpath d='M1 6l2-3 2 2 1-1 1 2z' fill='%23fff'/%3E%3C/svg%3E"
)


def pick_network(mode: Literal["paint", "texture"]) -> str:
    """A gallery of networks; State: `networks.{mode}.network` holds the id."""
    key = f"{PREFIX}.{mode}.network"
    items = offered("stylize" if mode == "paint" else "synthesize")
    if not items:
        raise BadRecipe("No network of this kind is here: train one, or upload one.")
    if st.session_state.get(key) not in [item.id for item in items]:
        st.session_state[key] = items[0].id
    st.caption("Networks, each trained for one style")
    ui.gallery(items, [st.session_state[key]], lambda id: st.session_state.update({key: id}), key=f"{key}.gallery")
    with st.popover("Upload a network", icon=":material/upload:", width="stretch"):
        st.file_uploader(
            "A network that was saved on this page (.npz), or one in ONNX in the layout of the Model Zoo's fast neural style",
            [engine.suffix.removeprefix(".") for engine in engines.network_engines()],
            key=f"{PREFIX}.file",
            on_change=take_network,
            max_upload_size=max(engine.max_bytes for engine in engines.network_engines()) // 1024**2,
        )
    return st.session_state[key]


def styles_of(id: str) -> tuple[StyleSource, ...]:
    """What a result's title names: the style that the network learned, or the network."""
    return (StyleSource(source=facts_of(id).style or source_of(id)),)


def ask_seed(mode: str) -> int:
    key = f"{PREFIX}.{mode}.seed"
    st.session_state.setdefault(key, 0)
    return st.number_input(
        "Variation", 0, 2**32 - 1, key=key, persist_state="session", help="Another number, other details (seed of the noise)."
    )


def explain(id: str) -> None:
    """The network that is chosen: a drawing made from its plan, how it was trained, its file."""
    data, suffix = bytes_of(id), Path(source_of(id).name).suffix or ".npz"
    if suffix != ".npz":
        return
    network = described(data)
    with st.expander("The network behind it", icon=":material/account_tree:"):
        plan, recipe = network.plan, network.recipe
        ui.drawing(drawing.svg(plan), f"{PREFIX}.drawing")
        seen = "a smaller copy of the picture and some noise" if plan.picture else "noise"
        st.caption(
            f"{plan.parameters:,} numbers, {len(data) / 1000:.0f} kB. Every scale looks at {seen}: "
            "the coarse ones decide where things go, the fine ones draw the strokes. The wider a box, the more it tells apart "
            "(channels)."
        )
        if len(network.log) > 1:
            last, closer = network.log[-1], " and to the photograph's content" if plan.picture else ""
            st.markdown(
                f"**Trained** for {last[0]:,.0f} of {recipe.steps:,} steps in {last[1] / 60:.0f} minutes, judged by "
                f"a second network, `{recipe.features}`. Lower is closer to the style{closer}:"
            )
            total = int(last[0])
            rows = [Progress(int(r["iteration"]), total, curve(r), r["seconds"], None) for r in generators.rows(network)]
            ui.loss_chart(rows)
        st.download_button(
            "Save this network", data, f"{file_name(id)}.npz", icon=":material/download:", on_click="ignore",
            key=f"{PREFIX}.save.{id}",
        )  # fmt: skip


def curve(row: Mapping[str, float]) -> dict[str, float]:
    return {name: row[name] for name in ("content", "style")}


def file_name(id: str) -> str:
    title = owned()[id].title if id in owned() else id
    return re.sub(r"[^\w-]+", "-", title).strip("-").lower()[:60] or "network"


def made(id: str, recipe: TextureNetworkRecipe) -> ui.Result:
    """The recipe's result, by the network of that id.

    Raises: NSTError.
    """
    source = recipe.content
    photograph = partial(ui.picture, source, recipe.size) if source else None

    def send() -> Job:
        content = photograph(under="nearest") if photograph else None
        shape = (recipe.shape or (recipe.size, recipe.size)) if content is None else content.shape[:2]
        engines.check(recipe, shape, beside=ui.engine().slow_memory)
        return _paint(ui.engine(), bytes_of(id), recipe, ui.visitor(), content)

    return ui.made(f"{PREFIX}.{'paint' if source else 'texture'}", recipe, send, photograph)


def painter(id: str, recipe: TextureNetworkRecipe) -> Callable[[images.Image], Job]:
    """Sends a photograph to be painted by the network; from any thread."""
    engines.check(recipe, (recipe.size, recipe.size))
    return partial(_paint, ui.engine(), bytes_of(id), recipe, ui.visitor())


def _paint(engine: Service, network: bytes, recipe: TextureNetworkRecipe, visitor: str, content: images.Image | None) -> Job:
    pictures = {} if content is None else {"content": content}
    return engine.run(recipe, pictures, files={"network": network}, visitor=visitor)


def show_tiles(result: ui.Result, tiles: int) -> None:
    """The texture n times beside itself: no seam is to be seen."""
    texture = images.reopen(result.png.read(), max_side=ui.PREVIEW * 2 // (tiles + 1))
    st.image(images.encode(np.tile(texture, (tiles, tiles, 1)), "jpeg"), width="stretch")
    st.caption(
        f"{ui.plain(result.title)} · {result.width} × {result.height} px · {result.seconds:.2f} s · tiles without a seam"
    )
    with st.container(horizontal=True):
        formats: tuple[tuple[images.Format, str], ...] = (("png", "png"), ("jpeg", "jpg"))
        for format, suffix in formats:
            st.download_button(
                format.upper(), partial(result.encode, format), f"texture.{suffix}", f"image/{format}", on_click="ignore",
                type="primary" if format == "png" else "secondary", key=f"{PREFIX}.texture.{format}",
            )  # fmt: skip
