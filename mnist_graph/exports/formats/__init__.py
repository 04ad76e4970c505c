"""The formats that a trained model can be exported to, by the names that --format takes."""

from mnist_graph.exports.formats import frozen_graph, litert, npz, onnx, saved_model
from mnist_graph.exports.formats.format import Format

FORMATS: dict[str, Format] = {
    'saved_model': saved_model.FORMAT,
    'frozen_graph': frozen_graph.FORMAT,
    'litert': litert.FORMAT,
    'onnx': onnx.FORMAT,
    'npz': npz.FORMAT,
}
