"""How a run steps at one size: Adam and L-BFGS, from a picture and an objective to a picture that lowers it."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nst_core.features import tf
from nst_core.images import Image
from nst_core.optimization.objective import Objective, passed
from nst_core.optimization.structure import Terms

if TYPE_CHECKING:
    from scipy.optimize import OptimizeResult


OptimizerState = dict[str, np.ndarray]
Gradient = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]  # of a picture and the weights of its terms


class Evaluation(NamedTuple):
    """The terms at a picture, weighted: they add up to the loss."""

    terms: np.ndarray
    picture: Image  # where they were measured

    @property
    def loss(self) -> float:
        return float(self.terms.sum())


class Adam:
    """Kingma & Ba 2014, 1412.6980, on a picture kept in [0, 1]. One compiled step; weights and rate are its inputs."""

    BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, objective: Terms, picture: Image, state: OptimizerState | None = None) -> None:
        state = state or {}
        self._picture = tf.constant(picture[None])
        zeros = np.zeros_like(picture[None])
        self._first, self._second = (tf.constant(state.get(key, zeros)) for key in ("first", "second"))
        self._count = int(state.get("count", 0))
        self._compiled = _compiled(objective, "adam", self._update, _moment(), _moment(), tf.TensorSpec([]))

    def restart(self, picture: Image) -> None:
        """From another picture of the same shape, with nothing remembered."""
        self._picture = tf.constant(picture[None])
        self._first = self._second = tf.zeros_like(self._picture)
        self._count = 0

    @property
    def picture(self) -> Image:
        return self._picture.numpy()[0]

    def state(self) -> OptimizerState:
        moments = {"first": self._first.numpy(), "second": self._second.numpy()}
        return moments | {"count": np.array(self._count)}

    def steps(self, weights: Callable[[], tuple[np.ndarray, float]], iterations: int) -> Iterator[Evaluation]:
        """As many steps; `weights` is asked for weights and learning rate before each."""
        for _ in range(iterations):
            term_weights, rate = weights()
            before, self._count = self.picture, self._count + 1
            # bias correction, the paper's §2 at its end: one rate instead of two divisions of the moments
            rate *= np.sqrt(1 - self.BETA2**self._count) / (1 - self.BETA1**self._count)
            moments = self._first, self._second
            made = self._compiled(self._picture, tf.constant(term_weights), *moments, tf.constant(rate, tf.float32))
            terms, self._picture, self._first, self._second = made
            yield Evaluation(terms.numpy(), before)

    @classmethod
    def _update(
        cls,
        gradient: Gradient,
        picture: tf.Tensor,
        weights: tf.Tensor,
        first: tf.Tensor,
        second: tf.Tensor,
        rate: tf.Tensor,
    ) -> list[tf.Tensor]:
        terms, down = gradient(picture, weights)
        first = cls.BETA1 * first + (1 - cls.BETA1) * down
        second = cls.BETA2 * second + (1 - cls.BETA2) * tf.square(down)
        step = rate * first / (tf.sqrt(second) + cls.EPSILON)
        return [terms, tf.clip_by_value(picture - step, 0, 1), first, second]


class Lbfgs:
    """L-BFGS-B of SciPy, the picture bounded to [0, 1]. A step is an accepted one: it lowers the loss.

    Curvature belongs to one set of weights: a change of weights begins anew from the picture at hand.
    """

    MEMORY = 5  # pairs of steps and gradients, in float64: 240 bytes a pixel; ten pairs, the default, gain little

    def __init__(self, objective: Terms, picture: Image, state: OptimizerState | None = None) -> None:
        self.picture = picture
        self._compiled = _compiled(objective, "descent", lambda gradient, x, weights: gradient(x, weights))

    def state(self) -> OptimizerState:
        return {}

    def steps(self, weights: Callable[[], tuple[np.ndarray, float]], iterations: int) -> Iterator[Evaluation]:
        """At most as many steps: fewer once no step lowers the loss any more."""
        done = 0
        while done < iterations:
            term_weights, _ = weights()
            for evaluation in self._descend(term_weights, iterations - done):
                self.picture, done = evaluation.picture, done + 1
                yield evaluation
                if not np.array_equal(weights()[0], term_weights):
                    break
            else:
                return

    def _descend(self, weights: np.ndarray, iterations: int) -> Iterator[Evaluation]:
        from scipy.optimize import Bounds, minimize  # 30 MB, and Adam needs none of it

        shape = self.picture.shape

        def run(accept: Callable[[Evaluation], None]) -> None:
            latest = np.zeros(0)

            def evaluate(x: np.ndarray) -> tuple[float, np.ndarray]:
                nonlocal latest
                terms, gradient = self._compiled(tf.constant(x.reshape(1, *shape), tf.float32), tf.constant(weights))
                latest = terms.numpy().astype(np.float64)
                if not np.isfinite(latest.sum()):
                    accept(Evaluation(latest, self.picture))  # SciPy would end in silence
                return latest.sum(), gradient.numpy().ravel().astype(np.float64)

            # SciPy passes its result by this parameter's name; its last evaluation was of the point that it accepts
            def callback(intermediate_result: "OptimizeResult") -> None:
                accept(Evaluation(latest, intermediate_result.x.reshape(shape).astype(np.float32)))

            options = {"maxiter": iterations, "maxfun": 20 * iterations, "maxcor": self.MEMORY, "ftol": 0, "gtol": 0}
            start, box = self.picture.ravel().astype(np.float64), Bounds(0, 1)
            minimize(evaluate, start, jac=True, method="L-BFGS-B", bounds=box, callback=callback, options=options)

        yield from _one_at_a_time(run)


def _compiled(objective: Terms, name: str, function: Callable[..., Any], *more: tf.TensorSpec) -> Callable[..., Any]:
    """Return `function(gradient, picture, weights, *more)` as a graph; objectives of one structure share it."""
    if isinstance(objective, Objective):
        return objective.compiled(name, function, *more)
    return tf.function(partial(function, partial(passed, objective)), autograph=False)


def _moment() -> tf.TensorSpec:
    return tf.TensorSpec([1, None, None, 3])


OPTIMIZERS: Mapping[str, type[Adam] | type[Lbfgs]] = {"adam": Adam, "lbfgs": Lbfgs}


def _one_at_a_time(run: Callable[[Callable[[Evaluation], None]], None]) -> Iterator[Evaluation]:
    """What `run` hands to the callback it is given, one at a time: it works on a thread that waits while nobody asks."""
    handed: queue.SimpleQueue[Evaluation | BaseException | None] = queue.SimpleQueue()
    asked, abandoned = threading.Semaphore(0), threading.Event()

    def accept(evaluation: Evaluation) -> None:
        handed.put(evaluation)
        asked.acquire()
        if abandoned.is_set():
            raise StopIteration  # SciPy's sign to end

    def work() -> None:
        asked.acquire()
        try:
            run(accept)
            handed.put(None)
        except BaseException as error:  # to be raised where somebody catches it
            handed.put(error)

    thread = threading.Thread(target=work, name="nst-lbfgs", daemon=True)
    thread.start()
    try:
        while True:
            asked.release()
            match handed.get():
                case None:
                    return
                case Evaluation() as evaluation:
                    yield evaluation
                case BaseException() as error:
                    raise error
    finally:
        abandoned.set()
        asked.release()
        thread.join()
