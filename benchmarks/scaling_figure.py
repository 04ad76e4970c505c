"""Draws how the time of a training step grows with batch, width, data and cores, and prints what more cores would give.

    python benchmarks/scaling.py --data_dir=mnist --rounds=1 --results=docs/scaling.jsonl
    python benchmarks/scaling_figure.py docs/scaling.jsonl --figure=docs/scaling.png

More cores than were measured are computed, not measured: Amdahl's law, with the part
of a step that does not become shorter taken from the times on one core and on two.
"""

import argparse
import statistics

import measure

from mnist_graph.plots import canvas

PANELS = {'batch': 'Pictures in a batch', 'width': 'Units of the first layer', 'pictures': 'Pictures to train on'}
POWERS = {'batch': 1, 'width': 2}  # with which the work of a step grows
MODEL_CORES = (4, 8, 16, 32, 64)
COLOURS = (canvas.BLUE, canvas.ORANGE, canvas.VERMILION)
# A batch of 128 is split among so many cores at most (see training/cores.py).
MOST_CORES = {'cores, batch of 128': 4}
TICKS = ((32, 128, 512, 2048, 8192), (128, 512, 2048, 8192), (6_000, 600_000), (1, 2, 4, 16, 64))
MILLISECONDS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


def read(path):
    """Returns dict of what varies to dict of its value to median milliseconds a step."""
    times = {}

    def take(run):
        times.setdefault(run['what'], {}).setdefault(run['value'], []).append(run['ms_per_step'])

    measure.read_lines(path, 'scaling.py', take)
    return {
        what: {value: statistics.median(some) for value, some in sorted(by_value.items())}
        for what, by_value in times.items()
    }


def on_cores(measured, n_cores, most=None):
    """Milliseconds on `n_cores` by Amdahl's law, from dict of 1 and 2 cores to milliseconds; more than `most` do nothing."""
    shared = max(0.0, 2 * (measured[1] - measured[2]))
    return measured[1] - shared + shared / min(n_cores, most or n_cores)


def serial_part(measured):
    """The fraction of a step on one core that does not become shorter with another."""
    return on_cores(measured, float('inf')) / measured[1]


def model_table(times):
    """The Markdown table of measured and computed milliseconds on 1 to 64 cores."""
    rows = []
    for what, measured in times.items():
        if {1, 2} <= measured.keys() and what.startswith('cores'):
            computed = [f'{on_cores(measured, n, MOST_CORES.get(what)):.2f}' for n in MODEL_CORES]
            known = [f'{measured[1]:.2f}', f'{measured[2]:.2f}', f'{serial_part(measured):.0%}']
            rows.append([what.removeprefix('cores, '), *known, *computed])
    header = ['ms a step', '1 core', '2 cores', 'not shared', *[f'{n} (model)' for n in MODEL_CORES]]
    return measure.markdown_table(header, rows)


def draw(times, path):
    """Writes the figure: a panel for each of PANELS and one for cores, all with the same vertical axis."""
    with canvas.Drawing(path, 13, 4.6) as figure:
        panels = figure.subplots(1, 4, sharey=True)
        for axes, (what, label) in zip(panels, PANELS.items()):
            measured = times.get(what, {})
            axes.plot(list(measured), list(measured.values()), color=canvas.BLUE, marker='o')
            if what in POWERS and measured:
                _guide(axes, measured, POWERS[what])
            axes.set_xlabel(label)
        of_cores = [(what, measured) for what, measured in times.items() if what.startswith('cores')]
        for (what, measured), colour in zip(of_cores, COLOURS):
            label = what.removeprefix('cores, ')
            panels[3].plot(list(measured), list(measured.values()), color=colour, marker='o', label=label)
            if {1, 2} <= measured.keys():
                computed = [on_cores(measured, n, MOST_CORES.get(what)) for n in (2, *MODEL_CORES)]
                panels[3].plot((2, *MODEL_CORES), computed, color=colour, linestyle=':', zorder=1)
                panels[3].scatter(MODEL_CORES, computed[1:], color='white', edgecolor=colour, zorder=2)
        panels[3].set_xlabel('Cores (hollow: by the model)')
        if of_cores:
            panels[3].legend(frameon=False, fontsize=11)
        for axes in panels:
            axes.set_xscale('log')
            axes.set_yscale('log')
            axes.grid(color='#DDDDDD')
            axes.set_axisbelow(True)
        low, high = panels[0].get_ylim()
        panels[0].set_yticks(MILLISECONDS, [f'{tick:g}' for tick in MILLISECONDS])
        panels[0].set_yticks([], minor=True)
        panels[0].set_ylim(low, high)
        panels[0].set_ylabel('Milliseconds a step')
        for axes, ticks in zip(panels, TICKS):
            axes.set_xticks([], minor=True)
            axes.set_xticks(ticks, [f'{tick:,}' for tick in ticks])


def _guide(axes, measured, power):
    """A grey line through the last point: what grows with this power of the value."""
    last = max(measured)
    values = [value for value in measured if value >= last / 16]
    guide = [measured[last] * (value / last) ** power for value in values]
    label = {1: 'proportional', 2: 'as the square'}[power]
    axes.plot(values, guide, color=canvas.GREY, linestyle='--', linewidth=1, label=label)
    axes.legend(frameon=False, fontsize=11)


def main():
    """Prints the table of cores, and draws the figure."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('results', help='lines of JSON from scaling.py')
    parser.add_argument('--figure', help='file to draw; the ending says which kind of picture')
    arguments = parser.parse_args()
    times = read(arguments.results)
    if arguments.figure:
        canvas.check_can_write(arguments.figure)
        draw(times, arguments.figure)
    print(model_table(times))


if __name__ == '__main__':
    measure.run_main(main)
