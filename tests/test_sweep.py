"""The sweep command: its errors, small sweeps with one worker from beginning to end, and the call from Python."""

import hashlib
import os
import re

import pytest

from helpers.programs import REPOSITORY, run_python
from helpers.small_sweep import TINY, results
from mnist_graph.base.lock import FolderLock
from mnist_graph.training.checkpoint import find


@pytest.fixture
def sweep(entry_point):
    """Call it with flags to run the sweep command in this process."""
    return lambda *arguments: entry_point(*arguments, name='sweep')


@pytest.mark.parametrize(
    'flags, message',
    [
        (['--serch=dropout=0,0.1'], r'Unknown flag --serch\. Did you mean --search\?'),
        (
            ['--search=learning_rat=1e-3,1e-4'],
            r'Unknown flag --learning_rat to search\. Did you mean --learning_rate\?',
        ),
        (['--search=learning_rate=0.1,20'], r'learning_rate=20\.0: must be a number above 0 and at most 10'),
        (['--search=dropout=0,0.1', '--batch_size=0'], r'batch_size'),
        (['--search=dropout=0,0.1', '--dropout=0.5'], r'--dropout is both fixed and searched'),
        (['--search=dropout=0:0.5', '--sampler=grid'], r'a grid cannot be made over a range'),
        (['--search=dropout=0:0.5'], r'--sampler=tpe needs --n_trials'),
        (['--search=dropout=0:0.5', '--n_trials=0'], r'n_trials'),
        (['--search=dropout=0,0.1', '--pruner=some'], r'pruner'),
        ([], r'There is nothing to search'),
        (['--search=dropout=0,0.1', 'runs'], r"Unexpected argument 'runs'"),
        (['--search=dropout=0,0.1', '--n_validation=0'], r'ranked by their accuracy on validation images'),
        (['--resume'], r'--resume needs --sweep_dir'),
        (['--report'], r'--report needs --sweep_dir'),
        (['--report', '--resume', '--sweep_dir=x'], r'give one of them'),
        (['--resume', '--sweep_dir=nowhere'], r'nowhere: there is no such folder'),
        (['--report', '--sweep_dir=nowhere'], r'nowhere: holds no sweep yet'),
        (['--storage=postgresql://h/d', '--search=dropout=0,0.1'], r'--storage and --study belong together'),
        (['--study=a', '--search=dropout=0,0.1'], r'--storage and --study belong together'),
        (['--storage=sqlite:///a.db', '--study=a', '--search=dropout=0,0.1'], r'must be postgresql://'),
        (['--flagfile=nowhere.flags'], r'nowhere\.flags'),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(sweep, flags, message):
    ended = sweep(*flags)
    assert ended.code == 2
    assert re.fullmatch(rf'mnist_graph: .*{message}.*\n', ended.err), ended.err


@pytest.mark.parametrize(
    'address',
    [
        'postgresql://me:s3cret@127.0.0.1:1/db',
        'postgresql://me:s3@cret@127.0.0.1:1/db',
        'postgresql://me:s3/cret@h/db',
        'postgresql://me:%zzs3cret@h/db',
        'postgresql://me:{s3cret}@127.0.0.1:1/db',
        'postgres://me:s3cret@127.0.0.1:x/db',
    ],
)
def test_an_unreachable_database_is_one_line_without_the_password(sweep, address):
    pytest.importorskip('psycopg')
    ended = sweep(f'--storage={address}', '--study=a', '--search=dropout=0,0.1')
    assert ended.code == 2 and re.fullmatch(r'mnist_graph: postgresql://\S*: cannot be reached \(.*\)\.\n', ended.err)
    assert 's3' not in ended.err and 'cret' not in ended.err


def test_a_folder_in_use(sweep, fresh_folder):
    lock = FolderLock('here')
    ended = sweep('--search=dropout=0,0.1', '--sweep_dir=here')
    lock.release()
    assert (ended.code, ended.err) == (
        2,
        f'mnist_graph: here: is in use by process {os.getpid()}; wait for it or give another folder.\n',
    )


def test_importing_the_module_defines_no_flag_and_imports_no_tensorflow(fresh_folder):
    ended = run_python(
        '-c',
        'import sys, mnist_graph.sweep, mnist_graph.sweeps.runner; from absl import flags; '
        'print("tensorflow" in sys.modules, "learning_rate" in flags.FLAGS)',
        folder=fresh_folder,
    )
    assert ended.out == 'False False\n'


def weights_sha256(model_dir, tf):
    """As `trainer.weights_sha256`, from a run's last checkpoint."""
    reader = tf.train.load_checkpoint(find(os.path.join(model_dir, 'checkpoints'))[0].prefix)
    digest = hashlib.sha256()
    for kind in ('weights', 'biases'):
        for key in sorted(key for key in reader.get_variable_to_shape_map() if re.fullmatch(rf'{kind}/\w+', key)):
            value = reader.get_tensor(key)
            digest.update(f'{key} {value.dtype} {value.shape}\n'.encode() + value.tobytes())
    return digest.hexdigest()


def test_a_sweep_from_beginning_to_the_winner_again(sweep, entry_point, data_dir, fresh_folder, tf):
    """One worker: two points, one that diverges; its report; main with best.flags; more of the same."""
    flags = [
        '--search=learning_rate=0.01,10',
        '--optimizer=gradient_descent',
        '--activation=linear',
        '--workers=1',
        *TINY,
        f'--data_dir={data_dir}',
        '--sweep_dir=lr',
    ]
    ended = sweep(*flags)
    assert ended.code == 0, ended.err
    folder = fresh_folder / 'lr'
    lines = results(folder)
    assert lines['0']['state'] == 'complete' and lines['0']['rank'] == '1'
    assert lines['1']['state'] == 'failed' and 'The loss became' in lines['1']['reason']
    assert 'failed: The loss became' in ended.out and re.search(
        r'test set \(data\), read for it alone: [01]\.\d{4}', ended.out
    )
    again = 'python -m mnist_graph.main --flagfile=lr/best.flags'
    assert ended.out.endswith(
        f'Train it again with\n{again}\n'
        f'Train it 10 times as long, on all cores, with\n{again} --n_iterations=400 --num_threads=0\n'
    )
    assert len(list((folder / 'tensorboard').glob('trial-*/events.*'))) == 2
    # It is reported again without a worker; so it is when the same command finds nothing left to do.
    n_logs = len(list((folder / 'logs').iterdir()))
    report = sweep('--sweep_dir=lr', '--report')
    assert report.code == 0 and report.out == ended.out[ended.out.index('\n\n') + 1 :]
    assert sweep(*flags).out == report.out and len(list((folder / 'logs').iterdir())) == n_logs
    # Looking changes nothing.
    journal = (folder / 'journal.log').read_bytes()
    sweep('--sweep_dir=lr', '--report')
    assert (folder / 'journal.log').read_bytes() == journal
    # A different sweep is refused.
    other = sweep('--sweep_dir=lr', '--resume', '--n_iterations=41')
    assert other.code == 2 and '--n_iterations: 40 -> 41' in other.err
    # main makes the winner's weights again.
    main = entry_point('--flagfile=lr/best.flags', '--model_dir=again', '--notensorboard')
    assert main.code == 0, main.err
    assert weights_sha256('again', tf) == lines['0']['weights_sha256']
    shown = {name: re.search(rf'{name} set.*: (\S+)', main.out)[1] for name in ('validation', 'test')}
    assert shown['validation'] == f'{float(lines["0"]["validation_accuracy"]):.4f}'
    assert f'alone: {shown["test"]}' in ended.out


def test_sweep_without_a_trained_trial_is_a_failure(sweep, data_dir):
    """10 is too high a learning rate without a bound on the units."""
    flags = [
        '--search=learning_rate=9,10',
        '--optimizer=gradient_descent',
        '--activation=linear',
        '--workers=1',
        *TINY,
        f'--data_dir={data_dir}',
        '--sweep_dir=lr',
    ]
    ended = sweep(*flags)
    assert ended.code == 1
    assert ended.out.endswith('Every trial so far failed; results.csv in lr says why.\n')


def test_no_time_no_trials(sweep, data_dir, fresh_folder, monkeypatch):
    monkeypatch.setenv('HOME', str(fresh_folder))
    ended = sweep('--search=dropout=0,0.1', *TINY, f'--data_dir={data_dir}', '--sweep_dir=~/s', '--timeout=0')
    assert ended.code == 0 and 'No trial is complete yet.' in ended.out
    assert 'Stopped with 2 of 2 points left' in ended.err and not (fresh_folder / 's' / 'logs').exists()


def test_from_python(data_dir, fresh_folder):
    from mnist_graph import sweep
    from mnist_graph.base.errors import UsageError

    with pytest.raises(UsageError, match='both fixed and searched'):
        sweep.run({'dropout': [0.0, 0.5]}, sweep_dir='s', dropout=0.1)
    with pytest.raises(UsageError, match='unknown hyperparameter'):
        sweep.run({'dropout': [0.0, 0.5]}, sweep_dir='s', drop=0.1)
    found = sweep.run(
        {'dropout': [0.0, 0.5]}, sweep_dir='s', workers=1, timeout=1e-9, n_validation=20, data_dir=str(data_dir)
    )
    assert (found.best, found.n_ended, found.sweep.n_trials) == (None, 0, 2)


def test_the_flagfiles_are_sweeps():
    from mnist_graph.sweeps import plan, search_space

    files = sorted((REPOSITORY / 'flags').glob('sweep_*.flags'))
    assert len(files) >= 2
    for path in files:
        lines = [line for line in path.read_text().splitlines() if line.startswith('--')]
        space = search_space.parse([line.removeprefix('--search=') for line in lines if line.startswith('--search=')])
        n_trials = next((int(line.partition('=')[2]) for line in lines if line.startswith('--n_trials=')), None)
        assert plan.make(space, plan.HParams(), n_trials=n_trials).n_trials > 1
