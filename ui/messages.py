"""Sentences on the page: what is under way, and what went wrong. Streamlit reads all of them as Markdown; see `plain`."""

import re

import streamlit as st

from nst_core.errors import Busy, Failure, ModelUnavailable, NSTError

HOURGLASS = ":material/hourglass_top: "
LOADING = "The models are loading, a few seconds. Everything can already be chosen."


_MEANT = re.compile(r"[\\`*_{}\[\]()<>#+.!|:$~/&=^-]")  # what Markdown reads, and Streamlit's additions to it
# what is looked for after Markdown was read, and therefore escaped in vain: addresses, arrows and dashes, icons
_FOUND_LATER = re.compile(r":(?=//)|w(?=ww\.)|@|:(?=material_|streamlit:)|(?<!\S)(?:<(?=->)|[-<>~](?=[->=]))", re.IGNORECASE)
_JOINER = "\u2060"  # shows as nothing


def plain(text: str) -> str:
    """Return Markdown that shows the text as it is, in a line: it may carry a stranger's file name or link.

    Whatever Streamlit reads as Markdown and was not written here goes through this: errors, captions, labels, toasts.
    """
    line = " ".join(text.split())
    return _MEANT.sub(r"\\\g<0>", _FOUND_LATER.sub(rf"\g<0>{_JOINER}", line))


def show_error(error: NSTError) -> None:
    """An error's sentence on the page."""
    st.error(plain(str(error)), icon=":material/error:")


def may_pass(error: NSTError) -> bool:
    """Return whether the same request may succeed later: a failure of the machine, or too much work at once."""
    return isinstance(error, (Failure, Busy, ModelUnavailable))


def show_hint(error: NSTError, icon: str) -> None:
    """The sentence of an error that is no fault, but a visitor's next step. icon: the name of a Material symbol."""
    show_note(str(error), icon)


def show_note(text: str, icon: str) -> None:
    """Show what a visitor should know, names of files included, as it is. icon: the name of a Material symbol."""
    st.info(plain(text), icon=f":material/{icon}:")


def say(error: NSTError) -> None:
    """Leave its sentence for `show_sentences` of this run or the next."""
    st.session_state.setdefault("sentences", []).append(str(error))


class sentences:  # noqa: N801 - reads as `with ui.sentences():`
    """Turns our errors into sentences on the page; anything else is a bug and goes through."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, NSTError):
            say(error)
            return True
        return False


def show_sentences() -> None:
    for sentence in st.session_state.pop("sentences", []):
        st.error(plain(sentence), icon=":material/error:")


def spoken(seconds: float) -> str:
    """A guess at a time, as people say it: 26.1 reads as "about 25 seconds", 540 as "about 9 minutes"."""
    if seconds < 55:
        return f"about {5 * max(1, round(seconds / 5))} seconds"
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    number, unit = (minutes, "minute") if minutes < 60 else (hours, "hour")
    return f"about {number} {unit}{'s' * (number > 1)}"
