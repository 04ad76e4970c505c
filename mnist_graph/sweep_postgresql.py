"""A sweep in PostgreSQL, which any number of machines work on together.

Every machine has a coordinator that claims waiting trials and tells results.
While it runs a trial it sends a heartbeat; a trial without one for
GRACE_SECONDS is declared lost and queued again by whichever coordinator notices.
"""

import contextlib
import os
import random
import re
import socket
import time
import urllib.parse
import warnings
import zlib
from typing import Iterable, Iterator

from mnist_graph.errors import UsageError
from mnist_graph.sweep_storage import Claimed, Store, optuna

import sqlalchemy

try:
    import psycopg
except ImportError:
    raise UsageError('Sweeps on PostgreSQL need psycopg: pip install "mnist_graph[postgresql]".') from None

HEARTBEAT_SECONDS, GRACE_SECONDS = 10, 60
_RECOVERY_SECONDS = 4
_CONNECT_SECONDS = 10
_SCHEMES = ('postgresql://', 'postgres://', 'postgresql+psycopg://')
# Any number, the same for all coordinators: who holds it creates the tables.
_TABLES_LOCK = 0x6D6E6973

# Optuna's own way to claim a trial reads every waiting one first. SKIP LOCKED gives each of many
# coordinators a different one at once; and the heartbeat begins in the same transaction, so that
# there is no running trial without one (Optuna never declares such a trial lost).
_CLAIM = sqlalchemy.text("""
    WITH claimed AS (
        UPDATE trials SET state = 'RUNNING', datetime_start = now() AT TIME ZONE 'UTC'
        WHERE trial_id = (SELECT trial_id FROM trials WHERE study_id = :study AND state = 'WAITING'
                          ORDER BY trial_id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING trial_id)
    INSERT INTO trial_heartbeats (trial_id, heartbeat) SELECT trial_id, now() FROM claimed
    ON CONFLICT (trial_id) DO UPDATE SET heartbeat = now() RETURNING trial_id""")
_BEAT = sqlalchemy.text("""
    UPDATE trial_heartbeats SET heartbeat = now()
    WHERE trial_id = ANY(:trials)
      AND trial_id IN (SELECT trial_id FROM trials WHERE trial_id = ANY(:trials) AND state = 'RUNNING')
    RETURNING trial_id""")


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

    def __init__(self, url: str, study_name: str, create: bool):
        self._address = _libpq_address(url)
        self._lock_key = zlib.crc32(study_name.encode())
        where = f'{_shown(self._address)}, study {study_name}'
        self._next_recovery = 0.0
        with self._advisory_lock(_TABLES_LOCK):
            storage = _open(self._address)
            super().__init__(storage, study_name, where, create)
        self._engine = storage.engine

    @contextlib.contextmanager
    def _advisory_lock(self, key: int, wait: bool = True) -> Iterator[bool]:
        """The server frees it when this connection ends, however that happens."""
        with _connect(self._address) as connection:
            if wait:
                connection.execute('SELECT pg_advisory_lock(%s)', [key])
                yield True
            else:
                yield connection.execute('SELECT pg_try_advisory_lock(%s)', [key]).fetchone()[0]

    def lock(self, wait: bool = True):
        return self._advisory_lock(1 << 32 | self._lock_key, wait)

    def _own_seed(self) -> int:
        return zlib.crc32(f'{socket.gethostname()} {os.getpid()}'.encode())

    def _claim_id(self) -> int | None:
        with self._engine.begin() as connection:
            return connection.execute(_CLAIM, {'study': self._study_id}).scalar()

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
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # "fail_stale_trials is experimental"
            optuna.storages.fail_stale_trials(self._study)
        self.fill_queue(wait=starting)

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
                engine_kwargs={'pool_size': 1, 'max_overflow': 2, 'pool_pre_ping': True,
                               'connect_args': {'connect_timeout': _CONNECT_SECONDS}},
                heartbeat_interval=HEARTBEAT_SECONDS, grace_period=GRACE_SECONDS)
    except Exception as error:  # SQLAlchemy's and Optuna's own errors may show the password
        raise UsageError(f'{_shown(address)}: cannot be used by Optuna ({type(error).__name__}).') from None


def _libpq_address(url: str) -> str:
    """The address as libpq takes it.

    Raises:
      UsageError: It is none of PostgreSQL's.
    """
    scheme = next((one for one in _SCHEMES if url.startswith(one)), None)
    if scheme is None:
        kind = url.partition(':')[0] or 'nothing'
        raise UsageError(f'storage={kind}:...: must be postgresql://USER:PASSWORD@HOST/DATABASE; on one machine '
                         f'leave --storage out, and the sweep is kept in --sweep_dir.')
    return 'postgresql://' + url.removeprefix(scheme)


def _shown(address: str) -> str:
    """An address without its password."""
    rest = address.removeprefix('postgresql://').partition('?')[0]
    return 'postgresql://' + rest.rpartition('@')[2]


@contextlib.contextmanager
def _connect(address: str):
    """A connection of its own, closed at the end."""
    try:
        connection = psycopg.connect(address, autocommit=True, connect_timeout=_CONNECT_SECONDS)
    except (psycopg.Error, UnicodeError) as error:
        raise UsageError(f'{_shown(address)}: cannot be reached ({_reason(address, error)}).') from None
    with contextlib.closing(connection):
        yield connection


def _reason(address: str, error: Exception) -> str:
    """What the server or libpq says, unless that quotes a part of the password."""
    text = ' '.join(str(error).split())
    secret = address.removeprefix('postgresql://').rpartition('@')[0].partition(':')[2]
    pieces = [piece for piece in re.split('[/@:?#]', secret) + [urllib.parse.unquote(secret)] if piece]
    if not isinstance(error, psycopg.OperationalError) or any(piece in text for piece in pieces):
        return 'it is not as PostgreSQL addresses are, or not so to be spelt: special characters are written as %XX'
    return text
