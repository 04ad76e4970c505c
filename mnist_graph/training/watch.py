"""What happens between two runs of the training loop: showing, validating, saving and stopping early."""

import math
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from mnist_graph.base.errors import DivergedError
from mnist_graph.base.inputs import one_hot, to_input
from mnist_graph.data import Split
from mnist_graph.hparams import HParams
from mnist_graph.training import evaluation
from mnist_graph.training.feeding import Feeder
from mnist_graph.training.monitor import Monitor, Progress


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


class Intervals:
    """How often each thing is done, in a training of known length.

    Args:
      hparams: For the length of the training and its validations.
      n_train: Number of training pictures.
      display, save: Steps from one line shown, and from one save, to the next.
      save_seconds: A save is also due when so many seconds have passed since the last.

    Attributes:
      n_steps: Length of the training; everything is due at its end.
      display, validation, save: Steps.
      save_seconds: As given.
    """

    def __init__(self, hparams: HParams, n_train: int, display: int, save: int, save_seconds: float):
        self.n_steps = hparams.total_steps(n_train)
        self.display, self.validation, self.save = display, hparams.validation_interval(self.n_steps), save
        self.save_seconds = save_seconds

    def next_due(self, step: int) -> int:
        """The first step after `step` at which something is due."""
        return min(self.n_steps, *((step // n + 1) * n for n in (self.display, self.validation, self.save)))

    def is_due(self, step: int, interval: int) -> bool:
        """Whether what is done at every multiple of `interval` is due at `step`."""
        return step % interval == 0 or step == self.n_steps


class Watch:
    """Follows a training, tells the monitors of it, and stops it when validation no longer improves.

    Args:
      network, sess: The `graph.Network` that is trained, and its session.
      hparams: Its hyperparameters.
      validation: Pictures to measure; may be none.
      feeder: What it is fed by.
      intervals: When something is due.
      start: Where the training begins.
      monitors: Told of everything.
      n_threads: Threads for validation.

    Attributes:
      progress: How far the training has come.
    """

    def __init__(
        self,
        network,
        sess,
        hparams: HParams,
        validation: Split,
        feeder: Feeder,
        intervals: Intervals,
        start: Progress,
        monitors: Sequence[Monitor],
        n_threads: int,
    ):
        self._network, self._sess, self._hparams = network, sess, hparams
        self._validation, self._n_threads = validation, n_threads
        self._feeder, self._intervals, self._monitors = feeder, intervals, monitors
        self.progress = start
        self._saved_step, self._saved_at = start.step, time.perf_counter()
        self._loss = self._accuracy = math.nan
        self._logits: np.ndarray | None = None
        self._metrics: evaluation.Metrics | None = None

    def goes_on(self) -> bool:
        """Whether there are steps left, and validation has not stopped getting better."""
        patience = self._hparams.early_stopping_patience
        return self.progress.step < self._intervals.n_steps and not (
            0 < patience <= self.progress.validations_since_best
        )

    def after(self, step: int) -> None:
        """To be called after each run of the loop: does what is due at `step`.

        What has diverged is never shown, validated or saved.

        Raises:
          DivergedError: The loss is not a finite number.
        """
        self.progress = self.progress._replace(step=step)
        self._tell('on_steps', step)
        intervals = self._intervals
        display_due = intervals.is_due(step, intervals.display)
        validation_due = len(self._validation) > 0 and intervals.is_due(step, intervals.validation)
        seconds_since_save = time.perf_counter() - self._saved_at
        save_due = intervals.is_due(step, intervals.save) or seconds_since_save >= intervals.save_seconds
        if not (display_due or validation_due or save_due):
            return
        learning_rate = self._measure_last_batch()
        if display_due:
            self._tell('on_display', step, self._loss, self._accuracy, learning_rate)
        if validation_due:
            metrics = self._validate()
            self.progress = self.progress.after_validation(metrics.accuracy)
            self._tell('on_validation', self.progress, metrics, self.progress.best_step == step)
        if save_due:
            self._save()

    def save(self) -> None:
        """Saves now, as a training does that is stopped.

        Raises:
          DivergedError: The loss is not a finite number.
        """
        self._measure_last_batch()
        self._save()

    def end(self) -> None:
        """To be called once after the last step."""
        if self.progress.step != self._saved_step:  # it stopped early
            self._save()
        if self._logits is None:  # there was no step left to take
            self._validate()
        if len(self._validation):
            self._tell('on_end', self.progress, self._validation, self._logits)

    def result(self, finished: bool, seconds: float) -> Result:
        """How the training ended."""
        validation = self._metrics if finished else None
        stopped_early = finished and self.progress.step < self._intervals.n_steps
        return Result(self.progress, self._loss, self._accuracy, validation, finished, stopped_early, seconds)

    def _validate(self) -> evaluation.Metrics:
        images = self._validation.images
        self._logits = evaluation.logits(self._network, self._sess, images, self._n_threads)
        self._metrics = evaluation.metrics_of(self._logits, self._validation.labels)
        return self._metrics

    def _save(self) -> None:
        self._tell('on_save', self.progress)
        self._saved_step, self._saved_at = self.progress.step, time.perf_counter()

    def _tell(self, event: str, *arguments) -> None:
        for monitor in self._monitors:
            getattr(monitor, event)(*arguments)

    def _measure_last_batch(self) -> float:
        """Measures loss and accuracy on the last mini-batch, without dropout; returns the next learning rate.

        Before the first batch all of them are nan.
        """
        batch = self._feeder.last_batch()
        if batch is None:
            return math.nan
        network = self._network
        batch_x, batch_y = to_input(batch[0]), one_hot(batch[1], network.Y.shape[1])
        loss, accuracy, learning_rate, step = self._sess.run(
            [network.cross_entropy, network.accuracy, network.learning_rate, network.global_step],
            feed_dict={network.X: batch_x, network.Y: batch_y, network.keep_prob: 1.0},
        )
        check_finite(self._hparams, step, loss)
        self._loss, self._accuracy = float(loss), float(accuracy)
        return float(learning_rate)


def check_finite(hparams: HParams, step: int, loss: float, weights_sum: float = 0.0) -> None:
    """Checks a loss at a step, and the sum of the weights after it.

    Raises:
      DivergedError: One of them is not a finite number.
    """
    if math.isfinite(loss) and math.isfinite(weights_sum):
        return
    number = f'loss became {loss} at' if not math.isfinite(loss) else f'weights became {weights_sum} by'
    raise DivergedError(
        f'The {number} step {step}: lower --learning_rate={hparams.learning_rate:g}, '
        f'or change --activation, --initializer or --optimizer.'
    )
