"""What the ports of a recipe share: its flags, its mini-batches, learning rates and distortions, all in NumPy.

A port trains the network of one of the files in flags/ in another library: the
same layers, batches of the same size, learning rates, distortions, averages and
test, so that what is compared is the library. Import this module first; see `common`.
"""

import argparse
import math
import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from common import NUM_CLASSES, Digits, load_digits, print_json, shuffled_batches

from mnist_graph.hparams import SPECS, HParams, parse

FLAGS_DIR = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), 'flags')
SIDE = 28  # pixels of a picture's side
BATCH_NORM_DECAY, BATCH_NORM_EPSILON = 0.99, 1e-3
# The package's own constants of its elastic field: its Gaussian bumps' width, in pixels, and their distance in widths.
_BUMP_SIGMA, _BUMP_SPACING = 4.5, 1.2


class Job(NamedTuple):
    """What a port is asked to do.

    Attributes:
      hparams: The recipe's hyperparameters, with the seed asked for.
      digits: MNIST; the first `hparams.n_validation` training pictures are left out.
      n_steps: Length of the training.
      variant: One of the port's own variants.
      n_views: Slightly moved views of each test picture to average over.
    """

    hparams: HParams
    digits: Digits
    n_steps: int
    variant: str
    n_views: int = 1


def read_flags(recipe: str) -> tuple[dict, int]:
    """The values of flags/RECIPE.flags by name, as `HParams` takes them, and --tta; `#` begins a comment."""
    with open(os.path.join(FLAGS_DIR, f'{recipe}.flags'), encoding='utf-8') as file:
        lines = [line.strip() for line in file if line.startswith('--')]
    pairs = [line[2:].partition('=') for line in lines]
    n_views = next((int(text) for name, _, text in pairs if name == 'tta'), 1)
    # --augment, or --noaugment
    switches = {
        name if name in SPECS else name.removeprefix('no'): name in SPECS for name, equals, _ in pairs if not equals
    }
    return {name: parse(name, text) for name, equals, text in pairs if equals and name != 'tta'} | switches, n_views


def read_job(variants: tuple[str, ...], description: str) -> Job:
    """The command line and the data; the first of `variants` is the default."""
    parser = argparse.ArgumentParser(description=description.split('\n\n')[0])
    parser.add_argument('--recipe', required=True, help='name of a file in flags/, without its ending')
    parser.add_argument('--data_dir', required=True, help='folder of the four gzipped IDX files')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--variant', choices=variants, default=variants[0])
    arguments = parser.parse_args()
    values, n_views = read_flags(arguments.recipe)
    hparams = HParams(**values, seed=arguments.seed)
    for name in ('deskew', 'init_checkpoint', 'weight_decay', 'dropout', 'input_dropout', 'distillation_temperature'):
        if getattr(hparams, name):
            raise SystemExit(f'{arguments.recipe}: the ports have no --{name}')
    if hparams.initializer not in FIRST_BIASES:
        raise SystemExit(f'{arguments.recipe}: the ports have no --initializer={hparams.initializer}')
    digits = load_digits(arguments.data_dir)
    digits = digits._replace(
        train_images=digits.train_images[hparams.n_validation :],
        train_labels=digits.train_labels[hparams.n_validation :],
    )
    if hparams.standardize:
        mean, deviation = digits.train_images.mean(), digits.train_images.std()
        for images in (digits.train_images, digits.test_images):
            images -= mean
            images /= deviation
    return Job(hparams, digits, hparams.total_steps(len(digits.train_labels)), arguments.variant, n_views)


def batches(job: Job):
    """Yields (indices int32 [batch], coefficients float32 [batch, 2, terms] or None) for each step."""
    generator = np.random.default_rng(job.hparams.seed)
    for step, rows in enumerate(
        shuffled_batches(len(job.digits.train_labels), job.hparams.batch_size, job.n_steps, generator)
    ):
        yield rows.astype(np.int32), _coefficients(job, step, len(rows), generator) if job.hparams.augment else None


def learning_rates(job: Job) -> np.ndarray:
    """float32 [n_steps]: the rate of each step."""
    hparams, step = job.hparams, np.arange(job.n_steps)
    progress = np.clip((step - hparams.warmup_steps) / (job.n_steps - hparams.warmup_steps), 0, 1)
    factor = {'constant': np.ones(job.n_steps), 'linear': 1 - progress, 'cosine': 0.5 * (1 + np.cos(np.pi * progress))}
    climb = np.minimum(1, (step + 1) / hparams.warmup_steps) if hparams.warmup_steps else 1
    return (hparams.learning_rate * factor[hparams.learning_rate_schedule] * climb).astype(np.float32)


def average_keeps(decay: float, n_steps: int) -> np.ndarray:
    """float32 [n_steps]: the part of itself that a moving average keeps, of weights or of moments; less in the first steps."""
    step = np.arange(n_steps)
    return np.minimum(decay, (1 + step) / (10 + step)).astype(np.float32)


def smoothed(labels: np.ndarray, smoothing: float) -> np.ndarray:
    """float32 [n, 10]: one-hot labels, of which `smoothing` is spread evenly."""
    return ((1 - smoothing) * np.eye(NUM_CLASSES)[labels] + smoothing / NUM_CLASSES).astype(np.float32)


FIRST_BIASES = {'he_normal': 0.0, 'truncated_normal': 0.1}  # by the recipe's initializer
DEVIATION = 0.1  # of the other initializer's weights, before they are cut off


def first_weights(hparams: HParams, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """float32 weights [..., inputs, units], normal and cut off at two deviations, as the recipe's initializer says.

    he_normal's have variance 2 / inputs (He et al. 2015).
    """
    values = generator.standard_normal(shape)
    while (far := np.abs(values) > 2).any():
        values[far] = generator.standard_normal(far.sum())
    # 0.8796 is the deviation of a standard normal that is cut off so.
    he = hparams.initializer == 'he_normal'
    return (values * (math.sqrt(2 / math.prod(shape[:-1])) / 0.8796 if he else DEVIATION)).astype(np.float32)


def weight_shapes(hparams: HParams) -> dict[str, tuple[int, ...]]:
    """{'conv1': (5, 5, 1, 16), ..., 'w1': (1152, 128), 'out': (128, 10)}."""
    shapes, width = {}, SIDE * SIDE
    if hparams.model == 'cnn':
        channels = (1, *hparams.filters)
        for number, side in enumerate(hparams.kernel_sizes):
            shapes[f'conv{number + 1}'] = (side, side, channels[number], channels[number + 1])
        width = math.ceil((SIDE + 1 - hparams.kernel_sizes[0]) / 4) ** 2 * hparams.filters[-1]
    for number, units in enumerate(hparams.hidden_units, start=1):
        shapes[f'w{number}'] = (width, units)
        width = units
    return {**shapes, 'out': (width, NUM_CLASSES)}


def basis() -> np.ndarray:
    """float32 [terms, 784]: 1, the centred column and row, and the bumps of the elastic field; see augmentation.py."""
    row, column = np.mgrid[:SIDE, :SIDE].reshape(2, -1)
    cells = round((SIDE - 1) / (_BUMP_SPACING * _BUMP_SIGMA))
    centres = np.linspace(0, SIDE - 1, cells + 1)
    axis = np.exp(-0.5 * ((np.arange(SIDE) - centres[:, None]) / _BUMP_SIGMA) ** 2)
    bumps = np.einsum('ai,bj->abij', axis, axis).reshape(-1, SIDE * SIDE)
    bumps /= np.sqrt((bumps**2).sum(axis=0))
    middle = (SIDE - 1) / 2
    return np.concatenate([[np.ones(SIDE * SIDE), column - middle, row - middle], bumps]).astype(np.float32)


def _coefficients(job: Job, step: int, n: int, generator) -> np.ndarray:
    """Random distortions of n pictures, float32 [n, 2, terms]: rows, then columns."""
    hparams = job.hparams
    tapers = step >= job.n_steps - int(hparams.augment_taper * job.n_steps)
    strength = 1 - tapers * generator.random((n, 1), np.float32)
    angle, wide, high, shear, down, right = (strength * generator.uniform(-1, 1, (n, 6))).T
    angle, shear = np.radians(hparams.augment_rotation) * angle, hparams.augment_shear * shear
    wide, high = ((1 + hparams.augment_scale) ** part for part in (wide, high))
    sine, cosine = np.sin(angle), np.cos(angle)
    affine = [
        [hparams.augment_shift * down, sine * wide, (sine * shear + cosine) * high],
        [hparams.augment_shift * right, cosine * wide, (cosine * shear - sine) * high],
    ]
    noise = generator.standard_normal((n, 2, _N_TERMS - len(affine[0])), np.float32)
    bumps = hparams.augment_elastic * strength[:, :, None] * noise
    return np.concatenate([np.transpose(affine, (2, 0, 1)), bumps], axis=2).astype(np.float32)


_N_TERMS = len(basis())


def view_coefficients(n_views: int) -> np.ndarray:
    """float32 [n_views, 2, terms]: a picture as it is, and then moved by half a pixel, turned and scaled; see views.py."""
    shifts = [(0, 0), (0.5, 0.5), (-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0, 0), (0, 0), (0, 0), (0, 0)]
    turns = np.exp(1j * np.radians([0, 0, 0, 0, 0, 6, -6, 0, 0])) * [1, 1, 1, 1, 1, 1, 1, 1.06, 1 / 1.06]
    maps = [
        [[down, turn.imag, turn.real], [right, turn.real, -turn.imag]] for (down, right), turn in zip(shifts, turns)
    ]
    return np.pad(np.float32(maps[:n_views]), ((0, 0), (0, 0), (0, _N_TERMS - 3)))


def guess(job: Job, logits_of: Callable[[np.ndarray, np.ndarray | None], np.ndarray]) -> np.ndarray:
    """int [10000]: the likeliest classes of the test pictures, whose views' probabilities are averaged.

    Args:
      job: The pictures, and the number of views.
      logits_of: Function of standardized pictures float32 [n, 784], and of the distortions float32 [n, 2, terms] to
        apply to them, or None; returns logits [n, 10].
    """
    parts = np.split(job.digits.test_images, 10)
    if job.n_views == 1:
        return np.concatenate([logits_of(part, None).argmax(axis=1) for part in parts])
    total = np.zeros((len(job.digits.test_images), NUM_CLASSES))
    for coefficients in view_coefficients(job.n_views):
        logits = np.concatenate([logits_of(part, np.repeat(coefficients[None], len(part), axis=0)) for part in parts])
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        total += odds / odds.sum(axis=1, keepdims=True)
    return total.argmax(axis=1)


def report(name: str, job: Job, guesses: np.ndarray, versions: str) -> None:
    """Prints the last line of a port, as JSON; `guesses`: int [10000], the classes of the test pictures."""
    accuracy = float((guesses == job.digits.test_labels).mean())
    print_json(name=name, steps=job.n_steps, test_accuracy=round(accuracy, 4), versions=versions)
