"""The chapters of the Explain page, by the names that its address has. Each costs nothing until it is chosen."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ui.lessons import balance, content, improvements, layers, reading, style, vectors


class Chapter(NamedTuple):
    title: str
    short: str  # on the button
    show: Callable[[], None]


CHAPTERS: Mapping[str, Chapter] = {
    "layers": Chapter("What a layer sees", "Layers", layers.show),
    "content": Chapter("What a content layer keeps", "Content", content.show),
    "style": Chapter("What a style is", "Style", style.show),
    "balance": Chapter("The tug of war", "Tug of war", balance.show),
    "improvements": Chapter("Four improvements", "Improvements", improvements.show),
    "vectors": Chapter("How Instant does it", "Instant", vectors.show),
    "reading": Chapter("Read on", "Read on", reading.show),
}

__all__ = ["CHAPTERS", "Chapter"]
