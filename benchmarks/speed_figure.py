"""Draws the seconds that each recipe takes against its accuracy, in this package and in other libraries, and prints the table.

    python benchmarks/speedrun.py --data_dir=mnist --results=docs/speed.jsonl
    python benchmarks/convnets.py --data_dir=mnist --results=docs/speed.jsonl
    python benchmarks/speed_figure.py docs/speed.jsonl --figure=docs/speed.png

Several files of results may be given. Of two runs of one program with one seed, the later counts.
"""

import argparse
import statistics

import measure
import speedrun

from mnist_graph.plots import canvas

# Colour and marker of each program.
PROGRAMS = {
    speedrun.OURS: (canvas.BLUE, 'o'),
    'PyTorch': (canvas.VERMILION, 's'),
    'PyTorch, compiled': (canvas.ORANGE, 'D'),
    'JAX': (canvas.SKY, 'v'),
    'Keras': ('#CC79A7', 'P'),  # of the same palette
    'example': (canvas.GREY, '^'),
}
EXAMPLES = {'keras_convnet': "Keras's example", 'torch_convnet': "PyTorch's example"}
SECONDS = (5, 10, 20, 30, 60, 120, 180, 300, 600, 1200)
ACCURACIES = (97, 98, 99, 99.4, 99.6, 99.7)  # percent


def read(paths):
    """Returns dict of (recipe, program) to the list of its runs: recipe by recipe, ours first, examples last."""
    runs = {}

    def take(run):
        place = (run['program'] == 'example', run['recipe'], list(PROGRAMS).index(run['program']))
        seed, _ = run['seed'], (run['seconds'], run['test_accuracy'], run['peak_rss_mb'])
        runs.setdefault(place, {})[seed] = run

    for path in paths:
        measure.read_lines(path, 'speedrun.py or convnets.py', take)
    return {
        (recipe, list(PROGRAMS)[number]): list(by_seed.values())
        for (_, recipe, number), by_seed in sorted(runs.items())
    }


def summary(values):
    """(mean, lowest, highest) of some numbers."""
    return statistics.mean(values), min(values), max(values)


def draw(results, path):
    """Writes the figure: a point for each of `results` (as from `read`) with bars from its least seed to its greatest."""
    with canvas.Drawing(path, 11, 6.2) as figure:
        axes = figure.subplots()
        lines = {}
        for (recipe, program), runs in results.items():
            colour, marker = PROGRAMS[program]
            seconds, *times = summary(measure.values_of(runs, 'seconds'))
            error, *errors = summary([100 * (1 - value) for value in measure.values_of(runs, 'test_accuracy')])
            axes.plot(times, [error, error], color=colour, linewidth=2, zorder=2)
            axes.plot([seconds, seconds], errors, color=colour, linewidth=2, zorder=2)
            axes.scatter(seconds, error, s=90, color=colour, marker=marker, edgecolor='white', zorder=3)
            lines.setdefault(program, []).append((seconds, error))
            if program in (speedrun.OURS, 'example'):
                place = (
                    {'xytext': (0, -22), 'ha': 'center'}
                    if program == 'example'
                    else {'xytext': (-10, 7), 'ha': 'right'}
                )
                axes.annotate(EXAMPLES.get(recipe, recipe), (seconds, error), textcoords='offset points', **place)
        lines.pop('example', None)  # which are named beside their points
        for program, points in lines.items():
            colour, marker = PROGRAMS[program]
            axes.plot(*zip(*sorted(points)), color=colour, linewidth=1, alpha=0.6, zorder=1)
            axes.plot([], [], color=colour, marker=marker, markersize=9, markeredgecolor='white', label=program)
        _finish(axes)


def _finish(axes):
    """The axes: both logarithmic, and fewer errors higher up, with room for the names."""
    axes.set_xscale('log')
    axes.set_yscale('log')
    (left, right), (least, most) = axes.get_xlim(), axes.get_ylim()
    axes.set_xticks(SECONDS, [f'{tick}' for tick in SECONDS])
    axes.set_yticks([100 - tick for tick in ACCURACIES], [f'{tick:g}%' for tick in ACCURACIES])
    axes.set_xticks([], minor=True)
    axes.set_yticks([], minor=True)
    axes.set_xlim(left / 1.3, right * 1.5)
    axes.set_ylim(most * 1.1, least / 1.1)
    axes.set_xlabel('Seconds from Enter to the end of the program, 2 cores')
    axes.set_ylabel('Accuracy on the MNIST test set')
    axes.grid(color='#DDDDDD', zorder=0)
    axes.set_axisbelow(True)
    axes.legend(loc='lower right', frameon=False)


def main():
    """Prints the table of the results, and draws them."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('results', nargs='+', help='lines of JSON from speedrun.py and convnets.py')
    parser.add_argument('--figure', help='file to draw; the ending says which kind of picture')
    arguments = parser.parse_args()
    results = read(arguments.results)
    if arguments.figure:
        canvas.check_can_write(arguments.figure)
        draw(results, arguments.figure)
    print(speedrun.table_of(results))


if __name__ == '__main__':
    measure.run_main(main)
