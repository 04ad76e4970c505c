"""The training loop: mini-batches through a Session, until done or told to stop.

What is trained at step n depends on the hyperparameters, the data and n alone,
never on the steps before having run in the same process. So training may stop
after any step and go on later from a checkpoint, bit for bit.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from mnist_graph.base.errors import DivergedError
from mnist_graph.base.inputs import one_hot, to_input
from mnist_graph.data import Dataset
from mnist_graph.hparams import HParams
from mnist_graph.training import evaluation
from mnist_graph.training.feeding import Feeder
from mnist_graph.training.monitor import Monitor, Progress

if TYPE_CHECKING:
    from mnist_graph.graph import Network


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


def train(
    network: 'Network',
    sess,
    hparams: HParams,
    dataset: Dataset,
    *,
    start: Progress = Progress(),
    monitors: Sequence[Monitor] = (),
    display_step: int = 100,
    save_steps: int = 1000,
    save_seconds: float = 30.0,
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
      save_seconds: on_save is also called when so many seconds have passed since the last time.
      should_stop: Asked several times a second; a true answer stops the training after a save.
      n_threads: Threads for evaluation.

    Raises:
      DivergedError: The loss or the weights are no longer finite; says at which step.
      ValueError: The network was built without training.
    """
    if network.loop is None:
        raise ValueError('the network was built with training=False; build it with training=True')
    loop, keep_prob = network.loop, 1 - hparams.dropout
    n_steps = hparams.total_steps(len(dataset.train))
    eval_steps = hparams.validation_interval(n_steps)
    feeder = Feeder(hparams, dataset.train)
    progress, result = start, Result(start, math.nan, math.nan, None, False, False, 0.0)
    logits, saved_step = None, start.step
    began = saved_at = time.perf_counter()
    while progress.step < n_steps and not _has_stopped_improving(hparams, progress):
        if should_stop():
            loss, accuracy, _ = _measure_last_batch(network, sess, hparams, feeder)
            _tell(monitors, 'on_save', progress)
            return result._replace(progress=progress, loss=loss, accuracy=accuracy, seconds=time.perf_counter() - began)

        # As many steps as are convenient, but none beyond the next one after which something is due.
        end = min(n_steps, *(_next_multiple(progress.step, n) for n in (display_step, save_steps, eval_steps)))
        run_began = time.perf_counter()
        images, labels = feeder.next_steps(progress.step, end)
        step, loss, weights_sum = sess.run(
            [loop.steps_done, loop.last_loss, loop.weights_sum],
            feed_dict={loop.images: images, loop.labels: labels, network.keep_prob: keep_prob},
        )
        _check_finite(hparams, step, loss, weights_sum)
        feeder.took(time.perf_counter() - run_began)
        progress = progress._replace(step=int(step))
        _tell(monitors, 'on_steps', progress.step)

        is_last = step == n_steps
        display_due = is_last or step % display_step == 0
        validation_due = len(dataset.validation) and (is_last or step % eval_steps == 0)
        save_due = is_last or step % save_steps == 0 or time.perf_counter() - saved_at >= save_seconds
        if display_due or validation_due or save_due:  # what has diverged is never shown, validated or saved
            loss, accuracy, learning_rate = _measure_last_batch(network, sess, hparams, feeder)
            result = result._replace(loss=loss, accuracy=accuracy)
        if display_due:
            _tell(monitors, 'on_display', progress.step, loss, accuracy, learning_rate)
        if validation_due:
            logits = evaluation.logits(network, sess, dataset.validation.images, n_threads)
            metrics = evaluation.metrics_of(logits, dataset.validation.labels)
            progress = progress.after_validation(metrics.accuracy)
            _tell(monitors, 'on_validation', progress, metrics, progress.best_step == progress.step)
        if save_due:
            _tell(monitors, 'on_save', progress)
            saved_step, saved_at = progress.step, time.perf_counter()

    seconds = time.perf_counter() - began
    if progress.step != saved_step:
        _tell(monitors, 'on_save', progress)
    if logits is None:  # there was nothing left to do
        logits = evaluation.logits(network, sess, dataset.validation.images, n_threads)
    if len(logits):
        _tell(monitors, 'on_end', progress, dataset.validation, logits)
    return result._replace(
        progress=progress,
        validation=evaluation.metrics_of(logits, dataset.validation.labels),
        finished=True,
        stopped_early=progress.step < n_steps,
        seconds=seconds,
    )


def _has_stopped_improving(hparams: HParams, progress: Progress) -> bool:
    return 0 < hparams.early_stopping_patience <= progress.validations_since_best


def _next_multiple(step: int, interval: int) -> int:
    return (step // interval + 1) * interval


def _tell(monitors: Sequence[Monitor], event: str, *arguments) -> None:
    for monitor in monitors:
        getattr(monitor, event)(*arguments)


def _measure_last_batch(network: 'Network', sess, hparams: HParams, feeder: Feeder) -> tuple[float, float, float]:
    """Loss and accuracy on the mini-batch that was trained on last, without dropout; and the next learning rate.

    All are nan before the first batch.

    Raises:
      DivergedError: The loss is not a finite number.
    """
    batch = feeder.last_batch()
    if batch is None:
        return math.nan, math.nan, math.nan
    images, labels = batch
    batch_x, batch_y = to_input(images), one_hot(labels, network.Y.shape[1])
    loss, accuracy, learning_rate, step = sess.run(
        [network.cross_entropy, network.accuracy, network.learning_rate, network.global_step],
        feed_dict={network.X: batch_x, network.Y: batch_y, network.keep_prob: 1.0},
    )
    _check_finite(hparams, step, loss)
    return float(loss), float(accuracy), float(learning_rate)


def _check_finite(hparams: HParams, step: int, loss: float, weights_sum: float = 0.0) -> None:
    """Raises DivergedError unless the loss at `step`, and the sum of the weights after it, are finite."""
    if math.isfinite(loss) and math.isfinite(weights_sum):
        return
    number = f'loss became {loss} at' if not math.isfinite(loss) else f'weights became {weights_sum} by'
    raise DivergedError(
        f'The {number} step {step}: lower --learning_rate={hparams.learning_rate:g}, '
        f'or change --activation, --initializer or --optimizer.'
    )
