"""From words to flags: flagfiles as Windows writes them, recipes, hints about other names, and help in groups."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
from absl import flags

import mnist_graph
from helpers.data import write_idx_folder
from helpers.programs import ENTRY_POINTS, REPOSITORY, run_python
from mnist_graph.base.errors import UsageError
from mnist_graph.cli import command_line, common_flags, help_text, recipes
from mnist_graph.data import DATASETS


@pytest.fixture
def parsed(entry_point):
    """Function (*arguments, name='main') that parses a command line and returns the flags."""

    def parse(*arguments, name='main'):
        module = entry_point.load(name)
        before = set(flags.FLAGS)
        module.define_flags()
        assert command_line.parse(['program', *arguments], [each for each in flags.FLAGS if each not in before])
        return flags.FLAGS

    return parse


# Flagfiles.


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
@pytest.mark.parametrize('end', ['\n', '\r\n'])
def test_flagfiles_as_windows_writes_them(parsed, encoding, end):
    lines = ['# Größen', '', '--hidden_units="64,32"', "--data_dir='my data'", '"--seed=3"', '  --augment  ']
    pathlib.Path('a.flags').write_bytes(end.join(lines).encode(encoding))
    got = parsed('--flagfile=a.flags')
    assert (got.hidden_units, got.data_dir, got.seed, got.augment) == ((64, 32), 'my data', 3, True)


def test_a_space_may_stand_for_the_equals_sign_in_a_flagfile(parsed):
    pathlib.Path('a.flags').write_text('--n_iterations 2\n--learning_rate = 0.5\n--augment true\n--nodeskew\n// note\n')
    got = parsed('--flagfile', 'a.flags', '--seed=4')
    assert (got.n_iterations, got.learning_rate, got.augment, got.seed) == (2, 0.5, True, 4)


def test_a_nested_flagfile_is_beside_its_parent(parsed, tmp_path):
    folder = tmp_path / 'elsewhere'
    folder.mkdir()
    (folder / 'outer.flags').write_text('--flagfile=inner.flags\n--seed=5\n')
    (folder / 'inner.flags').write_text('--seed=4\n--batch_size=7\n')
    got = parsed(f'--flagfile={folder}/outer.flags')
    assert (got.seed, got.batch_size) == (5, 7)


@pytest.mark.parametrize(
    'content, problem',
    [
        ('--flagfile=a.flags\n', 'a.flags: names itself'),
        ('--flagfile=gone.flags\n', 'gone.flags: cannot be read'),
        ('--model_dir="r/quoted\n', 'the quotation mark in "r/quoted is not closed'),
        ('--flagfile\n', '--flagfile needs a value'),
        ('--recipe=gone\n', '--recipe=gone: there is no such recipe; use one of cnn_99_6, '),
    ],
)
def test_bad_flagfiles(entry_point, content, problem):
    pathlib.Path('a.flags').write_text(content)
    ended = entry_point('--flagfile=a.flags')
    assert ended.code == 2 and problem in ended.err and ended.err.count('\n') == 1
    assert sorted(os.listdir()) == ['a.flags']


def test_a_quoted_path_in_a_flagfile_makes_no_folder_with_a_quotation_mark(entry_point):
    write_idx_folder('data')
    pathlib.Path('a.flags').write_text('--model_dir="r/quoted"\n--n_iterations 1\n--hidden_units=2\n')
    ended = entry_point('--flagfile=a.flags', '--data_dir=data', '--n_validation=15')
    assert ended.code == 0 and os.path.isdir('r/quoted') and not os.path.exists('"r')


# Recipes.


def test_a_recipe_is_found_by_name(parsed):
    got = parsed('--recipe=mlp_99_4', '--seed=3')
    assert (got.n_epochs, got.augment_taper, got.seed) == (50, 0.1, 3)
    assert parsed('--recipe=sweep_tutorial', name='sweep').search[0].startswith('learning_rate=')
    assert parsed('--recipe', 'keras_512.flags').hidden_units == (512,)


@pytest.mark.parametrize('recipe', [name for name in recipes.names() if not name.startswith('sweep_')])
def test_a_sweep_takes_every_recipe(parsed, recipe):
    with open(recipes.find(recipe), encoding='utf-8') as file:
        is_cnn = '--model=cnn' in file.read()
    assert parsed(f'--recipe={recipe}', name='sweep').model == ('cnn' if is_cnn else 'mlp')


def test_recipes_of_an_installation_come_first(tmp_path, monkeypatch):
    """A folder flags/ beside an installed package belongs to something else."""
    package = tmp_path / 'mnist_graph'
    for folder in package / 'recipes', tmp_path / 'flags':
        folder.mkdir(parents=True)
        (folder / f'of_{folder.name}.flags').write_text('')
    monkeypatch.setattr(mnist_graph, '__file__', str(package / '__init__.py'))
    assert recipes.names() == ['of_recipes']
    with pytest.raises(UsageError, match='--recipe=mlp: there is no such recipe; use one of of_recipes'):
        recipes.find('mlp')


def test_a_wheel_has_the_recipes(tmp_path):
    source = tmp_path / 'source'  # a build leaves files beside what it is made from
    for name in ('mnist_graph', 'flags'):
        shutil.copytree(REPOSITORY / name, source / name, ignore=shutil.ignore_patterns('__pycache__'))
    for path in REPOSITORY.iterdir():
        if path.is_file() and not path.name.startswith('.'):
            shutil.copy(path, source)
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '--no-deps', '--no-build-isolation', '-q', '-w', tmp_path, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob('*.whl')
    with zipfile.ZipFile(wheel) as archive:
        inside = {
            pathlib.Path(name).stem for name in archive.namelist() if re.match(r'mnist_graph/recipes/\w+\.flags$', name)
        }
        archive.extractall(tmp_path / 'site')
    assert inside == {path.stem for path in (REPOSITORY / 'flags').glob('*.flags')}
    ended = run_python(
        '-c',
        'import mnist_graph\nfrom mnist_graph.cli import recipes\nprint(mnist_graph.__file__, recipes.find("mlp_99_4"))',
        folder=tmp_path,
        PYTHONPATH=str(tmp_path / 'site'),
    )
    assert ended.out == f'{tmp_path}/site/mnist_graph/__init__.py {tmp_path}/site/mnist_graph/recipes/mlp_99_4.flags\n'


# Hints.


@pytest.mark.parametrize(
    'command, flag, hint',
    [
        ('main', '--lr=1', 'Did you mean --learning_rate?'),
        ('main', '--epochs=1', 'Did you mean --n_epochs?'),
        ('main', '--steps=1', 'Did you mean --n_iterations?'),
        ('main', '--n_iter=1', 'Did you mean --n_iterations?'),
        ('main', '--keep_prob=0.5', 'Use --dropout, the fraction of units to drop: 1 - keep_prob.'),
        ('main', '--n_iterations 2', 'Write --n_iterations=2, with an equals sign and no space.'),
        ('sweep', '--num_threads=2', 'Use --workers, the number of processes that train.'),
        ('sweep', '--lr=1', 'Did you mean --learning_rate?'),
        ('predict', '--model=x', 'Did you mean --model_dir?'),
        ('main', '--output_dir=x', 'Did you mean --model_dir?'),
        ('main', '--finetune=pretrained', 'Did you mean --init_checkpoint?'),
        ('export', '--output_dir=x', 'Did you mean --output?'),
        ('evaluate', '--output=x', 'Did you mean --report_dir?'),
        ('serve', '--bind=0.0.0.0', 'Did you mean --host?'),
        ('show', '--lr=1', 'See --help.'),
        ('show', '--recipe=mlp_99_4', 'See --help.'),
    ],
)
def test_hints(entry_point, command, flag, hint):
    ended = entry_point(flag, name=command)
    assert ended.code == 2
    assert ended.err == f'mnist_graph: Unknown flag {flag.partition("=")[0]}. {hint}\n'


def test_a_recipe_for_a_sweep_is_refused_by_a_training(entry_point):
    ended = entry_point('--recipe=sweep_tutorial')
    assert ended.code == 2
    assert ended.err == (
        'mnist_graph: --recipe=sweep_tutorial: is only for python -m mnist_graph.sweep; choose another one here.\n'
    )


def test_every_hint_names_a_flag_that_exists(parsed):
    known = {name for command in ('main', 'sweep', 'serve') for name in parsed(name=command)}
    assert set(command_line._OTHER_NAMES.values()) <= known
    assert not set(command_line._OTHER_NAMES) & known


@pytest.mark.parametrize('command, flag', [('main', 'augment'), ('main', 'resume'), ('sweep', 'tensorboard')])
def test_what_is_no_truth_value_is_refused_in_a_sentence(entry_point, command, flag):
    ended = entry_point(f'--{flag}=no', name=command)
    assert (ended.code, ended.err) == (
        2,
        f'mnist_graph: flag --{flag}=no: must be true or false; --flag alone is true, and --noflag is false\n',
    )


def test_choices_may_be_written_in_capitals(parsed):
    got = parsed('--dataset=DRAWN', '--checkpoint=Best')
    assert (got.dataset, got.checkpoint) == ('drawn', 'best')


# Paths.

UNDECODABLE = os.fsdecode(b'caf\xe9')


@pytest.mark.parametrize(
    'command, arguments',
    [
        ('main', ['--model_dir=']),
        ('main', ['--data_dir=']),
        ('main', ['--image=']),
        ('main', ['--teacher_model_dir=']),
        ('predict', ['1.png', '--model_dir=']),
        ('predict', ['1.png', '--save_view=']),
        ('evaluate', ['--model_dir=']),
        ('evaluate', ['--report_dir=']),
        ('show', ['--output=']),
        ('sweep', ['--search=dropout=0,0.1', '--sweep_dir=']),
    ],
)
def test_undecodable_bytes_in_a_path_end_in_one_line(entry_point, command, arguments):
    ended = entry_point(*arguments[:-1], arguments[-1] + UNDECODABLE, name=command)
    assert ended.code == 2 and ended.err.count('\n') == 1 and 'whose name is not UTF-8' in ended.err, ended
    assert os.listdir() == []


@pytest.mark.parametrize('command', ENTRY_POINTS)
def test_a_working_directory_with_undecodable_bytes(fresh_folder, command):
    folder = fresh_folder / UNDECODABLE
    folder.mkdir()
    write_idx_folder(folder / 'data')
    arguments = {'predict': ['gone.png'], 'sweep': ['--search=dropout=0,0.1', '--timeout=0', '--n_iterations=1']}
    ended = run_python(
        '-m',
        f'mnist_graph.{command}',
        *arguments.get(command, []),
        *(['--data_dir=data'] if command not in ('predict', 'evaluate') else []),
        *(['--n_validation=15'] if command in ('main', 'sweep', 'show') else []),
        *(['--n_iterations=1', '--hidden_units=2'] if command == 'main' else []),
        folder=folder,
        XDG_CACHE_HOME=str(fresh_folder / 'cache'),
    )
    assert 'Traceback' not in ended.err and (ended.code == 0 or ended.err.count('\n') == 1), ended


def test_an_address_is_no_path(entry_point):
    ended = entry_point('--model_dir=file:///a/b')
    assert ended.code == 2 and 'is an address and no path' in ended.err and os.listdir() == []


# Help.


def helped(entry_point, name):
    ended = entry_point('--help', name=name)
    assert ended.code == 0 and ended.err == ''
    return ended.out


@pytest.mark.parametrize('name', ENTRY_POINTS)
def test_help_begins_with_what_the_program_does_and_an_example(entry_point, name):
    out = helped(entry_point, name)
    does, example = out.split('\n\n')[:2]
    assert does.endswith('.') and '.py' not in does and '`' not in out.split('\n\n')[0]
    assert example.startswith(f'    python -m mnist_graph.{name} ')
    assert max(map(len, out.splitlines())) <= 100
    assert all(f'\n  --{name}' in out or f'\n  --[no]{name}' in out for name in flags.FLAGS if is_own(name))


def is_own(name):
    return flags.FLAGS.find_module_defining_flag(name, '').startswith('mnist_graph')


@pytest.mark.parametrize('name', ENTRY_POINTS)
def test_help_has_all_that_the_module_says(entry_point, name):
    says = ' '.join((entry_point.load(name).__doc__ or '').replace('`', '').split())
    assert ' '.join(helped(entry_point, name).split()).startswith(says)


@pytest.mark.parametrize('name', ENTRY_POINTS)
def test_no_flag_has_two_defaults_or_an_empty_one(entry_point, name):
    for entry in re.split(r'\n  --', helped(entry_point, name))[1:]:
        text = ' '.join(entry.split())
        assert len(re.findall('by default|Default:', text, re.I)) <= 1 and 'Default: .' not in text, text


@pytest.mark.parametrize(
    'name, extra', [('serve', 'serve'), ('sweep', 'sweep'), ('export', 'onnx'), ('export', 'litert')]
)
def test_help_names_the_extra_that_the_command_needs(entry_point, name, extra):
    assert f'the extra {extra}' in helped(entry_point, name)


@pytest.mark.parametrize('name', ['predict', 'evaluate', 'export', 'serve'])
def test_help_says_which_model_is_used_without_a_run(entry_point, name):
    entry = ' '.join(helped(entry_point, name).split('--model_dir ')[-1].split())
    assert 'or pretrained, which is the reader' in entry and 'the shipped reader if there is no run yet' in entry


def test_flags_come_in_groups_in_the_order_in_which_a_person_meets_them(entry_point):
    out = helped(entry_point, 'main')
    titles = [title.lower() for title in re.findall(r'^(\w+):$', out, re.M)]
    assert titles == [group for group in common_flags.GROUPS if group in titles]
    assert {'training', 'network', 'augmentation', 'data', 'run'} <= set(titles)
    order = [out.index(f'--{name} ') for name in ('learning_rate', 'hidden_units', 'dataset', 'model_dir')]
    assert order == sorted(order)
    assert out.index('\nData:') < out.index('--n_validation') < out.index('\nRun:')


@pytest.mark.parametrize('name', ENTRY_POINTS)
def test_every_flag_is_in_a_group(parsed, name):
    for flag in parsed(*(['1.png'] if name == 'predict' else []), name=name):
        assert common_flags.group_of(flag) in common_flags.GROUPS


def test_choices_exist_once(parsed):
    assert tuple(parsed()['dataset'].parser.enum_values) == DATASETS


def test_help_has_choices_and_defaults(parsed):
    parsed()
    entry = ' '.join(help_text._entry('dataset', 100).split())
    assert entry.endswith('One of auto, mnist, drawn, handwriting. Default: auto.')
    assert entry.startswith('--dataset Data set: ')  # absl writes the choices before that, too
    assert ' '.join(help_text._entry('hidden_units', 100).split()).endswith('Default: 512,256,128.')
    assert help_text._entry('augment', 100).startswith('  --[no]augment ')
