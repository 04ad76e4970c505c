"""Converts a SavedModel to LiteRT; a program of its own, which `litert.py` runs.

python -P mnist_graph/exports/formats/convert_to_litert.py SAVED_MODEL OUTPUT float32|int8
"""

import sys


def main() -> None:
    """Reads the folder and writes the file that the command line names."""
    import tensorflow as tf

    folder, output, weights = sys.argv[1:]
    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=['serving_default'])
    if weights == 'int8':
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    with open(output, 'wb') as file:
        file.write(converter.convert())


if __name__ == '__main__':
    main()
