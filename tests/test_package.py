"""The package as a guest: what importing it does and does not do, and who may import whom."""

import ast
import re

import pytest

from helpers.programs import ENTRY_POINTS, REPOSITORY, run_python

PACKAGE = REPOSITORY / 'mnist_graph'
# {dotted name below mnist_graph: file}; a package's own name stands for its __init__.
MODULES = {
    '.'.join(path.relative_to(PACKAGE).with_suffix('').parts).removesuffix('.__init__'): path
    for path in sorted(PACKAGE.rglob('*.py'))
    if path != PACKAGE / '__init__.py'
}
# Those that parse flags and print; everything else is library.
FRONT = {*ENTRY_POINTS, 'run_tf1', '__main__', *(name for name in MODULES if name.split('.')[0] == 'cli')}
WITHOUT_TENSORFLOW = (
    'hparams',
    'data',
    'drawn',
    'input_data',
    'pictures.extract',
    'train',
    'base.tensorflow',
    'training.checkpoint',
    'training.run_folder',
    'training.evaluation',
)


def imported(path, top_level_only=False):
    """Names of the modules that a source file imports."""
    tree = ast.parse(path.read_text())
    names = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f'{node.module}.{alias.name}' for alias in node.names} | {node.module}
    return names


def test_every_command_is_an_entry_point():
    found = {name for name, path in MODULES.items() if '\n    process.run_command(' in path.read_text()}
    assert found == set(ENTRY_POINTS)


def test_import_contracts():
    """pyproject.toml says who may import whom; nobody imports upward."""
    from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

    assert lint_imports(config_filename=str(REPOSITORY / 'pyproject.toml'), no_cache=True) == EXIT_STATUS_SUCCESS


def test_rooms_are_small():
    """At most 16 files at the doorstep and 14 in a package, so that a list of them can be read."""
    for folder in [PACKAGE, *(path for path in PACKAGE.iterdir() if (path / '__init__.py').exists())]:
        assert len(list(folder.glob('*.py'))) <= (16 if folder == PACKAGE else 15), folder


@pytest.mark.parametrize('name', sorted(set(MODULES) - FRONT))
def test_the_library_knows_no_flags_and_prints_nothing(name):
    names = imported(MODULES[name])
    assert not any(each.split('.')[0] == 'absl' for each in names)
    calls = {
        node.func.id
        for node in ast.walk(ast.parse(MODULES[name].read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert 'print' not in calls


@pytest.mark.parametrize('name', sorted(MODULES))
def test_only_what_is_required_is_imported(name):
    allowed = {'tensorflow', 'numpy', 'PIL', 'cv2', 'absl', 'tqdm', 'platformdirs', 'filelock', 'mnist_graph'}
    optional = {
        'fastapi',
        'uvicorn',
        'starlette',
        'pydantic',
        'pydantic_core',
        'prometheus_client',
        'matplotlib',
        'optuna',
        'sqlalchemy',
        'psycopg',
        'tensorboard',
        'tf_slim',
        'fissix',
        'pillow_heif',
    }
    import sys

    for each in imported(MODULES[name], top_level_only=True):
        root = each.split('.')[0]
        assert root in allowed or root in sys.stdlib_module_names or root in optional, f'{name} imports {root}'


def test_data_pictures_and_training_logic_load_without_tensorflow(fresh_folder):
    modules = ', '.join(f'mnist_graph.{name}' for name in WITHOUT_TENSORFLOW)
    ended = run_python('-c', f'import sys, {modules}; print("tensorflow" in sys.modules)', folder=fresh_folder)
    assert (ended.code, ended.out, ended.err) == (0, 'False\n', '')


GUEST = """
import logging, os, random, signal, sys, warnings
import numpy as np

def state():
    return (dict(os.environ), random.getstate()[1], np.random.get_state()[1].tolist(), np.geterr(), list(sys.path),
            [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], os.getcwd(), sorted(os.listdir()),
            logging.root.level, list(logging.root.handlers))

before = state()
from mnist_graph.base.tensorflow import import_tensorflow
tf = import_tensorflow()
import tensorflow as tf2
middle = state()
filters = list(warnings.filters)
import importlib
for name in MODULES:
    importlib.import_module('mnist_graph.' + name)
after = state()
# TensorFlow's own import sets some variables, and TF_USE_LEGACY_KERAS is only lent to it.
assert 'TF_USE_LEGACY_KERAS' not in middle[0] and middle[0] == after[0]
assert before[1:8] == middle[1:8] == after[1:8], [i for i in range(8) if not before[i] == middle[i] == after[i]]
assert middle[8:] == after[8:]
assert filters == list(warnings.filters)
assert tf2.executing_eagerly() and tf.get_default_graph().get_operations() == []
assert tf.control_flow_v2_enabled() and tf.resource_variables_enabled()
from mnist_graph import graph
from mnist_graph.base.inputs import InputSpec
from mnist_graph.hparams import HParams
network = graph.build(HParams(hidden_units=(3,)), InputSpec(2, 2, 1, 2))
assert tf2.executing_eagerly() and tf.get_default_graph().get_operations() == []
assert network.graph.seed is None
assert float(tf2.constant(2.0) * 3) == 6.0
"""


def test_importing_and_building_changes_nothing_global(fresh_folder):
    (fresh_folder / 'guest.py').write_text(
        GUEST.replace('MODULES', repr(sorted(set(MODULES) - {'show', 'plots.figures'})))
    )
    ended = run_python('guest.py', folder=fresh_folder)
    assert (ended.code, ended.out, ended.err) == (0, '', '')


def test_the_names_of_the_package_itself():
    import mnist_graph
    from mnist_graph import data, graph, hparams
    from mnist_graph.base import errors

    assert mnist_graph.HParams is hparams.HParams and mnist_graph.load is data.load
    assert mnist_graph.build is graph.build and mnist_graph.MnistGraphError is errors.MnistGraphError
    with pytest.raises(AttributeError, match="no attribute 'biuld'"):
        _ = mnist_graph.biuld


def test_every_error_has_an_exit_code():
    from mnist_graph.base import errors

    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    assert len(classes) > 4 and all(issubclass(each, errors.MnistGraphError) and each.exit_code > 0 for each in classes)
    assert errors.UsageError.exit_code == 2


def test_setup_installs_what_is_tested():
    text = (REPOSITORY / 'setup.py').read_text()
    assert 'mnist-graph = mnist_graph.main:console_main' in text
    requirements = [
        line for line in (REPOSITORY / 'requirements.txt').read_text().splitlines() if line[:1] not in ('#', '')
    ]
    assert all(re.fullmatch(r'[a-z-]+>=[\d.]+,<\d+', line) for line in requirements) and len(requirements) == 8


@pytest.mark.parametrize(
    'tool',
    [('ruff', 'check', '--no-cache', '.'), ('ruff', 'format', '--no-cache', '--check', '.'), ('mypy',)],
    ids=' '.join,
)
def test_the_source_passes(tool, tmp_path):
    """pyproject.toml says what the tools check."""
    ended = run_python('-m', *tool, folder=REPOSITORY, MYPY_CACHE_DIR=str(tmp_path))
    assert ended.code == 0, ended.out + ended.err


def test_the_licence_is_installed():
    assert 'Copyright 2026 The mnist_graph authors' in (REPOSITORY / 'LICENSE').read_text()
    setup = (REPOSITORY / 'setup.py').read_text()
    assert "license='Apache-2.0'" in setup and "license_files=['LICENSE']" in setup
