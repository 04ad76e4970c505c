"""What every benchmarked program shares: MNIST from IDX files, settings, and one line of JSON.

A peer script imports this module first, before its heavy library, so that
`seconds_total` counts the library's import as well. It then hands `run_peer`
a function that trains and says how long the timed steps took.
"""

import time

STARTED = time.perf_counter()

import argparse
import gzip
import json
import os
import resource
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

HIDDEN_UNITS = (512, 256, 128)
DROPOUT_RATE = 0.5  # on the last hidden layer only
NUM_CLASSES = 10


class Digits(NamedTuple):
    """MNIST: images float32 [n, 784] in [0, 1], labels int64 [n] in 0..9."""

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


class Settings(NamedTuple):
    """What a peer is asked to do.

    `steps` are timed, the `warmup` steps before them are not; the training set is cut
    or repeated to have `n_pictures`, or left alone.
    """

    data_dir: str
    steps: int
    warmup: int
    batch_size: int
    learning_rate: float
    seed: int
    variant: str
    hidden_units: tuple[int, ...]
    n_pictures: int | None


class Outcome(NamedTuple):
    """What a peer did: the name to print, `timed`'s two figures, test accuracy in [0, 1]."""

    name: str
    seconds: tuple[float, float]
    test_accuracy: float
    versions: str


def read_idx(path):
    """Reads one gzipped IDX file into a uint8 array; exits with one line for any other file."""
    try:
        with gzip.open(path, 'rb') as file:
            content = file.read()
    except (OSError, EOFError) as error:
        raise SystemExit(f'{path}: cannot be read ({error})') from None
    if content[:3] != b'\x00\x00\x08':
        raise SystemExit(f'{path}: is not an IDX file of unsigned bytes')
    rank = content[3]
    shape = np.frombuffer(content, '>u4', count=rank, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)


def load_digits(data_dir, n_pictures=None):
    """Returns the digits of `data_dir`; those to train on cut or repeated to be `n_pictures`, unless that is None."""

    def images(name):
        pixels = read_idx(os.path.join(data_dir, name))
        flat = pixels.reshape(len(pixels), -1).astype(np.float32)
        flat /= 255.0
        return flat

    def labels(name):
        return read_idx(os.path.join(data_dir, name)).astype(np.int64)

    def repeated(array):
        # np.resize would copy an array that has the right size, and peak memory is measured.
        is_enough = n_pictures is None or n_pictures <= len(array)
        return array[:n_pictures] if is_enough else np.resize(array, (n_pictures, *array.shape[1:]))

    return Digits(
        repeated(images('train-images-idx3-ubyte.gz')),
        repeated(labels('train-labels-idx1-ubyte.gz')),
        images('t10k-images-idx3-ubyte.gz'),
        labels('t10k-labels-idx1-ubyte.gz'),
    )


def shuffled_batches(count, batch_size, steps, generator):
    """Yields `steps` int64 [batch_size] index arrays, shuffling anew for each pass over `count` rows.

    Rows left over at the end of a pass (fewer than a batch) wait for the next shuffle.
    """
    taken = 0
    while True:
        order = generator.permutation(count)
        for start in range(0, count - batch_size + 1, batch_size):
            if taken == steps:
                return
            yield order[start : start + batch_size]
            taken += 1


def timed(function, *arguments):
    """Calls `function`; returns its result and (wall seconds, processor seconds of all threads)."""
    wall, processor = time.perf_counter(), time.process_time()
    result = function(*arguments)
    return result, (time.perf_counter() - wall, time.process_time() - processor)


def peak_rss_mb():
    """Returns the largest resident size of this process so far, in MiB."""
    try:
        # Linux hands a parent's ru_maxrss down through exec; VmHWM is this program's own.
        with open('/proc/self/status', encoding='ascii') as file:
            for line in file:
                if line.startswith('VmHWM:'):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    # macOS counts bytes, and other systems KiB.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == 'darwin' else 1 << 10)


def anonymous_mb():
    """Returns the MiB of memory that this process holds now, without the files that it has mapped; nan if unknown."""
    try:
        with open('/proc/self/status', encoding='ascii') as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith('RssAnon:'))
    except (OSError, StopIteration):
        return float('nan')


def parse_settings(variants, description):
    """Reads `Settings` from the command line; the first of `variants` is the default."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument('--data_dir', required=True, help='folder of the four gzipped IDX files')
    parser.add_argument('--steps', type=int, default=2000)
    parser.add_argument('--warmup', type=int, default=200)
    parser.add_argument('--batch_size', type=int, default=128)
    parser.add_argument('--learning_rate', type=float, default=1e-3)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--variant', choices=variants, default=variants[0])
    parser.add_argument('--hidden_units', type=parse_widths, default=HIDDEN_UNITS)
    parser.add_argument('--n_pictures', type=int, help='pictures to train on, cut or repeated; by default all')
    return Settings(**vars(parser.parse_args()))


def parse_example(description, epochs):
    """Reads data_dir, seed and epochs from the command line of a program that restates a published example."""
    parser = argparse.ArgumentParser(description=description.split('\n\n')[0])
    parser.add_argument('--data_dir', required=True, help='folder of the four gzipped IDX files')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--epochs', type=int, default=epochs)
    return parser.parse_args()


def parse_widths(text):
    """'512,256,128' to (512, 256, 128)."""
    return tuple(int(width) for width in text.split(','))


def run_peer(train: Callable[[Digits, Settings], Outcome], variants, description, load=load_digits):
    """Loads the digits, calls `train`, and prints the outcome as one line of JSON."""
    settings = parse_settings(variants, description)
    digits = load(settings.data_dir, settings.n_pictures)  # kept to the end, so that its memory is counted
    outcome = train(digits, settings)
    wall, processor = outcome.seconds
    print_json(
        name=outcome.name,
        steps=settings.steps,
        seconds_training=round(wall, 4),
        processor_seconds=round(processor, 4),
        ms_per_step=round(1000 * wall / settings.steps, 4),
        test_accuracy=round(outcome.test_accuracy, 4),
        versions=outcome.versions,
    )


def print_json(**fields):
    """Prints `fields`, this process's memory and its seconds so far, as one line of JSON."""
    fields['peak_rss_mb'] = round(peak_rss_mb(), 1)
    fields['anonymous_mb'] = round(anonymous_mb(), 1)
    fields['seconds_total'] = round(time.perf_counter() - STARTED, 3)
    print(json.dumps(fields), flush=True)
