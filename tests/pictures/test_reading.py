"""Reading whole numbers in pictures with the shipped reader: rows, sizes, neighbours, and what is no digit."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from helpers.drawn_pictures import draw_picture, draw_share
from helpers.reader import read, score
from mnist_graph.base.errors import ImageError
from mnist_graph.pictures import pieces, reading, rows, stream


def page_of(*lines, gap=25, height=80, pen=8):
    """float32 [height, width]: rows of digits in dark on white, `gap` pixels between them."""
    width = 60 + max(len(line) for line in lines) * (60 + gap)
    size = (width, 60 + len(lines) * (height + 50))
    share = np.zeros(size[::-1], np.float32)
    for row, line in enumerate(lines):
        for number, digit in enumerate(line):
            box = (30 + number * (60 + gap), 30 + row * (height + 50), 60, height)
            share = np.maximum(share, draw_share(digit, size, box, pen))
    return 1 - share


@pytest.mark.parametrize('digit', '12457')
def test_a_single_digit(digit):
    assert read(draw_picture(digit)) == digit


@pytest.mark.parametrize('lines', [('2754',), ('27' * 6,), ('245', '712'), ('24', '5', '7214'), ('2', '4', '7')])
def test_rows_are_read_from_top_to_bottom(lines):
    assert read(page_of(*lines)) == '/'.join(lines)


@pytest.mark.parametrize('turn', [1, -1])
def test_light_on_dark_and_dark_on_light(turn):
    page = page_of('257')
    assert read(page if turn == 1 else 1 - page) == '257'


@pytest.mark.parametrize('height', [28, 40, 56])
def test_digits_of_unequal_size_are_all_read(height):
    size = (300, 140)
    share = np.maximum(
        draw_share('2', size, (30, 30, 60, 80)), draw_share('7', size, (200, 110 - height, 30, height), 6)
    )
    assert read(1 - share) == '27'


def text_of(page):
    return '/'.join(''.join(str(int(digit.scores[:10].argmax())) for digit in row) for row in page.rows)


def hesitating(label, blocks_are_zeros=False):
    """The shipped reader's scores, in which one digit has at most 0.8, and blocks of ink may be surely a 0."""

    def scores_of(images):
        scores = score(images)
        of_label = scores.argmax(axis=1) == label
        scores[of_label] *= 0.8
        scores[of_label, -1] += 0.2
        if blocks_are_zeros:
            scores[images.mean(axis=(1, 2)) > 0.3] = np.eye(11)[0]
        return scores

    return scores_of


def test_a_thin_digit_that_is_not_sure_is_read_beside_a_thick_one():
    size = (300, 160)
    share = np.maximum(draw_share('2', size, (40, 80, 30, 40), 4), draw_share('7', size, (160, 30, 70, 90), 16))
    assert text_of(stream.read_page(1 - share, hesitating(2))) == '27'


def test_a_sheet_with_a_digit_that_is_not_sure_is_no_digit_itself():
    sheet = Image.fromarray(np.uint8(255 * page_of('257'))).convert('RGBA').rotate(12, expand=True)
    picture = Image.new('L', (sheet.width + 80, sheet.height + 80), 40)
    picture.paste(sheet.convert('L'), (40, 40), sheet)
    assert text_of(stream.read_page(picture, hesitating(5, blocks_are_zeros=True))) == '257'


def test_digits_that_touch_are_cut():
    page = page_of('25', gap=-8)
    assert pieces.find_pieces((page < 0.5).astype(np.uint8)).area.size < 3
    assert read(page) == '25'


def test_broken_digits_are_put_together():
    five = draw_share('5', pen=5)  # its top bar is a stroke of its own
    five[26:29] = 0
    assert read(1 - five) == '5'
    four = np.zeros((120, 120), np.float32)
    four[20:65, 30:36] = four[60:66, 30:74] = 1
    four[20:105, 78:84] = 1  # the stem stands apart by four pixels
    assert read(1 - four) == '4'


@pytest.mark.parametrize('sign', ['point', 'dash', 'slash'])
def test_signs_between_digits_are_no_digits(sign):
    page = Image.fromarray(np.uint8(255 * page_of('22', gap=60)))
    draw = ImageDraw.Draw(page)
    line = {'point': (117, 104, 123, 110), 'dash': (104, 70, 136, 70), 'slash': (104, 130, 136, 14)}[sign]
    if sign == 'point':
        draw.ellipse(line, fill=0)
    else:
        draw.line(line, fill=0, width=8)
    assert read(page) == '22'


@pytest.mark.parametrize('kind', ['rules', 'bent rules', 'frame'])
def test_lines_are_no_ink_of_digits(kind):
    page = Image.fromarray(np.uint8(255 * page_of('2475')))
    draw = ImageDraw.Draw(page)
    for y in (18, 70, 128):
        if kind == 'rules':
            draw.line((0, y, page.width, y + 2), fill=90, width=2)
        elif kind == 'bent rules' and y != 70:
            draw.arc((-200, y, page.width + 200, y + 60), 200, 340, fill=60, width=2)
    if kind == 'frame':
        draw.rectangle((8, 8, page.width - 9, page.height - 9), outline=0, width=3)
    assert read(page) == '2475'


@pytest.mark.parametrize('kind', ['blank', 'noise', 'line along the edge', 'cell', 'blot', 'one pixel', 'strip'])
def test_no_digit(kind):
    rng = np.random.default_rng(0)
    picture = np.full((120, 120), 250, np.uint8)
    if kind == 'noise':
        picture = rng.integers(0, 256, (120, 120)).astype(np.uint8)
    elif kind == 'line along the edge':
        picture[:, :6] = 0
    elif kind == 'cell':
        picture[:5] = picture[-5:] = 0
        picture[:, :5] = picture[:, -5:] = 0
    elif kind == 'blot':
        picture[30:90, 20:100] = 40
    elif kind == 'one pixel':
        picture = np.zeros((1, 1), np.uint8)
    elif kind == 'strip':
        picture = np.full((3, 10000), 255, np.uint8)
    assert read(picture) == ''


def test_readers_share_batches_and_keep_their_order(tmp_path):
    paths = []
    for number, lines in enumerate([('24',), ('7',), ('25', '71')]):
        paths.append(str(tmp_path / f'{number}.png'))
        Image.fromarray(np.uint8(255 * page_of(*lines))).save(paths[-1])
    (tmp_path / 'bad.png').write_bytes(b'no picture')
    paths.insert(1, str(tmp_path / 'bad.png'))
    calls = []

    def counted(images):
        calls.append(len(images))
        return score(images)

    wanted = stream.Wanted(True, 'auto', 28, 28, 1)
    (chunk,) = stream.stream(paths, wanted, counted, n_workers=2)
    assert [len(picture.images) if not picture.error else 0 for picture in chunk] == [2, 0, 1, 4]
    assert [len(row) for row in chunk[3].page.rows] == [2, 2]
    alone = [stream.read_page(path, score) for path in paths if 'bad' not in path]
    assert [page.images.tobytes() for page in alone] == [
        picture.images.tobytes() for picture in chunk if not picture.error
    ]
    assert max(calls) > 1
    with pytest.raises(ImageError, match='bad.png'):
        stream.read_page(paths[1], score)


def test_what_was_left_out_is_measured():
    page = page_of('25')
    assert stream.read_page(page, score).left_out < 0.02


def test_nothing_is_asked_of_a_blank_page():
    with pytest.raises(StopIteration) as stopped:
        reading.read(np.full((60, 60), 200, np.uint8)).send(None)
    assert stopped.value.value.rows == []


def test_pieces_and_atoms_of_a_small_mask():
    mask = np.zeros((30, 60), np.uint8)
    mask[5:25, 4:8] = 1  # a bar
    mask[5:8, 20:50] = mask[22:25, 20:50] = mask[5:25, 20:23] = 1  # an open box
    found = pieces.find_pieces(mask)
    assert found.area.tolist() == [80, 2 * 90 + 20 * 3 - 2 * 9]
    assert (found.width.tolist(), found.height.tolist()) == ([4, 30], [20, 20])
    np.testing.assert_array_equal(found.mask(np.array([True, False])), mask * (np.arange(60) < 10))
    (row,) = rows.find_rows(found, np.ones(2, bool))
    atoms = rows.atoms(found, row)
    assert atoms[0][:4] == (4, 5, 8, 25) and {atom.group for atom in atoms} == {0, 1}
    assert sum(atom.area for atom in atoms) == mask.sum()


HOSTILE = {
    'blank': np.ones((300, 300), np.float32),
    'black': np.zeros((300, 300), np.float32),
    'noise': np.random.default_rng(0).random((400, 300)),
    'one pixel': np.zeros((1, 1), np.float32),
    'a long strip': np.random.default_rng(1).random((20, 10000)),
    'a high strip': np.ones((10000, 3), np.float32),
    '64 megapixels': np.broadcast_to(np.uint8(255), (8000, 8000)),
}


@pytest.mark.parametrize('name', HOSTILE)
def test_a_picture_of_nothing_holds_no_digit(name):
    assert stream.read_page(HOSTILE[name], score).rows == []


@pytest.mark.parametrize('letter', 'NWmA')
def test_a_letter_is_not_cut_into_digits(letter):
    image = Image.new('L', (160, 160), 255)
    ImageDraw.Draw(image).text((30, 20), letter, 0, ImageFont.load_default(100))
    assert read(image) == ''


def test_cloth_holds_no_digit():
    threads = np.random.default_rng(0).random((12, 12), np.float32)
    image = Image.fromarray(np.uint8(255 * threads)).resize((240, 240), Image.Resampling.BICUBIC)
    assert read(image) == ''
    assert not pieces.has_much_cut(pieces.find_pieces(np.zeros((40, 40), np.uint8)))


def test_a_stroke_by_a_ruler_between_upright_digits_is_a_slash():
    image = Image.fromarray(np.uint8(255 * page_of('27 45'.replace(' ', '2'))))
    middle = ImageDraw.Draw(image)
    middle.rectangle((30 + 2 * 85 - 10, 20, 30 + 2 * 85 + 72, 120), fill=255)
    middle.line((30 + 2 * 85 + 12, 108, 30 + 2 * 85 + 48, 32), 0, 8)
    assert read(image) == '2745'
