"""The documentation tells the truth: its links lead somewhere, and the files, flags and names in it exist."""

import ast
import re
import tomllib

import pytest

import mnist_graph
from helpers import markdown
from helpers.markdown import PAGES, text_of
from helpers.programs import ENTRY_POINTS, REPOSITORY
from mnist_graph.hparams import SPECS

OTHER_PROGRAMS_FLAGS = {'help', 'flagfile', 'logdir', 'python2'}


@pytest.mark.parametrize('page', PAGES)
def test_every_link_leads_somewhere(page):
    broken = []
    for target in markdown.links(text_of(page)):
        name, _, anchor = target.partition('#')
        path = (PAGES[page].parent / name).resolve() if name else PAGES[page]
        if not path.exists():
            broken.append(target)
        elif anchor and anchor not in markdown.anchors(path.read_text(encoding='utf-8')):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize('page', PAGES)
def test_every_file_that_is_named_exists(page):
    named = re.findall(r'(?<![\w/])(?:flags|benchmarks|tests|docs|examples)/[\w./-]*\.\w+', text_of(page))
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


@pytest.mark.parametrize('page', PAGES)
def test_every_flag_in_the_prose_exists(page, entry_point):
    assert markdown.flags_in_prose(text_of(page)) - known_flags(entry_point) == set()


def known_flags(entry_point):
    """Names of the flags of every program."""
    from absl import flags

    known = set(OTHER_PROGRAMS_FLAGS)
    for name in ENTRY_POINTS:
        entry_point.load(name).define_flags()
        known |= set(flags.FLAGS)
    sources = ''.join(path.read_text() for path in (REPOSITORY / 'benchmarks').rglob('*.py'))
    return known | set(re.findall(r"'--(\w+)'", sources))


def test_readme_is_short_and_has_the_two_commands():
    text = text_of('README.md')
    assert len(text.splitlines()) <= 130 and len(text.split()) <= 1500
    for marker, end in (('main', '--n_iterations=1000'), ('tests', '-m pytest')):
        assert re.search(rf'<!-- {marker} -->\n```sh\npython3 -m venv .+{end}\n```\n', text)


def test_the_layers_are_those_of_the_contract():
    """docs/architecture.md shows each layer of pyproject.toml, in its order."""
    settings = tomllib.loads((REPOSITORY / 'pyproject.toml').read_text())['tool']['importlinter']['contracts'][0]
    text = text_of('docs/architecture.md')
    table = text[text.index('## Which module may import which') :]
    rows = [set(re.findall(r'`(\w+)`', row)) for row in re.findall(r'^\|.*`.*\|$', table, re.M)]
    numbers = [rows.index(set(re.findall(r'\w+', layer))) for layer in settings['layers']]
    assert numbers == sorted(numbers)
    packages = {path.parent.name for path in (REPOSITORY / 'mnist_graph').glob('*/__init__.py')}
    assert packages <= set(re.findall(r'^\| \[`(\w+)/`\]', text, re.M))


def test_the_extras_that_are_named_exist():
    setup = (REPOSITORY / 'setup.py').read_text()
    extras = set(re.findall(r"'(\w+)': [A-Z]+", setup))
    named = {name for page in PAGES for name in re.findall(r"'\.\[(\w+)\]'", text_of(page))}
    assert named and named <= extras


def test_every_hyperparameter_that_python_uses_exists():
    for page in PAGES:
        for program in [*markdown.blocks(text_of(page), 'python'), *re.findall(r'`([^`]+)`', text_of(page))]:
            for arguments in re.findall(r'HParams\(([^)]*)\)', program):
                assert set(re.findall(r'(\w+)=', arguments)) <= set(SPECS), arguments


def test_every_benchmark_begins_with_its_command():
    for path in (REPOSITORY / 'benchmarks').glob('*.py'):
        source = path.read_text()
        if '__main__' in source:
            assert f'python benchmarks/{path.name}' in ast.get_docstring(ast.parse(source)), path.name


def test_the_package_says_its_version_in_the_changelog():
    assert f'\n## {mnist_graph.__version__}\n' in text_of('CHANGELOG.md')
