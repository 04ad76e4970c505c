"""Dropout: the masks that hidden layers are multiplied by in training (Srivastava et al. 2014)."""

from collections.abc import Mapping

import tensorflow.compat.v1 as tf

from mnist_graph.base import random_streams
from mnist_graph.hparams import HParams

# {'layer_3': float32 [batch, units], ...}: what the units of some hidden layers are multiplied by.
Masks = Mapping[str, tf.Tensor]

_UINT16_VALUES = 65536.0


def dropout_masks(hparams: HParams, n_rows, keep_prob: tf.Tensor, step: tf.Tensor) -> Masks:
    """One mask for each layer that dropout follows: 0 for units dropped, 1 / keep_prob for units kept.

    Dividing by keep_prob ("inverted" dropout) keeps a layer's expected sum, so
    that predictions use the layer as it is.

    Args:
      hparams: Which layers are dropped, and the seed.
      n_rows: int32 []: pictures in the batch.
      keep_prob: float32 []: chance that a unit is kept; at 1.0 all masks are 1.
      step: int64 []: updates so far; equal seed and step draw equal masks.

    Returns:
      {'layer_3': float32 [n_rows, units], ...}
    """
    if hparams.dropout == 0 or not hparams.hidden_units:
        return {}
    n_layers = len(hparams.hidden_units)
    dropped = range(1, n_layers + 1) if hparams.dropout_layers == 'all' else [n_layers]
    masks = {}
    for layer in dropped:
        keys = random_streams.keys(hparams.seed, random_streams.DROPOUT, step, layer)
        masks[f'layer_{layer}'] = dropout_mask(n_rows, hparams.hidden_units[layer - 1], keep_prob, keys)
    return masks


def dropout_mask(n_rows, n_columns: int, keep_prob, keys: tf.Tensor) -> tf.Tensor:
    """float32 [n_rows, n_columns]: 1 / keep_prob with chance keep_prob, else 0.

    One random number of 32 bits decides two units, since drawing is slow; so the
    chance is keep_prob to within 1 / 65536.
    """
    bits = tf.random.stateless_uniform([n_rows, (n_columns + 1) // 2], keys, None, None, tf.int32)
    halves = tf.reshape(tf.bitcast(bits, tf.uint16), [n_rows, -1])[:, :n_columns]
    return tf.cast(tf.cast(halves, tf.float32) < keep_prob * _UINT16_VALUES, tf.float32) / keep_prob
