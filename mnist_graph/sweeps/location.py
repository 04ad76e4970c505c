"""Where a sweep is kept, and the data set that it reads."""

import contextlib
import dataclasses
import json
import os
from typing import NamedTuple

from mnist_graph import data
from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.base.lock import FolderLock
from mnist_graph.sweeps import plan
from mnist_graph.sweeps.coordinator import Listener
from mnist_graph.sweeps.journal import JournalStore
from mnist_graph.sweeps.plan import Sweep
from mnist_graph.sweeps.store import optuna
from mnist_graph.sweeps.worker import Settings

_DATA = 'data.json'


class Place(NamedTuple):
    """Where a sweep is kept and what it reads.

    Attributes:
      sweep_dir: Folder of its results, and without `storage` of the sweep itself.
      storage: Address of a PostgreSQL database, or ''.
      study: Name of the sweep in that database.
      dataset, data_dir: The data set; see `data.load`. None: as the folder's sweep was begun.
    """

    sweep_dir: str
    storage: str = ''
    study: str = ''
    dataset: str | None = None
    data_dir: str | None = None


@contextlib.contextmanager
def opened(place: Place, create: bool, writable: bool = True):
    """The Store of a place; while it is open nobody else can open a folder's for writing.

    Raises:
      UsageError: It holds no sweep, is in use, or cannot be reached.
      CheckpointError: Its journal is damaged, or the storage was lost while it was open.
    """
    with contextlib.ExitStack() as stack:
        if place.storage:
            from mnist_graph.sweeps.postgresql_store import PostgresqlStore

            store = PostgresqlStore(place.storage, place.study, create)
        else:
            if writable:
                if not create and not os.path.isdir(place.sweep_dir):
                    raise UsageError(
                        f'{place.sweep_dir}: there is no such folder; start a sweep with --search=FLAG=SPEC.'
                    )
                try:
                    stack.callback(FolderLock(place.sweep_dir).release)
                except CheckpointError as error:
                    raise UsageError(str(error)) from None
            store = JournalStore(place.sweep_dir, create, writable)
        stack.callback(store.close)
        try:
            yield store
        except Exception as error:
            # Optuna passes some of its database library's own errors on.
            if not (
                isinstance(error, optuna.exceptions.StorageInternalError)
                or type(error).__module__.startswith(('sqlalchemy', 'psycopg'))
            ):
                raise
            raise CheckpointError(
                f'{store.where}: the storage was lost; give the same command again to go on.'
            ) from None


def with_data(place: Place) -> Place:
    """The place with the data set that the folder's sweep was begun on, where none is given."""
    saved = {}
    with contextlib.suppress(OSError, ValueError):
        with open(os.path.join(place.sweep_dir, _DATA), encoding='utf-8') as file:
            saved = json.load(file)
    saved = saved if isinstance(saved, dict) else {}
    # A folder that is given is looked into, whatever was used before; the sweep then refuses other data.
    dataset = place.dataset or (not place.data_dir and saved.get('dataset')) or 'auto'
    return place._replace(dataset=dataset, data_dir=place.data_dir or saved.get('data_dir'))


def remember_data(place: Place, settings: Settings) -> None:
    """Writes down the data set for the next time; UsageError if the folder cannot be written."""
    try:
        files.write_json(
            os.path.join(place.sweep_dir, _DATA), {'dataset': settings.dataset, 'data_dir': settings.data_dir}
        )
    except OSError as error:
        raise UsageError(
            f'{place.sweep_dir}: cannot be written ({error.strerror}); give another --sweep_dir.'
        ) from None


def checked_data(sweep: Sweep, place: Place, listener: Listener) -> tuple[Sweep, Settings]:
    """Reads the data set once, so that workers will find it whole."""
    dataset = data.load(place.dataset, place.data_dir, plan.largest_validation(sweep))
    for notice in dataset.notices:
        listener.on_note(notice)
    # What 'auto' came to here it must come to in every worker.
    name = dataset.flag_for_again(place.dataset)
    data_dir = os.path.abspath(files.expand_user(place.data_dir)) if place.data_dir else None
    return (
        dataclasses.replace(sweep, fingerprint=dataset.fingerprint, dataset=dataset.name),
        Settings(name, data_dir, dataset.fingerprint),
    )
