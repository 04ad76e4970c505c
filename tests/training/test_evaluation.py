"""Evaluation: every picture once, whatever the batches, and metrics by hand."""

import math

import numpy as np
import pytest

from helpers.small_training import TINY
from mnist_graph.base.inputs import to_input
from mnist_graph.training import evaluation


def test_evaluation_covers_every_picture(session, dataset, monkeypatch):
    network, sess = session(TINY, dataset)
    whole = evaluation.logits(network, sess, dataset.test.images)
    assert whole.shape == (25, 4) and whole.dtype == np.float32
    by_hand = evaluation.metrics_of(whole, dataset.test.labels)
    for size, threads in ((7, 1), (5, 3), (1, 2), (100, 2)):
        monkeypatch.setattr(evaluation, 'BATCH_SIZE', size)
        np.testing.assert_allclose(evaluation.logits(network, sess, dataset.test.images, threads), whole, rtol=1e-5)
        metrics = evaluation.evaluate(network, sess, dataset.test, threads)
        assert (metrics.n, metrics.accuracy) == (25, by_hand.accuracy) and metrics.loss == pytest.approx(by_hand.loss)
    as_floats = dataset.test.images.astype(np.float32) / 255
    np.testing.assert_allclose(evaluation.logits(network, sess, as_floats), whole, rtol=1e-4, atol=1e-5)
    assert evaluation.logits(network, sess, dataset.test.images[:0]).shape == (0, 4)


def test_dropout_is_off(session, dataset):
    network, sess = session(TINY, dataset)
    feeds = {network.X: to_input(dataset.test.images)}
    by_hand, dropped = (sess.run(network.output_layer, {**feeds, network.keep_prob: kept}) for kept in (1.0, 0.5))
    assert (by_hand != dropped).any()
    np.testing.assert_allclose(evaluation.logits(network, sess, dataset.test.images), by_hand, rtol=1e-5)


def test_the_batches_are_shown_as_they_come(session, dataset, monkeypatch):
    network, sess = session(TINY, dataset)
    monkeypatch.setattr(evaluation, 'BATCH_SIZE', 10)
    shown = []

    def show(batches, total):
        shown.append(total)
        for batch in batches:
            shown.append(len(batch))
            yield batch

    got = evaluation.logits(network, sess, dataset.test.images, show=show)
    assert shown == [3, 10, 10, 5]
    np.testing.assert_allclose(got, evaluation.logits(network, sess, dataset.test.images), rtol=1e-5)


def test_metrics_by_hand():
    logits = np.float32([[1, 2], [3, 1], [1000, -1000]])
    metrics = evaluation.metrics_of(logits, np.int32([1, 0, 1]))
    assert metrics.n == 3 and metrics.accuracy == pytest.approx(2 / 3)
    assert metrics.loss == pytest.approx((math.log(1 + math.exp(-1)) + math.log(1 + math.exp(-2)) + 2000) / 3)
    empty = evaluation.metrics_of(np.zeros((0, 2)), np.zeros(0, int))
    assert empty.n == 0 and math.isnan(empty.loss) and math.isnan(empty.accuracy)


def test_softmax_by_hand():
    got = evaluation.softmax(np.float32([[0, math.log(3)], [1e4, 0]]))
    np.testing.assert_allclose(got, [[0.25, 0.75], [1, 0]], rtol=1e-6)
    assert got.dtype == np.float64
