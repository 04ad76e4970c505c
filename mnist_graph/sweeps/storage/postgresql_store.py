"""A sweep in PostgreSQL, which any number of machines work on together.

Every machine has a coordinator that claims waiting trials and tells results.
See `heartbeats.py` for how they notice that one of them has died. What they
store goes through Optuna's public methods, but for what `postgresql_tables.py` does.
"""

import contextlib
import functools
import os
import random
import socket
import time
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg
import sqlalchemy

from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.sweeps.storage import postgresql_address, postgresql_tables
from mnist_graph.sweeps.storage.heartbeats import Watch
from mnist_graph.sweeps.storage.store import Store
from mnist_graph.sweeps.storage.trial_records import ClaimedTrial, TrialState, optuna

# A coordinator's heart beats about every so many seconds.
BEAT_SECONDS = 10.0
# The trials of a coordinator whose heart has not beaten for so long are given to others.
GRACE_SECONDS = 60.0
# While the server cannot be reached, an operation is tried again for so long, with growing pauses.
PATIENCE_SECONDS = 60.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.25, 5.0
# Any number, the same for all coordinators: the one that holds this lock creates the tables.
_TABLES_LOCK = 0x6D6E6973
_HEARTBEAT = 'coordinator '


def patient(operation: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a store that goes on where it was when the server was away for less than PATIENCE_SECONDS.

    Every operation of a Store may be done again after it was broken off, even if only the server's answer was lost.
    """

    @functools.wraps(operation)
    def tried_again(self: 'PostgresqlStore', *args: Any, **options: Any) -> Any:
        deadline, pause = 0.0, _FIRST_PAUSE_SECONDS
        while True:
            try:
                result = operation(self, *args, **options)
            except Exception as error:
                if not _is_interruption(error):
                    raise
                now = time.monotonic()
                if not deadline:
                    deadline = now + PATIENCE_SECONDS
                    self.on_note(f'The database does not answer; trying again for {PATIENCE_SECONDS:.0f} s.')
                if now > deadline:
                    raise CheckpointError(
                        f'{self.where}: did not answer for {PATIENCE_SECONDS:.0f} s; '
                        f'give the same command again to go on.'
                    ) from None
                time.sleep(pause * random.uniform(0.5, 1))
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
            else:
                if deadline:
                    self.on_note('The database answers again.')
                    self._watch.start_again()
                return result

    return tried_again


def _is_interruption(error: BaseException | None) -> bool:
    """Whether the server was away, or ended the connection."""
    if isinstance(error, optuna.exceptions.StorageInternalError):
        error = error.__cause__
    return isinstance(
        error,
        (
            sqlalchemy.exc.OperationalError,
            sqlalchemy.exc.InterfaceError,
            psycopg.OperationalError,
            postgresql_address.UnreachableError,
        ),
    )


class PostgresqlStore(Store):
    """A sweep in a PostgreSQL database.

    Args:
      url: postgresql://USER:PASSWORD@HOST:PORT/DATABASE.
      study_name: Name of the sweep there.
      create: Whether a new one may be begun.

    Raises:
      UsageError: The address is not valid, the server cannot be reached, or there is no such sweep.
    """

    queue_length = 256
    reporting_share = 0.01

    adopt = patient(Store.adopt)
    begin = patient(Store.begin)
    trials = patient(Store.trials)
    claim = patient(Store.claim)
    report = patient(Store.report)
    complete = patient(Store.complete)
    fail = patient(Store.fail)
    test_results = patient(Store.test_results)
    add_test_result = patient(Store.add_test_result)

    def __init__(self, url: str, study_name: str, create: bool):
        self._address = postgresql_address.checked(url)
        self._lock_key = 1 << 32 | zlib.crc32(study_name.encode())
        self._name = _HEARTBEAT + uuid.uuid4().hex[:16]
        self._n_beats, self._next_beat, self._n_failed = 0, 0.0, -1
        self._watch = Watch(GRACE_SECONDS)
        with self._advisory_lock(_TABLES_LOCK, wait=True):
            self._engine, storage = _open(self._address)
            super().__init__(
                storage, study_name, f'{postgresql_address.shown(self._address)}, study {study_name}', create
            )

    @contextlib.contextmanager
    def _advisory_lock(self, key: int, wait: bool) -> Iterator[bool]:
        """The server frees it when this connection ends, however that happens."""
        with postgresql_address.connect(self._address) as connection:
            if wait:
                connection.execute('SELECT pg_advisory_lock(%s)', [key])
                held = True
            else:
                row = connection.execute('SELECT pg_try_advisory_lock(%s)', [key]).fetchone()
                held = bool(row and row[0])
            yield held

    def lock(self, wait: bool = True) -> contextlib.AbstractContextManager[bool]:
        return self._advisory_lock(self._lock_key, wait)

    def _own_seed(self) -> int:
        return zlib.crc32(f'{socket.gethostname()} {os.getpid()}'.encode())

    @patient
    def keep_up(self, running: Iterable[ClaimedTrial], idle: bool) -> list[ClaimedTrial]:
        now, mine = time.monotonic(), {claimed.number: claimed for claimed in running}
        hungry = idle and not self._waiting and now >= self._next_look
        if now < self._next_beat and not hungry:
            return []
        states = postgresql_tables.states(self._engine, self._study_id)
        lost = self._beat(mine, states.running, now) if now >= self._next_beat else []
        if len(states.waiting) < self.queue_length // 2 or lost or states.n_failed != self._n_failed:
            self._fill_queue()
            self._n_failed = states.n_failed
        else:
            self._note_waiting(states.waiting)
        return [claimed for number, claimed in mine.items() if number in lost or number not in states.running]

    def _beat(self, mine: Iterable[int], running: dict[int, int], now: float) -> list[int]:
        """Says that this coordinator is alive, and fails the trials of those that are not; returns their numbers.

        Args:
          mine: The numbers of the trials that this coordinator runs.
          running: The ids of all that run, by number.
          now: Seconds of `time.monotonic`.
        """
        # Not all machines at the same moment.
        self._next_beat = now + random.uniform(0.75, 1.25) * BEAT_SECONDS
        self._n_beats += 1
        self._study.set_user_attr(self._name, [self._n_beats, list(mine)])
        heartbeats = {name: beat for name, beat in self._study.user_attrs.items() if name.startswith(_HEARTBEAT)}
        lost = self._watch.lost(heartbeats, running, now)
        for number in lost:
            with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
                self._storage.set_trial_state_values(running[number], TrialState.FAIL)
        return lost

    def _fill_queue(self) -> None:
        # The lock ends with the transaction that adds the trials: if the connection is lost, so are they.
        with self._engine.begin() as connection:
            locked = sqlalchemy.text('SELECT pg_try_advisory_xact_lock(:key)')
            if connection.execute(locked, {'key': self._lock_key}).scalar_one():
                postgresql_tables.add(connection, self._study_id, self._needed())
        self._note_waiting(postgresql_tables.states(self._engine, self._study_id).waiting)

    def _claim_id(self) -> int | None:
        trial_id = postgresql_tables.claim(self._engine, self._study_id) if self._waiting else None
        self._waiting = self._waiting[1:] if trial_id is not None else []
        return trial_id

    def close(self) -> None:
        self._engine.dispose()


def _open(address: str) -> tuple[sqlalchemy.Engine, optuna.storages.RDBStorage]:
    """The Optuna storage at an address, with its tables."""
    try:
        storage = optuna.storages.RDBStorage(
            # Optuna fills {}-templates in addresses.
            address.replace('postgresql://', 'postgresql+psycopg://', 1).replace('{', '{{').replace('}', '}}'),
            engine_kwargs={
                'pool_size': 1,
                'max_overflow': 2,
                'pool_pre_ping': True,
                'connect_args': {'connect_timeout': postgresql_address.CONNECT_SECONDS},
            },
        )
    except Exception as error:  # SQLAlchemy's and Optuna's own errors may show the password
        raise UsageError(
            f'{postgresql_address.shown(address)}: cannot be used by Optuna ({type(error).__name__}).'
        ) from None
    if storage.get_current_version() != postgresql_tables.REVISION:
        raise UsageError(
            f'{postgresql_address.shown(address)}: has tables of another version of Optuna than 5.0 '
            f'(revision {storage.get_current_version()}); install that with pip install "optuna==5.0.*".'
        )
    return storage.engine, storage
