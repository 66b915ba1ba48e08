"""Finished pictures: kept, shown beside what they were made of, and found again; one-pass ones made and waited for."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import streamlit as st

from nst_core import engines, images, recipes
from nst_core.errors import BadRecipe, Gone
from nst_core.pictures import prints
from nst_core.recipes import InstantRecipe, OptimizeRecipe, Recipe
from nst_core.service import LIMITS, Job, SessionFile
from nst_core.stylizer import Step
from ui.components import Thumbnail, compare, gallery
from ui.files import decoding, keep, keeper, visitor
from ui.messages import HOURGLASS, LOADING, plain
from ui.pictures import THUMBNAIL, data_uri, opacity, picture, styles_of, title
from ui.shared_engine import engine

PREVIEW = 1280  # pixels; the page shows results no larger
FULL = 2560  # pixels; nor does it full-screen
DPI = 300  # of a TIFF
STYLE_SIDE = 512  # pixels of the style that travel to an instant stylizer; the predictors look at 256
POLL = 0.4  # seconds between messages while waiting; most instant results are there before the first


@dataclass(frozen=True)
class Result:
    """A finished picture: the PNG with its recipe inside, and what the page shows of it and of its content, JPEGs.

    Of one that was optimised a TIFF too, while there is room for such: none pushes out another picture of the session.
    """

    recipe: Recipe
    png: SessionFile
    tiff: SessionFile | None
    before: SessionFile
    after: SessionFile
    small: str  # a data URI
    width: int
    height: int
    seconds: float
    clear: bool = False  # whether parts are transparent, as in its content

    @property
    def title(self) -> str:
        styles = " + ".join(dict.fromkeys(title(style.source) for style in self.recipe.styles))
        return f"{title(self.recipe.content)} in {styles}" if self.recipe.content else styles

    @property
    def there(self) -> bool:
        return self.png.there and self.before.there and self.after.there

    def encode(self, format: images.Format, flat: bool = False) -> bytes:
        """flat: on white, where the picture is transparent. Raises: Gone."""
        if format == "png" and not (flat and self.clear):
            return self.png.read()
        with decoding:
            return images.convert(self.png.read(), format, flat=flat)

    def full(self) -> str:
        """Return the picture for the full screen, a data URI; the one that the page shows if the PNG has gone."""
        try:
            with decoding:
                return data_uri(images.thumbnail(images.reopen(self.png.read(), max_side=FULL), FULL))
        except Gone:
            return ""

    def print(self, flat: bool = False) -> bytes:
        """The TIFF. Raises: Gone."""
        assert self.tiff
        if not (flat and self.clear):
            return self.tiff.read()
        with decoding:
            return prints.flattened(self.tiff.read())


def kept_results(prefix: str) -> dict[Recipe, Result]:
    """The session's results on that page, oldest first."""
    return st.session_state.setdefault(f"{prefix}.results", {})


def keep_result(prefix: str, recipe: Recipe, step: Step, before: bytes, alpha: images.Mask | None = None) -> Result:
    """Remember a finished Step as the recipe's result. before: what it was made of, a JPEG.

    alpha: how opaque the result is; None: as its content is, if that is among the session's pictures.
    Raises: Failure when the disk is full.
    """
    assert step.image is not None
    height, width, _ = step.image.shape
    alpha = opacity(recipe.content, (height, width)) if alpha is None else alpha
    png = images.encode(step.image, "png", text=recipes.png_text(recipe), alpha=alpha)
    tiff = None
    if isinstance(recipe, OptimizeRecipe):
        spare = keeper("tiff", spare=True)
        tiff = spare(prints.tiff(step.image, dpi=DPI, description=recipes.tiff_text(recipe), alpha=alpha))
    seen = images.flatten(step.image, alpha)
    small, after = data_uri(images.thumbnail(seen, THUMBNAIL)), images.thumbnail(seen, PREVIEW)
    clear = alpha is not None
    result = Result(recipe, keep(png), tiff, keep(before), keep(after), small, width, height, step.seconds, clear)
    kept = kept_results(prefix)
    kept[recipe] = result
    while len(kept) > LIMITS.kept_results:
        kept.pop(next(iter(kept)))
    st.session_state[f"{prefix}.shown"] = result
    return result


def show_result(
    prefix: str,
    result: Result | None,
    invite: Callable[[], None] | None = None,
    *,
    finer: Result | None = None,
    preview: bytes | None = None,
    note: str = "",
) -> None:
    """Show the result, or the last one while the next is under way: compare, figures, downloads.

    invite: shows what is there until the first. finer: a later version, shown in its place; preview: a JPEG of one that is
    under way. note: ends the line under the picture, Markdown.
    """
    result = result or st.session_state.get(f"{prefix}.shown")
    try:
        shown = finer or result
        pictures = [data_uri(data) for data in (shown.before.read(), preview or shown.after.read())] if shown else []
    except Gone:
        pictures = []
    if not result or not pictures:
        if invite:
            invite()
        else:
            st.skeleton(height=420)
        return
    st.session_state[f"{prefix}.shown"], result = result, finer or result
    full = result.full if max(result.width, result.height) > PREVIEW and not preview else None
    compare(*pictures, width=result.width, alt=result.title, key=f"{prefix}.compare", full=full)
    made_by = getattr(result.recipe, "engine", None) or getattr(result.recipe, "features", "one pass")
    st.caption(f"{plain(result.title)} · {result.width} × {result.height} px · {result.seconds:.2f} s · {made_by}{note}")
    flat = result.clear and st.toggle(
        "Fill the transparent parts with white", key=f"{prefix}.flat", help="A JPEG has no transparency and is always filled."
    )
    with st.container(horizontal=True):
        for format in get_args(images.Format):
            st.download_button(
                format.upper(),
                partial(result.encode, format, flat),
                file_name=f"{_file_stem(result)}.{'jpg' if format == 'jpeg' else format}",
                mime=f"image/{format}",
                on_click="ignore",
                type="primary" if format == "png" else "secondary",
                help="With its recipe inside: upload it here and every setting comes back." if format == "png" else None,
                key=f"{prefix}.download.{format}",
            )
        if result.tiff and result.tiff.there:
            st.download_button(
                "TIFF",
                partial(result.print, flat),
                file_name=f"{_file_stem(result)}.tif",
                mime="image/tiff",
                on_click="ignore",
                help=f"For a printer: 16 bits a channel, {DPI} dots per inch.",
                key=f"{prefix}.download.tiff",
            )


def _file_stem(result: Result) -> str:
    sources = dict.fromkeys([result.recipe.content, *(style.source for style in result.recipe.styles)])
    return "-".join(re.sub(r"[^\w-]+", "-", Path(source.name).stem).lower() for source in sources if source)[:80]


def show_history(prefix: str, adopt: Callable[[Any], None]) -> None:
    """The session's results as a strip, the newest first; a click restores picture and settings."""
    kept = list(reversed(kept_results(prefix).values()))
    if len(kept) < 2:
        return
    by_id = {str(hash(result.recipe)): result for result in kept}
    current = st.session_state.get(f"{prefix}.shown")
    st.caption("This session's pictures" + (f", the latest {len(kept)}" if len(kept) == LIMITS.kept_results else ""))
    gallery(
        [Thumbnail(id, result.title, result.small) for id, result in by_id.items()],
        [id for id, result in by_id.items() if result is current],
        lambda id: adopt(by_id[id].recipe),
        key=f"{prefix}.history",
        strip=True,
    )


def stylized(prefix: str, recipe: InstantRecipe) -> Result:
    """The recipe's result by an instant stylizer.

    Raises: NSTError.
    """
    if recipe.content is None:
        raise BadRecipe("Choose a photograph, or upload your own.")
    photograph = partial(picture, recipe.content, recipe.size)

    def send() -> Job:
        engines.check_models(recipe)
        content = photograph(under="nearest")
        engines.check(recipe, content.shape[:2], beside=engine().slow_memory)
        return engine().run(recipe, {"content": content}, styles_of(recipe, STYLE_SIDE), visitor=visitor())

    return made(prefix, recipe, send, photograph)


def made(prefix: str, recipe: Recipe, send: Callable[[], Job], photograph: Callable[[], images.Image] | None) -> Result:
    """The recipe's result, made now unless it was made before. photograph: what is painted, as it is shown; None: a texture.

    Waits in the script: every message is a point where Streamlit drops this run for the visitor's next click.
    Raises: NSTError.
    """
    kept = kept_results(prefix)
    if recipe in kept:
        return kept[recipe]
    asked, job = st.session_state.get(f"{prefix}.job", (None, None))
    if asked != recipe:
        if job:
            job.cancel()
            del st.session_state[f"{prefix}.job"]
        job = send()
        st.session_state[f"{prefix}.job"] = recipe, job
    before = images.thumbnail(photograph(), PREVIEW) if photograph else None
    said, stand_in = st.empty(), st.empty()
    if before and f"{prefix}.shown" not in st.session_state:  # a first visit: something to look at until the paint is there
        stand_in.image(before, width="stretch")
    while not job.wait(POLL):
        said.markdown(_painting(job))
    said.empty()
    stand_in.empty()
    try:
        step = job.result()
        return keep_result(prefix, recipe, step, before or images.thumbnail(step.image, PREVIEW))
    finally:
        del st.session_state[f"{prefix}.job"]


def _painting(job: Job) -> str:
    if not engine().ready:
        return HOURGLASS + LOADING
    return HOURGLASS + (f"Painting … {job.position} ahead of you." if job.position else "Painting …")


def share(query: dict[str, str]) -> None:
    """Keep the address in step with the settings, so that a link to them can be shared."""
    query |= {"batch": st.query_params["batch"]} if "batch" in st.query_params else {}
    if dict(st.query_params) != query:
        st.query_params.from_dict(query)
