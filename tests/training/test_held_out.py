"""Pictures that are set aside for the blind test: which they are, and that no training loads them."""

import json
from pathlib import Path

import numpy as np
import pytest

from nst_core import images
from nst_core.errors import BadPicture
from nst_core.training import data


def write(file, value):
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(images.encode(np.full((40, 40, 3), value, np.float32)))


def test_a_folder_is_loaded_without_what_is_held_out(tmp_path):
    write(tmp_path / "style" / "udnie.jpg", 0.25)
    write(tmp_path / "style" / "of_another_name.jpg", 0.75)
    (loaded,) = data.load([tmp_path / "style"], 100)
    assert loaded[0, 0].tolist() == [191, 191, 191]


def test_a_folder_with_nothing_else_is_refused(tmp_path):
    write(tmp_path / "style" / "udnie.jpg", 0.25)
    with pytest.raises(BadPicture, match="holds no pictures"):
        data.load([tmp_path / "style"], 100)


def test_the_same_name_in_another_folder_is_another_picture(tmp_path):
    write(tmp_path / "mine" / "udnie.jpg", 0.25)
    assert len(data.load([tmp_path / "mine"], 100)) == 1


def test_a_folder_is_known_however_it_is_spelled(tmp_path, monkeypatch):
    write(tmp_path / "style" / "udnie.jpg", 0.25)
    monkeypatch.chdir(tmp_path / "style")
    assert data.is_held_out(Path("udnie.jpg"))


def test_the_list_names_twenty_four_photographs_and_paintings_once_each():
    listed = json.loads(data.HELD_OUT.read_text())
    assert [len(set(listed[name])) for name in ("photographs", "paintings")] == [24, 24]
    assert len(data.held_out()) == sum(map(len, listed.values()))


@pytest.mark.parametrize("folder", ["content", "content_train", "style", "style_thumbs"])
def test_the_listed_pictures_are_there_and_no_other_is_left_out(shared, folder):
    files = list((shared / "images" / folder).glob("*.jpg"))
    held_out = {file.name for file in files if data.is_held_out(file)}
    assert held_out == {name.split("/")[1] for name in data.held_out() if name.startswith(f"{folder}/")}
