"""Exports models to each format: size, agreement over all test pictures, and milliseconds in the other runtime.

    python benchmarks/export_formats.py --data_dir=mnist --model=defaults=runs/a --model='a, --tta=9'=runs/a

Each --model is a name, an equals sign, and what --model_dir takes; a name that ends in --tta=N averages N views. The first
row of each model is this package's own session. Each process uses the threads that it takes by itself.
"""

import argparse
import os
import re
import tempfile
import time

import measure
import numpy as np

from mnist_graph import data
from mnist_graph.exports import exporting
from mnist_graph.exports.formats import FORMATS
from mnist_graph.exports.formats.format import Exported
from mnist_graph.exports.pixels import Pixels
from mnist_graph.exports.request import Request
from mnist_graph.models import constants, saved_model

MANY = 1000
ROUNDS = {1: 50, MANY: 3}


def milliseconds(read, pictures):
    """Median time of one call, after a first one."""
    read(pictures)
    times = []
    for _ in range(ROUNDS[len(pictures)]):
        start = time.perf_counter()
        read(pictures)
        times.append(1000 * (time.perf_counter() - start))
    return f'{np.median(times):.2f}' if np.median(times) < 10 else f'{np.median(times):.0f}'


def rows_of(name, model_dir, dataset, folder):
    """Yields the cells of each row of one model."""
    n_views = int(match[1]) if (match := re.search(r'--tta=(\d)$', name)) else 1
    found = saved_model.find(model_dir)
    dataset = dataset.with_classes(found.descriptions[0].class_names)
    images, pixels = dataset.test.images, Pixels()
    members = [constants.load(*each) for each in zip(found.descriptions, found.checkpoints)]
    with saved_model.rebuild(found, n_views=n_views) as model:
        times = [milliseconds(model.probabilities, images[:n]) for n in (1, MANY)]
        yield [name, 'ours', '', '', '', *times]
        for format_name, chosen in FORMATS.items():
            for quantize in (False, True)[: 1 + chosen.quantizes]:
                if n_views > 1 and not chosen.computes:
                    continue
                output = os.path.join(folder, f'{len(os.listdir(folder))}{chosen.ending}')
                request = Request(format_name, output, pixels, n_views, quantize)
                agreement = exporting.export(request, found, model, dataset)
                described = {'classes': list(found.descriptions[0].class_names)}
                read = chosen.open(output, Exported(None, members, pixels, described))
                shown = f'{agreement.agreement:.2%}', f'{agreement.largest_difference:.0e}'
                if quantize:
                    shown = (
                        f'{shown[0]} (accuracy {agreement.exported_accuracy:.4f}, was {agreement.accuracy:.4f})',
                        shown[1],
                    )
                times = [milliseconds(read, pixels.of(images[:n])) if chosen.computes else '' for n in (1, MANY)]
                size = f'{exporting.size(output) / 1e6:.2f} MB'
                yield ['', format_name + ' --quantize' * quantize, size, *shown, *times]


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data_dir', required=True, type=measure.data_folder, help="MNIST's four files")
    parser.add_argument('--model', action='append', required=True, help='NAME=MODEL_DIR')
    options = parser.parse_args()
    dataset = data.load('auto', options.data_dir, 0)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for given in options.model:
            for row in rows_of(*given.rsplit('=', 1), dataset, folder):
                rows.append(row)
                print(row, flush=True)
    header = ['model', 'format', 'size', 'same class', 'largest difference', 'one picture, ms', f'{MANY}, ms']
    print(measure.markdown_table(header, rows))
    print(measure.machine())


if __name__ == '__main__':
    measure.run_main(main)
