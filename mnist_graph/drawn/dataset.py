"""The drawn digits: a data set in MNIST's format that the package draws by itself.

`strokes` describes how digits are written and `pen` draws them. This module
makes balanced, repeatable sets of them and keeps them in a cache file.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mnist_graph.base import files
from mnist_graph.base.errors import UsageError
from mnist_graph.base.tensorflow import usable_cores
from mnist_graph.drawn import pen, strokes

DEFAULT_SEED = 2016
_TEST_PICTURE_SEED = 14  # of a plain, clear 2
# Digits per block. Each block has a random generator of its own, so that the
# number of threads does not matter. Another size gives other digits.
_BLOCK = 1000
_N_PIXELS = pen.IMAGE_SIDE**2
# Raise it when the drawing changes while the stroke descriptions and the style stay the same.
_VERSION = 1
_DIGEST_BYTES = 32

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
Progress = Callable[[Iterable], Iterable]


def draw_digits(
    n: int, seed: int, n_threads: int | None = None, progress: Progress | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Draws n handwritten digits, every class equally often (to within one), in random order.

    Args:
      n: How many, at least 0.
      seed: At least 0. The same seed gives the same digits, whatever the number
        of threads; between kinds of processor single grey levels may differ by 1.
      n_threads: Threads to draw with; None is one for each processor core.
      progress: Wraps the sequence of blocks and yields its items, as tqdm does.

    Returns:
      images: uint8 [n, 28, 28]; ink is bright, up to 255, on 0. The ink's longest
        side is 20 pixels and its centre of mass within half a pixel of (14, 14),
        unless ink would leave the picture.
      labels: uint8 [n] in 0..9.

    Raises:
      UsageError: A number is negative.
    """
    if n < 0 or seed < 0:
        raise UsageError(f'n={n}, seed={seed}: neither the number of digits nor the seed can be negative.')
    return _draw_sets([(n, seed)], n_threads, progress)[0]


def draw_digit(label: int, seed: int) -> np.ndarray:
    """One drawn digit: uint8 [28, 28], ink bright on 0, as `draw_digits` makes them.

    Raises:
      UsageError: The label is not in 0..9, or the seed is negative.
    """
    if label not in range(10) or seed < 0:
        raise UsageError(f'label={label}, seed={seed}: the label must be in 0..9 and the seed not negative.')
    return pen.draw_block(np.array([label]), _generator(seed, 2, label))[0]


def test_picture() -> np.ndarray:
    """The picture test_img.png: a dark handwritten 2 on light paper, uint8 [28, 28]."""
    ink = draw_digit(2, _TEST_PICTURE_SEED) / 255
    rows, columns = np.mgrid[0:1:28j, 0:1:28j]
    grain = _generator(_TEST_PICTURE_SEED, 3).normal(0, 1.5, ink.shape)
    paper = 232 - 8 * rows + 5 * columns + grain
    return np.rint(paper * (1 - 0.85 * ink)).astype(np.uint8)


def load_or_draw(
    cache_dir: str | None,
    n_train: int = 60000,
    n_test: int = 10000,
    seed: int = DEFAULT_SEED,
    n_threads: int | None = None,
    progress: Progress | None = None,
) -> Arrays:
    """The drawn digits: read from the cache file, or drawn and written there if that is missing or damaged.

    Args:
      cache_dir: Folder of the cache file, made if it is missing; None is no
        cache. If it cannot be written, the digits are drawn each time.
      n_train, n_test: Sizes of the two sets.
      seed: At least 0; training and test digits are drawn from different streams of it.
      n_threads, progress: As for `draw_digits`.

    Returns:
      (train_images, train_labels, test_images, test_labels), uint8; images are
      [n, 28, 28], labels [n].

    Raises:
      UsageError: A number is negative.
    """
    if min(n_train, n_test, seed) < 0:
        raise UsageError(f'n_train={n_train}, n_test={n_test}, seed={seed}: none of them can be negative.')
    key = f'{_VERSION} {n_train} {n_test} {seed} {_BLOCK} {pen.Style()} {strokes.WAYS}'.encode()
    path = cache_dir and os.path.join(cache_dir, f'drawn-{n_train}-{n_test}-{seed}.bin')
    content = path and _read_cache(path, key, (n_train + n_test) * (_N_PIXELS + 1))
    if content:
        return _unpack(content, n_train, n_test)
    # Even seeds for training, odd ones for testing: no two sets ever share digits.
    train, test = _draw_sets([(n_train, 2 * seed), (n_test, 2 * seed + 1)], n_threads, progress)
    arrays = train + test
    if path:
        _write_cache(path, key, b''.join(array.tobytes() for array in arrays))
    return arrays


def _draw_sets(
    sizes_and_seeds: list[tuple[int, int]], n_threads: int | None, progress: Progress | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Draws one (images, labels) for each (n, seed), as `draw_digits` returns them."""
    sets, jobs = [], []
    for n, seed in sizes_and_seeds:
        labels = _generator(seed, 0).permutation(np.arange(n) % 10).astype(np.uint8)
        images = np.empty((n, pen.IMAGE_SIDE, pen.IMAGE_SIDE), np.uint8)
        sets.append((images, labels))
        jobs += [
            (images[start : start + _BLOCK], labels[start : start + _BLOCK], _generator(seed, 1, start))
            for start in range(0, n, _BLOCK)
        ]

    def draw(job) -> None:
        images, labels, generator = job
        images[:] = pen.draw_block(labels, generator)

    # Threads, not processes: numpy computes outside of Python's lock, and a
    # script that calls this without a __main__ guard is not started again.
    with ThreadPoolExecutor(n_threads or usable_cores()) as pool:
        done = pool.map(draw, jobs)
        for _ in progress(jobs) if progress else jobs:
            next(done)
    return sets


def _generator(seed: int, *purpose: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=purpose)))


def _unpack(content: bytes, n_train: int, n_test: int) -> Arrays:
    # A copy, since an array over bytes cannot be written to.
    values = np.frombuffer(content, np.uint8).copy()
    ends = np.cumsum([n_train * _N_PIXELS, n_train, n_test * _N_PIXELS])
    train_images, train_labels, test_images, test_labels = np.split(values, ends)
    shape = (-1, pen.IMAGE_SIDE, pen.IMAGE_SIDE)
    return train_images.reshape(shape), train_labels, test_images.reshape(shape), test_labels


def _read_cache(path: str, key: bytes, size: int) -> bytes | None:
    """The content of a cache file, or None when it is missing, damaged, or made by another version."""
    try:
        # A file of another length is not worth reading: it may be of any size.
        if os.path.getsize(path) != _DIGEST_BYTES + size:
            return None
        with open(path, 'rb') as file:
            digest, content = file.read(_DIGEST_BYTES), file.read()
    except OSError:
        return None
    return content if digest == hashlib.sha256(key + content).digest() else None


def _write_cache(path: str, key: bytes, content: bytes) -> None:
    """Writes a cache file: SHA-256 of key and content, then the content. Does nothing where that is impossible."""
    with contextlib.suppress(OSError):  # the digits are there all the same; they will be drawn again next time
        os.makedirs(os.path.dirname(path), exist_ok=True)
        files.write_atomically(path, hashlib.sha256(key + content).digest() + content)
