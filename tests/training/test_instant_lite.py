"""instant-lite's training: the network is the one that paints, losses by hand; a tiny run learns, resumes and writes."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nst_core import images
from nst_core.errors import BadNetwork
from nst_core.instant import InstantLite, graph, noise
from nst_core.models import weights
from nst_core.training import painted, runs
from tests import microast as random_microast
from tests.training import tiny
from tests.training.tiny import photographs, some_textures

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install -r requirements-train.txt")

from nst_core.training import instant_lite, instant_losses, instant_network, microast  # noqa: E402

ROOT = Path(__file__).parents[2]
CPU = torch.device("cpu")
NAMES = tuple(f"block{layer[0]}_conv{layer[1]}" for layer in ("11", "21", "31", "41"))
PLAN = painted.Plan(canvases=(160,), size=128, crops=2, seen=64, odds=(0.2, 0.8, 0.0))


class Tinter:
    """A teacher that turns pictures halfway to the style's mean colour."""

    def style(self, styles):
        return microast.Taught(*[styles.mean((2, 3), keepdim=True)] * 8)

    def paint(self, contents, style):
        return contents / 2 + style.fine_mean / 2


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    file = tmp_path_factory.mktemp("networks") / "judge.npz"
    tiny.write_stand_in(file, NAMES)
    predictor = instant_network.predictor_network(weights.path("vgg19-lite"), CPU)
    return instant_lite.Networks(instant_lite.Judge(file, CPU), predictor, Tinter())


@pytest.fixture(scope="module")
def bank(networks):
    pools, found = painted.Pools(photographs(4, 160), some_textures(3)), instant_lite.Bank(12)
    for seed in range(12):
        drawn = pools.draw(PLAN, np.random.default_rng(seed))
        found.put(drawn, instant_lite.measured(networks, drawn, CPU))
    return found


def training(networks, bank, **settings):
    start = instant_network.random_weights(np.random.default_rng(0))
    return instant_lite.InstantLiteTraining(instant_lite.InstantLiteSettings(batch=2, **settings), networks, bank, start)


# --- the network ------------------------------------------------------------------------------------------------------


def tensor(picture):
    return torch.tensor(np.moveaxis(picture, -1, 0)[None])


def test_the_trained_transformer_is_the_one_that_paints():
    arrays = weights.load("instant-lite")
    content, style = (images.from_uint8(x) for x in photographs(2, 160))
    model = InstantLite()
    vector = model.predict(style)
    core = images.resize(content, 80, 96)
    expected = model._session.run(
        "painted", content=core[None], noise=noise.white(80, 96, 3)[None], detail=content[None], vector=vector
    )[0]
    found = instant_network.transform(
        instant_network.parameters_of(arrays, CPU),
        tensor(core), tensor(noise.white(80, 96, 3)), tensor(content), torch.tensor(vector)[None],
    )  # fmt: skip
    assert np.moveaxis(found[0].numpy(), 0, -1) == pytest.approx(expected[0], abs=1e-4)
    assert expected.std() > 0.05


def test_the_trained_predictor_is_the_one_that_predicts():
    parameters = instant_network.parameters_of(weights.load("instant-lite"), CPU)
    style = images.resize(images.from_uint8(photographs(1)[0]), 256, 256)
    looking = instant_network.predictor_network(weights.path("vgg19-lite"), CPU)
    vector = instant_network.style_vector(parameters, instant_network.style_statistics(looking, tensor(style)))
    assert vector[0].numpy() == pytest.approx(InstantLite().predict(style), abs=1e-3)


def test_new_weights_are_like_the_embedded_ones_and_as_the_model_reads_them():
    new, embedded = instant_network.random_weights(np.random.default_rng(0)), weights.load("instant-lite")
    assert {name: a.shape for name, a in new.items()} == {name: a.shape for name, a in embedded.items()}
    assert set(graph.NORMALISED) == set(instant_network.WIDTHS) and set(graph.NOISY) == set(instant_network.NOISY)
    trained = sum(a.size for name, a in new.items() if name not in ("predictor/0", "predictor/1"))
    assert trained <= 1e6
    there_and_back = instant_network.arrays_of(instant_network.parameters_of(new, CPU))
    assert all(np.array_equal(there_and_back[name], a) for name, a in new.items())


# --- losses -----------------------------------------------------------------------------------------------------------


def test_a_picture_like_its_reference_costs_nothing():
    x = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    grey = x.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert float(instant_losses.structure(x, x)) == pytest.approx(0, abs=1e-5)
    assert float(instant_losses.teacher(x, x)) == float(instant_losses.palette(x, x)) == 0
    assert float(instant_losses.relative(x, x)) < 1e-3
    assert float(instant_losses.fringe(grey)) == 0


def test_relative_distance_by_hand():
    x, reference = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 4.0]])
    assert float(instant_losses.relative(x, reference)) == pytest.approx(3 / 4, abs=1e-4)


def test_palette_hears_areas_and_not_pixels():
    flat = torch.full((1, 3, 32, 32), 0.5)
    chessboard = flat + 0.2 * (torch.arange(32)[:, None] + torch.arange(32)).remainder(2) - 0.1
    assert float(instant_losses.palette(chessboard, flat)) < 1e-6 < 0.09 < float(instant_losses.teacher(chessboard, flat))
    assert float(instant_losses.palette(flat + 0.1, flat)) == pytest.approx(0.1, abs=1e-6)


def test_a_lattice_costs_and_noise_does_not():
    rng = np.random.default_rng(0)
    noisy = torch.tensor(rng.normal(0.5, 0.1, (1, 3, 256, 256)), dtype=torch.float32)
    woven = noisy + 0.05 * torch.cos(torch.arange(256) * torch.pi / 2)
    assert float(instant_losses.lattice(noisy)) < 0.05
    assert float(instant_losses.lattice(woven)) > 0.5


def test_coloured_edges_cost():
    x = torch.zeros(1, 3, 64, 64)
    x[..., 32:] = 1
    fringed = x.clone()
    fringed[:, 0] = torch.roll(x[:, 0], 1, -1)
    assert float(instant_losses.fringe(x)) == 0 < float(instant_losses.fringe(fringed))


# --- a run ------------------------------------------------------------------------------------------------------------


def test_steps_lower_the_loss(networks, bank):
    run = training(networks, bank, shifted=0.0, weights={**instant_lite.WEIGHTS, "lattice": 0.0, "fringe": 0.0})
    losses = [run.step(0.0)["loss"] for _ in range(40)]
    assert np.mean(losses[-8:]) < 0.9 * np.mean(losses[:8])


def test_every_loss_is_asked_for_and_no_constant_moves(networks, bank):
    run = training(networks, bank, shifted=1.0)
    before = run.arrays()
    assert set(run.step(0.5)) == {"loss", *instant_lite.WEIGHTS}
    changed = {name for name, array in run.arrays().items() if not np.array_equal(array, before[name])}
    assert changed == set(before) - {"predictor/0", "predictor/1"}


def test_the_same_seed_resumes_to_the_same_numbers(networks, bank, tmp_path):
    whole, second = (training(networks, bank) for _ in range(2))
    for _ in range(2):
        whole.step(0.1)
    whole.save(tmp_path / "state.npz")
    second.restore(tmp_path / "state.npz")
    for run in (whole, second):
        run.step(0.2)
    assert second.steps == 3
    for name, array in whole.arrays().items():
        assert second.arrays()[name] == pytest.approx(array, rel=1e-4, abs=1e-6), name
    with pytest.raises(BadNetwork, match="no state of this training"):
        np.savez(tmp_path / "other.npz", a=np.zeros(2))
        second.restore(tmp_path / "other.npz")


def test_a_bank_keeps_the_newest_and_paints_a_photograph_in_its_own_style_alone(networks):
    pools, found = painted.Pools(photographs(3, 160), some_textures(2)), instant_lite.Bank(4)
    plan = replace(PLAN, own_style=1.0, halved=0.0)
    for seed in range(6):
        drawn = pools.draw(plan, np.random.default_rng(seed))
        found.put(drawn, instant_lite.measured(networks, drawn, CPU))
    assert found.count == 6
    for seed in range(8):
        halved, styles, contents = found.pick(4, np.random.default_rng(seed))
        assert not halved and len(styles) == len(contents) == 4
        assert all((style.contents == content).all((1, 2, 3)).any() for style, content in zip(styles, contents, strict=True))


def test_a_run_writes_weights_that_paint_and_says_what_made_them(networks, bank, tmp_path):
    class Waiting:
        def get(self, block=True, timeout=None):
            return painted.Pools(photographs(2, 160), some_textures(1)).draw(PLAN, np.random.default_rng(0))

    run, out = training(networks, bank, minutes=0.02), tmp_path / "net.npz"
    instant_lite.run(run, Waiting(), 1, out, runs.Log(tmp_path / "log", 1))
    arrays = runs.read_arrays(out)
    assert InstantLite(arrays).transform(np.zeros((32, 32, 3), np.float32), np.zeros(100)).shape == (32, 32, 3)
    manifest = json.loads(out.with_suffix(".json").read_text())
    assert manifest["model"] == "instant-lite" and manifest["steps"] == run.steps > 0
    assert len((tmp_path / "log").read_text().splitlines()) == run.steps


def test_faults_are_sentences(tmp_path):
    with pytest.raises(BadNetwork, match="no weights of MicroAST"):
        np.savez(tmp_path / "other.npz", a=np.zeros(3))
        microast.MicroAst(tmp_path / "other.npz", CPU)
    command = [sys.executable, "-m", "nst_core.training.instant_lite", str(tmp_path / "o.npz")]
    options = [f"--{name}={tmp_path}" for name in ("photographs", "styles", "judge", "teacher", "predictor")]
    failed = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True)
    assert failed.returncode == 2 and "holds no pictures" in failed.stderr and "Traceback" not in failed.stderr


def test_the_teacher_paints_as_the_benchmark_has_it(tmp_path):
    """With random weights: `tests.microast` wrote down what the benchmark's runner and the prototype paint with them."""
    np.savez(tmp_path / "weights.npz", **random_microast.random_weights())
    teacher = microast.MicroAst(tmp_path / "weights.npz", CPU)
    content, style = map(tensor, random_microast.pictures())
    painted_by_it = np.moveaxis(teacher.paint(content, teacher.style(style))[0].numpy(), 0, -1)
    assert np.abs(painted_by_it - np.load(random_microast.EXPECTED)["painted"]).max() < 1e-4
