"""How much memory there is: what the system says, and the limit of a container."""

import pytest

from mnist_graph.base import memory

# Of a process in /job/step by version 2, or in /job by version 1, and the files of its limits.
V2, V1 = '0::/job/step\n', '3:cpu:/other\n5:memory:/job\n'


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Gives the machine 3000 bytes of memory, and this process the control groups and limits that are asked for."""

    def made(groups=None, limits=()):
        monkeypatch.setattr(memory.os, 'sysconf', {'SC_PAGE_SIZE': 10, 'SC_PHYS_PAGES': 300}.get, raising=False)
        monkeypatch.setattr(memory, '_CGROUPS', f'{tmp_path}/cgroup')
        monkeypatch.setattr(memory, '_OF_PROCESS', f'{tmp_path}/groups')
        if groups:
            (tmp_path / 'groups').write_text(groups)
        for name, limit in limits:
            (tmp_path / 'cgroup' / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / 'cgroup' / name).write_text(limit)

    return made


@pytest.mark.parametrize(
    'groups, limits, expected',
    [
        (None, [], 3000),
        (None, [('memory.max', 'max\n')], 3000),
        (None, [('memory.max', '1000\n')], 1000),
        (None, [('memory/memory.limit_in_bytes', '1000\n')], 1000),
        (V2, [('memory.max', '9000\n')], 3000),
        (V2, [('job/memory.max', '1000\n'), ('job/step/memory.max', 'max\n')], 1000),
        (V2, [('job/memory.max', '1000\n'), ('job/step/memory.max', '800\n'), ('job/other/memory.max', '5\n')], 800),
        (V1, [('memory/job/memory.limit_in_bytes', '700\n'), ('memory/other/memory.limit_in_bytes', '5\n')], 700),
    ],
)
def test_the_smallest_of_memory_and_limits(machine, groups, limits, expected):
    machine(groups, limits)
    assert memory.total_bytes() == expected


def test_without_a_way_to_know_nothing_is_large(machine, monkeypatch):
    machine()
    monkeypatch.delattr(memory.os, 'sysconf')
    assert not memory.is_large(1 << 60)


def test_large_is_more_than_a_quarter(monkeypatch):
    monkeypatch.setattr(memory, 'total_bytes', lambda: 4000)
    assert not memory.is_large(1000) and memory.is_large(1001)
