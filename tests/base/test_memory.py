"""How much memory there is: what the system says, and the limit of a container."""

import builtins
import io

import pytest

from mnist_graph.base import memory


@pytest.mark.parametrize('limit, expected', [('max\n', 3000), ('1000\n', 1000), ('9000\n', 3000), (None, 3000)])
def test_the_smaller_of_memory_and_container(monkeypatch, limit, expected):
    monkeypatch.setattr(memory.os, 'sysconf', {'SC_PAGE_SIZE': 10, 'SC_PHYS_PAGES': 300}.get, raising=False)

    def opened(path, **_):
        if limit is None:
            raise FileNotFoundError(path)
        return io.StringIO(limit)

    monkeypatch.setattr(builtins, 'open', opened)
    assert memory.total_bytes() == expected


def test_without_a_way_to_know_nothing_is_large(monkeypatch):
    monkeypatch.setattr(memory, '_CONTAINER_LIMIT', 'nowhere')
    monkeypatch.delattr(memory.os, 'sysconf')
    assert not memory.is_large(1 << 60)


def test_large_is_more_than_a_quarter(monkeypatch):
    monkeypatch.setattr(memory, 'total_bytes', lambda: 4000)
    assert not memory.is_large(1000) and memory.is_large(1001)
