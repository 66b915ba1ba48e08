"""The corpus runner: what becomes of each file in a folder, and how far our reading is from that of others."""

import io
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from benchmarks import corpus
from nst_core import images
from tests.clips import encoded, pan

ROOT = Path(__file__).parents[2]
COLUMNS = ("name", "kind", "outcome", "seconds", "MB", "mean", "highest", "note")


def picture(format, *, alpha=255, orientation=1):
    """Return the file of a smooth picture of 80 × 60 pixels."""
    array = np.dstack([pan(1, shape=(60, 80))[0], np.full((60, 80), alpha, np.uint8)])
    stored, exif = Pillow.fromarray(array if alpha < 255 else array[..., :3]), Pillow.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored.save(file, format, exif=exif)
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "more").mkdir()
    files = {
        "plain.png": picture("PNG"),
        "clear.png": picture("PNG", alpha=100),
        "more/turned.jpg": picture("JPEG", orientation=6),
        "broken.png": picture("PNG")[:300],
        "pan.mp4": encoded(pan(6, shape=(60, 80))),
        "moving.gif": encoded(pan(3, shape=(60, 80)), format="gif", codec="gif"),
        "notes.txt": b"neither a picture nor a clip",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_every_picture_and_clip_of_a_folder_gets_a_line(folder):
    command = [sys.executable, "-m", "benchmarks.corpus", str(folder), "--size", "80"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    head, *lines, _, sums = done.stdout.splitlines()
    assert head.split("\t") == ["file", *COLUMNS[1:]]
    rows = {tuple(line.split("\t")[:2]): dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in lines}
    read = {("plain.png", "picture"), ("clear.png", "picture"), ("more/turned.jpg", "picture"), ("pan.mp4", "clip")}
    assert rows.keys() == read | {("broken.png", "picture"), ("moving.gif", "picture"), ("moving.gif", "clip")}
    for name in read:
        assert rows[name]["outcome"] == "read" and rows[name]["note"] == ""
        assert float(rows[name]["mean"]) < 2  # of 255
    assert rows["broken.png", "picture"]["outcome"] == "refused"
    assert "damaged" in rows["broken.png", "picture"]["note"]
    assert sums.startswith("7 files: 6 read, 1 refused; at most ")


def test_another_reading_shows_as_a_difference(folder, monkeypatch):
    file = folder / "plain.png"
    assert corpus.read(file, False, 80).off == (0, 0)
    decode = images.decode
    monkeypatch.setattr(images, "decode", lambda *given, **options: decode(*given, **options)[:, ::-1])
    report = corpus.read(file, False, 80)
    assert report.outcome == "read" and report.off[0] > 5 and report.off[1] > 20


def test_an_error_that_is_not_ours_is_a_fault(folder, monkeypatch):
    monkeypatch.setattr(images, "decode", lambda *given, **options: 1 // 0)
    report = corpus.read(folder / "plain.png", False, 80)
    assert report.outcome == "fault" and report.told.startswith("ZeroDivisionError")


def test_a_process_that_dies_or_hangs_is_reported():
    assert corpus.apart(partial(os._exit, 3), 60) == corpus.Report("crash", "exit code 3")
    began = time.monotonic()
    assert corpus.apart(partial(time.sleep, 600), 0.5) == corpus.Report("timeout", seconds=0.5)
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(("outcome", "status"), [("read", 0), ("refused", 0), ("fault", 1), ("crash", 1), ("timeout", 1)])
def test_the_exit_status_says_whether_anything_failed(outcome, status, folder, monkeypatch, capsys):
    monkeypatch.setattr(corpus, "apart", lambda work, limit: corpus.Report(outcome, "two\tlines\nof text"))
    monkeypatch.setattr(sys, "argv", ["corpus", str(folder)])
    assert corpus.main() == status
    assert f"7 files: 7 {outcome}; at most 0 MB" in capsys.readouterr().out
