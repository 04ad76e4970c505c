"""show: pictures as characters and as a grid, without TensorFlow."""

import io
import sys

import numpy as np
import pytest
from PIL import Image

from helpers.data import write_idx_folder
from helpers.programs import run_python
from mnist_graph.base.errors import UsageError
from mnist_graph.plots import grids

# Two bright columns of four, by four rows.
HALF = np.zeros((4, 4, 1), np.uint8)
HALF[:, 2:] = 255


def bars(n, side=28):
    """n pictures, each bright in the column of its number."""
    images = np.zeros((n, side, side, 1), np.uint8)
    images[np.arange(n), :, np.arange(n)] = 255
    return images


# Characters.


def test_shades():
    ramp = np.array([[[0], [64], [128], [191], [255]]] * 2, np.uint8)
    assert grids.shaded(ramp, 5) == [' ░▒▓█']
    assert grids.shaded(ramp, 5, unicode=False) == [' :+#@']
    assert grids.shaded(HALF, 8) == ['    ████'] * 4


def test_braille():
    # Dots 4, 5, 6 and 8, the right column, are bits 3, 4, 5 and 7.
    assert grids.braille(HALF[:, 1:3], 1) == [chr(0x2800 + 0x08 + 0x10 + 0x20 + 0x80)]
    assert grids.braille(HALF, 2) == ['⠀⣿']
    corner = np.zeros((4, 2, 1), np.uint8)
    corner[0, 0] = 255
    assert grids.braille(corner, 1) == ['⠁']
    assert grids.braille(np.zeros((4, 2, 1), np.uint8), 1) == ['⠀']


def test_grey_of_colours():
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert grids.to_grey(colours).tolist() == [[76, 150, 29, 255]]


def test_one_picture_is_large():
    text = grids.as_text(bars(1), ['train 0: 7'])
    lines = text.split('\n')
    assert lines[0] == 'train 0: 7' and len(lines) == 29
    assert all(line == '██' + ' ' * 54 for line in lines[1:])


@pytest.mark.parametrize('unicode, per_row', [(True, 5), (False, 4)])
def test_several_pictures_fit_the_terminal(unicode, per_row):
    text = grids.as_text(bars(7), [f'train {number}: 7' for number in range(7)], 80, unicode)
    lines = text.split('\n')
    assert max(map(len, lines)) <= 80
    assert [line.count('train') for line in lines if 'train' in line] == [per_row, 7 - per_row]
    assert unicode or text.isascii()


def test_a_narrow_terminal_is_never_overrun():
    for unicode in (True, False):
        assert max(map(len, grids.as_text(bars(3), ['abcdefghijkl'] * 3, 9, unicode).split('\n'))) <= 9
        assert max(map(len, grids.as_text(bars(1), ['abc'], 9, unicode).split('\n'))) <= 9


# Picture files.


def test_grid_holds_each_picture_enlarged_under_its_title():
    grid = grids.as_picture(bars(4), ['0', '1', '2', '3'])
    pixels = np.asarray(grid)
    tile, gap, title = 84, 10, 28
    assert grid.size == (gap + 2 * (tile + gap), gap + 2 * (tile + title + gap))
    # The fourth picture is lower right; its column 3 is bright, three pixels wide, and the rest is dark.
    left, top = gap + tile + gap, gap + tile + title + gap + title
    part = pixels[top : top + tile, left : left + tile]
    assert (part[:, 9:12] == 255).all() and part.sum() == 255 * 3 * 3 * tile
    # Each title leaves ink above its picture.
    for left in (gap, gap + tile + gap):
        assert (pixels[gap : gap + title - 2, left : left + tile] < 100).any()


def test_one_picture_fills_its_file():
    assert grids.as_picture(bars(1), ['train 0: 7']).size == (384, 420)


def test_colours_are_kept():
    images = np.zeros((1, 10, 10, 3), np.uint8)
    images[..., 0] = 200
    colours = grids.as_picture(images, ['red']).getcolors(100_000)
    assert (360 * 360, (200, 0, 0)) in colours


def test_a_huge_grid_is_refused_before_it_is_made():
    images = np.broadcast_to(np.zeros((1, 28, 28, 1), np.uint8), (20_000, 28, 28, 1))
    with pytest.raises(UsageError, match='show fewer'):
        grids.as_picture(images, [''] * 20_000)


# The command.


@pytest.fixture
def show(entry_point):
    """Runs show on a tiny data set of 60 and 25 pictures; returns an Ended."""
    folder = write_idx_folder('tiny')
    return lambda *arguments: entry_point(*arguments, f'--data_dir={folder}', '--n_validation=15', name='show')


def test_shows_one_picture_with_its_label(show):
    from helpers.data import tiny_arrays

    train_images, train_labels, _, _ = tiny_arrays()
    ended = show('--split=train', '--index=2')
    lines = ended.out.splitlines()
    assert ended.code == 0 and ended.err == ''
    assert lines[0] == f'train 2: {train_labels[17]}'  # the first 15 are held out
    assert lines[1:] == grids.shaded(train_images[17][..., None], 56)


def test_writes_a_labelled_grid(show):
    ended = show('--split=test', '--n=25', '--output=grid.png')
    assert ended.code == 0 and ended.out == '25 pictures of the test set of tiny in grid.png\n'
    with Image.open('grid.png') as image:
        assert image.format == 'PNG' and image.size == (10 + 5 * 90, 10 + 5 * 118)


@pytest.mark.parametrize(
    'flags, code, words',
    [
        (['--index=45'], 2, '45 pictures'),
        (['--split=test', '--index=20', '--n=6'], 2, '25 pictures'),
        (['--output=grid.txt'], 2, 'grid.txt'),
        (['--output=no/folder/grid.png'], 2, 'no/folder/grid.png'),
        (['--n=0'], 2, 'n'),
        (['picture.png'], 2, 'picture.png'),
    ],
)
def test_mistakes_get_one_line(show, flags, code, words):
    ended = show(*flags)
    assert ended.code == code and words in ended.err and ended.err.count('\n') == 1 and ended.out == ''


def test_plain_terminals_get_plain_characters(monkeypatch):
    from mnist_graph import show as module

    for encoding, expected in (('ascii', False), ('latin-1', False), ('utf-8', True)):
        monkeypatch.setattr(sys, 'stdout', io.TextIOWrapper(io.BytesIO(), encoding=encoding))
        assert module.shows_blocks() is expected


def test_needs_no_tensorflow(fresh_folder):
    write_idx_folder('tiny')
    ended = run_python(
        '-c',
        'import sys\nfrom mnist_graph import show\ntry:\n  show.console_main()\n'
        'except SystemExit as end:\n  print(end.code, "tensorflow" in sys.modules)',
        '--data_dir=tiny',
        '--n_validation=15',
        '--n=2',
        folder=fresh_folder,
    )
    assert ended.out.endswith('0 False\n'), ended
