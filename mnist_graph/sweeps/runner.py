"""A whole sweep: from a search space to a winner.

    from mnist_graph import sweep
    found = sweep.run({'learning_rate': 'log:1e-5:1e-2', 'batch_size': [64, 128]},
                      n_iterations=1000, n_trials=50, sweep_dir='runs/lr')
    print(found.best.values, found.best.accuracy)

`run` says what the arguments mean.
"""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mnist_graph.base import files, tensorflow
from mnist_graph.base.errors import UsageError
from mnist_graph.hparams import HParams
from mnist_graph.models import starting_point
from mnist_graph.sweeps import importance, location, plan, search_space, summary
from mnist_graph.sweeps.coordinator import Coordinator, SweepCallback
from mnist_graph.sweeps.location import SweepLocation
from mnist_graph.sweeps.messages import Job, WorkerConfig
from mnist_graph.sweeps.plan import Sweep
from mnist_graph.sweeps.pool import WorkerPool
from mnist_graph.sweeps.storage.store import Store
from mnist_graph.sweeps.storage.trial_records import ClaimedTrial
from mnist_graph.sweeps.summary import Row


class SweepResult(NamedTuple):
    """What a sweep has found.

    Attributes:
      sweep: The sweep.
      rows: One for each point that has a trial, the best first.
      best: The first of them, or None before any trial is complete.
      n_ended: Points that have come to their end.
      test: The winner's result on the test set, or {} if that was not read.
      importances: See `importance.shares`; may be empty.
      folder: Where results.csv and best.flags are.
    """

    sweep: Sweep
    rows: list[Row]
    best: Row | None
    n_ended: int
    test: dict[str, Any]
    importances: dict[str, float]
    folder: str


def run(
    space: Mapping[str, Any],
    *,
    sweep_dir: str | os.PathLike,
    storage: str = '',
    study: str = '',
    sampler: str = 'auto',
    pruner: str = 'none',
    n_trials: int | None = None,
    workers: int = 0,
    timeout: float | None = None,
    dataset: str = 'auto',
    data_dir: str | os.PathLike | None = None,
    pictures: str | None = None,
    skip_bad_pictures: bool | None = None,
    tensorboard: bool = False,
    callback: SweepCallback = SweepCallback(),
    **hparams: Any,
) -> SweepResult:
    """Searches a space, or goes on with a search that was stopped; returns what it found.

    Args:
      space: By hyperparameter: a sequence of values, or the text that --search takes.
      sweep_dir: Folder of the results.
      storage, study: Address of a PostgreSQL database and the sweep's name there, for many machines.
      sampler, pruner, n_trials: See `plan.make`.
      workers: Processes that train; 0 is one for each usable core.
      timeout: Seconds after which no new trial begins.
      dataset, data_dir, pictures, skip_bad_pictures: See `SweepLocation`.
      tensorboard: Whether each trial writes event files.
      callback: Told of everything that happens.
      **hparams: The hyperparameters that are not searched; without n_validation `data.load` chooses it, and beside
        init_checkpoint those of the network are that model's.

    Raises:
      UsageError: What is asked for makes no sense, or the place holds another sweep.
      MnistGraphError: Data cannot be read, or workers cannot be started.
    """
    searched = search_space.from_python(space)
    plan.check_free(searched, hparams)
    searched = plan.with_real_folders(searched)
    base = starting_point.resolved(HParams.from_dict(hparams), (*hparams, *searched))
    sweep = plan.make(searched, base, sampler, pruner, n_trials)
    data_dir = os.fspath(data_dir) if data_dir else None
    where = SweepLocation(os.fspath(sweep_dir), storage, study, dataset, data_dir, pictures, skip_bad_pictures)
    with location.opened(where, create=True) as store:
        return search(
            store,
            lambda saved: sweep,
            where,
            choose_n_validation='n_validation' not in hparams,
            workers=workers,
            timeout=timeout,
            tensorboard=tensorboard,
            callback=callback,
        )


def search(
    store: Store,
    choose_sweep: Callable[[Sweep | None], Sweep],
    where: SweepLocation,
    *,
    choose_n_validation: bool = False,
    workers: int = 0,
    timeout: float | None = None,
    tensorboard: bool = False,
    callback: SweepCallback = SweepCallback(),
    should_stop: Callable[[], int] = lambda: 0,
) -> SweepResult:
    """Runs the sweep of an open store to its end, if nothing stops it; see `run`.

    Args:
      store: The open store.
      choose_sweep: Called with the sweep that the store holds, or None; returns the one to run.
      where: Where the store is, and the data set.
      choose_n_validation: See `location.checked_data`.
      should_stop: See `Coordinator`.
    """
    store.on_note = callback.on_note
    sweep = choose_sweep(store.sweep)
    where = location.with_data(where)
    sweep, config = location.checked_data(sweep, where, callback, choose_n_validation)
    store.adopt(sweep)
    location.remember_data(where, config)
    deadline = time.monotonic() + timeout if timeout is not None else None

    def stopping() -> int:
        return should_stop() or int(deadline is not None and time.monotonic() > deadline)

    recorder = Recorder(store, where.sweep_dir, config, callback)
    pool = WorkerPool(workers or tensorflow.usable_cores(), config, os.path.join(where.sweep_dir, 'logs'))
    try:
        coordinator = Coordinator(
            store,
            pool,
            recorder,
            stopping,
            os.path.join(os.path.abspath(where.sweep_dir), 'tensorboard') if tensorboard else '',
        )
        if coordinator.run():
            _test_winner(store, pool, recorder, stopping)
    finally:
        pool.close()
        recorder.write()
    return report(store, where.sweep_dir)


def report(store: Store, folder: str) -> SweepResult:
    """What the sweep of a store has found so far.

    Raises:
      UsageError: It was never begun.
    """
    if store.sweep is None:
        raise UsageError(f'{store.where}: the sweep was not begun; give the first command again.')
    trials = store.trials()
    ranked = summary.rows(store.sweep, trials)
    best = summary.winner(ranked)
    test = store.test_results().get(str(best.trial), {}) if best else {}
    return SweepResult(
        store.sweep, ranked, best, summary.n_ended(trials), test, importance.shares(store.sweep, ranked), folder
    )


class Recorder(SweepCallback):
    """Rewrites results.csv and best.flags after each trial, before passing the news on."""

    def __init__(self, store: Store, folder: str, config: WorkerConfig, callback: SweepCallback):
        self._store, self._folder, self._callback = store, folder, callback
        self._flags = [f'--dataset={config.dataset}', *([f'--data_dir={config.data_dir}'] if config.data_dir else [])]
        self._next_write = 0.0
        self._failure = ''

    def on_trial_end(self, claimed: ClaimedTrial, state: str, outcome: dict[str, Any], reason: str) -> None:
        # With thousands of trials, writing all of them after each must not become the work.
        if time.monotonic() > self._next_write:
            self.write()
        self._callback.on_trial_end(claimed, state, outcome, reason)

    def on_note(self, line: str) -> None:
        self._callback.on_note(line)

    def write(self) -> None:
        """Writes both files, which can be made from the storage at any time, and tells how far the sweep has come."""
        assert self._store.sweep
        began = time.monotonic()
        trials = self._store.trials()
        try:
            summary.write(self._folder, self._store.sweep, summary.rows(self._store.sweep, trials), self._flags)
            self._failure = ''
        except OSError as error:
            note = f'{self._folder}: the results cannot be written ({error.strerror}); {files.how_to_mend(error)}.'
            if note != self._failure:
                self._callback.on_note(note)
            self._failure = note
        self._callback.on_progress(summary.n_ended(trials), self._store.sweep.n_trials)
        ended = time.monotonic()
        self._next_write = ended + (ended - began) / self._store.reporting_share


def _test_winner(store: Store, pool: WorkerPool, callback: SweepCallback, should_stop: Callable[[], int]) -> None:
    """Reads the test set with the winner's weights, which are trained again if no worker here still has them; once."""
    assert store.sweep
    best = summary.winner(summary.rows(store.sweep, store.trials()))
    while best and str(best.trial) not in store.test_results():
        with store.lock(wait=False) as held:
            if not held:
                if should_stop():
                    return
                time.sleep(1)
            elif str(best.trial) not in store.test_results():
                outcome = _test(store, pool, best, should_stop)
                if outcome is None:
                    return callback.on_note('The winner could not be tested.')
                if outcome['weights_sha256'] != best.weights_sha256:
                    callback.on_note(
                        f'Trained again here, the winner has other weights than trial {best.trial} had; '
                        f'that was another processor or version of TensorFlow.'
                    )
                store.add_test_result(best.trial, outcome)


def _test(store: Store, pool: WorkerPool, best: Row, should_stop: Callable[[], int]) -> dict[str, Any] | None:
    """The winner's outcome; None if it failed, or was given up (should_stop says 2, or more)."""
    job = Job(-1, store.hparams(best.values).to_dict(), test=True)
    while not pool.n_idle:
        if should_stop() >= 2:
            return None
        pool.ensure(1)
        pool.wait(1)
    pool.start(job, best.process)
    while should_stop() < 2:
        for word, key, *what in pool.wait(1):
            if key != job.key:
                continue  # the last word of a trial that was taken from us
            if word == 'validation':
                pool.answer(job.key, should_stop() < 2)
            else:
                return what[0] if word == 'done' else None
    return None
