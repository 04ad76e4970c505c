"""Trains on the drawn digits alone and reads MNIST's test set: how real are they?

The network is the tutorial's 784-512-256-128-10 with Adam, without dropout and
augmentation; MNIST serves for testing only. Prints one line for each seed (of the
weights and the order of the digits), then the recall of every digit and the commonest
mistakes of the last run.

    python benchmarks/drawn_transfer.py --data_dir=mnist --seeds=3
"""

import argparse

import measure
import numpy as np

from mnist_graph import data, drawn
from mnist_graph.base import files, tensorflow
from mnist_graph.drawn.dataset import DEFAULT_SEED
from mnist_graph.hparams import HParams
from mnist_graph.training import cores


def drawn_dataset(n_train, seed):
    """A `data.Dataset` of n_train drawn digits to train on and 10,000 to test with."""
    images, labels, test_images, test_labels = drawn.load_or_draw(files.cache_folder(), n_train, seed=seed)
    split = lambda images, labels: data.Split(images[..., np.newaxis], labels.astype(np.int32))
    return data.Dataset(
        'drawn',
        split(images, labels),
        split(images[:0], labels[:0]),
        split(test_images, test_labels),
        tuple('0123456789'),
        '',
    )


def train_and_read(hparams, digits, pictures):
    """Trains on `digits` (a Dataset); returns the accuracy on its test split and the logits of `pictures`."""
    tensorflow.import_tensorflow()
    from mnist_graph import graph, train
    from mnist_graph.training import evaluation

    n_threads = tensorflow.usable_cores()
    n_towers = cores.share_cores(n_threads, hparams)
    network = graph.build(hparams, digits.input_spec(), hparams.total_steps(len(digits.train)), n_towers)
    with cores.open_session(network, n_threads, n_towers) as sess:
        sess.run(network.initializer)
        train.train(network, sess, hparams, digits, n_threads=n_threads)
        on_drawn = evaluation.evaluate(network, sess, digits.test, n_threads).accuracy
        return on_drawn, evaluation.logits(network, sess, pictures, n_threads)


def print_mistakes(labels, guesses, n_commonest=8):
    """Recall of every digit, and the commonest (label read as guess) pairs with their counts."""
    confusion = np.zeros((10, 10), int)
    np.add.at(confusion, (labels, guesses), 1)
    recall = confusion.diagonal() / confusion.sum(axis=1)
    print('recall   ' + '  '.join(f'{digit}: {value:.1%}' for digit, value in enumerate(recall)))
    np.fill_diagonal(confusion, 0)
    commonest = np.argsort(confusion, axis=None)[::-1][:n_commonest]
    print('mistakes ' + '  '.join(f'{i // 10} read as {i % 10}: {confusion.flat[i]}' for i in commonest))


def main():
    """Runs the benchmark for each seed."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data_dir', required=True, help="folder of MNIST's four files")
    parser.add_argument(
        '--split',
        choices=('test', 'validation'),
        default='test',
        help='what to read: the test set, or the first 5,000 training images',
    )
    parser.add_argument('--seeds', type=int, default=1, help='how many runs')
    parser.add_argument('--epochs', type=int, default=5)
    parser.add_argument('--n_train', type=int, default=60000, help='drawn digits to train on')
    arguments = parser.parse_args()
    real = getattr(data.load('mnist', arguments.data_dir), arguments.split)
    digits = drawn_dataset(arguments.n_train, DEFAULT_SEED)
    accuracies = []
    for seed in range(arguments.seeds):
        hparams = HParams(
            learning_rate=1e-3,
            learning_rate_schedule='cosine',
            n_epochs=arguments.epochs,
            dropout=0.0,
            initializer='he_normal',
            seed=seed,
        )
        on_drawn, logits = train_and_read(hparams, digits, real.images)
        accuracies.append(float(np.mean(logits.argmax(axis=1) == real.labels)))
        print(
            f'seed {seed}: MNIST {arguments.split} {accuracies[-1]:.2%}, drawn test digits {on_drawn:.2%}', flush=True
        )
    print(f'mean {np.mean(accuracies):.2%} of {len(real):,} images')
    print_mistakes(real.labels, logits.argmax(axis=1))


if __name__ == '__main__':
    measure.run_main(main)
