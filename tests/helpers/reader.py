"""The shipped reader, loaded once for all tests."""

import functools

import numpy as np

from mnist_graph.base import tensorflow
from mnist_graph.models import pretrained, saved_model
from mnist_graph.pictures import stream


@functools.cache
def shipped():
    """The SavedModel; its session lives as long as the tests."""
    tensorflow.import_tensorflow()
    return saved_model.load(pretrained.FOLDER)


def score(images):
    return shipped().probabilities(images[..., np.newaxis])


def read(picture):
    """What is read in a picture: rows joined by '/', '' where there is no digit."""
    page = stream.read_page(picture, score)
    return '/'.join(''.join(str(int(digit.scores[:10].argmax())) for digit in row) for row in page.rows)
