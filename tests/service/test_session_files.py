"""The shelf: bytes come back, budgets hold, the oldest makes room, and no file outlives its use."""

import errno
import gc
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from nst_core.errors import Failure, Gone
from nst_core.service import SessionFiles

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shelf():
    return SessionFiles(each=100, total=250)


def files(shelf):
    return len(list(Path(shelf._folder.name).iterdir()))


def test_bytes_come_back(shelf):
    kept = shelf.keep(b"paint", "ada")
    assert (kept.read(), kept.size, kept.there) == (b"paint", 5, True)
    assert shelf.taken() == shelf.taken("ada") == 5


def test_the_owners_oldest_makes_room(shelf):
    first, second, third = (shelf.keep(bytes(40), "ada") for _ in range(3))
    other = shelf.keep(bytes(40), "bob")
    assert [kept.there for kept in (first, second, third, other)] == [False, True, True, True]
    with pytest.raises(Gone, match="make it again, or upload it again"):
        first.read()
    assert (shelf.taken("ada"), shelf.taken()) == (80, 120)


def test_what_was_read_lately_stays(shelf):
    first, second = (shelf.keep(bytes(40), "ada") for _ in range(2))
    first.read()
    shelf.keep(bytes(40), "ada")
    assert first.there
    assert not second.there


def test_all_owners_together_have_a_budget(shelf):
    kept = [shelf.keep(bytes(90), f"visitor {number}") for number in range(5)]
    assert [one.there for one in kept] == [False, False, False, True, True]
    assert shelf.taken() == 180


def test_one_owner_never_pushes_out_those_who_have_less(shelf):
    modest = [shelf.keep(bytes(30), f"visitor {number}") for number in range(4)]
    for _ in range(10):
        greedy = [shelf.keep(bytes(20), "ada") for _ in range(5)]
        greedy = [*greedy, *(shelf.keep(bytes(20), "bob") for _ in range(5))]
        assert all(kept.there for kept in modest)
    assert shelf.taken() <= 250 and greedy[-1].there


def test_all_kinds_of_an_owner_have_one_budget_and_the_greediest_makes_room(shelf):
    pictures = [shelf.keep(bytes(10), "ada") for _ in range(3)]
    batch = [shelf.keep(bytes(30), "ada", "batch") for _ in range(4)]
    assert shelf.taken("ada") <= 100
    assert all(kept.there for kept in pictures)
    assert [kept.there for kept in batch] == [False, False, True, True]


def test_what_is_spare_makes_room_before_all_else(shelf):
    picture, spare = shelf.keep(bytes(60), "ada"), shelf.keep(bytes(40), "ada", "tiff", spare=True)
    shelf.keep(bytes(10), "ada")
    assert picture.there and not spare.there


def test_what_a_killed_process_left_is_deleted_by_the_next(tmp_path):
    """A process that lives keeps its folder."""
    script = (
        "import sys, time; from nst_core.service import SessionFiles\n"
        "shelf = SessionFiles(each=100, total=100); kept = shelf.keep(b'paint', 'ada')\n"
        "print(shelf._folder.name, flush=True); time.sleep(600)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    start = partial(subprocess.Popen, [sys.executable, "-c", script], cwd=ROOT, env=environment, stdout=-1, text=True)
    processes = [start(), start()]
    killed, living = (Path(process.stdout.readline().strip()) for process in processes)
    processes[0].kill()
    processes[0].wait()
    assert killed.is_dir()
    processes.append(start())
    third = Path(processes[2].stdout.readline().strip())
    left = sorted(tmp_path.iterdir())
    for process in processes[1:]:
        process.kill()
        process.wait()
    assert left == sorted([living.parent, third.parent])


def test_what_is_larger_than_a_budget_stays_until_the_next_comes(shelf):
    large = shelf.keep(bytes(300), "ada")
    assert large.there
    shelf.keep(b"small", "ada")
    assert not large.there


def test_a_file_goes_with_its_last_holder(shelf):
    kept = shelf.keep(bytes(10), "ada")
    assert files(shelf) == 1
    del kept
    gc.collect()
    assert files(shelf) == shelf.taken() == 0


def test_the_folder_is_the_owners_only_and_goes_with_the_shelf(shelf):
    folder = Path(shelf._folder.name)
    assert folder.stat().st_mode & 0o077 == 0
    del shelf._folder
    gc.collect()
    assert not folder.exists()


def test_a_full_disk_is_a_sentence_and_leaves_nothing(shelf, monkeypatch):
    def full(self, data):
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Failure, match="No space left on device"):
        shelf.keep(b"paint", "ada")
    assert files(shelf) == shelf.taken() == 0
