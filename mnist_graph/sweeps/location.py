"""Where a sweep is kept, and the data set that it reads."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator
from typing import NamedTuple

from mnist_graph import data
from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.base.lock import FolderLock
from mnist_graph.sweeps import plan
from mnist_graph.sweeps.coordinator import SweepCallback
from mnist_graph.sweeps.messages import WorkerConfig
from mnist_graph.sweeps.plan import Sweep
from mnist_graph.sweeps.storage.journal import JournalStore
from mnist_graph.sweeps.storage.store import Store

_DATA = 'data.json'
# After so long nobody is still writing a small file.
_LEFTOVER_SECONDS = 60.0


class SweepLocation(NamedTuple):
    """Where a sweep is kept and what it reads.

    Attributes:
      sweep_dir: Folder of its results, and without `storage` of the sweep itself.
      storage: Address of a PostgreSQL database, or ''.
      study: Name of the sweep in that database.
      dataset, data_dir, pictures, skip_bad_pictures: The data set; see `data.load`. None: as the folder's sweep was
        begun.
    """

    sweep_dir: str
    storage: str = ''
    study: str = ''
    dataset: str | None = None
    data_dir: str | None = None
    pictures: str | None = None
    skip_bad_pictures: bool | None = None


@contextlib.contextmanager
def opened(location: SweepLocation, create: bool, writable: bool = True) -> Iterator[Store]:
    """The Store at a location; while a folder's is open for writing nobody else can open it so.

    Raises:
      UsageError: It holds no sweep, is in use, or cannot be reached.
      CheckpointError: Its journal is damaged or cannot be written, or the database was lost while it was open.
    """
    with contextlib.ExitStack() as stack:
        store: Store
        if location.storage:
            from mnist_graph.sweeps.storage.postgresql_store import PostgresqlStore

            store = PostgresqlStore(location.storage, location.study, create)
            # Another machine may be writing here now.
            files.remove_leftovers(location.sweep_dir, _LEFTOVER_SECONDS)
        else:
            folder = location.sweep_dir
            if writable:
                if not create and not os.path.isdir(folder):
                    raise UsageError(f'{folder}: there is no such folder; start a sweep with --search=FLAG=SPEC.')
                try:
                    stack.callback(FolderLock(folder).release)
                except CheckpointError as error:
                    raise UsageError(str(error)) from None
                files.remove_leftovers(folder)
            store = JournalStore(folder, create, writable)
        stack.callback(store.close)
        yield store


def with_data(location: SweepLocation) -> SweepLocation:
    """The location with the data set that the folder's sweep was begun on, where none is given."""
    saved = {}
    with contextlib.suppress(OSError, ValueError):
        with open(os.path.join(location.sweep_dir, _DATA), encoding='utf-8') as file:
            saved = json.load(file)
    saved = saved if isinstance(saved, dict) else {}
    # A folder that is given is looked into, whatever was used before; the sweep then refuses other data.
    dataset = location.dataset or (not location.data_dir and saved.get('dataset')) or 'auto'
    return location._replace(
        dataset=dataset,
        data_dir=location.data_dir or saved.get('data_dir'),
        pictures=location.pictures or saved.get('pictures', 'auto'),
        skip_bad_pictures=(
            saved.get('skip_bad_pictures', False) if location.skip_bad_pictures is None else location.skip_bad_pictures
        ),
    )


def remember_data(location: SweepLocation, config: WorkerConfig) -> None:
    """Writes down the data set for the next time; UsageError if the folder cannot be written."""
    try:
        os.makedirs(location.sweep_dir, exist_ok=True)
        files.write_json(
            os.path.join(location.sweep_dir, _DATA),
            {
                'dataset': config.dataset,
                'data_dir': config.data_dir,
                'pictures': config.pictures,
                'skip_bad_pictures': config.skip_bad_pictures,
            },
        )
    except OSError as error:
        raise UsageError(
            f'{location.sweep_dir}: cannot be written ({error.strerror}); {files.how_to_mend(error)}, '
            f'or give another --sweep_dir.'
        ) from None


def checked_data(
    sweep: Sweep, location: SweepLocation, callback: SweepCallback, choose_n_validation: bool = False
) -> tuple[Sweep, WorkerConfig]:
    """Reads the data set once, so that workers will find it whole.

    Args:
      sweep: The sweep as it is asked for.
      location: Names the data set.
      callback: Told what the user should know of it.
      choose_n_validation: Hold out as many validation pictures as `data.load` chooses, unless that is searched.

    Returns:
      The sweep with the data set's name and fingerprint and the number of pictures held out, and what workers need.
    """
    dataset_name = location.dataset or 'auto'
    chosen = choose_n_validation and 'n_validation' not in sweep.space
    n_validation = None if chosen else plan.largest_validation(sweep)
    pictures, skip_bad_pictures = location.pictures or 'auto', bool(location.skip_bad_pictures)
    dataset = data.load(
        dataset_name, location.data_dir, n_validation, pictures=pictures, skip_bad_pictures=skip_bad_pictures
    )
    for notice in dataset.notices:
        callback.on_note(notice)
    base = dataclasses.replace(sweep.base, n_validation=len(dataset.validation)) if chosen else sweep.base
    # What 'auto' came to here it must come to in every worker.
    name = dataset.flag_for_again(dataset_name)
    data_dir = os.path.abspath(files.expand_user(location.data_dir)) if location.data_dir else None
    return (
        dataclasses.replace(sweep, base=base, fingerprint=dataset.fingerprint, dataset=dataset.name),
        WorkerConfig(name, data_dir, dataset.fingerprint, pictures, skip_bad_pictures),
    )
