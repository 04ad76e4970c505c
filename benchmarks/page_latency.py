"""Measures on the real page, in a real browser, the time from a movement of the pen to the answer on the screen.

    python benchmarks/page_latency.py --rounds=10

Draws the ten digits in each round, by another hand each time, and needs Debian's chromium and chromium-driver.
"""

import argparse
import os
import sys
import tempfile

import measure
import numpy as np

sys.path.insert(0, os.path.join(measure.ROOT, 'tests'))
from helpers import serving
from helpers.browser import browser, strokes_of

PEN_MS = 12  # from point to point, as a pen or a mouse sends them
ENTRIES = 'return performance.getEntriesByName("pen to answer").map((entry) => entry.duration)'


def main():
    """Draws, and prints the times."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--rounds', type=int, default=2)
    n_digits, wrong = 10 * parser.parse_args().rounds, []
    with tempfile.TemporaryDirectory() as folder, serving.program(folder, '--model_dir=pretrained') as running:
        with browser() as page:
            page.open(running.address)
            page.draw(strokes_of(3))  # the first answer takes longer
            page.settle()
            page.run('performance.clearMeasures()')
            for number in range(n_digits):
                page.click('#clear')
                page.draw(strokes_of(number % 10, seed=[number, 5]), pause=PEN_MS)
                page.settle()
                if page.texts() != [str(number % 10)]:
                    wrong.append(f'{number % 10} as {"/".join(page.texts())}')
            times = np.array(page.run(ENTRIES))
    print(
        f'{len(times)} answers, {n_digits - len(wrong)} of {n_digits} digits right {wrong}; ms: median {np.median(times):.0f}, '
        f'10th percentile {np.percentile(times, 10):.0f}, 90th {np.percentile(times, 90):.0f}, '
        f'least {times.min():.0f}; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores'
    )


if __name__ == '__main__':
    measure.run_main(main)
