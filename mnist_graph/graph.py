"""The network as a TensorFlow 1 graph: placeholders, weights, layers, loss, train_step, accuracy.

This module only describes the computation. It opens no file and no session;
`train.py` runs what is built here. To follow it by hand:

    network = graph.build(HParams(), input_spec)
    with tf.Session(graph=network.graph) as sess:
        sess.run(network.initializer)
        sess.run(network.train_step, {network.X: images, network.Y: labels, network.keep_prob: 0.5})
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow.compat.v1 as tf

from mnist_graph.base import random_streams
from mnist_graph.base.errors import UsageError
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams
from mnist_graph.network import batch_norm, cnn
from mnist_graph.network.deskew import deskewed
from mnist_graph.network.distortion import distort
from mnist_graph.network.dropout import dropout_masks
from mnist_graph.network.loop import StepFunctions, TrainingLoop, add_training_loop
from mnist_graph.network.optimizers import Optimizer


class Network(NamedTuple):
    """Everything in the graph that a caller feeds, runs or looks at.

    Attributes:
      graph: The tf.Graph that holds all of it.
      X: Placeholder, float32 [batch, features] in [0, 1]: flattened pictures.
      Y: Placeholder, float32 [batch, classes]: one-hot labels.
      keep_prob: Placeholder, float32 []: chance that dropout keeps a unit; 1.0 to test.
      weights, biases: Trained variables by name: 'w1', 'w2', ..., 'out' and 'b1', ..., 'out'.
      averages: Their moving averages by variable name; empty without ema_decay.
      moments: `batch_norm.Moments` of each hidden layer; empty without batch_norm.
      output_layer: float32 [batch, classes]: logits.
      probabilities: float32 [batch, classes]: softmax of the logits.
      cross_entropy: float32 []: mean loss over the batch.
      correct_pred: bool [batch]: whether the likeliest class is the labelled one.
      accuracy: float32 []: fraction of the batch that is right.
      global_step: int64 variable: updates done so far.
      initializer: Operation that gives every variable its first value.
      learning_rate: float32 []: the rate of the next update.
      train_step: Operation: one update of weights, biases and global_step.
      loop: Many train_steps in one run; see `network/loop.py``.
    """

    graph: tf.Graph
    X: tf.Tensor
    Y: tf.Tensor
    keep_prob: tf.Tensor
    weights: dict[str, tf.Variable]
    biases: dict[str, tf.Variable]
    averages: dict[str, tf.Variable]
    moments: dict[str, batch_norm.Moments]
    output_layer: tf.Tensor
    probabilities: tf.Tensor
    cross_entropy: tf.Tensor
    correct_pred: tf.Tensor
    accuracy: tf.Tensor
    global_step: tf.Variable
    initializer: tf.Operation
    learning_rate: tf.Tensor | None = None
    train_step: tf.Operation | None = None
    loop: TrainingLoop | None = None

    def tested(self, variable: tf.Variable) -> tf.Variable:
        """What predictions use in the place of one of the weights or biases: its moving average, if there is one."""
        return self.averages.get(variable.op.name, variable)


ACTIVATIONS = {'linear': tf.identity, 'relu': tf.nn.relu, 'sigmoid': tf.nn.sigmoid, 'tanh': tf.nn.tanh}


def build(
    hparams: HParams,
    spec: InputSpec,
    n_steps: int | None = None,
    n_towers: int = 1,
    training: bool = True,
    fed_step: bool = True,
    teacher: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> Network:
    """Builds the whole graph.

    Args:
      hparams: The hyperparameters.
      spec: Shape of the pictures and number of classes.
      n_steps: Length of the training, for schedules; by default hparams.n_iterations.
      n_towers: Parts into which the loop splits each batch, to be computed at
        the same time; `train_step` itself is never split. 1 with batch_norm,
        which is about whole batches.
      training: False leaves out what only training needs: `train_step`,
        `learning_rate` and `loop` are None.
      fed_step: False leaves out `train_step` alone, where every step is to be
        the loop's: a graph that is built sooner.
      teacher: Adds to the graph what distillation_temperature needs: X to
        float32 [batch, classes], another network's logits.

    Raises:
      UsageError: n_steps is needed, as the length of n_epochs depends on the
        data; there is a teacher without a temperature or the reverse; or the
        pictures are too small for what is asked of them.
      ValueError: n_towers is more than 1 with batch_norm.
    """
    if training:
        _check_training(hparams, n_steps, n_towers, teacher)
    n_steps = n_steps or hparams.n_iterations
    graph = tf.Graph()
    with graph.as_default():
        X = tf.placeholder(tf.float32, [None, spec.n_features], name='X')
        Y = tf.placeholder(tf.float32, [None, spec.n_classes], name='Y')
        keep_prob = tf.placeholder(tf.float32, [], name='keep_prob')
        weights, biases = make_variables(hparams, spec)
        moments = batch_norm.make_moments(weights) if hparams.batch_norm else {}

        global_step = tf.train.get_or_create_global_step()
        step = tf.identity(global_step)
        optimizer = Optimizer(hparams, weights, biases, global_step, n_steps)
        masks = dropout_masks(hparams, tf.shape(X)[0], keep_prob, step)

        output_layer = layers(hparams, spec, X, *optimizer.tested_variables(), moments, masks)
        probabilities = tf.nn.softmax(output_layer, name='probabilities')
        cross_entropy = mean_cross_entropy(output_layer, Y)
        correct_pred = tf.equal(tf.argmax(output_layer, 1), tf.argmax(Y, 1), name='correct_pred')
        accuracy = tf.reduce_mean(tf.cast(correct_pred, tf.float32), name='accuracy')

        parts = dict(
            graph=graph,
            X=X,
            Y=Y,
            keep_prob=keep_prob,
            weights=weights,
            biases=biases,
            averages=optimizer.averages,
            moments=moments,
            output_layer=output_layer,
            probabilities=probabilities,
            cross_entropy=cross_entropy,
            correct_pred=correct_pred,
            accuracy=accuracy,
            global_step=global_step,
        )
        if not training:
            return Network(**parts, initializer=tf.global_variables_initializer())

        # Unless a recipe says otherwise, this is cross_entropy and nothing is distorted.
        def training_loss(X, Y, masks, step):
            output_layer = layers(hparams, spec, X, weights, biases, moments, masks, step)
            if hparams.distillation_temperature:
                return distillation_loss(output_layer, teacher(X), hparams.distillation_temperature)
            return mean_cross_entropy(output_layer, Y, hparams.label_smoothing)

        train_step = None
        if fed_step:
            with tf.name_scope('train'):
                distorted = distort(hparams, spec, X, step, n_steps)
                train_step = optimizer.minimize(training_loss(distorted, Y, masks, step), step)

        # train_step again, for many batches in one Session.run.
        with tf.name_scope('loop'):
            loop = add_training_loop(
                spec,
                hparams.batch_size,
                optimizer,
                n_towers,
                StepFunctions(
                    distort=lambda X, step: distort(hparams, spec, X, step, n_steps),
                    draw_masks=lambda n_rows, step: dropout_masks(hparams, n_rows, keep_prob, step),
                    loss=training_loss,
                ),
            )

        return Network(
            **parts,
            initializer=tf.global_variables_initializer(),
            learning_rate=optimizer.learning_rate(step),
            train_step=train_step,
            loop=loop,
        )


def _check_training(hparams: HParams, n_steps: int | None, n_towers: int, teacher: Callable | None) -> None:
    if hparams.n_epochs and n_steps is None:
        raise UsageError(
            f'n_epochs={hparams.n_epochs} is as many steps as the data set makes it; '
            f'give graph.build n_steps=train.total_steps(hparams, len(dataset.train)).'
        )
    if bool(hparams.distillation_temperature) != bool(teacher):
        raise UsageError(
            f'distillation_temperature={hparams.distillation_temperature:g}: a temperature above 0 needs a '
            f'teacher, and a teacher it; give graph.build teacher=distillation.load(...).logits.'
        )
    if hparams.batch_norm and n_towers > 1:
        raise ValueError(f'n_towers is {n_towers}: batch_norm needs the batch whole')


def make_variables(hparams: HParams, spec: InputSpec) -> tuple[dict[str, tf.Variable], dict[str, tf.Variable]]:
    """The dictionaries weights and biases.

    For three hidden layers: weights 'w1' [n_input, n_hidden1], 'w2', 'w3', 'out'
    [n_hidden3, n_classes], and biases 'b1', 'b2', 'b3', 'out'. A CNN has
    'conv1', 'conv2', 'conv3' before them in both.
    """
    shapes = cnn.filter_shapes(hparams, spec) if hparams.model == 'cnn' else {}
    n_input = cnn.n_features(hparams, spec) if hparams.model == 'cnn' else spec.n_features
    sizes = [n_input, *hparams.hidden_units, spec.n_classes]
    for number, shape in enumerate(zip(sizes, sizes[1:]), start=1):
        shapes['out' if number == len(sizes) - 1 else f'w{number}'] = list(shape)

    weights, biases = {}, {}
    for index, (name, shape) in enumerate(shapes.items()):
        with tf.name_scope('weights/'):  # the slash reopens the scope, rather than making weights_1
            weights[name] = tf.Variable(initial_weights(hparams, shape, index), name=name)
        with tf.name_scope('biases/'):
            first_bias = 0.1 if hparams.initializer == 'truncated_normal' else 0.0
            name = name.replace('w', 'b') if name.startswith('w') else name
            biases[name] = tf.Variable(tf.constant(first_bias, shape=shape[-1:]), name=name)
    return weights, biases


def initial_weights(hparams: HParams, shape: list[int], index: int) -> tf.Tensor:
    """First values of the weights numbered `index`, float32 of `shape` [..., fan_in, fan_out].

    truncated_normal: standard deviation 0.1, cut at two of them (the tutorial's).
    glorot_uniform: uniform in +-sqrt(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).
    he_normal: truncated normal, variance 2 / fan_in (He et al. 2015).
    """
    keys = random_streams.keys(hparams.seed, random_streams.INITIAL_WEIGHTS, index)
    receptive_field = math.prod(shape[:-2])
    fan_in, fan_out = shape[-2] * receptive_field, shape[-1] * receptive_field
    if hparams.initializer == 'glorot_uniform':
        limit = math.sqrt(6 / (fan_in + fan_out))
        return tf.random.stateless_uniform(shape, keys, -limit, limit)
    # Cutting a normal distribution at 2 deviations shrinks its own to 0.8796 of what it was.
    stddev = 0.1 if hparams.initializer == 'truncated_normal' else math.sqrt(2 / fan_in) / 0.87962566
    return tf.random.stateless_truncated_normal(shape, keys, stddev=stddev)


def layers(
    hparams: HParams,
    spec: InputSpec,
    X: tf.Tensor,
    weights: dict[str, tf.Variable],
    biases: dict[str, tf.Variable],
    moments: dict[str, batch_norm.Moments],
    masks: dict[str, tf.Tensor],
    step: tf.Tensor | None = None,
) -> tf.Tensor:
    """The network from pictures to logits.

    Args:
      X: float32 [batch, features] in [0, 1], or as `distort` leaves them.
      weights, biases: As `make_variables` makes them.
      moments: As `batch_norm.make_moments` makes them, or {}.
      masks: What dropout multiplies a layer by, as `dropout_masks` draws it.
      step: int64 []: updates so far, to train; None to test.

    Returns:
      output_layer: float32 [batch, classes].
    """
    activation = ACTIVATIONS[hparams.activation]
    layer = X
    if hparams.deskew:
        layer = deskewed(spec, layer, training=step is not None)
    if hparams.standardize:
        layer = (layer - spec.pixel_mean) / spec.pixel_std
    if hparams.model == 'cnn':
        layer = cnn.convolutions(spec, layer, activation, weights, biases, moments, step)
    for number in range(1, len(hparams.hidden_units) + 1):
        with tf.name_scope(f'layer_{number}'):
            layer = tf.matmul(layer, weights[f'w{number}'])
            if moments:
                layer = batch_norm.normalize(layer, moments[f'w{number}'], step)
            layer = activation(tf.nn.bias_add(layer, biases[f'b{number}']))
            if f'layer_{number}' in masks:
                layer = tf.multiply(layer, masks[f'layer_{number}'], name='layer_drop')
    with tf.name_scope('output_layer'):
        return tf.nn.bias_add(tf.matmul(layer, weights['out']), biases['out'])


def mean_cross_entropy(output_layer: tf.Tensor, Y: tf.Tensor, label_smoothing: float = 0.0) -> tf.Tensor:
    """float32 []: mean softmax cross-entropy of logits and one-hot labels.

    With label smoothing s, a label is 1 - s + s / classes at its class and
    s / classes elsewhere (Szegedy et al. 2016).
    """
    with tf.name_scope('cross_entropy'):
        if label_smoothing:
            Y = Y * (1.0 - label_smoothing) + label_smoothing / Y.shape[1]
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=Y, logits=output_layer))


def distillation_loss(output_layer: tf.Tensor, teacher_logits: tf.Tensor, temperature: float) -> tf.Tensor:
    """Cross-entropy with a teacher's probabilities, both softened by a temperature, float32 [].

    Its square as a factor keeps the gradients' size whatever it is (Hinton,
    Vinyals and Dean 2015).

    Args:
      output_layer, teacher_logits: float32 [batch, classes].
    """
    with tf.name_scope('distillation'):
        soft_labels = tf.stop_gradient(tf.nn.softmax(teacher_logits / temperature))
        return temperature**2 * mean_cross_entropy(output_layer / temperature, soft_labels)
