"""A report of parts that are measured one by one: what is not measured anew stays as it was."""

from collections.abc import Iterable, Mapping
from pathlib import Path


def sections(file: Path) -> dict[str, str]:
    """{part: section} of an earlier report."""
    pieces = file.read_text().split("<!-- ")[1:] if file.is_file() else []
    return {part: section.strip() + "\n" for part, _, section in (piece.partition(" -->\n") for piece in pieces)}


def text(title: str, parts: Iterable[str], found: Mapping[str, str]) -> str:
    """The report of those parts that there are, in their order."""
    return "\n".join([f"# {title}\n", *(f"<!-- {part} -->\n{found[part]}" for part in parts if part in found)])
