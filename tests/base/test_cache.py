"""Where the cache is: by the platform's convention, or in a temporary folder for who has no home."""

import os
import subprocess
import sys

import pytest

from helpers.programs import REPOSITORY
from mnist_graph.base import cache, files

NOBODY = 54321  # a user's number that no passwd entry has


@pytest.fixture
def temporary(fresh_folder, monkeypatch):
    """The system's temporary folder of the test."""
    folder = fresh_folder / 'tmp'
    folder.mkdir()
    monkeypatch.setattr('tempfile.tempdir', str(folder))
    cache._temporary_folder.cache_clear()
    yield folder
    cache._temporary_folder.cache_clear()


def test_the_platform_says_where(fresh_folder, monkeypatch):
    assert files.cache_folder() == os.path.join(os.environ['XDG_CACHE_HOME'], 'mnist_graph')
    monkeypatch.delenv('XDG_CACHE_HOME')
    monkeypatch.setenv('HOME', str(fresh_folder))
    assert os.path.commonpath([files.cache_folder(), fresh_folder]) == str(fresh_folder)
    assert os.listdir() == []


@pytest.mark.parametrize('unusable', ['file/cache', '/dev/null/cache'])
def test_a_temporary_folder_where_none_can_be_written(fresh_folder, temporary, monkeypatch, unusable):
    open('file', 'w').close()
    monkeypatch.setenv('XDG_CACHE_HOME', os.path.abspath(unusable))
    folder = files.cache_folder()
    assert os.path.dirname(folder) == str(temporary) and os.stat(folder).st_mode & 0o777 == 0o700
    assert files.cache_folder() == folder


def test_a_cache_that_only_can_be_read_is_used(fresh_folder, monkeypatch):
    folder = fresh_folder / 'cache' / 'mnist_graph'
    folder.mkdir(parents=True)
    monkeypatch.setenv('XDG_CACHE_HOME', str(folder.parent))
    monkeypatch.setattr(os, 'access', lambda *_: False)
    assert files.cache_folder() != str(folder)
    (folder / 'train-images-idx3-ubyte.gz').touch()
    assert files.cache_folder() == str(folder)


@pytest.mark.parametrize('somebody', ['link', 'writable', 'other'])
def test_a_temporary_folder_of_somebody_else_is_not_used(fresh_folder, temporary, monkeypatch, somebody):
    monkeypatch.setenv('XDG_CACHE_HOME', '/dev/null/cache')
    taken = temporary / f'mnist_graph-{os.getuid()}'
    if somebody == 'link':
        os.symlink(fresh_folder, taken)
    else:
        taken.mkdir()
        taken.chmod(0o777 if somebody == 'writable' else 0o700)
    if somebody == 'other':
        monkeypatch.setattr(os, 'getuid', lambda uid=os.getuid(): uid + 1)
        os.rename(taken, temporary / f'mnist_graph-{os.getuid()}')
    folder = files.cache_folder()
    assert os.path.dirname(folder) == str(temporary) and os.path.basename(folder) != taken.name
    assert files.cache_folder() == folder


def run_without_a_home(program, folder, home):
    """Runs a program in folder/here with folder/tmp for temporary files; returns what it printed."""
    environment = {
        'PATH': os.environ['PATH'],
        'PYTHONPATH': str(REPOSITORY),
        'TMPDIR': str(folder / 'tmp'),
        'PYTHONDONTWRITEBYTECODE': '1',
        **({'HOME': home} if home else {}),
    }
    done = subprocess.run(
        [sys.executable, '-c', program],
        cwd=folder / 'here',
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, '')
    return done.stdout


@pytest.fixture
def two_folders(tmp_path_factory):
    """A folder that every user may enter, with the folders `here` and `tmp` of the user NOBODY."""
    folder = tmp_path_factory.mktemp('nobody')
    for path in (folder, *folder.parents[:-2]):
        path.chmod(path.stat().st_mode | 0o011)
    for name in ('here', 'tmp'):
        (folder / name).mkdir()
    return folder


# All is imported first: the interpreter's own files may be in a folder of root.
DRAW_AS_NOBODY = f"""
import os
from PIL import Image
import platformdirs.unix
from mnist_graph import drawn
from mnist_graph.base import files
os.setgid({NOBODY})
os.setuid({NOBODY})
drawn.load_or_draw(files.cache_folder(), 20)
print(files.cache_folder())
"""


@pytest.mark.skipif(not hasattr(os, 'getuid') or os.getuid() != 0, reason='only root may become another user')
@pytest.mark.parametrize('home', [None, '/'])
def test_a_user_who_has_no_home(two_folders, home):
    """As in a container that is run with a numeric user."""
    for name in ('here', 'tmp'):
        os.chown(two_folders / name, NOBODY, NOBODY)
    printed = run_without_a_home(DRAW_AS_NOBODY, two_folders, home)
    assert printed == f'{two_folders}/tmp/mnist_graph-{NOBODY}\n'
    assert os.listdir(two_folders / 'here') == [] and os.listdir(two_folders / 'tmp') == [f'mnist_graph-{NOBODY}']


def test_matplotlib_says_nothing_of_a_home_that_is_missing(two_folders):
    pytest.importorskip('matplotlib')
    program = (
        # Which tells that it makes its list of fonts, if that takes more than 5 seconds.
        "import logging\nlogging.getLogger('matplotlib.font_manager').setLevel(logging.ERROR)\n"
        "from mnist_graph.plots import canvas\nwith canvas.Drawing('figure.png', 1, 1): pass"
    )
    assert run_without_a_home(program, two_folders, '/dev/null') == ''
    assert os.listdir(two_folders / 'here') == ['figure.png']
    assert os.listdir(two_folders / 'tmp') == [f'mnist_graph-{os.getuid()}']
