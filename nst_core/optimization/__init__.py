"""A picture optimised until its features match those of the content and the style: pictures in, Steps out.

    recipe ─► Objective: named terms, unweighted ──┐
                                                   ├─► an optimiser at one size (Adam, Lbfgs) ─► Optimization, size by size
    weights, an input: they may change any time ───┘

Gatys et al. 2015, 1508.06576, with Novak & Nikulin's improvements, 1605.04603, as switches. TensorFlow comes with this package:
only workers import it.
"""

from nst_core.optimization import tiles
from nst_core.optimization.frames import Frames
from nst_core.optimization.objective import Objective
from nst_core.optimization.optimizers import OPTIMIZERS, Adam, Lbfgs
from nst_core.optimization.run import Optimization, Stage, stages, warm_up
from nst_core.optimization.structure import FORMS

__all__ = [
    "FORMS",
    "OPTIMIZERS",
    "Adam",
    "Frames",
    "Lbfgs",
    "Objective",
    "Optimization",
    "Stage",
    "stages",
    "tiles",
    "warm_up",
]
