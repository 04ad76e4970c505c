"""What a sweep reports: ranks, results.csv, best.flags, shares of variance, pictures."""

import csv

import pytest

from helpers.sweep_fakes import FakePool, grid
from mnist_graph.hparams import HParams
from mnist_graph.sweeps import plan, plots, search_space, summary
from mnist_graph.sweeps.coordinator import Coordinator
from mnist_graph.sweeps.journal import JournalStore
from mnist_graph.sweeps.plan import DIVERGED
from mnist_graph.sweeps.runner import report
from mnist_graph.sweeps.summary import Row


@pytest.fixture
def store(tmp_path):
    """A finished sweep of six points, the best of which diverged."""
    made = JournalStore(str(tmp_path), create=True)
    made.adopt(grid())
    Coordinator(
        made,
        FakePool(
            what=lambda hparams, before: (
                (DIVERGED, 'nan, they say') if hparams['batch_size'] == 1 and not hparams['dropout'] else 'done'
            )
        ),
    ).run()
    return made


def row(point, values, accuracy, state='complete', loss=0.5):
    return Row(point, point, state, values, accuracy, loss, 0, 10, 1.0, None, '', '', ())


def test_results_and_winner_on_disk(store, tmp_path):
    ranked = summary.rows(store.sweep, store.trials())
    summary.write(str(tmp_path), store.sweep, ranked, ['--dataset=drawn'])
    with open(tmp_path / 'results.csv', newline='') as file:
        lines = list(csv.DictReader(file))
    assert [(line['rank'], line['dropout'], line['batch_size'], line['validation_accuracy']) for line in lines[:2]] == [
        ('1', '0.0', '2', '0.88'),
        ('2', '0.0', '3', '0.87'),
    ]
    assert (lines[-1]['state'], lines[-1]['rank'], lines[-1]['reason']) == ('failed', '', 'nan, they say')
    flags = (tmp_path / 'best.flags').read_text().splitlines()
    best = store.sweep.hparams({'dropout': 0.0, 'batch_size': 2})
    assert flags[1] == f'# SHA-256 of its weights: {best.seed:064x}'
    assert [line for line in flags if not line.startswith('#')] == [
        '--n_iterations=300',
        '--batch_size=2',
        '--eval_steps=100',
        f'--seed={best.seed}',
        '--dropout=0.0',
        '--dataset=drawn',
        '--num_threads=1',
    ]


def test_flagfile_leaves_out_iterations_that_epochs_overrule():
    sweep = plan.make(search_space.parse(['n_epochs=0,2']), HParams(n_iterations=500))
    for n_epochs, expected in ((0, ['--n_iterations=500', '--n_epochs=0']), (2, ['--n_epochs=2'])):
        lines = summary.best_flags(sweep, row(0, {'n_epochs': n_epochs}, 0.9), []).splitlines()
        assert [line for line in lines if line.startswith('--n_') and 'threads' not in line] == expected


def test_no_winner_no_flagfile(tmp_path):
    summary.write(str(tmp_path), grid(), [], [])
    assert not (tmp_path / 'best.flags').exists() and (tmp_path / 'results.csv').read_text().count('\n') == 1


def test_table(store):
    lines = summary.table(store.sweep, summary.rows(store.sweep, store.trials()), most=2).splitlines()
    assert lines[0].split() == ['dropout', 'batch_size', 'validation', 'accuracy', 'loss', 'steps', 'trial']
    assert lines[1].split() == ['1', '0', '2', '0.8800', '0.1200', '300', '1']
    assert lines[-1] == '... and 4 more in results.csv'


def test_equal_accuracies_rank_by_loss_and_pruned_trials_come_after():
    rows = [row(0, {}, 0.9, loss=0.3), row(1, {}, 0.95, state='pruned'), row(2, {}, 0.9, loss=0.2), row(3, {}, 0.8)]
    assert [one.point for one in sorted(rows, key=summary._rank)] == [2, 0, 3, 1]
    assert summary.winner([rows[1]]) is None and summary.winner([]) is None


def test_shares_of_variance_by_hand():
    sweep = grid('dropout=0,0.5', 'batch_size=1,2')
    # Accuracies 1, 3 and 5, 7: dropout moves the mean by 4, batch_size by 2, so the variance 5 is 4 + 1.
    rows = [
        row(4 * n + 2 * a + b, {'dropout': 0.5 * a, 'batch_size': 1 + b}, 1.0 + 4 * a + 2 * b)
        for n in (0, 1)
        for a in (0, 1)
        for b in (0, 1)
    ]
    assert summary.importances(sweep, rows) == {'dropout': pytest.approx(0.8), 'batch_size': pytest.approx(0.2)}
    assert summary.importances(sweep, rows[:5]) == {}  # chance alone would explain much of so few
    # A range goes by quarters of the trials: here by the four values themselves, which explain all.
    sweep = grid('dropout=0:0.9', sampler='random', n_trials=12)
    rows = [row(a, {'dropout': 0.05 * a}, (1.0, 5.0, 2.0, 9.0)[a // 3]) for a in range(12)]
    assert summary.importances(sweep, rows) == {'dropout': pytest.approx(1.0)}
    assert summary.importances(sweep, rows[:11]) == {}
    assert summary.importances(sweep, [one._replace(accuracy=0.5) for one in rows]) == {}


def test_what_failed_first_and_succeeded_later_counts_once(tmp_path):
    store = JournalStore(str(tmp_path), create=True)
    store.adopt(grid())
    Coordinator(store, FakePool(what=lambda hparams, before: 'done' if before else 'died')).run()
    ranked = summary.rows(store.sweep, store.trials())
    assert len(ranked) == 6 and {one.state for one in ranked} == {'complete'} and len(store.trials()) == 12
    assert summary.n_ended(store.sweep, store.trials()) == 6


def test_pictures(tmp_path):
    pytest.importorskip('matplotlib')
    from PIL import Image

    store = JournalStore(str(tmp_path), create=True)
    store.adopt(grid())
    Coordinator(store, FakePool()).run()
    paths = plots.write(report(store, str(tmp_path / 'elsewhere')))
    assert sorted(path.rpartition('/')[2] for path in paths) == ['accuracy.png', 'curves.png', 'importance.png']
    assert all(Image.open(path).size[0] > 300 for path in paths)


def test_pictures_of_ranges_and_pruned_trials(tmp_path):
    pytest.importorskip('matplotlib')
    store = JournalStore(str(tmp_path), create=True)
    store.adopt(
        grid(
            'dropout=0.1:0.9',
            'learning_rate=log:1e-5:1e-2',
            'hidden_units=8x4,none',
            sampler='random',
            n_trials=12,
            pruner='median',
        )
    )
    Coordinator(store, FakePool()).run()
    found = report(store, str(tmp_path))
    assert {one.state for one in found.rows} == {'complete', 'pruned'}
    assert len(plots.write(found)) == 3
