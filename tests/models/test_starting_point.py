"""--init_checkpoint and --trainable: what is taken over, what starts at random, what is refused, and exact resuming."""

import os
import shutil

import numpy as np
import pytest

from helpers.data import write_idx_folder
from mnist_graph.base.errors import UsageError
from mnist_graph.training import description
from mnist_graph.training.run_folder import find_checkpoint

NETWORK = ('--model=cnn', '--filters=2,3,2', '--hidden_units=5', '--batch_norm', '--standardize', '--ema_decay=0.9')
COMMON = (
    '--dropout=0',
    '--batch_size=20',
    '--learning_rate=0.02',
    '--n_validation=15',
    '--display_step=20',
    '--save_steps=20',
    '--notensorboard',
)
SOURCE = (*NETWORK, *COMMON, '--data_dir=data', '--n_iterations=60', '--model_dir=source')
TUNED = (*COMMON, '--init_checkpoint=source', '--ema_decay=0.9')


def values(tf, folder, step=None):
    """{name: array} of a run's checkpoint, by default the last."""
    prefix = (
        f'{folder}/checkpoints/model.ckpt-{step}' if step is not None else find_checkpoint(folder, 'last')[0].prefix
    )
    reader = tf.train.load_checkpoint(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.fixture
def source(entry_point):
    """Runs main after a model was trained in the folder source/, on the four classes of data/."""
    write_idx_folder('data')
    assert entry_point(*SOURCE).code == 0
    return entry_point


def test_everything_but_the_optimizer_is_taken_over(source, tf):
    """Averages and moments, too; and the standardization, whatever the new data look like."""
    write_idx_folder('other', n_train=40, seed=2)
    ended = source(*TUNED, '--data_dir=other', '--n_iterations=3', '--keep_checkpoints=9', '--model_dir=tuned')
    assert ended.code == 0 and 'step 60: all layers are taken over.\n' in ended.err
    old, first = values(tf, 'source'), values(tf, 'tuned', 0)
    for name, array in first.items():
        if name.startswith(('weights/', 'biases/')) and 'Adam' not in name:
            average = old['averages/' + name.replace('/', '_')]
            np.testing.assert_array_equal(array, average, err_msg=name)
            np.testing.assert_array_equal(first['averages/' + name.replace('/', '_')], average)
        elif name.startswith('moments/'):
            np.testing.assert_array_equal(array, old[name], err_msg=name)
        elif 'Adam' in name:
            assert not array.any(), name
    assert first['global_step'] == 0
    before, after = description.read('source'), description.read('tuned')
    assert after.input_spec == before.input_spec and after.hparams.hidden_units == (5,) and after.hparams.batch_norm


def test_it_reads_at_once_what_the_model_reads(source):
    """A warm start that loses the statistics of batch normalization reads nothing."""
    ended = source(*TUNED, '--data_dir=data', '--n_iterations=1', '--learning_rate=1e-9', '--model_dir=tuned')
    accuracy = lambda ended: [line for line in ended.out.splitlines() if line.startswith('Accuracy on test')]
    shutil.rmtree('source/best')
    before = source('--resume', '--model_dir=source')
    assert ended.code == before.code == 0 and accuracy(ended) == accuracy(before) != []
    assert float(accuracy(ended)[0].split()[-1]) > 0.6


def test_only_the_last_layer_is_trained(source, tf):
    ended = source(*TUNED, '--data_dir=data', '--trainable=last', '--n_iterations=20', '--model_dir=tuned')
    assert ended.code == 0
    first, last = values(tf, 'tuned', 0), values(tf, 'tuned')
    changed = {name for name in first if (first[name] != last[name]).any()}
    others = {name for name in changed if 'out' not in name and not name.endswith('_power')}
    assert others == {'global_step'} and {'weights/out', 'biases/out', 'averages/weights_out', 'global_step'} <= changed
    assert not [name for name in last if 'Adam' in name and 'out' not in name]


def test_other_classes_are_drawn_anew(source, tf):
    write_idx_folder('seven', n_train=70, n_classes=7)
    ended = source(*TUNED, '--data_dir=seven', '--n_iterations=2', '--model_dir=tuned')
    assert ended.code == 0
    assert (
        'the last layer starts with random weights, for 7 classes instead of 4.\n' in ended.err
        and ended.err.count('\n') == 1
    )
    first, old = values(tf, 'tuned', 0), values(tf, 'source')
    assert first['weights/out'].shape == (5, 7)
    np.testing.assert_array_equal(first['weights/w1'], old['averages/weights_w1'])


def test_classes_that_the_model_knows_are_kept(source, tf):
    write_idx_folder('two', n_train=40, n_classes=2)
    ended = source(*TUNED, '--data_dir=two', '--n_iterations=2', '--model_dir=tuned')
    assert ended.code == 0 and 'all layers are taken over, the last without 2 of its classes.\n' in ended.err
    np.testing.assert_array_equal(
        values(tf, 'tuned', 0)['weights/out'], values(tf, 'source')['averages/weights_out'][:, :2]
    )


@pytest.mark.parametrize('trainable', ['all', 'last'])
def test_resuming_is_exact_and_needs_no_model_to_start_from(source, tf, trainable):
    flags = (*TUNED, '--data_dir=data', f'--trainable={trainable}', '--augment')
    assert source(*flags, '--n_iterations=40', '--model_dir=whole').code == 0
    assert source(*flags, '--n_iterations=20', '--model_dir=halves').code == 0
    shutil.rmtree('source')
    ended = source('--resume', '--model_dir=halves', '--n_iterations=40')
    assert ended.code == 0, ended.err
    one, other = values(tf, 'whole'), values(tf, 'halves')
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize(
    'flags, code, message',
    [
        (['--init_checkpoint=nowhere'], 1, 'nowhere: holds no model'),
        (['--hidden_units=7'], 2, '--init_checkpoint={folder}: is another network (hidden_units: [5] -> [7]);'),
        (['--model=mlp'], 2, 'is another network (model: "cnn" -> "mlp");'),
        (['--nobatch_norm'], 2, 'is another network (batch_norm: true -> false);'),
        (['--data_dir=wide'], 2, 'reads pictures of 8x8x1, and the data set has 8x9x1; give another model.'),
        (['--init_checkpoint=source,source'], 2, 'a training starts from one model; give one folder.'),
    ],
)
def test_what_does_not_fit_is_refused(source, flags, code, message):
    import os

    write_idx_folder('wide', shape=(8, 9))
    ended = source(*TUNED, '--data_dir=data', '--model_dir=tuned', *flags)
    assert ended.code == code and ended.err.count('\n') == 1 and not os.path.exists('tuned')
    assert message.replace('{folder}', os.path.abspath('source')) in ended.err


def test_trainable_without_a_model_changes_nothing_that_makes_sense(source):
    ended = source(*COMMON, '--data_dir=data', '--trainable=last', '--n_iterations=1')
    assert '--trainable=last has no effect without --init_checkpoint' in ended.err


def test_a_sweep_may_search_over_it(source):
    pytest.importorskip('optuna')
    ended = source(
        *NETWORK,
        *(flag for flag in COMMON if 'step' not in flag),
        '--data_dir=data',
        '--n_iterations=3',
        '--learning_rate=1e-9',
        '--search=init_checkpoint=source,none',
        '--sweep_dir=swept',
        '--workers=1',
        name='sweep',
    )
    assert ended.code == 0, ended.err
    assert 'init_checkpoint=source' in ended.out and 'Best of 2 of 2 points' in ended.out
    assert '--init_checkpoint=source' in open('swept/best.flags').read()


def test_a_sweep_from_python_has_the_network_of_its_source(source, monkeypatch):
    from mnist_graph.sweeps import runner

    begun = []
    monkeypatch.setattr(
        runner, 'search', lambda store, choose_sweep, where, **options: begun.append(choose_sweep(None))
    )
    runner.run({'learning_rate': [0.01, 0.02]}, sweep_dir='swept', init_checkpoint='source', ema_decay=0.5)
    os.mkdir('runs')
    os.symlink('../source', 'runs/latest')
    runner.run({'init_checkpoint': ['runs/latest', '']}, sweep_dir='other')
    assert begun[1].space['init_checkpoint'].values == ('source', '')  # runs/latest may name another run soon
    base = begun[0].base
    assert (base.model, base.filters, base.hidden_units, base.ema_decay) == ('cnn', (2, 3, 2), (5,), 0.5)
    assert os.path.isabs(base.init_checkpoint)


def test_a_source_in_a_folder_with_a_comma_is_not_taken_for_two(source):
    from mnist_graph.sweeps import runner

    os.rename('source', 'a,b')
    with pytest.raises(UsageError, match="search=init_checkpoint: '.*a,b' holds a comma"):
        runner.run({'init_checkpoint': ['a,b', '']}, sweep_dir='swept')
    assert sorted(os.listdir()) == ['a,b', 'data']


def test_a_sweep_from_python_says_how_pictures_are_read(fresh_folder, monkeypatch):
    from mnist_graph.sweeps import runner

    found = []
    monkeypatch.setattr(runner, 'search', lambda store, choose_sweep, where, **options: found.append(where))
    runner.run({'learning_rate': [0.01, 0.02]}, sweep_dir='swept', pictures='digits', skip_bad_pictures=True)
    assert (found[0].pictures, found[0].skip_bad_pictures) == ('digits', True)
