"""A whole sweep: from a search space to a winner.

    from mnist_graph import sweep
    found = sweep.run({'learning_rate': 'log:1e-5:1e-2', 'batch_size': [64, 128]},
                      n_iterations=1000, n_trials=50, sweep_dir='runs/lr')
    print(found.best.values, found.best.accuracy)
"""

import contextlib
import dataclasses
import json
import os
import time
from typing import Any, Callable, Mapping, NamedTuple

from mnist_graph import data, files, runtime, search_space, sweep_plan, sweep_report
from mnist_graph.errors import CheckpointError, UsageError
from mnist_graph.hparams import HParams
from mnist_graph.run_folder import FolderLock
from mnist_graph.sweep_coordinator import Coordinator, Listener
from mnist_graph.sweep_pool import WorkerPool
from mnist_graph.sweep_report import Row
from mnist_graph.sweep_storage import JournalStore, Store, optuna
from mnist_graph.sweep_plan import Sweep
from mnist_graph.sweep_worker import Job, Settings

_DATA = 'data.json'


class Place(NamedTuple):
    """Where a sweep is kept and what it reads.

    Attributes:
      sweep_dir: Folder of its results, and without `storage` of the sweep itself.
      storage: Address of a PostgreSQL database, or ''.
      study: Name of the sweep in that database.
      dataset, data_dir: The data set; see `data.load`. None: as the folder's sweep was begun.
    """

    sweep_dir: str
    storage: str = ''
    study: str = ''
    dataset: str | None = None
    data_dir: str | None = None


class Found(NamedTuple):
    """What a sweep has found.

    Attributes:
      sweep: The sweep.
      rows: One for each point that has a trial, the best first.
      best: The first of them, or None before any trial is complete.
      n_ended: Points that have come to their end.
      test: The winner's result on the test set, or {} if that was not read.
      importances: See `sweep_report.importances`; may be empty.
      folder: Where results.csv and best.flags are.
    """

    sweep: Sweep
    rows: list[Row]
    best: Row | None
    n_ended: int
    test: dict[str, Any]
    importances: dict[str, float]
    folder: str


def run(space: Mapping[str, Any], *, sweep_dir: str, storage: str = '', study: str = '', sampler: str = 'auto',
        pruner: str = 'none', n_trials: int | None = None, workers: int = 0, timeout: float | None = None,
        dataset: str = 'auto', data_dir: str | None = None, tensorboard: bool = False,
        listener: Listener = Listener(), **hparams: Any) -> Found:
    """Searches a space, or goes on with a search that was stopped; returns what it found.

    Args:
      space: By hyperparameter: a sequence of values, or the text that --search takes.
      sweep_dir: Folder of the results.
      storage, study: Address of a PostgreSQL database and the sweep's name there, for many machines.
      sampler, pruner, n_trials: See `sweep_plan.make`.
      workers: Processes that train; 0 is one for each usable core.
      timeout: Seconds after which no new trial begins.
      dataset, data_dir: See `data.load`.
      tensorboard: Whether each trial writes event files.
      listener: Told of everything that happens.
      **hparams: The hyperparameters that are not searched.

    Raises:
      UsageError: What is asked for makes no sense, or the place holds another sweep.
      MnistGraphError: Data cannot be read, or workers cannot be started.
    """
    searched = search_space.from_python(space)
    sweep_plan.check_free(searched, hparams)
    sweep = sweep_plan.make(searched, HParams.from_dict(hparams), sampler, pruner, n_trials)
    place = Place(sweep_dir, storage, study, dataset, data_dir)
    with opened(place, create=True) as store:
        return search(store, lambda saved: sweep, place, workers=workers, timeout=timeout, tensorboard=tensorboard,
                      listener=listener)


@contextlib.contextmanager
def opened(place: Place, create: bool, writable: bool = True):
    """The Store of a place; while it is open nobody else can open a folder's for writing.

    Raises:
      UsageError: It holds no sweep, is in use, or cannot be reached.
    """
    with contextlib.ExitStack() as stack:
        if place.storage:
            from mnist_graph.sweep_postgresql import PostgresqlStore
            store = PostgresqlStore(place.storage, place.study, create)
        else:
            if writable:
                if not create and not os.path.isdir(place.sweep_dir):
                    raise UsageError(f'{place.sweep_dir}: there is no such folder; '
                                     f'start a sweep with --search=FLAG=SPEC.')
                try:
                    stack.callback(FolderLock(place.sweep_dir).release)
                except CheckpointError as error:
                    raise UsageError(str(error)) from None
            store = JournalStore(place.sweep_dir, create, writable)
        stack.callback(store.close)
        try:
            yield store
        except optuna.exceptions.StorageInternalError:
            raise CheckpointError(f'{store.where}: the storage was lost; give the same command again to go on.') from None


def search(store: Store, wanted: Callable[[Sweep | None], Sweep], place: Place, *, workers: int = 0,
           timeout: float | None = None, tensorboard: bool = False, listener: Listener = Listener(),
           should_stop: Callable[[], int] = lambda: 0) -> Found:
    """Runs the sweep of an open store to its end, if nothing stops it; see `run`.

    Args:
      store: The open store.
      wanted: Called with the sweep that the store holds, or None; returns the one to run.
      should_stop: See `Coordinator`.
    """
    sweep = wanted(store.sweep)
    place = _with_data(place)
    sweep, settings = _checked_data(sweep, place, listener)
    store.adopt(sweep)
    os.makedirs(place.sweep_dir, exist_ok=True)
    _remember_data(place, settings)
    deadline = time.monotonic() + timeout if timeout else None

    def stopping() -> int:
        return should_stop() or int(deadline is not None and time.monotonic() > deadline)

    recorder = Recorder(store, place.sweep_dir, settings, listener)
    pool = WorkerPool(workers or runtime.usable_cores(), settings, os.path.join(place.sweep_dir, 'logs'))
    try:
        coordinator = Coordinator(store, pool, recorder, stopping,
                                  os.path.join(os.path.abspath(place.sweep_dir), 'tensorboard') if tensorboard else '')
        if coordinator.run():
            _test_winner(store, pool, recorder)
    finally:
        pool.close()
        recorder.write()
    return report(store, place.sweep_dir)


def report(store: Store, folder: str) -> Found:
    """What the sweep of a store has found so far."""
    trials = store.trials()
    ranked = sweep_report.rows(store.sweep, trials)
    best = sweep_report.winner(ranked)
    test = store.test_result().get(str(best.trial), {}) if best else {}
    return Found(store.sweep, ranked, best, sweep_report.n_ended(store.sweep, trials), test,
                 sweep_report.importances(store.sweep, ranked), folder)


def _with_data(place: Place) -> Place:
    """With the data set that the folder's sweep was begun on, where none is given."""
    saved = {}
    with contextlib.suppress(OSError, ValueError):
        with open(os.path.join(place.sweep_dir, _DATA), encoding='utf-8') as file:
            saved = json.load(file)
    return place._replace(dataset=place.dataset or saved.get('dataset') or 'auto',
                          data_dir=place.data_dir or saved.get('data_dir'))


def _remember_data(place: Place, settings: Settings) -> None:
    try:
        files.write_json(os.path.join(place.sweep_dir, _DATA),
                         {'dataset': settings.dataset, 'data_dir': settings.data_dir})
    except OSError as error:
        raise UsageError(f'{place.sweep_dir}: cannot be written ({error.strerror}); '
                         f'give another --sweep_dir.') from None


def _checked_data(sweep: Sweep, place: Place, listener: Listener) -> tuple[Sweep, Settings]:
    """Reads the data set once, so that workers will find it whole."""
    dataset = data.load(place.dataset, place.data_dir, sweep_plan.largest_validation(sweep))
    if dataset.notice:
        listener.on_note(dataset.notice)
    # What 'auto' came to here it must come to in every worker.
    name = 'drawn' if dataset.notice else place.dataset
    data_dir = os.path.abspath(os.path.expanduser(place.data_dir)) if place.data_dir else None
    return (dataclasses.replace(sweep, fingerprint=dataset.fingerprint, dataset=dataset.name),
            Settings(name, data_dir, dataset.fingerprint))


class Recorder(Listener):
    """Rewrites results.csv and best.flags after each trial, before passing the news on."""

    def __init__(self, store: Store, folder: str, settings: Settings, listener: Listener):
        self._store, self._folder, self._listener = store, folder, listener
        self._flags = [f'--dataset={settings.dataset}',
                       *([f'--data_dir={settings.data_dir}'] if settings.data_dir else [])]
        self._next_write = 0.0

    def on_end_of_trial(self, claimed, state, outcome, reason):
        # With thousands of trials, writing all of them after each must not become the work.
        if time.monotonic() > self._next_write:
            self.write()
        self._listener.on_end_of_trial(claimed, state, outcome, reason)

    def on_note(self, line):
        self._listener.on_note(line)

    def write(self) -> None:
        """Writes both files, and tells how far the sweep has come."""
        began = time.monotonic()
        trials = self._store.trials()
        sweep_report.write(self._folder, self._store.sweep, sweep_report.rows(self._store.sweep, trials), self._flags)
        self._listener.on_progress(sweep_report.n_ended(self._store.sweep, trials), self._store.sweep.n_trials)
        ended = time.monotonic()
        self._next_write = ended + (ended - began) / self._store.reporting_share


def _test_winner(store: Store, pool: WorkerPool, listener: Listener) -> None:
    """Trains the winner once more, and reads the test set with its weights; once, whoever does it."""
    best = sweep_report.winner(sweep_report.rows(store.sweep, store.trials()))
    while best and str(best.trial) not in store.test_result():
        with store.lock(wait=False) as held:
            if not held:
                time.sleep(1)
            elif str(best.trial) not in store.test_result():
                outcome = _train_again(store, pool, best)
                if outcome is None:
                    return listener.on_note('The winner could not be trained again, so the test set was not read.')
                if outcome['weights_sha256'] != best.weights_sha256:
                    listener.on_note(f'Trained again here, the winner has other weights than trial {best.trial} had; '
                                     f'that was another processor or version of TensorFlow.')
                store.set_test_result(best.trial, outcome)


def _train_again(store: Store, pool: WorkerPool, best: Row) -> dict[str, Any] | None:
    job = Job(-1, store.sweep.hparams(best.values).to_dict(), test=True)
    pool.ensure(1)
    while not pool.n_idle:
        pool.wait(1)
    pool.start(job)
    while True:
        for word, _, *what in pool.wait(1):
            if word == 'validation':
                pool.answer(job.key, True)
            else:
                return what[0] if word == 'done' else None
