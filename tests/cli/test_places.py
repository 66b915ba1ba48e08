"""Where pictures come from and results go: pipes, odd names, full disks; what is lost then is nothing."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image as Pillow

from nst_core import images, recipes
from nst_core.cli import files, work
from nst_core.cli.unfinished import Unfinished
from nst_core.errors import BadPicture, Diverged
from nst_core.recipes import Source
from nst_core.stylizer import Step

ROOT = Path(__file__).parents[2]
LINE = "optimize cat.png waves.jpg -o out.png"


class FakeRun:
    """Four steps, each forty times as grey as its number; it can be stopped and gone on with."""

    made: ClassVar[list[tuple[int, int]]] = []  # the numbers of the first and the last step of every run

    def __init__(self, content, styles, recipe, initial, state, *, at=None):
        """at: what happens at which step."""
        self._shape, self._done = content.shape, int(state["done"]) if state else 0
        self._at, self._stopped, self.ended = at or {}, False, False
        self.made.append((self._done + 1, self._done))

    def __iter__(self):
        return self

    def __next__(self):
        if self.ended:
            raise StopIteration
        self._done += 1
        self._at.get(self._done, lambda: None)()
        self.made[-1] = self.made[-1][0], self._done
        self.ended = self._stopped or self._done == 4
        image = np.full(self._shape, self._done * 40 / 255, np.float32)
        return Step(self._done, self._done if self.ended else 4, {"style/a": 1.0}, image, self._done / 2)

    def stop(self):
        self._stopped = True

    def state(self):
        return {"done": np.array(self._done)}


def fake(monkeypatch, at=None):
    """Runs are fakes from now on; their first and last steps."""
    FakeRun.made = []
    monkeypatch.setattr(work, "_steps", lambda *given: FakeRun(*given, at=at))
    return FakeRun.made


def raising(error):
    def happen():
        raise error

    return happen


def grey(path):
    """Which step made it."""
    with Pillow.open(path) as picture:
        return picture.getpixel((0, 0))[0] // 40


# --- what is read -----------------------------------------------------------------------------------------------------


def fed(pipe, data):
    """A named pipe that gives these bytes, once."""
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_bytes(data), daemon=True).start()


@pytest.mark.timeout(60)
def test_a_named_pipe_is_read_once(nst, here, monkeypatch):
    fake(monkeypatch)
    data = (here / "cat.png").read_bytes()
    fed(here / "pipe", data)
    assert nst("optimize pipe waves.jpg -o out.png") == (0, "", "")
    assert recipes.of_png((here / "out.png").read_bytes()).content == Source.of_upload("pipe", data)


def test_standard_input_can_be_both_content_and_style(nst, here, monkeypatch):
    fake(monkeypatch)
    data = (here / "cat.png").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert nst("optimize - - -o out.png") == (0, "", "")
    recipe = recipes.of_png((here / "out.png").read_bytes())
    assert recipe.content == recipe.styles[0].source == Source.of_upload("standard-input", data)


def test_nothing_on_standard_input_is_one_sentence(nst, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    code, _, err = nst("optimize - waves.jpg -o out.png")
    assert (code, err) == (2, "standard-input is empty; choose another file.\n")


def test_a_process_reads_its_standard_input_and_writes_its_standard_output(here):
    words = "instant", "/dev/stdin", "waves.jpg", "-o", "-", "--engine", "instant-lite", "--size", "256"
    command = [sys.executable, "-m", "nst_core", *words]
    data = (here / "cat.png").read_bytes()
    done = subprocess.run(command, input=data, capture_output=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=240)
    assert (done.returncode, done.stderr) == (0, b"")
    assert images.decode(done.stdout).shape == (171, 256, 3)
    assert recipes.of_png(done.stdout).content.digest == Source.of_upload("stdin", data).digest


@pytest.mark.parametrize("name", [b"caf\xe9.png", "貓 *_$ [x](y).png".encode(), b"-.png", b"n\nl.png"])
def test_names_need_not_be_utf_8(name, nst, here, monkeypatch):
    fake(monkeypatch)
    odd = os.fsdecode(name)
    (here / "cat.png").rename(here / odd)
    monkeypatch.setattr(sys, "argv", ["nst_core", "optimize", f"./{odd}", "waves.jpg", "-o", f"out-{odd}"])
    assert nst(None) == (0, "", "")
    found = recipes.of_png((here / f"out-{odd}").read_bytes()).content.name
    assert found == name.decode("utf-8", "replace").replace("\ufffd", "?")


def test_a_missing_file_whose_name_is_not_utf_8_is_one_sentence(nst, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["nst_core", "optimize", os.fsdecode(b"caf\xe9.png"), "waves.jpg", "-o", "out.png"])
    assert nst(None) == (2, "", "caf?.png cannot be read: No such file or directory.\n")


def test_what_macos_leaves_beside_a_picture_is_none(tmp_path):
    for name in ("a.jpg", "._a.jpg", ".hidden.png", "b.PNG", "notes.txt"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    assert [path.name for path in files.pictures_at(tmp_path)] == ["a.jpg", "b.PNG"]
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "._a.jpg").write_bytes(b"\0\5\x16\7")
    with pytest.raises(BadPicture, match="no picture"):
        files.pictures_at(tmp_path / "only")


# --- where results go -------------------------------------------------------------------------------------------------


@pytest.fixture
def no_work(monkeypatch):
    monkeypatch.setattr(work, "_steps", lambda *_: pytest.fail("the work began"))
    monkeypatch.setattr(work, "Service", lambda: pytest.fail("the engine was started"))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("optimize cat.png waves.jpg -o cat.png", "cat.png is an input of this command"),
        ("optimize cat.png waves.jpg -o ./empty/../waves.jpg", "waves.jpg is an input of this command"),
        ("optimize cat.png waves.jpg -o link.png", "link.png is an input of this command"),
        ("optimize cat.png waves.jpg -o left.png --mask left.png", "left.png is an input of this command"),
        ("optimize cat.png waves.jpg -o out.png --log cat.png", "cat.png is an input of this command"),
        ("optimize cat.png waves.jpg -o out.png --log out.png", "out.png is given for two results"),
        ("optimize cat.png waves.jpg -o out.png --recipe mine.json --log mine.json", "mine.json is an input"),
        ("texture-network apply birch-wood cat.png -o cat.png", "cat.png is an input of this command"),
        ("texture-network train waves.jpg -o - --steps 1", "A network is written to a file"),
        ("optimize empty waves.jpg -o - --also cat.png", "give a folder to write to"),
        (f"optimize cat.png waves.jpg -o {'x' * 252}.png", "File name too long"),
        (f"optimize {'x' * 300}.png waves.jpg -o out.png", "File name too long"),
        (f"optimize cat.png waves.jpg -o {'x' * 300}/out.png", "There is no folder"),
        (f"optimize cat.png waves.jpg -o out.png --log {'x' * 300}", "File name too long"),
    ],
)
def test_a_place_that_will_not_do_is_told_before_the_work(line, words, nst, here, no_work):
    (here / "link.png").symlink_to("cat.png")
    (here / "mine.json").write_text("{}")
    (here / "empty" / "a.png").write_bytes((here / "cat.png").read_bytes())
    before = {path: path.read_bytes() for path in here.iterdir() if path.is_file()}
    code, _, err = nst(line)
    assert code == 2 and words in err and err.count("\n") == 1
    assert {path: path.read_bytes() for path in here.iterdir() if path.is_file()} == before


def test_a_folder_that_cannot_be_written_is_told_before_the_work(nst, here, no_work, monkeypatch):
    def read_only(path, data):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "write_bytes", read_only)
    assert nst(LINE) == (2, "", "out.png cannot be written: Read-only file system.\n")
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: read_only(None, None))
    code, _, err = nst("optimize cat.png waves.jpg -o made --also woods.webp")
    assert (code, err) == (2, "made cannot be written: Read-only file system.\n")


def test_a_file_that_may_not_be_replaced_is_told_before_the_work(nst, here, no_work, monkeypatch):
    (here / "out.png").write_bytes(b"dear")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may do anything
    assert nst(LINE) == (2, "", "out.png cannot be written: Permission denied.\n")
    assert (here / "out.png").read_bytes() == b"dear"


@pytest.mark.parametrize("length", [240, 244, 251])
def test_names_may_be_as_long_as_file_systems_have_them(length, nst, here, monkeypatch):
    made = fake(monkeypatch, at={2: lambda: os.kill(os.getpid(), signal.SIGINT)})
    name = "x" * length + ".png"
    line = f"optimize cat.png waves.jpg -o {name} --log {'y' * 255}"
    assert nst(line)[0] == 130
    fake(monkeypatch)
    assert nst(line) == (0, "", "")
    assert grey(here / name) == 4 and made
    assert FakeRun.made == [(3, 4)]  # it went on, so its state had a place
    assert files.targets([Path("y" * 251 + ".jpg"), Path("y" * 251 + ".gif")], here)[1].name == "y" * 249 + "-2.png"


def test_a_result_that_cannot_be_written_after_the_work_is_not_lost(nst, here, monkeypatch, tmp_path_factory):
    """The disk is full by then."""
    fake(monkeypatch)
    elsewhere, write = tmp_path_factory.mktemp("elsewhere"), Path.write_bytes
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))

    def full(path, data):
        if here in (path.parent, Path.cwd() / path.parent) and len(data) > 10:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    code, _, err = nst(LINE)
    assert code == 2 and err.startswith("out.png cannot be written: No space left on device. The result is in /")
    assert err.count("\n") == 1
    (rescued,) = elsewhere.rglob("*.png")
    assert str(rescued) in err and grey(rescued) == 4
    assert not (here / "out.png").exists() and not list(here.glob(".*partial"))


def test_where_nothing_can_be_written_at_all_it_says_so(nst, here, monkeypatch):
    fake(monkeypatch)
    (here / "out.png").symlink_to("/dev/full")
    monkeypatch.setattr(tempfile, "tempdir", str(here / "nowhere"))
    code, _, err = nst(LINE)
    assert (code, err.count("\n")) == (2, 1)
    assert "No space left on device" in err and "The temporary folder cannot be written either" in err


def test_a_full_disk_ends_the_log_and_not_the_run(nst, here, monkeypatch):
    fake(monkeypatch)
    code, _, err = nst(f"{LINE} --log /dev/full")
    assert (code, err) == (2, "/dev/full cannot be written: No space left on device. It ends before step 1.\n")
    assert grey(here / "out.png") == 4


def test_a_result_goes_through_a_link_to_its_file(nst, here, monkeypatch):
    fake(monkeypatch)
    (here / "empty" / "real.png").write_bytes(b"old")
    (here / "out.png").symlink_to("empty/real.png")
    assert nst(LINE) == (0, "", "")
    assert (here / "out.png").is_symlink() and grey(here / "empty" / "real.png") == 4


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


def test_ctrl_c_keeps_the_last_picture_and_the_same_command_goes_on(nst, here, monkeypatch):
    line = f"{LINE} --log losses.jsonl --timelapse film.gif"
    fake(monkeypatch)
    assert nst(line) == (0, "", "")
    whole = (here / "film.gif").read_bytes()
    fake(monkeypatch, at={2: lambda: os.kill(os.getpid(), signal.SIGINT)})
    code, _, err = nst(line)
    told = "Stopped at 2 of 4: out.png has what was made until then; the same command goes on from there.\n"
    assert (code, err) == (130, told)
    assert grey(here / "out.png") == 3  # the step that ends a run is one more
    made = fake(monkeypatch)
    assert nst(line) == (0, "", "")
    assert made == [(3, 4)]
    assert grey(here / "out.png") == 4
    assert [json.loads(line)["iteration"] for line in (here / "losses.jsonl").read_text().splitlines()] == [1, 2, 3, 4]
    assert (here / "film.gif").read_bytes() == whole
    assert not list(here.glob(".*"))
    assert nst(line) == (0, "", "")
    assert made == [(3, 4), (1, 4)]  # nothing is left to go on from


@pytest.mark.parametrize("other", ["--seed 5", "--init waves.jpg", "--style-weight 3"])
def test_another_command_begins_anew(other, nst, monkeypatch):
    fake(monkeypatch, at={2: lambda: os.kill(os.getpid(), signal.SIGINT)})
    assert nst(LINE)[0] == 130
    made = fake(monkeypatch)
    assert nst(f"{LINE} {other}") == (0, "", "")
    assert made == [(1, 4)]


def test_a_run_that_diverged_is_not_gone_on_with(nst, here, monkeypatch):
    fake(monkeypatch, at={2: lambda: os.kill(os.getpid(), signal.SIGINT)})
    assert nst(LINE)[0] == 130
    fake(monkeypatch, at={4: raising(Diverged("The losses are no numbers any more."))})
    assert nst(LINE)[0] == 1
    assert grey(here / "out.png") == 3
    assert not list(here.glob(".*"))


def test_a_state_that_cannot_be_kept_costs_a_sentence_not_the_picture(nst, here, monkeypatch):
    fake(monkeypatch, at={2: lambda: os.kill(os.getpid(), signal.SIGINT)})
    monkeypatch.setattr(np, "savez", lambda *_, **__: raising(OSError(errno.ENOSPC, "No space left on device"))())
    code, _, err = nst(LINE)
    assert code == 130
    assert err.splitlines() == [
        "The run continues, but its state cannot be saved (No space left on device): it cannot be resumed.",
        "Stopped at 2 of 4: out.png has what was made until then.",
    ]
    assert grey(here / "out.png") == 3


def test_a_full_disk_costs_a_training_its_state_and_not_the_training(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(np, "savez", lambda *_, **__: raising(OSError(errno.ENOSPC, "No space left on device"))())
    kept = Unfinished(tmp_path / "net.npz", "what was asked for")
    steps = (Step(number, 5) for number in range(1, 6))
    assert [step.iteration for step in kept.kept(steps, lambda: {"a": np.zeros(1)}, every=-1.0)] == [1, 2, 3, 4, 5]
    told = "The run continues, but its state cannot be saved (No space left on device): it cannot be resumed.\n"
    assert capsys.readouterr().err == told  # once
    assert not list(tmp_path.iterdir())


def test_a_state_of_something_else_is_passed_over(tmp_path):
    kept = Unfinished(tmp_path / "out.png", "one")
    assert kept.load() is None
    assert kept.save({"a": np.arange(3)})
    assert kept.load()["a"].tolist() == [0, 1, 2]
    assert Unfinished(tmp_path / "out.png", "another").load() is None
    (tmp_path / ".out.png.checkpoint.npz").write_bytes(b"PK\3\4 half")
    assert kept.load() is None
    kept.discard()
    assert not list(tmp_path.iterdir())


# --- what nobody thought of -------------------------------------------------------------------------------------------


def test_what_nobody_thought_of_is_one_line_and_a_log(nst, here, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(here / "empty"))
    fake(monkeypatch, at={2: raising(ZeroDivisionError("division\nby zero"))})
    code, out, err = nst(LINE)
    (log,) = (here / "empty").glob("*.log")
    what = "Internal error: ZeroDivisionError: division by zero"
    assert (code, out, err) == (1, "", f"{what}. The traceback is in {log}; --debug prints it.\n")
    assert "Traceback" in log.read_text() and LINE in log.read_text()


@pytest.mark.parametrize("line", [f"--debug {LINE}", f"{LINE} --debug"])
def test_debug_shows_the_traceback_wherever_it_stands(line, nst, monkeypatch, here):
    monkeypatch.setattr(tempfile, "tempdir", str(here / "empty"))
    fake(monkeypatch, at={1: raising(ZeroDivisionError("division by zero"))})
    code, _, err = nst(line)
    assert code == 1
    assert "Traceback" in err and "in happen" in err and err.endswith("ZeroDivisionError: division by zero.\n")


def test_without_a_place_for_the_log_there_is_still_one_line(nst, here, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(here / "nowhere"))
    fake(monkeypatch, at={1: raising(RuntimeError("odd"))})
    assert nst(LINE) == (1, "", "Internal error: RuntimeError: odd. --debug prints the traceback.\n")


# --- limits -----------------------------------------------------------------------------------------------------------


def test_the_limits_of_the_service_do_not_bind_the_command_line(here):
    tight = {"NST_MAX_SIZE": "768", "NST_MAX_UPLOAD_MB": "1", "NST_MAX_MEGAPIXELS": "1", "PYTHONPATH": str(ROOT)}
    noise = np.random.default_rng(0).integers(0, 256, (1000, 1200, 3), np.uint8)
    (here / "large.png").write_bytes(images.encode(images.from_uint8(noise)))  # 3.6 MB, 1.2 megapixels
    line = "optimize large.png waves.jpg -o out.png --size 2000 --mask black.png"  # the last mistake that is looked for
    done = subprocess.run(
        [sys.executable, "-m", "nst_core", *line.split()], capture_output=True, text=True, env=os.environ | tight
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "covers nothing" in done.stderr or "cover nothing" in done.stderr
