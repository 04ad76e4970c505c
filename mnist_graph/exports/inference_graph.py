"""The graph that is exported: from pixels to probabilities, with nothing to feed but pictures.

What `predict` does at run time is part of it: dropout is gone (keep_prob is 1), weights are their moving averages,
batch normalization is put into them, pictures are deskewed and standardized, views (--tta) and several models are
averaged. All weights are constants, and the number of pictures is free.
"""

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow.compat.v1 as tf

from mnist_graph import graph
from mnist_graph.base.inputs import PIXEL_SCALE
from mnist_graph.exports import decoding
from mnist_graph.exports.pixels import Pixels
from mnist_graph.network import views
from mnist_graph.network.model import Model


class Outputs(NamedTuple):
    """What is computed of n pictures.

    Attributes:
      probabilities: float32 [n, classes], the mean over models and views.
      class_index: int64 [n]: the likeliest class.
      class_name: string [n]: its name; None in a graph that holds no texts.
    """

    probabilities: tf.Tensor
    class_index: tf.Tensor
    class_name: tf.Tensor | None


class InferenceGraph(NamedTuple):
    """A graph without variables.

    Attributes:
      graph: The tf.Graph.
      pixels: Placeholder, as `Pixels` says.
      outputs: Of the pixels.
      image_bytes: Placeholder, string [n]: the content of picture files; None in a graph that holds no texts.
      outputs_of_bytes: Of the picture files.
    """

    graph: tf.Graph
    pixels: tf.Tensor
    outputs: Outputs
    image_bytes: tf.Tensor | None = None
    outputs_of_bytes: Outputs | None = None


def build(
    members: Sequence[Model],
    class_names: Sequence[str],
    reads_digits: bool,
    pixels: Pixels = Pixels(),
    n_views: int = 1,
    with_texts: bool = False,
) -> InferenceGraph:
    """Builds the graph of one model, or of several that read alike.

    Args:
      members: As `constants.load` returns them.
      class_names: What each label stands for.
      reads_digits: Whether picture files are made into digits; else they are only resized.
      pixels: How pictures are fed.
      n_views: Slightly moved views of each picture to average over, 1 to 9.
      with_texts: Whether there are class names, and an input for picture files.
    """
    spec = members[0].spec
    inference = tf.Graph()
    with inference.as_default():
        with tf.name_scope('model'):
            constant = [_as_constants(model) for model in members]
            names = tf.constant([name.encode() for name in class_names]) if with_texts else None
        fed = tf.placeholder(tf.as_dtype(pixels.dtype), [None, *pixels.dimensions(spec)], name=pixels.name)
        X = tf.cast(fed, tf.float32) * PIXEL_SCALE if pixels.dtype == 'uint8' else fed
        if pixels.shape == 'image':
            X = tf.reshape(X, [-1, spec.n_features])
        outputs = _outputs(constant, X, n_views, names, '')
        if not with_texts:
            return InferenceGraph(inference, fed, outputs)
        image_bytes = tf.placeholder(tf.string, [None], name='image_bytes')
        X = decoding.pictures(image_bytes, spec, reads_digits)
        outputs_of_bytes = _outputs(constant, X, n_views, names, '_of_bytes')
        return InferenceGraph(inference, fed, outputs, image_bytes, outputs_of_bytes)


def _as_constants(model: Model) -> Model:
    """The model with tensors for its arrays, so that a graph which uses them twice holds them once."""
    groups = [
        {name: tf.constant(array, name=name) for name, array in group.items()}
        for group in (model.weights, model.biases)
    ]
    return model._replace(weights=groups[0], biases=groups[1])


def _outputs(members: Sequence[Model], X: tf.Tensor, n_views: int, names: tf.Tensor | None, suffix: str) -> Outputs:
    """What is computed of X, float32 [n, features], under the names that other programs ask for."""
    spec, name = members[0].spec, f'probabilities{suffix}'
    with tf.name_scope('inference'):
        if n_views > 1:
            images = tf.reshape(X, [-1, spec.height, spec.width, spec.channels])
            X = tf.reshape(views.make_views(images, n_views), [-1, spec.n_features])
        logits = [graph.inference(model, X, masks={}) for model in members]
    # No operation that only names another: OpenCV removes those, and their names with them.
    if len(logits) * n_views == 1:
        probabilities = tf.nn.softmax(logits[0], name=name)
    else:
        every = tf.stack([tf.reshape(tf.nn.softmax(each), [n_views, -1, spec.n_classes]) for each in logits])
        probabilities = tf.reduce_mean(every, axis=[0, 1], name=name)
    index = tf.argmax(probabilities, axis=1, name=f'class_index{suffix}')
    text = None if names is None else tf.gather(names, index, name=f'class_name{suffix}')
    return Outputs(probabilities, index, text)
