"""Makes a trained run the shipped reader: `mnist_graph/pretrained/`.

    python -m mnist_graph.main --flagfile=flags/pretrained.flags --model_dir=runs/pretrained
    python benchmarks/ship_reader.py runs/pretrained

Only the tested values are kept, and the last layer is divided by the
temperature that is best on the validation pictures.
"""

import sys

from mnist_graph import data
from mnist_graph.base import tensorflow
from mnist_graph.models import pretrained, saved_model


def main(folder: str, data_dir: str | None = None) -> None:
    tensorflow.import_tensorflow()
    with saved_model.load(folder) as model:
        described = model.description
        dataset = data.load('handwriting', data_dir, n_validation=described.hparams.n_validation)
        if dataset.fingerprint != described.fingerprint:
            sys.exit(f'{folder}: was trained on other data ({described.fingerprint}) than {dataset.fingerprint}.')
        found = pretrained.export(model, dataset.validation.images, dataset.validation.labels)
    print(f'Temperature {found:.3f}; SHA-256 of the weights {pretrained.sha256()}')


if __name__ == '__main__':
    main(*sys.argv[1:])
