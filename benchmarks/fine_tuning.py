"""Accuracy after 1, 5, 20 and 100 pictures a class, from scratch and from the shipped reader.

    python benchmarks/fine_tuning.py --results=docs/fine_tuning.jsonl --picture=docs/fine_tuning.png

On two kinds of data that the package draws itself: `one style of writing`, digits of a slant to the left and a thick pen, and
`ten letters`, other shapes for ten classes that the reader does not know (the same digits, turned by a quarter and
mirrored, in folders called a to j). --other_dir adds a data set of yours, such as Fashion-MNIST, of which so many
pictures a class are taken. Each training is a whole command, as a user gives it, and measures on 100 test pictures a class.
"""

import argparse
import json
import os
import re
import sys
import tempfile

import measure
import numpy as np
from PIL import Image

from mnist_graph import data
from mnist_graph.drawn import pen
from mnist_graph.plots.canvas import BLUE, VERMILION, Drawing

COUNTS = (1, 5, 20, 100)
N_TEST = 100  # pictures of each class
STYLE = pen.Style(
    mixing=0.5,
    jitter=0.02,
    slant=-0.3,
    slant_spread=0.08,
    rotation=0.05,
    width=0.7,
    width_spread=0.1,
    pen=4.0,
    pen_spread=0.1,
)
STARTS = {'from scratch': ['--initializer=he_normal'], 'from the shipped reader': ['--init_checkpoint=pretrained']}
NETWORK = ['--model=cnn', '--filters=24,48,48', '--hidden_units=128', '--batch_norm', '--standardize']
COMMON = ['--dropout=0', '--augment', '--batch_size=64', '--learning_rate=1e-3', '--n_validation=0', '--notensorboard']


def one_style(n, seed):
    """(uint8 [10 n, 28, 28], labels int [10 n]) of digits in one style of writing, n of each."""
    labels = np.arange(10 * n) % 10
    return pen.draw_block(labels, np.random.default_rng(seed), STYLE), labels


def kinds(other_dir):
    """{kind: (class names, train images, labels, test images, labels)} with pictures enough for all COUNTS."""
    train, test = one_style(max(COUNTS), 1), one_style(N_TEST, 2)
    turned = [(np.rot90(images, axes=(1, 2))[:, :, ::-1], labels) for images, labels in (train, test)]
    found = {
        'one style of writing': ('0123456789', *train, *test),
        'ten letters': ('abcdefghij', *turned[0], *turned[1]),
    }
    if other_dir:
        loaded = data.load(data_dir=other_dir, n_validation=0)
        splits = (loaded.train, loaded.test)
        arrays = [part for split in splits for part in (split.images[..., 0], split.labels)]
        found[loaded.name] = (loaded.class_names, *arrays)
    return found


def write(folder, kind, count):
    """Class folders with `count` training pictures and N_TEST test pictures of each class."""
    names, images, labels, test_images, test_labels = kind
    for part, pictures, of, most in (('train', images, labels, count), ('test', test_images, test_labels, N_TEST)):
        for label, name in enumerate(names):
            os.makedirs(os.path.join(folder, part, name))
            for number, row in enumerate(np.flatnonzero(of == label)[:most]):
                Image.fromarray(pictures[row]).save(os.path.join(folder, part, name, f'{number:03}.png'))


def train(kind, count, start, steps, seed):
    """Test accuracy of one training."""
    with tempfile.TemporaryDirectory() as folder:
        write(os.path.join(folder, 'data'), kind, count)
        command = [sys.executable, '-m', 'mnist_graph.main', *NETWORK, *COMMON, *STARTS[start]]
        command += [
            f'--data_dir={folder}/data',
            '--pictures=raw',
            f'--n_iterations={steps}',
            f'--seed={seed}',
            f'--model_dir={folder}/run',
        ]
        output = measure.run_program(command).output
    return float(re.search(r'Accuracy on test set.*: ([\d.]+)', output)[1])


def draw(rows, path):
    """Accuracy against pictures a class, a panel for each kind of data."""
    names = list(dict.fromkeys(row['kind'] for row in rows))
    with Drawing(path, 5 * len(names), 4.2) as figure:
        for axes, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names):
            for start, colour in zip(STARTS, (VERMILION, BLUE)):
                points = [
                    (row['pictures'], 100 * row['accuracy'])
                    for row in rows
                    if (row['kind'], row['start']) == (name, start)
                ]
                axes.plot(*zip(*points), color=colour, marker='o', label=start)
            axes.set_xscale('log')
            axes.set_xticks(COUNTS, list(map(str, COUNTS)), minor=False)
            axes.set_xticks([], minor=True)
            axes.set_title(name)
            axes.set_xlabel('Pictures of each class')
            axes.grid(color='#DDDDDD')
        figure.axes[0].set_ylabel('Accuracy on test pictures, %')
        figure.axes[0].legend(loc='lower right', frameon=False)


def main():
    """Trains all, prints the table and draws it."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--steps', type=int, default=200, help='of each training')
    parser.add_argument('--seeds', type=int, default=2, help='trainings for each figure, which is their mean')
    parser.add_argument('--other_dir', help='folder of a further data set of 28x28 pictures')
    parser.add_argument('--results', help='file for a line of JSON of each training')
    parser.add_argument('--picture', help='file for the plot')
    options = parser.parse_args()
    rows = []
    for name, kind in kinds(options.other_dir).items():
        for count in COUNTS:
            for start in STARTS:
                accuracy = float(np.mean([train(kind, count, start, options.steps, s) for s in range(options.seeds)]))
                rows.append({'kind': name, 'pictures': count, 'start': start, 'accuracy': accuracy})
                print(rows[-1], file=sys.stderr, flush=True)
    if options.results:
        with open(options.results, 'w', encoding='utf-8') as file:
            file.writelines(json.dumps(row) + '\n' for row in rows)
    names = list(dict.fromkeys(row['kind'] for row in rows))
    table = [
        [
            f'{name}, {start}',
            *(f'{100 * row["accuracy"]:.1f}' for row in rows if (row['kind'], row['start']) == (name, start)),
        ]
        for name in names
        for start in STARTS
    ]
    print(measure.markdown_table(['accuracy, % / pictures of each class', *COUNTS], table))
    if options.picture:
        draw(rows, options.picture)
    print(measure.machine())


if __name__ == '__main__':
    measure.run_main(main)
