"""How well whole numbers are read in pictures of the kinds that people photograph, and how many errors are confident.

    python benchmarks/reading.py --model_dir=runs/cnn_99_7 --data_dir=MNIST --fonts=FOLDER [--reserved]

A row for each kind that `drawn_kinds` draws, written with MNIST's validation digits, or its test digits with --reserved,
which also takes the seeds that nobody tunes on; and for each --pictures_dir, whose files are named as in
`222-13__anything.png` (rows separated by '-') or `7_anything.png`, with 'none' for no digit. For each reader two
percentages: pictures read exactly right, and pictures read wrongly with a probability above 0.95. The readers are the
shipped one, each --model_dir, which reads what the former finds, and the naive way: the whole
picture grey, bright on dark and resized to 28x28, which the first --model_dir (or the shipped reader) reads as one digit.
"""

import argparse
import os

import drawn_kinds
import measure
import numpy as np
from PIL import Image

from mnist_graph.base.errors import ImageError
from mnist_graph.base.picture_paths import list_pictures
from mnist_graph.pictures import stream

CONFIDENT = 0.95  # probability above which an error misleads


def load(folder):
    """float32 [n, 28, 28] to probabilities, by a trained run of this package."""
    from mnist_graph.base import tensorflow
    from mnist_graph.models import saved_model

    tensorflow.import_tensorflow()
    model = saved_model.load(folder)
    return lambda digits: model.probabilities(np.asarray(digits, np.float32)[..., np.newaxis])


def naive_digit(picture):
    """float32 [28, 28] in [0, 1]: what many tutorials do to a picture, with the brighter half taken for paper."""
    grey = np.asarray(picture.convert('L').resize((28, 28)), np.float32) / 255
    return 1 - grey if np.median(grey) > 0.5 else grey


def readings(picture, finder, classifiers):
    """(text, probability) by the finder and by each classifier in turn of what it finds, then the naive way."""
    try:
        page = stream.read_page(picture, finder)
        lengths, images = [len(row) for row in page.rows], page.images
        scores = [digit.scores for row in page.rows for digit in row]
    except ImageError:
        lengths, images, scores = [], np.zeros((0, 28, 28), np.float32), []
    found = [scores, *(each(images) if len(images) else [] for each in classifiers)]
    naive = (classifiers[0] if classifiers else finder)(naive_digit(picture)[np.newaxis])
    return [*(_text(lengths, each) for each in found), _text([1], naive)]


def _text(lengths, probabilities):
    if not sum(lengths):
        return drawn_kinds.NONE, 1.0
    labels = ''.join(str(row[:10].argmax()) for row in probabilities)
    ends = np.cumsum(lengths)
    rows = [labels[stop - length : stop] for stop, length in zip(ends, lengths)]
    return '/'.join(rows), float(np.prod([row[:10].max() for row in probabilities]))


def row_of_table(pictures, finder, classifiers):
    """Percentages of right readings and of confident errors, for each reader: two lists."""
    right, confident, n = 0, 0, 0
    for picture, label in pictures:
        texts = readings(picture, finder, classifiers)
        right = right + np.array([text == label for text, _ in texts])
        confident = confident + np.array([text != label and sure > CONFIDENT for text, sure in texts])
        n += 1
    return n, 100 * np.atleast_1d(right) / max(n, 1), 100 * np.atleast_1d(confident) / max(n, 1)


def labelled(folder):
    """(picture, label) of each file of a folder; see the module's docstring."""
    for path in list_pictures(folder):
        name = os.path.basename(path)
        label = name.split('__')[0] if '__' in name else name.split('_')[0]
        with Image.open(path) as picture:
            yield picture.copy(), label if label == drawn_kinds.NONE else label.replace('-', '/')


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--n', type=int, default=100, help='pictures of each kind')
    parser.add_argument('--model_dir', action='append', default=[], help='a trained run; may be repeated')
    parser.add_argument('--data_dir', type=measure.data_folder, help='where MNIST is; without it, digits are drawn')
    parser.add_argument('--fonts', help='folder of font files with ordinary digits, for the printed kind')
    parser.add_argument('--pictures_dir', action='append', default=[], help='a folder of pictures; may be repeated')
    parser.add_argument('--reserved', action='store_true', help='seeds and digits that nobody tunes on')
    parser.add_argument('--only', help='kinds whose names hold this')
    options = parser.parse_args()
    digits = None
    if options.data_dir:
        from mnist_graph import data

        split = getattr(data.load('mnist', options.data_dir), 'test' if options.reserved else 'validation')
        digits = split.images[..., 0], split.labels
    finder, classifiers = load('pretrained'), [load(folder) for folder in options.model_dir]
    names = ['shipped', *(os.path.basename(os.path.normpath(folder)) for folder in options.model_dir), 'naive']
    print(f'{"kind":34}{"pictures":>9}' + ''.join(f'{name[:16]:>18}' for name in names))
    sources = {folder: labelled(folder) for folder in options.pictures_dir}
    for name, kind in drawn_kinds.kinds(digits, drawn_kinds.font_files(options.fonts)).items():
        if not options.only or options.only in name:
            sources[name] = map(kind, drawn_kinds.seeds(options.n, options.reserved))
    for name, pictures in sources.items():
        n, right, confident = row_of_table(pictures, finder, classifiers)
        cells = ''.join(f'{good:10.1f} ({bad:4.1f})' for good, bad in zip(right, confident))
        print(f'{name[-34:]:34}{n:9}{cells}', flush=True)


if __name__ == '__main__':
    measure.run_main(main)
