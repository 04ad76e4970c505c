"""How damaged inputs are made, and what may happen to them: read, or refused in one line."""

import functools
import os
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mnist_graph.base.errors import MnistGraphError

# Hypothesis picks the seeds, and finds the first that fails again; making the
# inputs from plain random numbers is far cheaper than drawing each byte.
N_EXAMPLES, N_INPUTS = 45, 20
SEEDS = st.integers(0, 2**32).map(Random)
FUZZ = settings(
    max_examples=N_EXAMPLES, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
ANY = settings(FUZZ, max_examples=150)


def fuzz(test):
    """Runs `test(random=...)` N_EXAMPLES * N_INPUTS times.

    A test returns whether its input was read, or None where that says nothing;
    some inputs must be read and some refused.
    """
    outcomes = set()

    @FUZZ
    @given(random=SEEDS)
    @functools.wraps(test)
    def run(random, **fixtures):
        for _ in range(N_INPUTS):
            outcomes.add(test(random=random, **fixtures))

    @functools.wraps(run)
    def all_inputs(**fixtures):
        run(**fixtures)
        assert outcomes in ({None}, {True, False}), outcomes

    return all_inputs


INTERESTING = (
    b'\0',
    b'\xff',
    b'\x7f',
    b'\x80',
    b'\0\0\0\0',
    b'\xff\xff\xff\xff',
    b'\x7f\xff\xff\xff',
    b'\0\0\0\1',
    b'\x1f\x8b',
    b'PK\3\4',
    b'IDAT',
    b'<html>',
    b'',
    b'-1',
    b'1e999',
    b'NaN',
    b'null',
    b'[]',
    b'{}',
    b'"',
    b'9' * 400,
)


def mutated(random, original):
    """`original` with up to six bytes changed, pieces overwritten, cut out, doubled or the end cut off."""
    content = bytearray(original)
    for _ in range(random.randint(1, 6)):
        position = random.randrange(max(1, len(content)))
        kind = random.choice(['flip', 'set', 'set', 'insert', 'delete', 'double', 'cut'])
        if kind == 'flip' and content:
            content[position % len(content)] ^= 1 << random.randrange(8)
        elif kind == 'set':
            piece = random.choice(INTERESTING) if random.random() < 0.5 else random.randbytes(random.randint(1, 4))
            content[position : position + len(piece)] = piece
        elif kind == 'insert':
            content[position:position] = random.choice(INTERESTING)
        elif kind == 'delete':
            del content[position : position + random.randint(1, 40)]
        elif kind == 'double':
            content[position:position] = content[position : position + random.randint(1, 40)]
        else:
            del content[position:]
    return bytes(content)


def read_or_refused(read, path, content):
    """Whether reading `content` from `path` succeeds; anything but our own one-line error is a failure."""
    with open(path, 'wb') as file:
        file.write(content)
    try:
        read()
        return True
    except MnistGraphError as error:
        message = str(error)
        assert '\n' not in message and len(message) < 1500
        assert os.path.basename(path) in message or os.path.basename(os.path.dirname(path)) in message
        return False


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=6,
)
