"""What a sweep is to try.

A sweep has points numbered from 0. Each has one trial, or several one after
another if workers crash. The values of a point, the seed of its training and
so its result depend on the sweep alone: not on the order of trials, the number
of workers or machines, nor on what was interrupted. (Only the tpe sampler
chooses values by the results so far.)
"""

import dataclasses
import functools
import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mnist_graph.base.errors import UsageError
from mnist_graph.hparams import NEEDS, SPECS, HParams, missing_flag
from mnist_graph.models import starting_point
from mnist_graph.sweeps import search_space
from mnist_graph.sweeps.search_space import Space

SAMPLERS = ('auto', 'grid', 'random', 'tpe')
PRUNERS = ('none', 'median', 'hyperband', 'successive_halving')
_FORMAT = 1


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
            'search': {name: search_space.to_text(dimension) for name, dimension in self.space.items()},
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
        return self.random_values(point) if self.sampler == 'random' else None

    @functools.cached_property
    def _random_points(self) -> search_space.RandomPoints:
        return search_space.RandomPoints(self.space, self.base.seed)

    def random_values(self, point: int) -> dict[str, Any]:
        """What a point of a random search tries; no two points try the same."""
        return self._random_points[point]

    def all_random_values(self) -> Iterator[dict[str, Any]]:
        """What a random search tries, one point after another, until there are no other points."""
        size = search_space.size(self.space)
        return (self.random_values(point) for point in (itertools.count() if size == math.inf else range(int(size))))

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
    size = search_space.size(space)
    ranges = [name for name, dimension in space.items() if isinstance(dimension, search_space.Range)]
    if sampler == 'auto':
        sampler = 'grid' if not ranges and n_trials in (None, size) else 'tpe'
    if sampler == 'grid':
        if ranges:
            raise UsageError(
                f'search={ranges[0]}={search_space.to_text(space[ranges[0]])}: a grid cannot be made over a range; '
                f'list its values, or use --sampler=tpe or --sampler=random with --n_trials.'
            )
        if n_trials not in (None, size):
            raise UsageError(
                f'n_trials={n_trials}: a grid tries each of its {size} points; leave --n_trials out, '
                f'or use --sampler=random.'
            )
        n_trials = int(size)
    elif n_trials is None:
        raise UsageError(f'--sampler={sampler} needs --n_trials, the number of points to try.')
    elif n_trials > size:
        raise UsageError(
            f'n_trials={n_trials}: the search has {size:.0f} different points, and training one of them again gives '
            f'the same result; give at most --n_trials={size:.0f}, or search some seeds, too.'
        )
    _check_effects(space, base)
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


def _check_effects(space: Space, base: HParams) -> None:
    """Raises UsageError if a searched hyperparameter has no effect, or if trials could not be trained or ranked."""
    if 'n_iterations' in space and max(_extremes(space, base, 'n_epochs')):
        raise UsageError('search=n_iterations: has no effect beside --n_epochs; search one of them, without the other.')
    if max(_extremes(space, base, 'distillation_temperature')):
        raise UsageError(
            'distillation_temperature: the trials of a sweep have no teacher to learn from; '
            'give --distillation_temperature=0.'
        )
    for name in set(space) & set(NEEDS):
        if NEEDS[name][0] not in space and (missing := missing_flag(name, base)):
            raise UsageError(f'search={name}: has no effect without {missing}.')
    if min(_extremes(space, base, 'n_validation')) == 0:
        raise UsageError(
            'n_validation=0: trials are ranked by their accuracy on validation images; '
            'hold some out with --n_validation.'
        )


def _extremes(space: Space, base: HParams, name: str) -> tuple[float, ...]:
    """The values that a hyperparameter may take, or the ends of their range."""
    dimension = space.get(name)
    if dimension is None:
        return (getattr(base, name),)
    return dimension.values if isinstance(dimension, search_space.Choices) else (dimension.low, dimension.high)


def largest_validation(sweep: Sweep) -> int:
    """The most validation pictures that a trial may hold out."""
    return int(max(_extremes(sweep.space, sweep.base, 'n_validation')))


def from_description(described: Mapping[str, Any], where: str) -> Sweep:
    """The sweep that a storage describes.

    Raises:
      UsageError: Another version or another program wrote it.
    """
    if described.get('format') != _FORMAT:
        raise UsageError(
            f'{where}: is not a sweep of this version of mnist_graph (format {described.get("format")!r}, not {_FORMAT}).'
        )
    base = HParams.from_dict(described['fixed'], where)
    space = {name: search_space.parse_spec(name, spec) for name, spec in described['search'].items()}
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


def with_real_folders(space: dict[str, Any]) -> dict[str, Any]:
    """A search space in which no model to start from can become another one while the sweep runs, as runs/latest can.

    Raises:
      UsageError, CheckpointError: One of them is no model, or its path cannot be told from several.
    """
    if not isinstance(found := space.get('init_checkpoint'), search_space.Choices):
        return space
    real = search_space.Choices(tuple(map(starting_point.real_folder, found.values)))
    for folder in real.values:
        if search_space.parse_spec('init_checkpoint', folder) != search_space.Choices((folder,)):
            raise UsageError(
                f'search=init_checkpoint: {folder!r} holds a comma, or ends in a space; rename that folder.'
            )
    return {**space, 'init_checkpoint': real}


def check_free(space: Space, given: Iterable[str]) -> None:
    """Raises UsageError if a flag is both fixed and searched."""
    both = [name for name in SPECS if name in space and name in set(given)]
    if both:
        raise UsageError(f'--{both[0]} is both fixed and searched; give --{both[0]} or --search={both[0]}=SPEC.')
