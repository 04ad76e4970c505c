"""Many picture files, read a chunk at a time: threads find the ink, and the network scores what they found in batches."""

import functools
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import cv2
import numpy as np

from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import extract, reading

# Pictures that are in memory at a time; each takes up to 30 MB on the way.
CHUNK_SIZE = 16

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


def stream(
    paths: Sequence[str], wanted: Wanted, score: Score | None = None, n_threads: int = 1
) -> Iterator[list[Prepared]]:
    """Prepares all pictures, in order, in chunks of CHUNK_SIZE: memory does not grow with their number.

    Args:
      paths: Picture files.
      wanted: What the network takes.
      score: The scores, float [n, classes], of float32 [n, 28, 28] images; see
        `reading.read`. Without it, and where one digit is wanted, a picture
        has the one that stands out.
      n_threads: Pictures to work on at a time.
    """
    cv2.setNumThreads(1)  # the pictures are what is done side by side
    with ThreadPoolExecutor(n_threads) as pool:
        spread = map if n_threads < 2 else pool.map
        for start in range(0, len(paths), CHUNK_SIZE):
            chunk = paths[start : start + CHUNK_SIZE]
            if wanted.as_digits and wanted.digits != 'one' and score is not None:
                yield _read_all(chunk, score, spread)
            else:
                yield list(spread(functools.partial(prepare, wanted=wanted), chunk))


def prepare(path: str, wanted: Wanted) -> Prepared:
    """Makes one picture file what a network takes; a bad one gives an error line, not an exception."""
    try:
        if wanted.as_digits:
            return Prepared(path, extract.picture_to_digit(path)[None, ..., None])
        return Prepared(path, extract.plain_resize(path, wanted.height, wanted.width, wanted.channels)[None])
    except ImageError as error:
        return Prepared(path, None, str(error))


def read_page(source, score: Score) -> reading.Page:
    """Reads one picture, a path, PIL image or array; see `reading.read` and `stream`."""
    reader = reading.read(source)
    result = _step((reader, None))
    while isinstance(result, np.ndarray):
        result = _step((reader, score(result)))
    if isinstance(result, ImageError):
        raise result
    return result


def _read_all(paths: Sequence[str], score: Score, spread) -> list[Prepared]:
    """Reads pictures side by side: all that they ask at a time is scored at once."""
    readers: list[Generator] = [reading.read(path) for path in paths]
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
    return Prepared(path, result.images[..., None], page=result)
