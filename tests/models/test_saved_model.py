"""Trained models rebuilt from their folders: averages over models and views, and what cannot be averaged."""

import json
import os
import pathlib
import shutil

import numpy as np
import pytest

from helpers.small_model import digits_model, patterns_model
from mnist_graph.base.errors import CheckpointError
from mnist_graph.models import pretrained, saved_model


def test_models_are_averaged():
    left, right = digits_model(), digits_model(seed=1)
    batch = np.random.default_rng(3).random((7, 28, 28, 1), np.float32)
    with (
        saved_model.load([left.model]) as one,
        saved_model.load([right.model]) as other,
        saved_model.load([f'{left.model},{right.model}']) as both,
    ):
        assert len(both.members) == 2
        mean = (one.probabilities(batch) + other.probabilities(batch)) / 2
        np.testing.assert_allclose(both.probabilities(batch), mean, rtol=1e-6)
        assert np.abs(one.probabilities(batch) - mean).max() > 1e-3


def test_one_folder_may_be_given_as_it_is(tmp_path):
    for model_dir in digits_model().model, pathlib.Path(digits_model().model):
        assert saved_model.find(model_dir).folders == [str(digits_model().model)]


def test_a_folder_named_as_the_shipped_reader_does_not_take_its_place(fresh_folder):
    shutil.copytree(digits_model().model, 'pretrained')
    assert saved_model.find('pretrained').folders == [pretrained.FOLDER]
    (own,) = saved_model.find('./pretrained').folders
    assert os.path.samefile(own, 'pretrained') and saved_model.find(own).folders == [own]


def test_models_of_different_pictures_are_not_averaged():
    with pytest.raises(CheckpointError, match='only like models'):
        saved_model.find([digits_model().model, patterns_model().model])


def test_models_that_see_pictures_otherwise_are_not_averaged(tmp_path):
    """One that gets digits made of them, and one that gets them as they are: which comes first would decide."""
    shutil.copytree(digits_model().model, tmp_path / 'other')
    path = tmp_path / 'other' / 'hparams.json'
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, 'reads_digits': not values['reads_digits']}))
    with pytest.raises(CheckpointError, match='in another way than .*; only like models'):
        saved_model.find([digits_model().model, str(tmp_path / 'other')])


def test_sessions_are_closed_where_a_later_model_fails(tmp_path, monkeypatch):
    from mnist_graph.training import cores

    shutil.copytree(digits_model().model, tmp_path / 'other')
    found = saved_model.find([digits_model().model, str(tmp_path / 'other')])
    shutil.rmtree(tmp_path / 'other' / 'checkpoints')
    opened, open_session = [], cores.open_session
    monkeypatch.setattr(cores, 'open_session', lambda *given: opened.append(open_session(*given)) or opened[-1])
    with pytest.raises(CheckpointError):
        saved_model.rebuild(found)
    assert len(opened) == 2
    for sess in opened:
        with pytest.raises(RuntimeError, match='closed Session'):
            sess.run([])


def test_views_are_averaged():
    batch = np.random.default_rng(3).integers(0, 256, (5, 28, 28, 1), np.uint8)
    with (
        saved_model.load([digits_model().model]) as plain,
        saved_model.load([digits_model().model], n_views=2) as twice,
    ):
        # The second view is the mean of the pixel and its neighbours half a pixel down and right.
        pixels = np.pad(batch / 255, ((0, 0), (0, 1), (0, 1), (0, 0)), mode='edge')
        moved = (pixels[:, :-1, :-1] + pixels[:, 1:, :-1] + pixels[:, :-1, 1:] + pixels[:, 1:, 1:]) / 4
        expected = (plain.probabilities(batch) + plain.probabilities(moved.astype(np.float32))) / 2
        np.testing.assert_allclose(twice.probabilities(batch), expected, atol=1e-4)
        assert twice.probabilities(batch[:0]).shape == (0, 3)
