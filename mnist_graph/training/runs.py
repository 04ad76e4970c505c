"""The folder runs/, with a folder for each run that was given no other: new ones, and the newest.

`runs/latest` is a small file with the name of the run that was begun last. It
is no symbolic link, since TensorBoard would show that run twice, and some
platforms allow no links. `--model_dir=runs/latest` works all the same, because
`resolve` reads the file; links that earlier versions made work, too.
"""

import os
import time
from typing import NamedTuple

from mnist_graph.base import files
from mnist_graph.base.errors import CheckpointError, UsageError
from mnist_graph.training import checkpoint, description

RUNS = 'runs'
_LATEST = 'latest'
LATEST = os.path.join(RUNS, _LATEST)
# What --model_dir calls the reader that is shipped with the package.
SHIPPED = 'pretrained'
_MAX_NAME_BYTES = 255
# Nobody takes a minute to write runs/latest, so what is older was left by a process that was killed.
_LEFTOVER_SECONDS = 60.0


class Newest(NamedTuple):
    """The newest run that can be loaded.

    Attributes:
      folder: Its folder.
      notice: A line that names the newer ones without a checkpoint, which were passed over; or ''.
    """

    folder: str
    notice: str


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
    """Writes the name of a folder inside runs/ into runs/latest; other folders are left out of it.

    A folder runs/latest, as in a copy of runs/ that followed a link, stays what it is.
    """
    if os.path.isdir(LATEST) and not os.path.islink(LATEST):
        return
    real = os.path.realpath(folder)
    names = os.listdir(RUNS) if os.path.isdir(RUNS) else []
    inside = [name for name in names if name != _LATEST and os.path.realpath(os.path.join(RUNS, name)) == real]
    if not inside:
        return
    if os.path.islink(LATEST):  # by an earlier version
        os.unlink(LATEST)
    files.remove_leftovers(RUNS, min_age=_LEFTOVER_SECONDS)
    files.write_atomically(LATEST, os.fsencode(inside[0]) + b'\n')


def resolve(model_dir: str | os.PathLike | None) -> str:
    """The real folder of a model, which no link can point elsewhere later on.

    Args:
      model_dir: A path to it, which may go by way of links, or be the file
        runs/latest. None is the run that was begun last.

    Returns:
      Its path without links: relative if it lies in the working directory.

    Raises:
      UsageError: The path begins with a ~ that stands for no home folder.
      CheckpointError: None was given and there is no run yet, or runs/latest names one that is gone.
    """
    if not model_dir and not os.path.lexists(LATEST):
        folders = _newest_first()
        if not folders:
            raise _no_model(RUNS)
        return folders[0]
    folder = files.expand_user(model_dir or LATEST)
    name = folder.rstrip(os.sep + (os.altsep or ''))
    if os.path.basename(name) == _LATEST and (pointed_at := _pointed_at(name)):
        folder = os.path.join(os.path.dirname(name), pointed_at)
        if not os.path.isdir(folder):
            raise CheckpointError(f'{name}: the run that it points at, {pointed_at}, is gone; give --model_dir.')
    return files.relative(os.path.realpath(folder))


def check_own(folder: str) -> None:
    """Raises UsageError for a folder, as `resolve` gives it, whose name as a --model_dir is the shipped reader's."""
    if folder == SHIPPED:
        raise UsageError(
            f'{folder}: is kept for the name of the reader that is shipped with the package, which cannot be trained on in '
            f'place; give another --model_dir.'
        )


def is_empty() -> bool:
    """Whether no run was begun in runs/ yet."""
    return not _newest_first()


def newest() -> Newest:
    """The newest run in runs/ that has a checkpoint.

    Raises:
      CheckpointError: There is none.
    """
    without: list[str] = []
    for folder in _newest_first():
        if checkpoint.steps(os.path.join(folder, checkpoint.LAST)):
            notice = f'{", ".join(without)}: no checkpoint was saved yet; using {folder}.' if without else ''
            return Newest(folder, notice)
        without.append(folder)
    raise _no_model((without or [RUNS])[0])


def _no_model(folder: str) -> CheckpointError:
    return CheckpointError(
        f'{folder}: there is no trained model yet; train one with python -m mnist_graph.main, or give --model_dir.'
    )


def _pointed_at(latest: str) -> str | None:
    """The name in a file `latest`, or where a link of that name points; None if it is neither."""
    if os.path.islink(latest):
        return os.readlink(latest)
    if not os.path.isfile(latest):
        return None
    try:
        with open(latest, 'rb') as file:
            name = os.fsdecode(file.read(_MAX_NAME_BYTES + 1).strip())
    except OSError as error:
        raise CheckpointError(f'{latest}: cannot be read ({error.strerror}); give --model_dir.') from None
    return name if os.path.basename(name) == name and name not in ('', os.curdir, os.pardir) else None


def _newest_first() -> list[str]:
    """The folders of all runs in runs/: first the one that runs/latest names, then by the time they were begun."""
    begun = {}
    for name in os.listdir(RUNS) if os.path.isdir(RUNS) else []:
        folder = os.path.join(RUNS, name)
        try:
            begun[folder] = os.stat(os.path.join(folder, description.FILENAME)).st_mtime
        except OSError:
            continue  # no run's folder
    latest = os.path.join(RUNS, _pointed_at(LATEST) or _LATEST)
    return sorted(begun, key=lambda folder: (folder == latest, begun[folder], folder), reverse=True)
