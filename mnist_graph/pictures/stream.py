"""Many picture files, made ready for the network a chunk at a time, on several cores.

Where digits are looked for with a network's help, threads find the ink, and the
network scores what they found in batches. Other pictures need no network; if
there are many, processes prepare them.
"""

import os
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from mnist_graph.base.errors import ImageError, MnistGraphError
from mnist_graph.base.opencv import cv2
from mnist_graph.base.signals import interrupts_blocked
from mnist_graph.pictures import extract, reading
from mnist_graph.pictures.pixels import shown

CHUNK_SIZE = 256
# Pictures that are read at a time; each takes up to 30 MB on the way.
READ_AT_A_TIME = 16
# Starting a process takes as long as some hundred pictures do.
_PICTURES_WORTH_A_POOL = 400
_PICTURES_PER_TASK = 16
# Pixels: the longest side of what is kept of a picture to be drawn.
_SHOWN_SIDE = 400

Score = Callable[[np.ndarray], np.ndarray]


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
      page: What was read, where digits were looked for with a network's help.
    """

    path: str
    images: np.ndarray | None
    error: str = ''
    page: reading.Page | None = None


def prepare(path: str, wanted: Wanted) -> Prepared:
    """Makes one picture file what a network takes; a bad one gives an error line, not an exception."""
    try:
        if wanted.as_digits:
            return Prepared(path, extract.picture_to_digit(path)[np.newaxis, ..., np.newaxis])
        return Prepared(path, extract.plain_resize(path, wanted.height, wanted.width, wanted.channels)[np.newaxis])
    except ImageError as error:
        return Prepared(path, None, str(error))


def stream(
    paths: Sequence[str], wanted: Wanted, score: Score | None = None, n_workers: int = 1
) -> Generator[list[Prepared], None, None]:
    """Prepares all pictures, in order, in chunks: memory does not grow with their number.

    Args:
      paths: Picture files.
      wanted: What the network takes.
      score: The scores, float [n, classes], of float32 [n, 28, 28] images; see
        `reading.read`. Without it, and where one digit is wanted, a picture
        has the one that stands out.
      n_workers: Threads or processes to use; few pictures are prepared in this process.

    Raises:
      MnistGraphError: A process was killed, as the system does when memory runs out.
    """
    if wanted.as_digits and wanted.digits != 'one' and score is not None:
        yield from _read_in_threads(paths, score, n_workers)
        return
    chunks = [paths[start : start + CHUNK_SIZE] for start in range(0, len(paths), CHUNK_SIZE)]
    if n_workers < 2 or len(paths) < _PICTURES_WORTH_A_POOL:
        for chunk in chunks:
            yield [prepare(path, wanted) for path in chunk]
    else:
        yield from _stream_from_pool(chunks, wanted, n_workers)


def read_page(source: Any, score: Score) -> reading.Page:
    """Reads one picture, a path, PIL image or array; see `reading.read` and `stream`."""
    reader = reading.read(source)
    result = _step((reader, None))
    while isinstance(result, np.ndarray):
        result = _step((reader, score(result)))
    if isinstance(result, ImageError):
        raise result
    return result


def _read_in_threads(paths: Sequence[str], score: Score, n_threads: int) -> Iterator[list[Prepared]]:
    n_before = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the pictures are what is done side by side
    pool = ThreadPoolExecutor(n_threads)
    try:
        for start in range(0, len(paths), READ_AT_A_TIME):
            yield _read_all(paths[start : start + READ_AT_A_TIME], score, pool.map if n_threads > 1 else map)
    finally:
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(n_before)


def _read_all(paths: Sequence[str], score: Score, spread: Callable) -> list[Prepared]:
    """Reads pictures side by side: all that they ask at a time is scored at once."""
    readers: list[reading.Asking] = [reading.read(path) for path in paths]
    results: list = [None] * len(paths)
    answers: dict[int, np.ndarray | None] = dict.fromkeys(range(len(paths)))
    while answers:
        steps = list(spread(_step, [(readers[number], answer) for number, answer in answers.items()]))
        asked = {}
        for number, step in zip(answers, steps):
            if isinstance(step, np.ndarray):
                asked[number] = step
            else:
                results[number] = step
        answers = {}
        if asked:
            scores = score(np.concatenate(list(asked.values())))
            ends = np.cumsum([len(images) for images in asked.values()])
            answers = dict(zip(asked, np.split(scores, ends[:-1])))
    return [_prepared(path, result) for path, result in zip(paths, results)]


def _step(job) -> np.ndarray | reading.Page | ImageError:
    """Takes a reader on to its next question, or to its page."""
    reader, answer = job
    try:
        return reader.send(answer)
    except StopIteration as done:
        return done.value
    except ImageError as error:
        return error


def _prepared(path: str, result: reading.Page | ImageError) -> Prepared:
    if isinstance(result, ImageError):
        return Prepared(path, None, str(result))
    seen = None if result.seen is None else shown(result.seen, _SHOWN_SIDE)
    return Prepared(path, result.images[..., None], page=result._replace(seen=seen))


def _stream_from_pool(chunks: list[Sequence[str]], wanted: Wanted, n_workers: int) -> Iterator[list[Prepared]]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    # A fresh interpreter for each: one that is forked would inherit TensorFlow's locks but not its threads.
    spawn = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(n_workers, spawn, initializer=_end_with_the_parent) as pool:

        def begin(chunk):
            with interrupts_blocked():  # workers are started when there is work for them
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

    cv2.setNumThreads(1)  # the pictures are what is done side by side
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None, 'this runs in worker processes only'

    def end_after_the_parent():
        parent.join()
        os._exit(1)  # from a thread, sys.exit would end the thread alone

    threading.Thread(target=end_after_the_parent, daemon=True).start()
