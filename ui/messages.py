"""Sentences on the page: what is under way, and what went wrong."""

import streamlit as st

from nst_core.errors import NSTError

HOURGLASS = ":material/hourglass_top: "
LOADING = "The models are loading, a few seconds. Everything can already be chosen."


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
        st.error(sentence, icon=":material/error:")


def spoken(seconds: float) -> str:
    """A guess at a time, as people say it: 26.1 reads as "about 25 seconds", 540 as "about 9 minutes"."""
    if seconds < 55:
        return f"about {5 * max(1, round(seconds / 5))} seconds"
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    number, unit = (minutes, "minute") if minutes < 60 else (hours, "hour")
    return f"about {number} {unit}{'s' * (number > 1)}"
