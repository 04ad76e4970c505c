"""A sweep against its alternatives: runs of main one after another, and one loop in one process.

    python benchmarks/sweep_throughput.py --data_dir=/path/to/mnist

Every contender trains the same learning rates for the same number of
iterations, as whole processes including their start. Runs of main are all
alike, so a few of them stand for the rest.
"""

import argparse
import json
import os
import sys
import tempfile

from measure import ROOT, in_turn, machine, markdown_table, median_of, run_program, spread, values_of

sys.path.insert(0, ROOT)

SWEEP = 'mnist_graph.sweep'


def learning_rates(n):
    """n learning rates from 1e-4 to 3e-3, evenly over orders of magnitude."""
    return [1e-4 * 30 ** (number / max(1, n - 1)) for number in range(n)]


def loop(n_trials, n_iterations, data_dir):
    """Trains all in this process, a fresh graph and session each, as a sweep's worker does, but on all cores."""
    from mnist_graph import data
    from mnist_graph.base import tensorflow
    from mnist_graph.hparams import HParams
    from mnist_graph.training import cores

    tensorflow.import_tensorflow()
    from mnist_graph import graph, train

    n_threads = tensorflow.usable_cores()
    dataset = data.load('auto', data_dir)
    for rate in learning_rates(n_trials):
        hparams = HParams(learning_rate=rate, n_iterations=n_iterations)
        n_towers = cores.share_cores(n_threads, hparams)
        network = graph.build(hparams, dataset.input_spec(), n_towers=n_towers, fed_step=False)
        with cores.open_session(network, n_threads, n_towers) as sess:
            sess.run(network.initializer)
            train.train(network, sess, hparams, dataset, display_step=n_iterations, save_steps=n_iterations)
    print(json.dumps({'trials': n_trials}))


def table_of(results, n_trials):
    """The table of `in_turn`'s results; the last column is empty if no sweep could be measured."""
    sweep = results.get(SWEEP)
    rows = []
    for name, runs in results.items():
        seconds = median_of(runs, 'seconds')
        times = f'{seconds / median_of(sweep, "seconds"):.2f}' if sweep else ''
        rows.append([name, spread(values_of(runs, 'seconds'), 1), f'{n_trials / seconds:.2f}', times])
    return markdown_table(['', 'seconds', 'trials/s', "times the sweep's"], rows)


def main():
    """Runs the contenders in turn, and prints their table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data_dir', default=os.environ.get('MNIST_DATA_DIR'))
    parser.add_argument('--trials', type=int, default=32)
    parser.add_argument('--iterations', type=int, default=300)
    parser.add_argument('--main_runs', type=int, default=4, help='runs of main that stand for all of them')
    parser.add_argument('--rounds', type=int, default=1)
    parser.add_argument('--loop', action='store_true', help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.loop:
        return loop(arguments.trials, arguments.iterations, arguments.data_dir)

    data_dir = [f'--data_dir={os.path.abspath(arguments.data_dir)}'] if arguments.data_dir else []
    iterations = f'--n_iterations={arguments.iterations}'
    rates = ','.join(map(repr, learning_rates(arguments.trials)))

    def sweep():
        with tempfile.TemporaryDirectory() as folder:
            return run_program(
                [
                    sys.executable,
                    '-m',
                    'mnist_graph.sweep',
                    f'--search=learning_rate={rates}',
                    iterations,
                    f'--sweep_dir={folder}/sweep',
                    *data_dir,
                ]
            )

    def one_main():
        with tempfile.TemporaryDirectory() as folder:
            return run_program(
                [sys.executable, '-m', 'mnist_graph.main', iterations, f'--model_dir={folder}/run', *data_dir]
            )

    def mains():
        runs = [one_main() for _ in range(arguments.main_runs)]
        seconds = sum(run.seconds for run in runs) * arguments.trials / arguments.main_runs
        return runs[0]._replace(seconds=seconds)

    def one_loop():
        return run_program(
            [
                sys.executable,
                __file__,
                '--loop',
                f'--trials={arguments.trials}',
                f'--iterations={arguments.iterations}',
                *data_dir,
            ]
        )

    names = {
        SWEEP: sweep,
        'one loop in one process': one_loop,
        f'{arguments.trials} runs of main (from {arguments.main_runs})': mains,
    }
    results = in_turn(names, arguments.rounds)
    print(f'{arguments.trials} trials of {arguments.iterations} iterations, {machine()}\n')
    print(table_of(results, arguments.trials))


if __name__ == '__main__':
    main()
