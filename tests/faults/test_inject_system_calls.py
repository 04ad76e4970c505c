"""A sample of the system calls that fail once; `inject_system_calls.py` tries them all."""

import re
import shutil
import sys

import pytest

from helpers.programs import REPOSITORY, run_python

PROGRAM = REPOSITORY / 'tests' / 'faults' / 'inject_system_calls.py'


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != 'linux' or not shutil.which('strace'), reason='needs strace')
@pytest.mark.parametrize('what', ['training', 'sweep'])
def test_no_failing_system_call_loses_anything(fresh_folder, what):
    ended = run_python(PROGRAM, f'--what={what}', '--every=41', '--seconds=240', folder=fresh_folder, timeout=400)
    assert ended.code == 0, ended.out
    done = re.search(r'(\d+) injections, 0 faults', ended.out)
    assert done and int(done[1]) > 0
