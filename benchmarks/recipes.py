"""Runs every flag file beside the Keras program it restates, over several seeds.

Each run is a whole process. For one seed the package and Keras take turns, and the
table has their test accuracies and their seconds. Flag files that restate no Keras
program run alone.

    python benchmarks/recipes.py --data_dir=mnist --seeds=3 --flags=keras_512,keras_128_128
"""

import argparse
import glob
import os
import re
import statistics
import sys

from keras_recipes import RECIPES
import measure
from whole_job import run_once

FLAGS_DIR = os.path.join(measure.ROOT, 'flags')


def flag_files(names):
    """Returns dict of name to path: the flag files in flags/, or those of `names` (a list)."""
    paths = sorted(glob.glob(os.path.join(FLAGS_DIR, '*')))
    found = {os.path.splitext(os.path.basename(path))[0]: path for path in paths}
    missing = [name for name in names if name not in found]
    if missing:
        raise SystemExit(f"no flag file {', '.join(missing)} in flags/; there are {', '.join(found)}")
    return {name: found[name] for name in names or found}


def published_accuracy(path):
    """The 'published ... 98.40%' of the flag file's comments, or '-' when it names none."""
    with open(path, encoding='utf-8') as file:
        comments = ' '.join(line.strip('# \n') for line in file if line.startswith('#'))
    found = re.search(r'published\D*?([\d.]+) ?%', comments, re.IGNORECASE)
    return f'{found[1]}%' if found else '-'


def run_recipe(name, path, arguments):
    """Runs ours, and the Keras program if there is one, once for each seed; in turn."""
    data_dir = f'--data_dir={os.path.abspath(arguments.data_dir)}'
    keras_script = os.path.join(measure.BENCHMARKS, 'keras_recipes.py')
    ours = [sys.executable, '-m', 'mnist_graph.main', f'--flagfile={path}', data_dir]
    commands = {'ours': ours}
    if name in RECIPES:
        commands['keras'] = [sys.executable, keras_script, f'--recipe={name}', data_dir]
    results = {kind: [] for kind in commands}
    for seed in range(arguments.seeds):
        runners = {
            kind: lambda command=command: run_once([*command, f'--seed={seed}'])
            for kind, command in commands.items()
        }
        for kind, runs in measure.in_turn(runners, 1).items():
            results[kind] += runs
    return results


def row_of(name, path, results):
    """One line of the table: mean accuracies with their spread, and median seconds."""

    def accuracy(runs):
        values = [100 * run['test_accuracy'] for run in runs]
        deviation = statistics.stdev(values) if len(values) > 1 else 0
        return f'{statistics.mean(values):.2f} ± {deviation:.2f}'

    ours, keras = results['ours'], results.get('keras', [])
    row = [name, published_accuracy(path)]
    row += [accuracy(ours), f"{measure.median_of(ours, 'seconds'):.1f}"] if ours else ['failed', '-']
    row += [accuracy(keras), f"{measure.median_of(keras, 'seconds'):.1f}"] if keras else ['-', '-']
    both = ours and keras
    ratio = measure.median_of(keras, 'seconds') / measure.median_of(ours, 'seconds') if both else 0
    return [*row, f'{ratio:.2f}' if both else '-']


def main():
    """Runs the recipes and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data_dir', required=True, help='folder of the four gzipped IDX files')
    parser.add_argument('--seeds', type=int, default=3, help='runs of each, seeded 0, 1, ...')
    parser.add_argument('--flags', default='', help='comma-separated flag files; all by default')
    arguments = parser.parse_args()
    rows = []
    for name, path in flag_files([name for name in arguments.flags.split(',') if name]).items():
        rows.append(row_of(name, path, run_recipe(name, path, arguments)))
    header = ['recipe', 'published', 'test accuracy, %', 'seconds', 'Keras, %', 'Keras, seconds']
    header.append('Keras / ours, seconds')
    print(f'{measure.machine()}; {arguments.seeds} seeds; accuracy: mean ± standard deviation;')
    print('seconds: median of the whole process.\n')
    print(measure.markdown_table(header, rows))
    sys.exit(any(row[2] == 'failed' for row in rows))


if __name__ == '__main__':
    main()
