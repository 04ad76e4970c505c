"""The coordinator: hands the points of a sweep to workers, and tells the storage what came of them.

It never imports TensorFlow. Everything that it must remember is in the
storage, so it may be killed at any moment.
"""

import random
import time
from collections.abc import Callable
from typing import Any

from mnist_graph.sweeps import plan
from mnist_graph.sweeps.plan import CRASHED, INTERRUPTED
from mnist_graph.sweeps.store import Claimed, Store, Taken, attempt
from mnist_graph.sweeps.worker import Job

_BEAT_SECONDS = 10
_IDLE_SECONDS = 1.0


class Listener:
    """What may watch a sweep; each method does nothing unless a subclass says otherwise."""

    def on_end_of_trial(self, claimed: Claimed, state: str, outcome: dict[str, Any], reason: str) -> None:
        """A trial is 'complete', 'pruned' or 'failed'; `outcome` is the worker's, `reason` that of a failure."""

    def on_progress(self, n_ended: int, n_points: int) -> None:
        """How many points have come to their end, on all machines."""

    def on_note(self, line: str) -> None:
        """Something that the user should know."""


class Coordinator:
    """Runs a sweep's trials until all are done, or told to stop.

    Args:
      store: Where the sweep is.
      pool: A `pool.WorkerPool`, or what behaves as one.
      listener: Told of everything that happens.
      should_stop: Asked often: 0 to go on, 1 to begin no new trial, 2 to stop at once.
      event_folder: Where the trials' event files go, by number; or ''.
    """

    def __init__(
        self,
        store: Store,
        pool,
        listener: Listener = Listener(),
        should_stop: Callable[[], int] = lambda: 0,
        event_folder: str = '',
    ):
        self._store, self._pool, self._listener = store, pool, listener
        self._should_stop, self._event_folder = should_stop, event_folder
        self._running: dict[int, Claimed] = {}
        self._pruned: dict[int, dict[str, Any]] = {}
        self._next_beat = self._next_look = 0.0

    def run(self) -> bool:
        """Whether the sweep is over; False if it was stopped before."""
        self._store.recover(starting=True)
        self._store.prepare_sampler()
        try:
            while self._one_round():
                pass
        finally:
            self._give_back()
        return self._is_over()

    def _one_round(self) -> bool:
        """Hands out trials and hears of their ends; whether there is more to do."""
        stop = self._should_stop()
        if stop == 0 and self._pool.n_busy < self._pool.n_workers:
            self._hand_out()
        if stop == 2 or (stop == 1 and not self._running):
            return False
        if not self._running and self._next_look > time.monotonic() and self._is_over():
            return False
        self._beat()
        for event in self._pool.wait(0.2 if stop or self._running else _IDLE_SECONDS * random.uniform(0.5, 1)):
            self._hear(*event)
        return True

    def _hand_out(self) -> None:
        """Gives every idle worker a trial, while there are any; starts workers for them."""
        if time.monotonic() < self._next_look:
            return
        self._store.recover(starting=False)
        if self._pool.n_alive < self._pool.n_workers:
            n_waiting = self._store.n_waiting()
            self._pool.ensure(len(self._running) + n_waiting)
            if not n_waiting:
                return self._look_later()
        while self._pool.n_idle:
            claimed = self._store.claim()
            if claimed is None:
                return self._look_later()
            self._running[claimed.trial_id] = claimed
            folder = f'{self._event_folder}/trial-{claimed.number}' if self._event_folder else ''
            hparams = self._store.sweep.hparams(claimed.values)
            self._pool.start(Job(claimed.trial_id, hparams.to_dict(), folder))

    def _look_later(self) -> None:
        """There is nothing to claim, but another machine's trial may yet come back."""
        self._next_look = time.monotonic() + _IDLE_SECONDS * random.uniform(1, 2)

    def _hear(self, word: str, key: int, *what) -> None:
        """Takes in one event of the pool."""
        claimed = self._running.get(key)
        if claimed is None:  # taken from us; whatever comes of it is somebody else's now
            self._pool.answer(key, False)
            return
        try:
            if word == 'validation':
                step, accuracy = what
                go_on = self._store.report(claimed, step, accuracy)
                self._pool.answer(key, go_on)
                if not go_on:
                    self._pruned[key] = {'validation_accuracy': accuracy, 'steps': step}
                return
            del self._running[key]
            pruned = self._pruned.pop(key, None)
            if word == 'done':
                self._end(claimed, 'complete', what[0])
            elif word == 'stopped' and pruned:
                self._end(claimed, 'pruned', pruned)
            else:
                kind, reason = what if word == 'failed' else (CRASHED, *what)
                self._store.fail(claimed, kind, reason)
                self._next_look = 0.0  # it may be queued again
                self._listener.on_end_of_trial(claimed, 'failed', {}, reason)
        except Taken:
            self._running.pop(key, None)
            self._pool.answer(key, False)
            self._note_taken(claimed)

    def _end(self, claimed: Claimed, state: str, outcome: dict[str, Any]) -> None:
        self._store.complete(claimed, outcome['validation_accuracy'], outcome, pruned=state == 'pruned')
        self._listener.on_end_of_trial(claimed, state, outcome, '')

    def _beat(self) -> None:
        if time.monotonic() < self._next_beat:
            return
        self._next_beat = time.monotonic() + _BEAT_SECONDS
        for claimed in self._store.beat(self._running.values()):
            del self._running[claimed.trial_id]
            self._pool.answer(claimed.trial_id, False)
            self._note_taken(claimed)

    def _note_taken(self, claimed: Claimed) -> None:
        self._listener.on_note(
            f'Trial {claimed.number} was given to another machine, as this one had been silent for too long.'
        )

    def _is_over(self) -> bool:
        sweep = self._store.sweep
        return plan.is_over(map(attempt, self._store.trials()), sweep.n_trials)

    def _give_back(self) -> None:
        """What still runs is to be run again, by whoever goes on."""
        for claimed in self._running.values():
            try:
                self._store.fail(claimed, INTERRUPTED, 'the sweep was stopped')
            except Taken:
                pass
        self._running.clear()
