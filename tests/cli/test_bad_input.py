"""Bad flags and bad data: one line each, an exit code that is not 0, and no traceback."""

import json
import os
import re

import pytest

from helpers.data import IDX_NAMES, tiny_arrays, write_idx_folder
from helpers.programs import run_python

TRAIN, LABELS, TEST, TEST_LABELS = tiny_arrays()


def assert_fails_in_one_line(ended, code, problem):
    assert ended.code == code, ended
    assert ended.out == '' and ended.err.count('\n') == 1 and ended.err.startswith('mnist_graph: '), ended
    assert re.search(problem, ended.err), ended.err
    assert 'Traceback' not in ended.err


@pytest.mark.parametrize(
    'arguments, problem',
    [
        ('--learning_rate=0', 'learning_rate.*0.*must be a number above 0 and at most 10'),
        ('--learning_rate=fast', 'learning_rate.*fast.*must be a number'),
        ('--learning_rate=nan', 'must be a number above 0'),
        ('--learning_rate=', 'must be a number'),
        ('--n_iterations=0', 'n_iterations.*must be a whole number at least 1'),
        ('--n_iterations=1e3', 'must be a whole number'),
        ('--n_epochs=-1', 'must be a whole number at least 0'),
        ('--batch_size=0', 'must be a whole number at least 1'),
        ('--dropout=1', 'must be a number at least 0 and below 1'),
        ('--hidden_units=512;256', 'must be whole numbers separated by commas'),
        ('--hidden_units=512,0', 'each at least 1'),
        ('--activation=swish', 'activation.*linear.*relu.*sigmoid.*tanh'),
        ('--optimizer=sgd', 'optimizer.*adam.*rmsprop'),
        ('--augment=maybe', 'augment'),
        ('--seed=-1', 'seed.*at least 0'),
        ('--n_validation=-5', 'n_validation'),
        ('--dataset=cifar', 'dataset.*auto.*mnist.*drawn'),
        ('--display_step=0', 'display_step'),
        ('--save_steps=0', 'save_steps'),
        ('--keep_checkpoints=0', 'keep_checkpoints'),
        ('--checkpoint=newest', 'checkpoint.*last.*best'),
        ('--num_threads=-1', 'num_threads'),
        ('--learning_rat=1', 'Unknown flag --learning_rat. Did you mean --learning_rate'),
        ('--lerning_rate=1', 'Did you mean --learning_rate'),
        ('--zzzz=1', 'Unknown flag --zzzz. See --help.'),
        ('train', "Unexpected argument 'train'"),
        ('--flagfile=gone.flags', 'gone.flags'),
        ('--flagfile=bad.flags', 'Unknown flag --no_such_flag|no_such_flag'),
        ('--flagfile=binary.flags', 'is not text in UTF-8'),
        ('--resume', 'no trained model yet'),
        ('--resume --model_dir=gone', 'gone: (there is no such folder to resume|holds no model)'),
        ('--data_dir=data --n_validation=60', 'n_validation=60: leaves no training image of the 60 in'),
        (
            '--data_dir=data --n_validation=15 --n_epochs=2 --n_iterations=7',
            'n_iterations=7 has no effect beside --n_epochs=2',
        ),
        (
            '--data_dir=data --n_validation=15 --n_epochs=1 --warmup_steps=9 --batch_size=5 --learning_rate_schedule=cosine',
            'warmup_steps=9: the whole training has only 9 steps; give a smaller --warmup_steps',
        ),
        ('--data_dir=data --n_validation=0 --checkpoint=best', '--checkpoint=best chooses by validation pictures'),
        (
            '--data_dir=data --n_validation=0 --early_stopping_patience=3',
            '--early_stopping_patience=3 chooses by validation pictures',
        ),
        (
            '--data_dir=data --n_validation=15 --model_dir=bad.flags',
            'bad.flags: is a file; --model_dir must be a folder',
        ),
        (
            '--data_dir=data --n_validation=15 --model_dir=taken',
            'taken: holds a model already; continue it with --resume',
        ),
    ],
)
def test_bad_flags(entry_point, arguments, problem):
    write_idx_folder('data')
    os.mkdir('taken')
    with open('taken/hparams.json', 'w') as file:
        file.write('{}')
    with open('bad.flags', 'w') as file:
        file.write('--no_such_flag=1\n')
    with open('binary.flags', 'wb') as file:
        file.write(b'\xff\xfe--n_iterations=5\n')
    assert_fails_in_one_line(entry_point(*arguments.split()), 1 if '--resume' in arguments else 2, problem)


@pytest.mark.parametrize('name', ['pretrained', './pretrained/'])
def test_the_name_of_the_shipped_reader_is_refused_for_a_run(entry_point, name):
    write_idx_folder('data')
    for more in '', '--resume':
        ended = entry_point(*f'--data_dir=data --n_validation=15 --model_dir={name} {more}'.split())
        assert_fails_in_one_line(
            ended, 2, 'pretrained: is kept for the name of the reader .*; give another --model_dir'
        )
    assert not os.path.exists('pretrained')


BAD_FILES = {
    'magic': (0, b'\0\0\x0b\3' + b'\0\0\0\1' * 3 + b'\0', 'wrong magic number'),
    'count': (1, bytes([0, 0, 8, 1, 0, 0, 0, 59]) + bytes(LABELS[:59]), '60 pictures, but .* has 59 labels'),
    'truncated': (2, bytes([0, 0, 8, 3, 0, 0, 0, 25, 0, 0, 0, 8, 0, 0, 0, 8]) + bytes(99), 'is truncated'),
    'truncated_gzip': (0, b'\x1f\x8b\x08\0\0\0\0\0\0\3\x93ef', 'not an IDX file|truncated|damaged'),
    'html': (3, b'<!DOCTYPE html>', 'an HTML page'),
    'empty': (0, b'', 'is empty'),
    'out_of_range': (3, bytes([0, 0, 8, 1, 0, 0, 0, 25]) + bytes([9] * 25), 'label 9 is out of range'),
}


@pytest.mark.parametrize('name', BAD_FILES)
def test_bad_data_files(entry_point, name):
    index, content, problem = BAD_FILES[name]
    folder = write_idx_folder('data')
    (folder / IDX_NAMES[index]).write_bytes(content)
    ended = entry_point('--data_dir=data', '--n_validation=15')
    assert_fails_in_one_line(ended, 1, problem)
    assert IDX_NAMES[index] in ended.err


@pytest.mark.parametrize(
    'arguments, problem',
    [
        ('--data_dir=a_file', 'a_file: is no data set; --data_dir must be a folder, or a file'),
        ('--data_dir=data --dataset=mnist --n_validation=15', 'holds other data than the MNIST database'),
        ('--data_dir=data --n_validation=15 --image=gone.png', 'gone.png: no such file'),
        ('--data_dir=data --n_validation=15 --image=a_file', 'a_file: not a picture'),
        ('--data_dir=half', 'half: holds .*, but not all four IDX files of that data set; add the rest'),
        ('--data_dir=tree', 'tree: has train/ but no test/ folder'),
        ('--data_dir=npz', 'mnist.npz: is damaged or no npz archive'),
        ('--resume --model_dir=strange', 'hparams.json: has format 7, but this version reads'),
        ('--data_dir=data --n_validation=15 --hidden_units=2 --model_dir=a_file/x', 'a_file/x: cannot be written'),
    ],
)
def test_bad_data(entry_point, monkeypatch, arguments, problem):
    from mnist_graph.data import download

    monkeypatch.setattr(
        download.download_mnist, '__defaults__', (('http://127.0.0.1:9/',), download.MNIST_FILES, False)
    )
    (write_idx_folder('half') / IDX_NAMES[0]).unlink()
    write_idx_folder('data')
    os.makedirs('tree/train/1')
    os.mkdir('npz')
    os.mkdir('strange')
    for name, text in (
        ('a_file', 'text'),
        ('npz/mnist.npz', 'PK'),
        ('strange/hparams.json', json.dumps({'format': 7})),
    ):
        with open(name, 'w') as file:
            file.write(text)
    assert_fails_in_one_line(entry_point(*arguments.split()), 1, problem)


def test_one_of_these_as_a_program(fresh_folder):
    assert_fails_in_one_line(
        run_python('-m', 'mnist_graph.main', '--learning_rate=-1', folder=fresh_folder), 2, 'learning_rate'
    )
