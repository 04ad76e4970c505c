"""Learning from something softer than one-hot labels: a teacher's probabilities, or smoothed labels."""

import tensorflow.compat.v1 as tf


def distillation_loss(output_layer: tf.Tensor, teacher_logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Cross-entropy with a teacher's probabilities, both sides' logits divided by a temperature, float32 [].

    Multiplying by temperature squared keeps the gradients' size independent of
    the temperature (Hinton, Vinyals and Dean 2015).

    Args:
      output_layer, teacher_logits: float32 [batch, classes]; no gradient flows to the teacher.
      temperature: Above 0; the higher, the more alike the teacher's probabilities.
    """
    with tf.name_scope('distillation'):
        soft_labels = tf.stop_gradient(tf.nn.softmax(teacher_logits / temperature))
        losses = tf.nn.softmax_cross_entropy_with_logits_v2(labels=soft_labels, logits=output_layer / temperature)
        return temperature**2 * tf.reduce_mean(losses)


def smooth_labels(Y: tf.Tensor, label_smoothing: float) -> tf.Tensor:
    """Labels with some of their probability spread evenly over all classes, float32 [batch, classes].

    With label smoothing s, a label is 1 - s + s / classes at its class and
    s / classes elsewhere (Szegedy et al. 2016); s = 0 returns Y itself.
    """
    if not label_smoothing:
        return Y
    return Y * (1.0 - label_smoothing) + label_smoothing / Y.shape[1]
