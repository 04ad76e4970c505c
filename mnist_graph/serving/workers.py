"""The processes that decode pictures: a picture that crashes, hangs or bloats one of them stops nobody else."""

import asyncio
import contextlib
import io
import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np

from mnist_graph.base.errors import ImageError
from mnist_graph.serving import limits
from mnist_graph.serving.limits import RequestError

Score = Callable[[np.ndarray], np.ndarray]


class Job(NamedTuple):
    """A picture to be made what a network takes.

    Attributes:
      content: The file.
      kind: 'page' looks for all digits, and asks for their scores; 'one' takes the digit that stands out; 'plain'
        resizes the picture as it is.
      shape: (height, width, channels) of what the network takes.
    """

    content: bytes
    kind: str
    shape: tuple[int, int, int]


def work(connection: Connection) -> None:
    """Answers jobs until the other side is gone.

    A job is answered by any number of float32 [n, 28, 28] images, to each of which the other side sends scores, and at
    last by ('done', a `reading.Page` or float32 [height, width, channels]) or ('refused', a line).
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # who started this process will end it
        signal.signal(number, signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(1)  # the pictures are what is done side by side
    _limit_memory()
    connection.send('ready')
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            job = connection.recv()
            try:
                answer = ('done', _read(connection, job))
            except ImageError as error:
                answer = ('refused', str(error))
            except MemoryError:
                answer = ('refused', 'the picture takes too much memory to read; make it smaller.')
            connection.send(answer)


def _read(connection: Connection, job: Job):
    from mnist_graph.pictures import extract, reading

    source = io.BytesIO(job.content)
    if job.kind == 'one':
        return extract.picture_to_digit(source)[:, :, None]
    if job.kind == 'plain':
        return extract.plain_resize(source, *job.shape)
    reader = reading.read(source)
    try:
        asked = next(reader)
        while True:
            connection.send(np.ascontiguousarray(asked, np.float32))
            asked = reader.send(connection.recv())
    except StopIteration as done:
        return done.value


def _limit_memory() -> None:
    """Bounds the address space of this process, where the system can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        with open('/proc/self/statm') as file:
            used = int(file.read().split()[0]) * os.sysconf('SC_PAGE_SIZE')
        resource.setrlimit(resource.RLIMIT_AS, (used + limits.WORKER_BYTES, used + limits.WORKER_BYTES))


class _Process:
    """One worker process, and the connection to it."""

    def __init__(self) -> None:
        # A fresh interpreter: one that is forked would inherit TensorFlow's locks but not its threads.
        context = multiprocessing.get_context('spawn')
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self._is_ready = False

    def receive(self, seconds: float):
        """The next message; raises TimeoutError or EOFError where there is none."""
        if not self._is_ready:
            if not self.connection.poll(60):
                raise TimeoutError
            self.connection.recv()
            self._is_ready = True
        if not self.connection.poll(seconds):
            raise TimeoutError
        return self.connection.recv()

    def end(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self.connection.close()
        self.process.join()


class Workers:
    """So many worker processes, each with a thread here that talks to it.

    Args:
      n: How many, at least 1.
    """

    def __init__(self, n: int):
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._all: set[_Process] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._threads = ThreadPoolExecutor(n, thread_name_prefix='worker')
        for _ in range(n):
            self._start()

    def _start(self) -> None:
        with self._lock:
            if not self._closed:
                process = _Process()
                self._all.add(process)
                self._idle.put(process)

    async def read(self, job: Job, score: Score | None = None):
        """What the worker made of a job: a `reading.Page`, or float32 [height, width, channels].

        Args:
          job: The picture.
          score: Called in a thread with float32 [n, 28, 28], for 'page'.

        Raises:
          RequestError: The picture cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._converse, job, score)

    def _converse(self, job: Job, score: Score | None):
        process = self._idle.get()
        is_well = False
        try:
            process.connection.send(job)
            while isinstance(message := process.receive(limits.PICTURE_SECONDS), np.ndarray):
                process.connection.send(score(message) if score else None)
            kind, answer = message
            is_well = True
        except TimeoutError:
            raise RequestError(
                400, f'the picture took more than {limits.PICTURE_SECONDS:.0f} seconds to read'
            ) from None
        except (EOFError, OSError):
            raise RequestError(400, 'the picture could not be decoded: it ended the process that tried to') from None
        finally:
            if is_well:
                self._idle.put(process)
            else:
                with self._lock:
                    self._all.discard(process)
                process.end()
                self._start()
        if kind == 'refused':
            raise RequestError(400, answer)
        return answer

    def close(self) -> None:
        """Ends all processes; nothing may be asked any more."""
        with self._lock:
            self._closed = True
        self._threads.shutdown(cancel_futures=True)
        for process in self._all:
            process.end()
