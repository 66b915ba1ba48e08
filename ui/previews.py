"""Style galleries: every style on the visitor's photograph, and in an order of their choice.

State: `previews` holds the pictures made for the latest photographs, data URIs by style; `previews.jobs` what is under way.
`{key}.on_photo` and `{key}.order` are what a gallery is asked for.
"""

from collections.abc import Callable, Sequence

import numpy as np
import streamlit as st

from nst_core import images
from nst_core.errors import NSTError
from nst_core.recipes import Source
from nst_core.service import Job
from ui.components import Thumbnail
from ui.files import visitor
from ui.messages import HOURGLASS, plain
from ui.pictures import data_uri, identity, picture, thumbnails
from ui.shared_engine import engine

SIDE = 192  # pixels of the longer side of a preview
LOOKED_AT = 256  # pixels of a style that travel: the predictor looks at as many
BATCH = 7  # styles of a job: between two of them, pictures of others get their turn
KEPT = 3  # photographs whose previews a session keeps
LOOK = 0.5  # seconds between looks at jobs
MEASURED = 64  # pixels at which styles are compared for their order

Previews = dict[str, str]


def ask_preview(key: str) -> None:
    st.toggle(
        "Preview on my photo", key=f"{key}.on_photo", persist_state="session",
        help="Every style as it would look on this photograph, painted small.",
    )  # fmt: skip


def ask_order(key: str) -> None:
    st.selectbox("Order", list(ORDERS), key=f"{key}.order", persist_state="session", label_visibility="collapsed", width=170)


def style_thumbnails(key: str, sources: Sequence[Source], content: Source | None) -> list[Thumbnail]:
    """Return the styles' thumbnails as asked for; of the photograph in each style, as far as they are made.

    content: the photograph; None: there is none to preview on.
    """
    order = st.session_state.get(f"{key}.order") or next(iter(ORDERS))
    shown = thumbnails(ordered(sources, ORDERS[order]))
    if content is None or not st.session_state.get(f"{key}.on_photo"):
        return shown
    made = previews(content, sources)
    return [item._replace(src=made.get(item.id) or item.src) for item in shown]


def previews(content: Source, sources: Sequence[Source]) -> Previews:
    """Return the previews that are made, and have the missing ones made."""
    kept: dict[str, Previews] = st.session_state.setdefault("previews", {})
    key = identity(content)
    made = kept[key] = kept.pop(key, {})
    for old in list(kept)[:-KEPT]:
        del kept[old]
    asked, jobs = st.session_state.get("previews.jobs", ("", []))
    if asked != key:
        for job, _ in jobs:
            job.cancel()
        jobs = []
    under_way = {style for _, styles in jobs for style in styles}
    missing = [source for source in sources if identity(source) not in {*made, *under_way}]
    try:
        jobs += [_started(content, missing[i : i + BATCH]) for i in range(0, len(missing), BATCH)]
    except NSTError as error:  # an upload that has gone, or a full queue: the styles themselves are shown
        st.caption(plain(str(error)))
    st.session_state["previews.jobs"] = key, jobs
    if jobs:
        _watch(key)
    return made


def _started(content: Source, styles: Sequence[Source]) -> tuple[Job, list[str]]:
    """Raises: NSTError."""
    pictures = [picture(style, LOOKED_AT) for style in styles]
    job = engine().previews(picture(content, SIDE, under="nearest"), pictures, visitor=visitor())
    return job, [identity(style) for style in styles]


@st.fragment(run_every=LOOK)
def _watch(key: str) -> None:
    if collect(key):
        st.rerun()
    st.caption(f"{HOURGLASS}Painting the previews …")


def collect(key: str) -> bool:
    """Keep the previews of a photograph that are finished; return whether there were any.

    What failed is not asked for again: its styles are shown themselves.
    """
    asked, jobs = st.session_state.get("previews.jobs", ("", []))
    finished = [entry for entry in jobs if entry[0].finished] if asked == key else []
    made: Previews = st.session_state["previews"].setdefault(key, {})
    for job, styles in finished:
        made.update(zip(styles, map(data_uri, job.result()) if job.error is None else [""] * len(styles), strict=True))
    if finished:
        st.session_state["previews.jobs"] = key, [entry for entry in jobs if entry not in finished]
    return bool(finished)


# --- order ------------------------------------------------------------------------------------------------------------


def ordered(sources: Sequence[Source], measure: Callable[[images.Image], float] | None) -> list[Source]:
    """Return the styles in the order of a measure, uploads first; None: as they are."""
    if measure is None:
        return list(sources)
    return sorted(
        sources, key=lambda source: (source.is_sample, _measured(identity(source), measure.__name__, source, measure))
    )


@st.cache_data(show_spinner=False, max_entries=256)
def _measured(style: str, name: str, _source: Source, _measure: Callable[[images.Image], float]) -> float:
    try:
        return _measure(picture(_source, MEASURED))
    except NSTError:  # an upload that has gone
        return 0.0


def hue(image: images.Image) -> float:
    """Return where the colours of (h, w, 3) lie on the circle of hues, in turns from red; greyish pictures: above 1."""
    r, g, b = np.moveaxis(image, -1, 0)
    a, c = float((r - (g + b) / 2).mean()), float((np.sqrt(3) / 2 * (g - b)).mean())
    return float(np.arctan2(c, a) / (2 * np.pi) % 1) if np.hypot(a, c) > GREYISH else 1 + float(image.mean())


def unrest(image: images.Image) -> float:
    """Return the mean difference between neighbouring pixels of (h, w, 3)."""
    return float(np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean())


GREYISH = 0.03  # distance of a picture's mean colour from grey, below which its hue says nothing
ORDERS: dict[str, Callable[[images.Image], float] | None] = {"As listed": None, "By colour": hue, "Calm to busy": unrest}
