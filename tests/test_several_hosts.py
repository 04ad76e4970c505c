"""A training whose workers are on hosts of their own: network namespaces, joined by a link of 1 Gbit/s, with a delay or without."""

import importlib.util
import os
import shutil
import signal
import subprocess

import pytest

from helpers import held
from helpers.data import write_idx_folder
from helpers.programs import REPOSITORY, run_python
from test_worker import CHIEF, JOB, PATIENCE, WORKER, Program, bits

pytestmark = pytest.mark.integration
spec = importlib.util.spec_from_file_location('link', REPOSITORY / 'benchmarks/link.py')
link = importlib.util.module_from_spec(spec)
spec.loader.exec_module(link)
CHIEF_ADDRESS, WORKER_ADDRESS = (f'{host}:2222' for host in link.HOSTS)
CHIEF_NAME, WORKER_NAME = link.NAMES


def ip(*words):
    subprocess.run(['ip', *words], check=True, capture_output=True, timeout=30)


@pytest.fixture
def hosts(delay_ms):
    """Two hosts; skips where they cannot be made."""
    if not (shutil.which('ip') and shutil.which('tc')):
        pytest.skip('needs ip and tc (iproute2)')
    made = link.two_hosts(delay_ms)
    try:
        made.__enter__()
    except (subprocess.CalledProcessError, OSError) as error:
        pytest.skip(f'namespaces cannot be made here: {getattr(error, "stderr", error)!r}')
    yield
    made.__exit__(None, None, None)


class Host(Program):
    """A program in a namespace; `ip netns exec` becomes the program, so that signals reach it."""

    def __init__(self, folder, host, name, *arguments):
        super().__init__(folder, name, *arguments, before=('ip', 'netns', 'exec', host))


def start_worker(folder):
    worker = Host(folder, WORKER_NAME, 'worker', *WORKER, f'--listen={WORKER_ADDRESS}')
    worker.expect('Waiting')
    return worker


@pytest.mark.parametrize(
    'delay_ms, n_rounds', [(0, 1), (5, 1), *(pytest.param(delay, 10, marks=pytest.mark.slow) for delay in (0, 0.2, 5))]
)
def test_whatever_happens_to_a_host_changes_no_bit(hosts, tmp_path, n_rounds):
    """The worker is killed, unplugged and paused in turn."""
    job = [*JOB, f'--n_iterations={400 * n_rounds}', '--worker_timeout=3', '--save_steps=10', '--display_step=10']
    write_idx_folder(tmp_path / 'data')
    alone = run_python('-m', 'mnist_graph.main', *job, '--model_dir=alone', folder=tmp_path, timeout=500)
    assert (alone.code, alone.err) == (0, '')
    worker = start_worker(tmp_path)
    held.let_go(tmp_path, until=100)
    addresses = f'--workers={CHIEF_ADDRESS},{WORKER_ADDRESS}'
    chief = Host(tmp_path, CHIEF_NAME, 'chief', *CHIEF, *job, '--model_dir=lost', addresses)
    try:
        for number in range(3 * n_rounds):
            chief.expect('Iteration', times=6)
            if number % 3 == 0:
                worker.process.kill()
                worker.process.wait()
            elif number % 3 == 1:
                ip('-n', WORKER_NAME, 'link', 'set', link.DEVICES[1], 'down')
            else:
                worker.process.send_signal(signal.SIGSTOP)
            chief.expect(f'Worker {WORKER_ADDRESS} ')
            held.let_go(tmp_path, until=100 * (number + 2))
            if number % 3 == 0:
                worker = start_worker(tmp_path)
            elif number % 3 == 1:
                ip('-n', WORKER_NAME, 'link', 'set', link.DEVICES[1], 'up')
            else:
                worker.process.send_signal(signal.SIGCONT)
            chief.expect('Going on from step')
        held.let_go(tmp_path)
        # The longer the delay, the longer it takes from the last of so many faults to the end.
        assert chief.process.wait(PATIENCE * n_rounds) == 0, chief.log.read_text()
    finally:
        for each in (chief, worker):
            each.process.kill()
            each.process.wait()
    assert bits(tmp_path / 'lost') == bits(tmp_path / 'alone')
    for name in link.NAMES:
        left = subprocess.run(['ip', 'netns', 'pids', name], capture_output=True, text=True, timeout=30)
        assert left.stdout == '', os.linesep + left.stdout
