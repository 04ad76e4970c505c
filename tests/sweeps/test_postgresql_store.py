"""Sweeps on a PostgreSQL server, which these tests start on loopback and stop again."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

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
    """The module, with lost trials noticed within seconds."""
    from mnist_graph.sweeps import postgresql_store

    monkeypatch.setattr(postgresql_store, '_RECOVERY_SECONDS', 0.01)
    return postgresql_store


def begin(postgresql, database, name, sweep=None):
    store = postgresql.PostgresqlStore(database, name, create=True)
    store.adopt(sweep or grid())
    return store


def age(store, claimed, seconds):
    """Makes a trial's last heartbeat older."""
    import sqlalchemy

    with store._engine.begin() as connection:
        changed = connection.execute(
            sqlalchemy.text(
                "UPDATE trial_heartbeats SET heartbeat = heartbeat - :seconds * interval '1 second' WHERE trial_id = :trial"
            ),
            {'seconds': seconds, 'trial': claimed.trial_id},
        )
        assert changed.rowcount == 1


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
    from mnist_graph.sweeps.coordinator import Coordinator
    from mnist_graph.sweeps.plan import DIVERGED

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


def test_a_silent_machine_loses_its_trial_and_is_told(postgresql, database):
    """Even one that fell silent at once after it had claimed."""
    from mnist_graph.sweeps.coordinator import Coordinator
    from mnist_graph.sweeps.store import LostTrialError

    silent, other = (begin(postgresql, database, 'silent') for _ in range(2))
    silent.fill_queue(wait=True)
    claimed = [silent.claim(), silent.claim()]
    assert silent.beat(claimed) == []
    age(silent, claimed[0], postgresql.GRACE_SECONDS + 1)
    age(silent, claimed[1], postgresql.GRACE_SECONDS - 5)
    other.recover(starting=False)
    assert silent.beat(claimed) == [claimed[0]]
    for telling in (
        lambda: silent.report(claimed[0], 100, 0.5),
        lambda: silent.complete(claimed[0], 0.5, {}),
        lambda: silent.fail(claimed[0], 'crashed', ''),
    ):
        with pytest.raises(LostTrialError):
            telling()
    silent.complete(claimed[1], 0.5, {'validation_loss': 1.0})
    assert Coordinator(other, FakePool()).run()
    assert complete_points(other) == list(range(6))


def test_a_trial_that_costs_three_machines_is_not_tried_a_fourth_time(postgresql, database):
    store = begin(postgresql, database, 'poison', grid('dropout=0,0.1'))
    store.fill_queue(wait=True)
    for _ in range(3):
        claimed = store.claim()
        if claimed.point == 1:
            store.complete(claimed, {'validation_accuracy': 0.5})
            claimed = store.claim()
        age(store, claimed, postgresql.GRACE_SECONDS + 1)
        store._next_recovery = 0.0
        store.recover(starting=False)
    assert store.claim() is None
    assert sorted(trial.user_attrs['point'] for trial in store.trials()) == [0, 0, 0, 1] or complete_points(store) == [
        1
    ]


def test_many_claim_at_once_and_nobody_the_same(postgresql, database):
    from concurrent.futures import ThreadPoolExecutor

    stores = [
        begin(postgresql, database, 'race', grid('batch_size=' + ','.join(map(str, range(1, 101))))) for _ in range(4)
    ]

    def claim_all(store):
        store.fill_queue(wait=True)
        return [one.point for one in iter(store.claim, None)]

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
    hurry = (
        'import mnist_graph.sweeps.postgresql_store as p, sqlalchemy; p.GRACE_SECONDS, p._RECOVERY_SECONDS = 6, 1; '
        'p.HEARTBEAT_SECONDS = 1; import mnist_graph.sweeps.coordinator as c; c._BEAT_SECONDS = 1; '
        'p._LOOK = sqlalchemy.text(p._LOOK.text.replace("60 seconds", "6 seconds")); '
        'from mnist_graph import sweep; sweep.run_command()'
    )
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
            [sys.executable, '-c', hurry, *flags, f'--sweep_dir={tmp_path / log.name}.d'],
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
    first.wait()
    assert second.wait(300) == 0, open(logs[1].name).read()
    from mnist_graph.sweeps.postgresql_store import PostgresqlStore

    store = PostgresqlStore(database, 'shared', create=False)
    assert complete_points(store) == list(range(48))
    assert '48 of 48 points' in open(logs[1].name).read()
    assert list(store.test_results()) and len(store.test_results()) == 1
