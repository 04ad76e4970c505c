"""Requests that arrive together become one `Session.run`."""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

import numpy as np

# Seconds that the first of a batch waits for others, while others are on their way.
MOST_WAITING = 0.002
# Pictures in one run; more take no less time each.
MOST_PICTURES = 256


class _Job(NamedTuple):
    run: Callable[[np.ndarray], np.ndarray]
    X: np.ndarray
    future: Future
    arrived: float


class Batcher:
    """Collects jobs in a queue, from which one thread takes all that are for the same network at once.

    Args:
      expected: How many requests there are now that may still bring a job. Nobody waits for more than there are.
      observe: Is told the number of pictures of each run.
    """

    def __init__(self, expected: Callable[[], int], observe: Callable[[int], Any] = lambda n: None):
        self._expected, self._observe = expected, observe
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = self._is_running = False
        self._thread = threading.Thread(target=self._work, name='batcher', daemon=True)
        self._thread.start()

    def submit(self, run: Callable[[np.ndarray], np.ndarray], X: np.ndarray) -> Future:
        """Asks for run(X), which may be computed as a part of run(X of several). Until then it may be cancelled.

        Args:
          run: A function of float32 [n, features] that returns an array [n, ...]. Jobs with the same one are joined.
          X: float32 [n, features].
        """
        job = _Job(run, X, Future(), time.monotonic())
        with self._changed:
            if self._closed:
                job.future.set_exception(RuntimeError('the server is ending'))
                return job.future
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def run_alone(self, run: Callable[[np.ndarray], np.ndarray], X: np.ndarray) -> np.ndarray | None:
        """run(X), computed in the caller's thread; or None, and nothing is done, where X may be joined with others."""
        with self._changed:
            if self._is_running or self._jobs or self._closed or self._expected() > 1:
                return None
            self._is_running = True
        try:
            self._observe(len(X))
            return run(X)
        finally:
            self._ran()

    def _ran(self) -> None:
        with self._changed:
            self._is_running = False
            if self._jobs or self._closed:
                self._changed.notify()

    def close(self) -> None:
        """Ends the thread once the queue is empty."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next_batch():
            # Requests that are gone have cancelled their jobs. The others cannot be cancelled from here on.
            batch = [job for job in batch if job.future.set_running_or_notify_cancel()]
            if not batch:
                self._ran()
                continue
            self._observe(sum(len(job.X) for job in batch))
            try:
                results = batch[0].run(batch[0].X if len(batch) == 1 else np.concatenate([job.X for job in batch]))
            except BaseException as error:  # whatever it is, those who wait must know
                for job in batch:
                    job.future.set_exception(error)
                continue
            finally:
                self._ran()
            ends = np.cumsum([len(job.X) for job in batch])
            for job, part in zip(batch, np.split(results, ends[:-1])):
                job.future.set_result(part)

    def _next_batch(self) -> list[_Job]:
        """Jobs for the same network, the oldest first; [] at the end."""
        with self._changed:
            while self._is_running or not (self._jobs or self._closed):
                self._changed.wait()
            if not self._jobs:
                return []
            deadline = self._jobs[0].arrived + MOST_WAITING
            while (left := deadline - time.monotonic()) > 0 and len(self._jobs) < self._expected() and not self._closed:
                self._changed.wait(left)
            run, n = self._jobs[0].run, 0
            batch: list[_Job] = []
            rest: deque[_Job] = deque()
            for job in self._jobs:
                if job.run == run and (not batch or n + len(job.X) <= MOST_PICTURES):
                    batch.append(job)
                    n += len(job.X)
                else:
                    rest.append(job)
            self._jobs, self._is_running = rest, True
            return batch
