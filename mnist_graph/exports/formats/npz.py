"""Weights and biases as an archive of NumPy arrays, for programs that compute the layers themselves.

The arrays have the names that they have in the graph, as `weights/w1`. They are those that predictions use: moving
averages, with batch normalization put into them. Of several models each has its own folder, `model_1/weights/w1`.
The description, a JSON text, is the array `description`.
"""

import json

import numpy as np

from mnist_graph.exports.formats import format
from mnist_graph.exports.formats.format import Exported, Reader


def write(exported: Exported, path: str) -> None:
    """Writes the file; see `format.Exported`."""
    arrays = {'description': np.array(json.dumps(exported.description))}
    for number, model in enumerate(exported.members, start=1):
        for group, of_group in (('weights', model.weights), ('biases', model.biases)):
            for name, array in of_group.items():
                arrays[f'{_prefix(exported, number)}{group}/{name}'] = array
    with open(path, 'wb') as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _prefix(exported: Exported, number: int) -> str:
    return f'model_{number}/' if len(exported.members) > 1 else ''


def open_reader(path: str, exported: Exported) -> Reader:
    """Puts the file's arrays in the place of the exported ones; a graph of this package computes with them."""
    import tensorflow.compat.v1 as tf

    from mnist_graph.exports import inference_graph

    with np.load(path, allow_pickle=False) as file:
        members = [
            model._replace(
                weights={name: file[f'{_prefix(exported, number)}weights/{name}'] for name in model.weights},
                biases={name: file[f'{_prefix(exported, number)}biases/{name}'] for name in model.biases},
            )
            for number, model in enumerate(exported.members, start=1)
        ]
    built = inference_graph.build(members, exported.description['classes'], False, exported.pixels)
    sess = tf.Session(graph=built.graph)
    return lambda pictures: sess.run(built.outputs.probabilities, {built.pixels: pictures})


FORMAT = format.Format(
    'weights and biases as NumPy arrays, without the computation',
    '.npz',
    write,
    open_reader,
    is_limited=False,
    computes=False,
)
