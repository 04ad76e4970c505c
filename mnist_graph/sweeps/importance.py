"""How much of the differences between a sweep's results each hyperparameter explains, where the results can say so."""

from collections.abc import Sequence

import numpy as np

from mnist_graph.sweeps.plan import Sweep
from mnist_graph.sweeps.search_space import Range
from mnist_graph.sweeps.summary import Row

# A mean of fewer trials than this says little of a value.
_FEWEST_OF_A_GROUP = 3
# Trials of a range are put into so many groups, each with as many trials as the others.
_GROUPS_OF_A_RANGE = 4
# A hyperparameter without any effect is reported in at most this share of sweeps, as is customary for tests.
_SIGNIFICANCE = 0.05
# Enough that the p-value of the test is known to within a fifth of _SIGNIFICANCE.
_N_PERMUTATIONS = 999


def shares(sweep: Sweep, ranked: Sequence[Row]) -> dict[str, float]:
    """By hyperparameter, the share of the variance of accuracies that it explains alone, the largest first.

    The share is epsilon squared (T. L. Kelley, "An unbiased correlation ratio
    measure", 1935): the variance between groups of trials with the same value
    over the variance of all, less what equally many groups of the same sizes
    would explain by chance. What two hyperparameters explain only together is
    in neither's share.

    Left out are those with too few complete trials for each value, and those
    whose groups differ no more than chance makes random groups differ, by a
    permutation test.

    Args:
      sweep: The sweep.
      ranked: Its rows, of which the complete ones count.

    Returns:
      Shares above 0 and at most 1.
    """
    done = [row for row in ranked if row.state == 'complete']
    accuracies = np.array([row.accuracy for row in done], np.float64)
    if len(done) < 2 or np.ptp(accuracies) == 0:
        return {}
    explained = {}
    for name, groups in _groups(sweep, done).items():
        sizes = np.bincount(groups)
        if len(done) >= _FEWEST_OF_A_GROUP * len(sizes) and len(sizes) > 1 and _is_real(groups, accuracies):
            ratio = _correlation_ratio(groups, accuracies)
            by_chance = (len(sizes) - 1) / (len(done) - 1)
            explained[name] = (ratio - by_chance) / (1 - by_chance)
    return dict(sorted(explained.items(), key=lambda item: -item[1]))


def _groups(sweep: Sweep, done: Sequence[Row]) -> dict[str, np.ndarray]:
    """By hyperparameter, the number of each trial's group, int, from 0 without gaps."""
    groups = {}
    for name, dimension in sweep.space.items():
        values = [row.values[name] for row in done]
        if isinstance(dimension, Range):
            ranks = np.argsort(np.argsort(values, kind='stable'))
            groups[name] = ranks * _GROUPS_OF_A_RANGE // len(done)
        else:
            positions = [dimension.values.index(value) for value in values]
            groups[name] = np.unique(positions, return_inverse=True)[1]
    return groups


def _correlation_ratio(groups: np.ndarray, accuracies: np.ndarray) -> float:
    """The variance of the groups' means, each counted for every trial, over the variance of all."""
    means = np.bincount(groups, accuracies) / np.bincount(groups)
    return float(np.var(means[groups]) / np.var(accuracies))


def _is_real(groups: np.ndarray, accuracies: np.ndarray) -> bool:
    """Whether groups drawn by lot explain as much in at most _SIGNIFICANCE of the cases; the same at every call."""
    random = np.random.default_rng(0)
    ratio = _correlation_ratio(groups, accuracies) * (1 - 1e-12)  # equal groups, but for rounding, count as equal
    n_as_large = sum(
        _correlation_ratio(random.permutation(groups), accuracies) >= ratio for _ in range(_N_PERMUTATIONS)
    )
    return bool((n_as_large + 1) / (_N_PERMUTATIONS + 1) <= _SIGNIFICANCE)
