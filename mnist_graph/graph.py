"""The network as a TensorFlow 1 graph, in the tutorial's order, one function for each stage.

Nothing is computed here: `train.py` runs the graph, and `examples/by_hand.py` shows how to run it yourself.
The formulas of dropout, of the first weights and of their updates are in `network/`. So is everything that the
tutorial does not have, which is in the graph only if a hyperparameter asks for it.
"""

import functools

from mnist_graph import tf  # tensorflow.compat.v1, imported quietly
from mnist_graph.base.inputs import InputSpec
from mnist_graph.choices.activations import ACTIVATIONS
from mnist_graph.hparams import HParams
from mnist_graph.network import batch_norm, cnn
from mnist_graph.network.averages import make_averages
from mnist_graph.network.deskew import deskew_input
from mnist_graph.network.distillation import distillation_loss, smooth_labels
from mnist_graph.network.dropout import Masks, dropout_masks
from mnist_graph.network.initializers import initial_biases, initial_weights
from mnist_graph.network.loop import Placement, add_training_loop, gradients_in_towers
from mnist_graph.network.model import Model
from mnist_graph.network.network import Network, Teacher, check_trainable
from mnist_graph.network.training_input import training_input
from mnist_graph.network.updater import Updater

# 1. Placeholders: what is fed.


def placeholders(spec: InputSpec) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """X float32 [batch, features], Y float32 [batch, classes] and keep_prob float32 []; see `network/network.py`."""
    X = tf.placeholder(tf.float32, [None, spec.n_features], name='X')
    Y = tf.placeholder(tf.float32, [None, spec.n_classes], name='Y')
    keep_prob = tf.placeholder(tf.float32, [], name='keep_prob')
    return X, Y, keep_prob


# 2. Weights and biases: what is learned.


def make_model(hparams: HParams, spec: InputSpec) -> Model:
    """Makes the variables: weights and biases, and moving averages of them and of what batch normalization measures."""
    n_input, shapes = spec.n_features, {}
    if hparams.model == 'cnn':
        n_input, shapes = cnn.n_features(hparams, spec), cnn.filter_shapes(hparams, spec)
    sizes = [n_input, *hparams.hidden_units]
    for number, (fan_in, fan_out) in enumerate(zip(sizes, sizes[1:]), start=1):
        shapes[f'w{number}'] = [fan_in, fan_out]
    shapes['out'] = [sizes[-1], spec.n_classes]

    weights, biases = {}, {}
    for index, (name, shape) in enumerate(shapes.items()):
        with tf.name_scope('weights/'):  # with the slash it is the same scope again; without it, weights_1
            weights[name] = tf.Variable(initial_weights(hparams, shape, index), name=name)
        bias_name = name.replace('w', 'b')
        with tf.name_scope('biases/'):
            biases[bias_name] = tf.Variable(initial_biases(hparams, shape[-1]), name=bias_name)
    moments = batch_norm.make_moments(weights) if hparams.batch_norm else {}
    averages = make_averages([*weights.values(), *biases.values()]) if hparams.ema_decay else {}
    return Model(hparams, spec, weights, biases, moments, averages)


# 3. Inference: from pictures to logits.


def inference(model: Model, X: tf.Tensor, masks: Masks, step: tf.Tensor | None = None) -> tf.Tensor:
    """The layers of the network; returns output_layer, float32 [batch, classes]: logits, softmax's input.

    Args:
      model: The weights and biases.
      X: float32 [batch, features], as `Network.X` or as `training_input` returns it.
      masks: What `dropout_masks` returns; {} for no dropout.
      step: int64 []: updates so far, to train; None to predict.
    """
    hparams, spec, weights, biases, moments, _ = model
    activation = ACTIVATIONS[hparams.activation].function(tf)
    layer = deskew_input(spec, X, training=step is not None) if hparams.deskew else X
    if hparams.standardize:
        layer = (layer - spec.pixel_mean) / spec.pixel_std
    step = batch_norm.step_of(hparams, step)
    if hparams.model == 'cnn':
        layer = cnn.convolutions(spec, layer, activation, weights, biases, moments, step)
    for number in range(1, len(hparams.hidden_units) + 1):
        with tf.name_scope(f'layer_{number}'):
            layer = tf.matmul(layer, weights[f'w{number}'])
            if moments:
                layer = batch_norm.batch_normalize(layer, moments[f'w{number}'], step)
            layer = activation(tf.nn.bias_add(layer, biases[f'b{number}']))
            # Dropout as tf.nn.dropout does it: the mask is 0 for a dropped unit, and 1 / keep_prob for the others.
            if f'layer_{number}' in masks:
                layer = tf.multiply(layer, masks[f'layer_{number}'], name='layer_drop')
    with tf.name_scope('output_layer'):
        return tf.nn.bias_add(tf.matmul(layer, weights['out']), biases['out'])


# 4. Loss: what is measured, and what is minimised.


def mean_cross_entropy(output_layer: tf.Tensor, Y: tf.Tensor) -> tf.Tensor:
    """float32 []: mean softmax cross-entropy of logits with labels, both [batch, classes], in nats."""
    with tf.name_scope('cross_entropy'):
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=Y, logits=output_layer))


def training_loss(
    model: Model, step: tf.Tensor, teacher: Teacher | None, is_last: bool, X: tf.Tensor, Y: tf.Tensor, masks: Masks
) -> tf.Tensor:
    """The loss that training minimises, float32 [], of one part of the batch (a tower; see `n_towers` in `build`).

    Args:
      model: The weights and biases.
      step: int64 []: updates so far.
      teacher: The network to learn from; None to learn from Y, smoothed by `label_smoothing`.
      is_last: Whether this is the last tower, which alone updates the moving averages of batch normalization.
      X, Y: The rows of this tower, as `inference` and `mean_cross_entropy` take them.
      masks: As `inference` takes them.
    """
    output_layer = inference(model.for_tower(is_last), X, masks, step)
    if teacher:
        return distillation_loss(output_layer, teacher(X), model.hparams.distillation_temperature)
    return mean_cross_entropy(output_layer, smooth_labels(Y, model.hparams.label_smoothing))


# 5. Training: one step, which is the gradient of the loss and an update of the weights.


def training_step(
    model: Model,
    updater: Updater,
    keep_prob: tf.Tensor,
    teacher: Teacher | None,
    X: tf.Tensor,
    Y: tf.Tensor,
    step: tf.Tensor,
    towers: tuple[str, ...] = ('',),
) -> tuple[tf.Operation, tf.Tensor]:
    """One step with the mini-batch X, Y; returns train_step, an operation, and the training loss, float32 []."""
    with tf.name_scope('train'):
        X = training_input(model.hparams, model.spec, X, step, updater.n_steps)
        masks = dropout_masks(model.hparams, tf.shape(X)[0], keep_prob, step)
        loss = functools.partial(training_loss, model, step, teacher)
        gradients, batch_loss = gradients_in_towers(loss, (X, Y, masks), updater.variables, towers)
        return updater.apply_gradients(gradients, step), batch_loss


# 6. Evaluation: how many answers are right.


def evaluation(output_layer: tf.Tensor, Y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """probabilities float32 [batch, classes], correct_pred bool [batch] and accuracy float32 []; see `network/network.py`."""
    probabilities = tf.nn.softmax(output_layer, name='probabilities')
    correct_pred = tf.equal(tf.argmax(output_layer, 1), tf.argmax(Y, 1), name='correct_pred')
    accuracy = tf.reduce_mean(tf.cast(correct_pred, tf.float32), name='accuracy')
    return probabilities, correct_pred, accuracy


# 7. All of it together.


def build(
    hparams: HParams,
    spec: InputSpec,
    n_steps: int | None = None,
    n_towers: int = 1,
    training: bool = True,
    fed_step: bool = True,
    teacher: Teacher | None = None,
    placement: Placement | None = None,
) -> Network:
    """Builds the whole graph.

    Args:
      hparams: The hyperparameters.
      spec: The shape of the pictures and the number of classes.
      n_steps: Number of steps of the whole training, which schedules need; by default hparams.n_iterations.
      n_towers: Parts (towers) into which `loop` splits each batch, computed at the same time; `placement` has its own.
      training: False leaves out the training step and `loop`; dropout stays, so feed keep_prob=1.0.
      fed_step: False leaves out `train_step`, which is for feeding by hand; `loop` does not need it.
      teacher: With distillation_temperature, the network to learn from.
      placement: Which machine computes which part, to train on several machines.

    Raises:
      UsageError, ValueError: The pictures are too small, or an argument contradicts the hyperparameters.
    """
    graph = tf.Graph()
    placement = placement or Placement([''] * n_towers)
    with graph.as_default(), tf.device(placement):
        X, Y, keep_prob = placeholders(spec)
        model = make_model(hparams, spec)
        global_step = tf.train.get_or_create_global_step()
        masks = dropout_masks(hparams, tf.shape(X)[0], keep_prob, tf.identity(global_step))
        output_layer = inference(model.tested(), X, masks)
        cross_entropy = mean_cross_entropy(output_layer, Y)
        probabilities, correct_pred, accuracy = evaluation(output_layer, Y)
    network = Network(
        graph, X, Y, keep_prob, model, output_layer, probabilities, cross_entropy, correct_pred, accuracy, global_step
    )
    with graph.as_default(), tf.device(placement):
        if training:
            check_trainable(hparams, n_steps, len(placement.towers), teacher)
            network = add_training(network, n_steps or hparams.n_iterations, placement, fed_step, teacher)
        return network._replace(initializer=tf.global_variables_initializer())


def add_training(
    network: Network, n_steps: int, placement: Placement, fed_step: bool, teacher: Teacher | None
) -> Network:
    """Adds what training needs to the graph; returns the network with it. See `build` for the arguments."""
    model, step = network.model, tf.identity(network.global_step)
    updater = Updater(model, network.global_step, n_steps)
    one_step = functools.partial(training_step, model, updater, network.keep_prob, teacher)
    train_step, loss = one_step(network.X, network.Y, step) if fed_step else (None, None)
    loop = add_training_loop(model, updater, functools.partial(one_step, towers=placement.towers))
    rate = updater.learning_rate(step)
    return network._replace(learning_rate=rate, train_step=train_step, training_loss=loss, loop=loop)
