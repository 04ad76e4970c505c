"""Converting scripts of Python 2."""

import pytest

from mnist_graph.base.errors import UsageError
from mnist_graph.compat import python2

# The package fissix keeps its grammar in the cache, which may be in a home folder that cannot be written.
pytestmark = pytest.mark.usefixtures('fresh_folder')


def results(source, **options):
    """The variables that a script leaves."""
    names = {}
    exec(python2.compile_script(source, 'script.py', **options), names)
    return names


def test_print_and_tabs_and_the_division_of_integers(capsys):
    source = "n = 7\nif n:\n\tfor i in xrange(n / 2):\n            print 'step', i, n / 2.0\nm = 9\nm /= 2\n"
    left = results(source)
    assert (left['i'], left['m']) == (2, 4)
    assert capsys.readouterr().out == 'step 0 3.5\nstep 1 3.5\nstep 2 3.5\n'


def test_division_of_the_future_stays():
    assert results('from __future__ import division\nprint 1\nhalf = 1 / 2\n')['half'] == 0.5


@pytest.mark.parametrize('source', ['half = 1 / 2\nprint(half, "a")\n', 'from six.moves import xrange\nhalf = 1 / 2\n'])
def test_python_3_is_left_alone(source):
    assert results(source)['half'] == 0.5


def test_a_quotient_for_range_tells_python_2(capsys):
    source = 'total = 550\nbatches = total / 100\nfor i in range(batches):\n    pass\nprint("Epoch:", i)\n'
    assert results(source)['batches'] == 5
    assert capsys.readouterr().out == 'Epoch: 4\n'


def test_it_can_be_told():
    assert results('half = 1 / 2\n', force=True)['half'] == 0


def test_what_is_no_python_gets_its_line():
    with pytest.raises(UsageError, match=r'script\.py, line 2: is no valid Python'):
        python2.compile_script('a = 1\nW = \n', 'script.py')


def test_the_declared_encoding_is_read(tmp_path):
    path = tmp_path / 'script.py'
    path.write_bytes('# -*- coding: euc-kr -*-\nname = "숫자"\r\n'.encode('euc-kr'))
    assert results(python2.read(str(path)))['name'] == '숫자'
