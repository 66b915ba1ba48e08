"""What was painted on the layers of the latest photographs, packed, and what can be undone there.

State: `masks.paintings` holds the paintings by photograph and layer, those used latest last. It has a bound, since a session
may look at any number of photographs.
"""

import json
import zlib
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import streamlit as st

import ui
from nst_core.pictures import drawings
from nst_core.pictures.drawings import Drawing
from nst_core.recipes import Source
from nst_core.service import LIMITS

REMEMBERED = 40  # strokes that can be undone, a layer
MOST_BYTES = 2_000_000  # of them; usual ones take a tenth
UNDOABLE = 3  # photographs whose strokes can be undone; of the others only what is painted is kept


class Moment(NamedTuple):
    """A drawing and its mask, packed: there are many of them, and lists of numbers are large."""

    drawing: bytes = zlib.compress(json.dumps(drawings.empty()).encode())
    mask: bytes | None = None  # 8 bits, (h, w) of the canvas; None: nothing is painted

    @classmethod
    def of(cls, drawing: Drawing, mask: npt.NDArray[np.uint8]) -> "Moment":
        return cls(zlib.compress(json.dumps(drawing).encode(), 1), zlib.compress(mask.tobytes(), 1))

    def unpack(self) -> Drawing:
        return json.loads(zlib.decompress(self.drawing))

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.drawing) + len(self.mask or b"")


@dataclass
class Painting:
    """What was painted on one layer of one photograph.

    told: what the canvas was last told to show; it goes on from there by itself. now: what it shows, as far as we know.
    telling: how often it was told; it does not listen to what it has heard before.
    """

    told: Moment = field(default_factory=Moment)
    now: Moment = field(default_factory=Moment)
    past: list[Moment] = field(default_factory=list)
    future: list[Moment] = field(default_factory=list)
    telling: int = 0
    echo: bool = False  # whether the next thing that it sends may be only what it was told

    def turn_to(self, moment: Moment) -> None:
        """Have the canvas show it."""
        self.now, self.told, self.echo = moment, moment, True
        self.telling += 1

    def remember(self) -> None:
        """Have what is there now as the latest that can be undone."""
        self.past, self.future = [*self.past, self.now][-REMEMBERED:], []
        while self.past and sum(moment.size for moment in self.past) > MOST_BYTES:
            self.past.pop(0)

    def forget(self) -> None:
        """Keep what is painted, and nothing that could be undone."""
        self.past, self.future = [], []


def of(content: Source, layer: str) -> Painting:
    """Return what was painted on a layer of a photograph, by the layer's id; an empty one where nothing was."""
    kept: dict[tuple[str, str], Painting] = st.session_state["masks.paintings"]
    key = ui.identity(content), layer
    kept[key] = found = kept.pop(key, None) or Painting()
    latest = list(dict.fromkeys(photograph for photograph, _ in reversed(kept)))
    for photograph, other in list(kept):
        if photograph in latest[LIMITS.kept_uploads :]:
            del kept[photograph, other]
        elif photograph in latest[UNDOABLE:]:
            kept[photograph, other].forget()
    return found


def keep_only(layers: set[str]) -> None:
    """Forget what was painted on any other layer."""
    state = st.session_state
    state["masks.paintings"] = {key: painting for key, painting in state["masks.paintings"].items() if key[1] in layers}
