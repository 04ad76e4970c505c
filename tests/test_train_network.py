"""Training a real network: that it learns, what is shown of it, and that stopping and going on changes nothing."""

import numpy as np
import pytest

from helpers.networks import assert_same_values, values_of
from helpers.small_training import TINY, Recorder
from mnist_graph.hparams import HParams
from mnist_graph.train import train
from mnist_graph.training import evaluation


def test_it_learns(session, dataset):
    hparams = HParams(
        hidden_units=(16, 8),
        batch_size=8,
        learning_rate=0.02,
        n_iterations=150,
        dropout=0,
        eval_steps=50,
        n_validation=15,
    )
    network, sess = session(hparams, dataset)
    before = evaluation.evaluate(network, sess, dataset.test)
    recorder = Recorder()
    result = train(network, sess, hparams, dataset, monitors=[recorder])
    after = evaluation.evaluate(network, sess, dataset.test)
    assert after.accuracy > 0.9 > before.accuracy and after.loss < before.loss / 2
    assert result.finished and result.validation.n == 15
    assert result.validation == evaluation.evaluate(network, sess, dataset.validation)
    _, step, validation, logits = recorder.events[-1]
    np.testing.assert_array_equal(logits, evaluation.logits(network, sess, validation.images))


def test_what_is_displayed_is_the_last_batch_without_dropout(session, dataset):
    network, sess = session(TINY, dataset)
    recorder = Recorder()
    train(network, sess, TINY, dataset, monitors=[recorder], display_step=40)
    from mnist_graph.training.batches import BatchOrder

    rows = BatchOrder(45, 8, TINY.seed).rows(39, 1)
    metrics = evaluation.evaluate(network, sess, dataset.train[rows])
    kind, step, loss, accuracy, rate = [event for event in recorder.events if event[0] == 'display'][-1]
    assert (step, rate) == (40, pytest.approx(0.02))
    assert loss == pytest.approx(metrics.loss, rel=1e-5) and accuracy == pytest.approx(metrics.accuracy)


def test_same_seed_same_weights(session, dataset):
    def trained(**changes):
        hparams = HParams(**{**TINY.to_dict(), **changes})
        network, sess = session(hparams, dataset)
        train(network, sess, hparams, dataset)
        return values_of(network, sess)

    one = trained()
    assert_same_values(one, trained())
    assert (one['weights/w1'] != trained(seed=1)['weights/w1']).any()


def test_stopping_anywhere_and_going_on_changes_nothing(session, dataset, tf):
    network, sess = session(TINY, dataset)
    whole = Recorder()
    train(network, sess, TINY, dataset, monitors=[whole], display_step=5, save_steps=7)
    expected = values_of(network, sess)
    for stop_at in (1, 9, 10, 23, 39):
        network, sess = session(TINY, dataset)
        before, after = Recorder(), Recorder()
        # A run ends where something is due: saving at stop_at makes it one of those steps.
        steps = []
        before.on_steps = steps.append
        stopped = train(
            network,
            sess,
            TINY,
            dataset,
            monitors=[before],
            display_step=5,
            save_steps=stop_at,
            should_stop=lambda: steps[-1:] == [stop_at],
        )
        assert stopped.progress.step == stop_at and not stopped.finished
        network, sess = session(TINY, dataset, values_of(network, sess))
        train(network, sess, TINY, dataset, start=stopped.progress, monitors=[after], display_step=5, save_steps=7)
        assert_same_values(values_of(network, sess), expected)
        for kind in ('display', 'validation'):
            both = [event for event in before.events + after.events if event[0] == kind]
            assert both == [event for event in whole.events if event[0] == kind]
