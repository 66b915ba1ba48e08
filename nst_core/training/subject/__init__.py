"""The network that selects a photograph's main subject: how it is trained, in PyTorch.

`python -m nst_core.training.subject.labels --help` lets the teacher label photographs, `python -m nst_core.training.subject
--help` trains. Towards the ground: scenes (what is drawn) and network, neither of which knows the other.
"""

__all__ = ["labels", "network", "scenes"]
