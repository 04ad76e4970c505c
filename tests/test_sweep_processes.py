"""Sweeps in processes of their own: killed, interrupted, as on Windows; and how much memory a worker takes."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest

from helpers import held
from helpers.programs import environment, is_alive, run_python
from helpers.small_sweep import TINY, results


def without_times(lines):
    return {
        point: {name: value for name, value in line.items() if name not in ('trial', 'seconds')}
        for point, line in lines.items()
    }


def children_of(process):
    """Process ids of a process's children."""
    found = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(process.pid)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def wait_for(condition, process, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, 'it did not come so far'
        time.sleep(0.02)


def start(*flags, folder, until=10**9):
    """A sweep that waits where so many trials have ended."""
    held.let_go(folder, until)
    return subprocess.Popen(
        [sys.executable, '-c', held.SWEEP, *map(str, flags)],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def n_complete(folder):
    try:
        return sum(line['state'] == 'complete' for line in results(folder).values())
    except OSError:
        return 0


def ids_of_complete_trials(folder):
    """Points that have a complete trial, with repetition."""
    from mnist_graph.sweeps.storage.journal import JournalStore

    return sorted(
        trial.user_attrs['point']
        for trial in JournalStore(str(folder), False, False).trials()
        if trial.state.name == 'COMPLETE'
    )


def test_a_killed_coordinator(data_dir, fresh_folder):
    """Killed after the first of three trials; its worker ends too; --resume does the rest."""
    process = start(
        '--search=dropout=0,0.3,0.6',
        '--workers=1',
        *TINY,
        f'--data_dir={data_dir}',
        '--sweep_dir=s',
        folder=fresh_folder,
        until=2,
    )
    wait_for(lambda: n_complete(fresh_folder / 's') >= 1, process)
    workers = children_of(process)
    process.kill()
    assert process.wait() == -signal.SIGKILL  # it had not ended before
    resumed = run_python('-m', 'mnist_graph.sweep', '--sweep_dir=s', '--resume', '--workers=1', folder=fresh_folder)
    assert resumed.code == 0, resumed.err
    assert ids_of_complete_trials(fresh_folder / 's') == [0, 1, 2]
    assert workers and not any(map(is_alive, workers))


@pytest.mark.skipif(not os.path.isdir('/proc/self'), reason='processes are looked up in /proc')
@pytest.mark.parametrize('kill', [signal.SIGKILL, signal.SIGABRT])
def test_workers_end_with_their_coordinator(data_dir, fresh_folder, kill):
    """Whatever ends it, and whatever they are doing: one worker starts up, the other is in a long training."""
    process = start(
        '--search=dropout=0,0.3',
        '--workers=2',
        *TINY,
        '--n_iterations=1000000',
        '--eval_steps=1000000',
        f'--data_dir={data_dir}',
        '--sweep_dir=s',
        folder=fresh_folder,
    )
    wait_for(lambda: len(list((fresh_folder / 's').glob('tensorboard/*/events*'))) >= 1, process)
    workers = children_of(process)
    assert len(workers) == 2 and all(map(is_alive, workers))
    process.send_signal(kill)
    assert process.wait() == -kill
    deadline = time.monotonic() + 120
    while any(map(is_alive, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_platform_without_process_groups_and_inherited_descriptors(data_dir, fresh_folder):
    """As Windows: no fork, no pass_fds, no AF_UNIX, no process groups."""
    script = (
        'import os, socket, subprocess; del os.fork, socket.AF_UNIX, socket.socketpair; '
        'from mnist_graph.sweeps import pool; pool._OWN_GROUP = {}; popen = subprocess.Popen.__init__; '
        'subprocess.Popen.__init__ = lambda self, command, *, stdin=None, stdout=None, stderr=None, env=None, '
        'encoding=None: popen(self, command, stdin=stdin, stdout=stdout, stderr=stderr, env=env, encoding=encoding); '
        'from mnist_graph import sweep; sweep.console_main()'
    )
    ended = run_python(
        '-c',
        script,
        '--search=dropout=0,0.3',
        '--workers=1',
        *TINY,
        f'--data_dir={data_dir}',
        '--sweep_dir=s',
        folder=fresh_folder,
    )
    assert ended.code == 0, ended.err
    assert ids_of_complete_trials(fresh_folder / 's') == [0, 1]


@pytest.mark.slow
def test_killed_workers_and_coordinator_change_nothing(data_dir, fresh_folder):
    """A grid of 12 on 2 workers: one killed, then the coordinator, then resumed; against one left in peace."""
    flags = [
        '--search=learning_rate=0.001,0.003,0.01,0.03',
        '--search=dropout=0,0.3,0.6',
        '--workers=2',
        *TINY,
        '--n_iterations=2000',
        '--eval_steps=100',
        f'--data_dir={data_dir}',
    ]
    process = start(*flags, '--sweep_dir=disturbed', folder=fresh_folder, until=9)
    wait_for(lambda: n_complete(fresh_folder / 'disturbed') >= 2, process)
    os.kill(children_of(process)[0], signal.SIGKILL)
    wait_for(lambda: n_complete(fresh_folder / 'disturbed') >= 5, process)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert n_complete(fresh_folder / 'disturbed') < 12
    resumed = run_python(
        '-m', 'mnist_graph.sweep', '--sweep_dir=disturbed', '--resume', '--workers=2', folder=fresh_folder, timeout=600
    )
    assert resumed.code == 0, resumed.err
    peaceful = run_python('-m', 'mnist_graph.sweep', *flags, '--sweep_dir=peaceful', folder=fresh_folder, timeout=600)
    assert peaceful.code == 0, peaceful.err
    assert ids_of_complete_trials(fresh_folder / 'disturbed') == list(range(12))
    disturbed = without_times(results(fresh_folder / 'disturbed'))
    assert len(disturbed) == 12 and disturbed == without_times(results(fresh_folder / 'peaceful'))


@pytest.mark.slow
def test_control_c_finishes_what_runs_and_says_how_to_go_on(data_dir, fresh_folder):
    held.let_go(fresh_folder, until=3)
    process = subprocess.Popen(
        [
            sys.executable,
            '-c',
            held.SWEEP,
            '--search=dropout=0,0.3,0.6,0.9',
            '--workers=1',
            *TINY,
            f'--data_dir={data_dir}',
            '--sweep_dir=s',
        ],
        cwd=fresh_folder,
        env=environment(fresh_folder),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_for(lambda: n_complete(fresh_folder / 's') >= 1, process)
    process.send_signal(signal.SIGINT)
    held.let_go(fresh_folder)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    left = 4 - len(ids_of_complete_trials(fresh_folder / 's'))
    assert err.endswith(
        f'Stopped with {left} of 4 points left; go on with\npython -m mnist_graph.sweep --sweep_dir=s --resume\n'
    )


@pytest.mark.slow
def test_memory_stays_flat(data_dir, fresh_folder):
    """200 trials on one worker: after the first 50 it grows by less than 10 MB."""
    process = start(
        '--search=dropout=0:0.9',
        '--sampler=random',
        '--n_trials=200',
        '--workers=1',
        *TINY,
        f'--data_dir={data_dir}',
        '--sweep_dir=s',
        '--notensorboard',
        folder=fresh_folder,
    )

    def megabytes():
        with open(f'/proc/{children_of(process)[0]}/status') as file:
            return int(re.search(r'VmRSS:\s+(\d+)', file.read())[1]) / 1024

    wait_for(lambda: n_complete(fresh_folder / 's') >= 50, process, 300)
    early = megabytes()
    wait_for(lambda: n_complete(fresh_folder / 's') >= 190, process, 600)
    late = megabytes()
    process.terminate()
    process.wait()
    assert late < early + 10
