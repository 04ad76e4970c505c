"""What the tests of data formats share."""

import pytest

from helpers.data import tiny_arrays, write_idx_folder
from mnist_graph.data import load


@pytest.fixture
def expected(tmp_path):
    """The fingerprint of the arrays as IDX files."""
    return load('auto', str(write_idx_folder(tmp_path / 'idx', tiny_arrays()))).fingerprint


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'here').mkdir()
    return tmp_path / 'here'
