"""Where a sweep's trials are kept: an Optuna study.

`sweeps/journal.py`` has it in a file, for one machine, and `sweeps/postgresql_store.py``
in a database, for many. Only coordinators open these; workers never do. No
TensorFlow here.
"""

import contextlib
import warnings
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from mnist_graph.base.errors import UsageError
from mnist_graph.sweeps import plan, search_space
from mnist_graph.sweeps.plan import CRASHED, Attempt, Sweep

try:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        import optuna
except ImportError:
    raise UsageError('Sweeps need Optuna: pip install "mnist_graph[sweep]".') from None

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

POINT = 'point'
_DESCRIPTION, FAILURE, REASON, _RESULT, _TEST = 'sweep', 'failure', 'reason', 'result', 'test'
_STATES = {
    TrialState.WAITING: 'waiting',
    TrialState.RUNNING: 'running',
    TrialState.COMPLETE: 'complete',
    TrialState.PRUNED: 'pruned',
    TrialState.FAIL: 'failed',
}

optuna.logging.set_verbosity(optuna.logging.ERROR)


class Claimed(NamedTuple):
    """A trial that is ours to run.

    Attributes:
      trial_id: What the storage calls it.
      number: What people call it.
      point: Its point in the sweep.
      values: What it tries.
    """

    trial_id: int
    number: int
    point: int
    values: dict[str, Any]


class Taken(Exception):
    """The trial was declared lost while we ran it, and is no longer ours."""


class Store:
    """A sweep in an Optuna storage.

    Attributes:
      sweep: The sweep, as the storage describes it; None if it holds none yet.
      where: How messages call it.
    """

    # Waiting trials of which a sweep tries to have this many, so that claiming one is all it takes to begin.
    queue_length = 64
    # Reading all trials to write results.csv may take this share of a coordinator's time.
    reporting_share = 0.1

    def __init__(self, storage, study_name: str, where: str, create: bool):
        self.where, self._storage = where, optuna.storages.get_storage(storage)
        names = optuna.get_all_study_names(self._storage)
        if study_name not in names and not create:
            raise UsageError(f'{where}: holds no sweep yet; start one with --search=FLAG=SPEC.')
        self._study = (
            optuna.load_study(storage=self._storage, study_name=study_name)
            if study_name in names
            else optuna.create_study(
                storage=self._storage, study_name=study_name, direction='maximize', load_if_exists=True
            )
        )  # as another machine may just have made it
        self._study_id = self._storage.get_study_id_from_name(study_name)
        described = self._study.user_attrs.get(_DESCRIPTION)
        if described is None and self._study.get_trials(deepcopy=False):
            raise UsageError(f'{where}: holds a study of another program; give another name.')
        self.sweep = plan.from_description(described, where) if described else None

    @contextlib.contextmanager
    def lock(self, wait: bool = True) -> Iterator[bool]:
        """Keeps other coordinators from planning at the same time; whether that was achieved."""
        yield True

    def adopt(self, sweep: Sweep) -> None:
        """Makes this the storage's sweep, or checks that it is.

        Raises:
          UsageError: The storage holds a different one; says how.
        """
        with self.lock():
            described = self._study.user_attrs.get(_DESCRIPTION)
            if described is not None:
                self.sweep = plan.from_description(described, self.where)
                different = plan.differences(self.sweep, sweep)
                if different:
                    raise UsageError(
                        f'{self.where}: holds a different sweep ({"; ".join(different)}); '
                        f'leave the difference out, or use another place.'
                    )
            if described != sweep.describe():
                self._study.set_user_attr(_DESCRIPTION, sweep.describe())
        self.sweep = sweep

    def prepare_sampler(self) -> None:
        """Makes the tpe sampler and the pruner of this sweep."""
        sweep, base = self.sweep, self.sweep.base
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # "multivariate is experimental"
            if sweep.sampler == 'tpe':
                # A process that goes on must not draw again what the one before it drew.
                seed = (base.seed * 1_000_003 + len(self.trials()) + self._own_seed()) % 2**32
                self._study.sampler = optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)
            fixed = not {'n_iterations', 'n_epochs', 'eval_steps'} & set(sweep.space) and not base.n_epochs
            most = base.n_iterations if fixed else 'auto'
            least = base.validation_interval(base.n_iterations) if fixed else 'auto'
            self._study.pruner = {
                'none': optuna.pruners.NopPruner,
                'median': optuna.pruners.MedianPruner,
                'successive_halving': lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=least),
                'hyperband': lambda: optuna.pruners.HyperbandPruner(
                    min_resource=1 if least == 'auto' else least, max_resource=most
                ),
            }[sweep.pruner]()

    def _own_seed(self) -> int:
        return 0

    def trials(self) -> list[Any]:
        """Every trial so far, as optuna.trial.FrozenTrial, not to be changed."""
        return self._storage.get_all_trials(self._study_id, deepcopy=False)

    def n_waiting(self) -> int:
        """Trials that wait to be claimed."""
        return len(self._storage.get_all_trials(self._study_id, deepcopy=False, states=(TrialState.WAITING,)))

    def fill_queue(self, wait: bool = False) -> None:
        """Queues what `plan.needed` says, unless another coordinator is at it."""
        with self.lock(wait) as held:
            if not held:
                return
            attempts = [attempt(trial) for trial in self.trials()]
            wanted = plan.needed(attempts, self.sweep.n_trials, self.queue_length)
            self._add([(point, values or self.sweep.values(point) or {}) for point, values in wanted])

    def _add(self, wanted: list[tuple[int, dict[str, Any]]]) -> None:
        """Queues a trial for each (point, values)."""
        for point, values in wanted:
            distributions = {name: distribution(one) for name, one in self.sweep.space.items() if name in values}
            self._study.add_trial(
                optuna.trial.create_trial(
                    state=TrialState.WAITING,
                    distributions=distributions,
                    user_attrs={POINT: point},
                    params={name: search_space.value_text(value) for name, value in values.items()},
                )
            )

    def claim(self) -> Claimed | None:
        """Makes one of the waiting trials ours, or None if there is none."""
        found = self._claim()
        if found is None:
            return None
        trial_id, number, point = found
        values = self.sweep.values(point)
        if values is None:
            params = self._storage.get_trial(trial_id).params
            if len(params) < len(self.sweep.space):  # none, or some by a process that was killed in the midst of it
                params = self._suggest(trial_id)
            values = {name: search_space.value_from_text(name, params[name]) for name in self.sweep.space}
        return Claimed(trial_id, number, point, values)

    def _claim(self) -> tuple[int, int, int] | None:
        """Id, number and point of a trial that was waiting and now is running."""
        for trial in self._storage.get_all_trials(self._study_id, deepcopy=False, states=(TrialState.WAITING,)):
            if self._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING):
                return trial._trial_id, trial.number, trial.user_attrs[POINT]
        return None

    def _suggest(self, trial_id: int) -> dict[str, Any]:
        """Lets the sampler choose values; they are kept with the trial.

        A Study keeps the trials that it has seen when it is first asked, until
        its own `tell`, which is not used here: only a new one knows the others.
        """
        study = self._study
        if self.sweep.sampler == 'tpe':  # the others do not look at them
            study = optuna.load_study(
                storage=self._storage, study_name=study.study_name, sampler=study.sampler, pruner=study.pruner
            )
        trial = optuna.trial.Trial(study, trial_id)
        for name, one in self.sweep.space.items():
            if isinstance(one, search_space.Choices):
                trial.suggest_categorical(name, distribution(one).choices)
            elif one.whole:
                trial.suggest_int(name, one.low, distribution(one).high, step=one.step, log=one.log)
            else:
                trial.suggest_float(name, one.low, one.high, log=one.log)
        return trial.params

    def report(self, claimed: Claimed, step: int, accuracy: float) -> bool:
        """Notes a validation accuracy; whether the trial should go on.

        Raises:
          Taken: The trial is no longer ours.
        """
        self._note_accuracy(claimed.trial_id, step, accuracy)
        return self.sweep.pruner == 'none' or not self._study.pruner.prune(
            self._study, self._storage.get_trial(claimed.trial_id)
        )

    def complete(self, claimed: Claimed, accuracy: float, result: dict[str, Any], pruned: bool = False) -> None:
        """Notes a trial's validation accuracy, and what else is known of it.

        Raises:
          Taken: The trial is no longer ours.
        """
        self._end(claimed.trial_id, TrialState.PRUNED if pruned else TrialState.COMPLETE, accuracy, {_RESULT: result})

    def fail(self, claimed: Claimed, failure: str, reason: str) -> None:
        """Notes that a trial failed; see `sweep_plan` for the kinds of failure.

        Raises:
          Taken: The trial is no longer ours.
        """
        self._end(claimed.trial_id, TrialState.FAIL, None, {FAILURE: failure, REASON: reason})

    def _note_accuracy(self, trial_id: int, step: int, accuracy: float) -> None:
        with _taken():
            self._storage.set_trial_intermediate_value(trial_id, step, accuracy)

    def _end(self, trial_id: int, state: TrialState, accuracy: float | None, attributes: dict[str, Any]) -> None:
        with _taken():
            # An ended trial cannot be changed, so what is known of it comes first.
            for name, value in attributes.items():
                self._storage.set_trial_user_attr(trial_id, name, value)
            self._storage.set_trial_state_values(trial_id, state, None if accuracy is None else [accuracy])

    def beat(self, claimed: Iterable[Claimed]) -> list[Claimed]:
        """Says that these trials are alive; returns those that are no longer ours."""
        return []

    def recover(self, starting: bool) -> None:
        """Fails the trials that nobody runs any more, and queues them again."""

    def test_result(self) -> dict[str, Any]:
        """The test accuracies read so far, by number of the trial whose weights were tested."""
        return self._storage.get_study_user_attrs(self._study_id).get(_TEST, {})

    def set_test_result(self, number: int, result: dict[str, Any]) -> None:
        """Notes the one test of a winner."""
        self._study.set_user_attr(_TEST, {**self.test_result(), str(number): result})

    def close(self) -> None:
        """Lets others have it."""


@contextlib.contextmanager
def _taken():
    try:
        yield
    except optuna.exceptions.UpdateFinishedTrialError:
        raise Taken from None


def distribution(one: search_space.Choices | search_space.Range):
    """The Optuna distribution of one searched hyperparameter."""
    if isinstance(one, search_space.Choices):
        return CategoricalDistribution([search_space.value_text(value) for value in one.values])
    if one.whole:
        return IntDistribution(one.low, one.low + (one.high - one.low) // one.step * one.step, one.log, one.step)
    return FloatDistribution(one.low, one.high, one.log)


def attempt(trial) -> Attempt:
    """What planning must know of an optuna.trial.FrozenTrial."""
    # One that failed without a word was declared lost by another machine.
    failure = trial.user_attrs.get(FAILURE, CRASHED) if trial.state == TrialState.FAIL else ''
    values = {name: search_space.value_from_text(name, value) for name, value in trial.params.items()}
    return Attempt(trial.user_attrs[POINT], _STATES[trial.state], failure, values or None)
