"""A frozen graph: one file with TensorFlow 1's GraphDef, whose weights are constants.

The description is the constant `description` in the graph.
"""

import json

from mnist_graph.exports.formats import format
from mnist_graph.exports.formats.format import Exported, Reader


def write(exported: Exported, path: str) -> None:
    """Writes the file; see `format.Exported`."""
    graph_def = exported.inference.graph.as_graph_def()
    note = graph_def.node.add(name='description', op='Const')
    import tensorflow.compat.v1 as tf

    text = json.dumps(exported.description).encode()
    note.attr['dtype'].type = tf.string.as_datatype_enum
    note.attr['value'].tensor.CopyFrom(tf.make_tensor_proto(text, tf.string))
    with open(path, 'wb') as file:
        file.write(graph_def.SerializeToString())


def open_reader(path: str, exported: Exported) -> Reader:
    """Imports the file into a graph of its own."""
    import tensorflow.compat.v1 as tf

    graph_def = tf.GraphDef()
    with open(path, 'rb') as file:
        graph_def.ParseFromString(file.read())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(graph_def, name='')
    sess = tf.Session(graph=graph)
    return lambda pictures: sess.run('probabilities:0', {f'{exported.pixels.name}:0': pictures})


FORMAT = format.Format("TensorFlow 1's GraphDef in one .pb file, with constants for weights", '.pb', write, open_reader)
