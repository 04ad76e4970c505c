"""Compares the speed of one training step with that of other libraries.

Every peer trains the same network (784-512-256-128-10, ReLU, dropout 0.5 on the
last hidden layer, softmax cross-entropy, Adam) on the same digits for the same
number of steps, each in a process of its own. The peers take turns, so that
whatever else the machine does falls on all of them alike.

    python benchmarks/compare.py --data_dir=mnist --rounds=5 --steps=2000
"""

import argparse
import importlib.util
import os
import sys
from typing import NamedTuple

import measure


class Peer(NamedTuple):
    """A script in peers/, its variant, the package it needs, and what to know about it."""

    script: str
    variant: str
    package: str
    note: str = ''


OURS = 'mnist_graph'
PEERS = {
    OURS: Peer('ours.py', 'default', 'tensorflow'),
    'mnist_graph_feed': Peer('ours.py', 'feed', 'tensorflow', 'its `train_step`, fed'),
    'keras': Peer('keras_fit.py', 'default', 'tensorflow', '`fit`'),
    'keras_100': Peer('keras_fit.py', '100', 'tensorflow', '`fit`, `steps_per_execution=100`'),
    'keras_plain': Peer('keras_fit.py', 'plain', 'tensorflow', '`fit`, `jit_compile=False`'),
    'keras_plain_100': Peer('keras_fit.py', 'plain_100', 'tensorflow', '`fit`, both of these'),
    'torch_eager': Peer('torch_adam.py', 'eager', 'torch'),
    'torch_fused': Peer('torch_adam.py', 'fused', 'torch', 'Adam with `fused=True`'),
    'torch_compile': Peer('torch_adam.py', 'compile', 'torch', '`torch.compile`, fused Adam'),
    'jax_step': Peer('jax_adam.py', 'step', 'jax', '`jit` of one step'),
    'jax_scan': Peer('jax_adam.py', 'scan', 'jax', '`jit` of 100 steps'),
    'sklearn': Peer('sklearn_mlp.py', 'default', 'sklearn', 'no dropout, so less work'),
}
ACCURACY_MARGIN = 0.01  # a peer that ends further below ours has not done the same job


def parse_arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument(
        '--data_dir', required=True, type=measure.data_folder, help='folder of the four gzipped IDX files'
    )
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--steps', type=int, default=2000, help='timed steps, a multiple of 100')
    parser.add_argument('--warmup', type=int, default=200, help='untimed steps before them')
    parser.add_argument('--learning_rate', type=float, default=1e-3)
    parser.add_argument('--peers', default=','.join(PEERS), help='comma-separated names')
    parser.add_argument('--python', default=sys.executable, help='interpreter the peers run in')
    arguments = parser.parse_args()
    unknown = set(arguments.peers.split(',')) - set(PEERS)
    if unknown:
        parser.error(f'unknown peers {", ".join(sorted(unknown))}; there are {", ".join(PEERS)}')
    return arguments


def is_installed(package, python):
    """Whether `python` can find the top-level `package`, without importing it."""
    if python == sys.executable:
        return importlib.util.find_spec(package) is not None
    check = f'import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)'
    try:
        measure.run_program([python, '-c', check])
    except measure.BenchmarkError:
        return False
    return True


def make_runners(arguments):
    """Returns dict of peer name to a function that runs it once; says which are skipped."""
    runners = {}
    for name in arguments.peers.split(','):
        peer = PEERS[name]
        if not is_installed(peer.package, arguments.python):
            print(f'skipping {name}: {peer.package} is not installed', file=sys.stderr)
            continue
        command = [
            arguments.python,
            os.path.join(measure.BENCHMARKS, 'peers', peer.script),
            f'--variant={peer.variant}',
            f'--data_dir={os.path.abspath(arguments.data_dir)}',
            f'--steps={arguments.steps}',
            f'--warmup={arguments.warmup}',
            f'--learning_rate={arguments.learning_rate}',
        ]
        runners[name] = lambda command=command: measure.run_json(command)
    return runners


def table_of(results):
    """The Markdown table of all peers, the fastest step first."""
    baseline = OURS if OURS in results else next(iter(results))
    rows = []
    ours = measure.median_of(results[baseline], 'ms_per_step')
    for name in sorted(results, key=lambda name: measure.median_of(results[name], 'ms_per_step')):
        runs = results[name]
        rows.append(
            [
                name,
                measure.spread(measure.values_of(runs, 'ms_per_step'), 3),
                f'{measure.median_of(runs, "ms_per_step") / ours:.2f}',
                f'{measure.median_of(runs, "processor_seconds") / runs[0]["steps"] * 1000:.2f}',
                f'{measure.median_of(runs, "seconds_total"):.1f}',
                f'{measure.median_of(runs, "peak_rss_mb"):.0f}',
                f'{measure.median_of(runs, "test_accuracy"):.2%}',
                f'{PEERS[name].note} {runs[0]["versions"]}'.strip(),
            ]
        )
    header = ['peer', 'ms per step', f'of {baseline}', 'processor ms per step']
    header += ['whole process, s', 'peak MiB', 'test accuracy', 'notes']
    return measure.markdown_table(header, rows)


def accuracy_complaints(results):
    """One line for each peer whose median test accuracy is over a point below the baseline's."""
    baseline = OURS if OURS in results else next(iter(results))
    wanted = measure.median_of(results[baseline], 'test_accuracy') - ACCURACY_MARGIN
    return [
        f'{name} ended at {measure.median_of(runs, "test_accuracy"):.2%}, over a point below '
        f'{baseline}: its time does not count'
        for name, runs in results.items()
        if measure.median_of(runs, 'test_accuracy') < wanted
    ]


def main():
    """Runs the peers in turn and prints the table; exits 1 if a peer did not learn."""
    arguments = parse_arguments()
    results = measure.in_turn(make_runners(arguments), arguments.rounds)
    if not results:
        raise SystemExit('no peer could run')
    if OURS in arguments.peers.split(',') and OURS not in results:
        raise SystemExit(f'{OURS} could not run, so there is nothing to compare with')
    print(f'{measure.machine()}; {arguments.rounds} rounds of {arguments.steps} steps of 128;')
    print('times are medians (lowest-highest).\n')
    print(table_of(results))
    complaints = accuracy_complaints(results)
    print('\n' + '\n'.join(complaints or ['Every peer learned: none is over a point below.']))
    sys.exit(bool(complaints))


if __name__ == '__main__':
    measure.run_main(main)
