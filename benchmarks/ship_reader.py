"""Makes a trained run the shipped reader: `mnist_graph/pretrained/`.

    python -m mnist_graph.main --flagfile=flags/pretrained.flags --model_dir=runs/pretrained
    python benchmarks/ship_reader.py runs/pretrained
    python benchmarks/ship_reader.py runs/pretrained --data_dir=/path/to/mnist

Only the tested values are kept, and the last layer is divided by the
temperature that is best on the validation pictures.
"""

import argparse

import measure

from mnist_graph import data
from mnist_graph.base import tensorflow
from mnist_graph.models import pretrained, saved_model


def main() -> None:
    """Reads the command line, writes the model, and prints its temperature and SHA-256."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('folder', help='of the run')
    parser.add_argument('--data_dir', help='folder of MNIST; by default the cache folder, into which it is downloaded')
    arguments = parser.parse_args()
    tensorflow.import_tensorflow()
    with saved_model.load(arguments.folder) as model:
        described = model.description
        dataset = data.load('handwriting', arguments.data_dir, n_validation=described.hparams.n_validation)
        if dataset.fingerprint != described.fingerprint:
            raise measure.BenchmarkError(
                f'{arguments.folder}: was trained on other data ({described.fingerprint}) than {dataset.fingerprint}.'
            )
        found = pretrained.export(model, dataset.validation.images, dataset.validation.labels)
    print(f'Temperature {found:.3f}; SHA-256 of the weights {pretrained.sha256()}')


if __name__ == '__main__':
    measure.run_main(main)
