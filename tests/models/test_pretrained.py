"""The shipped reader: what it is said to be, and how good it is."""

import os

import numpy as np
import pytest

from helpers.programs import REPOSITORY
from helpers.reader import score
from helpers.small_model import digits_model
from mnist_graph import data
from mnist_graph.models import pretrained, saved_model
from mnist_graph.training import description, evaluation

CARD = (REPOSITORY / 'docs' / 'pretrained.md').read_text()
# A little less than the card says.
LEAST_ACCURACY = 0.9955


def test_the_card_names_these_weights():
    assert pretrained.is_there() and pretrained.sha256() in CARD


def test_tensorflow_finds_it(tf):
    folder = os.path.join(pretrained.FOLDER, 'checkpoints')
    assert tf.train.latest_checkpoint(folder) == os.path.join(folder, 'model.ckpt-0')


def test_it_is_small():
    files = [os.path.join(folder, name) for folder, _, names in os.walk(pretrained.FOLDER) for name in names]
    assert sum(map(os.path.getsize, files)) < 2_000_000


def test_it_is_what_its_recipe_trains():
    flags = (REPOSITORY / 'flags' / 'pretrained.flags').read_text().splitlines()
    described = description.read(pretrained.FOLDER)
    assert f'--n_epochs={described.hparams.n_epochs}' in flags
    assert f'--filters={",".join(map(str, described.hparams.filters))}' in flags
    assert f'--dataset={described.dataset}' in flags
    assert described.class_names == (*'0123456789', 'none') and described.data_dir == ''


def test_an_export_holds_every_number_once_and_reads_as_the_run_does(tmp_path):
    batch = np.random.default_rng(3).random((40, 28, 28, 1), np.float32)
    labels = np.arange(40) % 3
    folder = str(tmp_path / 'shipped')
    with saved_model.load(digits_model(ema_decay=0.9, batch_norm=True).model) as model:
        network, sess = model.members[0]
        expected = evaluation.logits(network, sess, batch, 1)
        temperature = pretrained.export(model, batch, labels, folder)
    with saved_model.load(folder) as exported:
        network, sess = exported.members[0]
        assert not network.averages and exported.description.hparams.ema_decay == 0
        np.testing.assert_allclose(evaluation.logits(network, sess, batch, 1), expected / temperature, atol=1e-4)
        n_values = sum(array.size for array in sess.run([*network.weights.values(), *network.biases.values()]))
    assert (
        os.path.getsize(os.path.join(folder, 'checkpoints', 'model.ckpt-0.data-00000-of-00001')) < 4 * n_values + 4000
    )


def test_an_export_replaces_an_earlier_one_of_the_same_temperature(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, 'temperature', lambda logits, labels: 1.0)
    batch, labels = np.zeros((3, 28, 28, 1), np.float32), np.arange(3)
    folder, outputs = str(tmp_path / 'shipped'), []
    for seed in (0, 1):
        with saved_model.load(digits_model(seed).model) as model:
            pretrained.export(model, batch, labels, folder)
            expected = model.probabilities(batch)
        with saved_model.load(folder) as exported:
            outputs.append(exported.probabilities(batch))
        np.testing.assert_allclose(outputs[-1], expected, atol=1e-5)
    assert not np.allclose(*outputs, atol=1e-3)


def test_the_best_temperature_of_overconfident_logits():
    # Right in three of four cases, and always as sure as one of 99: the odds must become 3.
    logits = np.tile([np.log(99.0), 0.0], (400, 1))
    labels = np.arange(400) % 4 == 3
    assert pretrained.temperature(logits, labels.astype(int)) == pytest.approx(np.log(99) / np.log(3), rel=0.02)


@pytest.mark.skipif(not os.environ.get('MNIST_DATA_DIR'), reason='needs MNIST_DATA_DIR')
def test_it_reads_mnist():
    test = data.load('mnist', os.environ['MNIST_DATA_DIR'], n_validation=0).test
    probabilities = np.concatenate([score(part[..., 0] / np.float32(255)) for part in np.split(test.images, 20)])
    assert (probabilities[:, :10].argmax(axis=1) == test.labels).mean() > LEAST_ACCURACY
    assert (probabilities.argmax(axis=1) == 10).mean() < 0.005
