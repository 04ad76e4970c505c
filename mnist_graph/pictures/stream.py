"""Many picture files, made ready for the network a chunk at a time, on several cores if there are many."""

import contextlib
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from mnist_graph.base.errors import ImageError, MnistGraphError
from mnist_graph.pictures import extract

CHUNK_SIZE = 256
# Starting a process takes as long as some hundred pictures do.
_PICTURES_WORTH_A_POOL = 400
_PICTURES_PER_TASK = 16


class Wanted(NamedTuple):
    """What a network takes.

    Attributes:
      as_digits: Whether pictures are made into MNIST's digits, or only resized.
      digits: 'one', 'many' or 'auto': how many digits a picture may hold.
      height, width, channels: Shape of what the network takes.
    """

    as_digits: bool
    digits: str
    height: int
    width: int
    channels: int


class Prepared(NamedTuple):
    """One picture file, ready for the network.

    Attributes:
      path: The file.
      images: float32 [digits, height, width, channels] in [0, 1], or None if it cannot be used.
      error: One line that says why not, or ''.
    """

    path: str
    images: np.ndarray | None
    error: str = ''


def prepare(path: str, wanted: Wanted) -> Prepared:
    """Reads one picture file; a bad one gives an error line, not an exception."""
    try:
        if wanted.as_digits:
            return Prepared(path, extract.picture_to_digits(path, wanted.digits)[..., np.newaxis])
        return Prepared(path, extract.plain_resize(path, wanted.height, wanted.width, wanted.channels)[np.newaxis])
    except ImageError as error:
        return Prepared(path, None, str(error))


def stream(paths: Sequence[str], wanted: Wanted, n_workers: int = 1) -> Generator[list[Prepared], None, None]:
    """Prepares all pictures, in order, in chunks of CHUNK_SIZE.

    While a chunk is used by the caller, the next one is being prepared, and no
    more: memory does not grow with the number of pictures.

    Args:
      paths: Picture files.
      wanted: What the network takes.
      n_workers: Processes to use; few pictures are prepared in this one.

    Raises:
      MnistGraphError: A process was killed, as the system does when memory runs out.
    """
    chunks = [paths[start : start + CHUNK_SIZE] for start in range(0, len(paths), CHUNK_SIZE)]
    if n_workers < 2 or len(paths) < _PICTURES_WORTH_A_POOL:
        for chunk in chunks:
            yield [prepare(path, wanted) for path in chunk]
    else:
        yield from _stream_from_pool(chunks, wanted, n_workers)


def _stream_from_pool(chunks: list[Sequence[str]], wanted: Wanted, n_workers: int) -> Iterator[list[Prepared]]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    # A fresh interpreter for each: one that is forked would inherit TensorFlow's locks but not its threads.
    spawn = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(n_workers, spawn, initializer=_end_with_the_parent) as pool:

        def begin(chunk):
            with _interrupts_blocked():  # workers are started when there is work for them
                return pool.map(prepare, chunk, [wanted] * len(chunk), chunksize=_PICTURES_PER_TASK)

        try:
            ahead = begin(chunks[0])
            for chunk in [*chunks[1:], []]:
                current, ahead = ahead, begin(chunk)
                yield list(current)
        except BrokenProcessPool:
            raise MnistGraphError(
                'A process that reads pictures was ended by the system, probably for want of memory; '
                'use --num_threads=1.'
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _end_with_the_parent() -> None:
    """Makes this worker process end as soon as the one that started it has ended, however that happened.

    A parent that is killed cannot tell its workers, which would wait for work for
    ever. What every system tells them is that the parent's end of a pipe closed
    (on Windows, that its handle is signalled), which `Process.join` waits for.
    Ctrl-C in a terminal goes to all processes; the parent decides what it ends.
    """
    import multiprocessing
    import threading

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, 'this runs in worker processes only'

    def end_after_the_parent():
        parent.join()
        os._exit(1)  # from a thread, sys.exit would end the thread alone

    threading.Thread(target=end_after_the_parent, daemon=True).start()


@contextlib.contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Processes started meanwhile see no Ctrl-C, even before they have begun to ignore it themselves."""
    if not hasattr(signal, 'pthread_sigmask'):  # Windows
        yield
        return
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
