"""What a worker process does: decodes pictures and looks for digits, and asks for scores."""

import contextlib
import io
import os
import signal
from multiprocessing.connection import Connection
from typing import NamedTuple

from mnist_graph.base.errors import ImageError
from mnist_graph.serving import limits


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


def main(connection: Connection) -> None:
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
    import numpy as np

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
