"""Pictures for people, drawn with matplotlib: what the network saw, how good it is, how it learned.

Made to be put on a slide: 16:9 where the content allows, large type, and
colours that everyone can tell apart.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from mnist_graph.plots.canvas import BLUE, ORANGE, SKY, VERMILION, Drawing, show_picture

MOST_VIEWS = 24
MOST_MISTAKES = 32
_MOST_UNITS = 40
_MOST_NUMBERED_CLASSES = 20
_BARS_WIDTH = 1.9
# Bars of one digit's probabilities: those of ten digits and of `none`, with one to spare.
_MOST_BARS = 12
# Of the picture's height: a box that begins above this has its reading inside, as it would lie on the title otherwise.
_TOO_HIGH = 0.12
# A curve of so few points has a mark at each.
_FEW_POINTS = 50
# Characters: what there is room for, in a title, of the name of what was measured.
_LONGEST_PLACE = 48
# Largest loss by smallest: where it is more, all but the start would lie on a linear axis.
_WIDE_RANGE = 50


def view(viewed: Sequence[tuple[Any, Any]], path: str) -> int:
    """Draws each digit as it was given, with boxes and the reading, as the network saw it, and its probabilities.

    Args:
      viewed: (`stream.Prepared`, `readings.Reading`) of each picture, at
        least one; the first MOST_VIEWS digits are drawn.
      path: Picture file to write.

    Returns:
      How many digits were drawn.
    """
    from mnist_graph.pictures import extract

    digits = [(picture, number) for picture, _ in viewed for number in range(len(picture.images))]
    probabilities = np.concatenate([reading.probabilities for _, reading in viewed])
    digits = digits[:MOST_VIEWS]
    texts = {picture.path: ''.join(reading.rows) for picture, reading in viewed}
    columns = 1 if len(digits) <= 3 else 2
    rows = -(-len(digits) // columns)
    with Drawing(path, 11.5 * columns, 3.6 * rows) as figure:
        cells = np.ravel(figure.subfigures(rows, columns, squeeze=False, wspace=0.02, hspace=0.02), order='C')
        for (picture, number), row, cell in zip(digits, probabilities, cells):
            given, seen, bars = cell.subplots(1, 3, width_ratios=[1, 1, _BARS_WIDTH])
            n_digits = len(picture.images)
            if picture.page is None or picture.page.seen is None:
                show_picture(given, extract.read_picture(picture.path, longest_side=400))
            else:
                show_picture(given, picture.page.seen)
                _draw_boxes(given, picture.page, texts[picture.path], number)
            given.set_title(_shortened(os.path.basename(picture.path), 20))
            show_picture(seen, picture.images[number])
            seen.set_title('What the network saw' if n_digits == 1 else f'Digit {number + 1} of {n_digits}')
            _draw_probabilities(bars, row, viewed[0][1].class_names, viewed[0][1].n_read)
    return len(digits)


def _draw_boxes(axes, page, text: str, number: int) -> None:
    """A box around each digit of a page with its reading over it; that of the digit with this number stands out."""
    scale = page.seen.shape[1] / page.size[0]
    boxes = [digit.box for row in page.rows for digit in row]
    for index, box in enumerate(boxes):
        left, top, right, bottom = (scale * side for side in box)
        colour = VERMILION if index == number else BLUE
        axes.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color=colour, linewidth=2)
        if index < len(text):
            inside = top < _TOO_HIGH * page.seen.shape[0]
            ground = {'facecolor': 'white', 'alpha': 0.8, 'edgecolor': 'none', 'pad': 1} if inside else None
            place = 'top' if inside else 'bottom'
            axes.text(left, top, text[index], color=colour, fontsize=14, verticalalignment=place, bbox=ground)


def _shortened(text: str, length: int) -> str:
    text = text.encode('utf-8', 'replace').decode().replace('$', r'\$')
    return text if len(text) <= length else f'{text[: length // 2]}…{text[-length // 2 + 1 :]}'


def _draw_probabilities(axes, probabilities: np.ndarray, class_names: Sequence[str], n_read: int) -> None:
    """Bars of the probabilities; of many classes only the likeliest. That of what was read, of the first n_read, stands out."""
    shown = np.sort(np.argsort(-probabilities, kind='stable')[:_MOST_BARS])
    values, names = probabilities[shown], [_shortened(class_names[label], 8) for label in shown]
    best = int(np.where(shown < n_read, values, -1).argmax())
    colours = [BLUE if place == best else SKY for place in range(len(shown))]
    axes.bar(range(len(shown)), values, color=colours, width=0.75)
    axes.set_xticks(range(len(shown)), names)
    axes.set_ylim(0, 1.12)
    axes.set_box_aspect(1 / _BARS_WIDTH)  # as high as the pictures beside it
    axes.set_yticks([0, 0.5, 1], ['0', '0.5', '1'])
    axes.set_title(f'Reads {names[best]}, probability {values[best]:.3f}')
    for place in np.flatnonzero(values >= 0.02):
        axes.annotate(
            f'{values[place]:.2f}',
            (place, values[place]),
            xytext=(0, 3),
            textcoords='offset points',
            ha='center',
            fontsize=12,
        )


def confusion_matrix(report, where: str, path: str) -> None:
    """Draws the confusion matrix of a `report.Report`: what is right in blue, mistakes in orange to red.

    The two have scales of their own, as the diagonal would outshine all else.
    """
    counts, n_classes = report.confusion, len(report.class_names)
    right = np.eye(n_classes, dtype=bool)
    side = max(7.0, min(14.0, 0.66 * n_classes))
    with Drawing(path, side + 1.2, side + 1.6) as figure:
        axes = figure.subplots()
        for mask, colours in ((right, ['#DCEBF5', BLUE]), (~right, ['#FFF6E3', ORANGE, VERMILION])):
            most = max(1, counts[mask].max(initial=0))
            cells = np.ma.masked_where(~mask | (counts == 0), counts)
            axes.imshow(cells, cmap=_colour_map(colours), vmin=0, vmax=most)
        names = [_shortened(name, 16) for name in report.class_names]
        slanted = {'rotation': 45, 'ha': 'right', 'rotation_mode': 'anchor'} if max(map(len, names)) > 3 else {}
        axes.set_xticks(range(n_classes), names, **slanted)
        axes.set_yticks(range(n_classes), names)
        axes.set_xticks(np.arange(n_classes - 1) + 0.5, minor=True)
        axes.set_yticks(np.arange(n_classes - 1) + 0.5, minor=True)
        axes.grid(which='minor', color='#D9D9D9', linewidth=0.8)
        axes.tick_params(which='both', length=0)
        axes.set_xlabel('Read as')
        axes.set_ylabel('Label')
        n_wrong = int(counts.sum() - counts[right].sum())
        title = f'{report.accuracy:.2%} right: {n_wrong:,} mistakes in {report.n:,} pictures'
        figure.suptitle(f'{title}\nof the {_shortened(where, _LONGEST_PLACE)}')
        if n_classes <= _MOST_NUMBERED_CLASSES:
            _number_cells(axes, counts)
        _explain_cells(figure)


def _explain_cells(figure) -> None:
    """The legend of the confusion matrix, below it."""
    from matplotlib.patches import Patch

    figure.legend(
        handles=[
            Patch(color=BLUE, label='right: read as what the label says'),
            Patch(color=ORANGE, label='wrong: a picture with the label of the row, read as the class of the column'),
            Patch(facecolor='white', edgecolor='#D9D9D9', label='no picture'),
        ],
        loc='outside lower center',
        title='The darker, the more pictures',
        frameon=False,
        fontsize=12,
        title_fontsize=12,
    )


def _number_cells(axes, counts: np.ndarray) -> None:
    for row, column in zip(*np.nonzero(counts)):
        on_dark = row == column and counts[row, column] > 0.5 * np.diag(counts).max()
        axes.text(
            column,
            row,
            f'{counts[row, column]}',
            ha='center',
            va='center',
            fontsize=13,
            color='white' if on_dark else 'black',
        )


def _colour_map(colours: Sequence[str]):
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list('ramp', colours)


def worst_mistakes(split, probabilities: np.ndarray, class_names: Sequence[str], where: str, path: str) -> None:
    """Draws pictures that were read wrong, each with its label and what was read.

    Args:
      split: `data.Split` of the mistakes, at least one and at most MOST_MISTAKES, the largest loss first.
      probabilities: float [n, classes] of each.
      class_names: What each label stands for.
      where: What they are from, for the title.
      path: Picture file to write.
    """
    columns = min(8, max(5, len(split)))
    rows = -(-len(split) // columns)
    is_long = max(map(len, class_names)) > 2
    with Drawing(path, 1.7 * columns, (2.25 if is_long else 2.03) * rows + 0.7) as figure:
        figure.suptitle(
            f'The worst mistakes in the {_shortened(where, _LONGEST_PLACE)}, largest loss first: label → read as (loss)',
            fontsize=16,
        )
        for axes in figure.subplots(rows, columns, squeeze=False).flat:
            axes.set_axis_off()
        for axes, picture, label, row in zip(figure.axes, split.images, split.labels, probabilities):
            axes.set_axis_on()
            show_picture(axes, picture)
            was, read = (_shortened(class_names[each], 8) for each in (label, row.argmax()))
            loss = -np.log(max(row[label], np.finfo(np.float64).tiny))
            axes.set_title(f'{was} →{chr(10) if is_long else " "}{read} ({loss:.1f})', fontsize=14)


def first_layer(weights: np.ndarray, path: str, model: str = '') -> None:
    """Draws what the first layer looks for, the units with the clearest shapes first.

    A positive weight answers to a bright pixel, which is ink where ink is bright on black, and paper elsewhere.

    Args:
      weights: float [height, width, channels, units]; channels are averaged.
      path: Picture file to write.
      model: Whose they are, for the title, if that is to be said.
    """
    weights, total = weights.mean(axis=2), weights.shape[3]
    order = np.argsort(-_smooth_energy(weights), kind='stable')[:_MOST_UNITS]
    shown, n = weights[:, :, order], len(order)
    columns = min(8 if n % 8 == 0 and n < _MOST_UNITS else 10, n)
    rows = -(-n // columns)
    # A few extreme weights would leave all the others pale.
    most = float(np.quantile(np.abs(shown), 0.995)) or 1.0
    with Drawing(path, 1.25 * columns + 1.8, 1.25 * rows + 1.0) as figure:
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes in grid.flat:
            axes.set_axis_off()
        for number, axes in enumerate(grid.flat[:n]):
            image = axes.imshow(shown[:, :, number], cmap='PuOr', vmin=-most, vmax=most)
        bar = figure.colorbar(image, ax=grid, shrink=0.8, aspect=30, pad=0.02, label='Weight')
        bar.outline.set_visible(False)
        which = f'the {n} clearest of {total} units' if n < total else f'all {total} units'
        whose = f' of {model}' * bool(model)
        figure.suptitle(
            f'First layer{whose}, {which}: purple looks for bright pixels, orange for dark ones', fontsize=16
        )


def _smooth_energy(weights: np.ndarray) -> np.ndarray:
    """float [units]: what is left of weights [height, width, units] after averaging over 3x3 neighbours.

    Noise averages out, strokes and edges stay.
    """
    height, width, _ = weights.shape
    padded = np.pad(weights, ((1, 1), (1, 1), (0, 0)))
    mean = sum(padded[row : row + height, column : column + width] for row in range(3) for column in range(3)) / 9
    return np.square(mean).sum(axis=(0, 1))


def training_curves(metrics: Sequence[dict[str, Any]], path: str, model: str = '') -> None:
    """Draws loss and accuracy over the steps of a training.

    Args:
      metrics: Lines of a run's `metrics.jsonl`, oldest first; at least one.
      path: Picture file to write.
      model: Whose they are, for the title, if that is to be said.
    """
    with Drawing(path, 13.3, 5.6) as figure:
        if model:
            figure.suptitle(f'Training of {model}')
        loss, accuracy = figure.subplots(1, 2)
        loss.set_title('Loss')
        accuracy.set_title('Accuracy')
        for axes, name in ((loss, 'loss'), (accuracy, 'accuracy')):
            _draw_curve(axes, metrics, name, 'training (one mini-batch)', ORANGE, 1.5)
            _draw_curve(axes, metrics, f'validation_{name}', 'validation set', BLUE, 3)
            axes.set_xlabel('Step')
            axes.set_xlim(left=0)
            axes.grid(axis='y', color='#E5E5E5')
            axes.xaxis.set_major_formatter(lambda value, _: f'{value:,.0f}')
            axes.legend(frameon=False)
        losses = [line[key] for line in metrics for key in ('loss', 'validation_loss') if key in line]
        if min(losses) > 0 and max(losses) / min(losses) > _WIDE_RANGE:
            loss.set_yscale('log')
        else:
            loss.set_ylim(bottom=0)
        accuracy.yaxis.set_major_formatter(lambda value, _: f'{100 * value:.4g}%')
        bottom, top = accuracy.get_ylim()
        accuracy.set_ylim(bottom, min(top, 1 + 0.04 * (1 - bottom)))  # room for a line at 100%, and no tick above that
        accuracy.set_yticks([tick for tick in accuracy.get_yticks() if bottom <= tick < min(top, 1 + 1e-9)])


def _draw_curve(axes, metrics: Sequence[dict[str, Any]], key: str, label: str, colour: str, width: float) -> None:
    """Draws what metrics have under a key, if any; where there are few points, each is to be seen."""
    points = [(line['step'], line[key]) for line in metrics if key in line]
    if points:
        marker = 'o' if len(points) <= _FEW_POINTS else ''
        axes.plot(*zip(*points), label=label, color=colour, linewidth=width, marker=marker, markersize=2 * width)
