"""The shipped reader, which comes with the package: where it lies, and how a trained run is made into it."""

import dataclasses
import json
import os
import shutil

import numpy as np

from mnist_graph.training import checkpoint, description, evaluation, runs

NAME = runs.SHIPPED
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), NAME)


def is_there() -> bool:
    """Whether this copy of the package has the reader."""
    return os.path.isfile(os.path.join(FOLDER, description.FILENAME))


def temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """What logits must be divided by for their probabilities to be right as often as they say (Guo et al. 2017).

    Args:
      logits: float [n, classes], of pictures that were not trained on.
      labels: int [n].

    Returns:
      The temperature, in [0.5, 5], of the least mean cross-entropy.
    """
    candidates = np.geomspace(0.5, 5, 200)
    rows = np.arange(len(labels))
    losses = [-np.log(np.maximum(evaluation.softmax(logits / each)[rows, labels], 1e-12)).mean() for each in candidates]
    return float(candidates[int(np.argmin(losses))])


def export(model, images: np.ndarray, labels: np.ndarray, folder: str = FOLDER) -> float:
    """Writes a run with its last layer divided by the temperature, and its moving averages in place of its weights.

    So every number is stored once, and the description says that there are no averages (ema_decay is 0).

    Args:
      model: A `saved_model.SavedModel` of one run, whose variables get the new values, too.
      images, labels: Validation pictures; see `temperature`.
      folder: Where to; an earlier export there is replaced.

    Returns:
      The temperature.
    """
    import tensorflow.compat.v1 as tf

    (network, sess), described = model.members[0], model.description
    found = temperature(evaluation.logits(network, sess, images, 1), labels)
    layers = [(name, variable) for group in (network.weights, network.biases) for name, variable in group.items()]
    # All are read before the first is written, because a variable and its average are initialized from the same tensor.
    values = sess.run([network.tested(variable) for _, variable in layers])
    for (name, variable), value in zip(layers, values):
        sess.run(variable.initializer, {variable.initializer.inputs[1]: value / found if name == 'out' else value})
    with network.graph.as_default():
        averages = {variable.op.name for variable in network.averages.values()}
        kept = [variable for variable in tf.global_variables() if variable.op.name not in averages]
        saver = tf.train.Saver(kept, max_to_keep=0)
    os.makedirs(folder, exist_ok=True)
    # The averages are the weights now. Where it was trained says nothing to who uses it.
    hparams = dataclasses.replace(described.hparams, ema_decay=0.0)
    description.write(folder, described._replace(hparams=hparams, data_dir=''))
    checkpoints = os.path.join(folder, checkpoint.LAST)
    shutil.rmtree(checkpoints, ignore_errors=True)  # one of the same temperature would be left as it is
    checkpoint.save(sess, saver, checkpoints, 0, {'temperature': round(found, 4)}, keep=1)
    return found


def sha256() -> str:
    """Of the weights, as the model card states it."""
    with open(os.path.join(FOLDER, checkpoint.LAST, 'model.ckpt-0.json')) as file:
        return next(entry['sha256'] for name, entry in json.load(file)['files'].items() if '.data-' in name)
