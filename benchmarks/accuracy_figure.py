"""Draws accuracy against minutes: the recipes in flags/, the Keras programs that some of them restate, and examples.

    python benchmarks/recipes.py --data_dir=mnist --results=docs/recipes.jsonl
    python benchmarks/convnets.py --data_dir=mnist --results=docs/recipes.jsonl
    python benchmarks/accuracy_figure.py docs/recipes.jsonl docs/accuracy.png

The first two commands measure and write the results; the third one draws them.
"""

import argparse
import statistics

import measure
import numpy as np

from mnist_graph.plots.canvas import BLUE, GREY, ORANGE, VERMILION, Drawing

PROGRAMS = {
    'ours': ('mnist_graph', BLUE, 'o'),
    'other': ('the Keras program', ORANGE, 's'),
    'example': ("Keras's and PyTorch's convolutional examples", VERMILION, '^'),
}
TICKS = (97, 98, 99, 99.4, 99.6, 99.7)  # percent
LEAST = 96.5


def read(path):
    """Returns dict of (recipe, program) to (median minutes, mean test accuracy in percent)."""
    runs = {}

    def take(run):
        runs.setdefault((run['recipe'], run['program']), []).append((run['seconds'], run['test_accuracy']))

    measure.read_lines(path, 'recipes.py or convnets.py', take)
    return {
        key: (
            statistics.median(seconds for seconds, _ in some) / 60,
            100 * statistics.mean(accuracy for _, accuracy in some),
        )
        for key, some in runs.items()
    }


def draw(points, path):
    """Writes the figure; `points` as from `read`."""
    with Drawing(path, 11, 6.2) as figure:
        axes = figure.subplots()
        for (recipe, program), (minutes, accuracy) in points.items():
            ours = points.get((recipe, 'ours'))
            _, colour, marker = PROGRAMS[program]
            if program == 'other' and ours:
                axes.plot([ours[0], minutes], [ours[1], accuracy], color=GREY, linewidth=1, zorder=1)
            axes.scatter(minutes, accuracy, s=110, color=colour, marker=marker, zorder=2)
            if program == 'example':
                axes.annotate(recipe, (minutes, accuracy), xytext=(0, -22), textcoords='offset points', ha='center')
            if program == 'ours':
                # Above, where the label would cover a neighbour that is a little lower; else below, where
                # the label of a neighbour a little higher would be in the way.
                others = [point for (_, kind), point in points.items() if kind == 'ours']
                is_above = any(0 < other[1] - accuracy < 0.3 and other[0] < 2 * minutes for other in others)
                is_below = any(0 < accuracy - other[1] < 0.3 and other[0] < minutes for other in others)
                axes.annotate(
                    recipe,
                    (minutes, accuracy),
                    xytext=(-10, 8 if is_below else -22 if is_above else -5),
                    textcoords='offset points',
                    ha='right',
                )
        for name, colour, marker in PROGRAMS.values():
            axes.scatter([], [], s=110, color=colour, marker=marker, label=name)
        axes.legend(loc='lower right', frameon=False)
        # Each halving of the errors takes the same height.
        axes.set_yscale(
            'function', functions=(lambda y: -np.log2(np.maximum(100 - y, 1e-3)), lambda y: 100 - np.exp2(-y))
        )
        axes.set_yticks(TICKS, [f'{tick:g}%' for tick in TICKS])
        axes.set_ylim(LEAST, 99.78)
        axes.set_xscale('log')
        minutes = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20]
        axes.set_xticks(minutes, [f'{minute:g}' for minute in minutes])
        axes.set_xlim(0.05, 25)
        axes.set_xticks([], minor=True)
        axes.set_xlabel('Minutes for the whole command, 2 cores')
        axes.set_ylabel('Accuracy on the MNIST test set')
        axes.grid(color='#DDDDDD', zorder=0)
        axes.set_axisbelow(True)


def main():
    """Draws the recipes above LEAST percent."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('results', help='lines of JSON from recipes.py')
    parser.add_argument('picture', help='file to write')
    options = parser.parse_args()
    points = {key: value for key, value in read(options.results).items() if value[1] >= LEAST}
    draw(points, options.picture)


if __name__ == '__main__':
    measure.run_main(main)
