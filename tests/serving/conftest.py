"""The small server that the tests of its answers share."""

import pytest

from helpers import serving
from mnist_graph.serving import limits
from mnist_graph.serving.corrections import Corrections


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """No picture takes too long because the machine stands still for a while."""
    monkeypatch.setattr(limits, 'PICTURE_SECONDS', 300.0)


@pytest.fixture(scope='module')
def corrections_dir(tmp_path_factory):
    """The folder that `server` saves corrections in."""
    return tmp_path_factory.mktemp('corrections')


@pytest.fixture(scope='module')
def server(corrections_dir):
    """(httpx client, gate) of `serving.small_server`."""
    with serving.small_server(Corrections(str(corrections_dir))) as pair:
        yield pair


@pytest.fixture
def client(server):
    return server[0]
