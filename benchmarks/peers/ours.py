"""The benchmark's network in mnist_graph itself, trained as `mnist_graph.main` trains it.

compare.py puts the package on the path; by hand, set PYTHONPATH=. at the repository's root.
Variant `default` is the package's loop; variant `feed` runs the graph's `train_step`
once for each batch that is fed, as the tutorials do.
"""

import dataclasses
import struct
import tempfile

import numpy as np
from common import DROPOUT_RATE, Outcome, run_peer, timed

from mnist_graph import data
from mnist_graph.base import inputs, tensorflow
from mnist_graph.hparams import HParams
from mnist_graph.training import cores, evaluation
from mnist_graph.training.batches import BatchOrder

tf = tensorflow.import_tensorflow()  # before the modules that import it themselves

from mnist_graph import graph, train
from mnist_graph.training import monitor

NEVER = 100_000_000  # steps between two displays, saves or validations


def load(data_dir, n_pictures):
    """The package's own data set, cut to `n_pictures` for training, or read from files in which they are repeated."""
    dataset = data.load('mnist', data_dir, n_validation=0)
    if n_pictures is None or n_pictures <= len(dataset.train):
        return dataset._replace(train=dataset.train[:n_pictures])
    with tempfile.TemporaryDirectory() as folder:
        write_repeated(f'{folder}/train-images-idx3-ubyte', dataset.train.images[..., 0], n_pictures)
        write_repeated(f'{folder}/train-labels-idx1-ubyte', dataset.train.labels, n_pictures)
        write_repeated(f'{folder}/t10k-images-idx3-ubyte', dataset.test.images[..., 0], len(dataset.test))
        write_repeated(f'{folder}/t10k-labels-idx1-ubyte', dataset.test.labels, len(dataset.test))
        del dataset
        return data.load(data_dir=folder, n_validation=0)  # files that are mapped outlive their names


def write_repeated(path, values, n):
    """Writes an IDX file of `n` pictures or labels: `values`, again and again."""
    with open(path, 'wb') as file:
        file.write(struct.pack(f'>{1 + values.ndim}I', 2048 + values.ndim, n, *values.shape[1:]))
        for start in range(0, n, len(values)):
            file.write(values[: n - start].astype(np.uint8).tobytes())


def feed_steps(network, session, hparams, split, first_step, steps):
    """Runs `train_step` once for each batch, in the same order as the package's loop."""
    order = BatchOrder(len(split), hparams.batch_size, hparams.seed)
    for step in range(first_step, first_step + steps):
        batch = split[order.rows(step, 1)]
        feed = {network.X: inputs.to_input(batch.images), network.Y: inputs.one_hot(batch.labels, 10)}
        session.run(network.train_step, {**feed, network.keep_prob: 1 - hparams.dropout})


def run_training(dataset, settings):
    """Trains as `settings.variant` says: default or feed."""
    hparams = HParams(
        learning_rate=settings.learning_rate,
        n_iterations=settings.warmup + settings.steps,
        batch_size=settings.batch_size,
        dropout=DROPOUT_RATE,
        hidden_units=settings.hidden_units,
        n_validation=0,
        seed=settings.seed,
        eval_steps=NEVER,
    )
    n_threads = tensorflow.usable_cores()
    n_towers = cores.share_cores(n_threads, hparams)
    network = graph.build(hparams, dataset.input_spec(), n_towers=n_towers, fed_step=settings.variant == 'feed')
    with cores.open_session(network, n_threads, n_towers) as session:
        session.run(network.initializer)

        def run(first_step, steps):
            if settings.variant == 'feed':
                return feed_steps(network, session, hparams, dataset.train, first_step, steps)
            until = dataclasses.replace(hparams, n_iterations=first_step + steps)
            start = monitor.Progress(step=first_step)
            often = {'display_step': NEVER, 'save_steps': NEVER, 'n_threads': n_threads}
            return train.train(network, session, until, dataset, start=start, **often)

        run(0, settings.warmup)
        _, seconds = timed(run, settings.warmup, settings.steps)
        accuracy = evaluation.evaluate(network, session, dataset.test, n_threads).accuracy
    name = 'mnist_graph' if settings.variant == 'default' else f'mnist_graph_{settings.variant}'
    return Outcome(name, seconds, accuracy, f'tensorflow {tf.__version__}')


if __name__ == '__main__':
    run_peer(run_training, ['default', 'feed'], __doc__, load)
