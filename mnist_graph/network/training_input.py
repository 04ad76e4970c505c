"""What training changes in its pictures before the network sees them: augmentation and input dropout.

With the default hyperparameters nothing is added to the graph.
"""

import tensorflow.compat.v1 as tf

from mnist_graph.base import random_streams
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams
from mnist_graph.network import augmentation
from mnist_graph.network.dropout import dropout_mask


def training_input(hparams: HParams, spec: InputSpec, X: tf.Tensor, step: tf.Tensor, n_steps: int) -> tf.Tensor:
    """The pictures that training sees at `step`: augmented, with pixels dropped.

    Args:
      X: float32 [batch, features] in [0, 1].
      step: int64 []: updates so far.
      n_steps: Length of the training; --augment_taper is a fraction of it.

    Returns:
      float32 [batch, features], at most 1 / (1 - input_dropout); X itself if
      neither ingredient is on.
    """
    if hparams.augment:
        with tf.name_scope('augment'):
            strengths = augmentation.Augmentation(
                rotation=hparams.augment_rotation,
                scale=hparams.augment_scale,
                shear=hparams.augment_shear,
                shift=hparams.augment_shift,
                elastic_std=hparams.augment_elastic,
            )
            first_tapered = n_steps - int(hparams.augment_taper * n_steps)
            taper = tf.cast(step >= first_tapered, tf.float32)
            images = tf.reshape(X, [-1, spec.height, spec.width, spec.channels])
            X = tf.reshape(augmentation.augment(images, hparams.seed, step, strengths, taper), [-1, spec.n_features])
    if hparams.input_dropout:
        with tf.name_scope('input_dropout'):
            keys = random_streams.keys(hparams.seed, random_streams.INPUT_DROPOUT, step)
            X = X * dropout_mask(tf.shape(X)[0], spec.n_features, 1 - hparams.input_dropout, keys)
    return X
