"""`video` as its users meet it: a film, or one sentence."""

import io
import os
import signal
import sys

import numpy as np
import pytest

from nst_core import images
from nst_core.cli import app
from nst_core.pictures import masks
from nst_core.videos import painters
from nst_core.videos.segments import SEGMENT
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
        ("video letter.txt waves.png -o out.mp4", "letter.txt cannot be read: it is not a video"),
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


class Inverting:
    """A painter that is quick, and at one frame hears Ctrl-C."""

    def __init__(self, at=None):
        self.painted, self._at = 0, at

    def begin(self, content):
        """There is nothing to hold."""

    def paint(self, content):
        self.painted += 1
        if self.painted == self._at:
            os.kill(os.getpid(), signal.SIGINT)
        return 1 - content

    def finish(self, content, painted):
        return painted


def test_ctrl_c_keeps_what_is_painted_and_the_same_command_goes_on(nst, tmp_path, monkeypatch):
    (tmp_path / "long.mp4").write_bytes(encoded(pan(SEGMENT + 4), sound="aac"))
    line, hand = "video long.mp4 waves.png -o out.mp4 --size 256", Inverting()
    monkeypatch.setattr(painters, "painter", lambda *_: hand)
    assert nst(line) == (0, "")
    whole = (tmp_path / "out.mp4").read_bytes()

    hand = Inverting(SEGMENT + 2)
    code, err = nst(line)
    assert code == 130
    assert err.startswith(f"Stopped at {SEGMENT + 2} of {SEGMENT + 4}: out.mp4 has what was made until then; the same command")
    assert len(told((tmp_path / "out.mp4").read_bytes())["times"]) == SEGMENT + 2

    hand = Inverting()
    assert nst(line) == (0, "")
    assert hand.painted == 2
    assert (tmp_path / "out.mp4").read_bytes() == whole
    assert not list(tmp_path.glob(".*"))


def test_a_clip_is_read_from_a_pipe(nst, tmp_path, monkeypatch):
    monkeypatch.setattr(painters, "painter", lambda *_: Inverting())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO((tmp_path / "pan.mp4").read_bytes())))
    assert nst("video - waves.png -o out.mp4 --size 256") == (0, "")
    assert len(told((tmp_path / "out.mp4").read_bytes())["times"]) == 3


def test_a_film_never_replaces_its_clip(nst, tmp_path):
    before = (tmp_path / "pan.mp4").read_bytes()
    assert nst("video pan.mp4 waves.png -o pan.mp4") == (
        2,
        "pan.mp4 is an input of this command: choose another file for the result.\n",
    )
    assert (tmp_path / "pan.mp4").read_bytes() == before
