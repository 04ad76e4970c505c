"""The coordinator: hands the points of a sweep to workers, and tells the storage what came of them.

It never imports TensorFlow. Everything that it must remember is in the
storage, so it may be killed at any moment.
"""

import random
from collections.abc import Callable
from typing import Any

from mnist_graph.sweeps.attempts import CRASHED, INTERRUPTED
from mnist_graph.sweeps.messages import Job
from mnist_graph.sweeps.storage.store import LostTrialError, Store
from mnist_graph.sweeps.storage.trial_records import ClaimedTrial

# How long to wait for the workers before looking whether to stop, and before looking for more trials.
_STOP_SECONDS, _IDLE_SECONDS = 0.2, 1.0


class SweepCallback:
    """Told of what happens in a sweep; its methods do nothing unless a subclass overrides them."""

    def on_trial_end(self, claimed: ClaimedTrial, state: str, outcome: dict[str, Any], reason: str) -> None:
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
      callback: Told of everything that happens.
      should_stop: Asked often: 0 to go on, 1 to begin no new trial, 2 to stop at once.
      event_folder: Where the trials' event files go, by number; or ''.
    """

    def __init__(
        self,
        store: Store,
        pool: Any,
        callback: SweepCallback = SweepCallback(),
        should_stop: Callable[[], int] = lambda: 0,
        event_folder: str = '',
    ):
        self._store, self._pool, self._callback = store, pool, callback
        self._should_stop, self._event_folder = should_stop, event_folder
        self._running: dict[int, ClaimedTrial] = {}
        self._pruned: dict[int, dict[str, Any]] = {}

    def run(self) -> bool:
        """Whether the sweep is over; False if it was stopped before."""
        self._store.begin()
        try:
            while self._one_round():
                pass
        finally:
            self._give_back()
        return self._store.is_over()

    def _one_round(self) -> bool:
        """Hands out trials and hears of their ends; whether there is more to do."""
        stop = self._should_stop()
        if stop == 2 or (stop == 1 and not self._running):
            return False
        idle = not stop and self._pool.n_busy < self._pool.n_workers
        for claimed in self._store.keep_up(self._running.values(), idle):
            self._lose(claimed)
        if idle:
            self._hand_out()
        if not self._running and not self._store.n_waiting and self._store.is_over():
            return False
        busy = stop or self._running
        for event in self._pool.wait(_STOP_SECONDS if busy else _IDLE_SECONDS * random.uniform(0.5, 1)):
            self._hear(*event)
        return True

    def _hand_out(self) -> None:
        """Gives every idle worker a trial, while there are any; starts workers for them."""
        self._pool.ensure(len(self._running) + self._store.n_waiting)
        while self._pool.n_idle and (claimed := self._store.claim()):
            self._running[claimed.trial_id] = claimed
            folder = f'{self._event_folder}/trial-{claimed.number}' if self._event_folder else ''
            self._pool.start(Job(claimed.trial_id, self._store.hparams(claimed.values).to_dict(), folder))

    def _hear(self, word: str, key: int, *what: Any) -> None:
        """Takes in one event of the pool."""
        claimed = self._running.get(key)
        if claimed is None:  # lost; whatever comes of it is another machine's now
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
            else:  # 'failed' or 'died': a trial is only stopped if it was pruned, or lost, which ended above
                kind, reason = what if word == 'failed' else (CRASHED, *what)
                self._store.fail(claimed, kind, reason)
                self._callback.on_trial_end(claimed, 'failed', {}, reason)
        except LostTrialError:
            self._lose(claimed)

    def _end(self, claimed: ClaimedTrial, state: str, outcome: dict[str, Any]) -> None:
        self._store.complete(claimed, outcome, pruned=state == 'pruned')
        self._callback.on_trial_end(claimed, state, outcome, '')

    def _lose(self, claimed: ClaimedTrial) -> None:
        self._running.pop(claimed.trial_id, None)
        self._pool.answer(claimed.trial_id, False)
        self._callback.on_note(
            f'Trial {claimed.number} was given to another machine, as this one had been silent for too long.'
        )

    def _give_back(self) -> None:
        """What still runs is to be run again, by whoever goes on."""
        for claimed in self._running.values():
            try:
                self._store.fail(claimed, INTERRUPTED, 'the sweep was stopped')
            except LostTrialError:
                pass
        self._running.clear()
