"""Runs every flag file beside the program that it restates, over several seeds.

Each run is a whole process. For each seed the two take turns; the table has their
test accuracies and their seconds. The other programs are those of keras_programs.py
and tutorial_port.py; a flag file that restates none of them runs alone. One that
learns from a teacher has it trained first, within its seconds.

    python benchmarks/recipes.py --data_dir=mnist --seeds=3 --flags=keras_512,keras_128_128

--results=FILE appends a line of JSON for each run, which accuracy_figure.py draws.
"""

import argparse
import functools
import glob
import json
import os
import re
import sys
import tempfile

import measure
from keras_programs import PROGRAMS
from whole_job import run_once

FLAGS_DIR = os.path.join(measure.ROOT, 'flags')
# Recipes whose command needs a trained model, and the recipe that makes it.
TEACHERS = {'mlp_99_6': 'cnn_99_6'}


def flag_files(names):
    """Returns dict of name to path: the flag files in flags/ but for sweeps, or those of `names` (a list)."""
    paths = sorted(glob.glob(os.path.join(FLAGS_DIR, '*.flags')))
    paths = [path for path in paths if not os.path.basename(path).startswith('sweep_')]
    found = {os.path.splitext(os.path.basename(path))[0]: path for path in paths}
    missing = [name for name in names if name not in found]
    if missing:
        raise SystemExit(f'no {", ".join(missing)} in {FLAGS_DIR}; there are {", ".join(found)}')
    return {name: found[name] for name in names or found}


def published_accuracy(path):
    """What the flag file's comment 'Published: ... on the MNIST test set' says, or '-'."""
    with open(path, encoding='utf-8') as file:
        comments = ' '.join(line.strip('# \n') for line in file if line.startswith('#'))
    found = re.search(r'Published: (.+?) on the MNIST test set', comments)
    return found[1] if found else '-'


def commands_of(name, path, arguments):
    """Returns dict of 'ours' and, if there is one, 'other' to the list of strings that runs it."""
    data_dir = f'--data_dir={os.path.abspath(arguments.data_dir)}'
    commands = {'ours': ['-m', 'mnist_graph.main', f'--flagfile={path}']}
    if name in PROGRAMS:
        commands['other'] = [os.path.join(measure.BENCHMARKS, 'keras_programs.py'), f'--program={name}']
    elif name == 'digitalocean':
        picture = os.path.join(measure.ROOT, 'test_img.png')
        script = os.path.join(measure.BENCHMARKS, 'tutorial_port.py')
        commands['other'] = [script, f'--picture={picture}']
    return {kind: [sys.executable, *command, data_dir] for kind, command in commands.items()}


def run_with_teacher(name, command):
    """Runs one program, after its teacher if the recipe has one; returns a dict as run_once does."""
    if name not in TEACHERS:
        return run_once(command)
    with tempfile.TemporaryDirectory() as folder:
        flag = f'--flagfile={os.path.join(FLAGS_DIR, TEACHERS[name])}.flags'
        teacher_command = [flag if part.startswith('--flagfile=') else part for part in command]
        teacher = measure.run_program([*teacher_command, f'--model_dir={folder}/teacher'])
        run = run_once([*command, f'--teacher_model_dir={folder}/teacher'])
    return {
        **run,
        'seconds': teacher.seconds + run['seconds'],
        'peak_rss_mb': max(teacher.peak_rss_mb, run['peak_rss_mb']),
    }


def run_recipe(name, path, arguments):
    """Runs both programs of one recipe, in turn, once for each seed; returns dict of lists."""
    commands = commands_of(name, path, arguments)
    results = {kind: [] for kind in commands}
    for seed in range(arguments.seeds):
        print(f'{name}, seed {seed}', file=sys.stderr)
        runners = {
            kind: functools.partial(run_with_teacher, name, [*command, f'--seed={seed}'])
            for kind, command in commands.items()
        }
        for kind, runs in measure.in_turn(runners, 1).items():
            results[kind] += runs
            for run in runs:
                note(arguments.results, {'recipe': name, 'program': kind, 'seed': seed, **run})
    return results


def note(path, fields):
    """Appends a line of JSON to the file `path`, if there is to be one."""
    if path:
        with open(path, 'a', encoding='utf-8') as file:
            file.write(json.dumps(fields) + '\n')


def row_of(name, path, results):
    """One line of the table: mean accuracies with their spread, and median seconds."""

    def cells(runs):
        if not runs:
            return ['-', '-']
        accuracy = measure.mean_text([100 * run['test_accuracy'] for run in runs], 2)
        return [accuracy, f'{measure.median_of(runs, "seconds"):.1f}']

    ours, other = results['ours'], results.get('other', [])
    ratio = '-'
    if ours and other:
        ratio = f'{measure.median_of(other, "seconds") / measure.median_of(ours, "seconds"):.2f}'
    return [name, published_accuracy(path), *cells(ours), *cells(other), ratio]


def main():
    """Runs the recipes and prints the table; exits 1 if one of ours never finished."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument(
        '--data_dir', required=True, type=measure.data_folder, help='folder of the four gzipped IDX files'
    )
    parser.add_argument('--seeds', type=int, default=3, help='runs of each, seeded 0, 1, ...')
    parser.add_argument('--flags', default='', help='comma-separated flag files; all by default')
    parser.add_argument('--results', help='file to append a line of JSON to for each run')
    arguments = parser.parse_args()
    rows = []
    for name, path in flag_files([name for name in arguments.flags.split(',') if name]).items():
        rows.append(row_of(name, path, run_recipe(name, path, arguments)))
    header = ['recipe', 'published', 'mnist_graph, %', 'seconds', 'other program, %', 'seconds']
    header.append("other's seconds / ours")
    print(f'{measure.machine()}; {arguments.seeds} seeds; test accuracy: mean ± standard deviation;')
    print('seconds: median of the whole process.\n')
    print(measure.markdown_table(header, rows))
    sys.exit(any(row[2] == '-' for row in rows))


if __name__ == '__main__':
    measure.run_main(main)
