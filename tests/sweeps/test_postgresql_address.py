"""Addresses of databases: what is shown of them, never with a password."""

import pytest

pytest.importorskip('psycopg')

from mnist_graph.sweeps.storage import postgresql_address


@pytest.mark.parametrize(
    'address, shown',
    [
        ('postgresql://user:secret@host:5432/optuna', 'postgresql://host:5432/optuna'),
        ('postgresql://user:sec@ret@host/optuna', 'postgresql://host/optuna'),
        ('postgresql://user:sec?ret@host/optuna', 'postgresql://host/optuna'),
        ('postgresql://host/optuna?user=me&password=secret', 'postgresql://host/optuna'),
        ('postgresql://host/optuna?password=sec@ret', 'postgresql://...'),
        ('postgresql:///optuna', 'postgresql:///optuna'),
    ],
)
def test_shown_without_password(address, shown):
    assert postgresql_address.shown(address) == shown
