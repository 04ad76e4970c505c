"""The training loop: mini-batches through a Session, until done or told to stop.

The pictures of step n, and how they are distorted, depend only on the
hyperparameters, the data and n. So training may stop after any step and go on
later, in another process, from a checkpoint: the weights become exactly the same.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mnist_graph.data import Dataset
from mnist_graph.hparams import HParams
from mnist_graph.training.feeding import Feeder
from mnist_graph.training.monitor import Monitor, Progress
from mnist_graph.training.watch import Intervals, Result, Watch, check_finite

if TYPE_CHECKING:
    from mnist_graph.graph import Network


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
    """Trains the network from `start` to the end of its training, and returns how it ended (see `training/watch.py`).

    Args:
      network: A `graph.Network` built for these hyperparameters.
      sess: A session on its graph whose variables are initialised or restored.
      hparams: The hyperparameters.
      dataset: `train` is trained on, `validation` measured; `test` is not touched.
      start: The step to begin at, for a training that goes on; the variables must be those of that step.
      monitors: Objects whose methods are called when something happens, for example after each validation; see
        `training/monitor.py`.
      display_step, save_steps: Steps from one call of the monitors' on_display, on_save to the next.
      save_seconds: on_save is also called when this many seconds have passed since its last call.
      should_stop: Called several times a second; if it returns something true, the training is saved and stops.
      n_threads: Batches of validation pictures computed at the same time; training uses the threads of the session.

    Raises:
      DivergedError: The loss or the weights are no longer finite numbers; the message says at which step.
      ValueError: The network was built without training.
    """
    if network.loop is None:
        raise ValueError('the network was built with training=False; build it with training=True.')
    loop, keep_prob = network.loop, 1 - hparams.dropout
    began = time.perf_counter()
    feeder = Feeder(hparams, dataset.train)
    intervals = Intervals(hparams, len(dataset.train), display_step, save_steps, save_seconds)
    watch = Watch(network, sess, hparams, dataset.validation, feeder, intervals, start, monitors, n_threads)
    while watch.goes_on():
        if should_stop():
            watch.save()
            return watch.result(finished=False, seconds=time.perf_counter() - began)
        run_began = time.perf_counter()
        images, labels = feeder.next_steps(watch.progress.step, intervals.next_due(watch.progress.step))
        step, loss, weights_sum = sess.run(
            [loop.steps_done, loop.last_loss, loop.weights_sum],
            feed_dict={loop.images: images, loop.labels: labels, network.keep_prob: keep_prob},
        )
        check_finite(hparams, step, loss, weights_sum)
        feeder.took(time.perf_counter() - run_began)
        watch.after(int(step))
    seconds = time.perf_counter() - began
    watch.end()
    return watch.result(finished=True, seconds=seconds)
