"""Running programs in processes of their own."""

import contextlib
import os
import pathlib
import random
import socket
import subprocess
import sys
from typing import NamedTuple

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
ENTRY_POINTS = ('main', 'worker', 'predict', 'evaluate', 'show', 'export', 'sweep', 'serve')
# Flags of a whole training that takes a second, on `write_idx_folder('data')`.
TINY_JOB = (
    '--data_dir=data',
    '--n_validation=15',
    '--n_iterations=60',
    '--hidden_units=6,5',
    '--batch_size=8',
    '--learning_rate=0.02',
    '--save_steps=20',
    '--num_threads=1',
)


class Ended(NamedTuple):
    """How a program ended, and what it wrote."""

    code: int
    out: str
    err: str


def environment(folder, **extra):
    """Environment of a subprocess that shares nothing with the user's folders."""
    return {
        **os.environ,
        'PYTHONPATH': str(REPOSITORY),
        'XDG_CACHE_HOME': str(folder / 'cache'),
        'PYTHONDONTWRITEBYTECODE': '1',
        **extra,
    }


def free_address():
    """'127.0.0.1:PORT' of a port that is free, and that the system gives to nobody who asks for any port."""
    while True:
        address = '127.0.0.1', random.SystemRandom().randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(address):
            return '{}:{}'.format(*address)


def run_python(*arguments, folder, timeout=400, **extra):
    """Runs the interpreter in `folder`; returns an Ended."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        env=environment(folder, **extra),
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def run_in_bash(command, folder):
    """Runs a line of bash in `folder`; returns an Ended."""
    done = subprocess.run(
        ['bash', '-c', command], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=400
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def is_alive(process_id):
    """Whether a process runs; one that ended but was not waited for does not. Only where there is /proc."""
    try:
        return pathlib.Path(f'/proc/{process_id}/stat').read_text().rpartition(') ')[2][0] != 'Z'
    except OSError:
        return False
