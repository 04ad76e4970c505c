"""--help names every flag; flags and flagfiles hold all hyperparameters, and later flags count."""

import re

import pytest
from absl import flags
from hypothesis import HealthCheck, given, settings

from helpers.any_hparams import ANY_HPARAMS
from helpers.programs import ENTRY_POINTS, REPOSITORY, run_python
from mnist_graph.cli import common_flags
from mnist_graph.hparams import SPECS, HParams


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


def test_the_package_itself_names_its_programs(fresh_folder):
    ended = run_python('-m', 'mnist_graph', folder=fresh_folder)
    assert ended.code == 0 and ended.err == ''
    assert set(re.findall(r'python -m mnist_graph\.(\w+)', ended.out)) == {*ENTRY_POINTS, 'run_tf1'}


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
