"""Whole trainings with workers in processes of their own, on this machine."""

import contextlib
import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

import mnist_graph
from helpers import held
from helpers.data import write_idx_folder
from helpers.programs import environment, free_address, run_python

# Batch normalization, dropout and averages, so that all that towers must agree on is there.
JOB = (
    *(
        '--data_dir=data',
        '--n_validation=15',
        '--batch_size=8',
        '--learning_rate=0.02',
        '--num_threads=4',
        '--n_towers=4',
    ),
    *('--model=cnn', '--filters=2,3,2', '--hidden_units=4', '--batch_norm', '--ema_decay=0.9', '--notensorboard'),
    *('--n_iterations=400', '--save_steps=20', '--display_step=20'),
)
PATIENCE = 300.0  # seconds; a machine with much other work imports TensorFlow slowly
WORKER, CHIEF = ('-m', 'mnist_graph.worker'), ('-c', held.MAIN)


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    """A folder with data and, in `alone`, the job trained by one process with four towers."""
    folder = tmp_path_factory.mktemp('workers')
    write_idx_folder(folder / 'data')
    ended = run_python('-m', 'mnist_graph.main', *JOB, '--model_dir=alone', folder=folder)
    assert (ended.code, ended.err) == (0, '')
    return folder


def bits(folder):
    """SHA-256 of all variables of the last checkpoint."""
    import tensorflow.compat.v1 as tf

    assert json.loads((folder / 'hparams.json').read_text())['trained_with'][0]['n_towers'] == 4
    last = max((folder / 'checkpoints').glob('*.index'), key=lambda path: int(path.stem.rpartition('-')[2]))
    reader = tf.train.load_checkpoint(str(last.with_suffix('')))
    digest = hashlib.sha256()
    for name in sorted(reader.get_variable_to_shape_map()):
        digest.update(name.encode() + reader.get_tensor(name).tobytes())
    return digest.hexdigest()


class Program:
    """A program that writes to the end of a file; `before` is the beginning of its command."""

    def __init__(self, folder, name, *arguments, before=()):
        self.log = folder / f'{name}.log'
        with self.log.open('ab') as log:
            self._seen = log.tell()
            self.process = subprocess.Popen(
                [*before, sys.executable, *arguments], cwd=folder, env=environment(folder), stdout=log, stderr=log
            )

    def expect(self, text, times=1):
        """Waits until a text is written so many times after what was expected before."""
        deadline = time.monotonic() + PATIENCE
        for _ in range(times):
            while (found := self.log.read_bytes().find(text.encode(), self._seen)) < 0:
                assert time.monotonic() < deadline and self.process.poll() is None, self.log.read_text()
                time.sleep(0.05)
            self._seen = found + len(text.encode())

    def end(self):
        assert self.process.wait(PATIENCE) == 0, self.log.read_text()


@pytest.fixture
def start(place):
    """Call it as Program without the folder; what still runs is killed afterwards."""
    started = []

    def run(*arguments):
        started.append(Program(place, *arguments))
        return started[-1]

    yield run
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.mark.parametrize('n_workers, ps_tasks', [(2, 1), (4, 1), (2, 2)])
def test_the_bits_are_those_of_one_process(place, n_workers, ps_tasks):
    folder = f'local{n_workers}-{ps_tasks}'
    spread = f'--local_workers={n_workers}', f'--ps_tasks={ps_tasks}', f'--model_dir={folder}'
    ended = run_python('-m', 'mnist_graph.main', *JOB, *spread, folder=place)
    assert (ended.code, ended.err) == (0, '')
    assert bits(place / folder) == bits(place / 'alone')


def test_whatever_is_lost_changes_no_bit(place, start):
    """The worker is killed and paused, then the chief is killed and resumed, then the worker is gone for good."""
    chief_address, address = free_address(), free_address()
    workers = f'--workers={chief_address},{address}'
    worker_command = 'worker', *WORKER, f'--listen={address}'
    worker = start(*worker_command)
    worker.expect('Waiting')
    held.let_go(place, until=160)
    chief = start('chief', *CHIEF, *JOB, '--model_dir=lost', '--worker_timeout=2', workers)
    chief.expect('Iteration 40')  # by then, step 20 is saved
    worker.process.kill()
    chief.expect(f'Worker {address} has ended; going on')
    worker.process.wait()
    held.let_go(place, until=260)
    worker = start(*worker_command)
    worker.expect('Waiting')

    chief.expect('Going on from step')
    chief.expect('Iteration', times=2)
    worker.process.send_signal(signal.SIGSTOP)
    chief.expect(f'Worker {address} has not answered for 2 seconds')
    held.let_go(place, until=340)
    worker.process.send_signal(signal.SIGCONT)
    worker.expect('Waiting')

    chief.expect('Going on from step')
    chief.expect('Iteration', times=2)
    chief.process.kill()
    chief.process.wait()
    worker.expect(f'Waiting for a training at {address}')
    held.let_go(place, until=380)
    resumed = 'resumed', *CHIEF, '--resume', '--model_dir=lost', '--notensorboard', workers
    chief = start(*resumed, '--continue_without', '--worker_timeout=1', '--display_step=20')
    chief.expect('Iteration', times=2)
    worker.process.kill()
    chief.expect(f'{address}: going on without it.')
    held.let_go(place)
    chief.end()
    assert bits(place / 'lost') == bits(place / 'alone')


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['--workers=127.0.0.1:1,localhost:1'], 'localhost:1: is there twice'),
        (['--workers=127.0.0.1'], 'write HOST:PORT'),
        (['--workers=127.0.0.1:2222', '--local_workers=2'], 'exclude each other'),
        (['--local_workers=2', '--batch_size=1'], 'has too few rows for 2 towers'),
        (['--n_towers=129'], 'has too few rows for 129 towers'),
        (['--local_workers=4', '--n_towers=2'], 'at least as many --n_towers as workers'),
        (['--local_workers=2', '--ps_tasks=3'], 'no more --ps_tasks'),
        (['--workers=192.0.2.7:2222,10.0.0.1:2222'], 'cannot be used here'),
        (['--workers=8.8.8.8:2222,10.0.0.1:2222'], '8.8.8.8: is a public address'),
        (['--worker_timeout=0'], 'worker_timeout'),
    ],
)
def test_main_refuses(entry_point, arguments, message):
    ended = entry_point('--data_dir=none', *arguments)
    assert ended.code == 2 and message in ended.err and len(ended.err.splitlines()) == 1
    assert not os.path.exists('runs')


@pytest.mark.parametrize('flags', [[], ['--continue_without']])
def test_an_unreachable_worker_leaves_nothing_behind(entry_point, place, flags):
    address = free_address()
    ended = entry_point(f'--data_dir={place / "data"}', *JOB[1:], f'--workers={free_address()},{address}', *flags)
    assert ended.code == 1 and not os.path.exists('runs')
    assert (
        ended.err
        == f'mnist_graph: {address}: cannot be reached (Connection refused); start mnist_graph.worker there.\n'
    )


def test_a_local_worker_that_does_not_start_leaves_nothing_behind(entry_point, place, monkeypatch):
    from mnist_graph.cli import machines

    nothing = [sys.executable, '-c', 'import sys; sys.exit(3)']
    monkeypatch.setattr(machines, '_start_worker', lambda: subprocess.Popen(nothing, stdout=subprocess.PIPE, text=True))
    ended = entry_point(f'--data_dir={place / "data"}', *JOB[1:], '--local_workers=2')
    assert ended.code == 1 and not os.path.exists('runs')
    assert ended.err == 'mnist_graph: A worker on this machine has ended before the training began; see its message.\n'


def test_a_worker_refuses_a_port_in_use_and_a_public_address(entry_point):
    with socket.create_server(('127.0.0.1', 0)) as server:
        ended = entry_point('--listen={}:{}'.format(*server.getsockname()), name='worker')
    assert ended.code == 2 and 'cannot be used here (Address already in use' in ended.err
    ended = entry_point('--listen=8.8.8.8:2222', name='worker')
    assert ended.code == 2 and '8.8.8.8: is a public address' in ended.err


def test_a_worker_for_one_training_does_not_wait_for_ever(entry_point, monkeypatch):
    monkeypatch.setattr(entry_point.load('worker'), '_WAIT_OF_ONE', 0.1)
    ended = entry_point('--listen=127.0.0.1:0', '--once', name='worker')
    assert ended.code == 1 and 'no training has begun within 0.1 seconds' in ended.err
    assert len(ended.err.splitlines()) == 1


CONFIG = {'cluster': {'chief': ['127.0.0.1:1'], 'worker': ['127.0.0.1:2', '127.0.0.1:3']}}


@pytest.mark.parametrize(
    'config, addresses, own',
    [
        ('', [], '127.0.0.1:2222'),
        ('{}', [], '127.0.0.1:2222'),
        (
            {**CONFIG, 'task': {'type': 'chief', 'index': 0}},
            ['127.0.0.1:1', '127.0.0.1:2', '127.0.0.1:3'],
            '127.0.0.1:1',
        ),
        ({**CONFIG, 'task': {'type': 'worker', 'index': 1}}, None, '127.0.0.1:3'),
        ({'cluster': {'worker': ['127.0.0.1:2']}, 'task': {'index': 0}}, ['127.0.0.1:2'], '127.0.0.1:2'),
    ],
)
def test_tf_config(entry_point, monkeypatch, config, addresses, own):
    from mnist_graph.cli import machines

    entry_point.load('main').define_flags()
    machines.FLAGS(['main'])
    monkeypatch.setenv('TF_CONFIG', config if isinstance(config, str) else json.dumps(config))
    monkeypatch.setattr('mnist_graph.cluster.addresses.check', lambda *_: None)
    assert machines.own_address() == own
    with contextlib.ExitStack() as stack:
        if addresses is None:
            stack.enter_context(pytest.raises(mnist_graph.MnistGraphError, match='run python -m mnist_graph.worker'))
        assert machines.check_flags(128, 0) == (addresses, len(addresses or []))


@pytest.mark.parametrize(
    'text', ['{', '[' * 60_000, '[]', '{"cluster": {"ps": ["a:1"]}}', '{"cluster": 3}', '{"task": {"index": "x"}}']
)
def test_a_tf_config_that_is_not_understood_is_refused(entry_point, monkeypatch, text):
    monkeypatch.setenv('TF_CONFIG', text)
    for name in ('main', 'worker'):
        ended = entry_point(name=name)
        assert ended.code == 2 and ended.err.startswith(f'mnist_graph: TF_CONFIG={text[:200]}: is not understood')
