"""What the tests share: fresh folders, and entry points run inside this process."""

import importlib
import socket
import sys

import pytest

# TensorFlow is imported here once, as quietly as the commands do it and with the same settings, before any test
# module imports it.
from mnist_graph.base.tensorflow import import_tensorflow

_tf = import_tensorflow()
# A process makes the threads within its operations once, as many as are asked for first, and the last bits of a sum
# depend on their number. With one for all tests, no test depends on those before it.
_tf.config.threading.set_intra_op_parallelism_threads(1)
_tf.config.list_logical_devices()

from helpers.data import tiny_dataset, write_idx_folder  # noqa: E402
from helpers.networks import built, set_value  # noqa: E402
from helpers.programs import Ended  # noqa: E402


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker('slow'):
            item.add_marker(pytest.mark.timeout(0))


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Only this machine may be talked to."""
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and address[0] not in ('127.0.0.1', 'localhost', '::1'):
            raise OSError(101, 'Network is unreachable')
        return connect(self, address)

    monkeypatch.setattr(socket.socket, 'connect', guarded)


@pytest.fixture(autouse=True)
def width(monkeypatch):
    """Of the terminal, here and in programs that tests start: what --help says is broken into lines that fit."""
    monkeypatch.setenv('COLUMNS', '80')


@pytest.fixture
def fresh_folder(tmp_path, monkeypatch):
    """An empty working directory and an empty cache of its own; returns the directory."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    folder = tmp_path / 'here'
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


class _EntryPoints:
    """Runs entry points inside this process, as their command line would."""

    def __init__(self, capsys):
        self._capsys = capsys

    def load(self, name='main'):
        """The module `mnist_graph.NAME`, with no flag defined yet."""
        from absl import flags

        for flag in list(flags.FLAGS):
            if flags.FLAGS.find_module_defining_flag(flag, '').startswith('mnist_graph'):
                delattr(flags.FLAGS, flag)
        flags.FLAGS.unparse_flags()
        return importlib.import_module(f'mnist_graph.{name}')

    def __call__(self, *arguments, name='main'):
        """Runs `python -m mnist_graph.NAME ARGUMENTS`; returns an Ended."""
        module = self.load(name)
        previous, sys.argv = sys.argv, [f'{name}.py', *map(str, arguments)]
        self._capsys.readouterr()
        try:
            module.console_main()
            code = 0
        except SystemExit as error:
            code = error.code or 0
        finally:
            sys.argv = previous
        return Ended(code, *self._capsys.readouterr())


@pytest.fixture
def entry_point(fresh_folder, capsys):
    """Call it with flags to run main, or another entry point as `name`, in a fresh folder."""
    return _EntryPoints(capsys)


@pytest.fixture
def data_dir(fresh_folder):
    """A folder of a tiny data set."""
    return write_idx_folder(fresh_folder / 'data', n_train=100)


@pytest.fixture
def predict(entry_point):
    """Runs predict with the small digits model; returns an Ended."""
    from helpers.small_model import digits_model

    return lambda *arguments: entry_point(*arguments, f'--model_dir={digits_model().model}', name='predict')


@pytest.fixture(scope='session')
def tf():
    """tensorflow.compat.v1."""
    from mnist_graph.base import tensorflow

    return tensorflow.import_tensorflow()


@pytest.fixture
def running(tf):
    """Call it as Running without the first argument; the sessions are closed afterwards."""
    from helpers.by_hand import Running

    made = []

    def make(*args, **options):
        made.append(Running(tf, *args, **options))
        return made[-1]

    yield make
    for each in made:
        each.sess.close()


@pytest.fixture
def session(tf):
    """Function of hyperparameters and a data set: (network, initialised session)."""
    from mnist_graph.training import cores

    opened = []

    def start(hparams, dataset, values=None):
        network = built(hparams, dataset.input_spec(), hparams.total_steps(len(dataset.train)))
        sess = cores.open_session(network, 2)
        opened.append(sess)
        sess.run(network.initializer)
        if values:
            with network.graph.as_default():
                for variable in tf.global_variables():
                    set_value(sess, variable, values[variable.op.name])
        return network, sess

    yield start
    for sess in opened:
        sess.close()


@pytest.fixture(scope='module')
def dataset():
    return tiny_dataset()


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder for one file at a time, in memory where the machine has such a folder."""
    return tmp_path_factory.mktemp('fuzz')
