"""LiteRT, which was called TensorFlow Lite: one file for telephones and small computers.

The description and the class names are a ZIP archive at the file's end, where LiteRT's own tools keep them, too:
`zipfile.ZipFile('model.tflite').read('description.json')`.
"""

import json
import os
import tempfile
import zipfile

from mnist_graph.base import tensorflow
from mnist_graph.exports.formats import converter, format, saved_model
from mnist_graph.exports.formats.format import Exported, Reader

DESCRIPTION, LABELS = 'description.json', 'labels.txt'


def write(exported: Exported, path: str) -> None:
    """Writes the file; see `format.Exported`."""
    with tempfile.TemporaryDirectory(prefix='mnist_graph_') as folder:
        source = os.path.join(folder, 'saved_model')
        saved_model.write(exported, source)
        converter.run('convert_to_litert.py', [source, path, 'int8' if exported.quantize else 'float32'])
    with zipfile.ZipFile(path, 'a') as archive:
        archive.writestr(DESCRIPTION, json.dumps(exported.description, indent=2))
        archive.writestr(LABELS, '\n'.join(exported.description['classes']) + '\n')


def open_reader(path: str, exported: Exported) -> Reader:
    """Loads the file with the interpreter of ai-edge-litert, which is not TensorFlow's."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path)
    fed = interpreter.get_input_details()[0]['index']
    signature = interpreter.get_signature_runner('serving_default')
    output = signature.get_output_details()['probabilities']['index']

    def read(pictures):
        interpreter.resize_tensor_input(fed, pictures.shape)
        with tensorflow.held_back_stderr():
            interpreter.allocate_tensors()
        interpreter.set_tensor(fed, pictures)
        interpreter.invoke()
        return interpreter.get_tensor(output)

    return read


FORMAT = format.Format(
    'one file for LiteRT (TensorFlow Lite), on telephones and small computers',
    '.tflite',
    write,
    open_reader,
    modules=('ai_edge_litert',),
    extra='litert',
    quantizes=True,
)
