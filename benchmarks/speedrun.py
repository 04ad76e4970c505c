"""Seconds to accuracy: the recipes flags/fast_*.flags, and the same networks in PyTorch, JAX and Keras.

    python benchmarks/speedrun.py --data_dir=mnist --recipes=fast_98,fast_99 --seeds=10

Every run is a whole process, from its start to its exit; seed by seed, all take
turns. A library that is missing is left out (benchmarks/requirements.txt).
--results=FILE appends a line of JSON for each run, which speed_figure.py draws.
"""

import argparse
import glob
import os
import statistics
import sys

import measure
from recipes import FLAGS_DIR, note
from whole_job import run_once

OURS = 'mnist_graph'
# The ports of a recipe, by the name in the table: a program of peers/ and its variant.
PORTS = {
    'PyTorch': ('torch_recipe.py', 'eager'),
    'PyTorch, compiled': ('torch_recipe.py', 'compile'),
    'JAX': ('jax_recipe.py', 'step'),
    'Keras': ('keras_recipe.py', 'fit'),
}


def command_of(program, recipe, data_dir, seed):
    """The list of strings that runs one program of a recipe."""
    flags = [f'--recipe={recipe}', f'--data_dir={os.path.abspath(data_dir)}', f'--seed={seed}']
    if program == OURS:
        return [sys.executable, '-m', 'mnist_graph.main', *flags]
    script, variant = PORTS[program]
    return [sys.executable, os.path.join(measure.BENCHMARKS, 'peers', script), f'--variant={variant}', *flags]


def run_recipe(recipe, programs, arguments):
    """Runs all programs of one recipe in turn, seed by seed; returns dict of program to the list of its runs."""
    results = {program: [] for program in programs}
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        runners = {
            program: lambda command=command_of(program, recipe, arguments.data_dir, seed): run_once(command)
            for program in programs
        }
        for program, (run,) in measure.in_turn(runners, 1).items():
            results[program].append(run)
            note(arguments.results, {'recipe': recipe, 'program': program, 'seed': seed, **run})
    return results


def table_of(results):
    """The Markdown table: accuracy and seconds with their standard deviations, and peak memory.

    Args:
      results: dict of (recipe, program) to the list of its runs. Those of one recipe follow each other, ours first
        if it is there: its seconds are what the others' are compared with.
    """
    rows, first = [], {}
    for (recipe, program), runs in results.items():
        seconds = measure.values_of(runs, 'seconds')
        rows.append(
            [
                f'`{recipe}`, {program}',
                measure.mean_text([100 * value for value in measure.values_of(runs, 'test_accuracy')], 2),
                measure.mean_text(seconds, 1),
                f'{statistics.mean(seconds) / first.setdefault(recipe, statistics.mean(seconds)):.2f}',
                f'{measure.median_of(runs, "peak_rss_mb"):.0f}',
                len(runs),
            ]
        )
    header = ['recipe, program', 'test accuracy, %', 'seconds', 'of the first', 'peak MiB', 'seeds']
    return measure.markdown_table(header, rows)


def main():
    """Runs the recipes and prints the table."""
    known = sorted(os.path.splitext(os.path.basename(path))[0] for path in glob.glob(f'{FLAGS_DIR}/fast_*.flags'))
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument(
        '--data_dir', required=True, type=measure.data_folder, help='folder of the four gzipped IDX files'
    )
    parser.add_argument('--recipes', default=','.join(known), help='names, separated by commas')
    parser.add_argument('--programs', help='names, separated by semicolons; all by default')
    parser.add_argument('--seeds', type=int, default=10, help='runs of each')
    parser.add_argument('--first_seed', type=int, default=0, help='seed of the first run; the others follow')
    parser.add_argument('--results', help='file to append a line of JSON to for each run')
    arguments = parser.parse_args()
    programs = arguments.programs.split(';') if arguments.programs else [OURS, *PORTS]
    if unknown := [name for name in programs if name not in PORTS and name != OURS]:
        raise measure.BenchmarkError(f'--programs: no {unknown[0]!r}; there are {"; ".join([OURS, *PORTS])}')
    results = {}
    for recipe in arguments.recipes.split(','):
        for program, runs in run_recipe(recipe, programs, arguments).items():
            if runs:
                results[recipe, program] = runs
    print(f'{measure.machine()}; mean ± standard deviation of the whole process.\n')
    print(table_of(results))


if __name__ == '__main__':
    measure.run_main(main)
