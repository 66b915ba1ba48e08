"""The main subject of a photograph: found by the light lane, and what a visitor wants of it.

State: `{prefix}.subject` holds the treatment, `subjects` the masks found lately.
"""

import numpy as np
import streamlit as st

from nst_core import images
from nst_core.errors import BadMask, Failure, NSTError
from nst_core.images import Mask
from nst_core.pictures import cutouts, masks
from nst_core.pictures.cutouts import Treatment
from nst_core.recipes import Source, StyleSource
from nst_core.service import Job
from ui.files import visitor
from ui.messages import HOURGLASS, show_hint
from ui.pictures import identity, picture
from ui.shared_engine import engine

SIDE = 1024  # pixels of the longer side at which a subject is looked for, at most
KEPT = 3  # masks that a session keeps
POLL, PATIENCE = 0.4, 60.0  # seconds
PAINTED = "painted"
TREATMENTS = {
    PAINTED: "Painted",
    Treatment.LIGHTER: "Lighter",
    Treatment.KEEP: "Untouched",
    Treatment.ONLY: "Background untouched",
}


def ask_subject(prefix: str) -> Treatment | None:
    """Return what becomes of the subject; None: it is painted like the rest."""
    treatment = st.pills(
        "Subject",
        list(TREATMENTS),
        format_func=TREATMENTS.__getitem__,
        default=PAINTED,
        key=f"{prefix}.subject",
        required=True,
        persist_state="session",
        wrap=True,
        help="The main person, animal or thing of the photograph, which is found by itself. On the Masks page you can correct "
        "what was found.",
    )
    return None if treatment in (None, PAINTED) else Treatment(treatment)


def treat_subject(treatment: Treatment | None, content: Source | None, styles: list[StyleSource]) -> list[StyleSource]:
    """Return the styles with the masks that the treatment asks for; as they are, with a sentence, where no subject is found."""
    if treatment is None or content is None:
        return styles
    try:
        found = find_subject(content)
        return [_treated(style, found, treatment) for style in styles]
    except NSTError as error:
        show_hint(error, "person_search")
        return styles


def _treated(style: StyleSource, found: Mask, treatment: Treatment) -> StyleSource:
    h, w = found.shape
    before = masks.of_text(style.mask, (h, w)) if style.mask else None
    return style.model_copy(update={"mask": masks.to_text(cutouts.treated(before, found, treatment))})


def find_subject(content: Source) -> Mask:
    """Return the mask of a photograph's subject, (h, w) in [0, 1], at SIDE or the photograph's own size.

    Waits in the script; every message is a point where Streamlit drops this run for the visitor's next click.
    Raises: BadMask when nothing stands out, Failure.
    """
    kept: dict[str, np.ndarray | BadMask] = st.session_state.setdefault("subjects", {})
    key = identity(content)
    if key not in kept:
        try:
            kept[key] = _waited(engine().subject(picture(content, SIDE), visitor=visitor()))
        except BadMask as error:
            kept[key] = error
        for old in list(kept)[:-KEPT]:
            del kept[old]
    found = kept[key]
    if isinstance(found, BadMask):
        raise found
    return images.from_uint8(found)


def _waited(job: Job) -> np.ndarray:
    """Return the job's result. Raises: NSTError."""
    said, waited = st.empty(), 0.0
    while not job.wait(POLL):
        waited += POLL
        said.markdown(f"{HOURGLASS}Looking for the subject …")
        if waited > PATIENCE:
            job.cancel()
            raise Failure("The subject is not found yet, since much else is under way. Try again in a moment.")
    said.empty()
    return job.result()
