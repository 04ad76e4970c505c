"""What happens to a batch before and between the layers: distortion, deskewing and dropout.

With the defaults only `dropout_masks` adds anything to the graph.
"""

import tensorflow.compat.v1 as tf

from mnist_graph import augment, deskew, random_streams
from mnist_graph.data import InputSpec
from mnist_graph.hparams import HParams


def dropout_masks(hparams: HParams, n_rows, keep_prob: tf.Tensor, step: tf.Tensor) -> dict[str, tf.Tensor]:
    """What dropout multiplies each layer's units by: 0, or 1 / keep_prob for those kept.

    The scaling of the kept units leaves the layer's expected sum as it is
    (Srivastava et al. 2014, "inverted" dropout), so nothing changes for tests.

    Args:
      hparams: Which layers are dropped, and the seed.
      n_rows: int32 []: pictures in the batch.
      keep_prob: float32 []: chance that a unit is kept; at 1.0 all masks are 1.
      step: int64 []: updates so far; equal seed and step draw equal masks.

    Returns:
      {'layer_3': float32 [n_rows, units]}: one mask for each layer that
      dropout follows.
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


def distort(hparams: HParams, spec: InputSpec, X: tf.Tensor, step: tf.Tensor, n_steps: int) -> tf.Tensor:
    """The pictures that training sees at `step`: augmented, with pixels dropped.

    Args:
      X: float32 [batch, features] in [0, 1].
      step: int64 []: updates so far.
      n_steps: Length of the training, whose last part --augment_taper is about.

    Returns:
      float32 [batch, features], at most 1 / (1 - input_dropout); X itself if
      neither ingredient is on.
    """
    if hparams.augment:
        with tf.name_scope('augment'):
            strengths = augment.Augmentation(
                rotation=hparams.augment_rotation, scale=hparams.augment_scale, shear=hparams.augment_shear,
                shift=hparams.augment_shift, elastic_std=hparams.augment_elastic)
            first_tapered = n_steps - int(hparams.augment_taper * n_steps)
            taper = tf.cast(step >= first_tapered, tf.float32)
            images = tf.reshape(X, [-1, spec.height, spec.width, spec.channels])
            X = tf.reshape(augment.augment(images, hparams.seed, step, strengths, taper), [-1, spec.n_features])
    if hparams.input_dropout:
        with tf.name_scope('input_dropout'):
            keys = random_streams.keys(hparams.seed, random_streams.INPUT_DROPOUT, step)
            X = X * dropout_mask(tf.shape(X)[0], spec.n_features, 1 - hparams.input_dropout, keys)
    return X


def deskewed(spec: InputSpec, X: tf.Tensor, training: bool) -> tf.Tensor:
    """The pictures X made upright, float32 [batch, features]; see `deskew.py`."""
    images = tf.reshape(X, [-1, spec.height, spec.width, spec.channels])
    # Compiling pays in training only: a prediction is over too soon.
    return tf.reshape(deskew.deskew(images, compiled=None if training else False), [-1, spec.n_features])


def dropout_mask(n_rows, n_columns: int, keep_prob, keys: tf.Tensor) -> tf.Tensor:
    """float32 [n_rows, n_columns]: 1 / keep_prob with chance keep_prob, else 0.

    A random bit pattern of 32 bits decides two units, as drawing is slow; the
    chance is keep_prob to within 1 / 65536.
    """
    bits = tf.random.stateless_uniform([n_rows, (n_columns + 1) // 2], keys, None, None, tf.int32)
    halves = tf.reshape(tf.bitcast(bits, tf.uint16), [n_rows, -1])[:, :n_columns]
    return tf.cast(tf.cast(halves, tf.float32) < keep_prob * 65536.0, tf.float32) / keep_prob
