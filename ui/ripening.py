"""Ripening: a picture of Instant is optimised for some seconds more, in place, while nobody asks for anything else.

State: `{prefix}.ripens` whether the visitor wants it, `{prefix}.ripening` the latest `Ripening`, `{prefix}.ripe.results` what
came of earlier ones.
"""

import time
from contextlib import suppress
from dataclasses import dataclass

import streamlit as st

from nst_core import engines
from nst_core.errors import Cancelled, NSTError
from nst_core.recipes import PRESETS, InstantRecipe, OptimizeRecipe, Recipe
from nst_core.service import LIMITS, Job
from ui.files import visitor
from ui.jobs import done, preview
from ui.messages import HOURGLASS
from ui.pictures import picture, styles_of
from ui.results import Result, keep_result, kept_results, show_result
from ui.shared_engine import claim, collected, engine

QUIET = 1.5  # seconds without a change before it begins
LOOK = 1.0  # seconds between looks
WAITING = 30.0  # seconds in which the machine has to become idle; then the picture stays as it is
CLEAR = 0.5  # of the iterations: before, a preview is smaller and less sharp than the picture that it replaces


@dataclass
class Ripening:
    """The ripening of one picture. since: when its turn began, by time.monotonic. over: it will not go on."""

    recipe: OptimizeRecipe
    since: float
    job: Job | None = None
    over: bool = False


def ripe_recipe(recipe: InstantRecipe) -> OptimizeRecipe | None:
    """Return what a picture of Instant is refined by: the preset `quick`, which starts from just that picture.

    None where it could not start from it: of another engine, at another strength, or too large.
    """
    if recipe.strength != 1 or recipe.size > LIMITS.max_ripening or engines.engine_for(recipe) is not _starting_engine():
        return None
    shared = {name: getattr(recipe, name) for name in Recipe.model_fields}
    return PRESETS["quick"].model_copy(update=shared | {"style_scale": recipe.stroke_size, "seed": recipe.seed})


def _starting_engine() -> engines.Engine:
    return engines.for_regions(InstantRecipe)


def ask_ripening(prefix: str) -> None:
    st.toggle(
        "Refine while I look",
        key=f"{prefix}.ripens",
        persist_state="session",
        help="While nobody else paints, the picture is optimised for some seconds more: more strokes of the style, less of "
        f"the photograph. At strength 1 and up to {LIMITS.max_ripening} px. Any change stops it.",
    )


def show_ripening(prefix: str, recipe: InstantRecipe | None, result: Result | None) -> None:
    """Show the result as `show_result` does, and what it ripens to."""
    wanted = ripe_recipe(recipe) if recipe and result and st.session_state.get(f"{prefix}.ripens") else None
    ripening = _turn(prefix, wanted)
    ripe = kept_results(f"{prefix}.ripe").get(wanted) if wanted else None
    if ripening is None or ripe or ripening.over or result is None:
        show_result(prefix, result, finer=ripe if ripe and ripe.there else None)
    elif ripening.job:
        _watch(prefix, ripening, result)
    else:
        show_result(prefix, result)
        _wait(ripening)


def _turn(prefix: str, wanted: OptimizeRecipe | None) -> Ripening | None:
    """Return the ripening by that recipe; one by another ends."""
    latest: Ripening | None = st.session_state.get(f"{prefix}.ripening")
    if latest and latest.recipe == wanted:
        return latest
    if latest and latest.job:
        latest.job.cancel()
        collected(latest.job)
    ripening = Ripening(wanted, time.monotonic()) if wanted else None
    st.session_state[f"{prefix}.ripening"] = ripening
    return ripening


@st.fragment(run_every=LOOK)
def _wait(ripening: Ripening) -> None:
    """Begin once nothing has changed for a moment and the machine is idle; not at all if that takes long."""
    waited = time.monotonic() - ripening.since
    if waited > QUIET and engine().ready and engine().idle:
        try:
            _begin(ripening)
        except NSTError:  # too large for the machine, or an upload has gone: the picture stays as it is
            ripening.over = True
    ripening.over = ripening.over or (waited > WAITING and ripening.job is None)
    if ripening.job or ripening.over:
        st.rerun()


def _begin(ripening: Ripening) -> None:
    """Raises: NSTError."""
    recipe = ripening.recipe
    assert recipe.content is not None
    content = picture(recipe.content, recipe.size, under="nearest")
    engines.check(recipe, content.shape[:2])
    styles = styles_of(recipe, recipe.size)
    ripening.job = engine().run(recipe, {"content": content}, styles, visitor=visitor(), gives_way=True)
    claim(ripening.job)


@st.fragment(run_every=LOOK)
def _watch(prefix: str, ripening: Ripening, result: Result) -> None:
    """Show the latest picture until the job ends."""
    job = ripening.job
    assert job is not None
    if job.finished:
        _collect(prefix, ripening, result, job)
        st.rerun()
    share = done(job)
    note = f" · {HOURGLASS}refining … {share:.0%}" if job.progress else f" · {HOURGLASS}refining …"
    show_result(prefix, result, preview=preview(job.progress) if share > CLEAR else None, note=note)


def _collect(prefix: str, ripening: Ripening, result: Result, job: Job) -> None:
    """Keep what a finished job has made. One that gave way to another may begin again; after an error it does not."""
    collected(job)
    ripening.job, ripening.since = None, time.monotonic()
    ripening.over = not isinstance(job.error, Cancelled)
    with suppress(NSTError):  # its own, a full disk, or a photograph that has gone: the picture stays as it is
        keep_result(f"{prefix}.ripe", ripening.recipe, job.result(), result.before.read())
