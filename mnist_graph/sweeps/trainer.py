"""Trains a sweep's trials one after another, each as `main --num_threads=1` would, and keeps the best one's weights."""

import hashlib
import os
import time
from typing import Any

from mnist_graph.base.errors import DataError
from mnist_graph.hparams import HParams
from mnist_graph.sweeps.messages import STOP, Job, Line, WorkerConfig
from mnist_graph.training import cores
from mnist_graph.training.monitor import Monitor


class StoppedError(Exception):
    """The coordinator asked to stop."""


class Datasets:
    """The data set, read once, and split again only for another --n_validation."""

    def __init__(self, config: WorkerConfig):
        self._config = config
        self._n_validation: int | None = None
        self._dataset: Any = None

    def get(self, n_validation: int) -> Any:
        """A data.Dataset with so many validation pictures."""
        from mnist_graph import data

        if n_validation != self._n_validation:
            dataset = data.load(
                self._config.dataset,
                self._config.data_dir,
                n_validation,
                pictures=self._config.pictures,
                skip_bad_pictures=self._config.skip_bad_pictures,
            )
            if dataset.fingerprint != self._config.fingerprint:
                raise DataError('The data set was changed while the sweep ran; put the old one back, then --resume.')
            self._n_validation, self._dataset = n_validation, dataset
        return self._dataset


class Trainer:
    """Trains trials, and keeps the weights of the best so far in case they are to be tested."""

    def __init__(self, line: Line, datasets: Datasets):
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
        spec, start = dataset.input_spec(hparams.standardize), None
        if hparams.init_checkpoint:
            from mnist_graph.models import starting_point

            start = starting_point.load(hparams, spec, dataset.class_names)
            spec = start.spec
        if job.test and hparams == self._kept_hparams:
            outcome = dict(self._kept_outcome)
            network = graph.build(hparams, spec, training=False)
        else:
            outcome = None
            n_steps = hparams.total_steps(len(dataset.train))
            network = graph.build(hparams, spec, n_steps, fed_step=False)
        with cores.open_session(network, n_threads=1) as sess:
            if outcome:
                set_values(network, sess, self._kept_values)
            else:
                outcome = self._train(job, network, sess, hparams, dataset, n_steps, start)
            if job.test:
                test = evaluation.evaluate(network, sess, dataset.test)
                outcome.update(test_accuracy=test.accuracy, test_loss=test.loss, n_test=test.n)
        return outcome

    def _train(self, job: Job, network, sess, hparams: HParams, dataset, n_steps: int, start) -> dict[str, Any]:
        import tensorflow.compat.v1 as tf

        from mnist_graph import train

        sess.run(network.initializer)
        if start:
            start.apply(network, sess)
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
            raise StoppedError
        assert result.validation, 'plan.make refuses a sweep without validation pictures'
        values = sess.run(variables_of_predictions(network))
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


def variables_of_predictions(network) -> dict[str, Any]:
    """All variables that a prediction may depend on; dropout, even of nothing, draws by the number of the step."""
    return {
        'weights': network.weights,
        'biases': network.biases,
        'averages': network.averages,
        'moments': network.moments,
        'global_step': network.global_step,
    }


def set_values(network, sess, values: dict[str, Any]) -> None:
    """Gives `variables_of_predictions` values, through the inputs of their initializers.

    Each has a run of its own: a variable and its average are initialized from the same tensor, which can be fed one
    value only.
    """
    import tensorflow.compat.v1 as tf

    for variable, value in zip(tf.nest.flatten(variables_of_predictions(network)), tf.nest.flatten(values)):
        sess.run(variable.initializer, {variable.initializer.inputs[1]: value})


def weights_sha256(weights: dict[str, Any], biases: dict[str, Any]) -> str:
    """SHA-256 of all weights and biases, given as NumPy arrays, by which two trainings may be compared."""
    digest = hashlib.sha256()
    for kind, arrays in (('weights', weights), ('biases', biases)):
        for name, value in sorted(arrays.items()):
            digest.update(f'{kind}/{name} {value.dtype} {value.shape}\n'.encode())
            digest.update(value.tobytes())
    return digest.hexdigest()


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
