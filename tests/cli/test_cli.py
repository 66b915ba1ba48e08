"""The command line as its users meet it: exit codes, one sentence a mistake, files whole or not at all."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from nst_core import images, recipes
from nst_core.cli import files, work
from nst_core.errors import Diverged
from nst_core.models import weights
from nst_core.pictures import masks
from nst_core.service import Service
from nst_core.stylizer import Step
from tests.cli.conftest import LEFT, blobs

ROOT = Path(__file__).parents[2]
PATIENCE = 60  # seconds until a hang counts as a failure
SIZE = recipes.MIN_SIZE


@pytest.fixture(scope="module")
def running():
    engine = Service()
    yield engine
    engine.close()


@pytest.fixture
def one_engine(running, monkeypatch):
    """Commands that need an engine find the same one: its start is what takes time."""
    monkeypatch.setattr(running, "close", lambda: None)
    monkeypatch.setattr(work, "Service", lambda: running)


def left(folder):
    """What lies there, hidden files too, beside what was put there."""
    given = {"cat.png", "waves.jpg", "woods.webp", "letter.txt", "empty", "left.png", "black.png", "dot.png"}
    return {path.name for path in folder.iterdir()} - given


def opened(path):
    with Pillow.open(path) as picture:
        picture.load()
        return picture


# --- mistakes ---------------------------------------------------------------------------------------------------------

MISTAKES = {
    # both commands read their pictures and write their result in the same way
    "{} cat.png -o out.png": "at least one style",
    "{} cat.png nowhere.jpg -o out.png": "nowhere.jpg cannot be read",
    "{} nowhere.png waves.jpg -o out.png": "nowhere.png cannot be read",
    "{} letter.txt waves.jpg -o out.png": "letter.txt is not a picture",
    "{} cat.png letter.txt -o out.png": "letter.txt is not a picture",
    "{} cat.png waves.jpg": "--out",
    "{} cat.png waves.jpg -o out.pdf": "out.pdf: pictures are written as .png",
    "{} cat.png waves.jpg -o out": "change the suffix of the result",
    "{} cat.png waves.jpg -o nowhere/out.png": "There is no folder nowhere",
    "{} cat.png waves.jpg -o letter.txt/out.png": "There is no folder letter.txt",
    "{} cat.png waves.jpg -o .": "would replace their contents",
    "{} empty waves.jpg -o out": "There is no picture in empty",
    "{} cat.png waves.jpg -o letter.txt --also woods.webp": "letter.txt is a file",
    "{} cat.png waves.jpg woods.webp -o out.png --weights 0.7": "2 and 1: give one weight per style",
    "{} cat.png waves.jpg -o out.png --weights much": "not “much”",
    "{} cat.png waves.jpg -o out.png --weights 0": "at least one style needs a weight above 0",
    "{} cat.png waves.jpg -o out.png --weights -1": "styles.0.weight",
    "{} cat.png waves.jpg -o out.png --weights nan": "styles.0.weight",
    "{} cat.png " + "waves.jpg " * 9 + "-o out.png": "styles",
    "{} cat.png waves.jpg -o out.png --size 100": "size",
    "{} cat.png waves.jpg -o out.png --size huge": "--size",
    "{} cat.png waves.jpg -o out.png --color sepia": "--color",
    "{} cat.png waves.jpg -o out.png --frobnicate": "--frobnicate",
    "instant cat.png waves.jpg -o out.png --strength 1.6": "strength",
    "instant cat.png waves.jpg -o out.png --strength nan": "strength",
    "instant cat.png waves.jpg -o out.png --engine vgg19": "no engine for vgg19",
    "instant cat.png waves.jpg -o out.png --engine magenta": "models --download magenta",
    "optimize cat.png waves.jpg -o out.png --preset slow": "There is no preset “slow”; there are fast, ",
    "optimize cat.png waves.jpg -o out.png --preset fast --recipe letter.txt": "not both",
    "optimize cat.png waves.jpg -o out.png --recipe nowhere.json": "nowhere.json cannot be read",
    "optimize cat.png waves.jpg -o out.png --recipe letter.txt": "letter.txt is not JSON",
    "optimize cat.png waves.jpg -o out.png --features vgg19": "models --download vgg19",
    "optimize cat.png waves.jpg -o out.png --preset stylenet-vgg16": "models --download vgg16",
    "optimize cat.png waves.jpg -o out.png --features resnet": "--features",
    "optimize cat.png waves.jpg -o out.png --iterations 0": "iterations",
    "optimize cat.png waves.jpg -o out.png --seed -1": "seed",
    "optimize cat.png waves.jpg -o out.png --style-weight -1": "style_weight",
    "optimize cat.png waves.jpg -o out.png --style-weight 0 --content-weight 0": "above 0",
    "optimize cat.png waves.jpg -o out.png --style-weight 1 --style-weight 2": "1 and 2: give one, or one per style",
    "optimize cat.png waves.jpg woods.webp -o out.png --style-weight 0 --style-weight 0": "above 0",
    "optimize cat.png waves.jpg woods.webp -o out.png --style-weight 1 --style-weight 2 --weights 1,1": "not both",
    "optimize cat.png waves.jpg -o out.png --init chaos": "chaos cannot be read",
    "optimize cat.png waves.jpg -o out.png --timelapse film.avi": "time-lapses are written as .gif, .mp4",
    "optimize cat.png waves.jpg -o out.png --timelapse nowhere/film.gif": "There is no folder nowhere",
    "optimize cat.png waves.jpg -o out.png --log nowhere/losses.jsonl": "There is no folder nowhere",
    "optimize cat.png waves.jpg -o out.png --log empty": "empty is a folder",
    "optimize cat.png waves.jpg -o out --also woods.webp --log losses.jsonl": "omit them for several",
    "{} cat.png waves.jpg woods.webp -o out.png --mask left.png": "styles and masks do not match, 2 and 1",
    "{} cat.png waves.jpg -o out.png --mask left.png --mask left.png": "styles and masks do not match, 1 and 2",
    "{} cat.png waves.jpg -o out.png --mask nowhere.png": "nowhere.png cannot be read",
    "{} cat.png waves.jpg -o out.png --mask letter.txt": "letter.txt is not a picture",
    "{} cat.png waves.jpg -o out.png --mask black.png": "The masks cover nothing",
    "{} cat.png waves.jpg woods.webp -o out.png --mask left.png --mask black.png": "Mask 2 of 2 covers nothing",
    "{} cat.png waves.jpg -o out.png --mask dot.png": "dot.png is 1×1 pixels; at least 8×8 are needed",
    "{} cat.png waves.jpg -o out.png --mask left.png --feather -1": "--feather",
    "{} cat.png waves.jpg -o out.png --segmentation left.png --mask left.png": "--mask or --segmentation, not both",
    "{} cat.png waves.jpg -o out.png --segmentation cat.png": "cat.png ",
    "{} cat.png waves.jpg -o out.png --style-segmentation left.png": "give that too",
    "{} cat.png waves.jpg woods.webp -o out.png --segmentation left.png --style-segmentation left.png": "2 and 1",
    "{} cat.png waves.jpg -o out.png --mask left.png --protect left.png": "The masks cover nothing",
    "models --download resnet": "There is no model “resnet”",
    "recipe show cat.png": "contains no recipe",
    "recipe show letter.txt": "contains no recipe",
    "recipe show nowhere.png": "cannot be read",
    "paint cat.png": "paint",
}
LINES = [
    (line.format(command), words)
    for line, words in MISTAKES.items()
    for command in ("instant", "optimize")[: 1 + ("{}" in line)]
]


@pytest.mark.parametrize(("line", "words"), LINES, ids=[line for line, _ in LINES])
def test_a_mistake_is_one_sentence_and_exit_2(line, words, nst, here, empty_caches, monkeypatch):
    monkeypatch.setattr(work, "_steps", lambda *_: pytest.fail("the work began"))
    monkeypatch.setattr(work, "Service", lambda: pytest.fail("the engine was started"))
    code, out, err = nst(line)
    assert code == 2
    assert words in err
    assert not out
    assert "Traceback" not in err
    assert err.count("\n") == 1
    assert not left(here)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[1, 2]", "is not a recipe"),
        ("[" * 50_000, "not JSON"),
        ("", "not JSON"),
        ('{"kind": "instant"}', "of kind instant, for another command"),
        ('{"kind": "magic"}', "no recipe of ours"),
        ('{"iterations": "many"}', "iterations"),
        ('{"learning_rate": NaN}', "learning_rate"),
        ('{"salt": 1}', "salt"),
        ('{"style_layers": ["block9_conv1"]}', "has no layer block9_conv1"),
        ('{"init": "style", "correlation_chain": true, "form": "moments"}', "correlation_chain"),
    ],
)
def test_a_wrong_recipe_file_is_one_sentence(text, words, nst, here):
    (here / "mine.json").write_text(text)
    code, _, err = nst("optimize cat.png waves.jpg -o out.png --recipe mine.json")
    assert code == 2
    assert words in err
    assert err.count("\n") == 1


def test_a_place_that_cannot_be_written_is_one_sentence(nst, here, monkeypatch):
    def full(path, data):
        path.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    code, _, err = nst(f"instant cat.png waves.jpg -o out.png --engine instant-lite --size {SIZE}")
    assert (code, err) == (2, "out.png cannot be written: No space left on device.\n")
    assert "out.png" not in left(here)
    assert not list(here.glob(".*"))


# --- instant, models, recipe ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "format"), [("out.png", "PNG"), ("out.JPG", "JPEG"), ("out.webp", "WEBP")])
def test_instant_writes_a_picture_of_the_size_asked_for(name, format, nst, here):
    code, out, err = nst(f"instant cat.png waves.jpg -o {name} --engine instant-lite --size {SIZE}")
    assert (code, out, err) == (0, "", "")
    picture = opened(here / name)
    assert (picture.format, picture.size) == (format, (SIZE, round(SIZE * 64 / 96)))
    assert left(here) == {name}


def test_instant_takes_the_contents_name_where_out_is_a_folder(nst, here):
    assert nst(f"instant cat.png waves.jpg -o empty --engine instant-lite --size {SIZE}")[0] == 0
    assert opened(here / "empty" / "cat.png").size[0] == SIZE


def test_the_recipe_is_inside_the_picture(nst):
    line = f"instant cat.png waves.jpg woods.webp -o out.png --engine instant-lite --size {SIZE}"
    assert nst(f"{line} --weights 0.7,0.3 --strength 0.5 --color luminance")[0] == 0
    code, out, err = nst("recipe show out.png")
    assert (code, err) == (0, "")
    recipe = recipes.parse(out)
    assert (recipe.kind, recipe.engine, recipe.strength, recipe.color) == ("instant", "instant-lite", 0.5, "luminance")
    assert [(style.source.name, style.weight) for style in recipe.styles] == [("waves.jpg", 0.7), ("woods.webp", 0.3)]
    assert recipe.content == files.source(Path("cat.png"))


def test_models_lists_what_is_here_and_what_is_not(nst, empty_caches):
    code, out, err = nst("models")
    assert (code, err) == (0, "")
    listed = dict(line.split()[:2] for line in out.splitlines()[::2])
    assert listed == {name: model.status for name, model in weights.MODELS.items()}
    assert listed["instant-lite"] == listed["vgg19-lite"] == "embedded"
    assert listed["vgg19"] == listed["magenta"] == "missing"


def test_models_download_of_what_is_here_says_where(nst):
    code, out, _ = nst("models --download vgg19-lite")
    assert code == 0
    assert Path(out.strip()).is_file()


@pytest.mark.parametrize("line", ["--help", "instant --help", "optimize --help", "recipe --help"])
def test_help_is_no_mistake(line, nst):
    code, out, err = nst(line)
    assert (code, err) == (0, "")
    assert "Usage" in out


@pytest.mark.parametrize("line", ["", "recipe"])
def test_no_command_is_a_question(line, nst):
    code, out, err = nst(line)
    assert (code, err) == (2, "")
    assert "Usage" in out


# --- optimize ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_optimize_writes_picture_log_and_timelapse(nst, here):
    line = f"optimize cat.png waves.jpg woods.webp -o out.png --size {SIZE} --iterations 6 --weights 0.2,0.8 --seed 7"
    code, out, err = nst(f"{line} --content-weight 2 --style-weight 3 --log losses.jsonl --timelapse film.gif")
    assert (code, out, err) == (0, "", "")
    assert left(here) == {"out.png", "losses.jsonl", "film.gif"}

    picture = opened(here / "out.png")
    assert picture.size == (SIZE, round(SIZE * 64 / 96))

    lines = [json.loads(line) for line in (here / "losses.jsonl").read_text().splitlines()]
    assert {line["total"] for line in lines} == {6}
    assert [line["iteration"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert all(a["seconds"] <= b["seconds"] for a, b in pairwise(lines))
    assert {"content/block4_conv2", "style/block1_conv1", "style/block5_conv1", "tv"} <= set(lines[0])

    with Pillow.open(here / "film.gif") as film:
        assert film.size == picture.size
        assert 1 < film.n_frames <= 6

    recipe = recipes.of_png((here / "out.png").read_bytes())
    assert (recipe.iterations, recipe.seed, recipe.content_weight, recipe.style_weight) == (6, 7, 2, 3)
    assert [style.weight for style in recipe.styles] == [0.2, 0.8]
    assert recipe.content.name == "cat.png"


def test_optimize_starts_from_a_picture(nst, here):
    (here / "start.png").write_bytes(images.encode(np.full((64, 96, 3), 0.5, np.float32)))
    line = f"optimize cat.png waves.jpg -o out.png --size {SIZE} --iterations 1 --init start.png"
    assert nst(f"{line} --timelapse film.mp4")[0] == 0
    assert recipes.of_png((here / "out.png").read_bytes()).init == "image"
    luminance = np.asarray(opened(here / "out.png")) / 255 @ [0.299, 0.587, 0.114]  # chroma is smoothed afterwards
    assert np.abs(luminance - 0.5).max() < 0.035  # one step of Adam from grey
    assert (here / "film.mp4").read_bytes()[4:8] == b"ftyp"


def test_options_go_before_the_recipe_and_the_recipe_before_the_preset(nst, here, monkeypatch):
    seen = fake_run(monkeypatch)
    mine = {"iterations": 40, "optimizer": "lbfgs", "scales": 2, "styles": [{"source": {"name": "a"}, "weight": 0.3}] * 2}
    (here / "mine.json").write_text(json.dumps(mine))
    assert nst("optimize cat.png waves.jpg woods.webp -o out.png --recipe mine.json --iterations 30 --size 300")[0] == 0
    recipe = seen[-1]
    assert (recipe.iterations, recipe.size, recipe.optimizer, recipe.scales) == (30, 300, "lbfgs", 2)
    assert recipe.learning_rate == recipes.PRESETS["fast"].learning_rate
    assert [(style.source.name, style.weight) for style in recipe.styles] == [("waves.jpg", 0.3), ("woods.webp", 0.3)]


def test_the_recipe_of_a_picture_makes_another(nst, here, monkeypatch):
    seen = fake_run(monkeypatch)
    assert nst("optimize cat.png waves.jpg -o out.png --preset improved-2016 --features vgg19-lite --seed 5")[0] == 0
    (here / "again.json").write_text(nst("recipe show out.png")[1])
    assert nst("optimize cat.png waves.jpg -o out.png --recipe again.json")[0] == 0
    assert seen[0] == seen[1]
    assert (seen[1].all_layers, seen[1].features, seen[1].seed) == (True, "vgg19-lite", 5)


def test_each_style_can_have_a_weight_of_its_own(nst, monkeypatch):
    seen = fake_run(monkeypatch)
    assert nst("optimize cat.png waves.jpg woods.webp -o out.png --style-weight 6 --style-weight 2")[0] == 0
    assert seen[-1].style_weight == 8
    assert [style.weight for style in seen[-1].styles] == [0.75, 0.25]


def test_a_run_that_diverges_keeps_its_best_picture(nst, here, monkeypatch):
    fake_run(monkeypatch, end=Diverged("The losses are no numbers any more."), loss=float("nan"))
    code, _, err = nst("optimize cat.png waves.jpg -o out.png --log losses.jsonl --timelapse film.gif")
    assert (code, err) == (1, "The losses are no numbers any more.\n")
    assert left(here) == {"out.png", "losses.jsonl", "film.gif"}
    assert opened(here / "out.png").getpixel((0, 0)) == (128, 128, 128)
    assert json.loads((here / "losses.jsonl").read_text().splitlines()[-1])["style/a"] is None


def test_ctrl_c_leaves_nothing_half_written(nst, here, monkeypatch):
    fake_run(monkeypatch, end=KeyboardInterrupt())
    code, out, err = nst("optimize cat.png waves.jpg -o out.png --log losses.jsonl --timelapse film.gif")
    assert (code, out, err) == (130, "", "")
    assert left(here) == {"losses.jsonl"}
    assert [json.loads(line)["iteration"] for line in (here / "losses.jsonl").read_text().splitlines()] == [1, 2]


def test_a_terminal_shows_how_far_it_is(nst, monkeypatch):
    fake_run(monkeypatch)
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", terminal)
    assert nst("optimize cat.png waves.jpg -o out.png")[0] == 0
    assert [line.strip() for line in terminal.getvalue().split("\r")] == [
        "",
        "1/4",
        "2/4, 1 s left",
        "3/4, 0 s left",
        "4/4, 0 s left",
    ]
    assert terminal.getvalue().endswith("\n")


def fake_run(monkeypatch, end=None, loss=1.0):
    """A run of four steps of half a second each, or of two and then `end`; returns the recipes of the runs to come."""
    seen = []

    def steps(content, styles, recipe, initial, state):
        seen.append(recipe.model_copy(update={"content": None}))
        for iteration in range(1, 3 if end else 5):
            grey = np.full_like(content, 128 / 255)
            yield Step(iteration, 4, {"style/a": loss}, grey, iteration / 2)
        if end:
            raise end

    monkeypatch.setattr(work, "_steps", steps)
    return seen


# --- a folder, by the engine ------------------------------------------------------------------------------------------


def fill(folder):
    folder.mkdir()
    for name, format in {"one.png": "png", "two.jpg": "jpeg", "two.webp": "webp"}.items():
        (folder / name).write_bytes(images.encode(blobs(5), format))
    (folder / "broken.png").write_bytes(images.encode(blobs(5))[:500])
    (folder / "notes.txt").write_text("no picture, and no mistake")


@pytest.mark.slow
def test_a_folder_comes_out_as_a_folder_but_for_what_is_broken(nst, here, one_engine):
    fill(here / "photos")
    code, out, err = nst(f"instant photos waves.jpg -o made --engine instant-lite --size {SIZE} --also cat.png")
    assert (code, out) == (2, "")
    assert err.startswith("broken.png is damaged")
    assert err.count("\n") == 1
    names = {path.name for path in (here / "made").iterdir()}
    assert names == {"one.png", "two.png", "two-2.png", "cat.png"}  # two.jpg and two.webp do not share a file
    assert recipes.of_png((here / "made" / "two-2.png").read_bytes()).content.name == "two.webp"
    assert opened(here / "made" / "one.png").size[0] == SIZE


@pytest.mark.slow
def test_a_folder_that_was_cut_off_goes_on(nst, here, one_engine, monkeypatch):
    fill(here / "photos")
    (here / "photos" / "broken.png").unlink()
    line = f"instant photos waves.jpg -o made --engine instant-lite --size {SIZE}"
    assert nst(line) == (0, "", "")
    written = {path.name: path.stat().st_mtime_ns for path in (here / "made").iterdir()}
    (here / "made" / "two.png").unlink()
    (here / "made" / "one.png").write_bytes(b"half a pict")
    assert nst(line) == (0, "", "")
    again = {path.name for path in (here / "made").iterdir() if path.stat().st_mtime_ns != written[path.name]}
    assert again == {"one.png", "two.png"}
    monkeypatch.setattr(work, "Service", lambda: pytest.fail("the engine was started"))
    assert nst(line) == (0, "", "")  # all are there


@pytest.mark.slow
def test_ctrl_c_keeps_the_finished_pictures_of_a_folder_and_the_same_command_goes_on(nst, here, one_engine, monkeypatch):
    (here / "photos").mkdir()
    for number in range(8):
        (here / "photos" / f"{number}.png").write_bytes(images.encode(blobs(number)))
    line = f"instant photos waves.jpg -o made --engine instant-lite --size {SIZE}"
    write, begun = files.write_picture, []

    def slowly(*given, **options):
        """Write a picture during which Ctrl-C comes; the third one is among those that it must not break off."""
        begun.append(given)
        if len(begun) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        write(*given, **options)

    monkeypatch.setattr(files, "write_picture", slowly)
    code, out, err = nst(line)
    written = {path.name: path.stat().st_mtime_ns for path in (here / "made").iterdir()}
    assert 3 <= len(written) == len(begun) < 8
    told = f"Stopped: {len(written)} of 8 pictures are in made; the same command paints the rest.\n"
    assert (code, out, err) == (130, "", told)
    monkeypatch.setattr(files, "write_picture", write)
    assert nst(line) == (0, "", "")
    again = {path.name: path.stat().st_mtime_ns for path in (here / "made").iterdir()}
    assert again.keys() == {f"{number}.png" for number in range(8)}
    assert again.items() >= written.items()  # those were not painted again


@pytest.mark.slow
def test_a_network_paints_a_folder(nst, here, one_engine):
    fill(here / "photos")
    code, out, err = nst(f"texture-network apply starlit-oils photos -o made --size {SIZE}")
    assert (code, out) == (2, "") and err.startswith("broken.png is damaged")
    assert {path.name for path in (here / "made").iterdir()} == {"one.png", "two.png", "two-2.png"}


@pytest.mark.slow
def test_optimize_takes_several_contents(nst, here, one_engine):
    line = f"optimize cat.png waves.jpg -o made --also woods.webp --size {SIZE} --iterations 2"
    assert nst(line) == (0, "", "")
    assert {path.name for path in (here / "made").iterdir()} == {"cat.png", "woods.png"}
    assert recipes.of_png((here / "made" / "woods.png").read_bytes()).iterations == 2


def test_results_never_replace_their_contents(nst, here, monkeypatch):
    monkeypatch.setattr(work, "Service", lambda: pytest.fail("the engine was started"))
    fill(here / "photos")
    before = (here / "photos" / "one.png").read_bytes()
    code, _, err = nst("instant photos waves.jpg -o photos --engine instant-lite")
    assert (code, err) == (2, "The results would replace their contents in photos: choose another folder.\n")
    assert (here / "photos" / "one.png").read_bytes() == before


# --- as a process of its own ------------------------------------------------------------------------------------------


def process(line):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    command = [sys.executable, "-m", "nst_core", *line.split()]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_a_process_says_nothing_but_what_we_say(here):
    done = process(f"instant cat.png waves.jpg -o out.png --engine instant-lite --size {SIZE}")
    assert done.communicate(timeout=PATIENCE) == ("", "")  # not TensorFlow either
    assert done.returncode == 0
    assert left(here) == {"out.png"}


@pytest.mark.slow
def test_a_process_that_gets_ctrl_c_ends_with_130(here):
    run = process(f"optimize cat.png waves.jpg -o out.png --size {SIZE} --iterations 10000 --log losses.jsonl")
    log, deadline = here / "losses.jsonl", time.monotonic() + PATIENCE
    while not (log.exists() and log.stat().st_size):
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=PATIENCE)
    assert (run.returncode, out) == (130, "")
    assert "out.png has what was made until then; the same command goes on from there" in err
    assert left(here) == {"losses.jsonl", "out.png", ".out.png.checkpoint.npz"}
    assert opened(here / "out.png").size == (SIZE, round(SIZE * 64 / 96))
    assert all(json.loads(line)["total"] == 10000 for line in log.read_text().splitlines())


INTERRUPTED = """
import os, signal, time
from nst_core.cli import app, work
from nst_core.stylizer import Step
from tests.cli.conftest import LEFT, blobs

def steps(*_):
    for iteration in range(1, 400):
        try:
            if iteration == 3:
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.02)
        except KeyboardInterrupt:
            {then}
        print(iteration, flush=True)
        yield Step(iteration, 400)

work._steps = steps
app.main()
"""


@pytest.mark.parametrize(
    ("then", "printed"), [("pass", "1 2 3"), ("os.kill(os.getpid(), signal.SIGINT); time.sleep(60)", "1 2")]
)
def test_ctrl_c_counts_where_it_is_swallowed_and_twice_at_once(here, then, printed):
    script = INTERRUPTED.format(then=then)
    command = [sys.executable, "-c", script, "optimize", "cat.png", "waves.jpg", "-o", "out.png"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stdout.split(), done.stderr) == (130, printed.split(), "")
    assert "out.png" not in left(here)


# --- transparency and kinds of files ----------------------------------------------------------------------------------


def sticker(folder, name="sticker.png"):
    """The cat, opaque on the left only; what is under the right is green."""
    colors = images.to_uint8(blobs(0))
    colors[:, 48:] = (0, 255, 0)
    picture = Pillow.fromarray(np.dstack([colors, images.to_uint8(LEFT)]))
    picture.save(folder / name)
    return folder / name


@pytest.mark.parametrize("out", ["out.png", "out.webp", "out.tif", "out.jpg"])
@pytest.mark.parametrize("flat", ["", " --flatten"])
def test_a_result_is_as_transparent_as_its_content(out, flat, nst, here):
    sticker(here)
    assert nst(f"instant sticker.png waves.jpg -o {out} --engine instant-lite --size {SIZE}{flat}") == (0, "", "")
    alpha = images.opacity((here / out).read_bytes())
    image = images.decode((here / out).read_bytes())
    assert image[:, SIZE // 2 + 2 :].min() > 0.97  # on white
    if flat or out == "out.jpg":
        assert alpha is None
    else:
        assert alpha[:, : SIZE // 2 - 2].min() == 1
        assert alpha[:, SIZE // 2 + 2 :].max() == 0


def test_colours_under_transparency_do_not_bleed(nst, here):
    """What is painted is the picture with its edge drawn out, not with the green that is hidden there, nor with white."""
    sticker(here)
    colors = blobs(0)
    colors[:, 48:] = colors[:, 47:48]
    (here / "plain.png").write_bytes(images.encode(colors))
    for name in ("sticker", "plain"):
        assert nst(f"instant {name}.png waves.jpg -o {name}-out.png --engine instant-lite --size {SIZE}") == (0, "", "")
    painted, plain = (images.decode((here / f"{name}-out.png").read_bytes()) for name in ("sticker", "plain"))
    seen = np.s_[:, : SIZE // 2 - 2]
    assert np.abs(painted[seen] - plain[seen]).mean() < 0.01


def test_transparent_parts_of_a_style_count_as_white(nst, here):
    """As every viewer shows it; the green that is hidden there has no part in the result."""
    sticker(here)
    white = blobs(0)
    white[:, 48:] = 1
    (here / "white.png").write_bytes(images.encode(white))
    for name in ("sticker", "white"):
        assert nst(f"instant waves.jpg {name}.png -o {name}-out.png --engine instant-lite --size {SIZE}") == (0, "", "")
    clear, flat = (images.decode((here / f"{name}-out.png").read_bytes()) for name in ("sticker", "white"))
    assert np.array_equal(clear, flat)


def test_a_batch_keeps_transparency_and_makes_again_what_was_flattened(nst, here, one_engine):
    (here / "several").mkdir()
    sticker(here / "several")
    (here / "several" / "cat.JFIF").write_bytes(images.encode(blobs(0), "jpeg"))
    line = f"instant several waves.jpg -o out --engine instant-lite --size {SIZE}"
    for flat in (" --flatten", ""):
        assert nst(line + flat) == (0, "", "")
        assert sorted(path.name for path in (here / "out").iterdir()) == ["cat.png", "sticker.png"]
        assert (images.opacity((here / "out" / "sticker.png").read_bytes()) is None) == bool(flat)
        assert images.opacity((here / "out" / "cat.png").read_bytes()) is None


def test_the_contents_own_transparency_as_a_mask(nst, here):
    sticker(here)
    line = f"instant sticker.png waves.jpg -o out.png --engine instant-lite --size {SIZE} --mask alpha"
    assert nst(line) == (0, "", "")
    recipe = recipes.of_png((here / "out.png").read_bytes())
    mask = masks.of_text(recipe.styles[0].mask, LEFT.shape)
    assert (mask[:, :46].min(), mask[:, 50:].max()) == (1, 0)
    code, _, said = nst(line.replace("sticker.png", "cat.png"))
    assert (code, "cat.png has no transparent parts" in said) == (2, True)


def test_a_jpeg_that_is_cut_off_is_painted_and_it_is_told(nst, here):
    data = images.encode(blobs(0, 200, 300), "jpeg")
    (here / "half.jpg").write_bytes(data[: len(data) // 2])
    code, _, said = nst(f"instant half.jpg waves.jpg -o out.png --engine instant-lite --size {SIZE}")
    assert (code, said) == (0, "half.jpg is incomplete: its lower part is missing. Upload it again to get all of it.\n")


# --- masks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["instant", "optimize --iterations 2"])
def test_masks_in_order_and_in_the_recipe(command, nst, here):
    """Waves on the left, nothing on the right but the content's own pixels; the recipe paints the same again."""
    line = f"{command} cat.png waves.jpg -o out.png --size {SIZE}"
    line += " --engine instant-lite" if command == "instant" else ""
    assert nst(f"{line} --mask left.png") == (0, "", "")
    content = images.fit(images.decode((here / "cat.png").read_bytes()), SIZE)
    result, own = (images.decode(images.encode(image)) for image in (images.decode((here / "out.png").read_bytes()), content))
    assert np.array_equal(result[:, SIZE // 2 + 2 :], own[:, SIZE // 2 + 2 :])
    assert np.abs(result - own)[:, : SIZE // 2 - 8].mean() > 0.01
    recipe = recipes.of_png((here / "out.png").read_bytes())
    again = masks.of_text(recipe.styles[0].mask, LEFT.shape)
    assert again == pytest.approx(LEFT, abs=0.02)


def test_a_recipe_brings_its_masks_back(nst, here):
    """And --mask goes before them."""
    style = {"source": {"name": "a"}, "mask": masks.to_text(LEFT), "color": "luminance"}
    (here / "mine.json").write_text(json.dumps({"iterations": 1, "size": SIZE, "styles": [style]}))
    for extra, side in (("", np.s_[:, SIZE // 2 + 2 :]), (" --mask right.png", np.s_[:, : SIZE // 2 - 2])):
        (here / "right.png").write_bytes(masks.to_png(1 - LEFT))
        assert nst(f"optimize cat.png waves.jpg -o out.png --recipe mine.json{extra}") == (0, "", "")
        content = images.fit(images.decode((here / "cat.png").read_bytes()), SIZE)
        own, result = (images.decode(data) for data in (images.encode(content), (here / "out.png").read_bytes()))
        assert np.array_equal(result[side], own[side])
        assert recipes.of_png((here / "out.png").read_bytes()).styles[0].color == "luminance"


def test_protect_and_feather(nst, here):
    """One mask that no style touches, without any other; its edge is soft."""
    line = f"instant cat.png waves.jpg -o out.png --engine instant-lite --size {SIZE} --protect left.png --feather 9"
    assert nst(line) == (0, "", "")
    mask = masks.of_text(recipes.of_png((here / "out.png").read_bytes()).styles[0].mask, (170, SIZE))
    assert mask[:, : SIZE // 2 - 12].max() == 0 and mask[:, SIZE // 2 + 12 :].min() == 1
    assert np.any((mask > 0.2) & (mask < 0.8))


@pytest.mark.parametrize("command", ["instant --engine instant-lite", "optimize --iterations 2"])
def test_each_colour_of_a_segmentation_gets_a_style_and_the_part_of_it_in_its_colour(command, nst, here):
    """Two colours on the content; the one style has them the other way round."""
    plan = np.where(LEFT[..., None] > 0, np.float32([0.9, 0.1, 0.1]), np.float32([0.1, 0.2, 0.9]))
    (here / "plan.jpg").write_bytes(images.encode(plan, "jpeg", quality=70))
    (here / "parts.png").write_bytes(images.encode(plan[:, ::-1][:, 16:80]))
    line = f"{command} cat.png waves.jpg -o out.png --size {SIZE} --segmentation plan.jpg"
    assert nst(f"{line} --style-segmentation parts.png") == (0, "", "")
    styles = recipes.of_png((here / "out.png").read_bytes()).styles
    left, right = sorted(styles, key=lambda style: masks.of_text(style.mask, LEFT.shape)[0, 0], reverse=True)
    assert left.source == right.source
    assert masks.of_text(left.mask, LEFT.shape) == pytest.approx(LEFT, abs=0.02)
    assert masks.of_text(left.mask, LEFT.shape) + masks.of_text(right.mask, LEFT.shape) == pytest.approx(1 + 0 * LEFT, abs=0.01)
    for style, side in ((left, np.s_[:, 34:]), (right, np.s_[:, :30])):
        guide = masks.of_text(style.guide, (64, 64))
        assert guide[side].min() == 1 and guide.mean() == pytest.approx(0.5, abs=0.05)


def test_styles_take_turns_in_the_regions_of_a_segmentation(nst, here):
    (here / "plan.png").write_bytes(images.encode(np.kron(np.eye(3, dtype=np.float32)[:, None], np.ones((20, 90, 1)))))
    line = f"instant cat.png waves.jpg woods.webp -o out.png --engine instant-lite --size {SIZE} --segmentation plan.png"
    assert nst(line) == (0, "", "")
    styles = recipes.of_png((here / "out.png").read_bytes()).styles
    assert [style.source.name for style in styles] == ["waves.jpg", "woods.webp", "waves.jpg"]
    assert sum(masks.of_text(style.mask, (64, 96)).mean() for style in styles) == pytest.approx(1, abs=0.01)


# --- networks in ONNX -------------------------------------------------------------------------------------------------


def test_an_exported_network_paints_by_both_commands(nst, here):
    assert nst("texture-network export starlit-oils -o oils.onnx")[0] == 0
    assert nst("texture-network apply oils.onnx cat.png -o one.png --size 256")[0] == 0
    assert nst("instant cat.png --engine oils.onnx -o two.png --size 256")[0] == 0
    assert [recipes.of_png((here / name).read_bytes()).network.name for name in ("one.png", "two.png")] == ["oils.onnx"] * 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("instant cat.png waves.jpg --engine oils.onnx -o out.png", "takes no style picture"),
        ("instant cat.png --engine nowhere.onnx -o out.png", "nowhere.onnx cannot be read"),
        ("instant cat.png waves.jpg --engine warhol -o out.png", "no engine for warhol"),
        ("texture-network export starlit-oils -o out.npz", "written as .onnx"),
        ("texture-network export letter.txt -o out.onnx", "letter.txt is no network"),
    ],
)
def test_mistakes_with_networks_in_onnx(line, reason, nst):
    code, _, said = nst(line)
    assert code == 2 and reason in said
