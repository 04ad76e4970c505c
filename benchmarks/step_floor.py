"""Measures how fast a training step could be on this processor: its matrix products in OpenBLAS, Adam at memory's speed.

The step is that of the default network (784-512-256-128-10, mini-batches of 128 pictures). Nothing is trained here: arrays
of the same shapes are multiplied, and arrays as large as Adam's are added. Two cores share a step as the package's two
towers do: each takes half of the batch for the products, and half of the weights for Adam.

    python benchmarks/step_floor.py --rounds=20

Times are processor time of the busier core, so that they hold on a busy machine, too.
"""

import argparse
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import measure

WIDTHS = (784, 512, 256, 128, 10)
BATCH = 128
LAYERS = tuple(zip(WIDTHS, WIDTHS[1:]))
N_WEIGHTS = sum(fan_in * fan_out + fan_out for fan_in, fan_out in LAYERS)
# Adam reads the gradient, the weight and its two moments, and writes all of these but the gradient (Kingma and Ba 2015,
# algorithm 1), each a float32.
ADAM_BYTES = 7 * 4 * N_WEIGHTS
MAX_CORES = 2  # for which the speeds in the documentation are


def products(n_rows):
    """A function that computes all matrix products of a step of `n_rows` pictures, and their floating-point operations."""
    import numpy as np

    random = np.random.default_rng(0)
    signals = [random.random((n_rows, width), np.float32) for width in WIDTHS]
    weights = [random.random(shape, np.float32) for shape in LAYERS]
    outputs = [np.empty_like(signal) for signal in signals]
    gradients = [np.empty_like(weight) for weight in weights]

    def step():
        for number, weight in enumerate(weights):
            np.matmul(signals[number], weight, out=outputs[number + 1])  # forward
            np.matmul(signals[number].T, signals[number + 1], out=gradients[number])  # the gradient of the weights
            if number:  # the gradient of the layer's input; nothing needs that of the pictures
                np.matmul(signals[number + 1], weight.T, out=outputs[number])

    n_products = sum((3 if number else 2) * weight.size for number, weight in enumerate(weights))
    return step, 2 * n_rows * n_products


def adding(n_bytes):
    """A function that moves `n_bytes` bytes as STREAM's Add does, c = a + b, in arrays of that size together."""
    import numpy as np

    arrays = [np.ones(n_bytes // 12, np.float32) for _ in range(3)]
    return lambda: np.add(arrays[0], arrays[1], out=arrays[2]), 12 * len(arrays[0])


def processor_ms(make, total, n_cores, rounds, repeats=20):
    """Shares `total` among cores; returns the median milliseconds of the busier one, and the work that all do."""
    shares = [make(total // n_cores) for _ in range(n_cores)]

    def timed(work):
        began = time.thread_time()
        for _ in range(repeats):
            work()
        return (time.thread_time() - began) / repeats * 1000

    with ThreadPoolExecutor(n_cores) as pool:
        times = [max(pool.map(timed, [work for work, _ in shares])) for _ in range(rounds + 1)]
    return statistics.median(times[1:]), sum(amount for _, amount in shares)  # the first round warms up


def main():
    """Measures on one core and on two, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--rounds', type=int, default=20)
    arguments = parser.parse_args()
    # The cores are shared out here, not by OpenBLAS, which reads this when numpy is first imported.
    os.environ['OPENBLAS_NUM_THREADS'] = '1'
    rows = []
    for n_cores in range(1, MAX_CORES + 1):
        multiplying, operations = processor_ms(products, BATCH, n_cores, arguments.rounds)
        moving, moved = processor_ms(adding, ADAM_BYTES, n_cores, arguments.rounds)
        rows.append(
            [
                n_cores,
                f'{multiplying:.2f}',
                f'{operations / multiplying / n_cores / 1e6:.0f}',
                f'{moving:.2f}',
                f'{moved / moving / 1e6:.1f}',
                f'{multiplying + moving:.2f}',
            ]
        )
    header = ['cores', 'products, ms', 'GFLOP/s a core', 'Adam, ms', 'GB/s of all cores', 'both, ms']
    print(f'{measure.machine()}; {operations / 1e6:.0f} million operations and {moved / 1e6:.1f} MB a step.\n')
    print(measure.markdown_table(header, rows))


if __name__ == '__main__':
    measure.run_main(main)
