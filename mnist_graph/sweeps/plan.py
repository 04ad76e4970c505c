"""What a sweep is to try, and which of its points still need a trial.

A sweep has points numbered from 0. Each has one trial, or several one after
another if workers crash. The values of a point, the seed of its training and
so its result depend on the sweep alone: not on the order of trials, the number
of workers or machines, nor on what was interrupted. (Only the tpe sampler
chooses values by the results so far.)
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from mnist_graph.base.errors import UsageError
from mnist_graph.hparams import NEEDS, SPECS, HParams, missing_flag
from mnist_graph.sweeps import search_space
from mnist_graph.sweeps.search_space import Space

SAMPLERS = ('auto', 'grid', 'random', 'tpe')
PRUNERS = ('none', 'median', 'hyperband', 'successive_halving')
MOST_RETRIES = 2
_FORMAT = 1

# Why a trial failed. Only a crash is blamed on the trial: it is tried again, but not for ever.
DIVERGED, UNUSABLE, CRASHED, INTERRUPTED = 'diverged', 'unusable', 'crashed', 'interrupted'


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep's whole meaning, on which every machine that takes part must agree.

    Attributes:
      space: What is searched.
      base: The hyperparameters that are not.
      sampler: 'grid', 'random' or 'tpe'.
      pruner: One of PRUNERS.
      n_trials: Number of points.
      fingerprint: Of the data set; see `data.Dataset`.
      dataset: Its name.
    """

    space: Space
    base: HParams
    sampler: str
    pruner: str
    n_trials: int
    fingerprint: str = ''
    dataset: str = ''

    def describe(self) -> dict[str, Any]:
        """All of it as JSON can hold it; `from_description` is the inverse."""
        fixed = {name: value for name, value in self.base.to_dict().items() if name not in self.space}
        return {
            'format': _FORMAT,
            'search': {name: search_space.to_text(one) for name, one in self.space.items()},
            'fixed': fixed,
            'sampler': self.sampler,
            'pruner': self.pruner,
            'n_trials': self.n_trials,
            'fingerprint': self.fingerprint,
            'dataset': self.dataset,
        }

    def values(self, point: int) -> dict[str, Any] | None:
        """What a point tries, or None if the sampler is to choose when its trial begins."""
        if self.sampler == 'grid':
            return search_space.grid_point(self.space, point)
        return search_space.random_point(self.space, self.base.seed, point) if self.sampler == 'random' else None

    def hparams(self, values: Mapping[str, Any]) -> HParams:
        """The hyperparameters of a trial: these values, the fixed ones, and a seed that belongs to the values.

        Raises:
          UsageError: A value is out of bounds.
        """
        seed = {} if 'seed' in values else {'seed': self._seed(values)}
        return HParams(**{**self.base.to_dict(), **values, **seed})

    def _seed(self, values: Mapping[str, Any]) -> int:
        text = json.dumps([self.base.seed, {name: search_space.value_text(values[name]) for name in sorted(values)}])
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4]) >> 1


def make(
    space: Space, base: HParams, sampler: str = 'auto', pruner: str = 'none', n_trials: int | None = None
) -> Sweep:
    """A sweep, if it makes sense.

    Args:
      space: What is searched; see `search_space.parse`.
      base: The fixed hyperparameters.
      sampler: One of SAMPLERS; 'auto' is grid for lists alone, else tpe.
      pruner: One of PRUNERS.
      n_trials: Number of points; a grid knows its own.

    Raises:
      UsageError: It makes none; says why.
    """
    if not space:
        raise UsageError(
            'There is nothing to search; give --search=FLAG=SPEC, as in --search=learning_rate=log:1e-5:1e-2.'
        )
    if sampler == 'auto':
        has_range = any(isinstance(one, search_space.Range) for one in space.values())
        sampler = 'tpe' if has_range or n_trials else 'grid'
    if sampler == 'grid':
        size = search_space.grid_size(space)
        if n_trials not in (None, size):
            raise UsageError(
                f'n_trials={n_trials}: a grid tries each of its {size} points; leave --n_trials out, '
                f'or use --sampler=random.'
            )
        n_trials = size
    elif n_trials is None:
        raise UsageError(f'--sampler={sampler} needs --n_trials, as a range has no end of values.')
    elif not any(isinstance(one, search_space.Range) for one in space.values()):
        size = search_space.grid_size(space)
        if n_trials > size:
            raise UsageError(
                f'n_trials={n_trials}: the lists have {size} points, and a point trained again gives the '
                f'same; leave --n_trials out, or search some seeds, too.'
            )
    if 'n_iterations' in space and _highest(space, base, 'n_epochs'):
        raise UsageError('search=n_iterations: has no effect beside --n_epochs; search one of them, without the other.')
    if _highest(space, base, 'distillation_temperature'):
        raise UsageError(
            'distillation_temperature: the trials of a sweep have no teacher to learn from; '
            'give --distillation_temperature=0.'
        )
    for name in set(space) & set(NEEDS):
        if NEEDS[name][0] not in space and (missing := missing_flag(name, base)):
            raise UsageError(f'search={name}: has no effect without {missing}.')
    if _lowest(space, base, 'n_validation') == 0:
        raise UsageError(
            'n_validation=0: trials are ranked by their accuracy on validation images; '
            'hold some out with --n_validation.'
        )
    if (
        pruner != 'none'
        and not {'n_iterations', 'n_epochs', 'eval_steps'} & set(space)
        and not base.n_epochs
        and base.validation_interval(base.n_iterations) >= base.n_iterations
    ):
        raise UsageError(
            f'--pruner={pruner} judges a trial while it trains, but --eval_steps={base.eval_steps} is no '
            f'less than --n_iterations={base.n_iterations}; give a smaller --eval_steps.'
        )
    return Sweep(space, base, sampler, pruner, n_trials)


def _lowest(space: Space, base: HParams, name: str) -> float:
    one = space.get(name)
    if one is None:
        return getattr(base, name)
    return one.low if isinstance(one, search_space.Range) else min(one.values)


def _highest(space: Space, base: HParams, name: str) -> float:
    one = space.get(name)
    if one is None:
        return getattr(base, name)
    return one.high if isinstance(one, search_space.Range) else max(one.values)


def largest_validation(sweep: Sweep) -> int:
    """The most validation pictures that a trial may hold out."""
    return _highest(sweep.space, sweep.base, 'n_validation')


def from_description(described: Mapping[str, Any], where: str) -> Sweep:
    """The sweep that a storage describes.

    Raises:
      UsageError: Another version or another program wrote it.
    """
    if described.get('format') != _FORMAT:
        raise UsageError(
            f'{where}: is no sweep of this version of mnist_graph (format {described.get("format")!r}, not {_FORMAT}).'
        )
    base = HParams.from_dict(described['fixed'], where)
    space = {name: search_space.dimension(name, spec) for name, spec in described['search'].items()}
    return Sweep(
        space, base, *(described[name] for name in ('sampler', 'pruner', 'n_trials', 'fingerprint', 'dataset'))
    )


def differences(old: Sweep, new: Sweep) -> list[str]:
    """'--learning_rate: 0.0001 -> 0.001' for each thing that differs, but for a larger number of trials."""

    def flat(sweep):
        described = sweep.describe()
        searched = {f'--search={name}': spec for name, spec in described.pop('search').items()}
        fixed = {f'--{name}': value for name, value in described.pop('fixed').items()}
        # The data set's name is that of a folder, which may be another on another machine.
        named = {
            {'fingerprint': 'data set'}.get(name, f'--{name}'): value
            for name, value in described.items()
            if name != 'dataset'
        }
        return {**searched, **fixed, **named}

    before, after = flat(old), flat(new)
    if old.sampler != 'grid' and new.n_trials >= old.n_trials:
        after['--n_trials'] = before['--n_trials']
    return [
        f'{name}: {json.dumps(before.get(name, "not given"))} -> {json.dumps(after.get(name, "not given"))}'
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


class Attempt(NamedTuple):
    """One trial as far as planning is concerned.

    Attributes:
      point: Which point it tries.
      state: 'waiting', 'running', 'complete', 'pruned' or 'failed'.
      failure: Why it failed: DIVERGED, UNUSABLE, CRASHED or INTERRUPTED.
      values: What it tries, or None if that was never chosen.
    """

    point: int
    state: str
    failure: str = ''
    values: dict[str, Any] | None = None


def needed(attempts: Iterable[Attempt], n_points: int, n_waiting: int) -> list[tuple[int, dict[str, Any] | None]]:
    """The trials to be queued: every point that lost its trial, and as many new ones as keep the queue filled.

    Args:
      attempts: All trials so far.
      n_points: Number of points in the sweep.
      n_waiting: Length that the queue should have.

    Returns:
      For each: the point, and its values if an earlier trial of it had any.
    """
    by_point: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        by_point.setdefault(attempt.point, []).append(attempt)
    lost = [
        (point, next((one.values for one in tried if one.values), None))
        for point, tried in sorted(by_point.items())
        if is_lost(tried)
    ]
    waiting = sum(one.state == 'waiting' for tried in by_point.values() for one in tried)
    new = [point for point in range(n_points) if point not in by_point] if len(by_point) < n_points else []
    return lost + [(point, None) for point in new[: max(0, n_waiting - waiting - len(lost))]]


def is_lost(tried: list[Attempt]) -> bool:
    """Whether a point has neither a result, nor a trial under way, nor failed for good."""
    if any(one.state != 'failed' or one.failure in (DIVERGED, UNUSABLE) for one in tried):
        return False
    return sum(one.failure == CRASHED for one in tried) <= MOST_RETRIES


def is_over(attempts: Iterable[Attempt], n_points: int) -> bool:
    """Whether every point has come to its end."""
    attempts = list(attempts)
    return not any(one.state in ('waiting', 'running') for one in attempts) and not needed(attempts, n_points, n_points)


def check_free(space: Space, given: Iterable[str]) -> None:
    """Raises UsageError if a flag is both fixed and searched."""
    both = [name for name in SPECS if name in space and name in set(given)]
    if both:
        raise UsageError(f'--{both[0]} is both fixed and searched; give --{both[0]} or --search={both[0]}=SPEC.')
