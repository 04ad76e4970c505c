"""One drawing on even paper is found at once, and everything else is left to a closer look."""

import cv2
import numpy as np
import pytest

from mnist_graph.pictures import extract, plain, reading


def drawing(paper=1.0, ink=0.0):
    """float32 [280, 280, 1]: a 3, away from the border."""
    share = np.zeros((280, 280), np.uint8)
    cv2.putText(share, '3', (70, 220), cv2.FONT_HERSHEY_SIMPLEX, 7, 255, 14, cv2.LINE_AA)
    return paper + (ink - paper) * (share[:, :, None] / np.float32(255))


@pytest.mark.parametrize(('paper', 'ink'), [(1.0, 0.0), (0.0, 1.0), (0.8, 0.5)])
def test_a_drawing_is_found_with_its_box(paper, ink):
    found = plain.find_drawing(drawing(paper=paper, ink=ink))
    x, y, width, height = cv2.boundingRect((drawing()[:, :, 0] < 0.5).astype(np.uint8))
    assert found is not None
    np.testing.assert_allclose(found.box, (x, y, x + width, y + height), atol=4)


@pytest.mark.parametrize('n_cut', [76, 82])
def test_a_drawing_may_reach_the_border(n_cut):
    found = plain.find_drawing(drawing()[:, n_cut:])
    assert found is not None
    np.testing.assert_allclose(found.box[::2], (0, 192 - n_cut), atol=4)


def test_the_digit_is_what_the_closer_look_finds():
    picture = drawing()
    quick, thorough = plain.find_drawing(picture), extract._figure(picture)
    np.testing.assert_allclose(extract.normalize_digit(quick.ink), extract.normalize_digit(thorough), atol=0.25)


def _with_line(picture):
    picture[140:142] = 0
    return picture


def _with_second(picture):
    picture[20:50, 20:60] = 0
    return picture


def _on_a_sheet(picture):
    ground = np.full((480, 480, 1), 0.3, np.float32)
    ground[100:380, 100:380] = picture
    return ground


def _in_lamplight(picture):
    return picture * np.linspace(0.7, 1, 280, dtype=np.float32)[None, :, None]


def _along_the_border(picture):
    picture[40:240, 4:24] = 0
    return picture[:, 10:]


def _with_underline(picture):
    picture[232:236, 40:220] = 0
    return picture


def _crossed_by_a_rule(_):
    share = np.zeros((280, 280), np.uint8)
    cv2.polylines(share, [np.int32([(90, 80), (190, 80), (130, 220)])], False, 255, 10, cv2.LINE_AA)
    picture = 1 - share[:, :, None] / np.float32(255)
    picture[140:142, 60:210] = 0
    return picture


def _stained(picture):
    picture[20:60, 200:260] = 0.8
    return picture


def _with_a_grey_edge(picture):
    picture[0, :100] = 0.8
    return picture


def _small(picture):
    small = np.ones((280, 280, 1), np.float32)
    small[100:170, 100:170] = cv2.resize(picture[70:230, 60:220], (70, 70), interpolation=cv2.INTER_AREA)[:, :, None]
    return small


@pytest.mark.parametrize(
    'change',
    [
        _with_line,
        _with_second,
        _on_a_sheet,
        _in_lamplight,
        _along_the_border,
        _with_underline,
        _crossed_by_a_rule,
        _stained,
        _with_a_grey_edge,
        _small,
    ],
)
def test_what_else_there_is_asks_for_a_closer_look(change):
    assert plain.find_drawing(change(drawing())) is None


def test_blank_paper_has_no_drawing():
    assert plain.find_drawing(np.ones((280, 280, 1), np.float32)) is None


def test_the_network_is_asked_once_about_a_plain_digit():
    asked = []
    reader = reading.read(drawing())
    images = next(reader)
    scores = np.eye(11)[[3]]
    with pytest.raises(StopIteration) as done:
        while True:
            asked.append(len(images))
            images = reader.send(scores)
    assert asked == [1]
    page = done.value.value
    assert page.is_clean and [len(row) for row in page.rows] == [1] and page.size == (256, 256)


def test_an_unsure_drawing_is_looked_at_more_closely():
    n_asked = 0
    reader = reading.read(drawing())
    images = next(reader)
    with pytest.raises(StopIteration):
        while True:
            n_asked += 1
            images = reader.send(np.full((len(images), 11), 1 / 11))
    assert n_asked > 1
