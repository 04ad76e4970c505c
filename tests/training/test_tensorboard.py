"""TensorBoard itself, started on a run's folder, lists what the event files hold."""

import json
import re
import subprocess
import sys
import time
import urllib.request

import pytest

from helpers.data import write_idx_folder
from helpers.programs import environment

pytestmark = pytest.mark.integration


@pytest.fixture(scope='module')
def ask(tmp_path_factory):
    """Function of a path of TensorBoard's HTTP API; returns the answer's JSON."""
    pytest.importorskip('tensorboard')
    folder = tmp_path_factory.mktemp('board')
    data_dir = write_idx_folder(folder / 'digits')
    for name in ('first', 'second'):
        subprocess.run(
            [
                sys.executable,
                '-m',
                'mnist_graph.main',
                f'--data_dir={data_dir}',
                f'--model_dir=runs/{name}',
                '--hidden_units=8,6,5',
                '--n_iterations=20',
                '--display_step=10',
                '--batch_size=10',
                '--n_validation=20',
                '--learning_rate=0.003',
            ],
            cwd=folder,
            env=environment(folder),
            check=True,
            capture_output=True,
        )
    board = subprocess.Popen(
        [sys.executable, '-m', 'tensorboard.main', '--logdir=runs', '--host=127.0.0.1', '--port=0'],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = next(found[0] for found in map(re.compile(r'http://127\.0\.0\.1:\d+').search, board.stderr) if found)

        def ask(path):
            with urllib.request.urlopen(f'{address}/data/{path}', timeout=60) as answer:
                return json.load(answer)

        end = time.monotonic() + 120
        while ask('runs') != ['first', 'second']:  # it answers before it has read them
            assert time.monotonic() < end, ask('runs')
            time.sleep(0.1)
        yield ask
    finally:
        board.kill()
        board.wait()


def test_scalars(ask):
    tags = {
        'train/loss',
        'train/accuracy',
        'validation/loss',
        'validation/accuracy',
        'learning_rate',
        'steps_per_second',
    }
    assert set(ask('plugin/scalars/tags')['first']) == tags
    rates = ask('plugin/scalars/scalars?run=first&tag=learning_rate')
    assert [(step, value) for _, step, value in rates] == [(10, pytest.approx(0.003)), (20, pytest.approx(0.003))]


def test_each_run_is_shown_once(ask):
    """The newest, too, which runs/latest names."""
    assert ask('runs') == ['first', 'second']


def test_histograms_of_all_weights(ask):
    names = [('weights', name) for name in ('w1', 'w2', 'w3', 'out')] + [
        ('biases', name) for name in ('b1', 'b2', 'b3', 'out')
    ]
    assert set(ask('plugin/histograms/tags')['first']) == {f'histograms/{scope}/{name}' for scope, name in names}


def test_misread_digits(ask):
    assert list(ask('plugin/images/tags')['first']) == ['misread_validation_digits']


def test_graph(ask):
    assert ask('plugin/graphs/info')['first']['run_graph'] is True


def test_hyperparameters(ask):
    experiment = ask('plugin/hparams/experiment?request={}')
    found = {one['name'] for one in experiment['hparamInfos']}
    assert {'learning_rate', 'hidden_units', 'batch_size', 'dropout'} <= found
