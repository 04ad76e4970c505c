"""The training loop: mini-batches through a Session, until done or told to stop.

What is trained at step n depends on the hyperparameters, the data and n alone,
never on the steps before having run in the same process. So training may stop
after any step and go on later from a checkpoint, bit for bit.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from mnist_graph.base.errors import DivergedError, UsageError
from mnist_graph.base.inputs import one_hot, to_input
from mnist_graph.data import Dataset, Split
from mnist_graph.hparams import HParams
from mnist_graph.training import evaluation
from mnist_graph.training.batches import BatchOrder
from mnist_graph.training.monitor import Monitor, Progress

# One run of the in-graph loop should be short enough to answer Ctrl-C soon and
# its pictures few enough to copy into the graph at no cost.
_SECONDS_PER_RUN = 0.4
_BYTES_PER_RUN = 16 << 20
_FIRST_RUN_STEPS = 10


class Result(NamedTuple):
    """How a training ended.

    Attributes:
      progress: The step reached, and the best validation accuracy.
      loss, accuracy: On the last mini-batch, without dropout; nan if there was none.
      validation: Metrics of the final weights on the validation split, or None if stopped on request.
      finished: False if it was stopped on request with steps left to do.
      stopped_early: Whether validation stopped getting better.
      seconds: Wall time of the training.
    """

    progress: Progress
    loss: float
    accuracy: float
    validation: evaluation.Metrics | None
    finished: bool
    stopped_early: bool
    seconds: float


def total_steps(hparams: HParams, n_train: int) -> int:
    """Length of the training in steps; the last batch of n_epochs may be a short one.

    Raises:
      UsageError: It ends before the learning rate has warmed up to fall again.
    """
    n_steps = math.ceil(hparams.n_epochs * n_train / hparams.batch_size) if hparams.n_epochs else hparams.n_iterations
    if hparams.learning_rate_schedule != 'constant' and hparams.warmup_steps >= n_steps:
        raise UsageError(
            f'warmup_steps={hparams.warmup_steps}: the whole training has only {n_steps} steps; '
            f'give a smaller --warmup_steps, or train longer.'
        )
    return n_steps


def train(
    network,
    sess,
    hparams: HParams,
    dataset: Dataset,
    *,
    start: Progress = Progress(),
    monitors: Sequence[Monitor] = (),
    display_step: int = 100,
    save_steps: int = 1000,
    should_stop: Callable[[], Any] = lambda: False,
    n_threads: int = 1,
) -> Result:
    """Trains the network from `start` to the end of its training.

    Args:
      network: A `graph.Network` built for these hyperparameters.
      sess: A session on its graph whose variables are initialised or restored.
      hparams: The hyperparameters.
      dataset: `train` is trained on, `validation` measured; `test` is not touched.
      start: Where to begin; the variables must be those of that step.
      monitors: Told of everything that happens.
      display_step, save_steps: Steps between two calls of on_display, on_save.
      should_stop: Asked several times a second; what is true stops after a save.
      n_threads: Threads for evaluation.

    Raises:
      DivergedError: The loss is not a finite number; says at which step.
    """
    n_steps = total_steps(hparams, len(dataset.train))
    progress, result = start, Result(start, math.nan, math.nan, None, False, False, 0.0)
    take_steps = _StepRunner(network, sess, hparams, dataset.train)
    began = time.perf_counter()
    logits = None
    while True:
        stopped_early = 0 < hparams.early_stopping_patience <= progress.validations_since_best
        if progress.step >= n_steps or stopped_early:
            break
        if should_stop():
            loss, accuracy, _ = take_steps.measure_last_batch()
            _tell(monitors, 'on_save', progress)
            return result._replace(progress=progress, loss=loss, accuracy=accuracy, seconds=time.perf_counter() - began)
        end = min(
            n_steps,
            *(_next_multiple(progress.step, interval) for interval in (display_step, save_steps, hparams.eval_steps)),
        )
        progress = progress._replace(step=take_steps(progress.step, end))
        step = progress.step
        _tell(monitors, 'on_steps', step)
        if step == end:  # something is due: never validate, show or save what has diverged
            loss, accuracy, rate = take_steps.measure_last_batch()
            result = result._replace(loss=loss, accuracy=accuracy)
        if step % display_step == 0 or step == n_steps:
            _tell(monitors, 'on_display', step, loss, accuracy, rate)
        if len(dataset.validation) and (step % hparams.eval_steps == 0 or step == n_steps):
            logits = evaluation.logits(network, sess, dataset.validation.images, n_threads)
            metrics = evaluation.metrics_of(logits, dataset.validation.labels)
            progress = progress.after_validation(metrics.accuracy)
            _tell(monitors, 'on_validation', progress, metrics, progress.best_step == step)
        if step % save_steps == 0 or step == n_steps:
            _tell(monitors, 'on_save', progress)
    seconds = time.perf_counter() - began
    if stopped_early and progress.step % save_steps:
        _tell(monitors, 'on_save', progress)
    if logits is None:
        logits = evaluation.logits(network, sess, dataset.validation.images, n_threads)
    if len(logits):
        _tell(monitors, 'on_end', progress, dataset.validation, logits)
    return result._replace(
        progress=progress,
        validation=evaluation.metrics_of(logits, dataset.validation.labels),
        finished=True,
        stopped_early=stopped_early and progress.step < n_steps,
        seconds=seconds,
    )


def _tell(monitors: Sequence[Monitor], event: str, *what) -> None:
    for monitor in monitors:
        getattr(monitor, event)(*what)


def _next_multiple(step: int, interval: int) -> int:
    return (step // interval + 1) * interval


class _StepRunner:
    """Takes steps in runs of the in-graph loop, each as long as is convenient."""

    def __init__(self, network, sess, hparams: HParams, split: Split):
        self._network, self._sess, self._hparams = network, sess, hparams
        self._images, self._labels = split.images.reshape(len(split), -1), split.labels
        self._order = BatchOrder(len(split), hparams.batch_size, hparams.seed)
        self._last_position = hparams.n_epochs * len(split) if hparams.n_epochs else None
        loop = network.loop
        self._run = sess.make_callable(
            [loop.steps_done, loop.last_loss, loop.weights_sum], [loop.images, loop.labels, network.keep_prob]
        )
        self._most_steps = max(1, _BYTES_PER_RUN // (self._images.shape[1] * hparams.batch_size))
        self._steps = min(_FIRST_RUN_STEPS, self._most_steps)
        self._last_rows = None

    def __call__(self, step: int, end: int) -> int:
        """Goes from `step` toward `end`, as far as one run may take; returns the step reached."""
        n_steps = min(end - step, self._steps)
        began = time.perf_counter()
        rows = self._order.rows(step, n_steps, self._last_position)
        reached, loss, weights_sum = self._run(self._images[rows], self._labels[rows], 1 - self._hparams.dropout)
        self._check(loss, reached)
        if not math.isfinite(weights_sum):
            self._diverged(f'The weights became {weights_sum} by step {reached}')
        seconds_per_step = (time.perf_counter() - began) / n_steps
        self._steps = max(1, min(self._most_steps, 2 * self._steps, int(_SECONDS_PER_RUN / seconds_per_step)))
        self._last_rows = rows[(n_steps - 1) * self._hparams.batch_size :]
        return step + n_steps

    def _check(self, loss: float, step: int) -> None:
        if not math.isfinite(loss):
            self._diverged(f'The loss became {loss} at step {step}')

    def _diverged(self, what: str) -> None:
        raise DivergedError(
            f'{what}: lower --learning_rate={self._hparams.learning_rate:g}, '
            f'or change --activation, --initializer or --optimizer.'
        )

    def measure_last_batch(self) -> tuple[float, float, float]:
        """(loss, accuracy, learning rate) with the batch that was trained on last, without dropout.

        Before the first batch there is nothing to measure, and all are nan.

        Raises:
          DivergedError: The loss is not a finite number.
        """
        if self._last_rows is None:
            return math.nan, math.nan, math.nan
        network = self._network
        n_classes = network.Y.shape[1]
        loss, accuracy, rate, step = self._sess.run(
            [network.cross_entropy, network.accuracy, network.learning_rate, network.global_step],
            {
                network.X: to_input(self._images[self._last_rows]),
                network.Y: one_hot(self._labels[self._last_rows], n_classes),
                network.keep_prob: 1.0,
            },
        )
        self._check(loss, step)
        return float(loss), float(accuracy), float(rate)
