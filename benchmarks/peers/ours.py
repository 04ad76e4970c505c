"""The benchmark's network in mnist_graph itself, trained as `mnist_graph.main` trains it.

compare.py puts the package on the path; by hand, set PYTHONPATH=. at the repository's root.
Variant `default` is the package's loop; variant `feed` runs the graph's `train_step`
once for each batch that is fed, as the tutorials do.
"""

import dataclasses

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


def load(data_dir, copies):
    """The package's own data set, all 60,000 for training, repeated `copies` times."""
    dataset = data.load('mnist', data_dir, n_validation=0)
    if copies > 1:
        images = np.concatenate([dataset.train.images] * copies)
        labels = np.concatenate([dataset.train.labels] * copies)
        dataset = dataset._replace(train=data.Split(images, labels))
    return dataset


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
