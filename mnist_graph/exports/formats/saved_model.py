"""TensorFlow's SavedModel: a folder that TensorFlow, TensorFlow Serving and saved_model_cli read.

It has two signatures: serving_default, of pixels, and image_bytes, of the content of picture files. The description is
in assets.extra/description.json, the place for what others add to a SavedModel.
"""

import os

from mnist_graph.base import files, tensorflow
from mnist_graph.exports.formats import format
from mnist_graph.exports.formats.format import Exported, Reader

OF_BYTES = 'image_bytes'
DESCRIPTION = os.path.join('assets.extra', 'description.json')


def write(exported: Exported, path: str) -> None:
    """Writes the folder `path`, which must not exist; see `format.Exported`."""
    import tensorflow.compat.v1 as tf

    inference = exported.inference
    signatures = {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: _signature(tf, inference.pixels, inference.outputs)}
    if inference.image_bytes is not None:
        signatures[OF_BYTES] = _signature(tf, inference.image_bytes, inference.outputs_of_bytes)
    try:
        with tensorflow.only_errors_logged(), tf.Session(graph=inference.graph) as sess:
            builder = tf.saved_model.Builder(path)
            builder.add_meta_graph_and_variables(sess, [tf.saved_model.tag_constants.SERVING], signatures)
            builder.save()
    except tf.errors.OpError as error:  # a full disk; 'PATH; No space left on device'
        raise OSError(error.message.rpartition('; ')[2]) from None
    os.makedirs(os.path.join(path, os.path.dirname(DESCRIPTION)))
    files.write_json(os.path.join(path, DESCRIPTION), exported.description)


def _signature(tf, fed, outputs):
    """The SignatureDef of one input, whose key is its name, and of the outputs that there are."""
    named = {name: tensor for name, tensor in outputs._asdict().items() if tensor is not None}
    return tf.saved_model.build_signature_def(
        {fed.op.name: _tensor_info(tf, fed)},
        {name: _tensor_info(tf, tensor) for name, tensor in named.items()},
        tf.saved_model.signature_constants.PREDICT_METHOD_NAME,
    )


def _tensor_info(tf, tensor):
    """As `tf.saved_model.build_tensor_info`, which logs that it is deprecated."""
    return tf.TensorInfo(name=tensor.name, dtype=tensor.dtype.as_datatype_enum, tensor_shape=tensor.shape.as_proto())


def open_reader(path: str, exported: Exported) -> Reader:
    """Loads the folder as TensorFlow 2 does."""
    import tensorflow as tf

    with tensorflow.only_errors_logged():
        loaded = tf.saved_model.load(path)
    signature = loaded.signatures['serving_default']

    def read(pictures):
        assert loaded  # what a signature belongs to must live as long as it
        return signature(**{exported.pixels.name: tf.constant(pictures)})['probabilities'].numpy()

    return read


FORMAT = format.Format('a folder for TensorFlow and TensorFlow Serving', '', write, open_reader, has_texts=True)
