"""A sweep's worker: a process that imports TensorFlow once and trains one trial after another.

    python -m mnist_graph.sweeps.worker FILE_DESCRIPTOR

`pool.WorkerPool` starts it, and talks to it over the socket that the
descriptor is. It learns of a trial only its hyperparameters, tells its
validation accuracies, and ends when the socket closes. Each trial is computed
as `python -m mnist_graph.main --num_threads=1` would: in a fresh graph and
session, on one thread, so that its weights are the same to the last bit.
"""

import ctypes
import gc
import hashlib
import os
import sys
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from mnist_graph.base import tensorflow
from mnist_graph.base.errors import DataError, DivergedError, MnistGraphError
from mnist_graph.hparams import HParams
from mnist_graph.sweeps.plan import CRASHED, DIVERGED, UNUSABLE
from mnist_graph.training import cores
from mnist_graph.training.monitor import Monitor

# The words that a coordinator says, each with a job or the key of one.
JOB, GO, STOP = 'job', 'go', 'stop'


class Settings(NamedTuple):
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


def main(descriptor: int) -> None:
    """Serves the coordinator until it hangs up.

    'unfit' tells it that no worker will do any better, and why.
    """
    connection = Connection(descriptor)
    try:
        settings = connection.recv()
        try:
            trainer = _Trainer(connection, _Datasets(settings))
            tensorflow.import_tensorflow()
            cores.share_cores(1)
        except MnistGraphError as error:
            connection.send(('unfit', str(error)))
            return
        connection.send(('ready',))
        while True:
            word, what = connection.recv()
            if word == JOB:
                connection.send(_outcome(trainer, Job(*what)))
                _return_memory()
    except (EOFError, ConnectionError):
        pass  # the coordinator is gone


def _outcome(train: '_Trainer', job: Job) -> tuple:
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
    except (EOFError, ConnectionError):
        raise
    except Exception as error:
        traceback.print_exc()
        return 'failed', job.key, CRASHED, ' '.join(f'{type(error).__name__}: {error}'.split())[:300]


class _Datasets:
    """The data set, read once, and split again only for another --n_validation."""

    def __init__(self, settings: Settings):
        self._settings, self._n_validation, self._dataset = settings, None, None

    def get(self, n_validation: int):
        """A data.Dataset with so many validation pictures."""
        from mnist_graph import data

        if n_validation != self._n_validation:
            dataset = data.load(self._settings.dataset, self._settings.data_dir, n_validation)
            if dataset.fingerprint != self._settings.fingerprint:
                raise DataError('The data set was changed while the sweep ran; put the old one back, then --resume.')
            self._n_validation, self._dataset = n_validation, dataset
        return self._dataset


class _Trainer:
    """Trains trials, and keeps the weights of the best so far in case they are to be tested."""

    def __init__(self, connection: Connection, datasets: _Datasets):
        self._connection, self._datasets = connection, datasets
        self._kept_hparams, self._kept_outcome, self._kept_values = None, None, None

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
        watcher = _Watcher(self._connection, job, network, hparams)
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

    def __init__(self, connection: Connection, job: Job, network, hparams: HParams):
        self._connection, self._key, self._stop = connection, job.key, False
        self._events = None
        if job.event_folder:
            from mnist_graph.training.event_files import EventWriter

            self._events = EventWriter(job.event_folder, network.graph, hparams, show_graph=False)

    def on_validation(self, progress, metrics, is_best):
        if self._events:
            self._events.scalars(
                progress.step, {'validation/loss': metrics.loss, 'validation/accuracy': metrics.accuracy}
            )
        self._connection.send(('validation', self._key, progress.step, metrics.accuracy))
        # Not a step more before it is known whether the trial is pruned.
        while not self._hear():
            pass

    def should_stop(self) -> bool:
        """Whether the coordinator has said so."""
        while not self._stop and self._connection.poll():
            self._hear()
        return self._stop

    def _hear(self) -> bool:
        """Takes in one message; whether it was about this trial."""
        word, key = self._connection.recv()
        self._stop = self._stop or (word == STOP and key == self._key)
        return key == self._key

    def close(self) -> None:
        """Closes the event file."""
        if self._events:
            self._events.close()


if __name__ == '__main__':
    main(int(sys.argv[1]))
    sys.stderr.flush()
    os._exit(0)  # taking TensorFlow down in order would keep the sweep waiting
