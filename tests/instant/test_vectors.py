"""The memory of style vectors, as several threads use it."""

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nst_core.instant.vectors import VectorStylizer


class Slow(VectorStylizer):
    """The vector of a picture is its first number."""

    remembered = 2

    def predict(self, style):
        time.sleep(0.002)
        return style[0, 0, :1]


@pytest.fixture
def hasty():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def plain(value):
    return np.full((2, 2, 3), value, np.float32)


def test_threads_that_push_each_others_vectors_out_get_their_own(hasty):
    stylizer, numbers = Slow(), np.random.default_rng(0).integers(0, 5, 300)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda n: float(stylizer.vector(plain(n))[0]), numbers))
    assert found == numbers.tolist()


def test_threads_that_ask_for_one_picture_have_it_predicted_once():
    stylizer, together = Slow(), threading.Barrier(3, timeout=20)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: (together.wait(), stylizer.vector(plain(1))), range(3)))
    assert stylizer.predictions == 1
