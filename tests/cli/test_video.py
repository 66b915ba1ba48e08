"""`video` as its users meet it: a film, or one sentence."""

import sys

import numpy as np
import pytest

from nst_core import images
from nst_core.cli import app
from nst_core.pictures import masks
from tests.clips import encoded, pan, seen, told


@pytest.fixture
def nst(tmp_path, monkeypatch, capsys):
    """Run the command line in this process: (exit code, standard error)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pan.mp4").write_bytes(encoded(pan(3), sound="aac"))
    (tmp_path / "waves.png").write_bytes(images.encode(np.random.default_rng(0).random((64, 64, 3), np.float32)))
    (tmp_path / "left.png").write_bytes(masks.to_png(np.repeat(np.float32([[1] * 48 + [0] * 48]), 72, 0)))
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam")

    def run(line):
        monkeypatch.setattr(sys, "argv", ["nst_core", *line.split()])
        with pytest.raises(SystemExit) as end:
            app.main()
        return end.value.code or 0, capsys.readouterr().err

    return run


def test_a_clip_becomes_a_film_with_its_sound_and_a_strip(nst, tmp_path):
    assert nst("video pan.mp4 waves.png -o out.mp4 --size 256 --mask left.png --strip strip.jpg") == (0, "")
    data = (tmp_path / "out.mp4").read_bytes()
    film = told(data)
    assert (film["size"], len(film["times"]), film["sounds"][0][0]) == ((256, 192), 3, "aac")
    assert images.decode((tmp_path / "strip.jpg").read_bytes()).shape[0] > 200
    before, after = seen((tmp_path / "pan.mp4").read_bytes())[0], seen(data)[0][::2, ::2]
    assert (
        np.abs(before[:, 70:].astype(float) - after[:, 70:]).mean()
        < 6
        < np.abs(before[:, :50].astype(float) - after[:, :50]).mean()
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("video letter.txt waves.png -o out.mp4", "letter.txt cannot be read: it is no clip"),
        ("video none.mp4 waves.png -o out.mp4", "none.mp4 cannot be read: No such file"),
        ("video pan.mp4 waves.png -o out.gif", "films are written as .mp4"),
        ("video pan.mp4 waves.png -o no/where/out.mp4", "There is no folder"),
        ("video pan.mp4 letter.txt -o out.mp4", "letter.txt"),
        ("video pan.mp4 waves.png -o out.mp4 --steadiness 1.5", "steadiness"),
        ("video pan.mp4 waves.png -o out.mp4 --network birch-wood", "give --network, or styles"),
        ("video pan.mp4 -o out.mp4 --network oak", "There is no network “oak”"),
        ("video pan.mp4 -o out.mp4", "at least one style"),
        ("video pan.mp4 waves.png -o out.mp4 --mask left.png --mask left.png", "do not match, 1 and 2"),
    ],
)
def test_mistakes_are_a_sentence_and_leave_no_file(nst, tmp_path, line, sentence):
    code, told = nst(line)
    assert code == 2 and sentence in told and told.count("\n") == 1
    assert not list(tmp_path.glob("out.*")) and not list(tmp_path.glob(".out*"))
