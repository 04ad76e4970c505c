"""A sweep's worker: a process that imports TensorFlow once and trains one trial after another.

`pool.WorkerPool` starts it and talks to it in lines of JSON, through its
standard input and output. It learns of a trial only its hyperparameters, tells
its validation accuracies, and ends at once when its standard input closes. Each
trial is computed as `python -m mnist_graph.main --num_threads=1` would: in a
fresh graph and session, on one thread, so that its weights are the same to the
last bit.
"""

import ctypes
import gc
import hashlib
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from mnist_graph.base import tensorflow
from mnist_graph.base.errors import DataError, DivergedError, MnistGraphError
from mnist_graph.hparams import HParams
from mnist_graph.sweeps.plan import CRASHED, DIVERGED, UNUSABLE
from mnist_graph.training import cores
from mnist_graph.training.monitor import Monitor

# The words that a coordinator says, each with a job or the key of one.
JOB, GO, STOP = 'job', 'go', 'stop'


class WorkerConfig(NamedTuple):
    """What a worker must know before its first trial.

    Attributes:
      dataset, data_dir: The data set; see `data.load`.
      fingerprint: What that must turn out to be.
    """

    dataset: str
    data_dir: str | None
    fingerprint: str


class Job(NamedTuple):
    """One trial.

    Attributes:
      key: What messages about it are marked with.
      hparams: Its hyperparameters, by name.
      event_folder: Where to write event files for TensorBoard, or ''.
      test: Whether to read the test set, too; if this worker trained just that as its best trial, it need not again.
    """

    key: int
    hparams: dict[str, Any]
    event_folder: str = ''
    test: bool = False


class _Stopped(Exception):
    """The coordinator asked to stop."""


class Line:
    """The worker's end of its conversation with the coordinator, which ends the process when the coordinator is gone.

    Must be made before anything is written to standard output, which goes to standard error from then on.
    """

    def __init__(self) -> None:
        self._out = os.fdopen(os.dup(sys.stdout.fileno()), 'w', encoding='utf-8')
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._messages: queue.SimpleQueue[list[Any]] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin:
            self._messages.put(json.loads(line))
        os._exit(0)  # even in the middle of a step; taking TensorFlow down in order would keep the sweep waiting

    def send(self, *message: Any) -> None:
        """Says something."""
        try:
            self._out.write(json.dumps(message) + '\n')
            self._out.flush()
        except OSError:
            os._exit(0)

    def receive(self) -> list[Any]:
        """The next message, once there is one."""
        return self._messages.get()

    def has_message(self) -> bool:
        """Whether `receive` would return at once."""
        return not self._messages.empty()


def main() -> None:
    """Serves the coordinator until it hangs up.

    'unfit' tells it that no worker will do any better, and why.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the terminal is for the coordinator alone
    line = Line()
    try:
        trainer = _Trainer(line, _Datasets(WorkerConfig(*line.receive())))
        tensorflow.import_tensorflow()
        cores.share_cores(1)
    except MnistGraphError as error:
        line.send('unfit', str(error))
        return
    line.send('ready')
    while True:
        word, what = line.receive()
        if word == JOB:
            line.send(*_outcome(trainer, Job(*what)))
            _return_memory()


def _outcome(train: Callable[[Job], dict[str, Any]], job: Job) -> tuple[Any, ...]:
    """The last message about a job: 'done', 'stopped' or 'failed', and what it came to; or 'unfit', see `main`."""
    try:
        return 'done', job.key, train(job)
    except _Stopped:
        return 'stopped', job.key
    except DataError as error:
        return 'unfit', str(error)  # no fault of this point, and the next would fare no better
    except DivergedError as error:
        return 'failed', job.key, DIVERGED, str(error)
    except MnistGraphError as error:
        return 'failed', job.key, UNUSABLE, str(error)
    except Exception as error:
        traceback.print_exc()
        return 'failed', job.key, CRASHED, ' '.join(f'{type(error).__name__}: {error}'.split())[:300]


class _Datasets:
    """The data set, read once, and split again only for another --n_validation."""

    def __init__(self, config: WorkerConfig):
        self._config = config
        self._n_validation: int | None = None
        self._dataset: Any = None

    def get(self, n_validation: int) -> Any:
        """A data.Dataset with so many validation pictures."""
        from mnist_graph import data

        if n_validation != self._n_validation:
            dataset = data.load(self._config.dataset, self._config.data_dir, n_validation)
            if dataset.fingerprint != self._config.fingerprint:
                raise DataError('The data set was changed while the sweep ran; put the old one back, then --resume.')
            self._n_validation, self._dataset = n_validation, dataset
        return self._dataset


class _Trainer:
    """Trains trials, and keeps the weights of the best so far in case they are to be tested."""

    def __init__(self, line: Line, datasets: _Datasets):
        self._line, self._datasets = line, datasets
        self._kept_hparams: HParams | None = None
        self._kept_outcome: dict[str, Any] = {}
        self._kept_values: dict[str, Any] = {}

    def __call__(self, job: Job) -> dict[str, Any]:
        """Trains one trial; returns what is worth telling of it."""
        from mnist_graph import graph
        from mnist_graph.training import evaluation

        hparams = HParams.from_dict(job.hparams)
        dataset = self._datasets.get(hparams.n_validation)
        spec = dataset.input_spec(hparams.standardize)
        if job.test and hparams == self._kept_hparams:
            outcome = dict(self._kept_outcome)
            network = graph.build(hparams, spec, training=False)
        else:
            outcome = None
            n_steps = hparams.total_steps(len(dataset.train))
            network = graph.build(hparams, spec, n_steps, fed_step=False)
        with cores.open_session(network, n_threads=1) as sess:
            if outcome:
                _set_values(network, sess, self._kept_values)
            else:
                outcome = self._train(job, network, sess, hparams, dataset, n_steps)
            if job.test:
                test = evaluation.evaluate(network, sess, dataset.test)
                outcome.update(test_accuracy=test.accuracy, test_loss=test.loss, n_test=test.n)
        return outcome

    def _train(self, job: Job, network, sess, hparams: HParams, dataset, n_steps: int) -> dict[str, Any]:
        import tensorflow.compat.v1 as tf

        from mnist_graph import train

        sess.run(network.initializer)
        watcher = _Watcher(self._line, job, network, hparams)
        began = time.perf_counter()
        try:
            result = train.train(
                network,
                sess,
                hparams,
                dataset,
                monitors=[watcher],
                display_step=n_steps,
                save_steps=n_steps,
                should_stop=watcher.should_stop,
            )
        finally:
            watcher.close()
        if not result.finished:
            raise _Stopped
        assert result.validation, 'plan.make refuses a sweep without validation pictures'
        values = sess.run(_tested_variables(network))
        outcome = {
            'validation_accuracy': result.validation.accuracy,
            'validation_loss': result.validation.loss,
            'steps': result.progress.step,
            'seconds': time.perf_counter() - began,
            'weights_sha256': weights_sha256(values['weights'], values['biases']),
            'process': os.getpid(),
            'tensorflow': tf.__version__,
        }
        if not self._kept_outcome or _goodness(outcome) > _goodness(self._kept_outcome):
            self._kept_hparams, self._kept_outcome, self._kept_values = hparams, outcome, values
        return outcome


def _goodness(outcome: dict[str, Any]) -> tuple[float, float]:
    return outcome['validation_accuracy'], -outcome['validation_loss']


def _tested_variables(network) -> dict[str, Any]:
    """All variables that a prediction may depend on; dropout, even of nothing, draws by the number of the step."""
    return {
        'weights': network.weights,
        'biases': network.biases,
        'averages': network.averages,
        'moments': network.moments,
        'global_step': network.global_step,
    }


def _set_values(network, sess, values: dict[str, Any]) -> None:
    """Gives `_tested_variables` values, through the inputs of their initializers.

    One by one, as a weight's input is its average's, too.
    """
    import tensorflow.compat.v1 as tf

    for variable, value in zip(tf.nest.flatten(_tested_variables(network)), tf.nest.flatten(values)):
        sess.run(variable.initializer, {variable.initializer.inputs[1]: value})


def weights_sha256(weights: dict[str, Any], biases: dict[str, Any]) -> str:
    """SHA-256 of all weights and biases, given as NumPy arrays, by which two trainings may be compared."""
    digest = hashlib.sha256()
    for kind, arrays in (('weights', weights), ('biases', biases)):
        for name, value in sorted(arrays.items()):
            digest.update(f'{kind}/{name} {value.dtype} {value.shape}\n'.encode())
            digest.update(value.tobytes())
    return digest.hexdigest()


def _return_memory() -> None:
    """Gives the freed graph's memory back to the system, which otherwise keeps growing with every trial."""
    gc.collect()
    if sys.platform == 'linux':
        try:
            ctypes.CDLL(None).malloc_trim(0)
        except AttributeError:
            pass  # a C library other than glibc


class _Watcher(Monitor):
    """Tells the coordinator of validations, and hears whether to go on."""

    def __init__(self, line: Line, job: Job, network: Any, hparams: HParams):
        self._line, self._key, self._stop = line, job.key, False
        self._events = None
        if job.event_folder:
            from mnist_graph.training.event_files import EventWriter

            self._events = EventWriter(job.event_folder, network.graph, hparams, show_graph=False)

    def on_validation(self, progress, metrics, is_best):
        if self._events:
            self._events.scalars(
                progress.step, {'validation/loss': metrics.loss, 'validation/accuracy': metrics.accuracy}
            )
        self._line.send('validation', self._key, progress.step, metrics.accuracy)
        # Not a step more before it is known whether the trial is pruned.
        while not self._hear():
            pass

    def should_stop(self) -> bool:
        """Whether the coordinator has said so."""
        while not self._stop and self._line.has_message():
            self._hear()
        return self._stop

    def _hear(self) -> bool:
        """Takes in one message; whether it was about this trial."""
        word, key = self._line.receive()
        self._stop = self._stop or (word == STOP and key == self._key)
        return key == self._key

    def close(self) -> None:
        """Closes the event file."""
        if self._events:
            self._events.close()


if __name__ == '__main__':
    main()
    sys.stderr.flush()
    os._exit(0)
