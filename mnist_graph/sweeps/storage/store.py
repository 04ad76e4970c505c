"""A sweep's trials, kept as an Optuna study.

`journal.py` keeps the study in a file, for one machine, and `postgresql_store.py`
in a database, for many. Only coordinators open a store; workers never do. This
uses nothing but Optuna's public classes and methods. No TensorFlow here.
"""

import contextlib
import copy
import random
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from mnist_graph.base.errors import UsageError
from mnist_graph.hparams import HParams
from mnist_graph.sweeps import attempts, plan, search_space
from mnist_graph.sweeps.plan import Sweep
from mnist_graph.sweeps.storage import trial_records
from mnist_graph.sweeps.storage.trial_records import (
    ClaimedTrial,
    FrozenTrial,
    TrialState,
    attempt,
    distribution,
    optuna,
    values_of,
)

_DESCRIPTION, _TEST = 'sweep', 'test'  # keys of the study's user attributes
# Optuna's pruners count steps; where these are not searched, the pruners are told how many there are.
_LENGTHS = {'n_iterations', 'n_epochs', 'eval_steps'}
_IDLE_SECONDS = 1.0


class LostTrialError(Exception):
    """The trial was declared lost while this coordinator ran it, and may run elsewhere."""


class Store:
    """A sweep in an Optuna storage.

    Attributes:
      sweep: The sweep, as the storage describes it; None if it holds none yet.
      where: How messages call it.
      on_note: Called with a line for the user.
    """

    # A sweep tries to keep this many waiting trials, so that a coordinator can start one without planning.
    queue_length = 64
    # Reading all trials to write results.csv may take this share of a coordinator's time.
    reporting_share = 0.1

    def __init__(self, storage: Any, study_name: str, where: str, create: bool):
        self.where, self._storage = where, storage
        self.on_note: Callable[[str], None] = lambda line: None
        self._waiting: list[int] = []
        self._next_look = 0.0
        if study_name not in optuna.get_all_study_names(storage) and not create:
            raise UsageError(f'{where}: holds no sweep yet; start one with --search=FLAG=SPEC.')
        self._study = (
            optuna.create_study(storage=storage, study_name=study_name, direction='maximize', load_if_exists=True)
            if create
            else optuna.load_study(storage=storage, study_name=study_name)
        )
        self._study_id = storage.get_study_id_from_name(study_name)
        described = self._study.user_attrs.get(_DESCRIPTION)
        if described is None and self._study.get_trials(deepcopy=False):
            raise UsageError(f'{where}: holds a study of another program; give another name.')
        self.sweep: Sweep | None = plan.from_description(described, where) if described else None

    def lock(self, wait: bool = True) -> contextlib.AbstractContextManager[bool]:
        """Keeps other coordinators from doing the same at the same time; yields whether that was achieved."""
        return contextlib.nullcontext(True)

    def adopt(self, sweep: Sweep) -> None:
        """Makes this the storage's sweep, or checks that it is.

        Raises:
          UsageError: The storage holds a different one; says how.
        """
        with self.lock():
            described = self._study.user_attrs.get(_DESCRIPTION)
            if described is not None:
                different = plan.differences(plan.from_description(described, self.where), sweep)
                if different:
                    raise UsageError(
                        f'{self.where}: holds a different sweep ({"; ".join(different)}); '
                        f'leave the difference out, or use another place.'
                    )
            if described != sweep.describe():
                self._study.set_user_attr(_DESCRIPTION, sweep.describe())
        self.sweep = sweep

    def begin(self) -> None:
        """Makes the sampler and the pruner of the sweep, before its first trial is claimed."""
        sweep, base = self._sweep(), self._sweep().base
        fixed = not _LENGTHS & set(sweep.space) and not base.n_epochs
        # Successive halving wants to hear of a trial first at its first validation.
        interval = base.validation_interval(base.n_iterations)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # "multivariate is experimental"
            if sweep.sampler == 'tpe':
                # A process that goes on must not draw again what the one before it drew.
                seed = (base.seed * 1_000_003 + len(self.trials()) + self._own_seed()) % 2**32
                self._study.sampler = optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)
            if sweep.pruner == 'median':
                self._study.pruner = optuna.pruners.MedianPruner()
            elif sweep.pruner == 'successive_halving':
                self._study.pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=interval if fixed else 'auto')
            elif sweep.pruner == 'hyperband':
                self._study.pruner = optuna.pruners.HyperbandPruner(
                    min_resource=interval if fixed else 1, max_resource=base.n_iterations if fixed else 'auto'
                )

    def _sweep(self) -> Sweep:
        assert self.sweep is not None, 'adopt a sweep first'
        return self.sweep

    def hparams(self, values: dict[str, Any]) -> HParams:
        """The hyperparameters of a trial; see `plan.Sweep.hparams`."""
        return self._sweep().hparams(values)

    def _own_seed(self) -> int:
        return 0

    def trials(self) -> list[FrozenTrial]:
        """Every trial so far, by number, not to be changed."""
        return self._study.get_trials(deepcopy=False)

    def is_over(self) -> bool:
        """Whether every point has come to its end."""
        return attempts.is_over(map(attempt, self.trials()), self._sweep().n_trials)

    @property
    def n_waiting(self) -> int:
        """Trials that may be claimed, as far as is known."""
        return len(self._waiting)

    def keep_up(self, running: Iterable[ClaimedTrial], idle: bool) -> list[ClaimedTrial]:
        """Does what is due from time to time: here, queues the trials that are needed.

        Args:
          running: The trials that this coordinator runs.
          idle: Whether it could run more.

        Returns:
          The running trials that it has lost.
        """
        if idle and not self._waiting and time.monotonic() >= self._next_look:
            self._fill_queue()
        return []

    def _fill_queue(self) -> None:
        """Queues the trials that `attempts.needed` names."""
        self._add(self._needed())
        trials = self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,))
        self._note_waiting(self._id(trial.number) for trial in trials)

    def _needed(self) -> list[FrozenTrial]:
        """The trials that are to be queued."""
        sweep = self._sweep()
        tried = map(attempt, self._study.get_trials(deepcopy=False))
        needed = []
        for point, values in attempts.needed(tried, sweep.n_trials, self.queue_length):
            if values is None or len(values) < len(sweep.space):  # some, if its coordinator was killed choosing them
                values = sweep.values(point) or {}
            needed.append(trial_records.waiting(sweep, point, values))
        return needed

    def _add(self, trials: Iterable[FrozenTrial]) -> None:
        for trial in trials:
            self._study.add_trial(trial)

    def _note_waiting(self, trial_ids: Iterable[int]) -> None:
        self._waiting = list(trial_ids)
        full = len(self._waiting) >= self.queue_length
        # Where the queue is not full, nothing more is needed until a running trial fails.
        self._next_look = 0.0 if full else time.monotonic() + _IDLE_SECONDS * random.uniform(1, 2)

    def claim(self) -> ClaimedTrial | None:
        """Claims one of the waiting trials, or returns None if there is none."""
        trial_id = self._claim_id()
        if trial_id is None:
            return None
        trial = self._storage.get_trial(trial_id)
        values = values_of(self._sweep(), trial) or self._suggest(trial, trial_id)
        return ClaimedTrial(trial_id, trial.number, trial_records.point(trial), values)

    def _claim_id(self) -> int | None:
        """The id of a trial that was waiting and now is running."""
        if not self._waiting:
            return None
        trial_id = self._waiting.pop(0)
        self._storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        return trial_id

    def _id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _suggest(self, trial: FrozenTrial, trial_id: int) -> dict[str, Any]:
        """Lets the tpe sampler choose values, which are kept with the trial.

        Until there are enough results for it, and where it repeats itself, they are those of a random search.
        """
        sweep = self._sweep()
        distributions = {name: distribution(dimension) for name, dimension in sweep.space.items()}
        varied = {name: made for name, made in distributions.items() if not made.single()}
        # A Study keeps the trials that it has read first; a copy reads them anew.
        texts = self._study.sampler.sample_relative(copy.copy(self._study), trial, varied)
        values = sweep.random_values(trial_records.point(trial))
        values |= {name: search_space.value_from_text(name, text) for name, text in texts.items()}
        tried = [values_of(sweep, other) for other in self._study.get_trials(deepcopy=False)]
        if values in tried:
            values = next((new for new in sweep.all_random_values() if new not in tried), values)
        for name, made in distributions.items():
            text = search_space.value_text(values[name])
            self._storage.set_trial_param(trial_id, name, made.to_internal_repr(text), made)
        return values

    def report(self, claimed: ClaimedTrial, step: int, accuracy: float) -> bool:
        """Notes a validation accuracy; whether the trial should go on.

        Raises:
          LostTrialError: The trial is no longer ours.
        """
        try:
            self._storage.set_trial_intermediate_value(claimed.trial_id, step, accuracy)
        except optuna.exceptions.UpdateFinishedTrialError:
            raise LostTrialError from None
        return self._sweep().pruner == 'none' or not self._study.pruner.prune(
            self._study, self._storage.get_trial(claimed.trial_id)
        )

    def complete(self, claimed: ClaimedTrial, result: dict[str, Any], pruned: bool = False) -> None:
        """Notes a trial's result, of which 'validation_accuracy' is the trial's value.

        Raises:
          LostTrialError: The trial is no longer ours.
        """
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        self._end(claimed.trial_id, state, result['validation_accuracy'], trial_records.result_attributes(result))

    def fail(self, claimed: ClaimedTrial, kind: str, reason: str) -> None:
        """Notes that a trial failed; see `attempts` for the kinds of failure.

        Raises:
          LostTrialError: The trial is no longer ours.
        """
        self._end(claimed.trial_id, TrialState.FAIL, None, trial_records.failure_attributes(kind, reason))
        self._next_look = 0.0  # its point may need another trial

    def _end(self, trial_id: int, state: TrialState, accuracy: float | None, attributes: dict[str, Any]) -> None:
        try:
            # An ended trial cannot be changed, so what is known of it comes first.
            for name, value in attributes.items():
                self._storage.set_trial_user_attr(trial_id, name, value)
            self._storage.set_trial_state_values(trial_id, state, None if accuracy is None else [accuracy])
        except optuna.exceptions.UpdateFinishedTrialError:
            # It is ours if it ended like this: then only the storage's answer was lost, and this is the second try.
            trial = self._storage.get_trial(trial_id)
            if trial.state != state or not attributes.items() <= trial.user_attrs.items():
                raise LostTrialError from None

    def test_results(self) -> dict[str, dict[str, Any]]:
        """The test accuracies read so far, by number of the trial whose weights were tested."""
        return self._study.user_attrs.get(_TEST, {})

    def add_test_result(self, number: int, result: dict[str, Any]) -> None:
        """Notes the one test of a winner."""
        self._study.set_user_attr(_TEST, {**self.test_results(), str(number): result})

    def close(self) -> None:
        """Ends the connection to the storage."""
