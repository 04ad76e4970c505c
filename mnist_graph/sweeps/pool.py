"""The coordinator's side of its workers: starting them, giving them trials, noticing that they died."""

import contextlib
import os
import socket
import subprocess
import sys
from multiprocessing import connection as mp_connection
from typing import Any

import mnist_graph
from mnist_graph.base.errors import MnistGraphError
from mnist_graph.sweeps.worker import GO, JOB, STOP, Job, Settings

_MOST_FAILED_STARTS = 3
_SECONDS_TO_END = 10
_SIGNALS = {9: ' (SIGKILL; perhaps memory ran out)', 11: ' (SIGSEGV)'}


class _Worker:
    """One process.

    It is a program of its own, not a fork: TensorFlow's threads do not survive
    one. Nor is it a multiprocessing.Process, which would run the caller's main
    module again in it.
    """

    def __init__(self, settings: Settings, log_path: str):
        ours, theirs = socket.socketpair()
        package = os.path.dirname(os.path.dirname(os.path.abspath(mnist_graph.__file__)))
        path = os.pathsep.join(filter(None, [package, os.environ.get('PYTHONPATH')]))
        self.log_path = log_path
        with theirs, open(log_path, 'ab') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-m', Job.__module__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, 'PYTHONPATH': path, 'OPENBLAS_NUM_THREADS': '1'},
                process_group=0,
            )  # a Ctrl-C in the terminal is for the coordinator alone
        self.connection = mp_connection.Connection(ours.detach())
        self.job: Job | None = None
        self.ready = False
        self.send(settings)

    def send(self, message: Any) -> None:
        """Says something, if there still is someone to hear it; that it died shows when it is listened to."""
        with contextlib.suppress(OSError):
            self.connection.send(message)

    def end(self) -> None:
        """Lets it end, or else makes it."""
        self.connection.close()
        try:
            self.process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class WorkerPool:
    """Some workers.

    Args:
      n_workers: How many there may be at most.
      settings: What they are told first.
      log_folder: What they write to standard error goes into files there.
    """

    def __init__(self, n_workers: int, settings: Settings, log_folder: str):
        self.n_workers, self._settings, self._log_folder = n_workers, settings, log_folder
        self._workers: dict[mp_connection.Connection, _Worker] = {}
        self._failed_starts = self._n_started = 0

    def ensure(self, n_workers: int) -> None:
        """Starts workers until there are so many, or as many as there may be."""
        os.makedirs(self._log_folder, exist_ok=True)
        while len(self._workers) < min(n_workers, self.n_workers):
            self._n_started += 1
            path = os.path.join(self._log_folder, f'worker-{os.getpid()}-{self._n_started}.log')
            worker = _Worker(self._settings, path)
            self._workers[worker.connection] = worker

    @property
    def n_alive(self) -> int:
        """Workers that run, or start."""
        return len(self._workers)

    @property
    def n_idle(self) -> int:
        """Workers that wait for a trial."""
        return sum(worker.ready and worker.job is None for worker in self._workers.values())

    @property
    def n_busy(self) -> int:
        """Workers with a trial."""
        return sum(worker.job is not None for worker in self._workers.values())

    def start(self, job: Job, process_id: int | None = None) -> None:
        """Gives a trial to an idle worker, to that process if it is one."""
        idle = [one for one in self._workers.values() if one.ready and one.job is None]
        worker = next((one for one in idle if one.process.pid == process_id), idle[0])
        worker.job = job
        worker.send((JOB, tuple(job)))

    def answer(self, key: int, go_on: bool) -> None:
        """Answers a 'validation' event, or stops a trial at any time."""
        for worker in self._workers.values():
            if worker.job is not None and worker.job.key == key:
                worker.send((GO if go_on else STOP, key))

    def wait(self, timeout: float) -> list[tuple]:
        """What workers have said, waiting for the first word up to `timeout` seconds.

        Returns:
          ('validation', key, step, accuracy), ('done', key, outcome),
          ('stopped', key) or ('failed', key, kind, reason) each; and
          ('died', key, reason) for the trial of a worker that did.

        Raises:
          MnistGraphError: Workers cannot be started, or read the data set.
        """
        events = []
        for connection in mp_connection.wait(list(self._workers), timeout):
            worker = self._workers[connection]
            try:
                message = connection.recv()
            except (EOFError, OSError):
                events += self._died(worker)
                continue
            if message[0] == 'unfit':
                raise MnistGraphError(message[1])
            if message[0] == 'ready':
                worker.ready, self._failed_starts = True, 0
                continue
            if message[0] in ('done', 'stopped', 'failed'):
                worker.job = None
            events.append(message)
        return events

    def _died(self, worker: _Worker) -> list[tuple]:
        del self._workers[worker.connection]
        worker.end()
        code = worker.process.returncode
        how = f'killed by signal {-code}{_SIGNALS.get(-code, "")}' if code < 0 else f'ended with exit code {code}'
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _MOST_FAILED_STARTS:
                raise MnistGraphError(f'Workers cannot be started: {how}; see {worker.log_path}.')
        return (
            [('died', worker.job.key, f'the worker was {how}' if code < 0 else f'the worker {how}')]
            if worker.job
            else []
        )

    def close(self) -> None:
        """Ends all workers; a running trial is given up."""
        for worker in self._workers.values():
            worker.send((STOP, worker.job.key if worker.job else -1))
        for worker in self._workers.values():
            worker.end()
        self._workers.clear()
