"""The benchmark's network in mnist_graph itself, trained as `mnist_graph.main` trains it.

compare.py puts the package on the path; by hand, set PYTHONPATH=. at the repository's root.
Variant `default` is the package's loop; variant `feed` runs the graph's `train_step`
once for each batch that is fed, as the tutorials do.
"""

from common import DROPOUT_RATE, Outcome, run_peer, timed

import dataclasses

import numpy as np

from mnist_graph import data, evaluation, runtime
from mnist_graph.batch_order import BatchOrder
from mnist_graph.hparams import HParams

tf = runtime.import_tensorflow()  # before the modules that import it themselves

from mnist_graph import graph, train  # noqa: E402

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
        feed = {network.X: data.to_input(batch.images), network.Y: data.one_hot(batch.labels, 10)}
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
    n_threads = runtime.usable_cores()
    n_towers = runtime.share_cores(n_threads, hparams)
    network = graph.build(hparams, dataset.input_spec(), n_towers=n_towers)
    with runtime.open_session(network, n_threads, n_towers) as session:
        session.run(network.initializer)

        def run(first_step, steps):
            if settings.variant == 'feed':
                return feed_steps(network, session, hparams, dataset.train, first_step, steps)
            until = dataclasses.replace(hparams, n_iterations=first_step + steps)
            start = train.Progress(step=first_step)
            often = {'display_step': NEVER, 'save_steps': NEVER, 'n_threads': n_threads}
            return train.train(network, session, until, dataset, start=start, **often)

        run(0, settings.warmup)
        _, seconds = timed(run, settings.warmup, settings.steps)
        accuracy = evaluation.evaluate(network, session, dataset.test, n_threads).accuracy
    name = 'mnist_graph' if settings.variant == 'default' else f'mnist_graph_{settings.variant}'
    return Outcome(name, seconds, accuracy, f'tensorflow {tf.__version__}')


if __name__ == '__main__':
    run_peer(run_training, ['default', 'feed'], __doc__, load)
