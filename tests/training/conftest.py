"""What the tests of training share."""

import pytest

from helpers.networks import built, values_of
from helpers.saving import Saving
from helpers.small_training import TINY, described
from mnist_graph.train import train
from mnist_graph.training.run_folder import RunFolder


@pytest.fixture
def saving(tf, tmp_path):
    """A Saving that saves into a folder that is not there yet."""
    made = Saving(tf, tmp_path / 'checkpoints')
    yield made
    made.sess.close()


@pytest.fixture
def trained(tf, dataset):
    """Function (folder, ...) that trains in a RunFolder; returns (progress at its start, problems, final values)."""

    def run(folder, hparams=TINY, stop_after=None, resume=False, before=None, **options):
        network = built(hparams, dataset.input_spec(), 40)
        make = RunFolder.reopen if resume else RunFolder.create
        steps = []
        with (
            make(folder, described(hparams), options.pop('keep_checkpoints', 3)) as run,
            tf.Session(graph=network.graph) as sess,
        ):
            start, problems = run.attach(network, sess)
            if before:
                before(network, sess)
            run.on_steps = steps.append
            train(
                network,
                sess,
                hparams,
                dataset,
                start=start,
                monitors=[run],
                should_stop=lambda: stop_after is not None and bool(steps) and steps[-1] >= stop_after,
                **{'display_step': 5, 'save_steps': 10, **options},
            )
            return start, problems, values_of(network, sess)

    return run
