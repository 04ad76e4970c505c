"""MNIST for scripts that download it themselves; the package's own download goes on to the internet."""

import gzip
import urllib.request

import numpy as np

from mnist_graph import data, drawn
from mnist_graph.compat import downloads


def test_the_packages_own_download_is_not_taken_for_the_scripts(fresh_folder, monkeypatch):
    monkeypatch.setattr(urllib.request, 'urlopen', urllib.request.urlopen)  # undone after the test
    labels = np.arange(20) % 10
    arrays = [np.zeros((20, 28, 28, 1), np.uint8), labels] * 2
    monkeypatch.setattr(drawn, 'load_or_draw', lambda *arguments, **named: arrays)
    notes = []
    downloads.serve_mnist(notes.append)

    found = data.load(n_validation=0)
    assert found.name == 'drawn' and 'MNIST could not be downloaded' in found.notices[0] and notes == []

    answer = urllib.request.urlopen('http://yann.lecun.com/exdb/mnist/t10k-labels-idx1-ubyte.gz')
    assert gzip.decompress(answer.read())[8:] == labels.astype(np.uint8).tobytes()
    assert notes == ['The script downloads MNIST; it gets drawn digits instead.']
