"""The blind test: which of two pictures would people rather hang on a wall? And measures that agree with their eyes.

python -m benchmarks.taste paint CONTENDER... [--sizes 512 1024] [--pairs 24] [--shift 0]
python -m benchmarks.taste sheets SUBJECT PEER... --sheets FOLDER --key FOLDER
python -m benchmarks.taste score KEY VERDICTS...
python -m benchmarks.taste measures CONTENDER... [--sizes 512] [--pairs 12]

A CONTENDER is `NAME=WHAT`, or WHAT alone, which is then its name too; `benchmarks.contenders` says what there is. Pictures lie
in PICTURES/NAME/SIZE/ID.png (--pictures, by default benchmarks/out/taste, which git ignores), and are painted where they are
missing. `--anew` repaints them, which is needed after a change of `here`.

A sheet is a PNG file of nothing but a number: photograph and style above, A and B below, sides drawn by lot. The sheets'
order is drawn too. Verdict files, one a judge, have a line a sheet: its number, and A, B or = for a tie. `score` prints wins,
losses and ties of the subject, and its share of the decided verdicts with Wilson's interval of 95 %. The interval takes
verdicts as independent; several judges of one sheet agree more than that, so look at the column of sheets as well: what
most of a sheet's judges chose.

`measures` prints the means of `benchmarks.judge`, and those of `benchmarks.independent`, where its wheel is installed.
The pairs are those of `nst_core/training/held_out.json`, which no training loads. Needs NST_SHARED (see `judge`).
"""

import argparse
import hashlib
import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import contenders
from benchmarks.contenders import Pair
from benchmarks.instant import OUT, table
from benchmarks.verdicts import read_key, read_verdicts, tally, write_sheets
from nst_core import images
from nst_core.images import Image

if TYPE_CHECKING:
    from benchmarks.judge import Reference

PICTURES = OUT / "taste"
SIZES = (512, 1024)


def painted(specification: str, pictures: Path, sizes: Sequence[int], chosen: Sequence[Pair], *, anew: bool = False) -> str:
    """Paint what is missing of a contender's pictures, and return its name."""
    name, equals, what = specification.partition("=")
    name = name.replace(":", "-").strip("/").replace("/", "-")
    missing = [s for s in sizes for p in chosen if not (pictures / name / str(s) / f"{p.id}.png").exists()]
    if not (missing or anew):
        return name
    contender = contenders.make(what if equals else specification)
    for size in sizes:
        for file in contenders.paint(contender, chosen, size, pictures / name, anew=anew):
            print(file, file=sys.stderr, flush=True)
    return name


def measures_table(names: Sequence[str], pictures: Path, size: int, chosen: Sequence[Pair]) -> str:
    """Return the table of means over the pairs; photographs and paintings themselves are among the rows."""
    from benchmarks import independent, judge

    rows: dict[str, list[judge.Looks]] = {name: [] for name in (*names, "the photographs", "the paintings")}
    others: dict[str, list[tuple[float, float]]] = {name: [] for name in rows}
    other = independent.Independent() if independent.available() else None
    for pair in chosen:
        content, style = pair.load(size)
        reference = cache(partial(judge.Reference, content, style))
        for name in names:
            contenders.check_shape(
                contenders.ready(pictures / name, pair, size), content, f"{name}'s pair {pair.id} at {size} px"
            )
            file = pictures / name / str(size) / f"{pair.id}.png"
            found = kept(file, judge.__file__, partial(_looks, reference))
            rows[name].append(judge.Looks(**found))
            if other:
                found = kept(file, independent.__file__, partial(other.distances, content=content, style=style))
                others[name].append((found["style"], found["content"]))
        rows["the photographs"].append(judge.looks_of_original(content))
        rows["the paintings"].append(judge.looks_of_original(style))
        print(f"measured pair {pair.id} at {size} px", file=sys.stderr, flush=True)
    cells = [[name, *judge.mean_looks(found), *_means(others[name], 2)] for name, found in rows.items()]
    return table([f"mean of {len(chosen)} pairs, {size} px", *judge.LOOKS, "style, other eye", "content, other eye"], cells)


def _looks(reference: "Callable[[], Reference]", picture: Image) -> Mapping[str, Any]:
    return asdict(reference().looks(picture))


def _means(rows: Sequence[Sequence[float]], columns: int) -> list[str]:
    return [f"{statistics.mean(column):.3f}" for column in zip(*rows, strict=True)] or ["–"] * columns


def kept(file: Path, measurer: str, measure: Callable[[Image], Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the measures of a PNG file. They are kept beside it, for the same picture and the same source of the measurer."""
    digest = hashlib.sha256(file.read_bytes() + Path(measurer).read_bytes()).hexdigest()
    place = file.with_suffix(f".{Path(measurer).stem}.json")
    earlier = json.loads(place.read_text()) if place.exists() else {}
    if earlier.get("digest") == digest:
        return dict(earlier["found"])
    found = measure(images.decode(file.read_bytes(), name=file.name))
    place.write_text(json.dumps({"digest": digest, "found": dict(found)}))
    return found


def score_table(key: Path, files: Sequence[Path]) -> str:
    """Return the table of a blind test: peer and size, then the peer at all sizes."""
    found = read_key(key)
    rows = [row.cells() for row in tally(found, [read_verdicts(file, found) for file in files])]
    header = [f"{found.subject} against", "size", "wins", "losses", "ties", "share of decided", "95 %", "sheets"]
    return table(header, rows)


# --- the command ------------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """Return the parser of the four commands."""
    top = argparse.ArgumentParser(prog="python -m benchmarks.taste", description=__doc__.partition("\n")[0])
    commands = top.add_subparsers(dest="command", required=True)
    for name, sizes, count in (("paint", SIZES, 24), ("sheets", SIZES, 24), ("measures", SIZES[:1], 12)):
        one = commands.add_parser(name)
        one.add_argument("contenders", nargs="+", metavar="CONTENDER", help="NAME=WHAT or WHAT; of `sheets`, the subject first")
        one.add_argument("--pictures", type=Path, default=PICTURES, help="where painted pictures lie")
        one.add_argument("--sizes", type=int, nargs="+", default=list(sizes), help="longer side in pixels")
        one.add_argument("--pairs", type=int, default=count, help="how many of the held-out pairs")
        one.add_argument("--shift", type=int, default=0, help="pairs each photograph with a painting so many places further")
        one.add_argument("--anew", action="store_true", help="paint again what is there")
        if name == "sheets":
            one.add_argument("--sheets", type=Path, required=True, help="a folder for the judges, new or empty")
            one.add_argument("--key", type=Path, required=True, help="another folder, which judges must not see")
            one.add_argument("--seed", type=int, help="of sides and order; drawn when not given")
    score = commands.add_parser("score")
    score.add_argument("key", type=Path, help="key.json, or its folder")
    score.add_argument("verdicts", type=Path, nargs="+", help="a file a judge")
    return top


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one of the commands."""
    options = parser().parse_args(arguments)
    if options.command == "score":
        print(score_table(options.key, options.verdicts))
        return
    chosen = contenders.pairs(options.pairs, options.shift)
    prepare = (options.pictures, options.sizes, chosen)
    names = [painted(specification, *prepare, anew=options.anew) for specification in options.contenders]
    if options.command == "measures":
        for size in options.sizes:
            print(measures_table(names, options.pictures, size, chosen), "\n", flush=True)
    elif options.command == "sheets":
        folders = {name: options.pictures / name for name in names}
        count = write_sheets(folders, chosen, options.sizes, options.sheets, options.key, options.seed)
        print(f"{count} sheets in {options.sheets}, the key in {options.key}")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(str(error))
