"""Where files that can be had again are kept: downloads, drawn digits, matplotlib's list of fonts."""

import functools
import os
import stat
import tempfile

_NAME = 'mnist_graph'


def cache_folder() -> str:
    """The folder for data that was downloaded or drawn; it may not exist yet.

    That is the platform's convention, ~/.cache/mnist_graph or XDG_CACHE_HOME on
    Linux. Where no such folder can be made or written, as for a user without a
    home, it is a folder of this user in the system's temporary folder. A folder
    that holds files already is used even if nothing can be added.
    """
    folder = _usual_folder('user_cache_dir', _NAME)
    return folder if _can_use(folder) else _temporary_folder()


def set_matplotlib_folder() -> None:
    """Gives matplotlib a folder for its settings and fonts where it has none, before it is imported.

    Otherwise it would say on standard error that it made one.
    """
    usual = [_usual_folder(kind, 'matplotlib') for kind in ('user_config_dir', 'user_cache_dir')]
    if 'MPLCONFIGDIR' not in os.environ and not all(map(_can_write, usual)):
        os.environ['MPLCONFIGDIR'] = os.path.join(_temporary_folder(), 'matplotlib')


def _usual_folder(kind: str, program: str) -> str:
    """Where the platform's convention puts a program's files; '' for a user without a home."""
    import platformdirs

    try:
        return getattr(platformdirs, kind)(program, appauthor=False)
    except RuntimeError:
        return ''


def _can_use(folder: str) -> bool:
    if _can_write(folder):
        return True
    try:
        return os.path.isabs(folder) and bool(os.listdir(folder))
    except OSError:
        return False


def _can_write(folder: str) -> bool:
    """Whether files can be made in the folder, which may have to be made first."""
    if not os.path.isabs(folder):  # none, or one below a ~ that stands for no home
        return False
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    return os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK)


@functools.cache
def _temporary_folder() -> str:
    """A folder that only this user can write: the same in each run, unless somebody else has taken its name."""
    if not hasattr(os, 'getuid'):  # Windows, where the temporary folder is the user's own
        return os.path.join(tempfile.gettempdir(), _NAME)
    folder = os.path.join(tempfile.gettempdir(), f'{_NAME}-{os.getuid()}')
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        status = os.lstat(folder)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
            return tempfile.mkdtemp(prefix=f'{_NAME}-')
    return folder
