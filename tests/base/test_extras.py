"""The command that installs an extra is one that works: in a clone, from any folder, and for an installed package."""

import re
import sys

import pytest

from helpers.programs import REPOSITORY
from mnist_graph.base import extras


def test_in_a_clone_it_is_the_command_of_the_documentation(monkeypatch, tmp_path):
    monkeypatch.chdir(REPOSITORY)
    assert extras.install_command('plots') == "pip install -e '.[plots]'"
    monkeypatch.chdir(tmp_path)
    assert extras.install_command('plots') == f"pip install -e '{REPOSITORY}[plots]'"


def test_an_installed_package_is_known_by_its_name(monkeypatch, tmp_path):
    monkeypatch.setattr(extras, '_ROOT', str(tmp_path))
    assert extras.install_command('serve') == "pip install 'mnist_graph[serve]'"


def test_every_extra_that_a_message_names_exists():
    known = set(re.findall(r"'(\w+)': [A-Z0-9]+,", (REPOSITORY / 'setup.py').read_text()))
    sources = [path.read_text() for path in (REPOSITORY / 'mnist_graph').rglob('*.py')]
    named = {extra for source in sources for extra in re.findall(r'install_command\("(\w+)"\)', source)}
    assert {'serve', 'plots', 'sweep', 'tf1', 'mat'} <= named <= known
    assert not any(re.search(r'pip install .?mnist.graph\[', source) for source in sources if '_ROOT' not in source)


def test_the_printed_digits_say_what_they_need(monkeypatch):
    from mnist_graph.base.errors import UsageError
    from mnist_graph.data import printed

    printed.fonts.cache_clear()
    monkeypatch.setitem(sys.modules, 'matplotlib', None)
    with pytest.raises(UsageError, match=r"come with matplotlib; install it with pip install -e .*\[plots\]'"):
        printed.fonts()
