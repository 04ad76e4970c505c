"""The in-graph loop: the same as train_step taken one by one, however the steps are cut into runs."""

import math
import re

import numpy as np
import pytest

from helpers.data import tiny_dataset
from helpers.networks import assert_same_values, built, set_value, values_of
from mnist_graph.base.inputs import one_hot, to_input
from mnist_graph.hparams import HParams
from mnist_graph.training import cores
from mnist_graph.training.batches import BatchOrder

DATASET = tiny_dataset(n_train=45, n_validation=0)
SPEC = DATASET.input_spec()
EVERYTHING = {
    'input_dropout': 0.1,
    'label_smoothing': 0.1,
    'weight_decay': 0.01,
    'ema_decay': 0.9,
    'warmup_steps': 3,
    'learning_rate_schedule': 'cosine',
    'dropout_layers': 'all',
}
BATCH_SIZE = 8  # of 45 pictures: batches run across the ends of epochs


def hparams(**changes):
    return HParams(
        **{'hidden_units': (6, 5), 'batch_size': BATCH_SIZE, 'learning_rate': 0.01, 'n_iterations': 12, **changes}
    )


@pytest.fixture
def trained(tf):
    """Function of hyperparameters, the number of steps in each run of the loop, and the number of towers.

    An empty list of runs takes single train_steps with fed batches. Returns all
    variables after 12 steps, the last with `pictures_less` than a whole batch.
    """

    def train(hparams, runs=(), pictures_less=0, n_towers=1):
        network = built(hparams, SPEC, 12, n_towers)
        order = BatchOrder(len(DATASET.train), hparams.batch_size, hparams.seed)
        images, labels = DATASET.train.images.reshape(len(DATASET.train), -1), DATASET.train.labels
        keep_prob = 1 - hparams.dropout
        with cores.open_session(network, 2, n_towers) as sess:
            sess.run(network.initializer)
            done = 0
            for n_steps in runs or [0] * 12:
                rows = order.rows(done, n_steps or 1)
                if done + (n_steps or 1) == 12:
                    rows = rows[: -pictures_less or None]
                if n_steps:
                    reached, loss = sess.run(
                        [network.loop.steps_done, network.loop.last_loss],
                        {
                            network.loop.images: images[rows],
                            network.loop.labels: labels[rows],
                            network.keep_prob: keep_prob,
                        },
                    )
                    assert reached == done + n_steps and math.isfinite(loss)
                    done += n_steps
                else:
                    sess.run(
                        network.train_step,
                        {
                            network.X: to_input(images[rows]),
                            network.Y: one_hot(labels[rows], SPEC.n_classes),
                            network.keep_prob: keep_prob,
                        },
                    )
                    done += 1
            assert done == 12
            return values_of(network, sess)

    return train


@pytest.mark.parametrize(
    'changes',
    [
        {},
        EVERYTHING,
        {'optimizer': 'rmsprop', 'standardize': True},
        {'optimizer': 'momentum', 'activation': 'tanh'},
        {'optimizer': 'gradient_descent', 'hidden_units': ()},
    ],
    ids=['defaults', 'everything', 'rmsprop', 'momentum', 'bare'],
)
def test_loop_equals_fed_train_steps_to_the_bit(trained, changes):
    assert_same_values(trained(hparams(**changes), runs=[12]), trained(hparams(**changes)))


@pytest.mark.parametrize('deskew', [False, True])
def test_loop_equals_fed_train_steps_with_augmentation(trained, deskew):
    changes = {'augment': True, 'augment_taper': 0.5, 'deskew': deskew}
    one, other = trained(hparams(**changes), runs=[7, 5]), trained(hparams(**changes))
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-3, atol=2e-4, err_msg=name)
    without = trained(hparams(), runs=[12])
    assert np.abs(one['weights/w1'] - without['weights/w1']).max() > 0.01


CNN = {
    'model': 'cnn',
    'filters': (2, 3, 2),
    'hidden_units': (4,),
    'batch_norm': True,
    'standardize': True,
    'augment': True,
    'augment_taper': 0.5,
    'deskew': True,
    'ema_decay': 0.9,
}


@pytest.mark.parametrize('changes, n_towers', [(EVERYTHING, 1), (EVERYTHING, 2), (CNN, 1)], ids=['one', 'two', 'cnn'])
def test_the_number_of_steps_in_a_run_changes_nothing(trained, changes, n_towers):
    whole = trained(hparams(**changes), [12], n_towers=n_towers)
    for runs in ([1] * 12, [5, 7], [3, 1, 8]):
        assert_same_values(trained(hparams(**changes), runs, n_towers=n_towers), whole)


@pytest.mark.parametrize('n_towers', [2, 3])
def test_towers_compute_what_one_does_up_to_rounding(trained, n_towers):
    # 3 towers cannot share 8 rows equally: their shares must be weighed.
    one, several = (trained(hparams(**EVERYTHING), [12], n_towers=n) for n in (1, n_towers))
    for name in one:
        np.testing.assert_allclose(several[name], one[name], rtol=1e-3, atol=1e-5, err_msg=name)


@pytest.mark.parametrize('n_towers, expected', [(1, set()), (3, {'1', '2', '3'})])
def test_each_tower_is_there(n_towers, expected):
    network = built(hparams(), SPEC, 12, n_towers)
    # The body of a tf.while_loop is a function in the library of its graph.
    functions = network.graph.as_graph_def().library.function
    names = [node.name for function in functions for node in function.node_def]
    assert {found for name in names for found in re.findall(r'\btower_(\d+)/', name)} == expected


def test_no_step_begins_before_the_one_before_it_has_ended():
    """Its reads of the weights hang on nothing in the step before; they must not come before the update."""
    network = built(hparams(), SPEC, 12)
    loops = [
        operation for operation in network.graph.get_operations() if 'parallel_iterations' in operation.node_def.attr
    ]
    assert loops and {operation.get_attr('parallel_iterations') for operation in loops} == {1}


def test_the_loop_needs_no_fed_step(tf):
    from mnist_graph import graph

    values = []
    for fed_step in (True, False):
        network = graph.build(hparams(**EVERYTHING), SPEC, 12, fed_step=fed_step)
        assert (network.train_step is not None) == fed_step
        with cores.open_session(network, 1) as sess:
            sess.run(network.initializer)
            sess.run(
                network.loop.steps_done,
                {
                    network.loop.images: DATASET.train.images.reshape(45, -1),
                    network.loop.labels: DATASET.train.labels,
                    network.keep_prob: 0.5,
                },
            )
            values.append(sess.run({**network.weights, **network.averages}))
    assert_same_values(*values)


@pytest.mark.parametrize('n_rows', [1, 2, 5])  # fewer rows than towers leave some of them none
def test_a_short_batch_in_towers_weighs_rows_equally(tf, n_rows):
    from mnist_graph import graph

    bare = hparams(hidden_units=(), optimizer='gradient_descent', learning_rate=0.5)
    results = []
    for n_towers in (1, 2, 3):
        network = graph.build(bare, SPEC, 1, n_towers)
        with tf.Session(graph=network.graph) as sess:
            sess.run(network.initializer)
            rows = np.arange(n_rows)
            feeds = {
                network.loop.images: DATASET.train.images.reshape(45, -1)[rows],
                network.loop.labels: DATASET.train.labels[rows],
                network.keep_prob: 1.0,
            }
            steps, loss = sess.run([network.loop.steps_done, network.loop.last_loss], feeds)
            assert steps == 1
            results.append((loss, values_of(network, sess)['weights/out']))
    for loss, weights in results[1:]:
        assert loss == pytest.approx(results[0][0], rel=1e-6)
        np.testing.assert_allclose(weights, results[0][1], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize('n_towers', [0, 9])
def test_each_tower_needs_a_row(n_towers):
    from mnist_graph import graph
    from mnist_graph.network.loop import Placement

    with pytest.raises(ValueError, match='give 1 to 8, the rows of a batch'):
        graph.build(hparams(batch_size=8), SPEC, 12, n_towers=n_towers)
    with pytest.raises(ValueError, match='give 1 to 8, the rows of a batch'):
        graph.build(hparams(batch_size=8), SPEC, 12, placement=Placement([''] * n_towers))


def test_a_training_has_a_step():
    from mnist_graph import graph

    with pytest.raises(ValueError, match='n_steps is 0: give at least 1'):
        graph.build(hparams(), SPEC, n_steps=0)


@pytest.mark.parametrize('batch_norm', [False, True])
def test_conv_net_loop_equals_fed_train_steps(trained, batch_norm):
    changes = {'model': 'cnn', 'filters': (2, 3, 2), 'hidden_units': (4,), 'batch_norm': batch_norm}
    one, other = trained(hparams(**changes), runs=[7, 5]), trained(hparams(**changes))
    for name in one:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=1e-6, err_msg=name)


def test_short_last_batch(trained):
    """The loop takes what is left as a batch of its own."""
    one = trained(hparams(), runs=[12], pictures_less=3)
    assert one['global_step'] == 12
    assert_same_values(one, trained(hparams(), pictures_less=3))
    whole = trained(hparams(), runs=[12])
    assert (one['weights/w1'] != whole['weights/w1']).any()


def test_loop_stops_at_the_step_whose_loss_is_not_finite(tf):
    from mnist_graph import graph

    network = graph.build(hparams(hidden_units=(), batch_size=2), SPEC, 9)
    with tf.Session(graph=network.graph) as sess:
        sess.run(network.initializer)
        feeds = {
            network.loop.images: np.ones((18, 64), np.uint8),
            network.loop.labels: np.zeros(18, np.int32),
            network.keep_prob: 1.0,
        }
        assert sess.run(network.loop.steps_done, feeds) == 9
        set_value(sess, network.weights['out'], np.full((64, 4), np.nan))
        steps, loss = sess.run([network.loop.steps_done, network.loop.last_loss], feeds)
        assert steps == 10 and math.isnan(loss)


def test_no_pictures_no_steps(tf):
    from mnist_graph import graph

    network = graph.build(hparams(), SPEC, 9)
    with tf.Session(graph=network.graph) as sess:
        sess.run(network.initializer)
        before = values_of(network, sess)
        assert (
            sess.run(
                network.loop.steps_done,
                {
                    network.loop.images: np.zeros((0, 64), np.uint8),
                    network.loop.labels: np.zeros(0, np.int32),
                    network.keep_prob: 1.0,
                },
            )
            == 0
        )
        assert_same_values(before, values_of(network, sess))
