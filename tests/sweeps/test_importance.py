"""What hyperparameters explain of a sweep's results, and that chance explains nothing."""

import numpy as np
import pytest

from helpers.sweep_fakes import grid
from mnist_graph.sweeps import importance
from mnist_graph.sweeps.summary import Row


def row(point, values, accuracy, state='complete'):
    return Row(point, point, state, values, accuracy, 0.5, 0, 10, 1.0, None, '', '', ())


def simulated(random, n_trials, effects, noise=0.01):
    """Rows of a random search over dropout (three choices) and the learning rate (a range)."""
    rows = []
    for point in range(n_trials):
        values = {'dropout': (0.0, 0.25, 0.5)[random.integers(3)], 'learning_rate': random.uniform(0.001, 0.01)}
        accuracy = 0.9 + effects.get('dropout', 0) * values['dropout'] + noise * random.normal()
        rows.append(row(point, values, accuracy + effects.get('learning_rate', 0) * values['learning_rate']))
    return rows


SWEEP = grid('dropout=0,0.25,0.5', 'learning_rate=0.001:0.01', sampler='random', n_trials=12)


def test_what_does_nothing_gets_no_share():
    """Of 300 sweeps of 12 trials; the uncorrected correlation ratio gives dropout 18 and the range 27% on average."""
    random = np.random.default_rng(1)
    shares = [importance.shares(SWEEP, simulated(random, 12, {})) for _ in range(300)]
    for name in ('dropout', 'learning_rate'):
        # A test at 5% passes in 15 +- 4 of 300.
        assert sum(name in found for found in shares) < 30
        assert np.mean([found.get(name, 0) for found in shares]) < 0.05


def test_a_real_effect_gets_its_share_beside_one_that_does_nothing():
    random = np.random.default_rng(2)
    shares = [importance.shares(SWEEP, simulated(random, 36, {'dropout': -0.1})) for _ in range(50)]
    # The variance of dropout, 0.204 ** 2, times 0.1 ** 2, beside the noise's 0.01 ** 2.
    expected = 0.0204**2 / (0.0204**2 + 0.01**2)
    assert np.mean([found.get('dropout', 0) for found in shares]) == pytest.approx(expected, abs=0.05)
    assert np.mean([found.get('learning_rate', 0) for found in shares]) < 0.05
    strong = [importance.shares(SWEEP, simulated(random, 12, {'dropout': -0.2})) for _ in range(50)]
    assert np.mean(['dropout' in found for found in strong]) > 0.7


def test_shares_by_hand():
    sweep = grid('dropout=0,0.5', 'batch_size=1,2')
    # Accuracies 1, 3, 5 and 7, four times each: dropout moves the mean by 4, batch_size by 2, so the variance
    # 5 is 4 + 1. Of each ratio, 4/5 and 1/5, chance gives 1/15, and what is left is a share of 14/15.
    rows = [
        row(4 * n + 2 * a + b, {'dropout': 0.5 * a, 'batch_size': 1 + b}, 1.0 + 4 * a + 2 * b)
        for n in range(4)
        for a in (0, 1)
        for b in (0, 1)
    ]
    assert importance.shares(sweep, rows) == {'dropout': pytest.approx((4 / 5 - 1 / 15) / (14 / 15))}
    assert importance.shares(sweep, [each._replace(accuracy=0.5) for each in rows]) == {}
    assert importance.shares(sweep, [each._replace(state='pruned') for each in rows]) == {}


def test_too_few_trials_say_nothing():
    sweep = grid('dropout=0:0.9', sampler='random', n_trials=12)
    # A range goes by quarters of the trials: here by the four accuracies themselves, which explain all.
    rows = [row(a, {'dropout': 0.05 * a}, (1.0, 5.0, 2.0, 9.0)[a // 3]) for a in range(12)]
    assert importance.shares(sweep, rows) == {'dropout': pytest.approx(1.0)}
    assert importance.shares(sweep, rows[:11]) == {}
