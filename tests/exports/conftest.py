"""What the tests of exports share."""

import pytest

from helpers.small_model import digits_model


@pytest.fixture
def export(entry_point):
    """Runs export with the small digits model; returns an Ended."""
    return lambda *flags: entry_point(*flags, f'--model_dir={digits_model().model}', name='export')
