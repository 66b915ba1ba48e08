"""What runs a model: the execution providers that NST_ONNX_PROVIDERS names, the processor last."""

import logging

import numpy as np
import onnxruntime
import pytest

from nst_core.models import graphs, weights

CUDA, CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


@pytest.fixture
def with_cuda(monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    graphs.providers.cache_clear()
    yield
    graphs.providers.cache_clear()


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("", [CPU]), ("CUDA", [CUDA, CPU]), (CUDA, [CUDA, CPU]), (" cuda , cpu", [CUDA, CPU]), ("CPU,CUDA", [CPU, CUDA])],
)
def test_providers_are_tried_in_the_order_named(with_cuda, caplog, wanted, expected):
    with caplog.at_level(logging.WARNING, "nst"):
        assert list(graphs.providers(wanted)) == expected
    assert not caplog.records


def test_a_provider_that_is_not_there_costs_a_line_and_the_processor_works(monkeypatch, caplog):
    monkeypatch.setenv("NST_ONNX_PROVIDERS", "Abacus")
    graphs.providers.cache_clear()
    with caplog.at_level(logging.WARNING, "nst"):
        session = graphs.Session(weights.LITE)
    (line,) = caplog.messages
    assert "no abacus" in line and "CPU" in line and "onnxruntime-gpu" in line
    (vector,) = session.run("predicted", styles=np.zeros((1, 256, 256, 3), np.float32))
    assert vector.shape == (1, 100)


def test_a_session_is_given_the_providers(with_cuda, monkeypatch):
    given = []

    class Stop(Exception):
        pass

    def session(source, options, providers):
        given.extend(providers)
        raise Stop

    monkeypatch.setenv("NST_ONNX_PROVIDERS", "CUDA")
    monkeypatch.setattr(onnxruntime, "InferenceSession", session)
    with pytest.raises(Stop):
        graphs.Session(weights.LITE)
    assert given == [CUDA, CPU]
