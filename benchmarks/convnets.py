"""The convolutional examples of Keras and PyTorch beside recipes of this package: accuracy and seconds.

    python benchmarks/convnets.py --data_dir=mnist --rounds=3

Each run is a whole process; round n has seed n, and all take turns. --results=FILE
appends a line of JSON for each run of an example, which accuracy_figure.py draws.
PyTorch must be installed (benchmarks/requirements.txt), or its example is left out.
"""

import argparse
import os
import statistics
import sys

import measure
from recipes import FLAGS_DIR, note
from whole_job import run_once

EXAMPLES = {'keras_convnet': ['keras_programs.py', '--program=keras_convnet'], 'torch_convnet': ['torch_convnet.py']}
# Ours, in less time than the examples: the tutorial's fully connected network, and a small CNN whose recipe is cut short.
OURS = {'mlp_99_4': ['mlp_99_4'], 'cnn_99_6, 6 epochs': ['cnn_99_6', '--n_epochs=6']}


def commands(data_dir):
    """Returns dict of name to the list of strings that runs it, but for its seed."""
    data = f'--data_dir={os.path.abspath(data_dir)}'
    ours = {
        name: ['-m', 'mnist_graph.main', f'--flagfile={os.path.join(FLAGS_DIR, flagfile)}.flags', *flags]
        for name, (flagfile, *flags) in OURS.items()
    }
    examples = {name: [os.path.join(measure.BENCHMARKS, script), *flags] for name, (script, *flags) in EXAMPLES.items()}
    return {name: [sys.executable, *command, data] for name, command in {**examples, **ours}.items()}


def main():
    """Runs all in turn and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument(
        '--data_dir', required=True, type=measure.data_folder, help='folder of the four gzipped IDX files'
    )
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--results', help='file to append a line of JSON to for each run of an example')
    arguments = parser.parse_args()
    runs = {name: [] for name in commands(arguments.data_dir)}
    for seed in range(arguments.rounds):
        runners = {
            name: lambda command=command: run_once([*command, f'--seed={seed}'])
            for name, command in commands(arguments.data_dir).items()
        }
        for name, (run,) in measure.in_turn(runners, 1).items():
            runs[name].append(run)
            if name in EXAMPLES:
                rounded = {field: round(value, 4) for field, value in run.items()}
                note(arguments.results, {'recipe': name, 'program': 'example', 'seed': seed, **rounded})
    rows = []
    for name, some in runs.items():
        if some:
            accuracies = [100 * run['test_accuracy'] for run in some]
            rows.append(
                [
                    name,
                    f'{statistics.mean(accuracies):.2f}',
                    ', '.join(f'{value:.2f}' for value in accuracies),
                    measure.spread(measure.values_of(some, 'seconds'), 0),
                    f'{measure.median_of(some, "peak_rss_mb"):.0f}',
                ]
            )
    print(f'{measure.machine()}; {arguments.rounds} rounds; seconds of the whole process: median (lowest-highest).\n')
    print(measure.markdown_table(['program', 'test accuracy, %', 'each', 'seconds', 'peak MiB'], rows))


if __name__ == '__main__':
    measure.run_main(main)
