"""How the time of a training step and the memory grow with batch, width and data.

One process for each setting: batches of 32 to 8,192; networks of 128 to 4,096 units
in the first layer (half and a quarter of that in the next); the training set once to
ten times over. The rest is as in compare.py.

    python benchmarks/scaling.py --data_dir=mnist
"""

import argparse
import os
import sys

import compare
import measure

BATCH_SIZES = (32, 128, 512, 2048, 8192)
WIDTHS = (128, 256, 512, 1024, 2048, 4096)
COPIES = (1, 2, 5, 10)
NUM_PIXELS, NUM_CLASSES = 784, 10


def count_weights(hidden_units):
    """Weights and biases of the network."""
    widths = (NUM_PIXELS, *hidden_units, NUM_CLASSES)
    return sum((width_in + 1) * width_out for width_in, width_out in zip(widths, widths[1:]))


def flop_per_image(hidden_units):
    """A multiply and an add for each weight, forward once and backward twice, but for the first
    layer's, through which nothing goes back to the pixels."""
    return 6 * count_weights(hidden_units) - 2 * NUM_PIXELS * hidden_units[0]


def settings():
    """Yields (what varies, its value, batch size, hidden units, copies of the training set)."""
    usual = (512, 256, 128)
    for batch_size in BATCH_SIZES:
        yield 'batch', batch_size, batch_size, usual, 1
    for width in WIDTHS:
        yield 'width', width, 128, (width, width // 2, width // 4), 1
    for copies in COPIES:
        yield 'training images', 60_000 * copies, 128, usual, copies


def steps_for(batch_size, hidden_units):
    """Steps to time: fewer of the dearer ones, from 500 down to 20."""
    share = batch_size * count_weights(hidden_units) / (128 * count_weights((512, 256, 128)))
    return int(max(20, min(500, 500 / share)))


def run_setting(peer, batch_size, hidden_units, copies, data_dir):
    """Runs one peer of compare.py once; returns its JSON fields."""
    steps = steps_for(batch_size, hidden_units)
    return measure.run_json(
        [
            sys.executable,
            os.path.join(measure.BENCHMARKS, 'peers', peer.script),
            f'--variant={peer.variant}',
            f'--data_dir={os.path.abspath(data_dir)}',
            f'--steps={steps}',
            f'--warmup={max(10, steps // 5)}',
            f'--batch_size={batch_size}',
            f'--hidden_units={",".join(map(str, hidden_units))}',
            f'--copies={copies}',
        ]
    )


def main():
    """Measures every setting and prints one Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument(
        '--data_dir', required=True, type=measure.data_folder, help='folder of the four gzipped IDX files'
    )
    parser.add_argument('--rounds', type=int, default=3, help='runs of every setting')
    # jax_scan takes its steps by the hundred, which are too many of the dear ones.
    peers = [name for name in compare.PEERS if name != 'jax_scan']
    parser.add_argument('--peer', default=compare.OURS, choices=peers)
    parser.add_argument('--only', choices=('batch', 'width', 'training images'))
    arguments = parser.parse_args()
    peer = compare.PEERS[arguments.peer]

    chosen = [one for one in settings() if arguments.only in (None, one[0])]
    runners = {one[:2]: lambda one=one: run_setting(peer, *one[2:], arguments.data_dir) for one in chosen}
    results = measure.in_turn(runners, arguments.rounds)
    rows = []
    for what, value, batch_size, hidden_units, _ in chosen:
        runs = results.get((what, value))
        if not runs:
            rows.append([what, f'{value:,}', 'failed', '-', '-', '-'])
            continue
        step = measure.median_of(runs, 'ms_per_step')
        rows.append(
            [
                what,
                f'{value:,}',
                measure.spread(measure.values_of(runs, 'ms_per_step'), 2),
                f'{batch_size / step * 1000:,.0f}',
                f'{batch_size * flop_per_image(hidden_units) / step / 1e6:.1f}',
                f'{measure.median_of(runs, "peak_rss_mb"):,.0f}',
            ]
        )
    header = ['what varies', 'value', 'ms per step', 'images per second', 'GFLOP/s', 'peak MiB']
    print(f'{arguments.peer} on {measure.machine()}; {arguments.rounds} rounds;')
    print('medians (lowest-highest).\n')
    print(measure.markdown_table(header, rows))


if __name__ == '__main__':
    measure.run_main(main)
