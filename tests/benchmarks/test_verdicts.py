"""The blind test: sheets tell nothing, sides are drawn by lot, verdicts are counted for the right side."""

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image as Pillow

from benchmarks import contenders, taste, verdicts
from benchmarks.contenders import Pair
from benchmarks.verdicts import Key, Sheet
from nst_core import images

PAIRS = [Pair(f"{i:02d}", f"content/{i}.png", f"style/{i}.png") for i in range(1, 5)]
RED, BLUE = (0.75, 0, 0), (0, 0, 0.75)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Two contenders' ready pictures, 96 px: `ours`, all red, and `peer`, all blue; and the pictures that they are of."""
    monkeypatch.setenv("NST_SHARED", str(tmp_path))
    for pair in PAIRS:
        for name in (pair.photograph, pair.painting):
            write(tmp_path / "images" / name, (0.5, 0.5, 0.5))
        for name, color in (("ours", RED), ("peer", BLUE)):
            write(tmp_path / name / "96" / f"{pair.id}.png", color)
    return {name: tmp_path / name for name in ("ours", "peer")}


def write(file, color, shape=(64, 96)):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(images.encode(np.full((*shape, 3), color, np.float32), text={"recipe": "ours"}))


def sheets_of(folders, tmp_path, seed=3):
    verdicts.write_sheets(folders, PAIRS, [96], tmp_path / "sheets", tmp_path / "key", seed)
    return sorted((tmp_path / "sheets").glob("*.png")), verdicts.read_key(tmp_path / "key")


# --- sheets -----------------------------------------------------------------------------------------------------------


def test_each_sheet_shows_the_subject_where_the_key_says(folders, tmp_path):
    files, key = sheets_of(folders, tmp_path)
    assert [file.name for file in files] == ["001.png", "002.png", "003.png", "004.png"]
    for file in files:
        sheet = np.asarray(Pillow.open(file))
        left, right = (sheet[-40, column] for column in (40, -40))
        own, other = (left, right) if key.sheets[file.stem].subject_side == "A" else (right, left)
        assert own.tolist() == [191, 0, 0]
        assert other.tolist() == [0, 0, 191]


def test_a_sheet_carries_nothing_but_pixels(folders, tmp_path):
    files, _ = sheets_of(folders, tmp_path)
    for file in files:
        written, place, kinds = file.read_bytes(), 8, set()
        while place < len(written):
            kinds.add(written[place + 4 : place + 8])
            place += 12 + int.from_bytes(written[place : place + 4], "big")
        assert kinds == {b"IHDR", b"IDAT", b"IEND"}
    assert {file.suffix for file in (tmp_path / "sheets").iterdir()} == {".png", ".txt"}
    assert not any(name in verdicts.QUESTION for name in ("ours", "peer"))


def test_sides_and_order_are_drawn_and_a_seed_repeats_them():
    drawn = verdicts.draw_key(["ours", "peer"], [str(i) for i in range(400)], [512], 1)
    sides = Counter(sheet.subject_side for sheet in drawn.sheets.values())
    assert 150 < sides["A"] < 250
    order = [int(sheet.pair) for sheet in drawn.sheets.values()]
    assert sorted(order) == list(range(400))
    assert order != sorted(order)
    assert drawn == verdicts.draw_key(["ours", "peer"], [str(i) for i in range(400)], [512], 1)
    assert drawn != verdicts.draw_key(["ours", "peer"], [str(i) for i in range(400)], [512], 2)


def test_every_peer_meets_every_pair_at_every_size():
    key = verdicts.draw_key(["ours", "one", "two"], ["01", "02"], [512, 1024], 0)
    assert Counter((sheet.pair, sheet.size, sheet.peer) for sheet in key.sheets.values()) == Counter(
        {(pair, size, peer): 1 for pair in ("01", "02") for size in (512, 1024) for peer in ("one", "two")}
    )


@pytest.mark.parametrize(("sheets", "key"), [("a", "a"), ("a", "a/key"), ("a/sheets", "a")])
def test_the_key_may_not_lie_with_the_sheets(folders, tmp_path, sheets, key):
    with pytest.raises(ValueError, match="must not lie with the sheets"):
        verdicts.write_sheets(folders, PAIRS, [96], tmp_path / sheets, tmp_path / key, 0)


def test_a_folder_with_files_is_refused(folders, tmp_path):
    sheets_of(folders, tmp_path)
    with pytest.raises(ValueError, match="holds files already: name a new folder"):
        sheets_of(folders, tmp_path)


def test_a_picture_of_another_shape_is_refused(folders, tmp_path):
    write(folders["peer"] / "96" / "02.png", BLUE, (60, 96))
    with pytest.raises(ValueError, match="peer's picture of pair 02 at 96 px is 96×60 pixels; the photograph is 96×64"):
        sheets_of(folders, tmp_path)


def test_a_missing_picture_is_named(folders, tmp_path):
    (folders["ours"] / "96" / "03.png").unlink()
    with pytest.raises(ValueError, match="paint pair 03 first"):
        sheets_of(folders, tmp_path)


# --- verdicts ---------------------------------------------------------------------------------------------------------

KEY = Key(
    "ours",
    0,
    {
        "001": Sheet("01", 512, "one", "A"),
        "002": Sheet("02", 512, "one", "B"),
        "003": Sheet("01", 1024, "one", "B"),
        "004": Sheet("01", 512, "two", "A"),
    },
)


def judged(tmp_path, text):
    file = tmp_path / "verdicts.txt"
    file.write_text(text)
    return verdicts.read_verdicts(file, KEY)


def test_a_verdict_file_is_read(tmp_path):
    assert judged(tmp_path, "# my notes\n1 a\n\n 002 =\n3  B\n") == {"001": "A", "002": "=", "003": "B"}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1 A\n2 C", "line 2: “2 C” is no verdict"),
        ("A", "line 1: “A” is no verdict"),
        ("1 A B", "is no verdict"),
        ("5 A", "sheet 005 is not in the key"),
        ("1 A\n001 B", "line 2: sheet 001 has a verdict already"),
    ],
)
def test_a_line_that_is_no_verdict_is_named(tmp_path, text, problem):
    with pytest.raises(ValueError, match=problem):
        judged(tmp_path, text)


def test_verdicts_are_counted_by_peer_and_size():
    judges = [{"001": "A", "002": "A", "003": "=", "004": "B"}, {"001": "B", "002": "A"}, {"001": "A"}]
    rows = {(row.peer, row.size): row for row in verdicts.tally(KEY, judges)}
    assert list(rows) == [("one", 512), ("one", 1024), ("one", None), ("two", 512)]
    found = {place: (row.wins, row.losses, row.ties, row.sheets) for place, row in rows.items()}
    assert found["one", 512] == (2, 3, 0, (1, 1, 0))
    assert found["one", 1024] == (0, 0, 1, (0, 0, 1))
    assert found["one", None] == (2, 3, 1, (1, 1, 1))
    assert found["two", 512] == (0, 1, 0, (0, 1, 0))


def test_a_row_shows_share_and_interval_of_what_was_decided():
    judges = [{"001": "A", "002": "A"}] * 2
    assert verdicts.tally(KEY, judges)[0].cells() == ["one", "512 px", "2", "2", "0", "50%", "15% … 85%", "1–1–0"]
    assert verdicts.tally(KEY, [])[0].cells() == ["one", "512 px", "0", "0", "0", "–", "–", "0–0–0"]


@pytest.mark.parametrize(
    ("wins", "decided", "interval"),  # Newcombe 1998, table I, and the closed form for none of n: z² / (n + z²)
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_wilsons_interval(wins, decided, interval):
    assert verdicts.wilson(wins, decided) == pytest.approx(interval, abs=5e-5)


def test_a_key_is_read_as_it_was_written(folders, tmp_path):
    sheets_of(folders, tmp_path)
    assert verdicts.read_key(tmp_path / "key") == verdicts.read_key(tmp_path / "key" / "key.json")
    (tmp_path / "other.json").write_text(json.dumps({"subject": "ours"}))
    with pytest.raises(ValueError, match="is not the key of a blind test"):
        verdicts.read_key(tmp_path / "other.json")


# --- contenders -------------------------------------------------------------------------------------------------------


def test_a_painter_paints_what_is_missing_and_anew_repaints(folders, tmp_path):
    calls = []

    def painter(content, style):
        calls.append(content.shape)
        return content

    into = tmp_path / "painted"
    assert len(list(contenders.paint(painter, PAIRS[:2], 96, into))) == 2
    assert len(list(contenders.paint(painter, PAIRS, 96, into))) == 4
    assert calls == [(64, 96, 3)] * 4
    assert len(list(contenders.paint(painter, PAIRS[:1], 96, into, anew=True))) == 1
    assert len(calls) == 5
    assert contenders.ready(into, PAIRS[3], 96).shape == (64, 96, 3)


def test_a_folder_of_ready_pictures_is_a_contender(folders, tmp_path):
    loose = tmp_path / "loose"
    write(loose / "01.png", RED)
    (file,) = contenders.paint(loose, PAIRS[:1], 96, tmp_path / "copied")
    assert images.decode(file.read_bytes())[0, 0].tolist() == pytest.approx([0.749, 0, 0], abs=1e-3)


def test_what_a_contender_may_be_is_said():
    with pytest.raises(ValueError, match="the engine is one of instant, quick, fast, finest, not slow"):
        contenders.make("here:slow")
    with pytest.raises(ValueError, match="neither a contender's name nor a commit"):
        contenders.make("no-such-thing")


def test_a_commit_is_painted_by_its_own_code():
    source = contenders.unpacked("HEAD")
    (source / "nst_core" / "instant" / "__init__.py").write_text(FAKE)
    release = contenders.Release(source)
    content = np.full((32, 48, 3), 0.25, np.float32)
    assert np.allclose(release(content, content), 0.5)
    release.close()


FAKE = """
from types import SimpleNamespace

def stylizer(name):
    return SimpleNamespace(stylize=lambda content, styles, recipe: [SimpleNamespace(image=content + styles[0].image)])
"""


# --- the command ------------------------------------------------------------------------------------------------------


def test_measures_are_kept_for_the_same_picture_and_judge(tmp_path):
    calls = []

    def measure(picture):
        calls.append(picture)
        return {"style": 0.5}

    write(tmp_path / "01.png", RED)
    judge = tmp_path / "judge.py"
    judge.write_text("one")
    assert [taste.kept(tmp_path / "01.png", str(judge), measure) for _ in range(2)] == [{"style": 0.5}] * 2
    assert len(calls) == 1
    judge.write_text("two")
    taste.kept(tmp_path / "01.png", str(judge), measure)
    write(tmp_path / "01.png", BLUE)
    taste.kept(tmp_path / "01.png", str(judge), measure)
    assert len(calls) == 3


def test_sheets_are_written_and_scored_by_command(folders, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(contenders, "pairs", lambda count, shift=0: PAIRS[:count])
    places = [f"--{name}={tmp_path / name}" for name in ("pictures", "sheets", "key")]
    named = [f"{name}={folder}" for name, folder in folders.items()]
    taste.main(["sheets", *named, *places, "--sizes", "96", "--pairs", "3"])
    assert "3 sheets" in capsys.readouterr().out
    key = verdicts.read_key(tmp_path / "key")
    own = [f"{number} {sheet.subject_side}" for number, sheet in key.sheets.items()]
    (tmp_path / "first.txt").write_text("\n".join(own))
    (tmp_path / "second.txt").write_text("1 =\n")
    taste.main(["score", str(tmp_path / "key"), str(tmp_path / "first.txt"), str(tmp_path / "second.txt")])
    assert "| peer | 96 px | 3 | 0 | 1 | 100% | 44% … 100% | 3–0–0 |" in capsys.readouterr().out
