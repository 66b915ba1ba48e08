"""A folder to work in, and the command line in this process."""

import sys

import numpy as np
import pytest
from PIL import Image as Pillow

from nst_core import images
from nst_core.cli import app
from nst_core.pictures import masks

LEFT = np.repeat(np.float32([[1] * 48 + [0] * 48]), 64, 0)  # a mask, white on the left


def blobs(seed, height=64, width=96):
    rng = np.random.default_rng(seed)
    return images.resize(rng.random((height // 8, width // 8, 3), np.float32), height, width)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder to work in, with a content, two styles, and files that are none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cat.png").write_bytes(images.encode(blobs(0)))
    (tmp_path / "waves.jpg").write_bytes(images.encode(blobs(1, 64, 64), "jpeg"))
    (tmp_path / "woods.webp").write_bytes(images.encode(blobs(2, 64, 64), "webp"))
    (tmp_path / "letter.txt").write_text("Dear Sir or Madam")
    (tmp_path / "empty").mkdir()
    for name, mask in (("left", LEFT), ("black", 0 * LEFT), ("dot", LEFT[:1, :1])):
        (tmp_path / f"{name}.png").write_bytes(masks.to_png(mask))
    return tmp_path


@pytest.fixture
def nst(here, monkeypatch, capsys):
    """Run the command line in this process: (exit code, standard output, standard error). No line: `sys.argv` as it is."""

    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", Pillow.MAX_IMAGE_PIXELS)  # which the command line sets for its process

    def run(line):
        if line is not None:
            monkeypatch.setattr(sys, "argv", ["nst_core", *line.split()])
        with pytest.raises(SystemExit) as end:
            app.main()
        said = capsys.readouterr()
        return end.value.code or 0, said.out, said.err

    return run
