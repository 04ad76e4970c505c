"""How a network reads MNIST's test digits that were moved, scaled or turned, before and after preprocessing.

    python benchmarks/robustness.py --data_dir=MNIST --model_dir=runs/plain --model_dir=runs/augmented

Each digit is shifted by so many pixels in both directions (up or down, left or right, by chance), scaled or
turned about the point where MNIST puts a digit's centre of mass, half a pixel from the middle of its 28x28 image.
The table has, for each model, the accuracy on these images as they are, and on what `extract.picture_to_digit` makes
of them: where a digit lies and how large it is should not matter then, and a turn is left to the network. A
comma-separated list of folders is one model, their average.
"""

import argparse
import math

import measure
import numpy as np
from PIL import Image

import pictures
from mnist_graph.base.conventions import CENTRE_POSITION
from mnist_graph.pictures import extract


def shift(image, random, pixels):
    """A PIL image moved by `pixels` along both axes, each way at random; what leaves it is lost."""
    right, down = pixels * random.choice((-1, 1), 2)
    return image.transform(image.size, Image.Transform.AFFINE, (1, 0, -right, 0, 1, -down))


def resize(image, random, scale):
    """A PIL image scaled about its centre of mass."""
    offset = CENTRE_POSITION * (1 - 1 / scale)
    return image.transform(
        image.size, Image.Transform.AFFINE, (1 / scale, 0, offset, 0, 1 / scale, offset), Image.Resampling.BICUBIC
    )


def turn(image, random, degrees):
    """A PIL image turned about its centre of mass, counter-clockwise."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    matrix = (cosine, -sine, CENTRE_POSITION * (1 - cosine + sine), sine, cosine, CENTRE_POSITION * (1 - cosine - sine))
    return image.transform(image.size, Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


CHANGES = {
    'as it is': None,
    'shifted by 2 pixels': (shift, 2),
    'shifted by 4 pixels': (shift, 4),
    'scaled by 0.75': (resize, 0.75),
    'scaled by 1.25': (resize, 1.25),
    'turned by 20 degrees': (turn, 20),
    'turned by -20 degrees': (turn, -20),
}


def changed(digits, change, seed):
    """A list of PIL images: uint8 [n, 28, 28] after one of CHANGES."""
    random = np.random.default_rng(seed)
    originals = [Image.fromarray(digit) for digit in digits]
    if change is None:
        return originals
    how, amount = change
    return [how(image, random, amount) for image in originals]


def main():
    """Prints the table; exits 1 if --least is given and a row of the last model is below it after preprocessing."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data_dir', required=True, help="folder of MNIST's four files")
    parser.add_argument('--model_dir', action='append', required=True, help='a trained run; may be repeated')
    parser.add_argument('--split', choices=('test', 'validation'), default='test')
    parser.add_argument('--n_digits', type=int, default=10000, help='how many of them, at most')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--least', type=float, default=0, help='percent')
    options = parser.parse_args()
    from mnist_graph import data

    classifiers = [pictures.package_classifier([folder]) for folder in options.model_dir]
    split = getattr(data.load('mnist', options.data_dir), options.split)[: options.n_digits]
    rows = []
    for name, change in CHANGES.items():
        moved = changed(split.images[:, :, :, 0], change, options.seed)
        plain = np.stack([np.asarray(image, np.float32) / 255 for image in moved])
        prepared = pictures.prepare(moved, extract.picture_to_digit)
        rows.append(
            [name]
            + [
                f'{pictures.accuracy(classifier, digits, split.labels):.2f}'
                for classifier in classifiers
                for digits in (plain, prepared)
            ]
        )
    header = [f'{len(split.labels)} {options.split} digits']
    for folder in options.model_dir:
        header += [f'{folder}: as they are, %', 'after preprocessing, %']
    print(measure.markdown_table(header, rows))
    return min(float(row[-1]) for row in rows) < options.least


if __name__ == '__main__':
    measure.run_main(main)
