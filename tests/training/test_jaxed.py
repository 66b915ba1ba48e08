"""What trainings in JAX share: distances and steps by hand, a ring, a state on file, pictures that processes draw."""

import queue

import jax.numpy as jnp
import numpy as np
import pytest

from nst_core.errors import BadNetwork, ModelUnavailable
from nst_core.training import feed, jaxed, runs
from tests.training import tiny


def test_a_gram_matrix_by_hand():
    x = jnp.array([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # (1, 2, 1, 2): two positions, two channels
    np.testing.assert_allclose(jaxed.gram(x)[0], [[(1 + 9) / 2, (2 + 12) / 2], [(2 + 12) / 2, (4 + 16) / 2]])


def test_relative_distance_by_hand():
    assert float(jaxed.relative(jnp.array([[3.0, 4.0]]), jnp.array([[0.0, 4.0]]))[0]) == pytest.approx(3 / 4, abs=1e-4)


def test_adams_first_step_is_the_rate_and_gradients_that_are_no_numbers_count_as_zero():
    state = jaxed.state_of({"x": jnp.array([1.0, 2.0])})
    still = jaxed.stepped(state, {"x": jnp.array([np.nan, 1.0])}, {"x": 0.1})
    assert still["variable"]["x"].tolist() == still["average"]["x"].tolist() == [1, 2]
    moved = jaxed.stepped(still, {"x": jnp.array([1.0, -1.0])}, {"x": 0.1}, average=0.75)
    np.testing.assert_allclose(moved["variable"]["x"], [0.9, 2.1], rtol=1e-5)
    np.testing.assert_allclose(moved["average"]["x"], [0.975, 2.025], rtol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3, 3, 16), (3, 3, 2, 32), (3, 3, 32, 32)])
def test_a_kernel_turns_by_its_share_and_keeps_its_length(shape):
    kernel, gradient = (np.random.default_rng(seed).standard_normal(shape).astype(np.float32) for seed in (0, 1))
    singular = np.linalg.svd(np.asarray(jaxed.orthogonalised(jnp.asarray(gradient))).reshape(-1, shape[-1]), compute_uv=False)
    assert singular.min() > 0.6 and singular.max() < 1.3
    moved = np.asarray(jaxed.turn(jnp.asarray(kernel), jnp.asarray(gradient), 0.02))
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(kernel), rel=1e-5)
    assert np.linalg.norm(moved - kernel) / np.linalg.norm(kernel) == pytest.approx(0.02, rel=0.1)
    assert ((moved - kernel) * gradient).sum() < 0


def test_the_newest_blocks_take_the_oldest_ones_places():
    ring = jaxed.Ring(2)
    places = [ring.put({"x": np.full(3, i, np.uint8)}) for i in range(3)]
    assert (places, ring.filled, ring.count) == ([0, 1, 0], 2, 3)
    assert ring.arrays["x"].tolist() == [[2, 2, 2], [1, 1, 1]] and ring.arrays["x"].dtype == np.uint8


def test_a_state_comes_back_from_its_file_and_from_no_other(tmp_path):
    state = jaxed.stepped(jaxed.state_of({"a/0": jnp.ones((2, 3))}), {"a/0": jnp.full((2, 3), 0.5)}, {"a/0": 0.1})
    jaxed.write_state(tmp_path / "s.npz", state, 7)
    found, step = jaxed.read_state(tmp_path / "s.npz", jaxed.state_of({"a/0": jnp.zeros((2, 3))}))
    assert step == 7 and all(np.array_equal(found[part]["a/0"], state[part]["a/0"]) for part in jaxed.PARTS)
    (tmp_path / "no.npz").write_bytes(b"nothing")
    for file, name in ((tmp_path / "s.npz", "b/0"), (tmp_path / "no.npz", "a/0"), (tmp_path / "missing.npz", "a/0")):
        with pytest.raises(BadNetwork, match="no state of this training"):
            jaxed.read_state(file, jaxed.state_of({name: jnp.zeros((2, 3))}))
    with pytest.raises(BadNetwork, match="no state of this training"):
        jaxed.read_state(tmp_path / "s.npz", jaxed.state_of({"a/0": jnp.zeros((3, 3))}))


def test_eyes_come_from_a_file(tmp_path):
    tiny.write_stand_in(tmp_path / "eyes.npz")
    eyes = jaxed.stand_in(tmp_path / "eyes.npz")
    assert list(eyes.convolutions) == list(tiny.LAYERS)
    x = jnp.asarray(np.random.default_rng(0).random((1, 32, 32, 3), np.float32))
    by_hand = jaxed.convolve(x, tiny.convolutions()["block1_conv1"][0]) + np.float32(0.1)
    found = eyes.raw_maps(x, "block1_conv1")
    assert list(found) == ["block1_conv1"]
    np.testing.assert_allclose(found["block1_conv1"], by_hand, atol=1e-5)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(BadNetwork, match="no network of convolutions"):
        jaxed.stand_in(tmp_path / "other.npz")
    with pytest.raises(ModelUnavailable, match="no network"):
        jaxed.stand_in(tmp_path / "missing.npz")


@pytest.mark.filterwarnings("ignore:os.fork")  # JAX is awake in this process; its children draw without it
def test_processes_draw_by_the_seed_each_its_own_and_end():
    draw = lambda rng: int(rng.integers(1 << 30))  # noqa: E731
    with feed.stream(draw, 5, 2) as stream:
        found = {stream.get(timeout=60) for _ in range(8)}
    assert found <= {draw(np.random.default_rng((5, 3, number))) for number in range(100)} and len(found) == 8


def test_what_is_ready_is_taken_and_nothing_waited_for():
    waiting = queue.Queue()
    for i in range(3):
        waiting.put(i)
    assert [*feed.ready(waiting, 2)] == [0, 1] and [*feed.ready(waiting, 2)] == [2]


def test_a_clock_goes_through_its_part_of_the_fall():
    clock = runs.Clock(1, 0.2, 0.6)
    clock._began -= 30
    assert clock.over(clock.share) == pytest.approx(0.4, abs=0.02)
    clock.restart()
    assert clock.over(clock.share) == pytest.approx(0.2, abs=0.02)
    clock._began -= 100
    assert clock.over(clock.share) == pytest.approx(0.6)
    assert not clock.due(60)
    clock._marked -= 61
    assert clock.due(60) and not clock.due(60)
