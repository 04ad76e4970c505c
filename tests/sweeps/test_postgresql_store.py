"""Sweeps on a PostgreSQL server, which these tests start on loopback and stop again."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from helpers import held
from helpers.data import write_idx_folder
from helpers.programs import REPOSITORY, environment
from helpers.sweep_fakes import FakePool, Log, grid

sys.path.insert(0, str(REPOSITORY / 'benchmarks'))
import local_postgresql

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        local_postgresql.programs() is None, reason='PostgreSQL is not installed (Debian: apt-get install postgresql)'
    ),
]


@pytest.fixture(scope='module')
def database():
    """Address of an empty database."""
    pytest.importorskip('psycopg')
    with local_postgresql.server(fsync='off') as url:
        yield url


@pytest.fixture
def postgresql(monkeypatch):
    """The module, with hearts that beat and lost trials that are noticed within a second."""
    from mnist_graph.sweeps.storage import postgresql_store

    monkeypatch.setattr(postgresql_store, 'BEAT_SECONDS', 0.1)
    monkeypatch.setattr(postgresql_store, 'GRACE_SECONDS', 1.0)
    return postgresql_store


class Clock:
    """Shows a hundredth of a second more at each look, so that nobody is silent because the machine stood still."""

    def __init__(self):
        self.now, self.sleep = 0.0, time.sleep

    def monotonic(self):
        self.now += 0.01
        return self.now


@pytest.fixture
def clock(postgresql, monkeypatch):
    """The clock of all stores."""
    from mnist_graph.sweeps.storage import store

    made = Clock()
    for module in (postgresql, store):
        monkeypatch.setattr(module, 'time', made)
    return made


def begin(postgresql, database, name, sweep=None):
    store = postgresql.PostgresqlStore(database, name, create=True)
    store.adopt(sweep or grid())
    store.begin()
    return store


def keep_up(clock, *stores_and_trials, seconds):
    """Lets coordinators keep up for so long; returns what each has lost."""
    lost = [[] for _ in stores_and_trials]
    deadline = clock.now + seconds
    while clock.now < deadline:
        for (store, running), its_lost in zip(stores_and_trials, lost):
            its_lost += store.keep_up([claimed for claimed in running if claimed not in its_lost], idle=True)
    return lost


def complete_points(store):
    return sorted(trial.user_attrs['point'] for trial in store.trials() if trial.state.name == 'COMPLETE')


def test_a_grid_as_optuna_sees_it(postgresql, database):
    """What our own statements write is what Optuna's functions read."""
    import optuna

    store, log = (
        begin(postgresql, database, 'grid', grid('dropout=0,0.5', 'hidden_units=8x4,none', pruner='median')),
        Log(),
    )
    from mnist_graph.sweeps.coordinator import Coordinator

    assert Coordinator(store, FakePool(), log).run()
    assert complete_points(store) == [0, 1, 2, 3] and len(log.ends) == 4
    study = optuna.load_study(study_name='grid', storage=database.replace('postgresql:', 'postgresql+psycopg:'))
    best = study.best_trial
    assert best.params in ({'dropout': 0.0, 'hidden_units': '8x4'}, {'dropout': 0.0, 'hidden_units': 'none'})
    assert [trial.number for trial in study.trials] == [0, 1, 2, 3]
    assert best.intermediate_values[300] == best.value and best.user_attrs['result']['steps'] == 300
    assert 0 <= best.duration.total_seconds() < 60


def test_the_tpe_sampler_and_failures(postgresql, database):
    from mnist_graph.sweeps.attempts import DIVERGED
    from mnist_graph.sweeps.coordinator import Coordinator

    store = begin(postgresql, database, 'tpe', grid('dropout=0:0.9', 'batch_size=1,2', n_trials=15))
    pool = FakePool(
        what=lambda hparams, before: (
            'died'
            if not before and hparams['dropout'] > 0.6
            else (DIVERGED, 'nan')
            if hparams['dropout'] < 0.2
            else 'done'
        )
    )
    assert Coordinator(store, pool).run()
    from mnist_graph.sweeps import summary

    rows = summary.rows(store.sweep, store.trials())
    assert len(rows) == 15 and {row.state for row in rows} == {'complete', 'failed'}
    assert all((row.state == 'failed') == (row.values['dropout'] < 0.2) for row in rows)


def test_a_silent_machine_loses_its_trials_and_is_told(postgresql, database, clock):
    """Even one that fell silent at once after it had claimed; but not one that beats."""
    from mnist_graph.sweeps.coordinator import Coordinator
    from mnist_graph.sweeps.storage.store import LostTrialError

    silent, alive, other = (begin(postgresql, database, 'silent') for _ in range(3))
    silent.keep_up([], idle=True)
    taken, kept = silent.claim(), None
    alive.keep_up([], idle=True)
    kept = alive.claim()
    assert keep_up(clock, (alive, [kept]), (other, []), seconds=2.5) == [[], []]
    assert silent.keep_up([taken], idle=True) == [taken]
    for telling in (
        lambda: silent.report(taken, 100, 0.5),
        lambda: silent.complete(taken, {'validation_accuracy': 0.5}),
        lambda: silent.fail(taken, 'crashed', ''),
    ):
        with pytest.raises(LostTrialError):
            telling()
    alive.complete(kept, {'validation_accuracy': 0.5})
    assert Coordinator(other, FakePool()).run()
    assert complete_points(other) == list(range(6))


def test_a_trial_that_costs_three_machines_is_not_tried_a_fourth_time(postgresql, database, clock):
    store = begin(postgresql, database, 'poison', grid('dropout=0'))
    for _ in range(3):
        keep_up(clock, (store, []), seconds=2.5)
        assert store.claim().point == 0
    keep_up(clock, (store, []), seconds=2.5)
    assert store.claim() is None and len(store.trials()) == 3 and store.is_over()


def test_many_claim_at_once_and_nobody_the_same(postgresql, database, monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr(postgresql, 'GRACE_SECONDS', 600.0)
    sweep = grid('batch_size=' + ','.join(map(str, range(1, 101))))
    stores = [begin(postgresql, database, 'race', sweep) for _ in range(4)]

    def claim_all(store):
        claimed = []
        while any(trial.state.name == 'WAITING' for trial in store.trials()) or not claimed:
            store.keep_up(claimed, idle=True)
            claimed += iter(store.claim, None)
        return [each.point for each in claimed]

    with ThreadPoolExecutor(4) as threads:
        claimed = list(threads.map(claim_all, stores))
    assert sorted(sum(claimed, [])) == list(range(100))


def test_another_sweep_of_the_same_name(postgresql, database):
    from mnist_graph.base.errors import UsageError

    begin(postgresql, database, 'named')
    with pytest.raises(UsageError, match='study named: holds a different sweep') as caught:
        begin(postgresql, database, 'named', grid('dropout=0,0.6', 'batch_size=1,2,3'))
    assert local_postgresql.PASSWORD not in str(caught.value)
    with pytest.raises(UsageError, match='holds no sweep yet'):
        postgresql.PostgresqlStore(database, 'unheard', create=False)


def test_a_wrong_password_is_not_shown(postgresql, database):
    from mnist_graph.base.errors import UsageError

    wrong = re.sub(':[^:@]+@', ':hush-hush@', database)
    with pytest.raises(UsageError, match='password authentication failed') as caught:
        postgresql.PostgresqlStore(wrong, 'a', create=True)
    assert 'hush' not in str(caught.value)


def test_two_machines_share_a_grid_and_one_dies(database, tmp_path):
    """Two coordinators of 2 workers, 48 points, one coordinator killed: each point complete exactly once."""
    data_dir = write_idx_folder(tmp_path / 'data', n_train=100)
    # Lost trials are to be noticed within seconds, not a minute.
    hurry = 'import mnist_graph.sweeps.storage.postgresql_store as p; p.GRACE_SECONDS, p.BEAT_SECONDS = 8, 1'
    held.let_go(tmp_path, until=12)
    dropouts = ','.join(f'{number / 50}' for number in range(24))
    flags = [
        f'--storage={database}',
        '--study=shared',
        f'--search=dropout={dropouts}',
        '--search=activation=relu,tanh',
        '--workers=2',
        '--n_iterations=60',
        '--eval_steps=30',
        '--hidden_units=16',
        '--batch_size=20',
        '--n_validation=20',
        f'--data_dir={data_dir}',
        '--notensorboard',
    ]
    logs = [open(tmp_path / f'{name}.log', 'w+') for name in 'ab']
    first, second = [
        subprocess.Popen(
            [sys.executable, '-c', hurry + held.SWEEP, *flags, f'--sweep_dir={tmp_path / log.name}.d'],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=log,
            stderr=log,
        )
        for log in logs
    ]

    def n_lines(log):
        with open(log.name) as file:
            return len(re.findall('^Trial', file.read(), re.M))

    deadline = time.monotonic() + 300
    while not all(n_lines(log) >= 3 for log in logs):
        assert time.monotonic() < deadline and first.poll() is None and second.poll() is None
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL  # it had not ended before
    held.let_go(tmp_path)
    assert second.wait(300) == 0, open(logs[1].name).read()
    from mnist_graph.sweeps.storage.postgresql_store import PostgresqlStore

    store = PostgresqlStore(database, 'shared', create=False)
    assert complete_points(store) == list(range(48))
    assert '48 of 48 points' in open(logs[1].name).read()
    assert list(store.test_results()) and len(store.test_results()) == 1


@pytest.fixture
def far_east(monkeypatch):
    """A local time that is nine hours from UTC."""
    monkeypatch.setenv('TZ', 'Asia/Tokyo')
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_times_are_as_optuna_writes_them(postgresql, database, far_east):
    """As Optuna shows them: local times, whatever it keeps in its tables."""
    import datetime

    store = begin(postgresql, database, 'times')
    store.keep_up([], idle=True)
    claimed = store.claim()
    store.complete(claimed, {'validation_accuracy': 0.5})
    trial = next(trial for trial in store.trials() if trial.number == claimed.number)
    now = datetime.datetime.now()
    for moment in (trial.datetime_start, trial.datetime_complete):
        assert abs((now - moment).total_seconds()) < 60
    assert trial.datetime_start <= trial.datetime_complete


def test_the_tables_are_those_that_the_statements_were_written_for(postgresql, database):
    """If this fails, Optuna has changed its tables: see to postgresql_tables.py and its REVISION."""
    import sqlalchemy

    from mnist_graph.sweeps.storage import postgresql_tables

    store = begin(postgresql, database, 'tables')
    assert store._storage.get_head_version() == postgresql_tables.REVISION
    tables = sqlalchemy.inspect(store._engine)
    columns = {
        table: {column['name']: str(column['type']) for column in tables.get_columns(table)}
        for table in ('studies', 'trials', 'trial_user_attributes', 'trial_params')
    }
    assert columns == {
        'studies': {'study_id': 'INTEGER', 'study_name': 'VARCHAR(512)'},
        'trials': {
            'trial_id': 'INTEGER',
            'number': 'INTEGER',
            'study_id': 'INTEGER',
            'state': 'VARCHAR(8)',
            'datetime_start': 'TIMESTAMP',
            'datetime_complete': 'TIMESTAMP',
        },
        'trial_user_attributes': {
            'trial_user_attribute_id': 'INTEGER',
            'trial_id': 'INTEGER',
            'key': 'VARCHAR(512)',
            'value_json': 'TEXT',
        },
        'trial_params': {
            'param_id': 'INTEGER',
            'trial_id': 'INTEGER',
            'param_name': 'VARCHAR(512)',
            'param_value': 'DOUBLE PRECISION',
            'distribution_json': 'TEXT',
        },
    }


def test_other_tables_are_refused_in_one_line(postgresql, database, monkeypatch):
    from mnist_graph.base.errors import UsageError
    from mnist_graph.sweeps.storage import postgresql_tables

    monkeypatch.setattr(postgresql_tables, 'REVISION', 'v9.9.0.a')
    with pytest.raises(UsageError, match=r'has tables of another version of Optuna than 5\.0') as caught:
        begin(postgresql, database, 'new')
    assert local_postgresql.PASSWORD not in str(caught.value)


@pytest.mark.parametrize('n_restarts', [3])
def test_a_restarted_server_loses_nothing(postgresql, n_restarts):
    """Restarted while three coordinators run, at any point of their work: each point is complete exactly once."""
    from concurrent.futures import ThreadPoolExecutor

    from mnist_graph.sweeps.coordinator import Coordinator

    class SlowPool(FakePool):
        def wait(self, timeout):
            time.sleep(0.02)
            return super().wait(timeout)

    # No trial is lost to a coordinator that only waits for the server.
    postgresql.GRACE_SECONDS = 30.0
    with local_postgresql.restartable_server(fsync='off') as (url, restart):
        sweep = grid('batch_size=' + ','.join(map(str, range(1, 201))))
        stores, logs = [begin(postgresql, url, 'restarts', sweep) for _ in range(3)], [Log() for _ in range(3)]
        watching = begin(postgresql, url, 'restarts', sweep)
        for store, log in zip(stores, logs):
            store.on_note = log.on_note
        with ThreadPoolExecutor(3) as threads:
            runs = [threads.submit(Coordinator(store, SlowPool(), log).run) for store, log in zip(stores, logs)]
            for number in range(n_restarts):
                deadline = time.monotonic() + 200
                while len(complete_points(watching)) < 40 * (number + 1):
                    assert time.monotonic() < deadline and not any(run.done() for run in runs)
                    time.sleep(0.3)
                restart(seconds_down=1.0)
            assert not all(run.done() for run in runs), 'the sweep was over before the last restart'
            assert all(run.result(240) for run in runs)
        assert complete_points(stores[0]) == list(range(200))
        assert any('does not answer' in note for log in logs for note in log.notes)
        assert any('answers again' in note for log in logs for note in log.notes)
        for store in (*stores, watching):
            store.close()


def test_a_server_that_stays_away_ends_the_sweep_in_one_line(postgresql, monkeypatch):
    from mnist_graph.base.errors import CheckpointError

    monkeypatch.setattr(postgresql, 'PATIENCE_SECONDS', 1.0)
    with local_postgresql.server(fsync='off') as url:
        store = begin(postgresql, url, 'gone')
    with pytest.raises(CheckpointError, match='did not answer for 1 s; give the same command again') as caught:
        store.trials()
    assert local_postgresql.PASSWORD not in str(caught.value) and '\n' not in str(caught.value)
