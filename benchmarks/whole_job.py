"""Times the whole job, from starting Python to its exit, beside two programs that do the same.

The job: read the digits, train 1,000 steps of 128 with Adam at 1e-4, print the test
accuracy and the guess for one picture. The others are tutorial_port.py (the plain
TensorFlow 1 program) and keras_programs.py's keras_main_job. They take turns.

    python benchmarks/whole_job.py --data_dir=mnist --rounds=5
"""

import argparse
import os
import re
import sys
import tempfile

import measure

OURS = 'mnist_graph'


def commands(arguments):
    """Returns dict of program name to the list of strings that runs it."""
    data_dir = f'--data_dir={os.path.abspath(arguments.data_dir)}'
    picture = os.path.abspath(arguments.picture)
    python = arguments.python
    main = [python, '-m', 'mnist_graph.main', '--learning_rate=1e-4', '--n_iterations=1000']
    others = {
        name: [python, os.path.join(measure.BENCHMARKS, script), *flags, f'--picture={picture}']
        for name, script, *flags in (
            ('tutorial_port', 'tutorial_port.py'),
            ('keras_main_job', 'keras_programs.py', '--program=keras_main_job'),
        )
    }
    programs = {OURS: [*main, f'--image={picture}'], **others}
    return {name: [*command, data_dir] for name, command in programs.items()}


def test_accuracy(output):
    """The test accuracy in [0, 1] that a program printed: from its JSON line, or in words.

    Raises BenchmarkError when there is none.
    """
    found = re.search(r'"test_accuracy": ([\d.]+)', output) or re.search(
        r'accuracy on (?:the )?test set:?\s*([\d.]+)(%?)', output, re.IGNORECASE
    )
    if not found:
        raise measure.BenchmarkError(f'no test accuracy in:\n{output[-500:]}')
    scale = 100 if found.lastindex == 2 and found[2] else 1
    return float(found[1]) / scale


def run_once(command):
    """Runs one program; returns its seconds, peak MiB and test accuracy.

    The package's main program saves what it trained, here into a folder that is then deleted.
    """
    with tempfile.TemporaryDirectory() as folder:
        saves = 'mnist_graph.main' in command
        run = measure.run_program(command + [f'--model_dir={folder}/model'] * saves)
    return {'seconds': run.seconds, 'peak_rss_mb': run.peak_rss_mb, 'test_accuracy': test_accuracy(run.output)}


def main():
    """Runs the three in turn and prints the table; exits 1 if ours could not run."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument(
        '--data_dir', required=True, type=measure.data_folder, help='folder of the four gzipped IDX files'
    )
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--picture', default=os.path.join(measure.ROOT, 'test_img.png'))
    parser.add_argument('--python', default=sys.executable, help='interpreter they all run in')
    arguments = parser.parse_args()

    runners = {name: lambda command=command: run_once(command) for name, command in commands(arguments).items()}
    results = measure.in_turn(runners, arguments.rounds)
    if OURS not in results:
        raise SystemExit('python -m mnist_graph.main could not run, so there is nothing to compare')
    rows = []
    for name, runs in results.items():
        row = [name, measure.spread(measure.values_of(runs, 'seconds'), 2)]
        for field, digits in (('seconds', 2), ('peak_rss_mb', 0)):
            middle = measure.median_of(runs, field)
            if field != 'seconds':
                row.append(f'{middle:.{digits}f}')
            row.append(f'{middle / measure.median_of(results[OURS], field):.2f}')
        accuracies = [100 * value for value in measure.values_of(runs, 'test_accuracy')]
        rows.append([*row, measure.spread(accuracies, 2)])
    header = ['program', 'seconds', f'of {OURS}', 'peak MiB', f'of {OURS}', 'test accuracy, %']
    print(f'{measure.machine()}; {arguments.rounds} rounds; medians (lowest-highest).\n')
    print(measure.markdown_table(header, rows))


if __name__ == '__main__':
    measure.run_main(main)
