"""A small trained model in a folder, and the data and pictures that go with it, made once for all tests."""

import functools
import os
import pathlib
import tempfile
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from helpers.data import tiny_arrays, write_idx_folder
from mnist_graph import data, train
from mnist_graph.hparams import HParams
from mnist_graph.pictures import extract
from mnist_graph.training import description, run_folder

# Corners of the strokes on a square of 100; the ring of a 0 is drawn apart.
_LINES = {1: [(50, 5), (50, 95)], 2: [(10, 10), (90, 10), (10, 90), (90, 90)]}
N_WRONG_LABELS = 2


def picture(digit, side=100, pen=10, left=0, top=0, size=(140, 140)):
    """A PIL image of a 0, 1 or 2 in dark on white, `side` pixels high."""
    image = Image.new('L', size, 255)
    draw = ImageDraw.Draw(image)
    place = lambda x, y: (20 + left + x * side / 100, 20 + top + y * side / 100)
    if digit == 0:
        draw.ellipse([place(10, 0), place(90, 100)], outline=0, width=pen)
    else:
        draw.line([place(*corner) for corner in _LINES[digit]], 0, pen, joint='curve')
    return image


def row_of(*digits):
    """A PIL image of several digits side by side."""
    image = Image.new('L', (140 * len(digits), 140), 255)
    for number, digit in enumerate(digits):
        image.paste(picture(digit, side=80, pen=9), (140 * number, 0))
    return image


def save_digits(*digits, folder='.'):
    """Writes pictures 0.png, 1.png ... into a folder; returns their paths."""
    os.makedirs(folder, exist_ok=True)
    paths = [os.path.join(folder, f'{digit}.png') for digit in digits]
    for digit, path in zip(digits, paths):
        picture(digit).save(path)
    return paths


class Small(NamedTuple):
    """Folders of the model and of its data set; 45 test pictures, of which N_WRONG_LABELS have a wrong label."""

    model: str
    data: str


@functools.cache
def digits_model(seed=0, **hparams):
    """A model that reads the digits 0, 1 and 2 without a mistake."""
    random = np.random.default_rng(5)
    arrays = []
    for n in (105, 45):
        labels = (np.arange(n) % 3).astype(np.uint8)
        pictures = [
            extract.picture_to_digit(picture(label, random.integers(60, 100), random.integers(8, 14)))
            for label in labels
        ]
        arrays += [np.rint(np.stack(pictures) * 255).astype(np.uint8), labels]
    arrays[3][:N_WRONG_LABELS] = (arrays[3][:N_WRONG_LABELS] + 1) % 3
    return _trained(
        arrays,
        HParams(
            **{
                'hidden_units': (16,),
                'learning_rate': 0.01,
                'n_iterations': 60,
                'batch_size': 30,
                'eval_steps': 20,
                'n_validation': 15,
                'dropout': 0.0,
                'seed': seed,
                **hparams,
            }
        ),
    )


@functools.cache
def patterns_model():
    """A model of 8x8 pictures that are no digits."""
    return _trained(
        tiny_arrays(),
        HParams(hidden_units=(8,), learning_rate=0.01, n_iterations=30, batch_size=20, n_validation=0, dropout=0.0),
    )


def _trained(arrays, hparams):
    """Trains through the library, as `main` does."""
    from mnist_graph import graph
    from mnist_graph.base import tensorflow
    from mnist_graph.training import cores

    base = pathlib.Path(tempfile.mkdtemp(prefix='mnist_graph_test_'))
    data_dir = str(write_idx_folder(base / 'digits', arrays))
    dataset = data.load('auto', data_dir, hparams.n_validation)
    tf = tensorflow.import_tensorflow()
    described = description.describe(hparams, dataset, 'auto', data_dir, 1, tf.__version__)
    network = graph.build(hparams, described.input_spec)
    with run_folder.RunFolder.create(str(base / 'model'), described) as folder, cores.open_session(network, 1) as sess:
        progress, _ = folder.attach(network, sess)
        train.train(network, sess, hparams, dataset, start=progress, monitors=[folder], display_step=10, save_steps=30)
    return Small(os.path.join(base, 'model'), data_dir)
