"""examples/by_hand.py, on a few pictures and for fewer steps."""

import re

import numpy as np

from helpers.programs import REPOSITORY
from mnist_graph import data

PROGRAM = (REPOSITORY / 'examples' / 'by_hand.py').read_text()


def test_it_trains_tests_and_reads_a_picture(monkeypatch, capsys):
    random = np.random.default_rng(0)
    labels = np.arange(400, dtype=np.int32) % 10
    patterns = random.integers(0, 256, (10, 28, 28, 1), dtype=np.uint8)
    split = data.Split(patterns[labels], labels)
    few = data.Dataset('few', split, split[:0], split[:50], tuple('0123456789'), '0123456789abcdef')
    few = few._replace(notices=('These are drawn digits.',))
    monkeypatch.setattr(data, 'load', lambda: few)
    monkeypatch.chdir(REPOSITORY)
    program = PROGRAM.replace('N_ITERATIONS = 1000', 'N_ITERATIONS = 101')
    assert program != PROGRAM
    exec(compile(program, 'by_hand.py', 'exec'), {})
    notice, *lines = capsys.readouterr().out.splitlines()
    assert notice == 'These are drawn digits.'
    assert [line.split('\t')[0] for line in lines[:2]] == ['Iteration 0', 'Iteration 100']
    first, last = (float(re.search(r'Loss = ([\d.]+)', line)[1]) for line in lines[:2])
    assert last < first / 4
    assert lines[2] == 'Accuracy on test set: 1.0000'
    assert re.fullmatch(r'Prediction for test image: \d', lines[3]) and len(lines) == 4


def test_each_step_feeds_a_batch_as_the_tutorial_does():
    assert 'sess.run(network.train_step, feed_dict={X: batch_x, Y: batch_y, keep_prob: 0.5})' in PROGRAM
    assert len(PROGRAM.splitlines()) <= 45


def test_it_begins_without_tensorflows_messages(fresh_folder):
    from helpers.programs import run_python

    imports = '\n'.join(line for line in PROGRAM.splitlines() if line.startswith(('import', 'from')))
    ended = run_python('-c', imports, folder=fresh_folder)
    assert (ended.code, ended.out, ended.err) == (0, '', '')
