"""The one place with SQL on the tables of Optuna's database: PostgreSQL, as Optuna 5.0 makes them.

Three operations are too slow through Optuna for hundreds of workers. To know
the states of the trials, and so to claim one, Optuna reads every trial with
all that belongs to it: 0.2 s of a core where 650 trials are under way. To queue
a trial takes it 16 ms, here less than 2. `REVISION` is the revision of the
tables that these statements fit; `postgresql_store.py` refuses others.
"""

import datetime
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial

# As `optuna.storages.RDBStorage.get_current_version` has it.
REVISION = 'v3.2.0.a'

_STATES = sqlalchemy.text("""
    SELECT trial_id, number, state FROM trials
    WHERE study_id = :study AND state IN ('WAITING', 'RUNNING', 'FAIL') ORDER BY number""")
# SKIP LOCKED gives each of many coordinators a different trial at once.
_CLAIM = sqlalchemy.text("""
    UPDATE trials SET state = 'RUNNING', datetime_start = :now
    WHERE trial_id = (SELECT trial_id FROM trials WHERE study_id = :study AND state = 'WAITING'
                      ORDER BY trial_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING trial_id""")
# As Optuna does, so that no two trials get the same number.
_LOCK_STUDY = sqlalchemy.text('SELECT 1 FROM studies WHERE study_id = :study FOR UPDATE')
_ADD_TRIAL = sqlalchemy.text("""
    INSERT INTO trials (number, study_id, state)
    SELECT count(*), :study, 'WAITING' FROM trials WHERE study_id = :study RETURNING trial_id""")
_ADD_ATTRIBUTE = sqlalchemy.text(
    'INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (:trial, :key, :value)'
)
_ADD_PARAMETER = sqlalchemy.text("""
    INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json)
    VALUES (:trial, :name, :value, :distribution)""")


class States(NamedTuple):
    """The trials of a study that are not ended, or failed.

    Attributes:
      waiting: Ids of those that wait.
      running: Ids of those that run, by number.
      n_failed: How many have failed.
    """

    waiting: list[int]
    running: dict[int, int]
    n_failed: int


def states(engine: sqlalchemy.Engine, study_id: int) -> States:
    """The states of a study's trials now."""
    with engine.begin() as connection:
        rows = connection.execute(_STATES, {'study': study_id}).all()
    return States(
        [trial_id for trial_id, _, state in rows if state == 'WAITING'],
        {number: trial_id for trial_id, number, state in rows if state == 'RUNNING'},
        sum(state == 'FAIL' for _, _, state in rows),
    )


def claim(engine: sqlalchemy.Engine, study_id: int) -> int | None:
    """The id of a trial that was waiting and now is running; None if there is none."""
    with engine.begin() as connection:
        # Optuna 5.0 keeps UTC without a time zone in this column, and shows local times.
        now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        return connection.execute(_CLAIM, {'study': study_id, 'now': now}).scalar_one_or_none()


def add(connection: sqlalchemy.Connection, study_id: int, trials: Iterable[FrozenTrial]) -> None:
    """Adds waiting trials, with their parameters and user attributes, in the connection's transaction."""
    attributes: list[dict[str, Any]] = []
    parameters: list[dict[str, Any]] = []
    connection.execute(_LOCK_STUDY, {'study': study_id})
    for trial in trials:
        trial_id = connection.execute(_ADD_TRIAL, {'study': study_id}).scalar_one()
        attributes += [
            {'trial': trial_id, 'key': key, 'value': json.dumps(value)} for key, value in trial.user_attrs.items()
        ]
        parameters += [
            {
                'trial': trial_id,
                'name': name,
                'value': trial.distributions[name].to_internal_repr(value),
                'distribution': distribution_to_json(trial.distributions[name]),
            }
            for name, value in trial.params.items()
        ]
    if attributes:
        connection.execute(_ADD_ATTRIBUTE, attributes)
    if parameters:
        connection.execute(_ADD_PARAMETER, parameters)
