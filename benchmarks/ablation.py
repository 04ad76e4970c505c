"""What each line of a recipe is good for: the recipe without it, by accuracy on the validation pictures and by seconds.

    python benchmarks/ablation.py --data_dir=mnist --recipe=fast_99 --seeds=3 --results=ablation.jsonl

Leaves out one line of flags/fast_99.flags after the other, so that the flag has its
default, and with it the lines that would have no effect then. Lines that only say how
long to train or how often to validate stay. The test set is not looked at. Runs that are
in the file of results already are not repeated; seed by seed, all take turns.
"""

import argparse
import functools
import os
import re
import statistics
import sys
import tempfile

import measure
from recipes import flag_files, note

from mnist_graph.hparams import DEFAULTS, NEEDS, parse

WHOLE = 'nothing'
# Without these, another training would be measured, not one without an ingredient.
KEPT = ('model', 'n_epochs', 'n_iterations', 'eval_steps')


def variations(path):
    """Returns dict of what is left out to the list of flags that stay: of `WHOLE`, and of each ingredient in turn."""
    with open(path, encoding='utf-8') as file:
        lines = [line.strip() for line in file if line.startswith('--')]
    names = {line: line[2:].partition('=')[0] for line in lines}
    found = {WHOLE: lines}
    for line, name in names.items():
        value = line.partition('=')[2]
        if name not in KEPT and not (name in DEFAULTS and value and parse(name, value) == DEFAULTS[name]):
            gone = {name, *(other for other, (needed, _) in NEEDS.items() if needed == name)}
            found[line] = [other for other in lines if names[other] not in gone]
    return found


def run_once(flags, data_dir, seed):
    """Trains once; returns the accuracy on the validation pictures in [0, 1] and the seconds of all cores."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, '-m', 'mnist_graph.main', *flags, f'--data_dir={data_dir}', f'--seed={seed}']
        run = measure.run_program([*command, f'--model_dir={folder}/model'])
    accuracy = re.search(r'Accuracy on validation set: ([\d.]+)', run.output)
    if not accuracy:
        raise measure.BenchmarkError(f'no accuracy on validation pictures in:\n{run.output[-500:]}')
    return {'validation_accuracy': float(accuracy[1]), 'processor_seconds': round(run.processor_seconds, 2)}


def read(path):
    """Returns dict of (recipe, what is left out) to dict of seed to run; empty without the file."""
    runs = {}

    def take(run):
        runs.setdefault((run['recipe'], run['left_out']), {})[run['seed']] = run

    if path and os.path.exists(path):
        measure.read_lines(path, 'ablation.py', take)
    return runs


def table_of(runs):
    """The Markdown table: mean accuracies and seconds, and how they differ from the recipe's own with the same seeds."""
    rows = []
    for (recipe, left_out), by_seed in runs.items():
        whole = runs.get((recipe, WHOLE), {})
        cells = []
        for field, scale, digits in (('validation_accuracy', 100, 2), ('processor_seconds', 1, 1)):
            values = [scale * run[field] for run in by_seed.values()]
            changes = [scale * (by_seed[seed][field] - whole[seed][field]) for seed in by_seed if seed in whole]
            cells.append(measure.mean_text(values, digits))
            cells.append(f'{statistics.mean(changes):+.{digits}f}' if changes and left_out != WHOLE else '')
        rows.append([f'`{recipe}`', left_out if left_out == WHOLE else f'`{left_out}`', *cells, len(by_seed)])
    header = ['recipe', 'left out', 'validation accuracy, %', 'change', 'processor seconds', 'change', 'seeds']
    return measure.markdown_table(header, rows)


def main():
    """Trains all variations and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data_dir', required=True, type=measure.data_folder, help="folder of MNIST's four files")
    parser.add_argument('--recipe', required=True, help='name of a file in flags/')
    parser.add_argument('--seeds', type=int, default=3, help='runs of each, seeded 0, 1, ...')
    parser.add_argument('--only', help='flags to leave out, without their values, separated by commas; by default each')
    parser.add_argument('--results', help='file to append a line of JSON to for each run')
    arguments = parser.parse_args()
    found = variations(flag_files([arguments.recipe])[arguments.recipe])
    if arguments.only:
        wanted = [f'--{name}' for name in arguments.only.split(',')]
        known = {left.partition('=')[0] for left in found}
        if unknown := [flag for flag in wanted if flag not in known]:
            raise measure.BenchmarkError(f'--only: {arguments.recipe} has no {unknown[0]} to leave out')
        found = {left: flags for left, flags in found.items() if left == WHOLE or left.partition('=')[0] in wanted}
    runs = {key: some for key, some in read(arguments.results).items() if key[0] == arguments.recipe}

    def run_and_note(left, seed):
        run = run_once(found[left], arguments.data_dir, seed)
        runs.setdefault((arguments.recipe, left), {})[seed] = run
        note(arguments.results, {'recipe': arguments.recipe, 'left_out': left, 'seed': seed, **run})

    for seed in range(arguments.seeds):
        missing = [left for left in found if seed not in runs.get((arguments.recipe, left), {})]
        measure.in_turn({left: functools.partial(run_and_note, left, seed) for left in missing}, 1)
    print(f'{measure.machine()}; mean ± standard deviation.\n')
    print(table_of(runs))


if __name__ == '__main__':
    measure.run_main(main)
