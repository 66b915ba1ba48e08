"""Sheets for blind judges, the key to them, and the count of their verdicts."""

import json
import math
import secrets
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from benchmarks import contenders
from benchmarks.contenders import Pair
from nst_core import images
from nst_core.images import Image

MARGIN, HEAD = 16, 36  # pixels: around pictures, and of the line above them
Choice = Literal["A", "B", "="]
QUESTION = """Each sheet shows a photograph and a style picture above, and two pictures made from them, A and B, below.
Which of A and B would you rather hang on a wall? Look at every sheet at full size, and write a line for each into a text file:
its number, a space, and A, B, or = where you truly cannot choose. For example:
001 B
002 =
"""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a numbered sheet shows, and on which side the subject stands."""

    pair: str
    size: int
    peer: str
    subject_side: Choice


@dataclass(frozen=True, slots=True)
class Key:
    """What judges must not see. sheets: by number, three digits."""

    subject: str
    seed: int
    sheets: Mapping[str, Sheet] = field(default_factory=dict)


# --- sheets -----------------------------------------------------------------------------------------------------------


def write_sheets(
    folders: Mapping[str, Path], chosen: Sequence[Pair], sizes: Sequence[int], into: Path, key_folder: Path, seed: int | None
) -> int:
    """Write `NUMBER.png` sheets and the judges' question into one folder, `key.json` into another; return how many sheets.

    folders: {name: folder of ready pictures}; the first is the subject, the others its peers. seed: None draws one.

    Raises: ValueError where folders would give the answers away, or a picture is missing or of another shape.
    """
    _check_folders(into, key_folder)
    if len(folders) < 2:
        raise ValueError("A blind test needs a subject and at least one peer, of different names.")
    key = draw_key(list(folders), [pair.id for pair in chosen], sizes, secrets.randbits(32) if seed is None else seed)
    by_id = {pair.id: pair for pair in chosen}
    into.mkdir(parents=True, exist_ok=True)
    for number, sheet in key.sheets.items():
        pair = by_id[sheet.pair]
        content, style = pair.load(sheet.size)
        names = (key.subject, sheet.peer) if sheet.subject_side == "A" else (sheet.peer, key.subject)
        pictures = [contenders.ready(folders[name], pair, sheet.size) for name in names]
        for name, picture in zip(names, pictures, strict=True):
            contenders.check_shape(picture, content, f"{name}'s picture of pair {pair.id} at {sheet.size} px")
        drawn(number, content, style, *pictures).save(into / f"{number}.png")
    (into / "question.txt").write_text(QUESTION)
    key_folder.mkdir(parents=True, exist_ok=True)
    (key_folder / "key.json").write_text(json.dumps(asdict(key), indent=1))
    return len(key.sheets)


def draw_key(names: Sequence[str], pair_ids: Sequence[str], sizes: Sequence[int], seed: int) -> Key:
    """Draw the order of the sheets and the subject's side on each. names: the subject first."""
    rng = np.random.default_rng(seed)
    subject, *peers = names
    all_sheets = [(pair, size, peer) for pair in pair_ids for size in sizes for peer in peers]
    sheets = {}
    for number, i in enumerate(rng.permutation(len(all_sheets)), 1):
        pair, size, peer = all_sheets[i]
        sheets[f"{number:03d}"] = Sheet(pair, size, peer, "A" if rng.random() < 0.5 else "B")
    return Key(subject, seed, sheets)


def drawn(number: str, content: Image, style: Image, a: Image, b: Image) -> Pillow.Image:
    """Draw a sheet: photograph and style at half the size above, A and B as they are below."""
    h, w, _ = a.shape
    small = max(h, w) // 2
    above = [images.fit(x, small) for x in (content, style)]
    top = max(x.shape[0] for x in above)
    lower = 2 * HEAD + top + MARGIN
    sheet = Pillow.new("RGB", (2 * w + 3 * MARGIN, lower + h + MARGIN), "white")
    write, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=HEAD - 12)
    for i, (x, title) in enumerate(zip(above, ("photograph", "style"), strict=True)):
        left = MARGIN + i * (w + MARGIN)
        write.text((left, 4), f"{number}: {title}" if i == 0 else title, "black", font)
        sheet.paste(_pillow(x), (left, HEAD))
    for i, (x, title) in enumerate(((a, "A"), (b, "B"))):
        left = MARGIN + i * (w + MARGIN)
        write.text((left, lower - HEAD + 4), title, "black", font)
        sheet.paste(_pillow(x), (left, lower))
    return sheet


def _pillow(image: Image) -> Pillow.Image:
    return Pillow.fromarray(images.to_uint8(image))


def _check_folders(into: Path, key_folder: Path) -> None:
    sheets, key = into.resolve(), key_folder.resolve()
    if sheets == key or sheets in key.parents or key in sheets.parents:
        raise ValueError(f"The key must not lie with the sheets: name two folders side by side, not {into} and {key_folder}.")
    for folder in (into, key_folder):
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(f"{folder} holds files already: name a new folder, so that no test is mixed with another.")


# --- verdicts ---------------------------------------------------------------------------------------------------------


def read_key(place: Path) -> Key:
    """Read `key.json`, or that of a folder. Raises: ValueError."""
    file = place / "key.json" if place.is_dir() else place
    try:
        found = json.loads(file.read_text())
        return Key(found["subject"], found["seed"], {number: Sheet(**sheet) for number, sheet in found["sheets"].items()})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{file} is not the key of a blind test: {error}") from None


def read_verdicts(file: Path, key: Key) -> dict[str, Choice]:
    """Read a judge's file, {number: choice}; empty lines and those that begin with # are passed over.

    Raises: ValueError, naming the line, when it is no verdict, its sheet is unknown, or the sheet has a verdict already.
    """
    found: dict[str, Choice] = {}
    for place, line in enumerate(file.read_text().splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not words[0].isdecimal() or words[1].upper() not in ("A", "B", "="):
            raise ValueError(f"{file}, line {place}: “{line}” is no verdict; write a sheet's number and A, B or =.")
        number, choice = f"{int(words[0]):03d}", words[1].upper()
        if number not in key.sheets or number in found:
            problem = "has a verdict already" if number in found else "is not in the key"
            raise ValueError(f"{file}, line {place}: sheet {number} {problem}.")
        found[number] = choice  # type: ignore[assignment]
    return found


@dataclass(frozen=True, slots=True)
class Score:
    """Verdicts on the subject against a peer. size: None is all sizes. sheets: won, lost and undecided by most judges."""

    peer: str
    size: int | None
    wins: int
    losses: int
    ties: int
    sheets: tuple[int, int, int]

    def cells(self) -> list[str]:
        """Return the row of a table."""
        decided = self.wins + self.losses
        low, high = wilson(self.wins, decided)
        share = f"{self.wins / decided:.0%}" if decided else "–"
        between = f"{low:.0%} … {high:.0%}" if decided else "–"
        size = "all" if self.size is None else f"{self.size} px"
        return [
            self.peer,
            size,
            *map(str, (self.wins, self.losses, self.ties)),
            share,
            between,
            "–".join(map(str, self.sheets)),
        ]


class _Count(NamedTuple):
    wins: int
    losses: int
    ties: int


def tally(key: Key, judges: Sequence[Mapping[str, Choice]]) -> list[Score]:
    """Count the verdicts: a row for each peer and size, and one for the peer at all sizes where there are several."""
    rows = []
    for peer in dict.fromkeys(sorted(sheet.peer for sheet in key.sheets.values())):
        of_peer = {number: sheet for number, sheet in key.sheets.items() if sheet.peer == peer}
        sizes: list[int | None] = [*sorted({sheet.size for sheet in of_peer.values()})]
        for size in [*sizes, None] if len(sizes) > 1 else sizes:
            numbers = [number for number, sheet in of_peer.items() if size in (None, sheet.size)]
            rows.append(_score(peer, size, [_count(key, judges, number) for number in numbers]))
    return rows


def _score(peer: str, size: int | None, counts: Sequence[_Count]) -> Score:
    balance = [count.wins - count.losses for count in counts if any(count)]
    sheets = sum(x > 0 for x in balance), sum(x < 0 for x in balance), sum(x == 0 for x in balance)
    wins, losses, ties = (sum(column) for column in zip(*counts, strict=True))
    return Score(peer, size, wins, losses, ties, sheets)


def _count(key: Key, judges: Sequence[Mapping[str, Choice]], number: str) -> _Count:
    choices = Counter(judge[number] for judge in judges if number in judge)
    own = key.sheets[number].subject_side
    return _Count(choices[own], choices["B" if own == "A" else "A"], choices["="])


def wilson(wins: int, decided: int, z: float = statistics.NormalDist().inv_cdf(0.975)) -> tuple[float, float]:
    """Return Wilson's interval of a share, of 95 % by default (Wilson 1927); (0, 1) where nothing is decided."""
    if not decided:
        return 0.0, 1.0
    share, spread = wins / decided, z**2 / decided
    middle = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread**2 / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
