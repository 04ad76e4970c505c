"""Parts of `tensorflow.contrib` whose values are told by hand."""

import numpy as np
import pytest

from mnist_graph.compat import contrib, contrib_rnn

# Cross-entropies of two examples (rows) at three steps are chosen, and logits made that have them.
LOSSES = np.array([[0.5, 1.0, 2.0], [0.25, 3.0, 0.125]], np.float32)
WEIGHTS = np.array([[1.0, 1.0, 0.0], [1.0, 2.0, 1.0]], np.float32)
LOGITS = np.stack([np.zeros_like(LOSSES), np.log(np.expm1(LOSSES))], -1)
TARGETS = np.zeros((2, 3), np.int64)
WEIGHTED = LOSSES * WEIGHTS


@pytest.mark.parametrize(
    'options, expected',
    [
        ({}, WEIGHTED.sum() / 6),
        ({'average_across_batch': False}, WEIGHTED.sum(1) / [2, 4]),
        ({'average_across_timesteps': False}, WEIGHTED.sum(0) / [2, 3, 1]),
        ({'average_across_timesteps': False, 'average_across_batch': False}, WEIGHTED),
    ],
)
def test_sequence_loss(tf, options, expected):
    with tf.Graph().as_default(), tf.Session() as sess:
        loss = contrib_rnn.sequence_members(tf)['sequence_loss'](LOGITS, TARGETS, WEIGHTS, **options)
        np.testing.assert_allclose(sess.run(loss), expected, rtol=1e-5)


@pytest.mark.parametrize(
    'function, options, expected',
    [
        ('sequence_loss_by_example', {}, WEIGHTED.sum(1) / [2, 4]),
        ('sequence_loss_by_example', {'average_across_timesteps': False}, WEIGHTED.sum(1)),
        ('sequence_loss', {}, (WEIGHTED.sum(1) / [2, 4]).mean()),
        ('sequence_loss', {'average_across_batch': False}, (WEIGHTED.sum(1) / [2, 4]).sum()),
    ],
)
def test_legacy_sequence_losses(tf, function, options, expected):
    with tf.Graph().as_default(), tf.Session() as sess:
        steps = [list(np.moveaxis(array, 1, 0)) for array in (LOGITS, TARGETS, WEIGHTS)]
        loss = contrib_rnn.legacy_sequence_members(tf)[function](*steps, **options)
        np.testing.assert_allclose(sess.run(loss), expected, rtol=1e-5)


def test_an_argument_without_an_effect_is_refused(tf):
    with pytest.raises(TypeError, match='sum_over_batch'):
        contrib_rnn.sequence_members(tf)['sequence_loss'](LOGITS, TARGETS, WEIGHTS, sum_over_batch=True)


def test_hparams_are_parsed_as_what_they_are():
    parsed = contrib.HParams(deep=True, wide=False, rate=0.5, units=3).parse('deep=False,wide=1,rate=2,units=4')
    assert parsed.values() == {'deep': False, 'wide': True, 'rate': 2.0, 'units': 4}
    with pytest.raises(ValueError, match="'no' is neither true nor false"):
        parsed.parse('deep=no')
