"""The coordinator on a journal file, with workers that are not processes: every way in which trials end."""

import json

import numpy as np
import optuna
import pytest

from helpers.sweep_fakes import FakePool, Log, accuracy_of, grid
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.sweeps import attempts, runner, summary
from mnist_graph.sweeps.attempts import CRASHED, DIVERGED
from mnist_graph.sweeps.coordinator import Coordinator
from mnist_graph.sweeps.storage.journal import JOURNAL, JournalStore
from mnist_graph.sweeps.storage.trial_records import attempt


def begin(folder, sweep=None):
    folder.mkdir(exist_ok=True)
    store = JournalStore(str(folder), create=True)
    store.adopt(sweep or grid())
    return store


def table(store):
    """point: (state, accuracy, seed), whatever the order of trials."""
    return {row.point: (row.state, row.accuracy, row.seed) for row in summary.rows(store.sweep, store.trials())}


def states(store):
    return sorted((attempt(trial).point, attempt(trial).state) for trial in store.trials())


def test_a_grid_tries_each_point_once(tmp_path):
    store, pool, log = begin(tmp_path), FakePool(), Log()
    assert Coordinator(store, pool, log).run()
    assert states(store) == [(point, 'complete') for point in range(6)]
    assert [(job.hparams['dropout'], job.hparams['batch_size']) for job in pool.begun] == [
        (dropout, size) for dropout in (0, 0.5) for size in (1, 2, 3)
    ]
    ranked = summary.rows(store.sweep, store.trials())
    assert [row.accuracy for row in ranked] == sorted((accuracy_of(job.hparams) for job in pool.begun), reverse=True)
    assert ranked[0].curve == ((100, pytest.approx(0.89 / 3)), (200, pytest.approx(0.89 * 2 / 3)), (300, 0.89))
    assert sorted(log.ends) == [(point, 'complete', '') for point in range(6)]


def test_a_finished_sweep_starts_no_worker(tmp_path):
    Coordinator(begin(tmp_path), FakePool()).run()
    pool = FakePool()
    assert Coordinator(begin(tmp_path), pool).run()
    assert pool.n_alive == 0 and not pool.begun


def test_no_more_workers_than_points(tmp_path):
    pool = FakePool(n_workers=50)
    Coordinator(begin(tmp_path), pool).run()
    assert pool.n_alive == 6


def test_a_grid_larger_than_the_queue(tmp_path):
    store = begin(tmp_path, grid('batch_size=' + ','.join(map(str, range(1, 21)))))
    store.queue_length = 3
    Coordinator(store, FakePool(), Log()).run()
    assert states(store) == [(point, 'complete') for point in range(20)]


def test_a_random_search_and_its_growth(tmp_path):
    space = ['dropout=0:0.5', 'batch_size=int:1:9']
    store = begin(tmp_path / 'a', grid(*space, sampler='random', n_trials=5))
    Coordinator(store, FakePool(1)).run()
    store = begin(tmp_path / 'a', grid(*space, sampler='random', n_trials=9))
    Coordinator(store, FakePool(3)).run()
    at_once = begin(tmp_path / 'b', grid(*space, sampler='random', n_trials=9))
    Coordinator(at_once, FakePool(2)).run()
    assert len(table(store)) == 9 and table(store) == table(at_once)


@pytest.mark.parametrize('pruner', ['none', 'median'])
def test_the_tpe_sampler_learns(tmp_path, monkeypatch, pruner):
    """All but the first ten points, which are random, come from its model of those that are done."""
    from optuna.samplers import TPESampler

    asked = []
    sample = TPESampler._sample
    monkeypatch.setattr(
        TPESampler,
        '_sample',
        lambda self, study, trial, space: (asked.append(trial.number), sample(self, study, trial, space))[1],
    )
    store = begin(tmp_path, grid('dropout=0:0.9', 'batch_size=1,2,3', n_trials=30, sampler='tpe', pruner=pruner))
    Coordinator(store, FakePool()).run()
    ranked = summary.rows(store.sweep, store.trials())
    assert len(ranked) == 30 and len({row.values['dropout'] for row in ranked}) == 30
    assert len(set(asked) & set(range(10, 30))) >= 17  # the pool's workers are ahead by a trial each
    early, late = ([row.accuracy for row in ranked if row.trial in numbers] for numbers in (range(10), range(20, 30)))
    if pruner == 'none':
        assert np.mean(late) > np.mean(early)
    else:  # a pruned trial's accuracy is of the step where it ended
        assert any(row.state == 'pruned' for row in ranked)


def test_what_diverges_is_recorded_and_not_tried_again(tmp_path):
    pool, log = (
        FakePool(
            what=lambda hparams, before: (
                (DIVERGED, 'The loss became nan at step 7.') if hparams['batch_size'] == 2 else 'done'
            )
        ),
        Log(),
    )
    store = begin(tmp_path)
    assert Coordinator(store, pool, log).run()
    assert [state for state, _, _ in table(store).values()].count('failed') == 2 and len(pool.begun) == 6
    assert (1, 'failed', 'The loss became nan at step 7.') in log.ends
    assert summary.rows(store.sweep, store.trials())[-1].reason == 'The loss became nan at step 7.'


@pytest.mark.parametrize('what', ['died', (CRASHED, 'ResourceExhaustedError: ...')])
@pytest.mark.parametrize('n_crashes, state', [(1, 'complete'), (2, 'complete'), (3, 'failed')])
def test_a_crash_is_tried_again_at_most_twice(tmp_path, what, n_crashes, state):
    pool = FakePool(
        what=lambda hparams, before: (
            what if hparams['batch_size'] == 3 and hparams['dropout'] and before < n_crashes else 'done'
        )
    )
    store = begin(tmp_path)
    assert Coordinator(store, pool).run()
    assert table(store)[5][0] == state
    assert len(pool.begun) == 5 + min(3, n_crashes + 1)
    assert [one[0] for point, one in table(store).items() if point != 5] == ['complete'] * 5


def test_pruned_trials_stop_and_never_win(tmp_path):
    store, pool = (
        begin(tmp_path, grid('dropout=0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9', 'batch_size=1', pruner='median')),
        FakePool(1),
    )
    assert Coordinator(store, pool).run()
    ranked = summary.rows(store.sweep, store.trials())
    # The median pruner lets five trials through first; each of the rest is worse than their median.
    assert [row.state for row in ranked] == ['complete'] * 5 + ['pruned'] * 5
    assert all(row.steps == 100 and len(row.curve) == 1 for row in ranked[5:])


@pytest.mark.parametrize('pruner', ['hyperband', 'successive_halving'])
def test_other_pruners_end_bad_trials_early(tmp_path, pruner):
    store = begin(tmp_path, grid('dropout=0:0.9', 'batch_size=1', n_trials=40, sampler='random', pruner=pruner))
    assert Coordinator(store, FakePool()).run()
    ranked = summary.rows(store.sweep, store.trials())
    pruned = [row for row in ranked if row.state == 'pruned']
    assert len(ranked) == 40 and len(pruned) >= 5
    assert all(len(row.curve) < 3 and row.steps < 300 for row in pruned)
    # What is pruned is worse than what is not, on average: a pruner that drew lots would fail here.
    dropout = {
        state: np.mean([row.values['dropout'] for row in ranked if row.state == state])
        for state in ('complete', 'pruned')
    }
    assert dropout['pruned'] > dropout['complete']


def test_a_stop_lets_trials_finish_and_the_next_run_goes_on(tmp_path):
    store, pool = begin(tmp_path), FakePool(2)
    assert not Coordinator(store, pool, should_stop=lambda: len(pool.begun) // 2).run()
    assert states(store)[:2] == [(0, 'complete'), (1, 'complete')] and len(pool.begun) == 2
    undisturbed = begin(tmp_path.with_name('other'))
    assert Coordinator(begin(tmp_path), FakePool()).run() and Coordinator(undisturbed, FakePool()).run()
    assert table(begin(tmp_path)) == table(undisturbed)


def test_a_stop_at_once_puts_running_trials_back(tmp_path):
    store, pool = begin(tmp_path), FakePool(2)
    Coordinator(store, pool, should_stop=lambda: 2 * (len(pool.begun) > 2)).run()
    again = FakePool(2)
    assert Coordinator(begin(tmp_path), again).run()
    assert [state for state, _, _ in table(begin(tmp_path)).values()] == ['complete'] * 6
    assert [planned for planned in states(begin(tmp_path)) if planned[1] == 'complete'] == [
        (point, 'complete') for point in range(6)
    ]


def test_after_a_kill_each_point_is_complete_exactly_once(tmp_path):
    class Killed(BaseException):
        pass

    class Pool(FakePool):
        def wait(self, timeout):
            if len(self.begun) == 4:
                raise Killed
            return super().wait(timeout)

    store = begin(tmp_path)
    coordinator = Coordinator(store, Pool())
    coordinator._give_back = lambda: None  # a killed process tidies nothing
    with pytest.raises(Killed):
        coordinator.run()
    assert [state for _, state in states(store)].count('running') == 2
    # The kill came in the middle of a write, and while the journal's lock was held.
    with open(tmp_path / JOURNAL, 'a') as file:
        file.write('{"op_code":6,"worker_')
    (tmp_path / (JOURNAL + '.lock')).touch()
    assert Coordinator(begin(tmp_path), FakePool()).run()
    complete = [point for point, state in states(begin(tmp_path)) if state == 'complete']
    assert complete == list(range(6))
    undisturbed = begin(tmp_path.with_name('other'))
    Coordinator(undisturbed, FakePool()).run()
    assert table(begin(tmp_path)) == table(undisturbed)


def test_a_kill_between_failing_a_trial_and_queueing_it_again_loses_nothing(tmp_path):
    store = begin(tmp_path)
    store.keep_up([], idle=True)
    claimed = store.claim()
    store.fail(claimed, CRASHED, 'the worker was killed')
    assert attempts.needed(map(attempt, store.trials()), 6, 64) == [(0, claimed.values)]


def test_a_kill_while_values_are_drawn_is_made_good(tmp_path):
    """A trial that has a value for one searched flag of two, as a killed coordinator leaves it."""
    search = ('dropout=0.1:0.9', 'learning_rate=log:1e-5:1e-2')
    store = begin(tmp_path, grid(*search, sampler='tpe', n_trials=3))
    store.begin()
    store.keep_up([], idle=True)
    trial_id = store._claim_id()
    optuna.trial.Trial(store._study, trial_id).suggest_float('dropout', 0.1, 0.9)
    store.close()
    store = begin(tmp_path, grid(*search, sampler='tpe', n_trials=3))
    assert Coordinator(store, FakePool()).run()
    assert [state for _, state in states(store)].count('complete') == 3
    assert all(set(row.values) == {'dropout', 'learning_rate'} for row in summary.rows(store.sweep, store.trials()))


def test_reporting_on_a_sweep_that_was_never_begun(tmp_path):
    with pytest.raises(UsageError, match='was not begun; give the first command again'):
        runner.report(JournalStore(str(tmp_path), create=True), str(tmp_path))


def test_a_different_sweep_is_told_apart(tmp_path):
    begin(tmp_path)
    with pytest.raises(UsageError, match=r'holds a different sweep \(--search=dropout: "0.0,0.5" -> "0.1,0.5"\)'):
        begin(tmp_path, grid('dropout=0.1,0.5', 'batch_size=1,2,3'))


def test_a_damaged_journal(tmp_path):
    begin(tmp_path)
    lines = (tmp_path / JOURNAL).read_text().splitlines()
    (tmp_path / JOURNAL).write_text('\n'.join(['{"op_co', *lines]) + '\n')
    with pytest.raises(CheckpointError, match='is damaged'):
        JournalStore(str(tmp_path), create=True)


def test_a_study_of_another_program(tmp_path):
    import optuna

    path = str(tmp_path / JOURNAL)
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(path, lock_obj=optuna.storages.journal.JournalFileOpenLock(path))
    )
    optuna.create_study(storage=storage, study_name='sweep', direction='minimize').optimize(lambda trial: 1, n_trials=1)
    with pytest.raises(UsageError, match='holds a study of another program'):
        JournalStore(str(tmp_path), create=True)


def test_the_journal_is_lines_of_json(tmp_path):
    store = begin(tmp_path)
    Coordinator(store, FakePool()).run()
    assert all(json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines())


def test_only_public_names_of_optuna_are_used():
    """So that a later version of Optuna changes none of them without notice."""
    import ast
    import pathlib

    from mnist_graph import sweeps

    allowed = {'_replace', '_exit', '__name__', '__file__', '__version__', '__cause__', '__init__'}  # of others

    for path in pathlib.Path(sweeps.__file__).parent.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr.startswith('_') and node.attr not in allowed:
                assert isinstance(node.value, ast.Name) and node.value.id == 'self', f'{path}:{node.lineno}'


def test_a_tpe_search_over_lists_repeats_no_point(tmp_path):
    store = begin(tmp_path, grid('dropout=0,0.5', 'batch_size=' + ','.join(map(str, range(1, 11))), n_trials=19))
    assert store.sweep.sampler == 'tpe'
    assert Coordinator(store, FakePool(1)).run()
    values = [tuple(row.values.values()) for row in summary.rows(store.sweep, store.trials())]
    assert len(set(values)) == 19
