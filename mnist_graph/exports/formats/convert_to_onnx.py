"""Converts a frozen graph to ONNX; a program of its own, which `onnx.py` runs.

python -P mnist_graph/exports/formats/convert_to_onnx.py GRAPH OUTPUT DESCRIPTION INPUT
"""

import json
import sys

# Version of ONNX's operators, which onnxruntime has read since 1.14, of 2023.
OPSET = 18
OUTPUTS = ('probabilities', 'class_index')


def main() -> None:
    """Reads the files and writes the one that the command line names."""
    import onnx
    import tensorflow.compat.v1 as tf
    import tf2onnx

    source, output, description, fed = sys.argv[1:]
    graph_def = tf.GraphDef()
    with open(source, 'rb') as file:
        graph_def.ParseFromString(file.read())
    model, _ = tf2onnx.convert.from_graph_def(
        graph_def, input_names=[f'{fed}:0'], output_names=[f'{name}:0' for name in OUTPUTS], opset=OPSET
    )
    _rename(model.graph, {f'{name}:0': name for name in (fed, *OUTPUTS)})
    with open(description, encoding='utf-8') as file:
        described = json.load(file)
    onnx.helper.set_model_props(model, {'description': json.dumps(described), 'licence': described['licence']})
    model.doc_string = described['preprocessing']
    model.producer_name = described['producer']
    onnx.checker.check_model(model)
    onnx.save_model(model, output)


def _rename(graph, names) -> None:
    """Gives tensors names without TensorFlow's ':0'."""
    for tensor in (*graph.input, *graph.output):
        tensor.name = names.get(tensor.name, tensor.name)
    for node in graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(name, name) for name in tensors]


if __name__ == '__main__':
    main()
