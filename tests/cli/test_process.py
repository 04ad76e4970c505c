"""Bad flags and bad data: one line each, an exit code that is not 0, and no traceback."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys

import pytest
from absl import flags
from hypothesis import HealthCheck, given, settings

from helpers.any_hparams import ANY_HPARAMS
from helpers.data import IDX_NAMES, tiny_arrays, write_idx_folder
from helpers.programs import ENTRY_POINTS, REPOSITORY, environment, run_python
from mnist_graph.cli import common_flags, process
from mnist_graph.hparams import SPECS, HParams

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


def run_help(folder, start):
    """Output of --help, followed by a list of the heavy modules that it imported."""
    code = (
        'import sys, atexit, runpy\n'
        'atexit.register(lambda: print([name for name in ("tensorflow", "numpy", "PIL") if name in sys.modules]))\n'
        f'sys.argv = ["main.py", "--help"]\n{start}\n'
    )
    ended = run_python('-c', code, folder=folder)
    assert ended.code == 0 and ended.err == ''
    return ended.out


def assert_names_all_flags(out):
    for name, spec in SPECS.items():
        assert re.search(rf'--(\[no\])?{name}\s', out), name
        assert ' '.join(spec.help.split()[:5]) in ' '.join(out.split()), name
    for name in (
        'dataset',
        'data_dir',
        'model_dir',
        'image',
        'display_step',
        'resume',
        'save_steps',
        'keep_checkpoints',
        'checkpoint',
    ):
        assert re.search(rf'--(\[no\])?{name}\s', out), name


def test_help_names_every_flag_and_imports_neither_tensorflow_nor_numpy(fresh_folder):
    out = run_help(fresh_folder, 'runpy.run_module("mnist_graph.main", run_name="__main__")')
    assert_names_all_flags(out)
    assert out.endswith('\n[]\n')


def test_help_is_a_word_like_others(fresh_folder):
    """A folder, a picture or a study may have that name."""
    ended = run_python('-m', 'mnist_graph.predict', 'help', '--model_dir', 'help', folder=fresh_folder)
    assert ended == (1, '', 'help: no such file or folder; check the path.\n')


def test_help_of_the_console_command(fresh_folder):
    assert_names_all_flags(run_help(fresh_folder, 'from mnist_graph.main import console_main; console_main()'))


@pytest.mark.parametrize(
    'arguments',
    [
        ['-m', 'mnist_graph.main', '--help'],
        ['-u', '-m', 'mnist_graph.main', '-h'],
        ['-m', 'mnist_graph.show', '--dataset=drawn', '--n=2'],
    ],
)
def test_output_that_nobody_reads_any_more_is_no_error(fresh_folder, arguments):
    program = shlex.join([sys.executable, *arguments])
    done = subprocess.run(
        ['bash', '-c', f'{program} | head -n 1; exit ${{PIPESTATUS[0]}}'],
        cwd=fresh_folder,
        env=environment(fresh_folder),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in (0, 128 + signal.SIGPIPE)  # 0 where the pipe took all before head had ended
    assert done.stderr == '' and done.stdout.count('\n') == 1


def test_the_package_itself_names_its_programs(fresh_folder):
    ended = run_python('-m', 'mnist_graph', folder=fresh_folder)
    assert ended.code == 0 and ended.err == ''
    assert set(re.findall(r'python -m mnist_graph\.(\w+)', ended.out)) == {*ENTRY_POINTS, 'run_tf1'}


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='needs /dev/full')
def test_a_full_disk_for_the_output_gets_one_line(fresh_folder):
    done = subprocess.run(
        ['bash', '-c', f'{sys.executable} -m mnist_graph.show --dataset=drawn >/dev/full'],
        cwd=fresh_folder,
        env=environment(fresh_folder),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1 and done.stderr.count('\n') == 1
    assert done.stderr.startswith('mnist_graph: The output cannot be written (No space left on device)')


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ANY_HPARAMS)
def test_hparams_round_trip_through_absl_flags(entry_point, hparams):
    main = entry_point.load()
    main.define_flags()
    flags.FLAGS(['main.py', *hparams.to_flags()])
    assert common_flags.hparams_from_flags() == hparams
    # What was not given comes from the run that is resumed.
    base = HParams(seed=77, learning_rate=0.5)
    merged = common_flags.hparams_from_flags(base)
    for name in SPECS:
        given_on_command_line = any(re.match(rf'--(no)?{name}(=|$)', flag) for flag in hparams.to_flags())
        assert getattr(merged, name) == getattr(hparams if given_on_command_line else base, name)


@pytest.mark.parametrize('name', sorted(path.name for path in (REPOSITORY / 'flags').glob('*.flags')))
def test_flagfiles_say_what_they_are_and_parse(entry_point, name):
    path = REPOSITORY / 'flags' / name
    text = path.read_text()
    comment = [line for line in text.splitlines() if line.startswith('#')]
    assert text.startswith('# ') and len(comment) >= 2
    # The last command is this file's own; one before it trains the teacher.
    commands = re.findall(r'#\s+python -m mnist_graph\.(\w+) .*--(?:recipe=|flagfile=flags/)([\w]+)', text)
    assert commands and all((REPOSITORY / f'flags/{recipe}.flags').exists() for _, recipe in commands)
    command, own = commands[-1]
    assert own == path.stem
    module = entry_point.load(command)
    module.define_flags()
    # Placeholders of a comment's own command are not part of the flagfile.
    flags.FLAGS(['main.py', f'--flagfile={path}'])
    if command == 'main':
        assert common_flags.hparams_from_flags() != HParams()


def test_later_flags_override_a_flagfile(entry_point):
    entry_point.load().define_flags()
    flags.FLAGS(['main.py', f'--flagfile={REPOSITORY}/flags/keras_512.flags', '--learning_rate=3e-4'])
    hparams = common_flags.hparams_from_flags()
    assert hparams.learning_rate == 3e-4 and hparams.hidden_units == (512,)


def test_first_signal_is_noted_and_the_second_stops_at_once():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM):
        with process.StopRequest().listening() as stop:
            assert not stop
            os.kill(os.getpid(), number)
            assert stop and stop.signal == number
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_sigterm_and_sighup_clean_up_before_they_end_a_command(fresh_folder):
    """As Ctrl-C does, with the exit code that shells give."""
    program = (
        'import os, signal, sys\n'
        'from mnist_graph.cli import process\n'
        'signal.signal(signal.SIGHUP, signal.SIG_DFL)\n'  # which nohup would have ignored
        'signal.signal(signal.SIGINT, signal.default_int_handler)\n'
        'def main(arguments):\n'
        '  try:\n'
        '    os.kill(os.getpid(), int(arguments[1]))\n'
        '  finally:\n'
        '    print("clean")\n'
        'process.run_command(main, lambda: None)\n'
    )
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        ended = run_python('-c', program, int(number), folder=fresh_folder)
        assert ended == (128 + number, 'clean\n', '\nStopped.\n')


def test_platforms_without_sighup(monkeypatch):
    monkeypatch.delattr(signal, 'SIGHUP')
    with process.StopRequest().listening() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == signal.SIGTERM


def test_what_nohup_lets_be_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with process.StopRequest().listening() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop
    finally:
        signal.signal(signal.SIGHUP, before)
