"""The numbers of a report, computed by hand: accuracy and its interval, mistakes, calibration, tables."""

import math

import numpy as np
import pytest

from helpers.small_model import digits_model
from mnist_graph.models import report, saved_model

#          label: 0          0          0          1          1          2
LABELS = np.array([0, 0, 0, 1, 1, 2])
PROBABILITIES = np.array(
    [
        [0.8, 0.1, 0.1, 0.0],
        [0.6, 0.3, 0.1, 0.0],
        [0.2, 0.7, 0.1, 0.0],
        [0.1, 0.9, 0.0, 0.0],
        [0.5, 0.4, 0.1, 0.0],
        [0.1, 0.0, 0.9, 0.0],
    ]
)
NAMES = ('0', '1', '2', '3')


@pytest.mark.parametrize(
    'n_right, n, low, high',
    [
        (8, 10, 0.490162, 0.943318),  # worked examples of the Wilson score interval at 95%
        (0, 10, 0.0, 0.277533),
        (10, 10, 0.722467, 1.0),
    ],
)
def test_wilson_interval(n_right, n, low, high):
    assert report.wilson_interval(n_right, n) == pytest.approx((low, high), abs=1e-6)


def test_wilson_interval_holds_the_fractions_that_are_not_rejected():
    # Its ends p are where the score test is at its limit: (f - p)^2 = z^2 p (1 - p) / n, f the observed fraction.
    for end in report.wilson_interval(9759, 10000):
        assert (0.9759 - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / 10000, rel=1e-5)


def test_report_by_hand():
    got = report.make(PROBABILITIES, LABELS, NAMES)
    assert (got.n, got.accuracy) == (6, 4 / 6)
    np.testing.assert_array_equal(got.confusion, [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(got.precision, [2 / 3, 1 / 2, 1, math.nan])
    np.testing.assert_allclose(got.recall, [2 / 3, 1 / 2, 1, math.nan])
    np.testing.assert_array_equal(got.support, [3, 2, 1, 0])
    assert got.loss == pytest.approx(-math.log(0.8 * 0.6 * 0.2 * 0.9 * 0.4 * 0.9) / 6)


def test_confusion_has_labels_as_rows():
    np.testing.assert_array_equal(report.confusion_matrix(np.array([0, 0]), np.array([1, 1]), 2), [[0, 2], [0, 0]])


def test_calibration_error_by_hand():
    # Of ten pictures at 0.9, seven are right: a gap of 0.2. Of ten at 0.6, six are right: no gap.
    confidences = np.repeat([0.9, 0.6], 10)
    probabilities = np.stack([confidences, 1 - confidences], axis=1)
    labels = np.array([0] * 7 + [1] * 3 + [0] * 6 + [1] * 4)
    assert report.calibration_error(probabilities, labels) == pytest.approx(0.1)


def test_calibration_bins_are_closed_above():
    # 0.6 = 9/15 ends its bin; 0.61 is in the next. The gaps -0.6 and +0.39 would cancel in one bin.
    probabilities = np.array([[0.6, 0.4], [0.61, 0.39]])
    assert report.calibration_error(probabilities, np.array([1, 0])) == pytest.approx((0.6 + 0.39) / 2)
    assert report.calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_worst_mistakes_come_first():
    np.testing.assert_array_equal(report.worst_mistakes(PROBABILITIES, LABELS, 5), [2, 4])
    np.testing.assert_array_equal(report.worst_mistakes(PROBABILITIES, LABELS, 1), [2])
    assert len(report.worst_mistakes(PROBABILITIES[[0, 3]], LABELS[[0, 3]], 5)) == 0


def test_tables():
    got = report.make(PROBABILITIES, LABELS, ('0', '1', 'two', '3'))
    assert report.class_table(got).splitlines() == [
        'Class  Precision  Recall  Support',
        '0         0.6667  0.6667        3',
        '1         0.5000  0.5000        2',
        'two       1.0000  1.0000        1',
        '3              -       -        0',
    ]
    assert report.confusion_table(got).splitlines() == [
        'Pictures of each label (row) by what was read (column); a dot is none.',
        '       Read as',
        'Label    0    1  two    3',
        '0        2    1    .    .',
        '1        1    1    .    .',
        'two      .    .    1    .',
        '3        .    .    .    .',
    ]


def test_first_layer_is_what_predictions_use():
    with saved_model.load([digits_model(ema_decay=0.5).model]) as model:
        network, sess = model.members[0]
        weight = network.weights['w1']
        got = model.first_layer()
        assert got.shape == (28, 28, 1, 16)
        np.testing.assert_array_equal(got.reshape(784, 16), sess.run(network.averages[weight.op.name]))
        assert np.abs(got.reshape(784, 16) - sess.run(weight)).max() > 0
