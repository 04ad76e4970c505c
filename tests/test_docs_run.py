"""The documentation tells the truth: its commands and its programs run, on little data and for a few steps."""

import argparse
import re
import runpy
import shutil
import sys

import numpy as np
import pytest

from helpers import markdown
from helpers.data import write_idx_folder, write_table
from helpers.markdown import PAGES, text_of
from helpers.programs import ENTRY_POINTS, REPOSITORY
from helpers.small_model import digits_model, picture
from mnist_graph import data, drawn
from mnist_graph.serving.corrections import Corrections
from mnist_graph.training import runs

# Commands that cannot run here, by how they begin, and why.
NOT_RUN = {
    'python3 -m venv': 'makes an environment; .ci/run and a person do it',
    'python -m venv': 'the same on Windows',
    '. .venv/bin/activate': 'changes a shell',
    '.venv/bin/pip': 'needs a package index',
    '.venv/Scripts/pip': 'needs a package index',
    'pip install': 'needs a package index',
    '.venv/bin/python -m pytest': 'runs these tests',
    '.venv/Scripts/python -m pytest': 'runs these tests',
    'python -m pytest': 'runs these tests',
    'python -m mnist_graph.worker': 'waits for trainings until it is stopped; tests/test_worker.py runs it',
    'python -m mnist_graph.run_tf1': 'runs the script of somebody else; tests/compat runs small ones',
    'ruff': 'tests/test_package.py runs it',
    'mypy': 'tests/test_package.py runs it',
    'lint-imports': 'tests/test_package.py runs it',
    'curl': 'asks a server; tests/serving does',
    'optuna-dashboard': 'serves until it is stopped, and is no dependency',
}
TEN_DIGITS = ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')


@pytest.fixture
def workplace(fresh_folder, monkeypatch):
    """A folder like that of somebody who follows the documentation, with a small data set and small trained models."""
    small = digits_model()
    shutil.copytree(small.data, fresh_folder / 'mnist')
    for name in ('a', 'b', 'c', 'lr-before'):
        shutil.copytree(small.model, fresh_folder / 'runs' / name)
    runs.point_latest_at('runs/a')
    shutil.copytree(REPOSITORY / 'flags', fresh_folder / 'flags')
    shutil.copytree(REPOSITORY / 'docs', fresh_folder / 'docs')
    shutil.copy(REPOSITORY / 'test_img.png', fresh_folder)
    (fresh_folder / 'folder').mkdir()
    picture(2).save(fresh_folder / 'photo.jpg')
    write_table('test.csv', np.zeros((3, 784)))
    picture(1).save(fresh_folder / 'folder/1_03.png')
    for part in ('train', 'test'):
        for digit in range(3):
            (fresh_folder / 'mine' / part / str(digit)).mkdir(parents=True)
            for n in range(5):
                picture(digit, side=80 + 4 * n).save(fresh_folder / 'mine' / part / str(digit) / f'{n}.png')
    Corrections('corrections').save(np.zeros((28, 28, 1), np.uint8), '4', '0123456789', reads_digits=True)
    (fresh_folder / 'my_pictures').mkdir()
    picture(2).save(fresh_folder / 'my_pictures/2_by_me.png')
    few = write_idx_folder(fresh_folder / 'drawn', n_train=100, shape=(28, 28), n_classes=10)
    loaded = data.load(data_dir=str(few), n_validation=0)
    monkeypatch.setattr(
        drawn,
        'load_or_draw',
        lambda *_, **__: (
            loaded.train.images[..., 0],
            loaded.train.labels,
            loaded.test.images[..., 0],
            loaded.test.labels,
        ),
    )
    return fresh_folder


@pytest.mark.parametrize('page', PAGES)
def test_every_command_runs(page, workplace, entry_point, monkeypatch):
    for command in markdown.commands(text_of(page)):
        line = ' '.join(command.words)
        if any(line.startswith(beginning) for beginning in NOT_RUN):
            continue
        if match := re.match(r'\S*python(?:3)? -m mnist_graph\.(\w+)', line):
            assert match[1] in ENTRY_POINTS, command.line
            run_entry_point(match[1], list(command.words[3:]), command.line, workplace, entry_point, monkeypatch)
        elif match := re.match(r'python benchmarks/(\w+)\.py', line):
            parse_benchmark(match[1], list(command.words[2:]), command.line, monkeypatch)
        else:
            pytest.fail(f'{page}: no test knows how to run {command.line!r}')


RUN_BEFORE: set[tuple[str, str]] = set()


def run_entry_point(name, arguments, line, workplace, entry_point, monkeypatch):
    """Runs one of our commands in this process, on little data and for a few steps."""
    given = ' '.join(arguments)
    if (name, given) in RUN_BEFORE:  # what it leaves behind is copied
        for folder in re.findall(r'--model_dir=(\S+)', given) if name == 'main' else ():
            shutil.copytree(digits_model().model, workplace / folder, dirs_exist_ok=True)
        return
    RUN_BEFORE.add((name, given))
    arguments = arguments[: arguments.index('>')] if '>' in arguments else arguments
    module = entry_point.load(name)
    needs_workers = name == 'main' and 'workers=' in given
    if '--storage=' in given or needs_workers:  # needs a server or other machines, so only its flags are read
        module.define_flags()
        from absl import flags

        flags.FLAGS([name, *arguments])
        return
    if name == 'main' and '--resume' not in given:
        for folder in re.findall(r'--model_dir=(\S+)', given):
            shutil.rmtree(workplace / folder, ignore_errors=True)
        arguments += ['--n_epochs=0', '--n_iterations=3', '--n_validation=10', '--warmup_steps=0']
    elif name == 'main':
        arguments += ['--n_iterations=6']
    elif name == 'sweep' and '--report' not in given:
        arguments += [
            '--workers=1',
            *([] if '--resume' in given else ['--n_iterations=3', '--n_validation=10', '--eval_steps=3']),
            # The first of a page is trained, and it is enough to begin with the others.
            *(['--n_trials=1'] if 'lr' in given and '--resume' not in given and 'n_trials' in given else []),
            *(['--n_trials=2', '--timeout=0'] if '--resume' in given else []),
            *(['--timeout=0'] if 'recipe' in given else []),
        ]
    elif name == 'serve':
        monkeypatch.setattr('mnist_graph.serving.server.run', lambda *_: None)  # serves until it is stopped
        arguments += ['--port=0']
    elif name == 'show':
        arguments += ['--n=20', '--n_validation=10']
    if name in ('main', 'show', 'sweep') and not re.search('--data_dir|--dataset|--resume|--report', given):
        arguments += ['--data_dir=mnist']
    ended = entry_point(*arguments, name=name)
    assert ended.code == 0, f'{line}\n{" ".join(arguments)}\n{ended.out[-500:]}\n{ended.err}'


class _Parsed(Exception):
    """The command line of a benchmark was read without an error."""


def parse_benchmark(name, arguments, line, monkeypatch):
    """Reads a benchmark's command line; measuring takes minutes."""
    path = REPOSITORY / f'benchmarks/{name}.py'
    assert path.exists(), line
    parse_args = argparse.ArgumentParser.parse_args

    def parse_only(self, *args, **options):
        parse_args(self, *args, **options)
        raise _Parsed

    monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', parse_only)
    monkeypatch.setattr(sys, 'argv', [str(path), *arguments])
    monkeypatch.syspath_prepend(str(path.parent))
    import measure

    monkeypatch.setattr(measure, 'data_folder', str)  # the tiny data set is not gzipped
    try:
        runpy.run_path(str(path), run_name='__main__')
    except _Parsed:
        return
    except SystemExit as error:
        pytest.fail(f'{line}: ended with {error.code}')
    finally:
        monkeypatch.setattr(argparse.ArgumentParser, 'parse_args', parse_args)
    pytest.fail(f'{line}: reads no command line')


@pytest.fixture
def ten_digits(workplace, monkeypatch):
    """`data.load` gives a few pictures of ten classes, whatever it is asked for."""
    random = np.random.default_rng(0)
    split = data.Split(random.integers(0, 256, (400, 28, 28, 1), dtype=np.uint8), np.arange(400, dtype=np.int32) % 10)
    few = data.Dataset('few', split, split[:50], split[:60], TEN_DIGITS, '0123456789abcdef')
    monkeypatch.setattr(data, 'load', lambda *_, **__: few)
    return few


# Substitutions that make the programs of the documentation short.
SHORTER = {
    "'MNIST_data/', one_hot=True": "'MNIST_data/', one_hot=True, validation_size=10",
    'range(100)': 'range(3)',
    'n_iterations=200': 'n_iterations=3',
    'n_iterations=1000, n_trials=50': "n_iterations=3, n_trials=1, workers=1, data_dir='mnist', n_validation=10",
}


@pytest.mark.parametrize('page', [page for page in PAGES if markdown.blocks(text_of(page), 'python')])
def test_every_program_runs(page, request, capsys, workplace):
    for program in markdown.blocks(text_of(page), 'python'):
        if page == 'docs/export.md' and 'digits' in program:
            continue  # read exported files, in a process without this package: tests/exports runs them
        if 'data.load(' in program:
            request.getfixturevalue('ten_digits')
        for long, short in SHORTER.items():
            program = program.replace(long, short)
        exec(compile(program, page, 'exec'), {'__name__': '__main__'})
    assert page != 'README.md' or 0 <= float(capsys.readouterr().out.split()[-1]) <= 1


class _LostModule:
    """What the tutorial imports as `input_data`, with the few parts of it that the tutorial uses."""

    class Part:
        def __init__(self, split):
            self.images, self.labels = data.to_input(split.images), data.one_hot(split.labels, 10)
            self.num_examples = len(split)

        def next_batch(self, n):
            return self.images[:n], self.labels[:n]

    def __init__(self, dataset):
        self.train, self.test = self.Part(dataset.train), self.Part(dataset.test)

    def read_data_sets(self, folder, one_hot):
        return self


# The lines of the tutorial that the table leaves out, by the last line before them.
LEFT_OUT = {
    "weights['w1']": """
weights.update({name: tf.Variable(tf.truncated_normal(shape, stddev=0.1))
                for name, shape in (('w2', [512, 256]), ('w3', [256, 128]), ('out', [128, 10]))})""",
    'layer_1 =': """
layer_2 = tf.add(tf.matmul(layer_1, weights['w2']), biases['b2'])
layer_3 = tf.add(tf.matmul(layer_2, weights['w3']), biases['b3'])""",
}


@pytest.fixture(scope='module')
def table():
    """The rows of the table in docs/from-the-tutorial.md."""
    (rows,) = markdown.tutorial_tables(text_of('docs/from-the-tutorial.md'))
    assert len(rows) > 12
    return rows


def test_the_tutorials_column_is_the_tutorial(table, ten_digits, tf):
    """So that nobody translates from a program that never was."""
    from PIL import Image

    with tf.Graph().as_default():
        names = {
            'tf': tf,
            'np': np,
            'Image': Image,
            'input_data': _LostModule(ten_digits),
            'n_input': 784,
            'weights': {},
            'biases': {
                name: tf.Variable(tf.constant(0.1, shape=[n]))
                for name, n in (('b1', 512), ('b2', 256), ('b3', 128), ('out', 10))
            },
            'Y': tf.placeholder('float', [None, 10]),
            'keep_prob': tf.placeholder(tf.float32),
        }
        for theirs, _ in table:
            exec(theirs, names)
            exec(next((lines for start, lines in LEFT_OUT.items() if theirs.startswith(start)), ''), names)
        names['sess'].close()
    assert names['n_train'] == 400 and names['img'].shape == (784,) and names['prediction'].shape == (1,)


def test_our_column_runs(table, ten_digits):
    names = {}
    (imports, *_) = markdown.blocks(text_of('docs/from-the-tutorial.md'), 'python')
    exec(imports, names)
    for _, ours in table:
        exec(ours, names)
    names['sess'].close()
    assert names['n_train'] == 400 and names['img'].shape == (784,) and names['prediction'].shape == (1,)
    assert 0 <= names['test_accuracy'] <= 1


def test_readme_shows_what_the_main_command_prints(workplace, entry_point):
    (shown,) = markdown.blocks(text_of('README.md'), '')
    ended = entry_point('--data_dir=mnist', '--n_iterations=300', '--n_validation=10')
    assert forms(shown.replace('...\n', '')) == forms(ended.out)


def forms(text):
    """The lines without their numbers and the name of the data set, one of each kind in a row."""
    plain = re.sub(r' \((folder )?mnist\)', '', text)
    lines = [re.sub(r'\d[\d.,:-]*', 'N', line) for line in plain.splitlines()]
    return [line for line, before in zip(lines, [None, *lines]) if line != before]
