"""What a sweep reports: ranks, results.csv, best.flags, shares of variance, pictures."""

import csv

import pytest

from helpers.sweep_fakes import FakePool, grid
from mnist_graph.hparams import HParams
from mnist_graph.sweeps import plan, plots, search_space, summary
from mnist_graph.sweeps.attempts import DIVERGED
from mnist_graph.sweeps.coordinator import Coordinator
from mnist_graph.sweeps.runner import report
from mnist_graph.sweeps.storage.journal import JournalStore
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


def test_what_failed_first_and_succeeded_later_counts_once(tmp_path):
    store = JournalStore(str(tmp_path), create=True)
    store.adopt(grid())
    Coordinator(store, FakePool(what=lambda hparams, before: 'done' if before else 'died')).run()
    ranked = summary.rows(store.sweep, store.trials())
    assert len(ranked) == 6 and {one.state for one in ranked} == {'complete'} and len(store.trials()) == 12
    assert summary.n_ended(store.trials()) == 6


def test_pictures(tmp_path):
    pytest.importorskip('matplotlib')
    from PIL import Image

    store = JournalStore(str(tmp_path), create=True)
    store.adopt(grid())
    Coordinator(store, FakePool()).run()
    paths = plots.write(report(store, str(tmp_path / 'elsewhere'))._replace(importances={'dropout': 0.5}))
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
    result = report(store, str(tmp_path))._replace(importances={'dropout': 0.5, 'hidden_units': 0.1})
    assert {row.state for row in result.rows} == {'complete', 'pruned'}
    assert len(plots.write(result)) == 3


def test_axes_show_all_values_whichever_were_tried(tmp_path):
    figure = pytest.importorskip('matplotlib.figure')
    axes = figure.Figure().subplots()
    for spec, low, high in (
        ('dropout=0.1:0.9', 0.1, 0.9),
        ('learning_rate=log:1e-5:1e-2', 1e-5, 1e-2),
        ('activation=relu,tanh,sigmoid', -0.4, 2.4),
    ):
        (dimension,) = search_space.parse([spec]).values()
        axes.clear()
        axes.scatter([low], [0.5])  # a point at one end alone must not hide the other
        plots._set_axis(axes, dimension)
        left, right = axes.get_xlim()
        assert left < low and right > high
        if 'log:' in spec:
            assert axes.get_xticks()[0] == low and axes.get_xticks()[-1] == high
        if spec.startswith('activation'):
            assert [tick.get_text() for tick in axes.get_xticklabels()] == ['relu', 'tanh', 'sigmoid']
