"""A trial as Optuna keeps it, and what a sweep keeps in it. The one place that knows the keys."""

import warnings
from typing import Any, NamedTuple

from mnist_graph.base import extras
from mnist_graph.base.errors import UsageError
from mnist_graph.sweeps import search_space
from mnist_graph.sweeps.attempts import CRASHED, Attempt
from mnist_graph.sweeps.plan import Sweep

try:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        import optuna
except ImportError:
    raise UsageError(f'Sweeps need Optuna; install it with {extras.install_command("sweep")}.') from None

from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

# Keys of a trial's user attributes.
_POINT, _FAILURE, _REASON, _RESULT = 'point', 'failure', 'reason', 'result'
_STATES = {
    TrialState.WAITING: 'waiting',
    TrialState.RUNNING: 'running',
    TrialState.COMPLETE: 'complete',
    TrialState.PRUNED: 'pruned',
    TrialState.FAIL: 'failed',
}

optuna.logging.set_verbosity(optuna.logging.ERROR)


class ClaimedTrial(NamedTuple):
    """A trial that this coordinator runs.

    Attributes:
      trial_id: Its id in the storage.
      number: Its number in the study, from 0, which people see.
      point: Its point in the sweep.
      values: By name, the searched hyperparameters.
    """

    trial_id: int
    number: int
    point: int
    values: dict[str, Any]


def distribution(
    dimension: search_space.Choices | search_space.Range,
) -> CategoricalDistribution | IntDistribution | FloatDistribution:
    """The Optuna distribution of one searched hyperparameter."""
    if isinstance(dimension, search_space.Choices):
        return CategoricalDistribution([search_space.value_text(value) for value in dimension.values])
    if dimension.whole:
        low, high, step = int(dimension.low), int(dimension.high), dimension.step
        return IntDistribution(low, low + (high - low) // step * step, dimension.log, step)
    return FloatDistribution(dimension.low, dimension.high, dimension.log)


def attempt(trial: FrozenTrial) -> Attempt:
    """What planning must know of a trial."""
    if trial.state != TrialState.FAIL:
        return Attempt(point(trial), _STATES[trial.state])
    # One that failed without a word was declared lost by another machine.
    values = {name: search_space.value_from_text(name, value) for name, value in trial.params.items()}
    return Attempt(point(trial), 'failed', trial.user_attrs.get(_FAILURE, CRASHED), values or None)


def values_of(sweep: Sweep, trial: FrozenTrial) -> dict[str, Any]:
    """The searched hyperparameters of a trial; {} if they are still to be chosen."""
    if len(trial.params) < len(sweep.space):  # perhaps some: their coordinator was killed while it chose them
        return sweep.values(point(trial)) or {}
    return {name: search_space.value_from_text(name, trial.params[name]) for name in sweep.space}


def failure_attributes(kind: str, reason: str) -> dict[str, str]:
    """How a failed trial is described: with its kind (see `attempts`) and the reason, a line for the user."""
    return {_FAILURE: kind, _REASON: reason}


def result(trial: FrozenTrial) -> dict[str, Any]:
    """What a worker told of an ended trial; {} if there is nothing."""
    return trial.user_attrs.get(_RESULT, {})


def reason(trial: FrozenTrial) -> str:
    """Why a trial failed, or ''."""
    return trial.user_attrs.get(_REASON, '')


def result_attributes(result: dict[str, Any]) -> dict[str, Any]:
    """How an ended trial is described."""
    return {_RESULT: result}


def point(trial: FrozenTrial) -> int:
    """The number of the point that a trial tries."""
    return trial.user_attrs[_POINT]


def waiting(sweep: Sweep, point: int, values: dict[str, Any]) -> FrozenTrial:
    """A trial of a point that waits to be claimed; without values the sampler is to choose them."""
    return optuna.trial.create_trial(
        state=TrialState.WAITING,
        distributions={name: distribution(sweep.space[name]) for name in values},
        user_attrs={_POINT: point},
        params={name: search_space.value_text(value) for name, value in values.items()},
    )
