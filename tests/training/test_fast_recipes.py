"""The recipes that are made for speed are as exact as any other training: same seed, same bits, whatever happens meanwhile."""

import pathlib

import pytest

from helpers.data import write_idx_folder
from helpers.killed import files_of, kill_at
from helpers.programs import REPOSITORY, run_python
from mnist_graph.training import metrics
from mnist_graph.training.run_folder import find_checkpoint

FAST = sorted(path.stem for path in pathlib.Path(REPOSITORY, 'flags').glob('fast_*.flags'))
HOW = ('--display_step=2', '--save_steps=4', '--notensorboard')
SHORT = (
    '--data_dir=data',
    '--n_validation=40',
    '--n_epochs=0',
    '--n_iterations=12',
    '--warmup_steps=3',
    '--eval_steps=5',
)


def assert_same_run(folder, other):
    for which in ('last', 'best'):
        assert files_of(find_checkpoint(folder, which)[0]) == files_of(find_checkpoint(other, which)[0])
    assert metrics.read(folder) == metrics.read(other) != []


@pytest.fixture
def data_folder(fresh_folder):
    return write_idx_folder('data', n_train=240, n_test=20, shape=(28, 28), n_classes=10)


@pytest.mark.parametrize('recipe', FAST)
def test_again_and_killed_and_resumed_give_the_same_bits(recipe, entry_point, data_folder, fresh_folder):
    new = (f'--recipe={recipe}', *SHORT, *HOW, '--num_threads=1')
    for folder in ('whole', 'again'):
        assert entry_point(*new, f'--model_dir={folder}').code == 0
    assert_same_run('again', 'whole')
    kill_at(6, *new, '--model_dir=killed', folder=fresh_folder)
    assert find_checkpoint('killed', 'last')[0].step == 4
    assert entry_point('--resume', '--model_dir=killed', *HOW).code == 0
    assert_same_run('killed', 'whole')


@pytest.mark.slow
@pytest.mark.parametrize('recipe', FAST)
def test_the_same_on_all_cores_and_in_processes_of_their_own(recipe, data_folder, fresh_folder):
    def run(*flags):
        ended = run_python('-m', 'mnist_graph.main', *flags, folder=fresh_folder)
        assert ended.code == 0, ended.err

    new = (f'--recipe={recipe}', *SHORT, '--n_iterations=60', *HOW)
    for folder in ('whole', 'again'):
        run(*new, f'--model_dir={folder}')
    assert_same_run('again', 'whole')
    flags = (*new, '--model_dir=killed')
    for step in (6, 30):
        kill_at(step, *flags, folder=fresh_folder)
        flags = ('--resume', '--model_dir=killed', *HOW)
    run(*flags)
    assert_same_run('killed', 'whole')
