"""Measures on the real page, in a real browser, the time from a movement of the pen to the answer on the screen.

    python benchmarks/page_latency.py

Draws the ten digits twice, and needs Debian's chromium and chromium-driver.
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
    argparse.ArgumentParser(description=__doc__.split('\n\n')[0]).parse_args()
    right = 0
    with tempfile.TemporaryDirectory() as folder, serving.program(folder, '--model_dir=pretrained') as running:
        with browser() as page:
            page.open(running.address)
            page.draw(strokes_of(3))  # the first answer takes longer
            page.settle()
            page.run('performance.clearMeasures()')
            for number in range(20):
                page.click('#clear')
                page.draw(strokes_of(number % 10, seed=[number, 5]), pause=PEN_MS)
                page.settle()
                right += page.texts() == [str(number % 10)]
            times = np.array(page.run(ENTRIES))
    print(
        f'{len(times)} answers, {right} of 20 digits right; ms: median {np.median(times):.0f}, '
        f'10th percentile {np.percentile(times, 10):.0f}, 90th {np.percentile(times, 90):.0f}, '
        f'least {times.min():.0f}; load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores'
    )


if __name__ == '__main__':
    measure.run_main(main)
