"""The folder runs/, with a folder for each run that was given no other: new ones, and the latest."""

import os
import time

from mnist_graph.base.errors import CheckpointError

RUNS = 'runs'
LATEST = os.path.join(RUNS, 'latest')


def make_new_folder() -> str:
    """Makes the folder runs/DATE-TIME, with a number after it if that is taken; returns its name.

    Raises:
      CheckpointError: It cannot be made.
    """
    base = os.path.join(RUNS, time.strftime('%Y-%m-%d-%H%M%S'))
    name, number = base, 2
    try:
        os.makedirs(RUNS, exist_ok=True)
        while True:
            try:
                os.mkdir(name)  # fails if another run has just made it
                return name
            except FileExistsError:
                name, number = f'{base}-{number}', number + 1
    except OSError as error:
        raise CheckpointError(f'{name}: cannot be made ({error.strerror}); give another --model_dir.') from None


def point_latest_at(folder: str) -> None:
    """Makes runs/latest a link to a folder inside runs/; other folders are left out of it.

    A runs/latest that is no link, as in a copy of runs/, stays what it is.
    """
    is_ours = os.path.islink(LATEST) or not os.path.exists(LATEST)
    if os.path.dirname(os.path.abspath(folder)) != os.path.abspath(RUNS) or not is_ours:
        return
    temporary = f'{LATEST}.{os.getpid()}.part'
    os.symlink(os.path.basename(os.path.abspath(folder)), temporary)
    os.replace(temporary, LATEST)


def resolve(model_dir: str | None) -> str:
    """The folder to read a model from: the one given, or the newest run.

    Raises:
      CheckpointError: None was given and there is no run yet, or the newest is gone.
    """
    if model_dir:
        folder = os.path.expanduser(model_dir)
        # Not by way of a link, as runs/latest is, which may point elsewhere by and by.
        return os.path.relpath(os.path.realpath(folder)) if os.path.islink(folder) else folder
    if os.path.islink(LATEST) and not os.path.isdir(LATEST):
        raise CheckpointError(f'{LATEST}: the run that it points at, {os.readlink(LATEST)}, is gone; give --model_dir.')
    if not os.path.isdir(LATEST):
        raise CheckpointError(
            f'{LATEST}: there is no trained model yet; train one with python -m mnist_graph.main, or give --model_dir.'
        )
    return os.path.normpath(os.path.join(RUNS, os.readlink(LATEST))) if os.path.islink(LATEST) else LATEST
