"""What may go wrong in the middle of a run: signals, a full disk, a vanished folder, a loss that is not a number.

`benchmarks/stress_resume.py` kills a larger run many times at random moments.
"""

import os
import re
import resource
import shlex
import shutil
import signal
import sys

import pytest
from PIL import Image

from helpers.data import write_idx_folder
from helpers.killed import files_of, kill_at
from helpers.programs import TINY_JOB, run_in_bash
from mnist_graph.base.lock import FolderLock
from mnist_graph.training import description, metrics
from mnist_graph.training.run_folder import find_checkpoint

FLAGS = (*TINY_JOB, '--display_step=10', '--eval_steps=20', '--notensorboard')


@pytest.fixture
def whole(entry_point):
    """Output of a run in the folder `whole` that nothing happened to."""
    write_idx_folder('data')
    ended = entry_point(*FLAGS, '--model_dir=whole')
    assert ended.code == 0
    return ended.out


def without_going_on(*outs):
    """What was printed, without what is only said on resuming."""
    return [line for line in ''.join(outs).splitlines() if not line.startswith(('Going on from', 'Nothing was saved'))]


def assert_as_if_never_stopped(folder, whole, *outs):
    """Same variables, same metrics, and the same lines printed as the run in `whole`."""
    for which in ('last', 'best'):
        assert files_of(find_checkpoint(folder, which)[0]) == files_of(find_checkpoint('whole', which)[0])
    assert metrics.read(folder) == metrics.read('whole')
    printed = {}
    for line in without_going_on(*outs):
        printed.setdefault(line, None)  # lines of steps taken again may be printed again, but the same
    assert list(printed) == whole.replace('in whole', f'in {folder}').splitlines()


@pytest.fixture
def at_step(monkeypatch):
    """Function (step, action): calls action once, when a line for this step is printed."""
    from mnist_graph.cli.printer import TrainingPrinter

    def arrange(step, action):
        on_display = TrainingPrinter.on_display

        def displaying(self, at, *what):
            on_display(self, at, *what)
            if at == step:
                monkeypatch.setattr(TrainingPrinter, 'on_display', on_display)
                action()

        monkeypatch.setattr(TrainingPrinter, 'on_display', displaying)

    return arrange


@pytest.mark.parametrize('number, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize('step', [20, 30])
def test_signal_saves_says_how_to_go_on_and_loses_nothing(entry_point, whole, at_step, number, code, step):
    at_step(step, lambda: os.kill(os.getpid(), number))
    before = signal.signal(number, signal.default_int_handler)  # whatever the tests themselves ignore
    try:
        stopped = entry_point(*FLAGS, '--model_dir=model')
    finally:
        signal.signal(number, before)
    assert stopped.code == code
    assert stopped.err == (
        f'Stopped after step {step}, which is saved; go on with '
        f'python -m mnist_graph.main --resume --model_dir=model --save_steps=20 --display_step=10 '
        f'--notensorboard\n'
    )
    assert find_checkpoint('model', 'last')[0].step == step
    resumed = entry_point(*shlex.split(stopped.err)[-5:])
    assert resumed.code == 0 and resumed.err == ''
    assert_as_if_never_stopped('model', whole, stopped.out, resumed.out)


def test_how_to_go_on_names_the_picture(entry_point, at_step):
    write_idx_folder('data')
    Image.new('L', (8, 8)).save('my picture.png')
    at_step(20, lambda: os.kill(os.getpid(), signal.SIGTERM))
    stopped = entry_point(*FLAGS, '--model_dir=model', '--image=my picture.png')
    assert stopped.code == 143 and stopped.err.endswith(" '--image=my picture.png'\n") and stopped.err.count('\n') == 1


def test_what_can_no_longer_be_printed_saves_and_says_how_to_go_on(whole, fresh_folder):
    """As where `| head` has seen enough; the training is so long that it has not ended before."""
    flags = (*FLAGS, '--n_iterations=1000000', '--model_dir=model', '--display_step=1')
    program = shlex.join([sys.executable, '-u', '-m', 'mnist_graph.main', *flags])
    ended = run_in_bash(f'{program} | head -n 2; exit ${{PIPESTATUS[0]}}', fresh_folder)
    assert ended.code == 128 + signal.SIGPIPE and ended.out.count('\n') == 2
    stopped = re.fullmatch(
        r'Stopped after step (\d+), which is saved; go on with .* --resume --model_dir=model .*\n', ended.err
    )
    assert stopped and find_checkpoint('model', 'last')[0].step == int(stopped[1]) < 1_000_000


def test_second_ctrl_c_stops_at_once_with_a_whole_checkpoint(entry_point, whole, at_step):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    at_step(50, twice)
    stopped = entry_point(*FLAGS, '--model_dir=model')
    assert stopped.code == 130 and stopped.err == '\nStopped.\n'
    assert find_checkpoint('model', 'last')[0].step == 40
    resumed = entry_point('--resume', '--model_dir=model', '--display_step=10', '--save_steps=20', '--notensorboard')
    assert_as_if_never_stopped('model', whole, stopped.out, resumed.out)


def test_full_disk_is_named_and_the_previous_checkpoint_loads(entry_point, whole, at_step):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # What is printed goes to a file whose size is limited, too: leave the metrics and the lines some room.
    at_step(40, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1])))
    try:
        failed = entry_point(*FLAGS, '--model_dir=model')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert failed.code == 1 and failed.err.count('\n') == 1 and 'Traceback' not in failed.err
    assert re.match(
        r'mnist_graph: model/(checkpoints|best): the checkpoint of step 40 could not be written '
        r'\(File too large\); .* --resume',
        failed.err,
    )
    assert find_checkpoint('model', 'last')[0].step == 20
    resumed = entry_point('--resume', '--model_dir=model', '--display_step=10', '--save_steps=20', '--notensorboard')
    assert resumed.code == 0
    assert_as_if_never_stopped('model', whole, failed.out, resumed.out)


def test_folder_that_vanishes_is_named(entry_point, at_step):
    write_idx_folder('data')
    at_step(30, lambda: shutil.rmtree('model'))
    failed = entry_point(*FLAGS, '--model_dir=model')
    assert (failed.code, failed.err) == (
        1,
        'mnist_graph: model: the folder is gone; nothing more can be saved in it.\n',
    )
    assert not os.path.exists('model')


def test_folder_in_use_is_refused(entry_point, whole):
    before = sorted(os.listdir('whole/checkpoints'))
    lock = FolderLock('whole')
    try:
        for flags in ((*FLAGS, '--model_dir=whole'), ('--resume', '--model_dir=whole', '--n_iterations=99')):
            refused = entry_point(*flags)
            assert refused.code == 1 and refused.err == (
                f'mnist_graph: whole: is in use by process {os.getpid()}; wait for it or give another folder.\n'
            )
    finally:
        lock.release()
    assert sorted(os.listdir('whole/checkpoints')) == before


def test_loss_that_is_not_a_number(entry_point):
    write_idx_folder('data')
    failed = entry_point(
        *FLAGS,
        '--model_dir=model',
        '--optimizer=gradient_descent',
        '--learning_rate=10',
        '--activation=linear',
        '--save_steps=1',
        '--display_step=1',
        '--dropout=0',
    )
    assert failed.code == 1 and failed.err.count('\n') == 1 and 'Traceback' not in failed.err
    found = re.fullmatch(
        r'mnist_graph: The loss became (nan|inf|-inf) at step (\d+): lower --learning_rate=10, .*'
        r'(?:The checkpoint of step (\d+) in model is still good|No checkpoint was saved before that)\.\n',
        failed.err,
    )
    assert found, failed.err
    assert 'nan' not in failed.out and 'inf' not in failed.out
    shown = [line for line in metrics.read('model') if 'loss' in line]
    assert len(shown) == failed.out.count('Iteration')
    if found[3]:
        # Good is what still gives a finite loss, and nothing newer is left.
        assert int(found[3]) < int(found[2])
        assert find_checkpoint('model', 'last')[0].step == int(found[3]) == shown[-1]['step']


def test_damaged_newest_checkpoint_is_named_and_the_one_before_it_used(entry_point, whole):
    shutil.copytree('whole', 'model')
    path = find_checkpoint('model', 'last')[0].prefix + '.index'
    with open(path, 'r+b') as file:
        file.truncate(50)
    resumed = entry_point('--resume', '--model_dir=model', '--display_step=10', '--save_steps=20', '--notensorboard')
    assert resumed.code == 0
    assert resumed.err == (f'{path}: is damaged (its size or SHA-256 is not what was saved); going on from step 40.\n')
    assert resumed.out.splitlines()[2:4] == ['Going on from step 40', whole.splitlines()[6]]
    assert_as_if_never_stopped('model', whole, whole.split('Iteration 50')[0], resumed.out)


def test_going_on_with_another_number_of_threads_is_one_line(entry_point, at_step):
    write_idx_folder('data')
    at_step(20, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert entry_point(*FLAGS, '--model_dir=model').code == 143
    resumed = entry_point('--resume', '--model_dir=model', '--num_threads=2')
    assert resumed.code == 0 and re.fullmatch(
        r'model: was trained with TensorFlow \S+, 1 thread and 1 tower, and now with TensorFlow \S+, 2 threads and '
        r'\d towers?, so its last bits may differ; going on from step 20\.\n',
        resumed.err,
    )
    assert [entry.n_threads for entry in description.read('model').trained_with] == [1, 2]


def test_metrics_that_cannot_be_read_are_one_line_and_stay(entry_point, whole):
    os.rename('whole/metrics.jsonl', 'whole/metrics')
    os.symlink('metrics.jsonl', 'whole/metrics.jsonl')  # a circle of links, which root cannot read either
    refused = entry_point('--resume', '--model_dir=whole/', '--n_iterations=99')
    assert (refused.code, refused.out) == (1, '') and refused.err.count('\n') == 1
    assert 'whole/metrics.jsonl: cannot be read (Too many levels of symbolic links)' in refused.err
    assert (
        os.readlink('whole/metrics.jsonl') == 'metrics.jsonl' and description.read('whole').hparams.n_iterations == 60
    )


def test_a_folder_whose_name_is_no_text_is_one_line(entry_point):
    write_idx_folder('data')
    refused = entry_point(*FLAGS, '--model_dir=m\udcffdel')
    assert refused.code == 2 and refused.err.count('\n') == 1 and 'whose name is not UTF-8' in refused.err
    assert os.listdir() == ['data']


def test_sigkill_loses_nothing_beyond_the_last_save(entry_point, whole, fresh_folder):
    """As a program, killed twice as hard as can be."""
    flags = [*FLAGS, '--model_dir=model']
    for step, saved in ((30, 20), (50, 40)):
        kill_at(step, *flags, folder=fresh_folder)
        assert find_checkpoint('model', 'last')[0].step == saved
        flags = ['--resume', '--model_dir=model', '--display_step=10', '--save_steps=20', '--notensorboard']
    resumed = entry_point(*flags)
    assert resumed.code == 0
    for which in ('last', 'best'):
        assert files_of(find_checkpoint('model', which)[0]) == files_of(find_checkpoint('whole', which)[0])
    assert metrics.read('model') == metrics.read('whole')
    assert set(without_going_on(resumed.out)) <= set(whole.replace('in whole', 'in model').splitlines())


def test_event_files_that_cannot_be_written_end_the_training_in_one_line(entry_point):
    """TensorFlow's own writer would show a traceback of its thread."""
    write_idx_folder('data')
    flags = [flag for flag in FLAGS if flag != '--notensorboard']
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        ended = entry_point(*flags, '--model_dir=model')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert ended.code == 1
    assert re.search(
        r'^mnist_graph: model/events\.out\.tfevents\..*: cannot be written \(File too large\); free some space or mend '
        r'the folder, or go on with --notensorboard\.\n$',
        ended.err,
        re.M,
    )
    assert 'Traceback' not in ended.err and not os.path.exists('model/.lock.pid')
    assert entry_point('--resume', '--model_dir=model', '--notensorboard').code == 0
