"""What the tests share: tiny data sets, fresh folders, and entry points run inside this process."""

import functools
import gzip
import importlib
import os
import pathlib
import socket
import struct
import subprocess
import sys
from typing import NamedTuple

import numpy as np
import pytest

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
IDX_NAMES = ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte')

# As `runtime.import_tensorflow` does, for test modules that import TensorFlow first: the second decides
# on the last bits of results, which must be the same here as in the programs that the tests start.
os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
os.environ.setdefault('TF_ENABLE_ONEDNN_OPTS', '1')


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Only this machine may be talked to."""
    connect = socket.socket.connect

    def guarded(self, address):
        if isinstance(address, tuple) and address[0] not in ('127.0.0.1', 'localhost', '::1'):
            raise OSError(101, 'Network is unreachable')
        return connect(self, address)

    monkeypatch.setattr(socket.socket, 'connect', guarded)


@pytest.fixture
def fresh_folder(tmp_path, monkeypatch):
    """An empty working directory and an empty cache of its own; returns the directory."""
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    folder = tmp_path / 'here'
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def tiny_arrays(n_train=60, n_test=25, shape=(8, 8), n_classes=4, seed=1):
    """(train_images, train_labels, test_images, test_labels), uint8, that a network learns within some 50 steps.

    Each class is a random pattern of its own under noise; every class occurs.
    """
    random = np.random.default_rng(seed)
    patterns = random.integers(0, 200, (n_classes, *shape))
    arrays = []
    for n in (n_train, n_test):
        labels = random.permutation(np.arange(n) % n_classes)
        images = patterns[labels] + random.integers(0, 56, (n, *shape))
        arrays += [images.astype(np.uint8), labels.astype(np.uint8)]
    return tuple(arrays)


def tiny_dataset(n_validation=15, **options):
    """`tiny_arrays` as a data.Dataset."""
    from mnist_graph import data

    train_images, train_labels, test_images, test_labels = tiny_arrays(**options)
    images = [array[..., None] if array.ndim == 3 else array for array in (train_images, test_images)]
    everything = data.Split(images[0], train_labels.astype(np.int32))
    return data.Dataset('tiny', everything[n_validation:], everything[:n_validation],
                        data.Split(images[1], test_labels.astype(np.int32)),
                        tuple(map(str, range(options.get('n_classes', 4)))), '0123456789abcdef')


def idx_bytes(array):
    """The content of an IDX file, put together by hand."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f'>{array.ndim}I', *array.shape) + array.tobytes()


def write_idx_folder(folder, arrays=None, gzipped=False, **options):
    """Writes the four IDX files of `arrays`, or of `tiny_arrays(**options)`; returns the folder."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(IDX_NAMES, arrays or tiny_arrays(**options)):
        content = idx_bytes(array)
        (folder / (name + '.gz' * gzipped)).write_bytes(gzip.compress(content, 1) if gzipped else content)
    return folder


class Ended(NamedTuple):
    """How a program ended, and what it wrote."""

    code: int
    out: str
    err: str


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
            module.run()
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


def environment(folder, **extra):
    """Environment of a subprocess that shares nothing with the user's folders."""
    return {**os.environ, 'PYTHONPATH': str(REPOSITORY), 'XDG_CACHE_HOME': str(folder / 'cache'),
            'PYTHONDONTWRITEBYTECODE': '1', **extra}


def run_python(*arguments, folder, timeout=120, **extra):
    """Runs the interpreter in `folder`; returns an Ended."""
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=folder, env=environment(folder, **extra),
                          capture_output=True, text=True, timeout=timeout)
    return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope='session')
def tf():
    """tensorflow.compat.v1."""
    from mnist_graph import runtime

    return runtime.import_tensorflow()


@functools.lru_cache(maxsize=16)
def built(hparams, spec, n_steps=None, n_towers=1):
    """`graph.build`, once for equal arguments: the state that a test changes is in its session, not in the graph."""
    from mnist_graph import graph

    return graph.build(hparams, spec, n_steps, n_towers)


@pytest.fixture
def running(tf):
    """Call it as Running without the first argument; the sessions are closed afterwards."""
    from by_hand import Running

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
    from mnist_graph import runtime
    from mnist_graph.train import total_steps

    opened = []

    def start(hparams, dataset, values=None):
        network = built(hparams, dataset.input_spec(), total_steps(hparams, len(dataset.train)))
        sess = runtime.open_session(network, 2)
        opened.append(sess)
        sess.run(network.initializer)
        if values:
            with network.graph.as_default():
                for variable in tf.global_variables():
                    set_value(sess, tf, variable, values[variable.op.name])
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


def values_of(network, sess, tf):
    """{name: value} of every variable: weights, biases, optimizer slots and global_step."""
    with network.graph.as_default():
        variables = tf.global_variables()
    return dict(zip([variable.op.name for variable in variables], sess.run(variables)))


def set_value(sess, tf, variable, value):
    """Gives a variable a value, through its initializer's input, so that the graph does not grow."""
    sess.run(variable.initializer, {variable.initializer.inputs[1]: np.asarray(value, variable.dtype.as_numpy_dtype)})


def assert_same_values(left, right):
    """Every variable bit-identical."""
    assert left.keys() == right.keys()
    for name in left:
        np.testing.assert_array_equal(left[name], right[name], err_msg=name)
