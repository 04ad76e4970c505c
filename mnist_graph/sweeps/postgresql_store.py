"""A sweep in PostgreSQL, which any number of machines work on together.

Every machine has a coordinator that claims waiting trials and tells results.
While it runs a trial it sends a heartbeat; a trial without one for
GRACE_SECONDS is declared lost and queued again by whichever coordinator notices.
"""

import contextlib
import json
import os
import random
import socket
import time
import warnings
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy

from mnist_graph.base.errors import UsageError
from mnist_graph.sweeps import postgresql_address
from mnist_graph.sweeps.search_space import value_text
from mnist_graph.sweeps.store import POINT, Claimed, Store, Taken, distribution, optuna

HEARTBEAT_SECONDS, GRACE_SECONDS = 10, 60
_RECOVERY_SECONDS = 4
# Any number, the same for all coordinators: who holds it creates the tables.
_TABLES_LOCK = 0x6D6E6973

# These statements work on Optuna 5's tables as Optuna's own functions do, which at this point would
# need many times as long. Optuna claims a trial by reading every waiting one first; SKIP LOCKED gives
# each of many coordinators a different one at once. And the heartbeat begins in the same transaction,
# so that there is no running trial without one: Optuna never declares such a trial lost.
_CLAIM = sqlalchemy.text("""
    WITH claimed AS (
        UPDATE trials SET state = 'RUNNING', datetime_start = now() AT TIME ZONE 'UTC'
        WHERE trial_id = (SELECT trial_id FROM trials WHERE study_id = :study AND state = 'WAITING'
                          ORDER BY trial_id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING trial_id, number),
    begun AS (
        INSERT INTO trial_heartbeats (trial_id, heartbeat) SELECT trial_id, now() FROM claimed
        ON CONFLICT (trial_id) DO UPDATE SET heartbeat = now())
    SELECT trial_id, number, value_json FROM claimed JOIN trial_user_attributes USING (trial_id) WHERE key = :point""")
_BEAT = sqlalchemy.text("""
    UPDATE trial_heartbeats SET heartbeat = now()
    WHERE trial_id IN (SELECT trial_id FROM trials WHERE trial_id = ANY(:trials) AND state = 'RUNNING')
    RETURNING trial_id""")
_LOOK = sqlalchemy.text(f"""
    SELECT count(*) FILTER (WHERE state = 'WAITING'),
           count(*) FILTER (WHERE state = 'RUNNING' AND heartbeat < now() - interval '{GRACE_SECONDS} seconds'),
           count(*) FILTER (WHERE state = 'FAIL')
    FROM trials LEFT JOIN trial_heartbeats USING (trial_id)
    WHERE study_id = :study AND state IN ('WAITING', 'RUNNING', 'FAIL')""")
_ADD_TRIAL = sqlalchemy.text("""
    INSERT INTO trials (number, study_id, state)
    SELECT count(*), :study, 'WAITING' FROM trials WHERE study_id = :study RETURNING trial_id""")
_ADD_POINT = sqlalchemy.text(
    'INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (:trial, :key, :value)'
)
_ADD_PARAMETER = sqlalchemy.text("""
    INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
    VALUES (:trial, :name, :value, :distribution)""")
_REPORT = sqlalchemy.text("""
    INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type)
    SELECT trial_id, :step, :accuracy, 'FINITE' FROM trials WHERE trial_id = :trial AND state = 'RUNNING'
    ON CONFLICT (trial_id, step) DO UPDATE SET intermediate_value = excluded.intermediate_value RETURNING trial_id""")
_END = sqlalchemy.text("""
    WITH ended AS (
        UPDATE trials SET state = CAST(:state AS trialstate), datetime_complete = now() AT TIME ZONE 'UTC'
        WHERE trial_id = :trial AND state = 'RUNNING' RETURNING trial_id),
    valued AS (
        INSERT INTO trial_values (trial_id, objective, value, value_type)
        SELECT trial_id, 0, CAST(:accuracy AS double precision), 'FINITE' FROM ended
        WHERE CAST(:accuracy AS double precision) IS NOT NULL)
    INSERT INTO trial_user_attributes (trial_id, key, value_json)
    SELECT trial_id, key, value FROM ended, unnest(CAST(:keys AS text[]), CAST(:values AS text[])) AS pairs (key, value)
    ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json RETURNING trial_id""")


class PostgresqlStore(Store):
    """A sweep in a PostgreSQL database.

    Args:
      url: postgresql://USER:PASSWORD@HOST:PORT/DATABASE.
      study_name: Name of the sweep there.
      create: Whether a new one may be begun.

    Raises:
      UsageError: The address is none, the server cannot be reached, or there is no such sweep.
    """

    queue_length = 256
    reporting_share = 0.01

    def __init__(self, url: str, study_name: str, create: bool):
        self._address = postgresql_address.checked(url)
        self._lock_key = zlib.crc32(study_name.encode())
        where = f'{postgresql_address.shown(self._address)}, study {study_name}'
        self._next_recovery, self._n_failed = 0.0, -1
        with self._advisory_lock(_TABLES_LOCK):
            storage = _open(self._address)
            super().__init__(storage, study_name, where, create)
        self._engine = storage.engine

    @contextlib.contextmanager
    def _advisory_lock(self, key: int, wait: bool = True) -> Iterator[bool]:
        """The server frees it when this connection ends, however that happens."""
        with postgresql_address.connect(self._address) as connection:
            if wait:
                connection.execute('SELECT pg_advisory_lock(%s)', [key])
                yield True
            else:
                yield connection.execute('SELECT pg_try_advisory_lock(%s)', [key]).fetchone()[0]

    def lock(self, wait: bool = True):
        return self._advisory_lock(1 << 32 | self._lock_key, wait)

    def _own_seed(self) -> int:
        return zlib.crc32(f'{socket.gethostname()} {os.getpid()}'.encode())

    def _claim(self) -> tuple[int, int, int] | None:
        with self._engine.begin() as connection:
            row = connection.execute(_CLAIM, {'study': self._study_id, 'point': POINT}).one_or_none()
        if row is None:
            self._next_recovery = 0.0  # the queue may have run dry
            return None
        return row[0], row[1], json.loads(row[2])

    def n_waiting(self) -> int:
        return self._look()[0]

    def _look(self) -> tuple[int, int, int]:
        """Trials that wait, that have gone silent, and that have failed."""
        with self._engine.begin() as connection:
            return tuple(connection.execute(_LOOK, {'study': self._study_id}).one())

    def _add(self, wanted: list[tuple[int, dict[str, Any]]]) -> None:
        with self._engine.begin() as connection:
            # As Optuna does, so that no two trials get the same number.
            connection.execute(
                sqlalchemy.text('SELECT 1 FROM studies WHERE study_id = :study FOR UPDATE'), {'study': self._study_id}
            )
            points, parameters = [], []
            for point, values in wanted:
                trial = connection.execute(_ADD_TRIAL, {'study': self._study_id}).scalar_one()
                points.append({'trial': trial, 'key': POINT, 'value': json.dumps(point)})
                for name, value in values.items():
                    one = distribution(self.sweep.space[name])
                    parameters.append(
                        {
                            'trial': trial,
                            'name': name,
                            'value': one.to_internal_repr(value_text(value)),
                            'distribution': optuna.distributions.distribution_to_json(one),
                        }
                    )
            if points:
                connection.execute(_ADD_POINT, points)
            if parameters:
                connection.execute(_ADD_PARAMETER, parameters)

    def _note_accuracy(self, trial_id: int, step: int, accuracy: float) -> None:
        self._change_ours(_REPORT, {'trial': trial_id, 'step': step, 'accuracy': accuracy})

    def _end(self, trial_id: int, state, accuracy: float | None, attributes: dict[str, Any]) -> None:
        self._change_ours(
            _END,
            {
                'trial': trial_id,
                'state': state.name,
                'accuracy': accuracy,
                'keys': list(attributes),
                'values': list(map(json.dumps, attributes.values())),
            },
        )

    def _change_ours(self, statement, values: dict[str, Any]) -> None:
        """Runs a statement that returns no row if the trial does not run any more."""
        with self._engine.begin() as connection:
            if connection.execute(statement, values).first() is None:
                raise Taken

    def beat(self, claimed: Iterable[Claimed]) -> list[Claimed]:
        claimed = list(claimed)
        if not claimed:
            return []
        with self._engine.begin() as connection:
            alive = set(connection.execute(_BEAT, {'trials': [one.trial_id for one in claimed]}).scalars())
        return [one for one in claimed if one.trial_id not in alive]

    def recover(self, starting: bool) -> None:
        now = time.monotonic()
        if not starting and now < self._next_recovery:
            return
        # Not all machines at the same moment.
        self._next_recovery = now + random.uniform(0.5, 1.5) * _RECOVERY_SECONDS
        n_waiting, n_silent, n_failed = self._look()
        if n_silent:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')  # "fail_stale_trials is experimental"
                optuna.storages.fail_stale_trials(self._study)
        if starting or n_silent or n_failed != self._n_failed or n_waiting < self.queue_length // 2:
            self.fill_queue(wait=starting)
        self._n_failed = n_failed

    def close(self) -> None:
        self._engine.dispose()


def _open(address: str):
    """The Optuna storage at an address, with its tables."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # "heartbeat_interval is experimental"
            return optuna.storages.RDBStorage(
                # Optuna fills {}-templates in addresses.
                address.replace('postgresql://', 'postgresql+psycopg://', 1).replace('{', '{{').replace('}', '}}'),
                engine_kwargs={
                    'pool_size': 1,
                    'max_overflow': 2,
                    'pool_pre_ping': True,
                    'connect_args': {'connect_timeout': postgresql_address.CONNECT_SECONDS},
                },
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=GRACE_SECONDS,
            )
    except Exception as error:  # SQLAlchemy's and Optuna's own errors may show the password
        raise UsageError(
            f'{postgresql_address.shown(address)}: cannot be used by Optuna ({type(error).__name__}).'
        ) from None
