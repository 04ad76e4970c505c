"""ONNX, the Open Neural Network Exchange: one file that onnxruntime and many other programs read.

The description is in the file's metadata, under 'description'.
"""

import json
import os
import tempfile

from mnist_graph.exports.formats import converter, format
from mnist_graph.exports.formats.format import Exported, Reader


def write(exported: Exported, path: str) -> None:
    """Writes the file; see `format.Exported`."""
    with tempfile.TemporaryDirectory(prefix='mnist_graph_') as folder:
        graph, description = (os.path.join(folder, name) for name in ('graph.pb', 'description.json'))
        with open(graph, 'wb') as file:
            file.write(exported.inference.graph.as_graph_def().SerializeToString())
        with open(description, 'w', encoding='utf-8') as text:
            json.dump(exported.description, text)
        converter.run('convert_to_onnx.py', [graph, path, description, exported.pixels.name])


def open_reader(path: str, exported: Exported) -> Reader:
    """Loads the file with onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    return lambda pictures: session.run(['probabilities'], {exported.pixels.name: pictures})[0]


FORMAT = format.Format(
    'one file for onnxruntime and other programs that read ONNX',
    '.onnx',
    write,
    open_reader,
    modules=('tf2onnx', 'onnxruntime'),
    extra='onnx',
)
