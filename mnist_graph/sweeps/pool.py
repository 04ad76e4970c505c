"""The coordinator's side of its workers: starting them, giving them trials, noticing that they died."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from typing import Any

import mnist_graph
from mnist_graph.base.errors import MnistGraphError
from mnist_graph.sweeps import worker as worker_program
from mnist_graph.sweeps.messages import GO, JOB, STOP, Job, WorkerConfig

_MOST_FAILED_STARTS = 3
_SECONDS_TO_END = 10
_SIGNALS = {9: ' (SIGKILL; perhaps memory ran out)', 11: ' (SIGSEGV)'}
# A Ctrl-C in the terminal is for the coordinator alone.
_OWN_GROUP: dict[str, Any] = (
    {'process_group': 0}
    if os.name == 'posix'
    else {'creationflags': getattr(subprocess, 'CREATE_NEW_PROCESS_GROUP', 0)}
)


class _Worker:
    """A process that trains, spoken to in lines of JSON through its standard input and output.

    It is a program of its own, not a fork: TensorFlow's threads do not survive
    one. Nor is it a multiprocessing.Process, which would run the caller's main
    module again in it. When the coordinator dies, however that happens, the
    operating system closes the worker's standard input, and so the worker ends.

    Args:
      config: What it is told first.
      log_path: File for its standard error.
      events: Gets (this worker, message) for each of its messages, and (this worker, None) at its end.
    """

    def __init__(self, config: WorkerConfig, log_path: str, events: 'queue.Queue[tuple[_Worker, Any]]'):
        package = os.path.dirname(os.path.dirname(os.path.abspath(mnist_graph.__file__)))
        path = os.pathsep.join(filter(None, [package, os.environ.get('PYTHONPATH')]))
        self.log_path, self._events = log_path, events
        self.job: Job | None = None
        self.ready = False
        with open(log_path, 'ab') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-m', worker_program.__name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding='utf-8',
                env={**os.environ, 'PYTHONPATH': path, 'OPENBLAS_NUM_THREADS': '1'},
                **_OWN_GROUP,
            )
        threading.Thread(target=self._listen, daemon=True).start()
        self.send(config)

    def _listen(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines, contextlib.suppress(ValueError):  # half a line of one that was killed
            for line in lines:
                self._events.put((self, json.loads(line)))
        self._events.put((self, None))

    def send(self, message: Any) -> None:
        """Says something, if the worker still lives to hear it; that it died shows when it is listened to."""
        assert self.process.stdin
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.write(json.dumps(message) + '\n')
            self.process.stdin.flush()

    def hang_up(self) -> None:
        """Lets the worker end, whatever it is doing."""
        assert self.process.stdin
        with contextlib.suppress(OSError):
            self.process.stdin.close()

    def end(self) -> None:
        """Waits for the end of a worker that was hung up on, and kills it if it takes long."""
        self.hang_up()
        try:
            self.process.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class WorkerPool:
    """Some workers.

    Args:
      n_workers: How many there may be at most.
      config: What they are told first.
      log_folder: What they write to standard error goes into files there.
    """

    def __init__(self, n_workers: int, config: WorkerConfig, log_folder: str):
        self.n_workers, self._config, self._log_folder = n_workers, config, log_folder
        self._workers: list[_Worker] = []
        self._events: queue.Queue[tuple[_Worker, Any]] = queue.Queue()
        self._n_failed_starts = self._n_started = 0

    def ensure(self, n_workers: int) -> None:
        """Starts workers until there are so many, or as many as there may be.

        Raises:
          MnistGraphError: The file for what a worker says cannot be written.
        """
        while len(self._workers) < min(n_workers, self.n_workers):
            self._n_started += 1
            path = os.path.join(self._log_folder, f'worker-{os.getpid()}-{self._n_started}.log')
            try:
                os.makedirs(self._log_folder, exist_ok=True)
                self._workers.append(_Worker(self._config, path, self._events))
            except OSError as error:
                raise MnistGraphError(
                    f'{path}: a worker cannot be started ({error.strerror}); mend that, then go on with --resume.'
                ) from None

    @property
    def n_idle(self) -> int:
        """Workers that wait for a trial."""
        return sum(worker.ready and worker.job is None for worker in self._workers)

    @property
    def n_busy(self) -> int:
        """Workers with a trial."""
        return sum(worker.job is not None for worker in self._workers)

    def start(self, job: Job, process_id: int | None = None) -> None:
        """Gives a trial to an idle worker, if possible to the one with this process id."""
        idle = [worker for worker in self._workers if worker.ready and worker.job is None]
        worker = next((worker for worker in idle if worker.process.pid == process_id), idle[0])
        worker.job = job
        worker.send((JOB, job))

    def answer(self, key: int, go_on: bool) -> None:
        """Answers a 'validation' event, or stops a trial at any time."""
        for worker in self._workers:
            if worker.job is not None and worker.job.key == key:
                worker.send((GO if go_on else STOP, key))

    def wait(self, timeout: float) -> list[tuple[Any, ...]]:
        """What workers have said, waiting for the first word up to `timeout` seconds.

        Returns:
          ('validation', key, step, accuracy), ('done', key, outcome),
          ('stopped', key) or ('failed', key, kind, reason) each; and
          ('died', key, reason) for the trial of a worker that did.

        Raises:
          MnistGraphError: Workers cannot be started, or cannot read the data set.
        """
        events: list[tuple[Any, ...]] = []
        with contextlib.suppress(queue.Empty):
            while True:
                worker, message = self._events.get(timeout=0 if events else timeout)
                if message is None:
                    events += self._died(worker)
                elif message[0] == 'unfit':
                    raise MnistGraphError(message[1])
                elif message[0] == 'ready':
                    worker.ready, self._n_failed_starts = True, 0
                    timeout = 0
                else:
                    if message[0] != 'validation':
                        worker.job = None
                    events.append(tuple(message))
        return events

    def _died(self, worker: _Worker) -> list[tuple[Any, ...]]:
        if worker not in self._workers:
            return []
        self._workers.remove(worker)
        worker.end()
        code = worker.process.returncode
        how = f'was killed by signal {-code}{_SIGNALS.get(-code, "")}' if code < 0 else f'ended with exit code {code}'
        if not worker.ready:
            self._n_failed_starts += 1
            if self._n_failed_starts >= _MOST_FAILED_STARTS:
                raise MnistGraphError(f'Workers cannot be started: the last one {how}; see {worker.log_path}.')
        return [('died', worker.job.key, f'the worker {how}')] if worker.job else []

    def close(self) -> None:
        """Ends all workers; a running trial is given up."""
        for worker in self._workers:
            worker.hang_up()
        for worker in self._workers:
            worker.end()
        self._workers.clear()
