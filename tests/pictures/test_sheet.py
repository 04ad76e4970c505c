"""Finding the sheet of paper in a picture that shows what it lies on, too."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from helpers.drawn_pictures import correlation, draw_picture
from helpers.reader import read
from mnist_graph.pictures import extract
from mnist_graph.pictures.sheet import find_sheet

REFERENCE = extract.picture_to_digit(draw_picture())


@pytest.mark.parametrize(
    'paper, desk', [((250, 240, 120), (90, 60, 40)), ((255, 255, 255), (20, 20, 20)), ((60, 60, 60), (200, 200, 200))]
)
def test_sheet_on_a_desk(paper, desk):
    ink = (255, 255, 255) if sum(paper) < 300 else (20, 20, 90)
    picture = Image.new('RGB', (240, 200), desk)
    picture.paste(draw_picture(paper=paper, ink=ink), (70, 40))
    assert correlation(extract.picture_to_digit(picture), REFERENCE) > 0.95


def test_sheet_that_lies_askew():
    picture = Image.new('RGB', (260, 240), (70, 50, 40))
    sheet = draw_picture().convert('RGBA').rotate(8, Image.Resampling.BICUBIC, expand=True)
    picture.paste(sheet, (60, 50), sheet)
    assert correlation(extract.picture_to_digit(picture), REFERENCE) > 0.95
    assert read(picture) == '2'


def test_the_outline_of_a_sheet_that_is_turned():
    picture = np.zeros((100, 120, 1), np.float32)
    corners = np.array([(20, 30), (95, 10), (110, 80), (35, 95)])
    cv2.fillConvexPoly(picture, corners, 1)
    picture[45:65, 60:66] = 0  # the writing
    outline = find_sheet(picture) * (119, 99)
    assert len(outline) == 4
    for corner in corners:
        assert np.linalg.norm(outline - corner, axis=1).min() < 4


@pytest.mark.parametrize('kind', ['blot', 'thick zero', 'small', 'empty'])
def test_what_is_no_sheet(kind):
    picture = Image.new('L', (100, 100))
    draw = ImageDraw.Draw(picture)
    if kind == 'blot':
        draw.rectangle((20, 20, 80, 80), fill=255)  # solid, but nothing is written on it
    elif kind == 'thick zero':
        draw.ellipse((20, 10, 80, 90), fill=255)
        draw.ellipse((42, 35, 58, 65), fill=0)
    elif kind == 'small':
        draw.rectangle((40, 40, 60, 60), fill=255)
        draw.rectangle((48, 45, 52, 55), fill=0)
    assert find_sheet(np.asarray(picture, np.float32)[..., np.newaxis] / 255) is None
