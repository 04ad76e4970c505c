"""What the tests of training share."""

import pytest

from helpers.saving import Saving


@pytest.fixture
def saving(tf, tmp_path):
    """A Saving that saves into a folder that is not there yet."""
    made = Saving(tf, tmp_path / 'checkpoints')
    yield made
    made.sess.close()
