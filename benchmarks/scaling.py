"""How the time of a training step and the memory grow with batch, width, data and cores.

One process for each setting: batches of 32 to 8,192; networks of 128 to 8,192 units
in the first layer (half and a quarter of that in the next); 6,000 to 6,000,000
pictures, which are MNIST's again and again; one core, two, and so on. The rest is as
in compare.py. --results=FILE appends a line of JSON for each run, for scaling_figure.py.

    python benchmarks/scaling.py --data_dir=mnist --rounds=1 --results=docs/scaling.jsonl
"""

import argparse
import os
import sys
from typing import NamedTuple

import compare
import measure
from recipes import note

NUM_PIXELS, NUM_CLASSES = 784, 10
USUAL = (512, 256, 128)


class Setting(NamedTuple):
    """What varies and its value; then all that a step depends on."""

    what: str
    value: int
    batch_size: int = 128
    hidden_units: tuple[int, ...] = USUAL
    n_pictures: int = 60_000
    n_cores: int | None = None  # all


def settings(n_cores):
    """Yields every `Setting` on a machine of so many cores."""
    for batch_size in (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192):
        yield Setting('batch', batch_size, batch_size=batch_size)
    for width in (128, 256, 512, 1024, 2048, 4096, 8192):
        yield Setting('width', width, hidden_units=(width, width // 2, width // 4))
    for n_pictures in (6_000, 60_000, 600_000, 6_000_000):
        yield Setting('pictures', n_pictures, n_pictures=n_pictures)
    for cores in [count for count in (1, 2, 4, 8, 16, 32, 64) if count <= n_cores]:
        for batch_size in (128, 2048):
            yield Setting(f'cores, batch of {batch_size:,}', cores, batch_size=batch_size, n_cores=cores)
        yield Setting('cores, width of 2,048', cores, hidden_units=(2048, 1024, 512), n_cores=cores)


def count_weights(hidden_units):
    """Weights and biases of the network."""
    widths = (NUM_PIXELS, *hidden_units, NUM_CLASSES)
    return sum((width_in + 1) * width_out for width_in, width_out in zip(widths, widths[1:]))


def flop_per_image(hidden_units):
    """A multiply and an add for each weight, forward once and backward twice, but for the first
    layer's, through which nothing goes back to the pixels."""
    return 6 * count_weights(hidden_units) - 2 * NUM_PIXELS * hidden_units[0]


def steps_for(setting):
    """Steps to time: fewer of the dearer ones, from 500 down to 10."""
    share = setting.batch_size * count_weights(setting.hidden_units) / (128 * count_weights(USUAL))
    return int(max(10, min(500, 500 / share)))


def run_setting(peer, setting, data_dir):
    """Runs one peer of compare.py once; returns its JSON fields."""
    steps, pinned = steps_for(setting), []
    if setting.n_cores:
        cores = sorted(os.sched_getaffinity(0))[: setting.n_cores]
        pinned = ['taskset', '--cpu-list', ','.join(map(str, cores))]
    return measure.run_json(
        [
            *pinned,
            sys.executable,
            os.path.join(measure.BENCHMARKS, 'peers', peer.script),
            f'--variant={peer.variant}',
            f'--data_dir={os.path.abspath(data_dir)}',
            f'--steps={steps}',
            f'--warmup={max(5, steps // 5)}',
            f'--batch_size={setting.batch_size}',
            f'--hidden_units={",".join(map(str, setting.hidden_units))}',
            f'--n_pictures={setting.n_pictures}',
        ]
    )


def row_of(setting, runs):
    """One line of the table."""
    if not runs:
        return [setting.what, f'{setting.value:,}', 'failed', *['-'] * 5]
    step = measure.median_of(runs, 'ms_per_step')
    return [
        setting.what,
        f'{setting.value:,}',
        measure.spread(measure.values_of(runs, 'ms_per_step'), 2),
        f'{setting.batch_size / step * 1000:,.0f}',
        f'{setting.batch_size * flop_per_image(setting.hidden_units) / step / 1e6:.1f}',
        f'{measure.median_of(runs, "peak_rss_mb"):,.0f}',
        f'{measure.median_of(runs, "anonymous_mb"):,.0f}',
        f'{measure.median_of(runs, "seconds_total"):.1f}',
    ]


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
    parser.add_argument('--only', choices=('batch', 'width', 'pictures', 'cores'))
    parser.add_argument('--results', help='file to append a line of JSON to for each run')
    arguments = parser.parse_args()
    peer = compare.PEERS[arguments.peer]

    def run_and_note(setting):
        fields = run_setting(peer, setting, arguments.data_dir)
        note(arguments.results, {'what': setting.what, 'value': setting.value, **fields})
        return fields

    n_cores = len(os.sched_getaffinity(0))
    chosen = [one for one in settings(n_cores) if one.what.startswith(arguments.only or '')]
    runners = {one: lambda one=one: run_and_note(one) for one in chosen}
    results = measure.in_turn(runners, arguments.rounds)
    header = ['what varies', 'value', 'ms per step', 'images per second', 'GFLOP/s', 'peak MiB']
    header += ['MiB without mapped files', 'whole process, s']
    print(f'{arguments.peer} on {measure.machine()}; {arguments.rounds} rounds;')
    print('medians (lowest-highest).\n')
    print(measure.markdown_table(header, [row_of(one, results.get(one)) for one in chosen]))


if __name__ == '__main__':
    measure.run_main(main)
