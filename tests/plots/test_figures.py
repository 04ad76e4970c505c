"""What the pictures of a report say about themselves: titles, legends, axes."""

import numpy as np
import pytest

from mnist_graph.base.errors import UsageError
from mnist_graph.data import Split
from mnist_graph.models import readings, report
from mnist_graph.pictures import stream
from mnist_graph.plots import canvas, figures, picture_file

Axes = pytest.importorskip('matplotlib.axes').Axes
NAMES = ('0', '1', '2')
PROBABILITIES = np.array([[0.1, 0.9, 0.0], [0.98, 0.01, 0.01], [0.0, 0.7, 0.3], [0.0, 0.0, 1.0]])
LABELS = np.array([0, 1, 2, 2])


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Function (draw, *args) that calls draw(*args, path) and returns the figure."""
    kept = []
    write = canvas.Drawing._write

    def keep(self):
        kept.append(self._figure)
        write(self)

    monkeypatch.setattr(canvas.Drawing, '_write', keep)

    def draw(function, *args):
        function(*args, str(tmp_path / 'figure.png'))
        return kept[-1]

    return draw


def test_worst_mistakes_are_in_the_order_of_their_loss_and_say_so(drawn):
    worst = report.worst_mistakes(PROBABILITIES, LABELS, 10)
    images = np.zeros((4, 8, 8, 1), np.uint8)
    figure = drawn(figures.worst_mistakes, Split(images, LABELS)[worst], PROBABILITIES[worst], NAMES, 'test set')
    assert 'largest loss first' in figure.get_suptitle()
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    # -ln 0.01, -ln 0.1, -ln 0.3
    assert titles == ['1 → 0 (4.6)', '0 → 1 (2.3)', '2 → 1 (1.2)']


def test_confusion_matrix_explains_rows_columns_and_colours(drawn):
    figure = drawn(figures.confusion_matrix, report.make(PROBABILITIES, LABELS, NAMES), 'test set')
    (axes,) = figure.axes
    assert (axes.get_ylabel(), axes.get_xlabel()) == ('Label', 'Read as')
    (legend,) = figure.legends
    words = ' '.join(text.get_text() for text in legend.get_texts())
    assert 'right' in words and 'label of the row' in words and 'class of the column' in words
    assert legend.get_title().get_text() == 'The darker, the more pictures'


@pytest.mark.filterwarnings('error')
def test_a_class_whose_name_the_font_lacks_is_drawn_without_a_word(drawn):
    drawn(
        figures.confusion_matrix,
        report.make(PROBABILITIES, LABELS, ('0', '1', '\N{FULLWIDTH DIGIT EIGHT}')),
        'test set',
    )


def test_what_the_first_layer_looks_for_is_said_of_pixels(drawn):
    """Ink is bright in MNIST and dark on white paper; a positive weight answers to brightness in both."""
    figure = drawn(figures.first_layer, np.ones((5, 5, 3, 7), np.float32))
    assert 'purple looks for bright pixels, orange for dark ones' in figure.get_suptitle()
    assert 'ink' not in figure.get_suptitle()


@pytest.mark.parametrize('n', [1, 2, 10])
def test_training_curves_of_few_validations(drawn, n):
    steps = [100 * (number + 1) for number in range(n)]
    metrics = [{'step': step, 'validation_loss': 1 / step, 'validation_accuracy': 0.7 - 1 / step} for step in steps]
    metrics += [{'step': step, 'loss': 2 / step, 'accuracy': 0.6, 'learning_rate': 0.1} for step in steps]
    loss, accuracy = drawn(figures.training_curves, metrics).axes
    for axes in loss, accuracy:
        assert axes.get_xlim()[0] == 0
        assert all(line.get_marker() == 'o' and len(line.get_xdata()) == n for line in axes.lines)
    assert accuracy.get_ylim()[1] < 0.8  # what was reached has the room, rather than what was not


def test_a_curve_at_100_percent_has_room_and_no_tick_above(drawn):
    metrics = [{'step': step, 'validation_loss': 0.1, 'validation_accuracy': 0.9 + 0.1 * (step > 1)} for step in (1, 2)]
    _, accuracy = drawn(figures.training_curves, metrics).axes
    assert 1 < accuracy.get_ylim()[1] <= 1.01 and max(accuracy.get_yticks()) <= 1 + 1e-9


def test_a_folder_is_checked_and_not_made(tmp_path):
    picture_file.check_folder(str(tmp_path / 'one' / 'two'))
    assert not (tmp_path / 'one').exists()
    (tmp_path / 'file').write_text('')
    for name in 'file', 'file/inside':
        with pytest.raises(UsageError, match='a file; give a folder'):
            picture_file.check_folder(str(tmp_path / name))


def test_a_view_names_the_digit_that_was_read_and_shows_every_class(drawn, monkeypatch):
    names = (*'0123456789', 'none')
    row = np.full(11, 0.01)
    row[[5, 10]] = 0.25, 0.65
    pixels = np.zeros((1, 28, 28, 1), np.float32)
    monkeypatch.setattr('mnist_graph.pictures.extract.read_picture', lambda *_, **__: pixels[0])
    figure = drawn(
        figures.view, [(stream.Prepared('one.png', pixels), readings.reading_of('one.png', row[None], names))]
    )
    bars = next(axes for axes in figure.findobj(Axes) if len(axes.patches) > 3)
    assert bars.get_title() == 'Reads 5, probability 0.250'
    assert [label.get_text() for label in bars.get_xticklabels()] == list(names)


def test_a_long_folder_fits_into_the_titles(drawn):
    result = report.make(np.eye(2), np.array([0, 1]), ('a', 'b'))
    figure = drawn(figures.confusion_matrix, result, 'folder ' + 'long/' * 40)
    assert max(map(len, figure.get_suptitle().split('\n'))) < 60
